"""processes, fork and forkserver: a ``ProcessPoolExecutor`` that is kept between rounds.

``processes`` starts them by spawn everywhere, so that one name means one thing on every platform
and no fork copies a BLAS whose threads it does not copy (that has deadlocked). ``fork`` and
``forkserver`` are for those who choose them: with fork a worker finds the caller's arrays in its
own memory, where the pages stay shared until one of the two writes.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from multiprocessing import resource_tracker
from typing import Any

from speedgate.runner.strategies.contract import Initializer, Strategy

MADE_BY_WORKER = "made by each worker"


def open_processes(
    start_method: str, workers: int, initializer: Initializer, arguments: tuple[Any, ...]
) -> Executor:
    """Return a pool of ``workers`` processes; each imports what the initializer needs."""
    if start_method != "fork":
        start_tracker()
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context(start_method),
        initializer=initializer,
        initargs=arguments,
    )


def start_tracker() -> None:
    """Start the process that unlinks what semaphores are left, before there are any.

    At the limit of processes it cannot start, and the first semaphore would stay for good.
    """
    if os.name == "posix":
        resource_tracker.ensure_running()


def lacks(start_method: str) -> str | None:
    """Return why processes cannot be started so, ``None`` if they can."""
    available = multiprocessing.get_all_start_methods()
    if start_method in available:
        return None
    return f"this platform does not start processes by {start_method}, only by {available[0]}"


def by(name: str, start_method: str, arrays: str) -> Strategy:
    """Return the strategy that starts its processes by ``start_method``."""
    return Strategy(
        name=name,
        open=partial(open_processes, start_method),
        workers_are="processes",
        arrays=arrays,
        start_method=start_method,
        unavailable=partial(lacks, start_method),
    )


PROCESSES = by("processes", "spawn", MADE_BY_WORKER)
FORK = by("fork", "fork", "inherited from the caller")
FORKSERVER = by("forkserver", "forkserver", MADE_BY_WORKER)
