"""A machine that takes things away: its own limits, really set, on what is measured there."""

import contextlib
import ctypes.util
import os
import sys

import psutil
import pytest
from helpers import faults, loads
from helpers.available import strategy_here
from helpers.leftovers import PATIENCE_SECONDS, still_running
from helpers.made import MadeWorkload, opening
from helpers.project import TESTS_FOLDER

from speedgate.judging.floors import floors
from speedgate.judging.gate import Gate, Verdict, judge
from speedgate.measuring.errors import NoAnswer
from speedgate.measuring.measure import find_py_spy, measure
from speedgate.measuring.plan import Plan
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.runner.machine import control_group_folders
from speedgate.stats.case import Case

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux")


@pytest.fixture
def runner():
    process = RunnerProcess((TESTS_FOLDER,), 1)
    yield process
    process.close()


def ask(process, **request):
    return process.ask(request, PATIENCE_SECONDS)


# --- the limit of processes


@pytest.mark.parametrize("strategy", ["threads", "processes", "fork", "forkserver", "pool", "loky"])
def test_at_the_limit_of_processes_no_pool_starts_and_says_so(runner, strategy):
    strategy_here(strategy)
    request = opening(loads.nothing, strategy, 2, before="helpers.faults:refuse_processes_really")
    opened = ask(runner, **request)
    answer = opened if "error" in opened else ask(runner, do="check", tasks=4)
    told = str(answer["error"])
    assert "Resource temporarily unavailable" in told or "can't start new thread" in told, told


# --- a fork


@pytest.mark.skipif(ctypes.util.find_library("gomp") is None, reason="there is no OpenMP here")
def test_a_deadlock_of_openmp_after_a_fork_is_ended_by_the_limit(runner):
    strategy_here("fork")
    request = opening(faults.computes_in_openmp, "fork", 2, prepare=faults.parallel_region)
    opened = ask(runner, **request)
    assert "error" not in opened, opened
    family = [psutil.Process(opened["pid"])]
    family += family[0].children(recursive=True)
    with pytest.raises(NoAnswer, match="--time-limit"):
        runner.ask({"do": "check", "tasks": 4}, 2.0)
    assert still_running(family) == []


# --- a control group


CUTS = {"cpu.max": "10000 100000", "cpu.cfs_quota_us": "10000"}


def group_with_quota():
    """Make a control group below this one; return its folder and the file of its quota."""
    for parent in control_group_folders("cpu"):
        folder = parent / f"speedgate-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            file = next((folder / name for name in CUTS if (folder / name).exists()), None)
            if file is not None:
                return folder, file
            folder.rmdir()  # of the second version, beside one of the first that has the quota
    pytest.skip("this process may make no control group with a quota")


@pytest.fixture
def group(monkeypatch):
    """A control group of our own below this one, and how its quota is cut to a tenth of a core."""
    folder, file = group_with_quota()
    cut = CUTS[file.name]
    try:
        monkeypatch.setenv(faults.QUOTA, f"{file}={cut}")
        yield folder
        assert file.read_text().strip() == cut, "it was not cut"
    finally:
        folder.rmdir()


def test_a_quota_that_is_cut_in_a_run_fails_no_gate(group):
    case = Case("made", 3, "threads", 2)
    plan = Plan(seconds=0, pairs=12, tasks=4, loops=1, time_limit=PATIENCE_SECONDS)

    def start():
        process = RunnerProcess((TESTS_FOLDER,), 1)
        (group / "cgroup.procs").write_text(str(process._process.pid))
        return process

    workload = MadeWorkload(faults.computes_under_a_quota_that_is_cut)
    evidence = measure(case, workload, plan, start).evidence(0.99)
    assert evidence.throttled > 0
    gate = Gate("made-scales", workloads=("made",))
    judgement = judge(gate, case, evidence, floors(case.workers), final=True)
    assert judgement.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED), judgement.line


# --- a sampler


def test_a_runner_that_may_not_be_read_is_measured_without_its_gil(runner):
    py_spy = find_py_spy()
    if py_spy is None:
        pytest.skip("py-spy (extra 'gil') is not installed")
    request = opening(loads.nothing, before="helpers.faults:cannot_be_watched")
    assert "error" not in ask(runner, **request)
    answer = ask(runner, do="held", seconds=0.2, py_spy=py_spy)
    assert "error" not in answer, answer
    assert answer["held"] is None
    assert "error" not in ask(runner, do="check", tasks=4)
