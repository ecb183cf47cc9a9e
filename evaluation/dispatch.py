"""What our way of running a round costs above the bare executor's, task by task.

python -m evaluation.dispatch     threads and processes, in turn, in one minute
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import repeat
from statistics import median

from speedgate import task
from speedgate.estimate import estimate_median
from speedgate.runner import Crew, Load
from speedgate.strategies import STRATEGIES

WORKERS = 2
TASKS = 1000
ROUNDS = 60
KEY = "nothing"
REQUESTS = (task.BatchRequest(KEY, "workloads:NOOP.function", "workloads:NOOP.prepare", 1, 0, 4),)


def nothing(key: str, index: int, loops: int) -> None:
    """Do nothing."""


def bare_executor(name: str) -> Executor:
    if name == "threads":
        return ThreadPoolExecutor(WORKERS)
    return ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))


def bare_round(executor: Executor) -> float:
    """Seconds in which the executor maps an empty function of three arguments."""
    began = time.perf_counter()
    list(executor.map(nothing, repeat(KEY), range(TASKS), repeat(1)))
    return time.perf_counter() - began


def compare(name: str) -> str:
    """Time both in turn, the one first that was second before."""
    task.install(REQUESTS)
    crew, executor = Crew(STRATEGIES[name], WORKERS, REQUESTS), bare_executor(name)
    load = Load(TASKS, 1)
    ours: list[float] = []
    bare: list[float] = []

    def our_round() -> None:
        began = time.perf_counter()
        crew.round(KEY, load, 0)
        ours.append(time.perf_counter() - began)

    try:
        for number in range(ROUNDS):
            turns = [our_round, lambda: bare.append(bare_round(executor))]
            for turn in turns if number % 2 else reversed(turns):
                turn()
    finally:
        crew.close()
        executor.shutdown()
    ratio = estimate_median([one / other for one, other in zip(ours, bare, strict=True)])
    assert ratio is not None
    return (
        f"{name}: {1e6 * median(bare) / TASKS:.1f} us a task bare, "
        f"{1e6 * median(ours) / TASKS:.1f} us ours: {ratio.value:.3f} "
        f"[{ratio.low:.3f}, {ratio.high:.3f}] times as long"
    )


def main() -> None:
    for name in ("threads", "processes"):
        print(compare(name), flush=True)


if __name__ == "__main__":
    main()
