"""Duel: all cases in all builds, until each has its verdict or the time is up.

First every case has a few blocks; what then seems to have moved is confirmed with fresh ones. What
is left of the time goes to what is undecided, and to what seems to have moved by then: each wave of
candidates may err half as often as the one before, all of them together no more than they say.

A round of blocks goes over all the cases before the next begins, so that a disturbance of minutes
meets one block of each, not all of one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from speedgate.duel.candidate import FAMILY_ERROR, blocks_to_confirm
from speedgate.duel.case_state import CaseState
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.finding import Finding
from speedgate.duel.matchup import Matchup
from speedgate.duel.reason import explained

SCREENING_BLOCKS = 4
# Candidates are confirmed up to three times; before the next, what is undecided has more blocks.
WAVES = 3
DECIDING_BLOCKS = 4
CONFIRMING_AT_ONCE = 3
# Quick ones that take as long together, the start of their runners included.
QUICK_AT_ONCE = 20
# Screening ends after this share of the budget, once every case has the fewest blocks that have an
# interval: a candidate that cannot be confirmed any more is worth nothing.
SCREENING_SHARE = 0.55
LEAST_BLOCKS = 2


@dataclass(frozen=True)
class DuelStep:
    """The block that starts now, for the progress line."""

    phase: str
    number: int
    total: int
    name: str
    most_seconds_left: float


class Duel:
    """Runs matchups within ``budget`` seconds; ``on_step`` is given every step before it starts,
    ``on_block`` its case when it is over.

    ``screened`` are the labels of those that a screen suspects: they are confirmed or not, and take
    no time to be called the same.
    """

    def __init__(
        self,
        matchups: Sequence[Matchup],
        budget: float,
        on_step: Callable[[DuelStep], None] = lambda step: None,
        now: Callable[[], float] = time.monotonic,
        screened: Collection[str] = (),
        on_block: Callable[[CaseState], None] = lambda state: None,
    ) -> None:
        self.states = [CaseState(matchup) for matchup in matchups]
        self._screened = screened
        self.needed: list[int] = []  # of each wave, how many fresh blocks a candidate had
        self.is_finished = False
        self._evidence = 0.0  # that confirms a candidate of this wave
        self._order = random.Random(0)
        self._on_step, self._on_block = on_step, on_block
        self._now = now
        self._began = now()
        self._budget = budget

    @property
    def seconds(self) -> float:
        return self._now() - self._began

    @property
    def is_complete(self) -> bool:
        """Whether it came to its end, and every case to a block."""
        matchups = [state.matchup for state in self.states]
        return self.is_finished and all(matchup.blocks or matchup.is_over() for matchup in matchups)

    def run(self) -> None:
        """Screen; then, in waves, confirm what seems to have moved and narrow what is undecided."""
        self._screen()
        for wave in range(1, WAVES + 1):
            if wave > 1 and self.seconds >= self._budget:
                break  # what fresh blocks did not confirm stays dismissed
            self._begin_wave(FAMILY_ERROR / 2**wave)
            self._confirm()
            self._decide()
        self.is_finished = True

    def _begin_wave(self, error: float) -> None:
        candidates = sum(state.begin_wave() for state in self.states)
        self.needed.append(blocks_to_confirm(candidates, error))
        self._evidence = candidates / error

    def _screen(self) -> None:
        for number in range(SCREENING_BLOCKS):
            is_enough = number >= LEAST_BLOCKS
            until = SCREENING_SHARE * self._budget if is_enough else self._budget
            phase = f"block {number + 1} of {SCREENING_BLOCKS}"
            self._round(self.states, phase, until)

    def _confirm(self) -> None:
        """Give fresh blocks to the candidates, until each is confirmed or dismissed.

        A few at a time, the surest first: where the time does not suffice for all of them, it
        does for some.
        """
        ordered = sorted(self.states, key=lambda state: -state.certainty)
        while self.seconds < self._budget:
            active = [state for state in ordered if state.is_confirming(self.needed[-1])]
            if not active:
                break
            phase = f"confirming {len(active)}"
            for state in self._round(self._at_once(active), phase, self._budget):
                state.take_in(state.matchup.blocks[-1], self.needed[-1], self._evidence)

    def _at_once(self, active: Sequence[CaseState]) -> list[CaseState]:
        """Return the surest ones, quick ones and others, for about as long each.

        Quick ones share a runner: each time in another order, so that none always has the same
        case before it.
        """
        quick = [state for state in active if state.matchup.is_quick][:QUICK_AT_ONCE]
        others = [state for state in active if not state.matchup.is_quick][:CONFIRMING_AT_ONCE]
        self._order.shuffle(quick)
        return quick + others

    def _decide(self) -> None:
        """Narrow the intervals of what is neither the same nor confirmed.

        Whether they are is looked at once a wave: who looks after every block, and stops at the
        first interval that fits, calls more the same than the interval allows.
        """
        undecided = [
            state
            for state in self.states
            if state.matchup.entry.label not in self._screened and state.is_undecided()
        ]
        for _ in range(DECIDING_BLOCKS):
            self._round(undecided, f"{len(undecided)} undecided", self._budget)

    def _round(self, states: Sequence[CaseState], phase: str, until: float) -> list[CaseState]:
        """Run a block of each until these seconds have passed; return those that had one."""
        done = []
        for number, state in enumerate(states, start=1):
            if self.seconds >= until:
                break
            matchup = state.matchup
            if matchup.is_over():
                continue
            left = max(0.0, self._budget - self.seconds)
            self._on_step(DuelStep(phase, number, len(states), matchup.entry.label, left))
            before = len(matchup.blocks)
            matchup.run_block(state.is_looked_at)
            if len(matchup.blocks) > before:
                done.append(state)
            self._on_block(state)
        return done

    def findings(self) -> list[Finding]:
        """Return what is certain of every case in every other build, what matters most first."""
        order = list(DuelVerdict)
        findings = [
            explained(state.finding(build), list(state.matchup.builds))
            for state in self.states
            for build in state.matchup.others
        ]
        return sorted(findings, key=lambda finding: (order.index(finding.verdict), -finding.size))
