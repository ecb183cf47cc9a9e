"""What our executors cost above the bare ones, and what the stamps of a task cost, task by task.

python -m evaluation.dispatch     every strategy with an executor of its library's, one minute
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import repeat
from statistics import median
from typing import Any

from speedgate import task
from speedgate.environment import BLAS_THREAD_VARIABLES
from speedgate.estimate import estimate_median
from speedgate.strategies import STRATEGIES

WORKERS = 2
TASKS = 400
ROUNDS = 100
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
            from distributed import Client, LocalCluster

            cluster = stack.enter_context(
                LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)
            )
            client = stack.enter_context(Client(cluster))
            yield lambda function: client.gather(client.map(function, *ARGUMENTS, pure=False))


def compare(name: str, function: Callable[..., Any]) -> str:
    """Time ``function`` in our executor and ``nothing`` in the bare one, in turn."""
    times: dict[str, list[float]] = {"ours": [], "bare": []}

    def timed(who: str, mapped: Map, called: Callable[..., Any]) -> None:
        began = time.perf_counter()
        mapped(called)
        times[who].append(time.perf_counter() - began)

    task.install(REQUESTS)
    strategy = STRATEGIES[name]
    with bare(name) as theirs, strategy.open(WORKERS, task.install, (REQUESTS,)) as executor:
        turns = [
            ("ours", lambda called: list(executor.map(called, *ARGUMENTS)), function),
            ("bare", theirs, nothing),
        ]
        for _ in repeat(None, ROUNDS):
            for who, mapped, called in turns:
                timed(who, mapped, called)
            turns.reverse()
    pairs = zip(times["ours"][2:], times["bare"][2:], strict=True)
    ratio = estimate_median([one / other for one, other in pairs])
    assert ratio is not None
    microseconds = {who: 1e6 * median(each) / TASKS for who, each in times.items()}
    return (
        f"{microseconds['bare']:.1f} us a task bare, {microseconds['ours']:.1f} us ours: "
        f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] times as long"
    )


def main() -> None:
    # Dask's workers get this from Dask, and must be of the same build as this process.
    os.environ.update(dict.fromkeys(BLAS_THREAD_VARIABLES, "1"))
    for name in ("threads", "processes", "pool", "loky", "dask"):
        missing = STRATEGIES[name].unavailable()
        print(f"{name}: {missing or compare(name, nothing)}", flush=True)
    for name in ("threads", "processes"):
        print(f"{name}, with the stamps of the accounting: {compare(name, task.run)}", flush=True)


if __name__ == "__main__":
    main()
