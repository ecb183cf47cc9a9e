"""numexpr, numba and blas: one call that uses several threads by itself, instead of several calls.

What a user would pick in place of threads: not another way to run the same function but another
version of it, which the workload names under ``peers``. Its tasks run one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from speedgate.runner.strategies.contract import BatchExecutor, Initializer, Strategy
from speedgate.runner.strategies.extras import lacks, load

WithThreads = Callable[[int], AbstractContextManager[Any]]


class InsideExecutor(BatchExecutor):
    """One worker thread; what it calls may use ``workers`` threads of its library's own.

    Raises ``NotImplementedError`` where the library cannot have that number;
    ``variable`` gives more.
    """

    def __init__(
        self,
        with_threads: WithThreads,
        variable: str,
        workers: int,
        initializer: Initializer,
        arguments: tuple[Any, ...],
    ) -> None:
        try:
            with with_threads(workers):
                pass
        except ValueError as error:
            raise NotImplementedError(
                f"not in {workers} threads: {error}; set {variable}={workers}"
            ) from None
        self._with_threads = with_threads
        self._workers = workers
        self._pool = ThreadPoolExecutor(1, initializer=initializer, initargs=arguments)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._pool.submit(self._run, partial(fn, *args, **kwargs))

    def _run(self, call: Callable[[], Any]) -> Any:
        with self._with_threads(self._workers):
            return call()

    def run_batch(self, function: Callable[..., Any], items: list[tuple[Any, ...]]) -> list[Any]:
        def loop() -> list[Any]:
            return [function(*item) for item in items]

        results: list[Any] = self.submit(loop).result()
        return results

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


def numexpr_threads(workers: int) -> AbstractContextManager[Any]:
    numexpr = load("numexpr")
    if workers > numexpr.MAX_THREADS:  # it would print that, and go on with fewer
        raise ValueError(f"numexpr has {numexpr.MAX_THREADS} at most")
    numexpr.set_num_threads(workers)
    return nullcontext()


def numba_threads(workers: int) -> AbstractContextManager[Any]:
    load("numba").set_num_threads(workers)  # of the calling thread
    return nullcontext()


def blas_threads(workers: int) -> AbstractContextManager[Any]:
    limits: AbstractContextManager[Any] = load("threadpoolctl").threadpool_limits(
        workers, user_api="blas"
    )
    return limits


def inside(
    name: str, with_threads: WithThreads, variable: str, unavailable: Callable[[], str | None]
) -> Strategy:
    """Return the strategy that leaves the threads to a library."""
    return Strategy(
        name=name,
        open=partial(InsideExecutor, with_threads, variable),
        workers_are="inside",
        unavailable=unavailable,
    )


NUMEXPR = inside(
    "numexpr", numexpr_threads, "NUMEXPR_MAX_THREADS", partial(lacks, "numexpr", "peers")
)
NUMBA = inside("numba", numba_threads, "NUMBA_NUM_THREADS", partial(lacks, "numba", "peers"))
BLAS = inside("blas", blas_threads, "OPENBLAS_NUM_THREADS", partial(lacks, "threadpoolctl"))
