"""Measuring with a scripted runner on a fake clock; then runners in processes of their own."""

import contextlib
import functools
import importlib
import json
import math
import os
import sys
import sysconfig
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers import loads
from helpers.available import strategy_here
from helpers.fakes import FakeClock, ScriptedRunner
from helpers.leftovers import child_processes, still_running
from helpers.made import CASE, MadeWorkload, opening

import workloads
from speedgate.judging.gate import MAX_PROCESSES
from speedgate.measuring import measure as module
from speedgate.measuring.errors import MeasurementError, NoAnswer, WorkloadError
from speedgate.measuring.measure import LEAST_PAIRS, blas_limit_broken, measure
from speedgate.measuring.measurement import HeldStretch, Measurement
from speedgate.measuring.plan import (
    Plan,
    buffers,
    import_folders,
    most_processes,
    open_request,
    reference,
)
from speedgate.measuring.runner_process import (
    PACKAGE_FOLDER,
    InProcess,
    Interpreter,
    RunnerProcess,
    runner_variables,
)
from speedgate.runner import FOLDERS, LIBRARY, ordered
from speedgate.runner.gil import gil_enabled
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES
from speedgate.runner.messages import Opened, encode
from speedgate.runner.task import find
from speedgate.stats.case import Case

TESTS_FOLDER = str(Path(__file__).resolve().parents[1])
SQUARE = MadeWorkload(loads.square)
SERIAL = Case("made", 3, "serial", 1)
# Far longer than anything here takes: only what hangs meets it.
PATIENCE_SECONDS = 120.0


# --- with a scripted runner


class Bench:
    """Opens scripted runners one after the other and keeps them."""

    def __init__(self, **script):
        self.clock = FakeClock()
        self.script = script
        self.runners = []

    def open_runner(self):
        assert all(runner.is_closed for runner in self.runners), "one runner at a time"
        self.runners.append(ScriptedRunner(self.clock, **self.script))
        return self.runners[-1]

    def measure(self, plan, is_decided=lambda measurement: False, case=CASE, **options):
        return measure(case, SQUARE, plan, self.open_runner, is_decided, now=self.clock, **options)


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


# --- what was measured


def test_the_evidence_is_that_of_the_rounds():
    evidence = Bench(ratio=1.6).measure(Plan(seconds=20, processes=2)).evidence(0.9)
    assert evidence.workers == 2
    assert evidence.speedup.value == pytest.approx(1.6)
    assert evidence.speedup.confidence == evidence.control.confidence == 0.9
    assert evidence.process_speedups == pytest.approx((1.6, 1.6))
    assert evidence.control.value == pytest.approx(1.9)
    assert evidence.concurrency.low.value == pytest.approx(2.0)
    assert evidence.broken is None


def test_timed_seconds_hold_rounds_and_calibration_but_no_start():
    measurement = Bench().measure(Plan(seconds=10, processes=2))
    assert measurement.rounds_seconds == 10
    assert measurement.timed_seconds == 10 + 2 * 0.25


@pytest.mark.parametrize("name", ["steal", "throttled"])
def test_pressure_is_summed_where_it_is_known(name):
    unknown = Bench().measure(Plan(seconds=2, pairs=1))
    assert getattr(unknown, f"{name}_seconds") is None
    known = Bench(replies={"rounds": {name: 0.25}}).measure(Plan(seconds=2, processes=2, pairs=1))
    assert getattr(known, f"{name}_seconds") == 0.5


def test_throttling_is_a_share_of_the_workers_time():
    """Two workers that are stopped for half of the time lose as many seconds as have passed."""
    rounds = {"throttled": 0.75, "controls": []}
    known = Bench(ratio=1.0, pair_seconds=1.0, replies={"rounds": rounds})
    measured = known.measure(Plan(seconds=2, pairs=1))
    (pair,) = measured.sample.pairs
    assert (pair.baseline.seconds, pair.contender.seconds, measured.case.workers) == (0.5, 0.5, 2)
    assert measured.throttled_share() == 0.5


def test_stolen_time_raises_the_upper_bound_of_the_concurrency():
    plan = Plan(seconds=2, pairs=6)
    quiet = Bench(ratio=1.0, pair_seconds=1.0).measure(plan).evidence(0.95).concurrency
    script = {"ratio": 1.0, "pair_seconds": 1.0, "replies": {"rounds": {"steal": 1.2}}}
    stolen = Bench(**script).measure(plan).evidence(0.95).concurrency
    assert stolen.low == quiet.low
    assert stolen.high.value > quiet.high.value


def test_time_stolen_from_others_is_not_the_workers():
    """A lock at 4 of 64 cores: others computed for nearly all that was stolen."""
    plan = Plan(seconds=2, pairs=6)
    rounds = {"steal": 8.0, "busy": 400.0}
    bench = Bench(ratio=1.0, pair_seconds=1.0, replies={"rounds": rounds})
    measured = bench.measure(plan)
    assert measured.steal_rate == pytest.approx(0.02)
    concurrency = measured.evidence(0.95).concurrency
    quiet = Bench(ratio=1.0, pair_seconds=1.0).measure(plan).evidence(0.95).concurrency
    assert concurrency.high.value < 1.05 * quiet.high.value


def test_a_tracer_that_was_active_is_told_as_a_broken_premise():
    bench = Bench(replies={"rounds": {"traced": "sys.settrace"}})
    broken = bench.measure(Plan(seconds=1)).evidence(0.95).broken
    assert broken.startswith("sys.settrace was active")


def test_a_gil_that_was_off_once_was_not_on():
    bench = Bench(replies={"rounds": {"gil_enabled": False}})
    assert bench.measure(Plan(seconds=1)).evidence(0.95).gil_enabled is False


def test_nothing_measured_is_no_evidence():
    evidence = Measurement(CASE).evidence(0.95)
    assert (evidence.speedup, evidence.concurrency, evidence.control) == (None, None, None)
    assert evidence.process_speedups == ()


# --- what a runner is asked to open


def test_each_process_has_inputs_of_its_own():
    used = []
    for number in range(3):
        (batch,) = open_request(CASE, SQUARE, Plan(seconds=1, seed=5), number).batches
        used += range(batch.seed, batch.seed + batch.buffers)
    assert len(used) == len(set(used))
    assert used[0] == 5


def test_there_are_more_buffers_than_workers():
    assert buffers(SERIAL) == 2
    assert buffers(Case("g", 1, "threads", 8)) > 8


def test_the_request_is_plain_json_and_says_where_the_workload_is():
    plan = Plan(seconds=1, before="helpers.loads:nothing")
    request = encode(open_request(CASE, SQUARE, plan, 0))
    assert json.loads(json.dumps(request)) == request
    (batch,) = request["batches"]
    assert batch["function"] == "helpers.loads:square"
    assert batch["prepare"] == "helpers.loads:size_only"
    assert batch["size"] == CASE.size
    assert batch["path"] == [TESTS_FOLDER]
    assert request["before"] == "helpers.loads:nothing"


def test_only_a_parallel_case_has_a_control():
    plan = Plan(seconds=1, control=MadeWorkload(loads.nothing))
    parallel = open_request(CASE, SQUARE, plan, 0).batches
    assert [batch.key for batch in parallel] == ["work", "control"]
    assert parallel[1].function == "helpers.loads:nothing"
    alone = open_request(Case("g", 9, "threads", 1), SQUARE, plan, 0).batches
    assert [batch.key for batch in alone] == ["work"]


# --- references and folders


def test_a_reference_names_module_and_function():
    assert reference(loads.square) == "helpers.loads:square"
    assert reference(math.exp) == "math:exp"
    assert reference(np.linalg.norm) == "numpy.linalg:norm"


def nested():
    def inner(size):
        return size

    return inner


@pytest.mark.parametrize(
    "function",
    [nested(), lambda size: size, functools.partial(loads.square)],
    ids=["nested", "lambda", "partial"],
)
def test_a_function_that_cannot_be_imported_is_refused(function):
    with pytest.raises(MeasurementError, match="not at the top level of a module"):
        reference(function)


def test_a_workload_is_imported_from_the_folder_of_its_package():
    assert import_folders(SQUARE) == (TESTS_FOLDER,)
    assert import_folders(MadeWorkload(nested, nested)) == (str(Path(__file__).resolve().parent),)


def test_a_function_of_a_package_itself_is_found_beside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "made_package"
    package.mkdir()
    (package / "__init__.py").write_text("def work(size): return size\n")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("made_package").work
    folders = import_folders(MadeWorkload(work, work))
    del sys.modules["made_package"]
    assert folders == (str(tmp_path.resolve()),)


def test_function_and_prepare_may_come_from_two_folders():
    folder = str(Path(workloads.__file__).resolve().parents[1])
    assert import_folders(MadeWorkload(workloads.G.function)) == (folder, TESTS_FOLDER)


@pytest.mark.parametrize("function", [np.linalg.norm, json.dumps, math.exp, len])
def test_what_is_installed_is_left_to_each_interpreter(function):
    assert import_folders(MadeWorkload(function, function)) == ()


def test_the_suite_that_an_installed_package_brings_along_is_named_to_the_runner(
    tmp_path, monkeypatch
):
    """The control of another project's cases is of that suite."""
    bundled = tmp_path / "speedgate" / "_suite"
    bundled.mkdir(parents=True)
    (bundled / "brought_along.py").write_text("def work(argument): ...\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr("speedgate.measuring.plan.BUNDLED_FOLDER", bundled)
    monkeypatch.syspath_prepend(str(bundled))
    work = find("brought_along:work")
    assert import_folders(MadeWorkload(work, work)) == (str(bundled),)


@pytest.mark.skipif(os.name == "nt", reason="making a link there needs a privilege")
def test_what_is_installed_behind_a_link_is_left_out_too(tmp_path, monkeypatch):
    link = tmp_path / "site-packages"
    link.symlink_to(TESTS_FOLDER, target_is_directory=True)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(link))
    assert import_folders(SQUARE) == ()


# --- a runner's environment variables


def test_the_threads_of_every_blas_are_set():
    variables = runner_variables({"OPENBLAS_NUM_THREADS": "7"}, (), blas_threads=3)
    assert {variables[name] for name in BLAS_THREAD_VARIABLES} == {"3"}


def test_blas_threads_can_be_left_alone():
    variables = runner_variables({"OMP_NUM_THREADS": "7"}, (), blas_threads=None)
    kept = {name: variables[name] for name in BLAS_THREAD_VARIABLES if name in variables}
    assert kept == {"OMP_NUM_THREADS": "7"}


@pytest.mark.parametrize(
    "name",
    [
        "COV_CORE_SOURCE",
        "COV_CORE_CONFIG",
        "COV_CORE_DATAFILE",
        "COVERAGE_PROCESS_START",
        "COVERAGE_PROCESS_CONFIG",
        "PYTEST_CURRENT_TEST",
        "PYTEST_XDIST_WORKER",
        "PYTEST_ADDOPTS",
    ],
)
def test_what_tracers_and_pytest_set_stays_here(name):
    assert name not in runner_variables({name: "1"}, (), 1)


def test_everything_else_is_passed_on():
    inherited = {"HOME": "/home/someone", "LD_PRELOAD": "x.so", "PYTHON_GIL": "0"}
    assert inherited.items() <= runner_variables(inherited, (), 1).items()


def test_the_folders_of_a_workload_are_given_once_and_not_in_the_path_of_python():
    variables = runner_variables({}, ("/one", "/one", "/two"), 1)
    assert variables["PYTHONPATH"] == PACKAGE_FOLDER
    assert variables[FOLDERS].split(os.pathsep) == ["/one", "/two"]


def test_folders_of_the_users_own_stay_behind_them():
    """A NumPy that is built but not installed is found in no other way."""
    variables = runner_variables({"PYTHONPATH": "/build/numpy"}, ("/one",), 1)
    folders = variables["PYTHONPATH"].split(os.pathsep)
    assert folders == [PACKAGE_FOLDER, "/build/numpy"]
    assert variables[FOLDERS] == "/one"


def test_the_standard_library_comes_before_all_that_may_hold_another():
    dynamic = os.path.join(LIBRARY, "lib-dynload")  # noqa: PTH118  # as it is in sys.path
    installed = os.path.join(LIBRARY, "site-packages")  # noqa: PTH118
    path = ["/package", "/theirs", LIBRARY, dynamic, installed, "/one"]
    expected = [LIBRARY, dynamic, "/one", "/two", "/package", "/theirs", installed]
    assert ordered(path, ["/one", "/two"]) == expected


@pytest.mark.parametrize(
    "strategy", ["serial", "threads", "processes", "fork", "forkserver", "pool", "shared", "loky",
                 "interpreters"]
)  # fmt: skip
def test_a_module_beside_a_workload_is_not_taken_for_one_of_pythons(tmp_path, strategy):
    """Neither by the runner, nor by a worker process before it knows the runner's path."""
    strategy_here(strategy)
    for name in ("random", "platform", "statistics", "socket", "pickle", "selectors", "typing"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not the standard library')")
    (tmp_path / "made_beside.py").write_text(
        "import random\ndef function(argument):\n    return random.Random(argument).random()\n"
        "def prepare(size, seed):\n    return size\n"
    )
    process = RunnerProcess([str(tmp_path)], 1)
    batch = {
        "key": "work", "function": "made_beside:function", "prepare": "made_beside:prepare",
        "size": 1, "seed": 0, "buffers": 1, "path": [str(tmp_path)],
    }  # fmt: skip
    try:
        opened = ask(
            process, do="open", batches=[batch], strategy=strategy, workers=1, before=None,
            placed=False,
        )  # fmt: skip
        assert "error" not in opened, opened
        assert ask(process, do="check", tasks=2) == {"tasks": 2}
    finally:
        process.close()


def test_the_variables_of_a_build_come_over_all_others():
    inherited = {"PYTHONPATH": "/inherited", "OMP_NUM_THREADS": "7"}
    own = {"PYTHONPATH": "/build", "OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "3"}
    variables = runner_variables(inherited, ("/one",), 1, own, package_folder="/lent")
    assert variables["PYTHONPATH"].split(os.pathsep) == ["/lent", "/build"]
    assert variables["OMP_NUM_THREADS"] == "4"
    assert variables["OPENBLAS_NUM_THREADS"] == "1"
    assert variables["PYTHONHASHSEED"] == "3"


# --- runners in processes of their own


def start(path=(TESTS_FOLDER,), blas_threads=1):
    return RunnerProcess(path, blas_threads)


@pytest.fixture
def process():
    """A runner process that is gone after the test, whatever the test did to it."""
    process = start()
    yield process
    process.close()


@pytest.mark.parametrize("end", ["close", "kill"])
def test_what_a_workload_leaves_in_files_goes_with_its_runner(end):
    process = start()
    request = opening(loads.leave_a_file, "processes", 2, prepare=loads.leave_a_file_before)
    assert "error" not in ask(process, **request)
    assert "error" not in ask(process, do="check", tasks=2)
    folder = process._scratch.path
    assert len(list(folder.rglob("left-*"))) > 2
    getattr(process, end)()
    process.close()
    assert not folder.exists()


def ask(process, **request):
    return process.ask(request, PATIENCE_SECONDS)


def open_case(process, function, strategy="serial"):
    case = Case("made", 3, strategy, 1 if strategy == "serial" else 2)
    return ask(process, **encode(open_request(case, MadeWorkload(function), Plan(1), 0)))


def test_a_runner_of_another_build_has_its_variables():
    process = RunnerProcess((TESTS_FOLDER,), 1, Interpreter(variables={"OMP_NUM_THREADS": "5"}))
    try:
        kept = open_case(process, loads.square)["environment"]["variables"]
    finally:
        process.close()
    assert kept["OMP_NUM_THREADS"] == "5"
    assert kept["OPENBLAS_NUM_THREADS"] == "1"


def test_a_runner_has_no_thread_when_it_forks_its_workers():
    """From Python 3.12 on a fork beside threads is warned of: it may deadlock."""
    strategy_here("fork")
    warned = {"PYTHONWARNINGS": "error:This process:DeprecationWarning"}
    process = RunnerProcess((TESTS_FOLDER,), 1, Interpreter(variables=warned))
    try:
        assert "error" not in open_case(process, loads.nothing, "fork")
    finally:
        process.close()


def test_a_case_is_measured_in_a_fresh_interpreter():
    plan = Plan(seconds=0, pairs=2, tasks=2, loops=1, control=MadeWorkload(loads.nothing))
    measurement = measure(Case("made", 3, "threads", 2), SQUARE, plan, start)
    assert len(measurement.sample.pairs) == 2
    assert measurement.environment["python"]
    assert measurement.opened.pid != os.getpid()


@pytest.mark.parametrize("strategy", ["serial", "threads", "processes", "foreach"])
def test_neither_the_runner_nor_a_worker_loads_pytest(process, strategy):
    opened = open_case(process, loads.without_pytest, strategy)
    assert "error" not in opened
    assert ask(process, do="check", tasks=2) == {"tasks": 2}


def test_a_file_in_the_current_folder_does_not_pass_for_a_module(tmp_path, monkeypatch):
    (tmp_path / "hashlib.py").write_text("raise RuntimeError('this is not hashlib')\n")
    monkeypatch.chdir(tmp_path)
    process = start()
    try:
        assert "error" not in open_case(process, loads.nothing)
    finally:
        process.close()


def test_the_blas_threads_are_read_back():
    process = start(blas_threads=1)
    try:
        environment = open_case(process, loads.nothing)["environment"]
    finally:
        process.close()
    assert {environment["variables"][name] for name in BLAS_THREAD_VARIABLES} == {"1"}
    pools = [pool for pool in environment["blas"] if pool["user_api"] == "blas"]
    assert {pool["num_threads"] for pool in pools} <= {1}


@pytest.mark.parametrize("strategy", ["serial", "threads", "processes"])
def test_what_a_workload_prints_does_not_get_among_the_replies(process, strategy):
    open_case(process, loads.shout, strategy)
    assert ask(process, do="check", tasks=2) == {"tasks": 2}
    calibrated = ask(process, do="calibrate", tasks=2, loops=1)
    assert (calibrated["tasks"], calibrated["loops"]) == (2, 1)


NOISE = {
    "a line": "print('hello')",
    "half a line": "print('half', end='', flush=True)",
    "half a line that stays in the buffer": "print('half', end='')",
    "what looks like a reply": "import json; print(json.dumps({'number': 1}))",
    "what is no text": "import os; os.write(1, bytes(range(256)))",
    "C code": "import ctypes; c = ctypes.CDLL(None); c.puts(b'from C'); c.fflush(None)",
    "C code that keeps it": "import ctypes; ctypes.CDLL(None).printf(b'kept')",
    "a program": "import os; os.system('echo from a program')",
    "much": "print('much ' * 20_000)",
    "at the end": "import atexit; atexit.register(print, 'bye')",
}
FROM_C = pytest.mark.skipif(os.name != "posix", reason="Windows has no C library of the process")


@pytest.fixture
def noisy(tmp_path, monkeypatch):
    """Give every interpreter that is started from now on a ``sitecustomize``."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return (tmp_path / "sitecustomize.py").write_text


@pytest.mark.parametrize(
    "kind", [pytest.param(noise, marks=FROM_C if "C code" in noise else ()) for noise in NOISE]
)
def test_what_an_interpreter_prints_as_it_starts_does_not_get_among_the_replies(noisy, kind):
    noisy(NOISE[kind])
    process = start()
    try:
        assert "error" not in open_case(process, loads.shout, "processes")
        assert ask(process, do="check", tasks=2) == {"tasks": 2}
    finally:
        process.close()


def test_what_an_interpreter_printed_before_it_gave_up_is_told(noisy):
    noisy("import os\nprint('no licence for this host', flush=True)\nos._exit(5)")
    process = start()
    try:
        with pytest.raises(MeasurementError, match=r"exit code 5 .*\n.*no licence for this host"):
            open_case(process, loads.nothing)
    finally:
        process.close()


def test_a_workload_that_reads_takes_no_request(process):
    open_case(process, loads.read_input)
    assert ask(process, do="check", tasks=2) == {"tasks": 2}


def test_a_workload_that_raises_is_told_and_the_runner_goes_on(process):
    open_case(process, loads.fail)
    error = ask(process, do="check", tasks=1)["error"]
    assert error["type"] == "ValueError"
    assert "in fail" in error["traceback"]
    assert ask(process, do="close") == {}


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (loads.leave, "with exit code 3"),
        (loads.leave_by_exception, "with exit code 4"),
        pytest.param(
            loads.leave_by_signal,
            "by signal SIGTERM",
            marks=pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
        ),
    ],
)
def test_a_runner_that_ended_is_told_with_how_and_its_last_words(process, function, told):
    open_case(process, function)
    with pytest.raises(MeasurementError) as raised:
        ask(process, do="check", tasks=1)
    assert f"the runner ended {told}" in str(raised.value)
    assert "these are the last words" in str(raised.value)
    with pytest.raises(MeasurementError, match="the runner ended"):
        ask(process, do="check", tasks=1)


def test_a_worker_process_that_ended_is_an_error_of_its_case(process):
    runner = psutil.Process(open_case(process, loads.leave_if_a_child, "processes")["pid"])
    family = [runner, *runner.children(recursive=True)]
    assert ask(process, do="check", tasks=2)["error"]["type"] == "BrokenProcessPool"
    process.close()
    assert still_running(family) == []


@pytest.mark.parametrize("strategy", ["serial", "threads", "processes"])
def test_a_hang_is_ended_by_the_limit_and_leaves_nothing_behind(process, strategy):
    opened = open_case(process, loads.sleep_long, strategy)
    runner = psutil.Process(opened["pid"])
    family = [runner, *runner.children(recursive=True)]
    assert len(family) > (2 if strategy == "processes" else 0)
    with pytest.raises(MeasurementError) as raised:
        process.ask({"do": "calibrate", "tasks": 2, "loops": 1}, 0.5)
    assert "no answer to 'calibrate' within the time limit" in str(raised.value)
    assert "--time-limit" in str(raised.value)
    assert still_running(family) == []


def test_a_case_that_hangs_is_ended_as_a_whole():
    plan = Plan(seconds=1, time_limit=1.0)
    before = child_processes()
    with pytest.raises(MeasurementError, match="--time-limit"):
        measure(SERIAL, MadeWorkload(loads.sleep_long), plan, start)
    assert still_running(child_processes() - before) == []


def test_closing_ends_the_runner_and_its_workers(process):
    opened = open_case(process, loads.nothing, "processes")
    runner = psutil.Process(opened["pid"])
    family = [runner, *runner.children(recursive=True)]
    process.close()
    process.close()
    assert still_running(family) == []


SHARED_MEMORY = Path("/dev/shm")
in_shared_memory = pytest.mark.skipif(
    not SHARED_MEMORY.is_dir(), reason="shared memory and semaphores show in Linux's /dev/shm"
)


def mapped_by(family):
    """The files in /dev/shm that these processes have in use: blocks and semaphores."""
    paths = (
        Path(mapping.path) for process in family for mapping in process.memory_maps(grouped=False)
    )
    return {path for path in paths if path.parent == SHARED_MEMORY and path.exists()}


@contextlib.contextmanager
def interrupted(monkeypatch, process):
    """Ctrl-C arrives while the reply to the next request is waited for; then all goes on."""

    def interrupt(timeout):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(process._replies, "get", interrupt)
    with pytest.raises(KeyboardInterrupt):
        yield


@in_shared_memory
@pytest.mark.parametrize("strategy", ["shared", "processes", "forkserver", "pool", "loky"])
@pytest.mark.parametrize("end", ["time limit", "interrupt", "kill", "close"])
def test_nothing_is_left_in_shared_memory_however_a_runner_ends(
    process, strategy, end, monkeypatch
):
    strategy_here(strategy)
    hangs = end in ("time limit", "kill")
    request = opening(loads.sleep_long if hangs else loads.nothing, strategy, 2)
    runner = psutil.Process(ask(process, **request)["pid"])
    family = [runner, *runner.children(recursive=True)]
    used = mapped_by(family)
    assert used
    match end:
        case "time limit":
            with pytest.raises(MeasurementError, match="--time-limit"):
                process.ask({"do": "calibrate", "tasks": 2, "loops": 1}, 0.5)
        case "interrupt":
            with interrupted(monkeypatch, process):
                ask(process, do="calibrate", tasks=2, loops=1)
            process.close()
        case _:
            getattr(process, end)()
    assert {path for path in used if path.exists()} == set()
    assert still_running(family) == []


def test_a_reply_that_comes_late_is_not_taken_for_the_next_one(process, monkeypatch):
    open_case(process, loads.nothing)
    with interrupted(monkeypatch, process):
        ask(process, do="calibrate", tasks=2, loops=1)
    assert ask(process, do="check", tasks=2) == {"tasks": 2}


def test_after_an_interrupt_nobody_waits_for_a_call_that_hangs(process, monkeypatch):
    open_case(process, loads.sleep_long)
    asked = []
    with interrupted(monkeypatch, process):
        ask(process, do="check", tasks=2)
    monkeypatch.setattr(process, "ask", lambda request, limit_seconds: asked.append(request))
    process.close()
    assert asked == []
    assert process._process.returncode is not None


def test_an_end_is_noticed_though_a_forked_worker_holds_the_pipe(process):
    strategy_here("fork")
    runner = psutil.Process(open_case(process, loads.kill_parent, "fork")["pid"])
    with pytest.raises(MeasurementError, match="the runner ended by signal SIGKILL"):
        ask(process, do="calibrate", tasks=2, loops=1)
    assert still_running([runner]) == []


def open_descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_closing_leaves_no_descriptor_open():
    before = open_descriptors()
    process = start()
    open_case(process, loads.nothing)
    process.close()
    assert open_descriptors() <= before


SAMPLER = f"""#!{sys.executable}
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print("Sampling process", flush=True)
signal.sigwait([signal.SIGINT])
pathlib.Path(sys.argv[sys.argv.index("--output") + 1]).write_text("main 5")
"""


@pytest.mark.skipif(os.name != "posix", reason="the sampler is stopped by an interrupt")
@pytest.mark.skipif(not gil_enabled(), reason="there is no GIL to keep")
def test_a_library_that_sets_a_huge_switch_interval_is_named_and_loses_nothing(
    tmp_path, monkeypatch
):
    sampler = tmp_path / "sampler"
    sampler.write_text(SAMPLER)
    sampler.chmod(0o755)
    monkeypatch.setattr(module, "find_py_spy", lambda: str(sampler))
    plan = Plan(seconds=0, pairs=1, held_seconds=0.01, time_limit=PATIENCE_SECONDS)
    case = Case("made", 3, "threads", 2)
    measurement = measure(case, MadeWorkload(loads.keep_the_gil), plan, start)
    assert "sys.setswitchinterval to 100000 s" in measurement.note
    assert measurement.calibrated.call_seconds > 0
    assert measure(case, SQUARE, plan, start).note is None


def test_what_this_build_lacks_is_named_and_is_a_failure_while_no_other_build_has_it():
    with pytest.raises(WorkloadError, match=r"lacks math\.no_such, or the workload mis") as raised:
        measure(SERIAL, MadeWorkload(loads.ask_for_what_no_build_has), Plan(seconds=1), start)
    assert raised.value.missing == "math.no_such"
    assert str(raised.value).endswith("has no attribute 'no_such'\n")


def test_a_result_that_cannot_be_compared_is_refused_in_words():
    with pytest.raises(MeasurementError, match="generator cannot be compared") as raised:
        measure(SERIAL, MadeWorkload(loads.generated), Plan(seconds=1), start)
    assert "Traceback" not in str(raised.value)


def test_a_setup_that_raises_is_told_with_its_traceback():
    plan = Plan(seconds=1, before="helpers.loads:raise_in_setup")
    with pytest.raises(WorkloadError, match="the setup ran"):
        measure(SERIAL, SQUARE, plan, start)


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
