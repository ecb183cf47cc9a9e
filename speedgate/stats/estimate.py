"""Estimate: a value with its interval. The median of values and a share of counts have one (order
statistics, Wilson); neighbours that resemble each other count as fewer. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median

DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value between two bounds at a stated confidence, from ``count`` observations.

    With too few observations for the confidence the bounds are minus and plus infinity: such an
    estimate decides nothing.
    """

    value: float
    low: float
    high: float
    confidence: float
    count: int

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"an estimate lies between its bounds: {self}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, not {self.confidence}")

    @property
    def is_bounded(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    def as_json(self) -> dict[str, float | int | None]:
        """Return plain values; a bound that is not known is null."""
        return {
            "value": self.value,
            "low": self.low if math.isfinite(self.low) else None,
            "high": self.high if math.isfinite(self.high) else None,
            "confidence": self.confidence,
            "count": self.count,
        }


def rank_below(count: int, tail: float) -> int:
    """Return the largest r with P(Binomial(count, 1/2) < r) <= tail; 0 if there is none.

    The r-th smallest of ``count`` independent observations is then a lower confidence bound for
    their median that errs with probability at most ``tail``, whatever their distribution
    (W. J. Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2).
    """
    probability, rank = 0.0, 0
    while rank < count:
        probability += math.exp(
            math.lgamma(count + 1)
            - math.lgamma(rank + 1)
            - math.lgamma(count - rank + 1)
            - count * math.log(2)
        )
        if probability > tail:
            break
        rank += 1
    return rank


def sign_autocorrelation(runs: Sequence[Sequence[float]]) -> float:
    """Return how much a value's side of the median tells of the next one's, from 0 to 0.9.

    The mean product of the signs of neighbours within each run, signs taken about the median of
    all; 0 for independent values. Negative ones are taken as 0, which errs on the wide side.
    """
    values = [value for run in runs for value in run]
    if not values:
        return 0.0
    middle = median(values)
    signs = [[(value > middle) - (value < middle) for value in run] for run in runs]
    products = [one * other for run in signs for one, other in pairwise(run)]
    return min(0.9, max(0.0, sum(products) / len(products))) if products else 0.0


def estimate_median(
    values: Sequence[float],
    confidence: float = DEFAULT_CONFIDENCE,
    autocorrelation: float = 0.0,
) -> Estimate | None:
    """Return the median with its order-statistic interval; ``None`` of nothing.

    Distribution-free, and not moved by spikes as long as they are fewer than half. Exact for
    independent values; n values with the lag-1 ``autocorrelation`` r count as n (1 - r) / (1 + r)
    (G. V. Bayley and J. M. Hammersley, The "effective" number of independent observations in an
    autocorrelated time series, Supplement to the JRSS 8, 1946).
    """
    if not values:
        return None
    if any(math.isnan(value) for value in values):
        raise ValueError("a NaN was measured: nothing can be said of its median")
    ordered = sorted(values)
    effective = math.floor(len(ordered) * (1 - autocorrelation) / (1 + autocorrelation))
    rank = rank_below(effective, (1 - confidence) / 2) * len(ordered) // max(1, effective)
    low, high = (ordered[rank - 1], ordered[-rank]) if rank else (-math.inf, math.inf)
    return Estimate(median(ordered), low, high, confidence, len(ordered))


def estimate_share(
    hits: float, trials: int, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate | None:
    """Return the share of hits with Wilson's score interval; ``None`` without trials.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22
    (1927): unlike the textbook's interval it holds near 0 and 1, too.
    """
    if trials == 0:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = hits / trials
    center = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(
        share * (1 - share) / trials + z * z / (4 * trials * trials)
    )  # fmt: skip
    low, high = max(0.0, center - half), min(1.0, center + half)
    return Estimate(share, min(low, share), max(high, share), confidence, trials)
