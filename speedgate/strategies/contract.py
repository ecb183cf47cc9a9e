"""The contract of a strategy. An implementation is a module of its own and a line in the registry.

Standard library only: strategies are loaded by the runner, which may be another interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

Initializer = Callable[..., None]


@dataclass(frozen=True)
class Strategy:
    """A named way of running a batch.

    ``open(workers, initializer, arguments)`` returns a ``concurrent.futures.Executor``:

    * ``map(function, *iterables)`` yields the results in the order of the input and raises the
      first exception with its traceback; ``shutdown()`` leaves no thread, process or file behind;
    * ``initializer(*arguments)`` is run once by every worker before its first task;
    * ``function`` is a module-level function, its arguments and results can be pickled.

    ``workers_are`` tells where the counters of a worker are found: ``"caller"`` (no worker of its
    own), ``"threads"`` that live as long as the executor, ``"passing threads"`` that live for one
    ``map``, or ``"processes"``.

    ``start_method`` names how worker processes are started, ``None`` where there are none.
    ``unavailable()`` returns why the strategy cannot be used here, or ``None``.
    """

    name: str
    open: Callable[[int, Initializer, tuple[Any, ...]], Executor]
    workers_are: Literal["caller", "threads", "passing threads", "processes"]
    start_method: str | None = None
    unavailable: Callable[[], str | None] = lambda: None

    @property
    def is_parallel(self) -> bool:
        """Whether more than one worker can be asked for."""
        return self.workers_are != "caller"
