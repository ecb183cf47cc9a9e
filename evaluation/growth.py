"""Growth: whether a figure that is looked at turn after turn grows, by a slope with its interval.

Neighbouring turns resemble each other: memory that was taken stays. So the turns are cut into
blocks, and a line is laid through their medians. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from statistics import fmean, linear_regression, median

from scipy import stats

BLOCKS = 12
# The turns in which caches fill and modules load, as a share of all, are left out.
WARM_UP = 0.2
LEAST_TURNS = 5 * BLOCKS
CONFIDENCE = 0.95
# A slope is told for this many turns.
TURNS = 100


class Answer(Enum):
    STEADY = "steady"
    GROWS = "grows"
    UNDECIDED = "not decided"


@dataclass(frozen=True)
class Growth:
    """The slope in units for a hundred turns, its bounds, and the level at both ends."""

    slope: float
    low: float
    high: float
    first: float
    last: float

    def answer(self, margin: float) -> Answer:
        """Say whether it grows by more than the margin, in units for a hundred turns."""
        if self.high < margin:
            return Answer.STEADY
        return Answer.GROWS if self.low > margin else Answer.UNDECIDED


def growth_of(values: Sequence[float]) -> Growth | None:
    """Return how values of consecutive turns grow; ``None`` of fewer turns than can tell."""
    if len(values) < LEAST_TURNS:
        return None
    start = round(WARM_UP * len(values))
    later = values[start:]
    ends = [round(number * len(later) / BLOCKS) for number in range(BLOCKS + 1)]
    blocks = list(pairwise(ends))
    levels = [median(later[begin:end]) for begin, end in blocks]
    middles = [(begin + end) / 2 for begin, end in blocks]
    line = linear_regression(middles, levels)
    error = _standard_error(middles, levels, line.slope, line.intercept)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, BLOCKS - 2)) * error
    bounds = (TURNS * (line.slope - half), TURNS * (line.slope + half))
    return Growth(TURNS * line.slope, *bounds, levels[0], levels[-1])


def _standard_error(
    places: Sequence[float], levels: Sequence[float], slope: float, intercept: float
) -> float:
    """Return the standard error of a slope: 0 where all levels lie on the line."""
    middle = fmean(places)
    pairs = zip(places, levels, strict=True)
    left = sum((level - intercept - slope * place) ** 2 for place, level in pairs)
    spread = sum((place - middle) ** 2 for place in places)
    return math.sqrt(left / (len(levels) - 2) / spread)
