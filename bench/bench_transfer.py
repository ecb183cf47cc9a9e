"""What it costs to give an array to a worker process and to have the result, one number changed.

pytest bench/bench_transfer.py     1 kB to 80 MB, by every way, one minute

The ways: pickle (there and back through a pipe), shared memory where the array lies already, the
same with every element read, shared memory into which it is copied first, a memory-mapped file,
and a forked process that inherits it and sends it back through a pipe. pytest-benchmark times these
as it times any function; a run of all of bench/ measures them, too, and shows its table only where
this file is named, or with -v.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest

from speedgate.runner.strategies.shared import SharedObject
from workloads import transfer

# Plain benchmarks of this suite: their table would bury the first screen.
pytestmark = pytest.mark.speedgate_plain

SIZES = {"1kB": 125, "100kB": 12_500, "8MB": 1_000_000, "80MB": 10_000_000}
ROUNDS = 7


@pytest.fixture(scope="module")
def worker():
    """One process that is there already and has NumPy loaded."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(transfer.there_and_back, np.ones(1)).result()
        yield pool


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def array(request):
    return np.ones(request.param)


@pytest.fixture
def lay():
    """Lays an array into shared memory, in the place of the one that lay there before."""
    with ExitStack() as last:

        def lay(array):
            last.close()
            block = SharedObject(array)
            last.callback(block.close)
            return block

        yield lay


def bench_pickle(benchmark, worker, array):
    def move():
        return worker.submit(transfer.there_and_back, array).result()

    assert benchmark.pedantic(move, rounds=ROUNDS, warmup_rounds=1)[0] == 2


@pytest.mark.parametrize(
    "function",
    [transfer.count_up_shared, transfer.count_up_and_read_shared],
    ids=["only", "and-read"],
)
def bench_shared(benchmark, worker, array, lay, function):
    def lay_one():
        return (lay(array),), {}

    def move(shared):
        worker.submit(function, shared).result()
        return shared.load()[0]

    assert benchmark.pedantic(move, setup=lay_one, rounds=ROUNDS) == 2


def bench_shared_copied_in(benchmark, worker, array, lay):
    def move():
        block = lay(array)
        worker.submit(transfer.count_up_shared, block).result()
        return block.load()[0]

    assert benchmark.pedantic(move, rounds=ROUNDS, warmup_rounds=1) == 2


def bench_mapped_file(benchmark, worker, array, tmp_path):
    path = str(tmp_path / "array")
    array.tofile(path)

    def move():
        return worker.submit(transfer.count_up_mapped, path, array.size).result()

    counted = benchmark.pedantic(move, rounds=ROUNDS, warmup_rounds=1)
    assert counted == np.fromfile(path, count=1)[0] > 1


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform"
)
def bench_fork(benchmark, array):
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def child():
        array[0] += 1
        there.send(array)

    def move():
        process = context.Process(target=child)
        process.start()
        received = here.recv()
        process.join()
        return received

    assert benchmark.pedantic(move, rounds=ROUNDS, warmup_rounds=1)[0] == 2
