"""Duel: all cases in all builds, until each has its verdict or the time is up.

First every case has a few blocks; what then seems to have moved is confirmed with fresh ones. What
is left of the time goes to what is undecided, and to what seems to have moved by then: each wave of
candidates may err half as often as the one before, all of them together no more than they say.

A round of blocks goes over all the cases before the next begins, so that a disturbance of minutes
meets one block of each, not all of one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from speedgate.duel.decision import (
    FAMILY_ERROR,
    LEAST_SAME,
    MOST_WAITING,
    PATIENCE,
    Block,
    Candidate,
    Decision,
    DuelVerdict,
    Effect,
    blocks_to_confirm,
    can_confirm,
    candidates_in,
    decide,
    effects_of,
    evidence_for,
    waiting_of,
)
from speedgate.duel.matchup import Matchup

SCREENING_BLOCKS = 4
# Candidates are confirmed up to three times; before the next, what is undecided has more blocks.
WAVES = 3
DECIDING_BLOCKS = 4
CONFIRMING_AT_ONCE = 3
# Screening ends after this share of the budget, once every case has the fewest blocks that have an
# interval: a candidate that cannot be confirmed any more is worth nothing.
SCREENING_SHARE = 0.55
LEAST_BLOCKS = 2

Json = dict[str, Any]


@dataclass
class CaseState:
    """A matchup, and what is suspected of it in a wave, which began with block ``wave_began``.

    ``fresh`` is where the blocks that a build's candidates were last held against began;
    ``dismissed`` is what fresh blocks did not confirm, in this wave or an earlier one.
    """

    matchup: Matchup
    suspected: list[Candidate] = field(default_factory=list)
    dismissed: list[Candidate] = field(default_factory=list)
    confirmed: list[Candidate] = field(default_factory=list)
    agreed: Counter[Candidate] = field(default_factory=Counter)
    dissented: Counter[Candidate] = field(default_factory=Counter)
    wave_began: int = 0
    fresh: dict[int, int] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        return self.matchup.entry.case.workers

    @property
    def open_candidates(self) -> list[Candidate]:
        done = (*self.dismissed, *self.confirmed)
        return [each for each in self.suspected if each not in done]

    def suspect(self) -> int:
        """Begin a wave: return how much seems to have moved in builds of which nothing is sure."""
        self.wave_began = len(self.matchup.blocks)
        self.agreed.clear()
        self.dissented.clear()
        sure = {each.build for each in self.confirmed}
        found = [
            each
            for build in self.matchup.builds[1:]
            if build not in sure
            for each in candidates_in(self.matchup.blocks, self.workers, build)
        ]
        self.fresh.update({each.build: self.wave_began for each in found})
        self.suspected = [*self.confirmed, *found]
        self.dismissed = [each for each in self.dismissed if each not in found]
        return len(found)

    def is_confirming(self, needed: int) -> bool:
        """Whether fresh blocks are still worth their time: some know nothing of a candidate."""
        fresh = len(self.matchup.blocks) - self.wave_began
        is_open = bool(self.open_candidates) and not self.matchup.is_over()
        return is_open and fresh < PATIENCE * needed

    def take_in(self, block: Block, needed: int, evidence: float) -> None:
        """Hold a fresh block against what is suspected: so much ``evidence`` confirms it, that of
        ``needed`` blocks if all of them agree."""
        for each in self.open_candidates:
            agrees = each.agrees(block, self.workers)
            if agrees is None:
                continue
            counted = self.agreed if agrees else self.dissented
            counted[each] += 1
            if evidence_for(self.agreed[each], self.dissented[each]) >= evidence:
                self.confirmed.append(each)
            elif not can_confirm(self.agreed[each], self.dissented[each], needed):
                self.dismissed.append(each)

    def is_undecided(self) -> bool:
        """Whether the verdict of a build is still open."""
        if self.matchup.is_over():
            return False
        found = [self.finding(build).verdict for build in self.matchup.builds[1:]]
        return DuelVerdict.INCONCLUSIVE in found

    @property
    def certainty(self) -> float:
        """How surely the most suspicious figure seems to have moved: it is confirmed first."""
        suspected = self.open_candidates
        builds = {each.build for each in suspected}
        found = {build: effects_of(self.matchup.blocks, self.workers, build) for build in builds}
        known = [found[each.build].get(each.figure.name) for each in suspected]
        return max((effect.certainty for effect in known if effect is not None), default=0.0)

    def finding(self, build: int) -> Finding:
        """Return what is certain of another build against the first.

        Where something was confirmed, the figures are those of the fresh blocks: what was chosen
        for being far off after the first ones is nearer than it seemed.
        """
        matchup = self.matchup
        confirmed = [each for each in self.confirmed if each.build == build]
        blocks = matchup.blocks[self.fresh[build] if confirmed else 0 :]
        found = effects_of(blocks, self.workers, build)
        decision = decide(found, confirmed)
        note = ""
        if decision.verdict is DuelVerdict.SAME and len(blocks) < LEAST_SAME:
            decision = Decision(DuelVerdict.INCONCLUSIVE)
            note = f"the same so far, in {len(blocks)} runs of {LEAST_SAME} that the word needs"
        failed = [number for number in (0, build) if number in matchup.failures]
        lacking = [number for number in (0, build) if number in matchup.lacking]
        if failed:
            decision, note = Decision(DuelVerdict.FAILED), matchup.failures[failed[0]]
        elif lacking:
            decision, note = Decision(DuelVerdict.NOT_AVAILABLE), matchup.lacking[lacking[0]]
        elif any(each.build == build for each in self.open_candidates):
            note = "no time was left to confirm it"
        elif not matchup.blocks:
            note = "it was not reached"
        out = tuple(failed or lacking)
        waiting = tuple(waiting_of(blocks, self.workers, number) for number in (0, build))
        return Finding(self, build, decision, found, confirmed, note, out, len(blocks), waiting)


@dataclass(frozen=True)
class Finding:
    """What is certain of one case in one build against the first, and why.

    ``note`` is why there is no more to say; ``out`` are the builds that failed, or lack the case.
    ``waiting`` is the share that others had of the workers' cores, in both builds.
    """

    state: CaseState
    build: int
    decision: Decision
    effects: dict[str, Effect]
    confirmed: Sequence[Candidate]
    note: str
    out: tuple[int, ...]
    blocks: int
    waiting: tuple[float | None, ...]

    @property
    def is_beside_neighbours(self) -> bool:
        """Whether others had so much of the cores, in a build, that less is certain."""
        return max((each or 0.0 for each in self.waiting), default=0.0) >= MOST_WAITING

    @property
    def verdict(self) -> DuelVerdict:
        return self.decision.verdict

    @property
    def size(self) -> float:
        """How large the difference is that the verdict tells of, in margins."""
        names = [each.figure.name for each in self.decision.because or self.confirmed]
        picked = [self.effects[name] for name in names if name in self.effects]
        if not picked:
            picked = [effect for effect in self.effects.values() if effect.figure.decides]
        return max((effect.size for effect in picked), default=0.0)


@dataclass(frozen=True)
class Step:
    """The block that starts now, for the progress line."""

    phase: str
    number: int
    total: int
    label: str
    most_seconds_left: float


class Duel:
    """Runs matchups within ``budget`` seconds; ``tell`` is given every step before it starts."""

    def __init__(
        self,
        matchups: Sequence[Matchup],
        budget: float,
        tell: Callable[[Step], None] = lambda step: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.states = [CaseState(matchup) for matchup in matchups]
        self.needed: list[int] = []  # of each wave, how many fresh blocks a candidate had
        self.is_finished = False
        self._evidence = 0.0  # that confirms a candidate of this wave
        self._tell = tell
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
        return self.is_finished and all(each.blocks or each.is_over() for each in matchups)

    def run(self) -> None:
        """Screen; then confirm what is suspected and look on at what is undecided, in waves."""
        self._screen()
        for wave in range(1, WAVES + 1):
            if wave > 1 and self.seconds >= self._budget:
                break  # what fresh blocks did not confirm stays dismissed
            self._suspect(FAMILY_ERROR / 2**wave)
            self._confirm()
            self._decide()
        self.is_finished = True

    def _suspect(self, error: float) -> None:
        suspected = sum(state.suspect() for state in self.states)
        self.needed.append(blocks_to_confirm(suspected, error))
        self._evidence = suspected / error

    def _screen(self) -> None:
        for number in range(SCREENING_BLOCKS):
            is_enough = number >= LEAST_BLOCKS
            until = SCREENING_SHARE * self._budget if is_enough else self._budget
            phase = f"block {number + 1} of {SCREENING_BLOCKS}"
            self._round(self.states, phase, until)

    def _confirm(self) -> None:
        """Give fresh blocks to what is suspected, until it is confirmed or dismissed.

        A few at a time, the surest first: where the time does not suffice for all of them, it
        does for some.
        """
        ordered = sorted(self.states, key=lambda each: -each.certainty)
        while self.seconds < self._budget:
            active = [each for each in ordered if each.is_confirming(self.needed[-1])]
            if not active:
                break
            phase = f"confirming {len(active)}"
            for state in self._round(active[:CONFIRMING_AT_ONCE], phase, self._budget):
                state.take_in(state.matchup.blocks[-1], self.needed[-1], self._evidence)

    def _decide(self) -> None:
        """Narrow the intervals of what is neither the same nor confirmed.

        Whether they are is looked at once a wave: who looks after every block, and stops at the
        first interval that fits, calls more the same than the interval allows.
        """
        undecided = [state for state in self.states if state.is_undecided()]
        for _ in range(DECIDING_BLOCKS):
            self._round(undecided, f"{len(undecided)} undecided", self._budget)

    def _round(self, states: Sequence[CaseState], phase: str, until: float) -> list[CaseState]:
        """Run a block of each until so many seconds have passed; return those that had one."""
        done = []
        for number, state in enumerate(states, start=1):
            if self.seconds >= until:
                break
            matchup = state.matchup
            if matchup.is_over():
                continue
            left = max(0.0, self._budget - self.seconds)
            self._tell(Step(phase, number, len(states), matchup.entry.label, left))
            before = len(matchup.blocks)
            matchup.run_block()
            if len(matchup.blocks) > before:
                done.append(state)
        return done

    def findings(self) -> list[Finding]:
        """Return what is certain of every case in every other build, what matters most first."""
        order = list(DuelVerdict)
        found = [
            state.finding(build)
            for state in self.states
            for build in range(1, len(state.matchup.builds_under_test))
        ]
        return sorted(found, key=lambda each: (order.index(each.verdict), -each.size))
