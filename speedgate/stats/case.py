"""Case: what is measured. Its id is the only key of everything that is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Workload(Protocol):
    """What the harness needs to know of a workload.

    It may have more: ``sizes`` that tell most of it, in ascending order; ``expect``, "releases" or
    "holds", with its ``source``, where that is promised of the largest size; ``repeatable``, false
    where each call is meant to return something else; ``peers``, other versions of the function
    by the name of the strategy that runs them; ``private`` and ``preallocated``, its twins for a
    probe of contention, see ``private_of`` and ``preallocated_of``.
    """

    @property
    def name(self) -> str: ...
    @property
    def function(self) -> Callable[[Any], Any]: ...
    @property
    def prepare(self) -> Callable[[int, int], Any]: ...
    @property
    def argument_bytes(self) -> float: ...
    @property
    def call_bytes(self) -> float: ...


def sizes_of(workload: Workload) -> tuple[int, ...]:
    """Return the sizes that a workload has of its own; none where it does not say."""
    return tuple(getattr(workload, "sizes", ()))


def is_repeatable(workload: Workload) -> bool:
    """Return whether every call of a workload on one argument returns the same."""
    return bool(getattr(workload, "repeatable", True))


def peers_of(workload: Workload) -> Mapping[str, Callable[[Any], Any]]:
    """Return the versions of a workload that use threads of their own, by strategy."""
    return dict(getattr(workload, "peers", {}))


def private_of(workload: Workload) -> Workload | None:
    """Return the twin that computes the same on objects that no two workers share."""
    twin: Workload | None = getattr(workload, "private", None)
    return twin


def preallocated_of(workload: Workload) -> Workload | None:
    """Return the twin that computes the same and allocates nothing to speak of."""
    twin: Workload | None = getattr(workload, "preallocated", None)
    return twin


def promise_of(workload: Workload, size: int) -> dict[str, str] | None:
    """Return what is promised of a workload at a size, and by whom; plain JSON."""
    expect: str | None = getattr(workload, "expect", None)
    if expect is None or not sizes_of(workload) or size < max(sizes_of(workload)):
        return None
    return {"class": expect, "source": getattr(workload, "source", "")}


def format_size(size: int) -> str:
    """Return a size as in ids: ``1e6``, ``5e5``, ``2.5e6``, and plain digits where that is shorter.

    >>> format_size(1_000_000), format_size(500), format_size(1536)
    ('1e6', '500', '1536')
    """
    exponent = int(math.log10(size)) if size >= 1000 else 0
    mantissa = size / 10**exponent
    short = f"{mantissa:g}e{exponent}"
    exact = exponent and float(short) == size
    return short if exact and len(short) <= len(str(size)) else str(size)


def parse_size(text: str) -> int:
    """Return the number of elements that ``1e6``, ``2.5e6`` or ``1000`` means.

    Raises ``ValueError`` for anything that is not a whole number of at least 1.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 1 and value == int(value)):
        raise ValueError(f"'{text}' is not a size: a whole number of elements, such as 1e6 or 4096")
    return int(value)


def has_other_marks(workload: str) -> bool:
    """Whether a name is of another project's benchmark or of a cell of the census: it may have
    any marks, parameters such as -1 included."""
    return any(mark in workload for mark in ".:(")


@dataclass(frozen=True, order=True)
class Case:
    """A workload at a size under a strategy with a number of workers.

    >>> Case("g", 1_000_000, "threads", 2).id
    'g-1e6-threads-2'
    """

    workload: str
    size: int
    strategy: str
    workers: int

    def __post_init__(self) -> None:
        if self.size < 1 or self.workers < 1:
            raise ValueError(f"a case needs a size and workers of at least 1, not {self}")
        is_ours = not has_other_marks(self.workload)
        if (is_ours and "-" in self.workload) or "-" in self.strategy:
            raise ValueError(f"a workload's or strategy's name must not hold '-': {self}")

    @property
    def id(self) -> str:
        return f"{self.work}-{self.strategy}-{self.workers}"

    @property
    def work(self) -> str:
        """What is computed, without how: ``g-1e6``."""
        return f"{self.workload}-{format_size(self.size)}"

    @classmethod
    def parse(cls, text: str) -> Case:
        """Return the case whose id is ``text``; ``ValueError`` if there is none."""
        parts = text.rsplit("-", 3)  # the names of others may have more
        if (
            len(parts) != 4
            or ("-" in parts[0] and not has_other_marks(parts[0]))
            or not parts[3].isdigit()
        ):
            raise ValueError(f"'{text}' is not a case: it reads workload-size-strategy-workers")
        return cls(parts[0], parse_size(parts[1]), parts[2], int(parts[3]))

    def as_json(self) -> dict[str, str | int]:
        return {
            "workload": self.workload,
            "size": self.size,
            "strategy": self.strategy,
            "workers": self.workers,
        }


def bytes_needed(workload: Workload, case: Case, buffers: int, processes: bool) -> int:
    """Return the bytes that a case holds at its peak: all arguments, and all calls at once.

    Each worker process prepares the arguments for itself, beside those of the baseline.
    """
    copies = case.workers + 1 if processes else 1
    arguments = workload.argument_bytes * buffers * copies
    return int(case.size * (arguments + workload.call_bytes * case.workers))
