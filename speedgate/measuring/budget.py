"""How long each case may take, so that the whole run keeps to its budget."""

from __future__ import annotations

import time
from collections.abc import Callable

DEFAULT_BUDGET_SECONDS = 165.0
# If the cases are too many for that, the default is longer.
LEAST_SECONDS = 1.75
# A case that is judged is measured in several processes.
JUDGED_WEIGHT = 5.0
# So much of a run's time is spare, for cases whose fewest rounds take longer than their share.
SPARE_SHARE = 0.1
# Without an explicit budget a case takes no longer than this for each unit of its weight: a single
# case selected with -k is not measured for minutes.
MOST_SECONDS = 3.0


# What a case that is judged may take in a default run.
JUDGED_SECONDS = (1 - SPARE_SHARE) * LEAST_SECONDS * JUDGED_WEIGHT


def default_seconds(weight: float) -> float:
    """Return how long a run takes whose cases weigh so much, when the user has not said."""
    return max(DEFAULT_BUDGET_SECONDS, LEAST_SECONDS * weight)


class Budget:
    """Spreads the seconds of a run over its cases; what one leaves unused the next may have.

    ``explicit`` says that the user named the seconds and wants them used; ``spare`` seconds come
    after them, for cases that could not keep to their share. Of the weight so much is ``judged``:
    its seconds are kept for the cases of a gate, wherever in the run they come, so that those
    before them cannot use them up.
    """

    def __init__(
        self,
        seconds: float,
        weight: float,
        explicit: bool = False,
        spare: float = 0.0,
        judged: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._deadline = now() + seconds
        self._end = self._deadline + spare
        self._weight = weight
        self._judged = judged
        self._unit = seconds / weight if weight else 0.0
        self._explicit = explicit

    def take(self, weight: float, judged: bool = False) -> float:
        """Return the seconds for a case of ``weight``; never negative."""
        left = max(0.0, self._deadline - self._now())
        if judged:
            share = max(left * weight / max(self._weight, weight), min(left, weight * self._unit))
        else:
            free = max(0.0, left - self._kept)
            share = free * weight / max(self._weight - self._judged, weight)
        self.give_back(weight, judged)
        return share if self._explicit else min(share, MOST_SECONDS * weight)

    def give_back(self, weight: float, judged: bool = False) -> None:
        """Leave to the others the part of a case that is over without having taken it."""
        self._weight = max(0.0, self._weight - weight)
        if judged:
            self._judged = max(0.0, self._judged - weight)

    @property
    def _kept(self) -> float:
        """The seconds that are kept for judged cases which have not begun."""
        return self._judged * self._unit

    def is_used_up(self, judged: bool = False) -> bool:
        """Whether the spare time is over, too: what has not begun is then left out. For what no
        gate judges it is over as soon as only the time of judged cases is left. These may still
        begin as long after the end as is kept for them: one that takes longer than its part is no
        reason to leave out the next."""
        return self._now() >= self._end + (self._kept if judged else -self._kept)

    def left_seconds(self) -> float:
        """Return how long the run will still take, as far as the budget tells."""
        left = max(0.0, self._deadline - self._now())
        return left if self._explicit else min(left, MOST_SECONDS * self._weight)


DEFAULT_TIME_LIMIT_SECONDS = 120.0
