"""threads: a ``ThreadPoolExecutor`` that is kept between rounds."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from speedgate.runner.strategies.contract import Initializer, Strategy


def open_threads(workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> Executor:
    """Return a pool of ``workers`` threads; they start as tasks arrive."""
    return ThreadPoolExecutor(
        workers, thread_name_prefix="speedgate", initializer=initializer, initargs=arguments
    )


THREADS = Strategy(name="threads", open=open_threads, workers_are="threads")
