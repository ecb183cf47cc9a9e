"""Runners and workers that are really hurt, in the middle of a round: what the messages say."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from helpers import faults, loads
from helpers.available import strategy_here
from helpers.leftovers import PATIENCE_SECONDS, still_running
from helpers.made import MadeWorkload, opening
from helpers.project import ROOT, TESTS_FOLDER

from speedgate.judging.floors import floors
from speedgate.judging.gate import Gate, Verdict, judge
from speedgate.measuring.errors import MeasurementError, NoAnswer, WorkloadError
from speedgate.measuring.measure import measure
from speedgate.measuring.plan import Plan
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.stats.case import Case

pytestmark = pytest.mark.skipif(os.name != "posix", reason="hurt by signals that Windows lacks")

ROUNDS = {"do": "rounds", "key": "work", "tasks": 4, "loops": 1, "count": 4}
OF_PROCESSES = ("processes", "fork", "forkserver", "pool", "loky")


@pytest.fixture
def armed(tmp_path, monkeypatch):
    path = tmp_path / "armed"
    monkeypatch.setenv(faults.ARMED, str(path))
    return path


@pytest.fixture
def runner(armed):
    process = RunnerProcess((TESTS_FOLDER,), 1)
    yield process
    process.close()


def ask(process, **request):
    return process.ask(request, PATIENCE_SECONDS)


def measuring(process, armed, function, strategy="threads"):
    """Open a case, run it whole once, arm it; return the runner and all that it has started."""
    strategy_here(strategy)
    workers = 1 if strategy == "serial" else 2
    opened = ask(process, **opening(function, strategy, workers))
    assert "error" not in opened, opened
    assert "error" not in ask(process, do="check", tasks=4)
    family = [psutil.Process(opened["pid"])]
    family += family[0].children(recursive=True)
    armed.touch()
    return family


@pytest.mark.parametrize("strategy", OF_PROCESSES)
def test_a_worker_that_is_killed_in_the_middle_of_a_round_fails_its_case(runner, armed, strategy):
    family = measuring(runner, armed, faults.is_killed, strategy)
    error = ask(runner, do="calibrate", tasks=4, loops=1)["error"]
    assert "Broken" in error["type"] or "Terminated" in error["type"], error
    runner.close()
    assert still_running(family) == []


@pytest.mark.parametrize("strategy", ["serial", "threads"])
def test_a_segfault_of_a_runner_is_named(runner, armed, strategy):
    family = measuring(runner, armed, faults.segfaults, strategy)
    with pytest.raises(MeasurementError, match="the runner ended by signal SIGSEGV"):
        ask(runner, do="calibrate", tasks=4, loops=1)
    assert still_running(family) == []


def test_a_segfault_of_a_worker_process_fails_its_case(runner, armed):
    family = measuring(runner, armed, faults.segfaults_in_a_worker, "processes")
    assert "Broken" in ask(runner, do="calibrate", tasks=4, loops=1)["error"]["type"]
    runner.close()
    assert still_running(family) == []


def test_memory_that_is_not_there_fails_the_case_and_not_the_runner(runner, armed):
    measuring(runner, armed, faults.takes_all_memory)
    error = ask(runner, do="check", tasks=4)["error"]
    assert error["type"] == "MemoryError"
    assert ask(runner, do="close") == {}


def test_a_runner_that_the_system_killed_says_what_may_have_killed_it(runner, armed):
    measuring(runner, armed, faults.is_killed_for_its_memory)
    with pytest.raises(MeasurementError, match=r"SIGKILL.*memory"):
        ask(runner, do="check", tasks=4)


def test_half_a_line_on_its_output_is_no_answer(runner, armed):
    measuring(runner, armed, faults.prints_half_a_line_and_dies)
    with pytest.raises(MeasurementError, match="with exit code 7"):
        ask(runner, do="check", tasks=4)


@pytest.mark.parametrize("strategy", ["processes", "fork", "pool"])
def test_a_pool_that_cannot_start_says_so(runner, strategy):
    strategy_here(strategy)
    request = opening(loads.nothing, strategy, 2, before="helpers.faults:refuse_processes")
    error = ask(runner, **request)["error"]
    assert "Resource temporarily unavailable" in error["message"], error


def test_a_deadlock_after_a_fork_is_ended_by_the_limit(runner):
    strategy_here("fork")
    request = opening(
        faults.waits_for_the_lock, "fork", 2, prepare=faults.take_the_lock_before_a_fork
    )
    opened = ask(runner, **request)
    family = [psutil.Process(opened["pid"])]
    family += family[0].children(recursive=True)
    with pytest.raises(NoAnswer, match="--time-limit"):
        runner.ask({"do": "check", "tasks": 4}, 0.5)
    assert still_running(family) == []


SMALL_SHARED_MEMORY = """
import sys
from helpers import faults, loads
from helpers.made import opening
from speedgate.measuring.runner_process import RunnerProcess
process = RunnerProcess(sys.path, 1)
request = opening(loads.nothing, "shared", 2, prepare=faults.large_array)
print(process.ask(request, 60)["error"])
process.close()
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there are no namespaces of mounts")
def test_shared_memory_that_is_too_small_is_refused_with_the_remedy():
    """In a namespace of mounts of its own: everybody else keeps /dev/shm."""
    strategy_here("shared")
    command = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$0" "$@"'
    variables = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), TESTS_FOLDER))}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, sys.executable, "-c", SMALL_SHARED_MEMORY],
        env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    if "not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"this process may mount nothing: {done.stderr.strip()}")
    assert "CannotMeasure" in done.stdout, done.stderr
    assert "--shm-size" in done.stdout


def continue_once_stopped(process):
    """Let a stopped process go on after a while, as a machine that wakes up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while process.status() != psutil.STATUS_STOPPED and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(1.0)
    process.send_signal(signal.SIGCONT)


def test_a_machine_that_was_suspended_in_a_round_goes_on(armed):
    """A second is one round of many: the median of the rounds does not see it."""
    case = Case("made", 3, "serial", 1)
    started = []

    def start():
        process = RunnerProcess((TESTS_FOLDER,), 1)
        started.append(psutil.Process(process._process.pid))
        armed.touch()
        threading.Thread(target=continue_once_stopped, args=(started[-1],)).start()
        return process

    plan = Plan(seconds=0, pairs=4, tasks=2, loops=1, time_limit=PATIENCE_SECONDS)
    measurement = measure(case, MadeWorkload(faults.stops_for_a_while), plan, start)
    assert len(measurement.sample.pairs) == 4
    assert not armed.exists(), "it was not stopped"


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="there is no core to take away",
)
def test_cores_that_are_cut_in_a_round_fail_no_gate(armed):
    """Of the counters the kernel's tell it: the workers wait for a core that is there no more."""
    case = Case("made", 3, "threads", 2)
    plan = Plan(seconds=0, pairs=12, tasks=4, loops=1, time_limit=PATIENCE_SECONDS)
    armed.touch()
    measurement = measure(
        case, MadeWorkload(faults.computes_on_fewer_cores), plan,
        lambda: RunnerProcess((TESTS_FOLDER,), 1),
    )  # fmt: skip
    gate = Gate("made-scales", workloads=("made",))
    judgement = judge(gate, case, measurement.evidence(0.99), floors(case.workers), final=True)
    assert judgement.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED), judgement.line


@pytest.mark.parametrize("tool", ["settrace", "setprofile", "monitoring"])
def test_a_tracer_or_a_profiler_is_named_and_judges_nothing(tool):
    if not hasattr(sys, tool):
        pytest.skip("sys.monitoring came with Python 3.12")
    case, before = Case("made", 3, "threads", 2), f"helpers.faults:watched_by_{tool}"
    plan = Plan(seconds=0, pairs=12, tasks=4, loops=1, before=before)
    measurement = measure(
        case, MadeWorkload(loads.square), plan, lambda: RunnerProcess((TESTS_FOLDER,), 1)
    )
    assert measurement.sample.pairs
    gate = Gate("made-scales", workloads=("made",))
    judgement = judge(gate, case, measurement.evidence(0.99), floors(case.workers), final=True)
    assert judgement.verdict is Verdict.NOT_EVALUATED
    assert f"sys.{tool}" in judgement.line
    assert "was active" in judgement.line


def test_a_machine_that_sleeps_longer_than_the_limit_fails_the_case(runner, armed):
    family = measuring(runner, armed, faults.stops_for_a_while, "serial")
    with pytest.raises(NoAnswer, match="--time-limit"):
        runner.ask({"do": "check", "tasks": 1}, 0.5)
    assert still_running(family) == []


def test_a_result_that_differs_now_and_then_fails_the_case():
    plan = Plan(seconds=0, pairs=2, tasks=4, loops=1)
    with pytest.raises((WorkloadError, MeasurementError), match="made-3-threads-2"):
        measure(
            Case("made", 3, "threads", 2), MadeWorkload(loads.counter), plan,
            lambda: RunnerProcess((TESTS_FOLDER,), 1),
        )  # fmt: skip
