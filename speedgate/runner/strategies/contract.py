"""The contract of a strategy. An implementation is a module of its own and a line in the registry.

Standard library only: strategies are loaded by the runner, which may be another interpreter.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Initializer = Callable[..., None]


class CannotMeasure(Exception):
    """What is asked for cannot be done; the text says it all, and a traceback would add nothing."""


class BatchExecutor(Executor):
    """An executor that runs a whole batch to its end before it yields the first result."""

    @abstractmethod
    def run_batch(self, function: Callable[..., Any], items: list[tuple[Any, ...]]) -> list[Any]:
        """Return ``[function(*item) for item in items]`` or raise the exception of one of them."""

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Any]:
        """Run all items to their end, then yield the results; there is no time limit."""
        if timeout is not None or options:
            name = type(self).__name__
            raise TypeError(f"{name} runs every item to its end: it takes no timeout or buffersize")
        return iter(self.run_batch(fn, list(zip(*iterables, strict=False))))


class Shared(Protocol):
    """An object that lies where all workers see it; can be pickled, and then is a name only."""

    def load(self) -> Any:
        """Return the object; called by a worker."""

    def close(self) -> None:
        """Free what it lies in; called by the process that shared it, after the workers ended."""


@dataclass(frozen=True)
class Strategy:
    """A named way of running a batch.

    ``open(workers, initializer, arguments)`` returns a ``concurrent.futures.Executor``:

    * ``map(function, *iterables)`` yields the results in the order of the input and raises the
      first exception in that order with its traceback (``pool``: the first that came); a worker
      process that died, with a task or without one, is a ``BrokenExecutor``;
    * ``shutdown()`` leaves no thread, process, file or shared memory behind; with
      ``cancel_futures`` what has not begun never runs;
    * ``initializer(*arguments)`` is run once by every worker before its first task;
    * ``function`` is a module-level function, its arguments and results can be pickled.

    ``workers_are`` says where the counters of a worker are found: ``"caller"`` (no worker of its
    own), ``"threads"`` that live as long as the executor, ``"passing threads"`` that live for one
    ``map``, ``"processes"``, ``"elsewhere"``, where nothing of them can be read from here, or
    ``"inside"`` of the call: then it is another version of the workload that is run, one task
    after the other, and threads of its own are the workers.

    ``arrays`` says how the input of a task reaches a worker. Where ``share`` is given the caller
    makes the input, ``share`` puts it where the workers see it, and they ``load`` it; elsewhere
    each worker makes its own from the seed, unless its memory is the caller's already.

    ``start_method`` names how worker processes are started, ``None`` where there are none.
    ``unavailable()`` returns why the strategy cannot be used here and the remedy, or ``None``.
    """

    name: str
    open: Callable[[int, Initializer, tuple[Any, ...]], Executor]
    workers_are: Literal["caller", "threads", "passing threads", "processes", "elsewhere", "inside"]
    arrays: str = "the same memory"
    share: Callable[[Any], Shared] | None = None
    start_method: str | None = None
    unavailable: Callable[[], str | None] = lambda: None

    @property
    def is_parallel(self) -> bool:
        """Whether more than one worker can be asked for."""
        return self.workers_are != "caller"

    @property
    def is_peer(self) -> bool:
        """Whether it runs another version of the workload, of those that have one."""
        return self.workers_are == "inside"
