"""serial: a plain loop in the calling thread, the article's "normal".

A row of its own in every table and never the baseline of a speedup: the main thread's allocator
gives memory back to the kernel where a worker thread's does not, which alone reads as a speedup
of 3 to 7 for arrays of 1e5 to 1e6 elements (docs/method.md).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from speedgate.runner.strategies.contract import Initializer, Strategy


class InlineExecutor(Executor):
    """Runs every task at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # raised in the caller
            future.set_exception(error)
        return future


def open_inline(workers: int, initializer: Initializer, arguments: tuple[Any, ...]) -> Executor:
    """Return an executor that is the calling thread itself; ``workers`` must be 1."""
    if workers != 1:
        raise ValueError(f"serial runs in one thread, not in {workers}")
    initializer(*arguments)
    return InlineExecutor()


SERIAL = Strategy(name="serial", open=open_inline, workers_are="caller")
