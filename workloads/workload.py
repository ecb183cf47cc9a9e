"""The declaration of a workload: a function, its input, and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def size_only(size: int, seed: int) -> int:
    """The input of a workload that needs nothing but its size."""
    return size


@dataclass(frozen=True)
class Workload:
    """One thing to compute, independent of how it is run.

    ``function`` takes what ``prepare(size, seed)`` made. Both must be module-level functions, so
    that a worker process finds them by module and name. ``prepare`` runs outside every timed
    region. A function is called many times on the same argument: it may write into it if it
    writes the same again each time, as ``out=`` does.

    ``argument_bytes`` and ``call_bytes`` are bytes per element of ``size``: held by one argument
    as long as the case is open, and needed on top by one running call. They decide whether a case
    fits into memory before it is started.

    ``releases_gil`` is what is promised (``True``, ``False``), or ``None`` where nothing is.
    """

    name: str
    function: Callable[[Any], Any]
    purpose: str
    releases_gil: bool | None
    prepare: Callable[[int, int], Any] = size_only
    argument_bytes: float = 0.0
    call_bytes: float = 0.0
