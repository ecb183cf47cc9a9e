"""Floors: what is asked of a case, by the number of its workers. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from speedgate.judging.inflation import GROWN, most_inflation

DEFAULT_MIN_SPEEDUP = 1.2
DEFAULT_MIN_CONCURRENCY = 1.7
# What releases the GIL by promise still holds it to get from one call to the next: np.exp at 1e6
# reads 0.00 to 0.02. A hold of 0.05 lets no more than 20 threads run at once.
MAX_HELD = 0.05
# So a floor asks for no more than these workers give: at the limit of the hold 20 run at once at
# most, and where they queue for it in no order about 18 of 20 (the machine-repairman queue).
MOST_ASKED = 18


@dataclass(frozen=True)
class Floors:
    """What is asked of a case with a certain number of workers.

    ``gil_held_share`` is the most with a GIL, ``inflation`` the most without one; infinite if
    nothing is asked.
    """

    speedup: float
    concurrency: float
    gil_held_share: float = MAX_HELD
    inflation: float = math.inf


def floors(
    workers: int,
    min_speedup: float | None = None,
    min_concurrency: float | None = None,
    max_gil_held_share: float | None = None,
    max_inflation: float | None = None,
    *,
    ini_speedup: float = DEFAULT_MIN_SPEEDUP,
    ini_concurrency: float = DEFAULT_MIN_CONCURRENCY,
) -> Floors:
    """Return the floors for ``workers``.

    A floor that was given on the command line is taken as it is. The configured ones are meant
    for 2 workers: of the speedup's gain over 1, every further worker must bring as much again,
    1 + (x - 1) * (workers - 1); the concurrency keeps its share of the workers. Of more than
    ``MOST_ASKED`` workers no more is asked, since the GIL may be held for ``MAX_HELD``. The most
    inflation follows from the floor of the speedup, and is never below ``GROWN``.
    """
    asked = min(workers, MOST_ASKED)
    speedup = 1 + (ini_speedup - 1) * (asked - 1) if min_speedup is None else min_speedup
    concurrency = ini_concurrency * asked / 2 if min_concurrency is None else min_concurrency
    return Floors(
        speedup,
        concurrency,
        MAX_HELD if max_gil_held_share is None else max_gil_held_share,
        max(GROWN, most_inflation(workers, speedup)) if max_inflation is None else max_inflation,
    )
