"""What the spread of a few values allows to say of the next one, or of their mean. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from speedgate.estimate import Estimate


def student_tail(t: float, degrees: int) -> float:
    """Return P(T > t) of Student's distribution for t >= 0.

    The finite sums of M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 26.7.3
    and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine_2 = math.sin(angle), math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for number in range(1 + odd, degrees, 2):
        total += term
        term *= cosine_2 * number / (number + 1)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return max(0.0, (1 - inside) / 2)


def student_quantile(tail: float, degrees: int) -> float:
    """Return the t >= 0 with P(T > t) = ``tail``, for a tail of at most 1/2; by bisection."""
    if not 0 < tail <= 0.5 or degrees < 1:
        raise ValueError(f"no quantile of Student's t for tail {tail}, {degrees} degrees")
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > tail and high < 1e12:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if student_tail(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return high


def change(
    now: float, before: Sequence[float], confidence: float, own_deviation: float = 0.0
) -> Estimate:
    """Return by how much ``now`` differs from the level of ``before``, with an interval.

    The next value of a normal sample of n lies around its mean by Student's t with n - 1 degrees of
    freedom times s sqrt(1 + 1/n) (W. Q. Meeker, G. J. Hahn and L. A. Escobar, Statistical
    Intervals, 2nd edition, 4.8). ``own_deviation`` is the standard deviation of ``now`` by itself:
    where it is larger than what runs differ by, it takes the place of s. With fewer than two values
    before, the bounds are infinite.
    """
    level = fmean(before) if before else now
    if len(before) < 2:
        return Estimate(now - level, -math.inf, math.inf, confidence, len(before))
    deviation = max(stdev(before), own_deviation)
    quantile = student_quantile((1 - confidence) / 2, len(before) - 1)
    half = quantile * deviation * math.sqrt(1 + 1 / len(before))
    return Estimate(now - level, now - level - half, now - level + half, confidence, len(before))


def mean_difference(
    one: Sequence[float], other: Sequence[float], confidence: float
) -> Estimate | None:
    """Return by how much the mean of ``other`` differs from that of ``one``, with an interval.

    Welch's interval, for samples of different spread (B. L. Welch, The generalization of Student's
    problem when several different population variances are involved, Biometrika 34, 1947), its
    degrees of freedom rounded down; ``None`` with fewer than two values on a side.
    """
    if min(len(one), len(other)) < 2:
        return None
    variances = [stdev(each) ** 2 / len(each) for each in (one, other)]
    total = sum(variances)
    value = fmean(other) - fmean(one)
    if total == 0:
        return Estimate(value, value, value, confidence, len(one) + len(other))
    pieces = [v**2 / (len(each) - 1) for v, each in zip(variances, (one, other), strict=True)]
    degrees = max(1, math.floor(total**2 / sum(pieces)))
    half = student_quantile((1 - confidence) / 2, degrees) * math.sqrt(total)
    return Estimate(value, value - half, value + half, confidence, len(one) + len(other))


def deviation_of(estimate: Estimate) -> float:
    """Return the standard deviation that an interval tells, as if it were a normal one's."""
    if not estimate.is_bounded:
        return math.inf
    quantile = NormalDist().inv_cdf(0.5 + estimate.confidence / 2)
    return (estimate.high - estimate.low) / (2 * quantile)
