"""Change points: where the level of a case changed over many runs. Pure; advisory, no gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from speedgate.stats.estimate import sign_autocorrelation

# A level has at least this many runs; the test asks for about eight, however far apart they are.
LEAST_RUNS = 6
# The chance, by the corrected test, of a change point in a series without one. Bonferroni errs on
# the safe side: of series autocorrelated by up to 0.3 at most 1% have one (docs/drift.md).
FALSE_ALARMS = 0.02
# Nights are seldom independent, and few of them cannot show it: so much is always granted.
LEAST_AUTOCORRELATION = 0.2
# Differences beyond twice the spread weigh ever less in the cost, so that a spike has no say.
KERNEL_SPREADS = 2.0
# Times log(runs). Lower proposes more candidates; the test refuses them all the same.
PENALTY = 0.4


class DriftUnavailable(Exception):
    """A library that finds change points is not installed."""


@dataclass(frozen=True)
class Change:
    """A new level from the value ``index`` on: medians before and after, in the values' own unit.

    ``p_value`` is corrected for the places a change could have, and for autocorrelation.
    """

    index: int
    before: float
    after: float
    p_value: float


def change_points(values: Sequence[float], is_ratio: bool = True) -> list[Change]:
    """Return where the level of one case changed, in the order of its runs.

    Positive figures (seconds, speedup) are compared on a log scale, GIL held shares (0 to 1, not
    ``is_ratio``) as they are. A slow drift has no single place: it is found as one or more steps
    along its way. Fewer than six runs, such as a spike, are no level.

    Candidates are those of the kernel change-point method (S. Arlot, A. Celisse and Z. Harchaoui, A
    kernel multiple change-point algorithm via model selection, JMLR 20, 2019) by PELT (R. Killick,
    P. Fearnhead and I. Eckley, JASA 107, 2012). As long as any of them fails a Mann-Whitney test
    of the levels on its sides, the least certain is dropped and its two levels become one.

    ValueError for a value out of its range; DriftUnavailable without ruptures.
    """
    scaled = [_scaled(value, is_ratio) for value in values]
    starts = _candidates(scaled)
    while starts:
        p_values = _p_values(scaled, starts)
        if max(p_values) <= FALSE_ALARMS:
            levels = [median(level) for level in _levels(values, starts)]
            sides = pairwise(levels)
            return [
                Change(start, before, after, p_value)
                for start, (before, after), p_value in zip(starts, sides, p_values, strict=True)
            ]
        del starts[p_values.index(max(p_values))]
    return []


def _scaled(value: float, is_ratio: bool) -> float:
    if is_ratio and not 0 < value < math.inf:
        raise ValueError(f"a ratio is positive and finite, not {value}; leave such a run out")
    if not is_ratio and not 0 <= value <= 1:
        raise ValueError(f"a fraction lies between 0 and 1, not at {value}; leave such a run out")
    return math.log(value) if is_ratio else value


def _levels(values: Sequence[float], starts: list[int]) -> list[Sequence[float]]:
    return [values[start:end] for start, end in pairwise([0, *starts, len(values)])]


def _candidates(scaled: list[float]) -> list[int]:
    """Return the first run of each level but the first, as the penalised cost has them.

    The spread comes from neighbours, so that neither a step nor a drift widens it. Those that are
    equal are left out: of rounded figures they are the most, and the spread would be 0.
    """
    differences = [abs(after - before) for before, after in pairwise(scaled) if after != before]
    if len(scaled) < 2 * LEAST_RUNS or not differences:
        return []
    try:
        import numpy as np  # noqa: PLC0415  # an extra needs it, and takes long to load
        import ruptures  # noqa: PLC0415  # an extra
    except ImportError:
        raise DriftUnavailable(
            "change points need ruptures; install it with pip install 'speedgate[history]'"
        ) from None
    # 0.6745 is the median of the absolute value of a standard normal.
    spread = median(differences) / (0.6745 * math.sqrt(2))
    width = {"gamma": 1 / (2 * (KERNEL_SPREADS * spread) ** 2)}
    method = ruptures.KernelCPD(kernel="rbf", min_size=LEAST_RUNS, params=width)
    ends = method.fit(np.array(scaled)).predict(pen=PENALTY * math.log(len(scaled)))
    return [int(end) for end in ends[:-1]]


def _p_values(scaled: list[float], starts: list[int]) -> list[float]:
    """Return the Mann-Whitney p-value of each start, times the runs, as it could be at any.

    That is Bonferroni's correction. With lag-1 autocorrelation r the variance of a mean rank is
    about (1 + r) / (1 - r) times as large (Bayley and Hammersley, Supplement to the JRSS 8, 1946);
    r is sin(pi s / 2) of that of the signs, s (W. F. Sheppard, Phil. Trans. A 192, 1899).
    """
    from scipy import stats  # noqa: PLC0415  # ruptures brings it

    levels = _levels(scaled, starts)
    signs = sign_autocorrelation([[value - median(level) for value in level] for level in levels])
    r = max(LEAST_AUTOCORRELATION, math.sin(math.pi * signs / 2))
    widening = math.sqrt((1 + r) / (1 - r))

    def p_value(before: Sequence[float], after: Sequence[float]) -> float:
        as_independent = stats.mannwhitneyu(before, after, method="asymptotic").pvalue
        deviation = stats.norm.isf(as_independent / 2) / widening
        return min(1.0, len(scaled) * 2 * float(stats.norm.sf(deviation)))

    return [p_value(before, after) for before, after in pairwise(levels)]
