"""processes: a ``ProcessPoolExecutor`` that is kept between rounds.

The start method is spawn everywhere, so that one name means one thing on every platform and no
fork copies a BLAS whose threads it does not copy (that has deadlocked).
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

from speedgate.strategies.contract import Initializer, Strategy

START_METHOD = "spawn"


def open_processes(workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> Executor:
    """Return a pool of ``workers`` processes; each imports what the initializer needs."""
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context(START_METHOD),
        initializer=initializer,
        initargs=arguments,
    )


PROCESSES = Strategy(
    name="processes",
    open=open_processes,
    workers_are="processes",
    start_method=START_METHOD,
)
