"""Duel: all cases in all builds, until each has its verdict or the time is up.

First every case has a few bouts; what then seems to have moved is confirmed with fresh ones. What
is left of the time goes to what is undecided, and to what seems to have moved by then: each wave of
suspicions may err half as often as the one before, all of them together no more than they say.

A round of bouts goes over all the cases before the next begins, so that a disturbance of minutes
meets one bout of each, not all of one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from speedgate.duel.decision import (
    DISSENTS,
    FAMILY_ERROR,
    MOST_WAITING,
    Bout,
    Decision,
    Move,
    Suspicion,
    Verdict,
    bouts_to_confirm,
    decide,
    moves,
    suspicions,
    waiting_of,
)
from speedgate.duel.matchup import Contest

SCREENING_BOUTS = 4
# Suspicions are confirmed up to three times; before the next, what is undecided has more bouts.
WAVES = 3
DECIDING_BOUTS = 4
CONFIRMING_AT_ONCE = 3
# Screening ends after this share of the budget, once every case has the fewest bouts that have an
# interval: a suspicion that cannot be confirmed any more is worth nothing.
SCREENING_SHARE = 0.55
LEAST_BOUTS = 2

Json = dict[str, Any]


@dataclass
class Trial:
    """A contest, and what is suspected of it in a wave, which began with bout ``wave_began``.

    ``fresh`` is where the bouts that a build's suspicions were last held against began;
    ``dismissed`` is what fresh bouts did not confirm, in this wave or an earlier one.
    """

    contest: Contest
    suspected: list[Suspicion] = field(default_factory=list)
    dismissed: list[Suspicion] = field(default_factory=list)
    confirmed: list[Suspicion] = field(default_factory=list)
    agreed: Counter[Suspicion] = field(default_factory=Counter)
    dissented: Counter[Suspicion] = field(default_factory=Counter)
    wave_began: int = 0
    fresh: dict[int, int] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        return self.contest.entry.case.workers

    @property
    def open_suspicions(self) -> list[Suspicion]:
        done = (*self.dismissed, *self.confirmed)
        return [each for each in self.suspected if each not in done]

    def suspect(self) -> int:
        """Begin a wave: return how much seems to have moved in builds of which nothing is sure."""
        self.wave_began = len(self.contest.bouts)
        self.agreed.clear()
        self.dissented.clear()
        sure = {each.build for each in self.confirmed}
        found = [
            each
            for build in self.contest.builds[1:]
            if build not in sure
            for each in suspicions(self.contest.bouts, self.workers, build)
        ]
        self.fresh.update({each.build: self.wave_began for each in found})
        self.suspected = [*self.confirmed, *found]
        self.dismissed = [each for each in self.dismissed if each not in found]
        return len(found)

    def is_confirming(self, needed: int) -> bool:
        """Whether fresh bouts are still worth their time: some know nothing of a suspicion."""
        fresh = len(self.contest.bouts) - self.wave_began
        return bool(self.open_suspicions) and not self.contest.is_over() and fresh < 2 * needed

    def take_in(self, bout: Bout, needed: int) -> None:
        """Hold a fresh bout against what is suspected: all of ``needed`` but one must agree."""
        for each in self.open_suspicions:
            agrees = each.agrees(bout, self.workers)
            if agrees is None:
                continue
            counted = self.agreed if agrees else self.dissented
            counted[each] += 1
            if self.dissented[each] > DISSENTS:
                self.dismissed.append(each)
            elif self.agreed[each] >= needed - DISSENTS:
                self.confirmed.append(each)

    def is_undecided(self) -> bool:
        """Whether the verdict of a build is still open."""
        if self.contest.is_over():
            return False
        found = [self.finding(build).verdict for build in self.contest.builds[1:]]
        return Verdict.INCONCLUSIVE in found

    @property
    def certainty(self) -> float:
        """How surely the most suspicious signal seems to have moved: it is confirmed first."""
        suspected = self.open_suspicions
        builds = {each.build for each in suspected}
        found = {build: moves(self.contest.bouts, self.workers, build) for build in builds}
        known = [found[each.build].get(each.signal.name) for each in suspected]
        return max((move.certainty for move in known if move is not None), default=0.0)

    def finding(self, build: int) -> Finding:
        """Return what is certain of another build against the first.

        Where something was confirmed, the figures are those of the fresh bouts: what was chosen
        for being far off after the first ones is nearer than it seemed.
        """
        contest = self.contest
        confirmed = [each for each in self.confirmed if each.build == build]
        bouts = contest.bouts[self.fresh[build] if confirmed else 0 :]
        found = moves(bouts, self.workers, build)
        decision = decide(found, confirmed)
        note = ""
        failed = [number for number in (0, build) if number in contest.failures]
        lacking = [number for number in (0, build) if number in contest.lacking]
        if failed:
            decision, note = Decision(Verdict.FAILED), contest.failures[failed[0]]
        elif lacking:
            decision, note = Decision(Verdict.NOT_AVAILABLE), contest.lacking[lacking[0]]
        elif any(each.build == build for each in self.open_suspicions):
            note = "no time was left to confirm it"
        elif not contest.bouts:
            note = "it was not reached"
        out = tuple(failed or lacking)
        waiting = tuple(waiting_of(bouts, self.workers, number) for number in (0, build))
        return Finding(self, build, decision, found, confirmed, note, out, len(bouts), waiting)


@dataclass(frozen=True)
class Finding:
    """What is certain of one case in one build against the first, and why.

    ``note`` is why there is no more to say; ``out`` are the builds that failed, or lack the case.
    ``waiting`` is the share that others had of the workers' cores, in both builds.
    """

    trial: Trial
    build: int
    decision: Decision
    moves: dict[str, Move]
    confirmed: Sequence[Suspicion]
    note: str
    out: tuple[int, ...]
    bouts: int
    waiting: tuple[float | None, ...]

    @property
    def is_beside_neighbours(self) -> bool:
        """Whether others had so much of the cores, in a build, that less is certain."""
        return max((each or 0.0 for each in self.waiting), default=0.0) >= MOST_WAITING

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict

    @property
    def size(self) -> float:
        """How large the difference is that the verdict tells of, in margins."""
        names = [each.signal.name for each in self.decision.because or self.confirmed]
        picked = [self.moves[name] for name in names if name in self.moves]
        if not picked:
            picked = [move for move in self.moves.values() if move.signal.decides]
        return max((move.size for move in picked), default=0.0)


@dataclass(frozen=True)
class Step:
    """The bout that starts now, for the progress line."""

    phase: str
    number: int
    total: int
    label: str
    most_seconds_left: float


class Duel:
    """Runs contests within ``budget`` seconds; ``tell`` is given every step before it starts."""

    def __init__(
        self,
        contests: Sequence[Contest],
        budget: float,
        tell: Callable[[Step], None] = lambda step: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trials = [Trial(contest) for contest in contests]
        self.needed: list[int] = []  # of each wave, how many fresh bouts a suspicion had
        self.is_finished = False
        self._tell = tell
        self._now = now
        self._began = now()
        self._budget = budget

    @property
    def seconds(self) -> float:
        return self._now() - self._began

    @property
    def is_complete(self) -> bool:
        """Whether it came to its end, and every case to a bout."""
        contests = [trial.contest for trial in self.trials]
        return self.is_finished and all(each.bouts or each.is_over() for each in contests)

    def run(self) -> None:
        """Screen; then confirm what is suspected and look on at what is undecided, in waves."""
        self._screen()
        for wave in range(1, WAVES + 1):
            if wave > 1 and self.seconds >= self._budget:
                break  # what fresh bouts did not confirm stays dismissed
            self._suspect(FAMILY_ERROR / 2**wave)
            self._confirm()
            self._decide()
        self.is_finished = True

    def _suspect(self, error: float) -> None:
        suspected = sum(trial.suspect() for trial in self.trials)
        self.needed.append(bouts_to_confirm(suspected, error))

    def _screen(self) -> None:
        for number in range(SCREENING_BOUTS):
            is_enough = number >= LEAST_BOUTS
            until = SCREENING_SHARE * self._budget if is_enough else self._budget
            phase = f"bout {number + 1} of {SCREENING_BOUTS}"
            self._round(self.trials, phase, until)

    def _confirm(self) -> None:
        """Give fresh bouts to what is suspected, until it is confirmed or dismissed.

        A few at a time, the surest first: where the time does not suffice for all of them, it
        does for some.
        """
        ordered = sorted(self.trials, key=lambda each: -each.certainty)
        while self.seconds < self._budget:
            active = [each for each in ordered if each.is_confirming(self.needed[-1])]
            if not active:
                break
            phase = f"confirming {len(active)}"
            for trial in self._round(active[:CONFIRMING_AT_ONCE], phase, self._budget):
                trial.take_in(trial.contest.bouts[-1], self.needed[-1])

    def _decide(self) -> None:
        """Narrow the intervals of what is neither the same nor confirmed.

        Whether they are is looked at once a wave: who looks after every bout, and stops at the
        first interval that fits, calls more the same than the interval allows.
        """
        undecided = [trial for trial in self.trials if trial.is_undecided()]
        for _ in range(DECIDING_BOUTS):
            self._round(undecided, f"{len(undecided)} undecided", self._budget)

    def _round(self, trials: Sequence[Trial], phase: str, until: float) -> list[Trial]:
        """Run a bout of each until so many seconds have passed; return those that had one."""
        done = []
        for number, trial in enumerate(trials, start=1):
            if self.seconds >= until:
                break
            contest = trial.contest
            if contest.is_over():
                continue
            left = max(0.0, self._budget - self.seconds)
            self._tell(Step(phase, number, len(trials), contest.entry.label, left))
            before = len(contest.bouts)
            contest.run_bout()
            if len(contest.bouts) > before:
                done.append(trial)
        return done

    def findings(self) -> list[Finding]:
        """Return what is certain of every case in every other build, what matters most first."""
        order = list(Verdict)
        found = [
            trial.finding(build)
            for trial in self.trials
            for build in range(1, len(trial.contest.contestants))
        ]
        return sorted(found, key=lambda each: (order.index(each.verdict), -each.size))
