"""``pytest --speedgate-threads``: lines for tests that use ``benchmark``, and nothing changed."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from typing import Any

import numpy as np  # noqa: F401  # before an inner run does: it cannot be loaded twice
import pytest

import workloads  # noqa: F401  # see above
from speedgate.history.scale_recording import ScaleRecording
from speedgate.measuring import scale_run
from speedgate.measuring.turn import MachineTaken
from speedgate.report.exit_code import ExitCode

pytest_plugins = "pytester"
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

TESTS = """
import hashlib
import pytest

@pytest.fixture
def data():
    return bytes(100_000)

def test_digest(benchmark, data):
    benchmark.extra_info["bytes"] = len(data)
    assert len(benchmark(lambda: hashlib.sha256(data).hexdigest())) == 64

def test_fails(benchmark):
    assert benchmark(int) == 1

def test_without():
    pass
"""
RUN = ("-p", "no:randomly", "--benchmark-min-rounds=2", "--benchmark-max-time=0.01")


@pytest.fixture
def project(pytester: Any, request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project of somebody else, with its tests in a folder below its root."""
    monkeypatch.setattr(scale_run, "EACH_SECONDS", 0.2)
    for name in [variable for variable in os.environ if variable.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)  # these tests may run under xdist, the inner ones do not
    installed = request.config.pluginmanager.get_plugin("speedgate")
    pytester.plugins = [] if installed else ["speedgate.plugin.entry"]
    pytester.makeini("[pytest]\n")
    folder = pytester.mkdir("inner")
    (folder / "test_some.py").write_text(TESTS)
    return pytester


def test_each_test_that_passed_has_its_line(project: Any) -> None:
    result = project.runpytest_inprocess("inner", *RUN, "--speedgate-threads=2")
    result.assert_outcomes(passed=2, failed=1)
    text = result.stdout.str()
    assert "speedgate: benchmarks in threads" in text
    assert "1 benchmark: 1 measured" in text
    assert text.count("inner/test_some.py::test_digest") >= 1


def test_what_pytest_benchmark_saves_is_its_own(project: Any) -> None:
    project.runpytest_inprocess(
        "inner", *RUN, "--speedgate-threads=2", "--benchmark-json=out.json", "-k", "digest"
    )
    document = json.loads((project.path / "out.json").read_text())
    [benchmark] = document["benchmarks"]
    assert benchmark["extra_info"] == {"bytes": 100_000}
    assert benchmark["stats"]["rounds"] >= 2
    assert "speedgate" not in document


def test_without_the_option_nothing_is_measured(project: Any) -> None:
    result = project.runpytest_inprocess("inner", *RUN, "-k", "digest")
    assert "in threads" not in result.stdout.str()
    result = project.runpytest_inprocess("inner", *RUN, "-k", "digest", "--speedgate-threads=0")
    assert "in threads" not in result.stdout.str()


def test_a_number_that_is_none_is_refused(project: Any) -> None:
    result = project.runpytest_inprocess("inner", "--speedgate-threads=two")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--speedgate-threads: 'two' is not a number of threads*"])


ONE = ("inner", *RUN, "-k", "digest", "--speedgate-threads=2")


def saved_in(project: Any) -> list[Any]:
    files = (project.path / "results").rglob("*.json")
    return [json.loads(file.read_text())["speedgate"] for file in files]


def test_what_was_measured_is_kept(project: Any) -> None:
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == pytest.ExitCode.OK
    (run,) = saved_in(project)
    assert run["complete"]
    assert f"saved in {project.path}" in result.stdout.str()
    (entry,) = run["scale"]
    assert entry["name"].endswith("test_some.py::test_digest")
    assert entry["outcome"] == "measured"


def test_it_takes_its_turn_and_ends_what_a_killed_run_has_left(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def take(turn: Any, notify: Any, beside_others: bool) -> None:
        asked.append(beside_others)

    monkeypatch.setattr("speedgate.measuring.turn.MachineTurn.take", take)
    monkeypatch.setattr("speedgate.plugin.session.begin", lambda: ["ended what was left"])
    result = project.runpytest_inprocess(*ONE, "--speedgate-beside-others")
    assert asked == [True]
    assert "ended what was left" in result.stdout.str()


def test_while_another_run_measures_nothing_is_measured(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(turn: Any, *asked: Any) -> None:
        raise MachineTaken("process 7 still measures on this machine")

    monkeypatch.setattr("speedgate.measuring.turn.MachineTurn.take", take)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.MACHINE
    result.assert_outcomes(passed=1)
    assert "process 7 still measures on this machine" in result.stdout.str()
    assert saved_in(project) == []
    failing = project.runpytest_inprocess("inner", *RUN, "--speedgate-threads=2")
    assert failing.ret == pytest.ExitCode.TESTS_FAILED


def test_a_machine_that_gives_out_ends_it_and_says_so(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(scaling: Any, keep: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(scale_run.Scaling, "run", run)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.MACHINE
    text = result.stdout.str()
    assert "ended by the machine" in text
    assert "ulimit -n" in text


def test_a_project_with_workloads_of_its_own_is_told_why_nothing_was_measured(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module is found in the place of the one that has the control."""
    project.makepyfile(workloads="")
    monkeypatch.syspath_prepend(str(project.path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "workloads"]:
        monkeypatch.delitem(sys.modules, name)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.UNUSABLE
    result.assert_outcomes(passed=1)
    text = result.stdout.str()
    assert "--speedgate-threads: nothing was measured: the control 'workloads:CONTROL'" in text
    assert "; rename what you have under that name, or install Speedgate anew" in text
    assert saved_in(project) == []
    failing = project.runpytest_inprocess("inner", *RUN, "--speedgate-threads=2")
    assert failing.ret == pytest.ExitCode.TESTS_FAILED


def test_a_control_that_the_machine_cannot_import_is_its_fault(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(reference: str) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("speedgate.measuring.suite.find", find)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.MACHINE
    result.assert_outcomes(passed=1)
    assert "the control 'workloads:CONTROL' cannot be imported" in result.stdout.str()
    assert "ulimit -n" in result.stdout.str()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal")
def test_sigterm_is_an_interrupt_and_costs_nothing_that_was_measured(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = ScaleRecording.add

    def add(recording: ScaleRecording, scaled: Any) -> None:
        added(recording, scaled)
        # Where nobody handles it, it would end these tests.
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(ScaleRecording, "add", add)
    with pytest.raises(KeyboardInterrupt):
        project.runpytest_inprocess(*ONE)
    (run,) = saved_in(project)
    assert not run["complete"]
    assert [entry["outcome"] for entry in run["scale"]] == ["measured"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_run_that_cannot_be_saved_is_not_green(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("speedgate.files.write_whole", full)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.MACHINE
    assert "not saved: " in result.stdout.str()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(project: Any) -> None:
    (project.path / "results").write_text("")
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--speedgate-threads: results cannot be written to" in result.stderr.str()
    assert "passed" not in result.stdout.str()
    assert "nothing was measured" not in result.stdout.str()
    assert project.runpytest_inprocess(*ONE, "--collect-only").ret == pytest.ExitCode.OK


def test_a_disk_that_is_full_ends_it_before_anything_runs(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("speedgate.files.write", full)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.MACHINE
    assert "results cannot be written to" in result.stdout.str() + result.stderr.str()
    assert "1 passed" not in result.stdout.str()


def test_under_xdist_it_is_refused(project: Any) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist (extra 'xdist') is not installed")
    result = project.runpytest_inprocess(*ONE, "-n2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--speedgate-threads measures nothing under -n (xdist)*"])


def test_where_nothing_was_measured_it_is_not_green(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = ("inner", *RUN, "-k", "without", "--speedgate-threads=2")
    result = project.runpytest_inprocess(*without)
    assert result.ret == ExitCode.BAD
    assert "nothing was measured: no test passed that uses" in result.stdout.str()
    assert project.runpytest_inprocess(*without, "--collect-only").ret == pytest.ExitCode.OK
    monkeypatch.setattr(scale_run.Scaling, "run", lambda scaling, keep: None)
    result = project.runpytest_inprocess(*ONE)
    assert result.ret == ExitCode.BAD
    assert "nothing was measured: each benchmark has its reason" in result.stdout.str()


def test_a_floor_that_judges_nothing_is_refused(project: Any) -> None:
    """It was not looked at, and the run was green."""
    for short in ("--min-speedup=1.9", "--max-gil-held=0.1"):
        result = project.runpytest_inprocess(*ONE, short)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        told = result.stderr.str()
        assert f"{short.partition('=')[0]} judges nothing that --speedgate-threads mea" in told
        assert "use 'speedgate scale'" in told
    assert saved_in(project) == []


OURS = """
import pytest
from speedgate import Gate
from workloads import F, G

@pytest.mark.speedgate(
    workloads=(F, G), sizes=[1000], strategies=["threads"], workers=[2], gates=[GATES]
)
def test_ours(case, speedgate):
    speedgate(case)

def test_theirs(benchmark):
    assert benchmark(int) == 1
"""
GATE = "Gate('some', workloads=('g',), min_size=1)"
# A negative control: while there is a GIL, it has no floor.
CONTROL = GATE.replace("'g'", "'f'").replace("1)", "1, must_scale=False)")
# As --last-failed does it: after all that is not a wrapper.
DESELECTS = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    yield
    items[:] = [item for item in items if "theirs" in item.nodeid]
"""


@pytest.mark.parametrize(
    ("gates", "options", "conftest"),
    [
        pytest.param("", (), "", id="a mark without a gate"),
        pytest.param(GATE, ("-k", "theirs"), "", id="deselected"),
        pytest.param(GATE, (), DESELECTS, id="deselected in a wrapper"),
        pytest.param(GATE, ("--workloads=f",), "", id="another workload"),
        pytest.param(CONTROL, (), "", id="a negative control"),
    ],
)
def test_a_floor_is_refused_where_no_selected_gate_has_one(
    project: Any, monkeypatch: pytest.MonkeyPatch, gates: str, options: Any, conftest: str
) -> None:
    """A benchmark of 0.91x passed --min-speedup=1.9: that there was any of ours was enough."""
    monkeypatch.setattr("speedgate.plugin.scaling.gil_enabled", lambda: True)
    (project.path / "inner" / "conftest.py").write_text(conftest)
    (project.path / "inner" / "test_ours.py").write_text(OURS.replace("GATES", gates))
    run = ("inner/test_ours.py", "--speedgate-threads=2", "--min-speedup=1.9", *RUN, *options)
    result = project.runpytest_inprocess(*run)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--min-speedup judges nothing that --speedgate-threads mea" in result.stderr.str()
    assert "failed" not in result.stdout.str()
    assert project.runpytest_inprocess(*run, "--collect-only").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(("gates", "has_gil"), [(GATE, True), (GATE, False), (CONTROL, False)])
def test_a_floor_that_a_selected_gate_has_is_taken(
    project: Any, monkeypatch: pytest.MonkeyPatch, gates: str, has_gil: bool
) -> None:
    """The first test fails and is the last that runs: nothing is measured for this."""
    monkeypatch.setattr("speedgate.plugin.scaling.gil_enabled", lambda: has_gil)
    ours, _, theirs = OURS.replace("GATES", gates).partition("def test_theirs")
    before, mark, rest = ours.partition("@pytest.mark.speedgate")
    file = project.path / "inner" / "test_ours.py"
    file.write_text(f"{before}def test_theirs{theirs}\n{mark}{rest}")
    run = ("inner/test_ours.py", "--speedgate-threads=2", "--min-speedup=1.9", *RUN)
    result = project.runpytest_inprocess(*run, "-x", "--benchmark-disable")
    result.assert_outcomes(failed=1)
