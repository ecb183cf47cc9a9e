"""How often the interval of a median misses it when rounds resemble their neighbours.

python -m evaluation.coverage       prints a table and a line, in half a minute

Beside Speedgate's count of pairs stands another, which was tried: the sum over the correlations of
signs at every distance, as a series of the first order has them (W. F. Sheppard, Phil. Trans. A
192, 1899). It misses less where there are many pairs, and leaves more without an interval.
"""

from __future__ import annotations

import math
import random
from unittest.mock import patch

from speedgate.judging.gate import MAX_PROCESSES, Verdict
from speedgate.stats import accounting, speedup
from speedgate.stats.estimate import estimate_median, sign_autocorrelation

SERIES = 3000
CONFIDENCE = 0.95
PROCESSES = 2
TRIALS = 3000


def series(random_numbers: random.Random, count: int, correlation: float) -> list[float]:
    """Return a series of the first order around 0, autocorrelation ``correlation``."""
    values = [random_numbers.gauss(0, 1)]
    for _ in range(count - 1):
        step = random_numbers.gauss(0, math.sqrt(1 - correlation**2))
        values.append(correlation * values[-1] + step)
    return values


def summed(sign: float) -> float:
    """Return the lag-1 value that makes ``estimate_median`` count by the sum over all distances."""
    phi, total = math.sin(math.pi * sign / 2), 0.0
    power = phi
    while power > 1e-4:
        total += 2 / math.pi * math.asin(power)
        power *= phi
    return total / (1 + total)


def misses(count: int, correlation: float) -> list[tuple[float, float]]:
    """Return how often 0 lies outside, and how often there is no interval: with pairs counted as
    independent, as Speedgate does, and by the sum."""
    random_numbers = random.Random(count)
    missed, unbounded = [0, 0, 0], [0, 0, 0]
    for _ in range(SERIES):
        runs = [series(random_numbers, count, correlation) for _ in range(PROCESSES)]
        values = [value for run in runs for value in run]
        sign = sign_autocorrelation(runs)
        for index, known in enumerate((0.0, sign, summed(sign))):
            estimate = estimate_median(values, CONFIDENCE, known)
            missed[index] += estimate is None or not estimate.low <= 0 <= estimate.high
            unbounded[index] += estimate is None or not estimate.is_bounded
    return [(m / SERIES, u / SERIES) for m, u in zip(missed, unbounded, strict=True)]


def inconclusive() -> tuple[float, float]:
    """Return what share of healthy quiet trials, drawn again, the gate does not decide: with pairs
    counted as Speedgate does, and by the sum."""
    from evaluation.blocks import draw
    from evaluation.claim_scenes import verdict_of

    shares = []
    for counted in (sign_autocorrelation, lambda runs: summed(sign_autocorrelation(runs))):
        chance, opened = random.Random(TRIALS), 0
        with (
            patch.object(accounting, "sign_autocorrelation", counted),
            patch.object(speedup, "sign_autocorrelation", counted),
        ):
            for _ in range(TRIALS):
                subject, truth = chance.choice((("g", 1.5), ("g_out", 1.7)))
                verdict = verdict_of(draw(chance, subject, MAX_PROCESSES, None, truth))
                opened += verdict is Verdict.INCONCLUSIVE
        shares.append(opened / TRIALS)
    return shares[0], shares[1]


def main() -> None:
    print(
        "| pairs | correlation | missed, as if independent | as Speedgate counts (no interval) "
        "| by the sum (no interval) |"
    )
    print("| --- | --- | --- | --- | --- |")
    for count in (10, 20, 40):
        for correlation in (0.0, 0.3, 0.5):
            naive, ours, other = misses(count, correlation)
            print(
                f"| {PROCESSES * count} | {correlation} | {naive[0]:.1%} "
                f"| {ours[0]:.1%} ({ours[1]:.1%}) | {other[0]:.1%} ({other[1]:.1%}) |"
            )
    as_counted, by_sum = inconclusive()
    print(
        f"\nhealthy quiet trials, drawn again {TRIALS:,} times: inconclusive {as_counted:.1%} as "
        f"Speedgate counts, {by_sum:.1%} by the sum"
    )


if __name__ == "__main__":
    main()
