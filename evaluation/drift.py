"""How often a change of level is reported where there is none, and how soon where there is one.

python -m evaluation.drift      writes docs/drift.md, in under four minutes
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import ruptures

from evaluation.coverage import series
from evaluation.pages import machine_words, write_page
from speedgate.stats.changepoints import change_points

DOCUMENT = Path("docs/drift.md")
SEED = 6
SPREAD = 0.04
SERIES = 2000
NIGHTS = (20, 60, 200, 400)
# Series of 60 nights that are looked at after each of them.
SERIES_LOOKED_AT = 500
NIGHTS_LOOKED_AT = 60
# The nights before a change, and the nights after it at which a method looks.
SERIES_WITH_A_CHANGE = 500
NIGHTS_BEFORE = 60
LOOKS = (1, 2, 4, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)
FOUND_WITHIN = (10, 30, 60, 100)
# A report that lies further before the change is none of it.
TOLERANCE = 10

Noise = Callable[[random.Random, int], list[float]]
Level = Callable[[int], float]
# From the seconds of the nights so far to the first night of each level that it reports as new.
Method = Callable[[Sequence[float]], list[int]]


def autocorrelated(correlation: float) -> Noise:
    return lambda random_numbers, count: series(random_numbers, count, correlation)


def heavy_tailed(random_numbers: random.Random, count: int) -> list[float]:
    """Return Student's t of 3 degrees of freedom over its standard deviation."""
    return [
        random_numbers.gauss(0, 1) / math.sqrt(random_numbers.gammavariate(1.5, 2))
        for _ in range(count)
    ]


def with_spikes(random_numbers: random.Random, count: int) -> list[float]:
    """Return normal values, one in twenty of them raised, by 10 standard deviations on average."""
    return [
        random_numbers.gauss(0, 1)
        + (random_numbers.expovariate(0.1) if random_numbers.random() < 0.05 else 0.0)
        for _ in range(count)
    ]


NOISES: dict[str, Noise] = {
    "normal": autocorrelated(0.0),
    "Student's t, 3 degrees of freedom": heavy_tailed,
    "normal, 5% spikes": with_spikes,
    "autocorrelated by 0.3": autocorrelated(0.3),
    "autocorrelated by 0.6": autocorrelated(0.6),
}


def step(share: float) -> Level:
    return lambda night: 1 + share if night >= NIGHTS_BEFORE else 1.0


def slow_drift(night: int) -> float:
    return 1 + 0.1 * min(1.0, max(0, night + 1 - NIGHTS_BEFORE) / 100)


CHANGES: dict[str, Level] = {
    "none": step(0.0),
    "step of 5%": step(0.05),
    "step of 10%": step(0.10),
    "step of 20%": step(0.20),
    "drift of 10% over 100 nights": slow_drift,
}


def speedgate(values: Sequence[float]) -> list[int]:
    return [change.index for change in change_points(values)]


def penalised_squares(values: Sequence[float]) -> list[int]:
    """PELT with squared errors and BIC: two parameters a change, the spread from neighbours.

    A linear kernel is the squared error; this class is the library's PELT in C.
    """
    if len(values) < 4:
        return []
    scaled = np.log(values)
    variance = float(np.median(np.abs(np.diff(scaled))) / 0.6745) ** 2 / 2
    method = ruptures.KernelCPD(kernel="linear", min_size=2).fit(scaled)
    ends = method.predict(pen=2 * variance * math.log(len(scaled)))
    return [int(end) for end in ends[:-1]]


def last_against_the_one_before(values: Sequence[float]) -> list[int]:
    """Return every night that ``--benchmark-compare-fail=median:15%`` would have failed."""
    pairs = enumerate(pairwise(values), start=1)
    return [night for night, (before, after) in pairs if after > 1.15 * before]


METHODS: dict[str, Method] = {
    "Speedgate": speedgate,
    "PELT, squares, BIC": penalised_squares,
    "median:15%": last_against_the_one_before,
}


def seconds(noise: Sequence[float], level: Level) -> list[float]:
    return [level(night) * math.exp(SPREAD * deviation) for night, deviation in enumerate(noise)]


def false_alarms(noise: Noise, method: Method, nights: int) -> float:
    """Return the share of series without a change in which one is reported after the last night."""
    random_numbers = random.Random(SEED + nights)
    alarms = 0
    for _ in range(SERIES):
        alarms += bool(method(seconds(noise(random_numbers, nights), CHANGES["none"])))
    return alarms / SERIES


def false_alarms_every_night(noise: Noise, method: Method) -> float:
    """Return the share of series without a change in which one is reported after any night."""
    random_numbers = random.Random(SEED)
    alarms = 0
    for _ in range(SERIES_LOOKED_AT):
        values = seconds(noise(random_numbers, NIGHTS_LOOKED_AT), CHANGES["none"])
        alarms += any(method(values[:night]) for night in range(1, NIGHTS_LOOKED_AT + 1))
    return alarms / SERIES_LOOKED_AT


def nights_until_reported(level: Level, method: Method) -> list[float]:
    """Return, for each series, the nights from the change to the first report; infinite if none."""
    random_numbers = random.Random(SEED)
    return [
        _first_look(
            seconds(NOISES["normal"](random_numbers, NIGHTS_BEFORE + LOOKS[-1]), level), method
        )
        for _ in range(SERIES_WITH_A_CHANGE)
    ]


def _first_look(values: Sequence[float], method: Method) -> float:
    for nights in LOOKS:
        if any(
            night >= NIGHTS_BEFORE - TOLERANCE for night in method(values[: NIGHTS_BEFORE + nights])
        ):
            return nights
    return math.inf


def _alarm_lines() -> Iterator[str]:
    for name, noise in NOISES.items():
        for label, method in METHODS.items():
            shares = [false_alarms(noise, method, nights) for nights in NIGHTS]
            shares.append(false_alarms_every_night(noise, method))
            yield f"| {name} | {label} | {' | '.join(f'{share:.1%}' for share in shares)} |"


def _detection_lines() -> Iterator[str]:
    for name, level in CHANGES.items():
        for label, method in METHODS.items():
            delays = nights_until_reported(level, method)
            shares = [
                sum(delay <= nights for delay in delays) / len(delays) for nights in FOUND_WITHIN
            ]
            middle = median(delays)
            half = f"{middle:.0f}" if math.isfinite(middle) else f"over {LOOKS[-1]}"
            cells = [*(f"{share:.0%}" for share in shares), half]
            yield f"| {name} | {label} | {' | '.join(cells)} |"


def document() -> str:
    lines = [
        "# Whether a change of level is one",
        "",
        "Made by `python -m evaluation.drift` on "
        f"{machine_words()}, Python {sys.version.split()[0]}, ruptures {version('ruptures')}, "
        f"NumPy {np.__version__}. The series are made up, with seed {SEED}; the spread of the "
        f"nights is {SPREAD:.0%}. Three methods:",
        "",
        "- Speedgate: `speedgate.stats.changepoints.change_points`, which "
        "`speedgate history CASE` runs.",
        "- PELT, squares, BIC: ruptures alone, without a test of what it proposes. Its shortest "
        "level is the default, two nights.",
        "- median:15%: a night fails if it is more than 15% slower than the night before, as with "
        "`--benchmark-compare-fail=median:15%`.",
        "",
        "## False alarms",
        "",
        f"In what share of {SERIES} series without a change does a method report one after the "
        f"last night? And in what share of {SERIES_LOOKED_AT} series of {NIGHTS_LOOKED_AT} nights "
        "after any of them? Speedgate means to stay at about 1% a look or below for all noises but "
        "the last, in which neighbouring nights are so similar that they look like levels. Looked "
        "at every fifth night for a year, a case whose nights correlate by 0.6 has a false change "
        'point in 5 of 100 years (`python -m evaluation.claims "change point"`).',
        "",
        f"| noise | method | {' | '.join(f'{nights} nights' for nights in NIGHTS)} | "
        f"{NIGHTS_LOOKED_AT}, every night |",
        f"| --- | --- |{' --- |' * (len(NIGHTS) + 1)}",
        *_alarm_lines(),
        "",
        "## How soon a change is found",
        "",
        f"{SERIES_WITH_A_CHANGE} series of normal noise change after {NIGHTS_BEFORE} nights "
        "without a change. In what share of them does a method report it within 10, 30, 60 and 100 "
        "nights, and after how many nights does it do so in half of them? It looks after these "
        f"nights: {', '.join(map(str, LOOKS))}. The rows without a change show chance.",
        "",
        f"| change | method | {' | '.join(f'within {nights}' for nights in FOUND_WITHIN)} | "
        "half of them |",
        f"| --- | --- |{' --- |' * (len(FOUND_WITHIN) + 1)}",
        *_detection_lines(),
    ]
    return "\n".join(lines)


def main() -> None:
    write_page(DOCUMENT, document())


if __name__ == "__main__":
    main()
