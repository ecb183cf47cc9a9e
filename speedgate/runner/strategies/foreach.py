"""foreach: fresh threads on every call, items pulled one at a time from one iterator.

This is the contract of the SciPy cookbook's ``handythread``, which the article used: results in
the order of the input, the first exception stops the others and is raised, ``threads <= 1`` is a
plain loop.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from speedgate.runner.strategies.contract import BatchExecutor, Initializer, Strategy

T = TypeVar("T")
R = TypeVar("R")


class _Pull(Iterator[tuple[int, T]]):
    """One iterator shared by several threads; after ``stop`` it hands out nothing more."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = enumerate(items)
        self._lock = threading.Lock()
        self._stopped = False

    def __next__(self) -> tuple[int, T]:
        with self._lock:
            if self._stopped:
                raise StopIteration
            return next(self._items)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True


def parallel_map(
    function: Callable[[T], R],
    items: Iterable[T],
    threads: int = 3,
    at_start: Callable[[], None] | None = None,
) -> list[R]:
    """Return ``[function(item) for item in items]``, computed by ``threads`` new threads.

    ``at_start`` is run once by every thread. An exception, of ``function``, of the iteration or of
    ``at_start``, keeps the others from taking further items. The first in the order of the items
    is raised when all threads have ended: those before it have been taken and run to their end.
    """
    if threads <= 1:
        if at_start is not None:
            at_start()
        return [function(item) for item in items]
    pull = _Pull(items)
    results: dict[int, R] = {}
    errors: list[tuple[float, BaseException]] = []

    def work() -> None:
        place = -math.inf
        try:
            if at_start is not None:
                at_start()
            place = math.inf  # what the iteration raises comes after all that it has given
            for index, item in pull:
                place = index
                results[index] = function(item)
                place = math.inf
        except BaseException as error:  # noqa: BLE001  # raised in the caller
            pull.stop()
            errors.append((place, error))

    crew = [threading.Thread(target=work, name=f"foreach-{n}") for n in range(threads)]
    _start_and_join(crew, pull)
    if errors:
        raise min(errors, key=lambda raised: raised[0])[1]
    return [results[index] for index in range(len(results))]


def _start_and_join(crew: list[threading.Thread], pull: _Pull[Any]) -> None:
    """Run the threads to their end, also when the caller is interrupted."""
    started: list[threading.Thread] = []
    try:
        for thread in crew:
            thread.start()
            started.append(thread)
        for thread in started:
            thread.join()
    except BaseException:
        pull.stop()
        for thread in started:
            thread.join()
        raise


def foreach(
    function: Callable[[T], R], items: Iterable[T], threads: int = 3, return_: bool = False
) -> list[R] | None:
    """Call ``function`` on every item in ``threads`` new threads; the results if ``return_``."""
    results = parallel_map(function, items, threads)
    return results if return_ else None


class ForeachExecutor(BatchExecutor):
    """``parallel_map`` behind the executor interface: each ``map`` starts its own threads.

    A single task that is submitted gets a thread of its own, of which ``workers`` run at a time.
    """

    def __init__(self, workers: int, at_start: Callable[[], None]) -> None:
        self._workers = workers
        self._at_start = at_start
        self._turn = threading.Semaphore(workers)
        self._submitted: list[tuple[threading.Thread, Future[Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            with self._turn:
                if not future.set_running_or_notify_cancel():
                    return
                try:
                    self._at_start()
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  # raised in the caller
                    future.set_exception(error)

        thread = threading.Thread(target=work, name="foreach-submit")
        self._submitted.append((thread, future))
        thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel what has not begun; what runs runs to its end."""
        if cancel_futures:
            for _, future in self._submitted:
                future.cancel()
        while wait and self._submitted:
            thread, _ = self._submitted.pop()
            thread.join()

    def run_batch(self, function: Callable[..., Any], items: list[tuple[Any, ...]]) -> list[Any]:
        return parallel_map(lambda item: function(*item), items, self._workers, self._at_start)


def open_foreach(workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> Executor:
    """Return an executor that starts ``workers`` new threads for every ``map``."""
    return ForeachExecutor(workers, lambda: initializer(*arguments))


FOREACH = Strategy(name="foreach", open=open_foreach, workers_are="passing threads")
