"""Runners in processes of their own: what they print, how they end, and what they leave."""

import contextlib
import os
import sys
from pathlib import Path

import psutil
import pytest
from helpers import loads
from helpers.available import strategy_here
from helpers.leftovers import child_processes, still_running
from helpers.made import SERIAL, SQUARE, MadeWorkload, opening
from helpers.project import TESTS_FOLDER

from speedgate.measuring import measure as module
from speedgate.measuring.errors import MeasurementError, WorkloadError
from speedgate.measuring.measure import measure
from speedgate.measuring.plan import Plan, open_request
from speedgate.measuring.runner_process import Interpreter, RunnerProcess
from speedgate.runner.gil import gil_enabled
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES
from speedgate.runner.messages import encode
from speedgate.stats.case import Case

# Far longer than anything here takes: only what hangs meets it.
PATIENCE_SECONDS = 120.0


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
