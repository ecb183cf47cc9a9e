"""Moments: mean and spread of a few values, and what follows for the next one, for their mean and
for two means (Student's t, Welch, prediction intervals). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean, stdev

from speedgate.stats.estimate import Estimate


@dataclass(frozen=True)
class Moments:
    """How many values there are, their mean, and their standard deviation: 0 of a single one."""

    count: int
    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Moments:
        """Return the moments of values, of which there is at least one."""
        return cls(len(values), fmean(values), stdev(values) if len(values) > 1 else 0.0)

    @classmethod
    def of_sums(cls, count: int, total: float, squares: float) -> Moments:
        """Return the moments of values whose sum and sum of squares are known."""
        mean = total / count
        variance = (squares - count * mean**2) / (count - 1) if count > 1 else 0.0
        return cls(count, mean, math.sqrt(max(0.0, variance)))


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


# From this many degrees on the expansion is exact to six digits, and the sums would take long.
MANY_DEGREES = 100


@lru_cache(maxsize=256)
def student_quantile(tail: float, degrees: int) -> float:
    """Return the t >= 0 with P(T > t) = ``tail``, for a tail of at most 1/2.

    By bisection; with many degrees by the expansion 26.7.5 of Abramowitz and Stegun.
    """
    if not 0 < tail <= 0.5 or degrees < 1:
        raise ValueError(f"no quantile of Student's t for tail {tail}, {degrees} degrees")
    if degrees > MANY_DEGREES:
        return _expanded_quantile(tail, degrees)
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > tail and high < 1e12:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if student_tail(middle, degrees) > tail:
            low = middle
        else:
            high = middle
    return high


def _expanded_quantile(tail: float, degrees: int) -> float:
    x = NormalDist().inv_cdf(1 - tail)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / math.pow(degrees, power) for power, term in enumerate(terms, 1))


def change(now: float, before: Moments, confidence: float, own_deviation: float = 0.0) -> Estimate:
    """Return by how much ``now`` differs from the level of the values before, with an interval.

    The next value of a normal sample of n lies around its mean by Student's t with n - 1 degrees of
    freedom times s sqrt(1 + 1/n) (W. Q. Meeker, G. J. Hahn and L. A. Escobar, Statistical
    Intervals, 2nd edition, 4.8). ``own_deviation`` is the standard deviation of ``now`` by itself:
    where it is larger than what runs differ by, it takes the place of s. With fewer than two values
    before, the bounds are infinite.
    """
    value = now - before.mean
    if before.count < 2:
        return Estimate(value, -math.inf, math.inf, confidence, before.count)
    deviation = max(before.deviation, own_deviation)
    quantile = student_quantile((1 - confidence) / 2, before.count - 1)
    half = quantile * deviation * math.sqrt(1 + 1 / before.count)
    return Estimate(value, value - half, value + half, confidence, before.count)


def mean_difference(one: Moments, other: Moments, confidence: float) -> Estimate | None:
    """Return by how much the mean of ``other`` differs from that of ``one``, with an interval.

    Welch's interval, for samples of different spread (B. L. Welch, The generalization of Student's
    problem when several different population variances are involved, Biometrika 34, 1947), its
    degrees of freedom rounded down; ``None`` with fewer than two values on a side.
    """
    if min(one.count, other.count) < 2:
        return None
    variances = [moments.deviation**2 / moments.count for moments in (one, other)]
    total, count = sum(variances), one.count + other.count
    value = other.mean - one.mean
    if total == 0:
        return Estimate(value, value, value, confidence, count)
    pieces = [
        v**2 / (moments.count - 1) for v, moments in zip(variances, (one, other), strict=True)
    ]
    degrees = max(1, math.floor(total**2 / sum(pieces)))
    half = student_quantile((1 - confidence) / 2, degrees) * math.sqrt(total)
    return Estimate(value, value - half, value + half, confidence, count)


def mean_interval(values: Sequence[float], confidence: float) -> Estimate:
    """Return the mean of independent values with Student's interval, unbounded for a single one.

    Raises ``ValueError`` without values.
    """
    return interval_of_mean(Moments.of(values), confidence)


def interval_of_mean(values: Moments, confidence: float) -> Estimate:
    """Return the same from the moments of the values."""
    half = math.inf
    if values.count > 1:
        quantile = student_quantile((1 - confidence) / 2, values.count - 1)
        half = quantile * values.deviation / math.sqrt(values.count)
    return Estimate(values.mean, values.mean - half, values.mean + half, confidence, values.count)


def deviation_of(estimate: Estimate) -> float:
    """Return the standard deviation that an interval tells, as if it were a normal one's."""
    if not estimate.is_bounded:
        return math.inf
    quantile = NormalDist().inv_cdf(0.5 + estimate.confidence / 2)
    return (estimate.high - estimate.low) / (2 * quantile)


# The standard deviation, between fresh processes of the same code, of the logarithm of a median:
# 0.15 to 0.17 in the quiet trials of one machine, 0.01 to 0.12 on another (docs/power.md). It is
# taken as known from this many degrees of freedom: with several processes what is seen of the case
# itself comes in, and Student's tails are as heavy as those of the trials (python -m
# evaluation.claims interval).
PROCESS_DEVIATION = 0.15
PROCESS_DEGREES = 8


def across_processes(rounds: Estimate, processes: Moments) -> Estimate:
    """Return the interval of a ratio over all fresh processes from that of the rounds of some.

    ``processes`` are the moments of the logarithms of each process's median. The spread between
    processes is the usual one and this case's own, pooled by their degrees of freedom (G. K. Smyth,
    Linear models and empirical Bayes methods, Statistical Applications in Genetics and Molecular
    Biology 3, 2004); by Student's t, and added to that of the rounds as variances are. An interval
    that is not bounded, or reaches 0, stays so at that end.
    """
    count, degrees = processes.count, PROCESS_DEGREES + processes.count - 1
    squares = PROCESS_DEGREES * PROCESS_DEVIATION**2 + (count - 1) * processes.deviation**2
    between = math.sqrt(squares / degrees / count)
    between *= student_quantile((1 - rounds.confidence) / 2, degrees)
    low, high = -math.inf, math.inf
    if rounds.low > 0:
        low = rounds.value * math.exp(-math.hypot(math.log(rounds.value / rounds.low), between))
    if rounds.high < math.inf:
        high = rounds.value * math.exp(math.hypot(math.log(rounds.high / rounds.value), between))
    return Estimate(rounds.value, low, high, rounds.confidence, rounds.count)


def exponential(log: Estimate) -> Estimate:
    """Return the ratio whose logarithm is estimated."""
    value, low, high = map(_exp, (log.value, log.low, log.high))
    return Estimate(value, low, high, log.confidence, log.count)


def _exp(value: float) -> float:
    """The exponential, of bounds so wide that no float holds them as well."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
