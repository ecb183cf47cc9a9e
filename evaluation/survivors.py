"""Survivors: why a mutant that no test kills may live."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from evaluation.mutants import Mutant


class Reason(Enum):
    """Why no test can tell the mutant from the module."""

    SAME = "equivalent: no input gives another result"
    TIE = "equivalent: the bound itself is never reached by measured values"
    DEFAULT = "equivalent: the default says the same"
    CACHE = "equivalent: it only saves time"


@dataclass(frozen=True)
class Known:
    """A survivor that was looked at: the module, its function or class, and parts of the lines."""

    module: str
    place: str
    before: str
    after: str
    reason: Reason


KNOWN: tuple[Known, ...] = ()


def reason_of(module: str, mutant: Mutant) -> Reason | None:
    """Return why a mutant lives, ``None`` if it is to be killed."""
    for known in KNOWN:
        if (known.module, known.place) != (module, mutant.place):
            continue
        if known.before in mutant.before and known.after in mutant.after:
            return known.reason
    return None
