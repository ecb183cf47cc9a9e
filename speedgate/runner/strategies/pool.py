"""pool: ``multiprocessing.Pool``, which the article used, behind the executor interface."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from concurrent.futures import wait as wait_for_all
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.pool import Pool
from typing import Any

from speedgate.runner.strategies.contract import BatchExecutor, Initializer, Strategy
from speedgate.runner.strategies.processes import MADE_BY_WORKER, start_tracker

START_METHOD = "spawn"
LOCK_SECONDS = 1.0


class _EndingPool(Pool):
    """A ``Pool`` whose ``terminate()`` ends, too, when a worker died with a lock of a queue: as it
    waited for a task, or handed over a result. A process that is killed takes the lock with it."""

    @classmethod
    def _terminate_pool(cls, taskqueue: Any, inqueue: Any, outqueue: Any, *others: Any) -> None:
        results = outqueue._wlock
        if results is not None:  # Windows writes without one
            results.acquire(timeout=LOCK_SECONDS)
            results.release()
        super()._terminate_pool(taskqueue, inqueue, outqueue, *others)  # type: ignore[misc]  # not in the stubs

    @staticmethod
    def _help_stuff_finish(inqueue: Any, task_handler: Any, size: int) -> None:
        # As in Pool itself, but for the limit.
        inqueue._rlock.acquire(timeout=LOCK_SECONDS)
        while task_handler.is_alive() and inqueue._reader.poll():
            inqueue._reader.recv()
            time.sleep(0)


class PoolExecutor(BatchExecutor):
    """A ``Pool`` that is broken when a worker has died.

    By itself it starts another in its place, and waits for the task of the dead one for ever.
    """

    def __init__(self, workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> None:
        start_tracker()
        before = set(multiprocessing.active_children())
        context = multiprocessing.get_context(START_METHOD)
        self._pool = _EndingPool(workers, initializer, arguments, context=context)
        crew = set(multiprocessing.active_children()) - before
        self._changing = threading.Lock()
        self._unsettled: set[Future[Any]] = set()
        self._is_broken = False
        self._woken, self._wake = multiprocessing.Pipe(duplex=False)
        self._watcher = threading.Thread(target=self._watch, args=(crew,), name="pool-watcher")
        self._watcher.start()

    def _watch(self, crew: set[Any]) -> None:
        """Break the pool when a worker ends before ``shutdown`` lets it."""
        ended = wait_for_any([self._woken, *(worker.sentinel for worker in crew)])
        if self._woken not in ended:
            with self._changing:
                self._is_broken = True
                unsettled, self._unsettled = self._unsettled, set()
            for future in unsettled:
                if future.set_running_or_notify_cancel():
                    future.set_exception(BrokenExecutor("a worker process of the pool died"))

    def _promise(self) -> tuple[Future[Any], Callable[[Any], None], Callable[[Any], None]]:
        """Return a future and the two ways of settling it; only the first of all ways counts."""
        future: Future[Any] = Future()
        with self._changing:
            if self._is_broken:
                raise BrokenExecutor("a worker process of the pool died")
            self._unsettled.add(future)

        def settle(set_it: Callable[[Any], None], outcome: Any) -> None:
            with self._changing:
                is_first = future in self._unsettled
                self._unsettled.discard(future)
            if is_first and future.set_running_or_notify_cancel():
                set_it(outcome)

        return (
            future,
            lambda result: settle(future.set_result, result),
            lambda error: settle(future.set_exception, error),
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future, succeed, fail = self._promise()
        self._pool.apply_async(fn, args, kwargs, callback=succeed, error_callback=fail)
        return future

    def run_batch(self, function: Callable[..., Any], items: list[tuple[Any, ...]]) -> list[Any]:
        """As the contract says; of several exceptions ``Pool`` keeps the one that came first."""
        if not items:
            return []  # Pool calls back for no empty batch
        future, succeed, fail = self._promise()
        self._pool.starmap_async(function, items, 1, callback=succeed, error_callback=fail)
        results: list[Any] = future.result()
        return results

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, in any case, or with ``cancel_futures`` end the workers."""
        with self._changing:
            unsettled = set(self._unsettled)
        if not cancel_futures:
            wait_for_all(unsettled)
        self._wake.close()
        self._watcher.join()
        if cancel_futures or self._is_broken:
            self._pool.terminate()
        else:
            self._pool.close()
        self._pool.join()
        self._woken.close()
        for future in unsettled:
            future.cancel()  # what has ended stays as it is


POOL = Strategy(
    name="pool",
    open=PoolExecutor,
    workers_are="processes",
    arrays=MADE_BY_WORKER,
    start_method=START_METHOD,
)
