"""The conformance suite: what every strategy promises, asked of each in the same words."""

import asyncio
import contextlib
import errno
import gc
import multiprocessing.util
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import BrokenExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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

from speedgate.runner import task
from speedgate.runner.interpreter import describe_interpreter
from speedgate.runner.strategies import STRATEGIES, CannotMeasure, extras, processes
from speedgate.runner.strategies import threads as threads_module
from speedgate.runner.strategies.dask import DaskExecutor, _end_reports, close_cluster
from speedgate.runner.strategies.extras import lacks
from speedgate.runner.strategies.shared import SharedObject
from speedgate.runner.task import identify
from speedgate.runner.worker_pool import share

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
    before = in_shared_memory_of([psutil.Process()])

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


@pytest.fixture(params=[name for name, known in STRATEGIES.items() if known.share is not None])
def sharing(request):
    return strategy_here(request.param)


def test_what_is_shared_is_one_and_the_same_for_all_workers(sharing):
    value = {"arrays": (np.arange(1000.0), np.zeros(10)), "text": "kept"}
    shared = sharing.share(value)
    with sharing.open(WORKERS, loads.keep_shared, (shared,)) as executor:
        seen = set(executor.map(loads.sum_shared, range(20)))
        assert {(total, text) for _, total, text in seen} == {(499_500.0, "kept")}
        executor.submit(loads.write_shared, 7).result(60)
        assert {value for _, value in executor.map(loads.read_shared, range(20))} == {7.0}
    shared.close()


def test_what_is_shared_travels_as_a_name(sharing):
    shared = sharing.share({"arrays": (np.zeros(1_000_000),)})
    assert len(pickle.dumps(shared)) < 1000
    shared.close()


def test_arrays_of_any_kind_come_back_as_they_were(sharing):
    value = [
        np.arange(12, dtype="i4").reshape(3, 4),
        np.asfortranarray(np.eye(3)),
        np.arange(10)[::2],
        np.array([]),
        np.array(["a", "bc"]),
        np.array([1, "two"], dtype=object),
        {"nested": (np.float32(1.5), np.ones(2) == 1)},
    ]
    shared = sharing.share(value)
    loaded = shared.load()
    for one, other in zip(value[:6], loaded[:6], strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert loaded[6]["nested"][0] == np.float32(1.5)
    del loaded
    shared.close()


def test_what_was_shared_is_gone_after_close(sharing, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shared = sharing.share({"arrays": (np.zeros(1000),)})
    elsewhere = pickle.loads(pickle.dumps(shared))
    shared.close()
    shared.close()
    with pytest.raises(FileNotFoundError):
        elsewhere.load()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory shows in Linux's /dev/shm")
def test_a_block_that_cannot_be_filled_is_freed(monkeypatch):
    blocks = []

    def fail(self, buffers):
        blocks.append(Path("/dev/shm", self.name))
        assert blocks[0].exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(SharedObject, "_fill", fail)
    with pytest.raises(KeyboardInterrupt):
        SharedObject(np.zeros(1000))
    assert not blocks[0].exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="POSIX reserves memory so")
def test_a_block_that_does_not_fit_is_refused_with_the_remedy(monkeypatch):
    asked = []

    def refuse(descriptor, start, size):
        asked.append((Path(f"/proc/self/fd/{descriptor}").readlink(), size))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(CannotMeasure, match=r"need 8,000 bytes .*--sizes.*--shm-size"):
        SharedObject(np.zeros(1000))
    ((block, size),) = asked
    assert (block.parent, size) == (Path("/dev/shm"), 8000)
    assert not block.exists()


OWNER = """
import os, signal
import numpy as np
from speedgate.runner.strategies.shared import SharedObject
print(SharedObject(np.zeros(1000)).name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory shows in Linux's /dev/shm")
def test_shared_memory_goes_with_an_owner_that_is_killed():
    done = subprocess.run(
        [sys.executable, "-c", OWNER], capture_output=True, text=True, check=False, timeout=60
    )
    block, until = Path("/dev/shm", done.stdout.strip()), time.monotonic() + PATIENCE_SECONDS
    while block.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not block.exists()


def test_what_cannot_be_pickled_is_not_available(monkeypatch):
    with pytest.raises(NotImplementedError, match=r"shared has to pickle .*lock"):
        share(STRATEGIES["shared"], install_a_lock(monkeypatch))


def install_a_lock(monkeypatch):
    request = task.BatchRequest("locked", "helpers.loads:nothing", "helpers.loads:a_lock", 1, 0, 1)
    monkeypatch.setitem(task._batches, "locked", task.Batch(loads.nothing, [loads.a_lock()], True))
    return (request,)


def test_a_missing_library_is_named_with_the_way_to_install_it(monkeypatch):
    ours = SimpleNamespace(read_text={"METADATA": "Version: 1.0"}.get)
    monkeypatch.setattr(extras, "installed", {"speedgate": ours}.get)
    assert lacks("json", "dask") is None
    assert lacks("no_such_library", "dask") == (
        "no_such_library is not installed: pip install 'speedgate[dask]'"
    )
    assert lacks("no_such") == "no_such is not installed: pip install no_such"
    # Another Python that is measured has no Speedgate, and so none of its extras.
    monkeypatch.setattr(extras, "installed", lambda name: None)
    assert lacks("no_such", "dask") == "no_such is not installed: pip install no_such"


def test_what_half_an_uninstallation_left_has_no_extras(tmp_path, monkeypatch):
    (tmp_path / "speedgate-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert extras.installed("speedgate") is not None
    assert lacks("no_such", "dask") == "no_such is not installed: pip install no_such"


LIBRARIES = {
    "dask": "distributed",
    "loky": "joblib.externals.loky",
    "numexpr": "numexpr",
    "numba": "numba",
    "blas": "threadpoolctl",
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_does_not_load_is_a_reason_and_no_import_error(name, monkeypatch):
    strategy_here(name)
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)  # then its import fails
    with pytest.raises(NotImplementedError, match=rf"{LIBRARIES[name]} is installed and does not"):
        STRATEGIES[name].open(WORKERS, loads.count_starts, (name,))


def test_a_mapped_file_without_its_library_is_no_import_error(monkeypatch):
    strategy_here("loky")
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(NotImplementedError, match="joblib is installed and does not load"):
        STRATEGIES["loky"].share([])


@pytest.mark.parametrize(
    ("name", "variable"), [("numba", "NUMBA_NUM_THREADS"), ("numexpr", "NUMEXPR_MAX_THREADS")]
)
def test_more_threads_than_a_library_has_are_a_reason_with_the_remedy(name, variable):
    strategy_here(name)
    with pytest.raises(NotImplementedError, match=f"not in 9999 threads: .*set {variable}=9999"):
        STRATEGIES[name].open(9999, loads.count_starts, (name,))


def test_a_start_method_that_the_platform_lacks_is_named():
    assert "does not start processes by teleport" in processes.lacks("teleport")


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


def choose(workers, environments):
    """Let a cluster's workers be chosen, made-up ones that describe themselves so."""
    client = SimpleNamespace(run=lambda function, workers: {w: environments[w] for w in workers})
    cluster = SimpleNamespace(_living=lambda: set(environments), _client=client)
    return DaskExecutor._choose(cluster, workers, "tcp://scheduler")


def test_a_cluster_with_too_few_workers_is_refused():
    with pytest.raises(NotImplementedError, match=r"at tcp://scheduler has 1 workers, not 2"):
        choose(2, {"tcp://a": describe_interpreter()})


def test_workers_of_the_same_build_are_chosen_and_no_more_than_asked_for():
    here = describe_interpreter()
    assert choose(2, {f"tcp://{worker}": here for worker in "cab"}) == ["tcp://a", "tcp://b"]


OTHER_BLAS = {"user_api": "blas", "internal_api": "mkl", "version": "1", "num_threads": 8}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"python": "2.7.18"}, r"python \(2\.7\.18, here "),
        ({"numpy": {"version": "1.0"}}, r"numpy"),
        ({"blas": [OTHER_BLAS]}, r"mkl 1 with 8 threads, which is not here"),
    ],
)
def test_a_worker_of_another_build_is_refused_with_the_difference(change, told):
    other = describe_interpreter() | change
    with pytest.raises(NotImplementedError, match=rf"worker tcp://b differs .*{told}.*start it"):
        choose(2, {"tcp://a": describe_interpreter(), "tcp://b": other})


def test_a_cluster_that_does_not_close_leaves_no_workers():
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

    def close(timeout):
        raise TimeoutError(f"after {timeout} s")

    nannies = {0: SimpleNamespace(pid=worker.pid), 1: SimpleNamespace(pid=None)}
    close_cluster(SimpleNamespace(close=close, workers=nannies, sync=lambda *_, **__: None))
    assert worker.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_a_report_that_swallows_its_cancellation_once_is_ended_all_the_same():
    async def stubborn():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(600)
        await asyncio.sleep(600)

    async def scene():
        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(0)
        await _end_reports(SimpleNamespace(_sync_cluster_info_task=task))
        return task.cancelled()

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE_SECONDS))
