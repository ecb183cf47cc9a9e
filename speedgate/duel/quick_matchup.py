"""Quick matchup: a case of the screen whose blocks share their fresh runners with other cases.

A block of a ``Matchup`` has two interpreters for itself: they take a second to start, and measure
for a tenth of one. Here the runners of a screen stay for as many cases as there are, and give each
of them one block; the next block of a case is in fresh ones again. So a case costs a seventh, and
its blocks are as independent of each other. What it does not have are samples of the GIL, looks at
what calls leave behind, and threads of BLAS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from speedgate.builds.label import BuildLabel
from speedgate.duel.block import Block
from speedgate.duel.candidate import Candidate
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.measuring.census import STRATEGY, CensusCell
from speedgate.measuring.screen_side import WORKERS, ScreenSide

# A block is as long as that of a matchup; what takes longer has fewer pairs of rounds.
PAIRS, SECONDS = 7, 0.12


def may_share_runners(entry: DuelEntry, moved: Candidate) -> bool:
    """Whether blocks on shared runners tell of a figure of a case: one that rounds of two threads
    tell, of what a screen can name."""
    is_screened = entry.case.strategy == STRATEGY and entry.case.workers == WORKERS
    is_named = ":" not in entry.case.workload and entry.blas_threads == 1
    return is_screened and is_named and not moved.figure.is_share and not moved.figure.is_looked_at


class SharedRunners:
    """A runner of each build for many cases, and fresh ones before a case meets one again."""

    def __init__(self, sides: Mapping[BuildLabel, ScreenSide]) -> None:
        self._sides = sides
        self._met: set[CensusCell] = set()
        self._running = ExitStack()

    def fresh_for(self, cell: CensusCell) -> Mapping[BuildLabel, ScreenSide]:
        """Return the builds, with runners that have not measured this cell."""
        if cell in self._met:
            self.close()
        if not self._met:
            for side in self._sides.values():
                self._running.enter_context(side.runner())
        self._met.add(cell)
        return self._sides

    def close(self) -> None:
        """End the runners."""
        self._met.clear()
        self._running.close()

    def __enter__(self) -> SharedRunners:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class QuickMatchup(Matchup):
    """A cell, or a case of the catalogue, in two builds: one look in each makes a block."""

    is_quick = True

    def __init__(
        self,
        entry: DuelEntry,
        builds: Sequence[BuildUnderTest],
        time_limit: float,
        runners: SharedRunners,
    ) -> None:
        super().__init__(entry, builds, time_limit)
        self._cell = CensusCell(entry.case.workload, entry.case.size)
        self._runners = runners
        self._loops: int | None = None
        self._alone: Matchup | None = None

    def is_over(self) -> bool:
        """Whether there is nothing left to compare, or its runners do not bear it."""
        return bool(self.gave_up) or super().is_over()

    def run_block(self, is_looked_at: bool = False) -> None:
        """Look at the case in each build, one after the other; another one is first each time."""
        if self._alone is not None:
            self._alone.run_block(is_looked_at)
            return
        began, case = self._now(), self.entry.case
        sides = self._runners.fresh_for(self._cell)
        for build in self._rotated(len(self.blocks)):
            side, measurement = sides[build], self.measurements[build]
            side.measured[case] = measurement
            if not side.look(self._cell, PAIRS, SECONDS, self._loops):
                self._try_alone(side.failed[case])
                return
            self._guarded(build, self._take_call, build, side.calls[case])
            # The load of the first build is that of the other, too: seconds of a round compare.
            self._loops = measurement.loops
            self.is_placed &= measurement.opened is not None and measurement.opened.placed
            measurement.wall_seconds += self._now() - began
        if self.lacking:
            return
        last = {build: self.measurements[build].processes[-1] for build in self.builds}
        replicates = [
            dict(zip(last, pairs, strict=True)) for pairs in zip(*last.values(), strict=False)
        ]
        self.blocks.append(
            Block(
                self.reference, case.workers, tuple(replicates), is_placed=self.has_cores_of_its_own
            )
        )

    def _try_alone(self, reason: str) -> None:
        """Go on in interpreters of its own: others may have broken the shared ones, and a look has
        little time. What failed there only later has blocks that are not held against others.
        """
        alone = Matchup(self.entry, list(self.builds.values()), self._plan.time_limit)
        alone.run_block()
        self.failures, self.lacking = alone.failures, alone.lacking
        if self.failures or self.lacking:
            return
        if self.blocks:
            self.gave_up = f"it failed beside other cases, and not alone: {reason}"
            return
        self._alone = alone
        self.blocks, self.measurements = alone.blocks, alone.measurements
