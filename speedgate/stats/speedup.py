"""Speedup: baseline seconds / contender seconds. Above 1 the contender is faster, everywhere."""

from __future__ import annotations

from speedgate.stats.estimate import (
    DEFAULT_CONFIDENCE,
    Estimate,
    estimate_median,
    sign_autocorrelation,
)
from speedgate.stats.figure import digits
from speedgate.stats.sample import PairedSample

# What a speedup is measured against; kept with every speedup.
BASELINE = "a plain loop in one worker thread of the same process"


def speedup(sample: PairedSample, confidence: float = DEFAULT_CONFIDENCE) -> Estimate | None:
    """Return the median of the pairs' ratios with its interval; ``None`` without pairs.

    The median of ratios is the exponential of the median of log ratios (for an odd number of
    pairs exactly), so it does not matter which side is the numerator; order statistics make the
    interval the same for both. Neighbouring pairs resemble each other where a disturbance lasts
    longer than a pair, which widens the interval.
    """
    runs = [[pair.ratio for pair in pairs] for pairs in sample.processes]
    return estimate_median(sample.ratios, confidence, sign_autocorrelation(runs))


def superlinear_reason(estimate: Estimate, workers: int, faults: tuple[float, float] | None) -> str:
    """Say in words why a speedup can lie above the number of workers.

    ``faults`` are the page faults of a baseline and of a contender round, where they are known.
    """
    reason = f"{digits(estimate.value)}x is more than {workers} workers can give by themselves"
    if faults is not None and faults[0] > 2 * max(faults[1], 1.0):
        return (
            f"{reason}: the baseline's rounds took {faults[0]:.0f} page faults and the "
            f"contender's {faults[1]:.0f}"
        )
    return f"{reason}: caches, or cores of unequal speed; look at the inflation"
