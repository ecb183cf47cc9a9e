"""pool: ``multiprocessing.Pool``, which the article used, behind the executor interface."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from speedgate.strategies.contract import BatchExecutor, Initializer, Strategy
from speedgate.strategies.processes import MADE_BY_WORKER

START_METHOD = "spawn"
LOOK_SECONDS = 0.2


class PoolExecutor(BatchExecutor):
    """A ``Pool`` that says so when a worker has died: by itself it waits for the task for ever."""

    def __init__(self, workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> None:
        before = set(multiprocessing.active_children())
        context = multiprocessing.get_context(START_METHOD)
        self._pool = context.Pool(workers, initializer, arguments)
        self._workers = set(multiprocessing.active_children()) - before
        self._submitted: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def settle(set_it: Callable[[Any], None], outcome: Any) -> None:
            if future.set_running_or_notify_cancel():
                set_it(outcome)

        self._pool.apply_async(
            fn,
            args,
            kwargs,
            callback=lambda result: settle(future.set_result, result),
            error_callback=lambda error: settle(future.set_exception, error),
        )
        self._submitted.append(future)
        return future

    def run_batch(self, function: Callable[..., Any], items: list[tuple[Any, ...]]) -> list[Any]:
        running = self._pool.starmap_async(function, items, chunksize=1)
        while not running.ready():
            running.wait(LOOK_SECONDS)
            if not running.ready() and not all(worker.is_alive() for worker in self._workers):
                self._pool.terminate()
                raise BrokenExecutor("a worker process of the pool died while it had a task")
        return running.get()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted; with ``cancel_futures`` end the workers at once."""
        if cancel_futures:
            self._pool.terminate()
        else:
            self._pool.close()
        if wait or cancel_futures:
            self._pool.join()
        for future in self._submitted:
            future.cancel()  # what has ended stays as it is
        self._submitted.clear()


POOL = Strategy(
    name="pool",
    open=PoolExecutor,
    workers_are="processes",
    arrays=MADE_BY_WORKER,
    start_method=START_METHOD,
)
