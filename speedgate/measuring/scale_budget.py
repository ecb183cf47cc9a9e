"""The seconds of a run of ``scale``: which benchmark may still begin, and how long its rounds may
take."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from speedgate.measuring.scaling import MIN_PROCESSES, Scaled, ScaleOutcome

# The least that the rounds of a benchmark take, and the most where others leave their time.
LEAST_SECONDS = 0.5
MOST_SHARES = 4
# What a process of a benchmark takes beside its rounds and its start: to check, to calibrate and to
# sample. The first one tells it exactly.
PREPARING_SECONDS = 1.0
# Of fewer, the one that happens to be first may be the slow one: it says nothing of the next.
ENOUGH_KNOWN = 3


class ScaleBudget:
    """Spreads the seconds of a run over its benchmarks.

    ``asked`` are those of --budget, which ``began`` when the collection did: what would end after
    them, even if it is a quick one, does not begin. Without it each benchmark has ``each`` seconds,
    and all of them begin.
    """

    def __init__(
        self,
        asked: float | None,
        each: float,
        benchmarks: int,
        began: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now, self._each, self._left = now, each, benchmarks
        self.is_asked = asked is not None
        start = now()
        self.until = start + each * benchmarks
        # What a process of a benchmark takes beside its rounds. Before the first one tells, its
        # start counts as the collection, in which an interpreter started and imported the same.
        self._beside: list[float] = []
        self._guess = 0.0
        if asked is not None:
            began = start if began is None else began
            self.until, self._guess = began + asked, start - began + PREPARING_SECONDS

    @property
    def left(self) -> float | None:
        """The seconds that are left, ``None`` where nobody asked for a budget."""
        return max(0.0, self.until - self._now()) if self.is_asked else None

    @property
    def process_seconds(self) -> float:
        """What a process takes beside its rounds."""
        return median(self._beside) if self._beside else self._guess

    @property
    def _quick_process_seconds(self) -> float:
        """What a process of a quick benchmark takes beside its rounds: a quarter of those known
        take no more. The next one may be quick, too, however slow those before it were."""
        quick = sorted(self._beside)[(len(self._beside) - 1) // 4]
        return quick if len(self._beside) >= ENOUGH_KNOWN else min(quick, self._guess)

    def has_time_for(self, seconds: float) -> bool:
        """Whether what takes these seconds would end within the budget."""
        return not self.is_asked or self._now() + seconds < self.until

    def may_begin(self) -> bool:
        """Whether the next benchmark would end within the budget if it is a quick one; the first
        may begin where any is left, for how long it takes is not known before."""
        if not self._beside:
            return self.has_time_for(0.0)
        return self.has_time_for(MIN_PROCESSES * self._quick_process_seconds + LEAST_SECONDS)

    def take(self) -> float:
        """Return the seconds for the rounds of the next benchmark."""
        share = (self.until - self._now()) / max(self._left, 1)
        if self.is_asked:
            share -= MIN_PROCESSES * self.process_seconds
        return min(max(LEAST_SECONDS, share), MOST_SHARES * self._each)

    def one_is_over(self) -> None:
        """Note that a benchmark is over, or was not begun."""
        self._left -= 1

    def note(self, scaled: Scaled, seconds: float) -> None:
        """Note what a benchmark took beside the seconds for its rounds."""
        measurement = scaled.measurement
        if scaled.outcome is ScaleOutcome.MEASURED and measurement and measurement.processes:
            beside = max(0.0, measurement.wall_seconds - seconds)
            self._beside.append(beside / len(measurement.processes))
