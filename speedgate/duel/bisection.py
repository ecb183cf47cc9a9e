"""Bisection: the first of some versions that shows what a duel of the outer two found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from speedgate.duel.decision import Suspicion, holding
from speedgate.duel.matchup import Contest
from speedgate.stats.estimate import Estimate
from speedgate.stats.moments import mean_interval

# A step is looked at after so many bouts: while it is inconclusive it is repeated, with more.
STEP_BOUTS = (4, 8, 16)
# A step is looked at up to three times, and there are a few of them: each errs this seldom.
STEP_CONFIDENCE = 0.99
# The builds of a step, in this order.
GOOD, MIDDLE, BAD = 0, 1, 2


class Answer(Enum):
    """What a version is like."""

    GOOD = "like the good one"
    BAD = "like the bad one"
    UNSURE = "cannot tell"
    MISSING = "left out"


@dataclass(frozen=True)
class Outcome:
    """Where it began: ``first_bad`` shows it, ``last_good`` does not. ``between`` are the versions
    between the two of which nobody knows, with the reason."""

    last_good: str
    first_bad: str
    between: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        return not self.between


def search(versions: Sequence[str], probe: Callable[[str], tuple[Answer, str]]) -> Outcome:
    """Return where it began among ``versions`` in order, of which the first is good and the last
    bad. ``probe`` tells what a version is like, with a reason.

    A version of which nothing can be told is left out and one beside it is asked.
    """
    low, high = 0, len(versions) - 1
    unknown: dict[int, str] = {}
    while candidates := [each for each in range(low + 1, high) if each not in unknown]:
        middle = min(candidates, key=lambda each: abs(2 * each - low - high))
        answer, why = probe(versions[middle])
        if answer is Answer.GOOD:
            low = middle
        elif answer is Answer.BAD:
            high = middle
        else:
            unknown[middle] = why
    between = {versions[each]: why for each, why in sorted(unknown.items()) if low < each < high}
    return Outcome(versions[low], versions[high], between)


def position(contest: Contest, moved: Suspicion) -> Estimate | None:
    """Return where the middle build lies between the good one (0) and the bad one (1).

    Each bout's change in the middle build, less half of that in the bad one, has a mean whose
    interval says on which side of the half it lies; the result is scaled to the effect. ``None``
    before there are two bouts, or without an effect.
    """
    found, undisturbed = (_position(contest, moved, each) for each in (False, True))
    return None if found is None or undisturbed is None else holding(found, undisturbed)


def _position(contest: Contest, moved: Suspicion, undisturbed: bool) -> Estimate | None:
    workers = contest.entry.case.workers
    differences, effects = [], []
    for bout in contest.bouts:
        middle = bout.change(moved.signal, workers, MIDDLE, undisturbed)
        bad = bout.change(moved.signal, workers, BAD, undisturbed)
        if middle is not None and bad is not None:
            differences.append(moved.sign * (middle - bad / 2))
            effects.append(moved.sign * bad)
    if len(differences) < 2:
        return None
    found = mean_interval(differences, STEP_CONFIDENCE)
    effect = sum(effects) / len(effects)
    if effect <= 0:
        return None
    value, low, high = (0.5 + each / effect for each in (found.value, found.low, found.high))
    return Estimate(value, low, high, STEP_CONFIDENCE, len(differences))


def side_of(contest: Contest, moved: Suspicion) -> tuple[Answer, str]:
    """Run bouts of a good, a middle and a bad build until the middle one's side is certain."""
    why = "nothing was measured"
    for bouts in STEP_BOUTS:
        for _ in range(bouts):
            contest.run_bout()
            if contest.builds != [GOOD, MIDDLE, BAD]:
                return Answer.MISSING, _why_out(contest)
        found = position(contest, moved)
        if found is None:
            continue
        why = (
            f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}] of the way, by "
            f"{moved.signal.name.replace('_', ' ')}"
        )
        if found.low > 0.5:
            return Answer.BAD, why
        if found.high < 0.5:
            return Answer.GOOD, why
    return Answer.UNSURE, why


def whether_it_runs(contest: Contest) -> tuple[Answer, str]:
    """Run bouts of a good and a middle build: the middle one is bad as soon as it fails."""
    for _ in range(STEP_BOUTS[0]):
        contest.run_bout()
        if GOOD not in contest.builds:
            return Answer.MISSING, _why_out(contest)
        if MIDDLE not in contest.builds:
            return Answer.BAD, _why_out(contest)
    return Answer.GOOD, "it runs"


def _why_out(contest: Contest) -> str:
    reasons = {**contest.lacking, **contest.failures}
    number = MIDDLE if MIDDLE in reasons else min(reasons)
    return f"{contest.contestants[number].label} failed: {reasons[number].splitlines()[0]}"
