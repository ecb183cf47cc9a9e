"""The conformance suite: what every strategy promises, asked of each in the same words."""

import contextlib
import errno
import gc
import multiprocessing.synchronize
import multiprocessing.util
import os
import tempfile
import threading
import time
import traceback
from concurrent.futures import BrokenExecutor
from importlib import import_module
from pathlib import Path

import psutil
import pytest
from helpers import loads
from helpers.available import strategy_here
from helpers.leftovers import (
    PATIENCE_SECONDS,
    child_processes,
    still_running,
    threads,
    threads_beyond,
)
from helpers.project import ROOT

from speedgate.runner.strategies import STRATEGIES
from speedgate.runner.strategies import threads as threads_module
from speedgate.runner.task import identify

WORKERS = 2

pytestmark = [
    # A thread of a library that dies of an exception has not cleaned up.
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
    # These tests fork the test process, which has threads; test_runner_process.py asks a runner.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    return strategy_here(request.param)


@pytest.fixture(
    params=[
        name
        for name, strategy in STRATEGIES.items()
        if strategy.workers_are in ("processes", "elsewhere")
    ]
)
def mortal(request):
    """A strategy whose workers can die by themselves; threads die with the process."""
    return strategy_here(request.param)


@pytest.fixture
def token(request):
    """Tells the starts of this test from those of others in the same thread."""
    return request.node.nodeid


@pytest.fixture
def executor(strategy, token):
    executor = open_executor(strategy, token)
    yield executor
    executor.shutdown()


def open_executor(strategy, token):
    workers = WORKERS if strategy.is_parallel else 1
    return strategy.open(workers, loads.count_starts, (token,))


def test_the_results_are_those_of_a_plain_loop_in_the_order_of_the_input(executor):
    items = [7, 3, 5, 1, 100, 3, *range(50)]
    assert list(executor.map(loads.square, items)) == [loads.square(item) for item in items]


def test_several_inputs_are_taken_side_by_side(executor):
    assert list(executor.map(divmod, [7, 8, 9], [2, 3, 5])) == [(3, 1), (2, 2), (1, 4)]


def test_one_item_is_enough(executor):
    assert list(executor.map(loads.square, [3])) == [9]


def test_no_item_gives_no_result(executor):
    assert list(executor.map(loads.square, [])) == []


def test_the_initializer_runs_once_in_every_worker_before_its_first_task(executor, token):
    assert set(executor.map(loads.starts_here, [token] * 40)) == {1}


def test_there_are_never_more_workers_than_were_asked_for(strategy, executor):
    seen = set(executor.map(identify, [0.001] * 40))
    assert len(seen) <= (WORKERS if strategy.is_parallel else 1)


def test_the_workers_are_where_the_strategy_says(strategy, executor):
    first, second = (set(executor.map(identify, [0.002] * 20)) for _ in range(2))
    caller = (os.getpid(), threading.get_ident(), threading.get_native_id())
    alive = {thread.ident for thread in threading.enumerate()}
    processes = {process for process, _, _ in first | second}
    match strategy.workers_are:
        case "caller":
            assert first == second == {caller}
        case "threads":
            assert processes == {os.getpid()}
            assert caller not in first | second
            assert {thread for _, thread, _ in first | second} <= alive
        case "passing threads":
            assert processes == {os.getpid()}
            assert caller not in first | second
            assert not {thread for _, thread, _ in first | second} & alive
        case "processes" | "elsewhere":
            assert os.getpid() not in processes
            assert len(processes) <= WORKERS


def test_an_exception_arrives_with_its_type_and_traceback(executor):
    with pytest.raises(ValueError, match="item 3 is bad") as raised:
        list(executor.map(loads.fail, [3]))
    text = "".join(traceback.format_exception(raised.value))
    assert "in fail" in text
    assert "loads.py" in text


@pytest.mark.parametrize("repetition", range(3))
def test_one_bad_item_is_enough_and_the_first_in_order_is_named(strategy, executor, repetition):
    first = "3" if strategy.name != "pool" else "[357]"  # Pool keeps what came first
    with pytest.raises(ValueError, match=f"item {first} is odd"):
        list(executor.map(loads.fail_on_odd_slowly, [0, 2, 3, 5, 7, 8]))


def test_the_workers_outlive_an_exception(executor):
    with pytest.raises(ValueError, match="is bad"):
        list(executor.map(loads.fail, range(4)))
    assert list(executor.map(loads.square, range(4))) == [0, 1, 4, 9]


def test_a_single_task_can_be_submitted(executor):
    assert executor.submit(loads.square, 4).result(60) == 16
    assert isinstance(executor.submit(loads.fail, 4).exception(60), ValueError)


def test_shutdown_waits_for_what_was_submitted(strategy, token):
    executor = open_executor(strategy, token)
    future = executor.submit(loads.sleep_a_little, 5)
    executor.shutdown()
    assert future.done()
    assert future.result() == 5


@pytest.mark.parametrize("function", [loads.square, loads.fail])
def test_shutdown_leaves_no_thread_and_no_process_behind(strategy, token, function):
    before, processes = threads(), child_processes()
    with open_executor(strategy, token) as executor:
        try:
            list(executor.map(function, range(20)))
        except ValueError:
            assert function is loads.fail
    assert threads_beyond(before) == set()
    assert still_running(child_processes() - processes) == []


def end_well(executor):
    list(executor.map(loads.square, range(4)))
    executor.shutdown()


def end_by_an_exception(executor):
    with pytest.raises(ValueError, match="is bad"):
        list(executor.map(loads.fail, range(4)))
    executor.shutdown()


def end_by_cancelling(executor):
    for number in range(8):
        executor.submit(loads.sleep_a_little, number)
    executor.shutdown(cancel_futures=True)


def end_by_a_death(executor):
    with contextlib.suppress(BrokenExecutor):  # threads stay alive
        list(executor.map(loads.leave_if_a_child, range(4)))
    executor.shutdown()


def in_shared_memory_of(family):
    """The files in /dev/shm that these processes have in use."""
    maps = (Path(f"/proc/{process.pid}/maps") for process in family)
    lines = "".join(path.read_text() for path in maps if path.exists()).splitlines()
    return {path for path in (Path(line.split()[-1]) for line in lines if "/dev/shm/" in line)
            if path.exists()}  # fmt: skip


@pytest.mark.parametrize("end", [end_well, end_by_an_exception, end_by_cancelling, end_by_a_death])
def test_no_file_and_no_shared_memory_is_left_behind(strategy, token, end, tmp_path, monkeypatch):
    multiprocessing.util.get_temp_dir()  # for the server of forkserver: as long as this process
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = in_shared_memory_of([psutil.Process(), *child_processes()])  # of other tests

    def use_and_end():
        executor = open_executor(strategy, token)
        list(executor.map(identify, [0.01] * 4))
        used = in_shared_memory_of([psutil.Process(), *child_processes()]) - before
        end(executor)
        return used

    used = use_and_end()
    assert used or strategy.start_method not in ("spawn", "loky") or not Path("/dev/shm").is_dir()
    assert list(tmp_path.iterdir()) == []
    if strategy.name == "loky" and end is end_by_a_death:
        return  # it keeps a killed pool's semaphores; its tracker unlinks them after the process
    until = time.monotonic() + PATIENCE_SECONDS
    while any(path.exists() for path in used) and time.monotonic() < until:
        gc.collect()  # semaphores go with the objects that hold them
        time.sleep(0.02)
    assert {path for path in used if path.exists()} == set()


@pytest.mark.skipif(os.name != "posix", reason="semaphores have no names on Windows")
@pytest.mark.parametrize("name", ["processes", "forkserver", "pool", "loky"])
def test_where_no_process_can_start_no_semaphore_is_made(name, monkeypatch):
    """It would stay for good: what unlinks it is a process, too."""
    strategy, made = strategy_here(name), []

    def refuses():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(
        multiprocessing.synchronize.SemLock, "__init__", lambda lock, *_, **__: made.append(lock)
    )
    package = "joblib.externals.loky.backend" if name == "loky" else "multiprocessing"
    tracker = import_module(f"{package}.resource_tracker")
    monkeypatch.setattr(tracker, "ensure_running", refuses)
    with pytest.raises(BlockingIOError):
        strategy.open(WORKERS, loads.nothing, ())
    assert made == []


def test_a_shutdown_that_cancels_runs_nothing_that_had_not_begun(strategy, token, tmp_path):
    processes = child_processes()
    executor = open_executor(strategy, token)
    list(executor.map(identify, [0.01] * 4))
    futures = [executor.submit(loads.sleep_and_leave_a_mark, str(tmp_path), n) for n in range(20)]
    executor.shutdown(cancel_futures=True)
    assert all(future.done() for future in futures)
    assert still_running(child_processes() - processes) == []
    marks = {path.name for path in tmp_path.iterdir()}
    if strategy.workers_are != "caller":  # there each has ended when it is submitted
        assert len(marks) < len(futures)
    for number, future in enumerate(futures):
        if future.cancelled() and strategy.workers_are not in ("processes", "elsewhere"):
            assert str(number) not in marks
        if not future.cancelled() and future.exception() is None:
            assert str(number) in marks


# A map cancels what is pending; the thread of CPython 3.11's pool may then end by setting it again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_is_an_error_and_no_end_of_waiting(mortal, token):
    processes = child_processes()
    executor = open_executor(mortal, token)
    with pytest.raises(BrokenExecutor):
        list(executor.map(loads.leave_if_a_child, range(4)))
    executor.shutdown()
    assert still_running(child_processes() - processes) == []


def test_a_worker_that_dies_between_two_batches_is_an_error(mortal, token):
    """Else the rounds go on with fewer workers, or with a fresh one that nobody has warmed."""
    processes = child_processes()
    executor = open_executor(mortal, token)
    workers = {process for process, _, _ in executor.map(identify, [0.01] * 20)}
    victim = psutil.Process(max(workers))
    victim.kill()
    assert still_running([victim]) == []
    with pytest.raises(BrokenExecutor):
        map_until(executor, time.monotonic() + PATIENCE_SECONDS)
    executor.shutdown()
    assert still_running(child_processes() - processes) == []


@pytest.mark.parametrize(("queue", "lock"), [("_inqueue", "_rlock"), ("_outqueue", "_wlock")])
def test_a_pool_ends_whose_worker_took_a_lock_along(queue, lock, token):
    executor = open_executor(STRATEGIES["pool"], token)
    held = getattr(getattr(executor._pool, queue), lock)
    if held is None:
        executor.shutdown()
        pytest.skip("this platform has no such lock")
    victim = executor._pool._pool[0]
    held.acquire()  # for the worker, which dies before it gives it back
    victim.kill()
    ending = threading.Thread(target=executor.shutdown, kwargs={"cancel_futures": True})
    ending.daemon = True
    ending.start()
    ending.join(PATIENCE_SECONDS)
    assert not ending.is_alive()


def test_a_submitted_task_whose_worker_dies_is_settled(mortal, token):
    executor = open_executor(mortal, token)
    futures = [executor.submit(loads.leave_if_a_child, n) for n in range(4)]
    assert futures[0].exception(PATIENCE_SECONDS) is not None
    executor.shutdown()
    assert all(future.done() for future in futures)


def map_until(executor, until):
    """Batch after batch: a library may take a moment to notice that a worker is gone."""
    while time.monotonic() < until:
        list(executor.map(identify, [0.01] * 4))


@pytest.mark.parametrize("is_used", [False, True])
def test_it_can_be_shut_down_twice(strategy, token, is_used):
    executor = open_executor(strategy, token)
    if is_used:
        assert list(executor.map(loads.square, [3])) == [9]
        assert executor.submit(loads.square, 4).result(60) == 16
    executor.shutdown()
    executor.shutdown()


def test_only_processes_have_a_start_method(strategy):
    assert (strategy.start_method is not None) == (strategy.workers_are == "processes")


def test_the_name_can_stand_in_an_id(strategy):
    assert STRATEGIES[strategy.name] is strategy
    assert "-" not in strategy.name


def test_the_smallest_strategy_is_shown_as_it_is():
    shown = (ROOT / "CONTRIBUTING.md").read_text().split("```python\n")[1].split("```")[0]
    assert shown == Path(threads_module.__file__).read_text()
    assert shown.count("\n") < 100


@pytest.mark.parametrize("workers", [0, 2])
def test_serial_refuses_more_than_one_worker(workers):
    with pytest.raises(ValueError, match="one thread"):
        STRATEGIES["serial"].open(workers, loads.count_starts, ("",))


def test_the_threads_of_a_pool_run_side_by_side():
    """Both wait in the barrier at once, or the test breaks it."""
    barrier = threading.Barrier(WORKERS, timeout=60)
    for name in ("threads", "foreach"):
        with STRATEGIES[name].open(WORKERS, loads.count_starts, (name,)) as executor:
            list(executor.map(lambda _: barrier.wait(), range(WORKERS)))
