"""The runner, driven in this process; test_runner_process.py has it in a process of its own."""

import json
import os
import pickle
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import loads
from helpers.available import strategy_here
from helpers.leftovers import child_processes, still_running, threads, threads_beyond
from helpers.made import opening

from speedgate.measuring.answers import read_answer
from speedgate.measuring.measurement import pair_of
from speedgate.runner import server as module
from speedgate.runner import task, worker_pool
from speedgate.runner.baseline import Baseline
from speedgate.runner.counters import RunQueueDelay
from speedgate.runner.gil_sampler import HeldSamples
from speedgate.runner.load import Load
from speedgate.runner.messages import RunRounds, encode
from speedgate.runner.server import Runner, traced
from speedgate.runner.strategies import STRATEGIES

# These tests fork the test process, which has threads; test_runner_process.py asks a real runner.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

TINY = {"do": "calibrate", "tasks": 2, "loops": 1}
NO_SAMPLER = {"do": "held", "seconds": 600, "py_spy": None}


@pytest.fixture
def runner():
    runner = Runner()
    yield runner
    runner.handle({"do": "close"})


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    return strategy_here(request.param).name


def open_case(runner, function=loads.square, strategy="threads", **options):
    workers = 1 if strategy == "serial" else 2
    reply = runner.handle(opening(function, strategy, workers, **options))
    assert "error" not in reply, reply
    return reply


# --- a case from open to close


def test_a_case_goes_from_open_to_close(runner, strategy):
    before, processes = threads(), child_processes()
    opened = open_case(runner, strategy=strategy, control=loads.nothing)
    assert opened["start_method"] == STRATEGIES[strategy].start_method
    assert opened["environment"]["python"]
    assert runner.handle({"do": "check", "tasks": 4}) == {"tasks": 4}
    calibrated = runner.handle(TINY)
    assert (calibrated["tasks"], calibrated["loops"]) == (2, 1)
    rounds = runner.handle({"do": "rounds", "pairs": 3, "seconds": 600})
    assert len(rounds["pairs"]) == 3
    assert len(rounds["controls"]) >= 1
    held = runner.handle(NO_SAMPLER)
    assert held["held"] is None
    assert runner.handle({"do": "close"}) == {}
    json.dumps([opened, calibrated, rounds, held], allow_nan=False)
    assert task._batches == {}
    assert threads_beyond(before) == set()
    assert still_running(child_processes() - processes) == []


def test_rounds_read_as_pairs_with_what_the_strategy_can_tell(runner, strategy):
    open_case(runner, strategy=strategy)
    runner.handle(TINY)
    request = RunRounds(pairs=2, seconds=600)
    counted = read_answer(request, runner.handle(encode(request)))
    assert len(counted.pairs) == 2
    for pair in map(pair_of, counted.pairs):
        assert pair.ratio > 0
        where = STRATEGIES[strategy].workers_are
        assert (pair.contender.in_task is not None) == (where != "inside")
        counted_here = where not in ("processes", "elsewhere")
        assert (pair.contender.minor_faults is not None) == counted_here
        assert (pair.contender.voluntary_switches is not None) == counted_here
        if where in ("passing threads", "inside", "elsewhere"):  # there is nobody to ask
            assert pair.contender.waiting is None


def test_what_it_reports_of_the_stretch(runner):
    open_case(runner, strategy="serial")
    runner.handle(TINY)
    reply = runner.handle({"do": "rounds", "pairs": 1, "seconds": 600})
    assert reply["controls"] == []
    assert reply["timed_seconds"] <= reply["seconds"]
    assert reply["gil_enabled"] in (True, False)
    assert {"steal", "throttled", "traced", "switch_interval"} <= reply.keys()


def test_calibration_chooses_unless_it_is_told(runner):
    open_case(runner, strategy="serial", function=loads.nothing)
    chosen = runner.handle({"do": "calibrate"})
    assert chosen["loops"] > 1  # a call that does nothing is far shorter than a task
    assert chosen["call_seconds"] > 0
    assert runner.handle(TINY)["loops"] == 1


def test_the_gil_is_sampled_while_one_worker_works(runner, monkeypatch):
    worked = threading.Event()
    monkeypatch.setattr(task, "run", lambda *_: worked.set())

    def sample(py_spy, seconds):
        assert (py_spy, seconds) == ("sampler", 0.5)
        assert worked.wait(60)
        return HeldSamples(3, 10)

    monkeypatch.setattr(module, "sample_held", sample)
    monkeypatch.setattr(module, "gil_enabled", lambda: True)
    open_case(runner, strategy="serial")
    reply = runner.handle({"do": "held", "seconds": 0.5, "py_spy": "sampler"})
    assert reply["held"] == [3, 10]


def test_without_a_gil_there_is_nothing_to_sample(runner, monkeypatch):
    monkeypatch.setattr(module, "gil_enabled", lambda: False)
    open_case(runner, strategy="serial")
    assert runner.handle({**NO_SAMPLER, "py_spy": "sampler"})["held"] is None


def test_a_free_threaded_build_with_its_gil_on_is_not_sampled_and_says_why(runner, monkeypatch):
    monkeypatch.setattr(module, "gil_enabled", lambda: True)
    monkeypatch.setattr(module, "is_free_threaded", lambda: True)
    monkeypatch.setattr(module, "sample_held", lambda *_: HeldSamples(0, 800))
    open_case(runner, strategy="serial")
    reply = runner.handle({**NO_SAMPLER, "py_spy": "sampler"})
    assert reply["held"] is None
    assert reply["why"] == "py-spy cannot read a free-threaded build"


@pytest.mark.parametrize("py_spy", [None, "sampler"])
def test_the_standard_sampler_takes_over_where_py_spy_has_nothing(runner, monkeypatch, py_spy):
    monkeypatch.setattr(module, "gil_enabled", lambda: True)
    monkeypatch.setattr(module, "sample_held", lambda *_: None)
    monkeypatch.setattr(module, "has_standard_sampler", lambda: True)
    monkeypatch.setattr(module, "sample_by_standard", lambda seconds: HeldSamples(7, 10))
    open_case(runner, strategy="serial")
    request = {**NO_SAMPLER, "py_spy": py_spy}
    assert runner.handle(request)["held"] == [7, 10]
    monkeypatch.setattr(module, "sample_by_standard", lambda seconds: None)
    reply = runner.handle(request)
    assert (reply["held"], reply["why"]) == (None, "no sampler could read this Python")


def test_a_sampler_that_fails_does_not_leave_the_worker_at_work(runner, monkeypatch):
    """The stop signal is kept here: without it, a worker left at work would never end."""
    stop = threading.Event()
    monkeypatch.setattr(module, "threading", SimpleNamespace(Event=lambda: stop))

    def fail(py_spy, seconds):
        raise ValueError("unreadable samples")

    monkeypatch.setattr(module, "sample_held", fail)
    monkeypatch.setattr(module, "gil_enabled", lambda: True)
    open_case(runner, strategy="serial")
    reply = runner.handle({"do": "held", "seconds": 0.5, "py_spy": "sampler"})
    was_stopped = stop.is_set()
    stop.set()
    assert reply["error"]["message"] == "unreadable samples"
    assert was_stopped


def test_a_new_case_is_not_served_the_last_ones_batch(runner):
    for function in (loads.square, loads.nothing):
        open_case(runner, function=function, strategy="serial")
        assert task._batches["work"].function is function
        runner.handle({"do": "close"})


# --- what goes wrong


@pytest.mark.parametrize("request_", [{"do": "check", "tasks": 1}, {"do": "calibrate"}])
def test_a_case_must_be_open(runner, request_):
    assert "'open' comes first" in runner.handle(request_)["error"]["message"]


def test_a_workload_that_raises_comes_back_with_its_traceback(runner, strategy):
    open_case(runner, function=loads.fail, strategy=strategy)
    for request in ({"do": "check", "tasks": 2}, {"do": "calibrate"}):
        error = runner.handle(request)["error"]
        assert error["type"] == "ValueError"
        assert error["message"] == "item 3 is bad"
        assert "in fail" in error["traceback"]
        assert "loads.py" in error["traceback"]
    assert runner.handle({"do": "close"}) == {}


def test_an_exception_in_a_worker_process_keeps_the_workers_traceback(runner):
    open_case(runner, function=loads.fail, strategy="processes")
    pool, _ = runner._opened()
    with pytest.raises(ValueError, match="item 3") as raised:
        pool.round("work", Load(2, 1), 0)
    assert "in fail" in str(raised.value.__cause__)


def test_a_prepare_that_raises_comes_back_with_its_traceback(runner, strategy):
    workers = 1 if strategy == "serial" else 2
    reply = runner.handle(opening(loads.square, strategy, workers, loads.broken_prepare))
    assert reply["error"]["type"] == "LookupError"
    assert "in broken_prepare" in reply["error"]["traceback"]


@pytest.mark.parametrize("strategy", ["threads", "processes", "foreach"])
def test_a_result_that_depends_on_the_worker_is_refused(runner, strategy):
    open_case(runner, function=loads.who, strategy=strategy)
    error = runner.handle({"do": "check", "tasks": 4})["error"]
    assert error["type"] == "ResultMismatch"
    assert f"{strategy} returned another result than serial for 4 of 4" in error["message"]


@pytest.mark.parametrize("strategy", ["threads", "processes"])
def test_a_result_that_is_no_array_and_makes_one_is_measured(runner, strategy):
    open_case(runner, function=loads.column, strategy=strategy)
    assert runner.handle({"do": "check", "tasks": 4}) == {"tasks": 4}


def test_a_result_that_changes_from_call_to_call_is_refused(runner):
    open_case(runner, function=loads.counter)
    assert runner.handle({"do": "check", "tasks": 2})["error"]["type"] == "ResultMismatch"


def test_the_control_is_checked_too(runner):
    open_case(runner, control=loads.who)
    assert runner.handle({"do": "check", "tasks": 2})["error"]["type"] == "ResultMismatch"


def test_the_setup_runs_before_anything_else(runner):
    reply = runner.handle(opening(loads.square, before="helpers.loads:raise_in_setup"))
    assert reply["error"]["message"] == "the setup ran"
    assert task._batches == {}


# --- placing, and what cannot be told


def test_one_lock_around_a_long_call_shows_as_blocked_to_the_end_of_the_round(runner):
    """Each call sleeps for longer than makes two tasks a worker."""
    open_case(runner, loads.nap_in_turn)
    assert runner.handle({"do": "calibrate"})["tasks"] == 2
    (pair,) = runner.handle({"do": "rounds", "pairs": 1, "seconds": 0})["pairs"]
    assert pair["contender"]["blocked_tail"] > pair["contender"]["tail"]


def test_the_baseline_goes_from_core_to_core_and_is_left_free_to_move(monkeypatch, runner):
    asked = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 0}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, cores: asked.append(sorted(cores)), raising=False
    )
    open_case(runner, loads.nothing)
    for rotation in (0, 2, 4):
        runner.baseline.round(runner.keys[0], Load(1, 1), rotation)
    assert asked == [[0], [0, 2], [2], [0, 2], [0], [0, 2]]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this platform")
@pytest.mark.parametrize("strategy", ["threads", "processes"])
def test_placed_workers_keep_to_a_core_each(runner, strategy):
    opened = open_case(runner, strategy=strategy, placed=True)
    masks = [os.sched_getaffinity(thread) for _, _, thread in runner.worker_pool.members]
    assert opened["placed"]
    assert len(masks) == 2
    assert all(len(mask) == 1 for mask in masks)
    assert len(set.union(*masks)) == min(2, len(os.sched_getaffinity(0)))


def test_workers_are_left_alone_unless_they_are_to_be_placed(monkeypatch, runner):
    monkeypatch.setattr("speedgate.runner.worker_pool.place", lambda _: pytest.fail("placed"))
    assert not open_case(runner)["placed"]


def test_workers_that_nobody_knows_are_not_placed(runner):
    assert not open_case(runner, strategy="foreach", placed=True)["placed"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this platform")
def test_the_baseline_runs_on_the_core_whose_turn_it_is(monkeypatch, runner):
    """The last processor that ran a thread is the 39th field of its stat (proc(5))."""
    seen = []

    def look(asked_pid, cores):
        move(asked_pid, cores)
        stat = Path(f"/proc/self/task/{threading.get_native_id()}/stat").read_text()
        if len(cores) == 1:
            seen.append((*cores, int(stat.rpartition(")")[2].split()[36])))

    move = os.sched_setaffinity
    monkeypatch.setattr(os, "sched_setaffinity", look)
    open_case(runner, loads.nothing)
    for rotation in range(8):
        runner.baseline.round(runner.keys[0], Load(1, 1), rotation)
    cores = os.sched_getaffinity(0)
    assert len(seen) == (8 if len(cores) > 1 else 0)
    assert all(asked == ran for asked, ran in seen)


def test_on_each_of_two_cores_the_baseline_is_first_as_well_as_second(monkeypatch, runner):
    """Else a core that is slower for a while, and going first, could not be told apart."""
    turns = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, cores: turns.append(sorted(cores)), raising=False
    )
    open_case(runner, loads.nothing)
    runner.handle(TINY)
    contend = runner.worker_pool.round
    runner.worker_pool.round = lambda *arguments: turns.append("contender") or contend(*arguments)
    turns.clear()
    runner.handle({"do": "rounds", "pairs": 16, "seconds": 600})
    marks = [turn for turn in turns if turn != [0, 1]]  # the core, or that the contender ran
    met = set()
    for one, other in zip(marks[::2], marks[1::2], strict=True):
        met.add(("second", *other) if one == "contender" else ("first", *one))
    assert met == {(turn, core) for turn in ("first", "second") for core in (0, 1)}


def test_a_sandbox_that_forbids_to_choose_a_core_is_no_error(monkeypatch, runner):
    def forbid(*_):
        raise PermissionError("not here")

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", forbid, raising=False)
    open_case(runner, strategy="threads")
    runner.handle(TINY)
    assert len(runner.handle({"do": "rounds", "pairs": 2, "seconds": 600})["pairs"]) == 2


def test_the_baseline_is_one_thread_that_is_not_the_callers():
    baseline = Baseline()
    seen = {baseline.call(threading.get_ident) for _ in range(3)}
    baseline.close()
    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_a_waiting_time_is_unknown_where_the_system_does_not_count_it(monkeypatch, runner):
    monkeypatch.setattr(RunQueueDelay, "of_threads", classmethod(lambda cls, ids: cls(())))
    open_case(runner)
    runner.handle(TINY)
    (data,) = runner.handle({"do": "rounds", "pairs": 1, "seconds": 600})["pairs"]
    assert data["baseline"]["waiting"] is None
    assert data["contender"]["waiting"] is None


# --- tracers


@pytest.fixture
def untraced(monkeypatch):
    """No tracer, whatever the tests themselves run under."""
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    tools = {}
    monitoring = SimpleNamespace(get_tool=tools.get, get_events=lambda tool: 1)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    return tools


def test_nothing_watches(untraced):
    assert traced() is None


def test_an_interpreter_without_monitoring_has_no_such_tool(untraced, monkeypatch):
    monkeypatch.delattr(sys, "monitoring")
    assert traced() is None


@pytest.mark.parametrize(("name", "told"), [("gettrace", "settrace"), ("getprofile", "setprofile")])
def test_a_tracer_is_named(untraced, monkeypatch, name, told):
    monkeypatch.setattr(sys, name, lambda: print)
    assert traced() == f"sys.{told}"


def test_a_monitoring_tool_is_named(untraced):
    untraced[1] = "coverage.py"
    assert traced() == "sys.monitoring (coverage.py)"


def test_a_monitoring_tool_without_events_is_no_harm(untraced, monkeypatch):
    untraced[1] = "idle tool"
    monkeypatch.setattr(sys.monitoring, "get_events", lambda tool: 0)
    assert traced() is None


def test_an_active_tracer_is_told_with_the_rounds(runner, untraced, monkeypatch):
    open_case(runner, strategy="serial")
    runner.handle(TINY)
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    reply = runner.handle({"do": "rounds", "pairs": 1, "seconds": 600})
    assert reply["traced"] == "sys.settrace"


# --- versions that use several threads by themselves


def open_peer(runner, peer=loads.total, strategy="blas"):
    request = opening(loads.total, strategy, 2, prepare=loads.numbers)
    work = request["batches"][0]
    request["batches"].append(work | {"key": "peer", "function": f"helpers.loads:{peer.__name__}"})
    return runner.handle(request)


def test_a_peer_runs_its_own_version_against_the_baseline(runner):
    assert "error" not in open_peer(runner, loads.total_marked)
    loads.marks.clear()
    runner.handle(TINY)
    calibrated = len(loads.marks)
    (pair,) = runner.handle({"do": "rounds", "pairs": 1, "seconds": 600})["pairs"]
    assert len(loads.marks) - calibrated == 2  # the contender's two tasks, none of the baseline's
    assert len(set(loads.marks)) == 1
    assert pair["contender"]["in_task"] is None
    assert pair["contender"]["waiting"] is None


def test_a_peer_may_round_differently_and_no_more(runner):
    assert "error" not in open_peer(runner, loads.total_rounded)
    assert runner.handle({"do": "check", "tasks": 4}) == {"tasks": 4}
    runner.handle({"do": "close"})
    assert "error" not in open_peer(runner, loads.total_wrong)
    reply = runner.handle({"do": "check", "tasks": 4})
    assert "blas returned another result than NumPy for 4 of 4" in reply["error"]["message"]


@pytest.mark.parametrize("strategy", ["threads", "processes", "shared"])
def test_a_crew_that_cannot_be_warmed_is_shut_down(strategy, runner, monkeypatch):
    before, processes, shared = threads(), child_processes(), []

    def fail(pool):
        assert list(pool.executor.map(abs, [-1, -2])) == [1, 2]  # its workers have started
        shared.append(pool.shared)
        raise LookupError("no answer")

    monkeypatch.setattr(worker_pool.WorkerPool, "_warm", fail)
    reply = runner.handle(opening(loads.nothing, strategy, 2))
    assert reply["error"]["message"] == "no answer"
    assert threads_beyond(before) == set()
    assert still_running(child_processes() - processes) == []
    if strategy == "shared":
        with pytest.raises(FileNotFoundError):
            pickle.loads(pickle.dumps(shared[0])).load()


def test_a_strategy_that_this_python_lacks_is_said_by_the_runner(runner, monkeypatch):
    lacking = replace(STRATEGIES["loky"], unavailable=lambda: "joblib is not installed: pip ...")
    monkeypatch.setitem(module.STRATEGIES, "loky", lacking)
    error = runner.handle(opening(loads.square, strategy="loky"))["error"]
    assert error["type"] == "NotImplementedError"
    assert error["message"] == f"in {sys.executable} joblib is not installed: pip ..."


def test_a_gil_that_came_back_fails_the_case(runner, monkeypatch):
    monkeypatch.setattr(module, "gil_came_back", lambda: "the GIL is back on: x did it")
    reply = runner.handle(opening(loads.square))
    assert reply["error"]["message"] == "the GIL is back on: x did it"
    monkeypatch.setattr(module, "gil_came_back", lambda: None)
    open_case(runner)
    runner.handle(TINY)
    monkeypatch.setattr(module, "gil_came_back", lambda: "the GIL is back on: x did it")
    reply = runner.handle({"do": "rounds", "pairs": 1, "seconds": 600})
    assert reply["error"]["message"] == "the GIL is back on: x did it"
