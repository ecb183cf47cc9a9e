"""Measuring with scripted runners on a fake clock, and in this process."""

import os

import pytest
from helpers import loads
from helpers.fakes import Bench, FakeClock, ScriptedRunner
from helpers.made import CASE, SERIAL, SQUARE, MadeWorkload

from speedgate.judging.gate import MAX_PROCESSES
from speedgate.measuring import measure as module
from speedgate.measuring.errors import MeasurementError, NoAnswer, WorkloadError
from speedgate.measuring.measure import LEAST_PAIRS, blas_limit_broken, measure
from speedgate.measuring.measurement import HeldStretch
from speedgate.measuring.plan import Plan, buffers, most_processes, open_request
from speedgate.measuring.runner_process import InProcess
from speedgate.runner.messages import Opened, encode

# Far longer than anything here takes: only what hangs meets it.
PATIENCE_SECONDS = 120.0


# --- with a scripted runner


def never_asked(measurement):
    raise AssertionError("this is not the time to decide")


def test_it_stops_when_decided_after_the_second_process():
    bench, asked = Bench(), []

    def is_decided(measurement):
        asked.append(len(measurement.processes))
        return True

    measurement = bench.measure(Plan(seconds=50, processes=5), is_decided)
    assert len(bench.runners) == len(measurement.processes) == 2
    assert asked == [2]


def test_it_stops_as_soon_as_it_is_decided():
    bench = Bench()
    bench.measure(
        Plan(seconds=50, processes=5), lambda measurement: len(measurement.processes) == 4
    )
    assert len(bench.runners) == 4


def test_undecided_it_uses_all_processes():
    bench = Bench()
    bench.measure(Plan(seconds=50, processes=5))
    assert len(bench.runners) == 5
    assert all(runner.is_closed for runner in bench.runners)


def test_a_case_of_one_process_is_not_asked_about():
    bench = Bench()
    bench.measure(Plan(seconds=10, processes=1), never_asked)
    assert len(bench.runners) == 1


def test_only_a_judged_case_has_several_processes():
    assert most_processes(judged=False) == 1
    assert most_processes(judged=True) == MAX_PROCESSES > 1


def test_check_only_compares_in_one_process_and_times_nothing():
    bench = Bench()
    measurement = bench.measure(Plan(seconds=50, processes=5), never_asked, check_only=True)
    (runner,) = bench.runners
    assert [request["do"] for request in runner.requests] == ["open", "check"]
    assert runner.is_closed
    assert measurement.sample.pairs == ()
    assert measurement.environment == {"python": "3.x"}


def test_the_results_are_compared_in_the_first_process_before_anything_is_timed():
    bench = Bench()
    bench.measure(Plan(seconds=10, processes=3))
    first, *others = ([request["do"] for request in runner.requests] for runner in bench.runners)
    assert first[:4] == ["open", "check", "calibrate", "rounds"]
    assert all("check" not in requests for requests in others)


def test_the_result_of_every_buffer_is_compared():
    bench = Bench()
    bench.measure(Plan(seconds=1))
    (check,) = bench.runners[0].asked("check")
    assert check["tasks"] == buffers(CASE)


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_the_seconds_are_spread_over_the_processes(processes):
    bench = Bench(pair_seconds=0.5)
    began = bench.clock()
    measurement = bench.measure(Plan(seconds=30, processes=processes))
    assert [len(pairs) for pairs in measurement.processes] == [60 // processes] * processes
    assert measurement.wall_seconds == bench.clock() - began == 30


def test_what_one_process_took_too_much_the_others_do_without():
    bench = Bench(pair_seconds=8.0)
    measurement = bench.measure(Plan(seconds=20, processes=2))
    assert [len(pairs) for pairs in measurement.processes] == [3, 3]  # the least of a process
    bench = Bench(pair_seconds=3.0)
    measurement = bench.measure(Plan(seconds=20, processes=2))
    assert [len(pairs) for pairs in measurement.processes] == [4, 3]


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_with_no_time_there_are_still_pairs_enough_for_an_interval(processes):
    measurement = Bench().measure(Plan(seconds=0, processes=processes))
    assert len(measurement.sample.pairs) >= LEAST_PAIRS
    assert measurement.evidence(0.95).speedup.is_bounded


@pytest.mark.parametrize("seconds", [0, 1000])
def test_fixed_pairs_are_run_whatever_the_time(seconds):
    measurement = Bench().measure(Plan(seconds=seconds, processes=2, pairs=3))
    assert [len(pairs) for pairs in measurement.processes] == [3, 3]


def test_fixed_tasks_and_loops_are_passed_on_and_kept():
    bench = Bench()
    measurement = bench.measure(Plan(seconds=1, tasks=100, loops=1))
    assert bench.runners[0].asked("calibrate") == [{"do": "calibrate", "tasks": 100, "loops": 1}]
    assert (measurement.tasks, measurement.loops) == (100, 1)


def test_a_long_stretch_is_asked_for_in_short_ones():
    bench = Bench()
    bench.measure(Plan(seconds=60))
    asked = bench.runners[0].asked("rounds")
    assert len(asked) > 1
    assert all(request["seconds"] <= module.BATCH_SECONDS for request in asked)


def test_the_time_limit_runs_from_the_opening_of_each_runner():
    bench = Bench()
    bench.measure(Plan(seconds=20, processes=2, time_limit=77))
    for runner in bench.runners:
        assert runner.limits[0] == 77
        assert runner.limits == sorted(runner.limits, reverse=True)
        assert runner.limits[-1] < 77


def test_only_a_case_that_needs_it_has_its_gil_sampled(monkeypatch):
    monkeypatch.setattr(module, "find_py_spy", lambda: "sampler")
    bench = Bench(held=(10, 100))
    unsampled = bench.measure(Plan(seconds=1))
    assert bench.runners[0].asked("held") == []
    assert unsampled.evidence(0.95).gil_held_share is None
    sampled = bench.measure(Plan(seconds=2, processes=2, held_seconds=0.25))
    assert bench.runners[1].asked("held")[0]["py_spy"] == "sampler"
    assert (
        sampled.evidence(0.95).gil_held_share.value,
        sampled.evidence(0.95).gil_held_share.count,
    ) == (0.1, 100)


def test_a_gil_that_could_not_be_sampled_is_unknown_and_not_free():
    measurement = Bench(held=None).measure(Plan(seconds=1, held_seconds=0.25))
    assert measurement.evidence(0.95).gil_held_share is None


def test_what_the_worker_waited_may_all_be_part_of_the_hold():
    def share(waiting):
        bench = Bench(held=(100, 1000), replies={"held": {"waiting": waiting}})
        return bench.measure(Plan(seconds=1, held_seconds=0.25)).evidence(0.95).gil_held_share

    quiet, busy = share(0.0), share(0.05)
    assert busy.value == quiet.value == 0.1
    assert busy.high == quiet.high
    assert busy.low == pytest.approx(quiet.low - 0.05)
    assert share(0.0999).low == 0


@pytest.mark.parametrize(
    ("samples", "calls", "trials"), [(800, 400, 400), (800, 10, 80), (800, 0, 1), (1, 5, 1)]
)
def test_the_samples_of_one_long_call_do_not_count_as_many(samples, calls, trials):
    assert HeldStretch(0, samples, calls).trials == trials


@pytest.mark.parametrize(("waiting", "count"), [(None, None), (0.01, 50), (0.3, None)])
def test_samples_taken_while_others_had_the_core_are_left_out(waiting, count):
    bench = Bench(held=(10, 100), replies={"held": {"waiting": waiting}})
    share = bench.measure(Plan(seconds=1, held_seconds=0.25)).evidence(0.95).gil_held_share
    assert (share and share.count) == count


@pytest.mark.parametrize("error", [MeasurementError("no answer"), KeyboardInterrupt()])
@pytest.mark.parametrize("request_", ["open", "calibrate", "rounds"])
def test_the_runner_is_closed_whatever_happens(request_, error):
    bench = Bench(replies={request_: error})
    with pytest.raises(type(error)):
        bench.measure(Plan(seconds=10, processes=5))
    (runner,) = bench.runners
    assert runner.is_closed


def error_reply(kind, message="it went wrong"):
    traceback = f'Traceback\n  File "there.py", line 7, in f\n{kind}: {message}'
    return {"error": {"type": kind, "message": message, "traceback": traceback}}


def test_a_workload_that_raised_is_told_with_case_and_traceback():
    bench = Bench(replies={"calibrate": error_reply("ZeroDivisionError")})
    with pytest.raises(WorkloadError) as raised:
        bench.measure(Plan(seconds=10))
    assert str(raised.value).startswith(f"{CASE.id} raised ZeroDivisionError\n")
    assert 'File "there.py", line 7, in f' in str(raised.value)


def test_a_result_that_differs_is_the_strategys_fault_and_not_the_workloads():
    bench = Bench(replies={"check": error_reply("ResultMismatch", "threads returned another")})
    with pytest.raises(MeasurementError) as raised:
        bench.measure(Plan(seconds=10))
    assert not isinstance(raised.value, WorkloadError)
    assert str(raised.value) == f"{CASE.id}: threads returned another"


def test_a_workload_that_cannot_be_imported_is_refused_before_a_runner_is_opened():
    bench = Bench()
    with pytest.raises(MeasurementError, match="not at the top level"):
        measure(CASE, MadeWorkload(lambda size: size), Plan(seconds=1), bench.open_runner)
    assert bench.runners == []


# --- in process


def test_in_process_the_same_requests_are_answered_here():
    plan = Plan(seconds=0, pairs=1, tasks=2, loops=1)
    measurement = measure(SERIAL, SQUARE, plan, InProcess)
    assert len(measurement.sample.pairs) == 1
    assert measurement.opened.pid == os.getpid()


def test_in_process_an_error_leaves_no_case_open():
    runner = InProcess()
    with pytest.raises(WorkloadError, match="item 3 is bad"):
        measure(SERIAL, MadeWorkload(loads.fail), Plan(seconds=1), lambda: runner)
    assert "'open' comes first" in runner.ask({"do": "calibrate"}, 1.0)["error"]["message"]


def test_a_scripted_runner_answers_every_request_of_a_real_one():
    """Else the fakes above would prove nothing."""
    real = InProcess()
    requests = [
        encode(open_request(SERIAL, SQUARE, Plan(1), 0)),
        {"do": "check", "tasks": 2},
        {"do": "calibrate", "tasks": 2, "loops": 1},
        {"do": "rounds", "pairs": 1, "seconds": 1.0},
        {"do": "held", "seconds": 0.01, "py_spy": None},
    ]
    scripted = ScriptedRunner(FakeClock())
    for request in requests:
        reply = real.ask(request, PATIENCE_SECONDS)
        assert scripted.ask(request, PATIENCE_SECONDS).keys() <= reply.keys()
    real.close()


@pytest.mark.parametrize(
    ("asked", "runs", "broken"),
    [(1, 1, False), (1, 2, True), (4, 2, False), (None, 2, False), (1, None, False)],
)
def test_a_blas_limit_that_did_not_apply_breaks_the_premise(asked, runs, broken):
    library = {"user_api": "blas", "internal_api": "openblas", "num_threads": runs}
    told = blas_limit_broken(Opened(blas=[library]), asked)
    assert (told is not None) == broken
    if broken:
        assert told == "openblas runs 2 threads, though 1 were asked for"


def test_a_blas_that_nobody_can_read_breaks_nothing():
    assert blas_limit_broken(Opened(blas=None), 1) is None
    assert blas_limit_broken(Opened(), 1) is None


@pytest.mark.parametrize(
    ("blas", "words"),
    [
        ([("openblas", 2)], "openblas runs 2 threads for 2 workers, and threads that wait"),
        ([("openblas", 1), ("mkl", 8)], "mkl runs 8 threads"),
        ([("openblas", 1)], "raise --time-limit if the case is meant to take that long"),
        (None, "raise --time-limit if the case is meant to take that long"),
    ],
)
def test_a_time_limit_names_the_blas_whose_threads_spin(blas, words):
    """Two runners at once took 20 times as long as one alone."""
    libraries = blas and [
        {"user_api": "blas", "internal_api": name, "num_threads": threads} for name, threads in blas
    ]
    bench = Bench(replies={"open": {"blas": libraries}, "check": NoAnswer("check", 120.0)})
    with pytest.raises(NoAnswer) as raised:
        bench.measure(Plan(seconds=1))
    assert str(raised.value).startswith("no answer to 'check' within the time limit; ")
    assert words in str(raised.value)
    assert raised.value.seconds == 120.0
