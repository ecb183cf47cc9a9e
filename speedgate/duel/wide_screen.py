"""The wide screen: every case for a moment in two builds, before a duel of them.

What seems to have changed goes to the duel, which decides from fresh blocks alone. So a screen may
err as often as it likes: nothing that it measured is evidence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from speedgate.duel.suspicion import Suspicion, of_each_function_in_turn, suspicion_of
from speedgate.measuring.census import CensusCell, CensusStep
from speedgate.measuring.screen_side import ScreenSide
from speedgate.stats.case import Case

# A first look is as short as it can be: there are five thousand cases. What then seems to have
# moved has a second one, in fresh processes, with what time is left.
FIRST_PAIRS, FIRST_SECONDS = 2, 0.02
SECOND_PAIRS, SECOND_SECONDS = 7, 0.1
FIRST_SHARE = 0.8
# A duel has so much time for candidates of the screen, beside its own selection.
CANDIDATES = 60
# What was looked at is handed on in groups of this number, to be written down.
KEPT_AT_ONCE = 50


class WideScreen:
    """Cases in two builds in turn, within ``budget`` seconds.

    ``on_cells`` is given the cells of which both sides know more than before. ``reached`` counts
    those that had a first look, ``again`` those that had a second.
    """

    def __init__(
        self,
        cells: Sequence[CensusCell],
        sides: Sequence[ScreenSide],
        budget: float,
        on_step: Callable[[CensusStep], None] = lambda step: None,
        on_cells: Callable[[Sequence[CensusCell]], None] = lambda cells: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cells, self.sides, self.budget = cells, sides, budget
        self._on_step, self._on_cells, self._now = on_step, on_cells, now
        self._looked: list[CensusCell] = []
        self._looked_again: list[CensusCell] = []
        self.seconds = 0.0

    def run(self) -> None:
        """Look at every case, then again at what seems to have moved, until the time is up."""
        began = self._now()
        until = began + FIRST_SHARE * self.budget
        try:
            self._look(self._looked, "screen", self.cells, FIRST_PAIRS, FIRST_SECONDS, until)
            until = began + self.budget
            again = self._seen()
            self._look(self._looked_again, "again", again, SECOND_PAIRS, SECOND_SECONDS, until)
        finally:
            self.seconds = self._now() - began

    @property
    def reached(self) -> int:
        return len(self._looked)

    @property
    def again(self) -> int:
        return len(self._looked_again)

    @property
    def not_reached(self) -> Sequence[CensusCell]:
        """The cases for which no time was left."""
        return self.cells[self.reached :]

    def _look(
        self,
        looked: list[CensusCell],
        phase: str,
        cells: Sequence[CensusCell],
        pairs: int,
        seconds: float,
        until: float,
    ) -> None:
        """Look at cells in fresh runners, each build first in every other one; add them to
        ``looked``, and hand them on whatever ends it."""
        try:
            with ExitStack() as open_runners:
                for side in self.sides:
                    open_runners.enter_context(side.runner())
                for number, cell in enumerate(cells, start=1):
                    left = until - self._now()
                    if left <= 0:
                        break
                    self._on_step(CensusStep(phase, number, len(cells), cell.name, left))
                    for side in self.sides if number % 2 else self.sides[::-1]:
                        side.look(cell, pairs, seconds)
                    looked.append(cell)
                    if number % KEPT_AT_ONCE == 0:
                        self._on_cells(looked[-KEPT_AT_ONCE:])
        finally:
            self._on_cells(looked[len(looked) - len(looked) % KEPT_AT_ONCE :])

    def suspicions(self) -> list[Suspicion]:
        """Return what seems to have changed, the surest first."""
        first, other = (side.measured for side in self.sides)
        known = [suspicion_of(first[case], other[case]) for case in first if case in other]
        suspects = [one for one in known if one is not None and one.is_one]
        return sorted(suspects, key=lambda suspicion: suspicion.rank)

    def candidates(self, most: int = CANDIDATES) -> list[Case]:
        """Return what a duel looks at: what fails in one build alone, then what seems to have
        changed, the surest first; of both a case of each function, then more of each.

        What fails has half the places, and those that nothing else needs.
        """
        failed = of_each_function_in_turn(self.failed_in_one())
        suspected = of_each_function_in_turn(suspicion.case for suspicion in self.suspicions())
        places = max((most + 1) // 2, most - len(suspected))
        return [*failed[:places], *suspected][:most]

    def failed_in_one(self) -> list[Case]:
        """Return the cases of which looks saw nothing in exactly one of the builds, in the order
        of the screen."""
        one, other = self.sides
        unseen = one.unseen().keys() | other.unseen().keys()
        cases = [case for case in (cell.case(one.workers) for cell in self.cells) if case in unseen]
        return [case for case in cases if (case in one.measured) != (case in other.measured)]

    def _seen(self) -> list[CensusCell]:
        """Return the cells of which more is to be seen, in that order."""
        cases = [suspicion.case for suspicion in self.suspicions()]
        return [CensusCell(case.workload, case.size) for case in cases]
