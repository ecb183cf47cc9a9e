"""What our executors cost above the bare ones, and what the stamps of a task cost, task by task.

python -m evaluation.dispatch     every strategy with an executor of its library's, three minutes
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from speedgate.runner import task
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.estimate import estimate_median

WORKERS = 2
TASKS = 400
ROUNDS = 14
WARM_ROUNDS = 2
POOLS = 10
KEY = "nothing"
REQUESTS = (task.BatchRequest(KEY, "workloads:NOOP.function", "workloads:NOOP.prepare", 1, 0, 4),)
Map = Callable[[Callable[..., Any]], object]
ARGUMENTS = ((KEY,) * TASKS, tuple(range(TASKS)), (1,) * TASKS)


def nothing(key: str, index: int, loops: int) -> None:
    """Do nothing with what a task is given."""


@contextmanager
def bare(name: str) -> Iterator[Map]:
    """Yield how one would map over the library's own executor."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        if name == "threads":
            threads = stack.enter_context(ThreadPoolExecutor(WORKERS))
            yield lambda function: list(threads.map(function, *ARGUMENTS))
        elif name in ("processes", "shared"):
            pool = stack.enter_context(ProcessPoolExecutor(WORKERS, mp_context=context))
            yield lambda function: list(pool.map(function, *ARGUMENTS))
        elif name == "pool":
            simple = stack.enter_context(context.Pool(WORKERS))
            yield lambda function: simple.starmap(function, zip(*ARGUMENTS, strict=True), 1)
        elif name == "loky":
            from joblib.externals.loky import ProcessPoolExecutor as Loky

            loky = stack.enter_context(Loky(WORKERS, timeout=None))
            yield lambda function: list(loky.map(function, *ARGUMENTS))
        elif name == "dask":
            import dask
            from distributed import Client, LocalCluster

            # As ours, so that what is compared is the executor: see DaskExecutor.
            dask.config.set({"distributed.scheduler.allowed-failures": 0})
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=WORKERS,
                    threads_per_worker=1,
                    dashboard_address=":0",
                    memory_limit=0,
                )
            )
            client = stack.enter_context(Client(cluster, set_as_default=False))
            options = {"pure": False, "workers": list(cluster.scheduler.workers), "retries": 0}
            yield lambda function: client.gather(client.map(function, *ARGUMENTS, **options))


Times = dict[str, list[float]]


def compare(name: str, function: Callable[..., Any]) -> str:
    """Time ``function`` in our executor and ``nothing`` in the bare one, in several pairs of pools.

    Two pools of one kind differ by ten percent and more, for as long as they live. So the
    interval is over the pools: each pair of them gives one ratio, of its medians.
    """
    pools = [time_pools(name, function, number % 2 == 0) for number in range(POOLS)]
    ratio = estimate_median([median(pool["ours"]) / median(pool["bare"]) for pool in pools])
    assert ratio is not None
    microseconds = {
        who: 1e6 * median(median(pool[who]) for pool in pools) / TASKS for who in ("ours", "bare")
    }
    return (
        f"{microseconds['bare']:.1f} us a task bare, {microseconds['ours']:.1f} us ours: "
        f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] times as long"
    )


def time_pools(name: str, function: Callable[..., Any], ours_first: bool) -> Times:
    """Return the seconds of rounds in a fresh pool of ours and a fresh bare one, in turn."""
    times: Times = {"ours": [], "bare": []}
    task.install(REQUESTS)
    with ExitStack() as stack:
        maps: dict[str, Map] = {}
        for who in ("ours", "bare") if ours_first else ("bare", "ours"):
            maps[who] = stack.enter_context(ours(name) if who == "ours" else bare(name))
        turns = [("ours", function), ("bare", nothing)]
        for number in range(ROUNDS):
            for who, called in turns:
                began = time.perf_counter()
                maps[who](called)
                if number >= WARM_ROUNDS:
                    times[who].append(time.perf_counter() - began)
            turns.reverse()
    return times


@contextmanager
def ours(name: str) -> Iterator[Map]:
    """Yield how one maps over our executor."""
    with STRATEGIES[name].open(WORKERS, task.install, (REQUESTS,)) as executor:
        yield lambda function: list(executor.map(function, *ARGUMENTS))


def main() -> None:
    # Dask's workers get this from Dask, and must be of the same build as this process.
    os.environ.update(dict.fromkeys(BLAS_THREAD_VARIABLES, "1"))
    for name in ("threads", "processes", "shared", "pool", "loky", "dask"):
        missing = STRATEGIES[name].unavailable()
        print(f"{name}: {missing or compare(name, nothing)}", flush=True)
    for name in ("threads", "processes"):
        print(f"{name}, with the stamps of the accounting: {compare(name, task.run)}", flush=True)


if __name__ == "__main__":
    main()
