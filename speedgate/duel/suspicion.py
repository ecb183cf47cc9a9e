"""Suspicion: how far a case seems to have moved from one build to another in a screen. Pure.

Of a case only the seconds of a call in threads are compared: what users pay, and what decides a
duel. A GIL that is held longer and costs two threads nothing shows in no screen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from speedgate.duel.margin import margin_of
from speedgate.measuring.measurement import Measurement
from speedgate.stats.case import Case
from speedgate.stats.figure import SECONDS
from speedgate.stats.sample import Pair

# Rounds of a process scatter: a difference weighs as much as exceeds twice their deviation.
SCATTER = 2.0
# A call that takes longer than a look has a single round.
LONE_SCATTER = 0.05


@dataclass(frozen=True)
class Suspicion:
    """A case, and by which factors (of logarithms) its seconds seem to have moved in each look.

    ``weights`` are how far beyond the scatter of the rounds they lie: below 0 it may be noise.
    """

    case: Case
    changes: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def is_one(self) -> bool:
        """Whether every look lies beyond the margin, on the same side."""
        low, high = min(self.changes), max(self.changes)
        margin = margin_of(SECONDS)
        return low > margin or high < -margin

    @property
    def factors(self) -> tuple[float, ...]:
        """How many times as long a call took in each look."""
        return tuple(map(math.exp, self.changes))

    @property
    def rank(self) -> tuple[int, float]:
        """The surest first: seen more than once, then what is clearest where it is least so."""
        return -len(self.changes), -min(self.weights)


def suspicion_of(first: Measurement, other: Measurement) -> Suspicion | None:
    """Return how a case seems to have moved from one build to another, whose processes are the
    looks; ``None`` where no look saw it in both."""
    processes = zip(first.processes, other.processes, strict=False)
    looks = [
        (_logs(one, first.calls), _logs(two, other.calls)) for one, two in processes if one and two
    ]
    if not looks:
        return None
    changes = tuple(median(two) - median(one) for one, two in looks)
    scatters = [scatter_of(one) + scatter_of(two) for one, two in looks]
    beyond = (
        abs(change) - SCATTER * scatter for change, scatter in zip(changes, scatters, strict=True)
    )
    return Suspicion(first.case, changes, tuple(beyond))


def of_each_function_in_turn(cases: Iterable[Case]) -> list[Case]:
    """Return the first case of each function first, then the next of each, and so on.

    A change of a function shows in its loops, layouts and sizes alike. In the order of certainty
    alone a few functions would take all the time that there is to confirm any.
    """
    seen: Counter[str] = Counter()
    turns = []
    for case in cases:
        function = case.workload.partition("[")[0]
        turns.append((seen[function], case))
        seen[function] += 1
    return [case for _, case in sorted(turns, key=lambda turn: turn[0])]


def _logs(pairs: Sequence[Pair], calls: int) -> list[float]:
    """Return the logarithms of the seconds of a call in threads, one of each round."""
    return [math.log(pair.contender.seconds / calls) for pair in pairs]


def scatter_of(values: Sequence[float]) -> float:
    """Return the median distance from the median; of a single value what a round is worth."""
    if len(values) < 2:
        return LONE_SCATTER
    middle = median(values)
    return median(abs(value - middle) for value in values)
