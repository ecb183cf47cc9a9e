"""The wide screen: every cell of the census for a moment in two builds, before a duel of them.

What seems to have changed goes to the duel, which decides from fresh blocks alone. So a screen may
err as often as it likes: nothing that it measured is evidence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from speedgate.judging.census_change import CensusDifference, compare_censuses
from speedgate.judging.row import Row
from speedgate.measuring.census import (
    HELD_SECONDS,
    PAIRS,
    ROUNDS_SECONDS,
    SAMPLED_AT_ONCE,
    Census,
    CensusCell,
    CensusStep,
)
from speedgate.measuring.measured_row import gil_class_of, measured_row

# Seconds of both builds from this factor on: they were measured in turn, and a duel decides.
LEAST_FACTOR = 1.2
# A duel has so much time for candidates of the screen, beside its own selection.
MOST_CANDIDATES = 20


class WideScreen:
    """Cells in two builds in turn, within ``budget`` seconds.

    ``sides`` are the censuses of the two, which are not run: cells come to them one by one.
    """

    def __init__(
        self,
        cells: Sequence[CensusCell],
        sides: Sequence[Census],
        budget: float,
        on_step: Callable[[CensusStep], None] = lambda step: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cells, self.sides, self._budget = cells, sides, budget
        self._on_step, self._now = on_step, now
        self.reached = 0

    def run(self) -> None:
        """Measure cells until the time is up, each build first in every other one."""
        until = self._now() + self._budget
        with ExitStack() as open_runners:
            for side in self.sides:
                open_runners.enter_context(side.runner())
            for first in range(0, len(self.cells), SAMPLED_AT_ONCE):
                group = self._measured(self.cells[first : first + SAMPLED_AT_ONCE], until)
                for side in self.sides:
                    side.sample(group, HELD_SECONDS)
                if self._now() >= until:
                    break

    def _measured(self, cells: Sequence[CensusCell], until: float) -> list[CensusCell]:
        """Measure a group in both builds; return the cells that both could."""
        group = []
        for cell in cells:
            left = until - self._now()
            if left <= 0:
                break
            self.reached += 1
            self._on_step(CensusStep("screen", self.reached, len(self.cells), cell.name, left))
            order = self.sides if self.reached % 2 else self.sides[::-1]
            done = [side.measure(cell, PAIRS, ROUNDS_SECONDS) for side in order]
            if all(done):
                group.append(cell)
        return group

    def difference(self) -> CensusDifference:
        """Return what seems to have changed, the surest first."""
        before, now = (rows_of(side) for side in self.sides)
        return compare_censuses(before, now, LEAST_FACTOR)


def candidates(difference: CensusDifference) -> list[CensusCell]:
    """Return the cells that a duel should look at."""
    changes = difference.changes[:MOST_CANDIDATES]
    return [CensusCell(change.now.case.workload, change.now.case.size) for change in changes]


def rows_of(census: Census) -> list[Row]:
    """Return the rows of what a census has measured."""
    return [
        measured_row(measurement, gil_class=gil_class_of(measurement))
        for measurement in census.measured.values()
    ]
