"""Workloads and runners that fail, and real runners."""

import json
import re

import numpy as np
import pytest
from helpers.inner import (
    GATED,
    GREEN,
    MAP,
    ONE,
    RED,
    SCALING,
    UNDECIDED,
    bench,
    output,
    says,
)
from helpers.machine import (
    CRASHING,
    Behaviour,
    raising,
)
from helpers.project import ROOT

from speedgate.history.document import read_run

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


# --- workloads that fail


TRACEBACK = """Traceback (most recent call last):
  File "workloads/article.py", line 29, in g
    return np.exp(np.ones(size))
ValueError: no room for this"""


@pytest.mark.parametrize("fails_at", ["open", "check", "calibrate", "rounds", "held"])
def test_a_workload_that_raises_fails_its_case_and_no_other(checkout, machine, fails_at):
    behaviour = raising(ValueError("no room for this"), TRACEBACK)
    machine.behave("g", Behaviour(error=behaviour.error, fails_at=fails_at))
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, 'File "workloads/article.py", line 29, in g')
    says(result, "ValueError: no room for this")
    says(result, "FAILED", "bench_scaling[g-1e6-threads-2]")
    for word in ("measure.py", "plugin.py", "During handling"):
        assert word not in output(result)
    says(result, "not evaluated: g-1e6-threads-2", "was not measured")
    says(result, "passed: g_out-1e6-threads-2")
    assert all(runner.is_closed for runner in machine.runners)
    assert "g_out-1e6-threads-2" in json.dumps(checkout.document()["benchmarks"])


def test_a_runner_that_dies_fails_its_case_and_no_other(checkout, machine):
    machine.behave("g", CRASHING)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "the runner ended by signal SIGSEGV")
    says(result, "not evaluated: g-1e6-threads-2", "was not measured")
    says(result, "passed: g_out-1e6-threads-2")


def test_a_strategy_that_returns_something_else_fails_its_case(checkout, machine):
    mismatch = {"type": "ResultMismatch", "message": "threads returned another", "traceback": ""}
    machine.behave("g", Behaviour(error=mismatch))
    result = checkout.run(*ONE)
    assert result.ret == RED
    says(result, "g-1e6-threads-2: threads returned another")


WRONG_ON_PURPOSE = """
    import threading
    from typing import NamedTuple

    def wrong(size):
        return threading.get_native_id()

    def size_only(size, seed):
        return size

    class Workload(NamedTuple):
        name: str = "wrong"
        function: object = wrong
        prepare: object = size_only
        argument_bytes: float = 0.0
        call_bytes: float = 0.0

    WRONG = Workload()
"""


@pytest.mark.parametrize("option", [(), ("--benchmark-disable",)], ids=["measured", "checked"])
def test_a_workload_that_is_wrong_on_purpose_fails_loudly(other, option):
    """A result that depends on who computes it, in real runners."""
    other.pytester.makepyfile(wrong_workloads=WRONG_ON_PURPOSE)
    source = bench("WRONG").replace("plain_workloads import NAMELESS, ROOTS",
                                    "wrong_workloads import WRONG")  # fmt: skip
    other.pytester.makepyfile(bench_wrong=source)
    result = other.run_really("--strategies=threads", *option)
    assert result.ret == RED
    says(result, "wrong-1e3-threads", "threads returned another result than serial", "4 of 4")
    assert result.parseoutcomes()["failed"] == 1


def test_what_a_build_has_not_is_left_out_with_the_reason(checkout, machine):
    lacking = {"type": "NotImplementedError", "message": "no such function", "traceback": ""}
    machine.behave("sort", Behaviour(error=lacking, fails_at="open"))
    result = checkout.run(MAP, "--workloads=sort,take", "--sizes=1e3", "-rs")
    assert result.ret == GREEN
    says(result, "not available: sort-1e3-threads-2: no such function")
    says(result, "1 case not available: sort-1e3-threads-2: no such function")
    assert machine.cases == ["sort-1e3-threads-2", "take-1e3-threads-2"]


# --- with real runners; no figure of theirs is asserted


def test_the_gate_is_not_blind(checkout):
    """With ``numpy.exp`` behind one lock nothing passes, however busy or quiet the machine is."""
    (checkout.folder / "one_lock.py").write_text(
        (ROOT / "tests" / "helpers" / "one_lock.py").read_text()
    )
    result = checkout.run_really(
        SCALING, "--workloads=g,g_out", "--sizes=1e6", "--strategies=threads", "--workers=2",
        "--oversubscribe", "--budget=8", "--runner-setup=one_lock:lock_exp", "--strict-gate",
    )  # fmt: skip
    assert result.ret in (RED, UNDECIDED)
    verdicts = checkout.verdicts()
    assert set(verdicts) == {"g-1e6-threads-2", "g_out-1e6-threads-2"}
    assert "passed" not in verdicts.values(), output(result)
    for case, verdict in verdicts.items():
        says(result, f"{verdict}: {case}")


def test_a_real_run_writes_a_valid_file(checkout):
    result = checkout.run_really(
        SCALING, "--workloads=g", "--sizes=1e4", "--strategies=threads", "--workers=2",
        "--oversubscribe",
    )  # fmt: skip
    assert result.ret == GREEN
    entry = checkout.info("g-1e4-threads-2")
    info = entry["extra_info"]
    calls = info["tasks"] * info["loops"]
    assert entry["stats"]["data"] == [contender / calls for _, contender in info["pairs"]]
    assert len(info["pairs"]) >= 6
    assert min(entry["stats"]["data"]) > 0
    assert info["blas_threads"] in (1, None)
    environment = checkout.document()["speedgate"]["environment"]
    assert environment["numpy"]["version"] == np.__version__
    (path,) = checkout.files()
    assert [row.case.id for row in read_run(path).rows()] == ["g-1e4-threads-2"]
    assert re.fullmatch(r"\d{4}_\d{4}_\d{6}-\d{3}_unversioned_[0-9a-f]{8}", path.stem)
    assert f"numpy{np.__version__}" in path.parent.name
