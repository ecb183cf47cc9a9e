"""loky: joblib's process pool; the arrays lie in a file that every worker maps into memory."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

from speedgate.runner.strategies.contract import Initializer, Strategy
from speedgate.runner.strategies.extras import lacks, load


class MappedObject:
    """An object whose arrays lie in a file, as joblib lays them for its own workers.

    All that load it see the same bytes, and what is written into them. ``close()`` deletes the
    file; a process that is killed leaves it in the folder for temporary files.
    """

    def __init__(self, value: Any) -> None:
        joblib = load("joblib")
        self._folder = tempfile.mkdtemp(prefix="speedgate-")
        try:
            joblib.dump(value, Path(self._folder, "arrays"))
        except BaseException:
            self.close()
            raise

    def load(self) -> Any:
        """Return the object, its arrays mapped from the file."""
        return load("joblib").load(Path(self._folder, "arrays"), mmap_mode="r+")

    def close(self) -> None:
        """Delete the file; those who have it mapped keep their view of it."""
        shutil.rmtree(self._folder, ignore_errors=True)


class LokyExecutor(Executor):
    """loky's pool of processes, none of which ends for want of work."""

    def __init__(self, workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> None:
        if os.name == "posix":  # its own tracker, for the same reason as ``start_tracker``
            load("joblib.externals.loky.backend.resource_tracker").ensure_running()
        self._pool: Any = load("joblib.externals.loky").ProcessPoolExecutor(
            workers, timeout=None, initializer=initializer, initargs=arguments
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = self._pool.submit(fn, *args, **kwargs)
        return future

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> Any:
        return self._pool.map(fn, *iterables, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted; with ``cancel_futures`` end the workers at once."""
        if cancel_futures:
            forget_waiting(self._pool)
        self._pool.shutdown(wait=wait, kill_workers=cancel_futures)


def forget_waiting(pool: Any) -> None:
    """Empty a pool's queue of what has not begun, before its workers are killed.

    loky itself forgets those tasks and not their numbers: the thread that manages the workers then
    looks for one (``KeyError``), and ends before it has closed the pool's queues and semaphores
    (joblib 1.6, loky/process_executor.py, flag_executor_shutting_down).
    """
    numbers = getattr(pool, "_work_ids", None)
    if numbers is not None:
        with contextlib.suppress(queue.Empty):
            while True:
                numbers.get_nowait()


LOKY = Strategy(
    name="loky",
    open=LokyExecutor,
    workers_are="processes",
    arrays="a memory-mapped file",
    share=MappedObject,
    start_method="loky",
    unavailable=partial(lacks, "joblib", "loky"),
)
