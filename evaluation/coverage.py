"""How often the interval of a median misses it when rounds resemble their neighbours.

python -m evaluation.coverage       prints a table, in about ten seconds
"""

from __future__ import annotations

import math
import random

from speedgate.estimate import estimate_median, sign_autocorrelation

SERIES = 3000
CONFIDENCE = 0.95
PROCESSES = 2


def series(random_numbers: random.Random, count: int, correlation: float) -> list[float]:
    """Return a series of the first order around 0, autocorrelation ``correlation``."""
    values = [random_numbers.gauss(0, 1)]
    for _ in range(count - 1):
        step = random_numbers.gauss(0, math.sqrt(1 - correlation**2))
        values.append(correlation * values[-1] + step)
    return values


def misses(count: int, correlation: float) -> tuple[float, float]:
    """Return how often 0 lies outside, with pairs counted as independent and as Speedgate does."""
    random_numbers = random.Random(count)
    missed = [0, 0]
    for _ in range(SERIES):
        runs = [series(random_numbers, count, correlation) for _ in range(PROCESSES)]
        values = [value for run in runs for value in run]
        for index, known in enumerate((0.0, sign_autocorrelation(runs))):
            estimate = estimate_median(values, CONFIDENCE, known)
            missed[index] += estimate is None or not estimate.low <= 0 <= estimate.high
    return missed[0] / SERIES, missed[1] / SERIES


def main() -> None:
    print("| pairs | correlation | missed, as if independent | missed, as Speedgate counts |")
    print("| --- | --- | --- | --- |")
    for count in (10, 20, 40):
        for correlation in (0.0, 0.3, 0.5):
            naive, ours = misses(count, correlation)
            print(f"| {PROCESSES * count} | {correlation} | {naive:.1%} | {ours:.1%} |")


if __name__ == "__main__":
    main()
