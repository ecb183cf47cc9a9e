"""Bisection: the first of some versions that shows what a duel of the outer two found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from speedgate.duel.decision import Candidate, holding
from speedgate.duel.matchup import Matchup
from speedgate.stats.estimate import Estimate
from speedgate.stats.moments import mean_interval

# A step is looked at after so many blocks: while it is inconclusive it is repeated, with more.
STEP_BLOCKS = (4, 8, 16)
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


def position(matchup: Matchup, moved: Candidate) -> Estimate | None:
    """Return where the middle build lies between the good one (0) and the bad one (1).

    Each block's change in the middle build, less half of that in the bad one, has a mean whose
    interval says on which side of the half it lies; the result is scaled to the effect. ``None``
    before there are two blocks, or without an effect.
    """
    found, undisturbed = (_position(matchup, moved, each) for each in (False, True))
    return None if found is None or undisturbed is None else holding(found, undisturbed)


def _position(matchup: Matchup, moved: Candidate, undisturbed: bool) -> Estimate | None:
    workers = matchup.entry.case.workers
    differences, effects = [], []
    for block in matchup.blocks:
        middle = block.change(moved.figure, workers, MIDDLE, undisturbed)
        bad = block.change(moved.figure, workers, BAD, undisturbed)
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


def nearer_end(matchup: Matchup, moved: Candidate) -> tuple[Answer, str]:
    """Run blocks of a good, a middle and a bad build until the middle one's side is certain."""
    why = "nothing was measured"
    for blocks in STEP_BLOCKS:
        for _ in range(blocks):
            matchup.run_block()
            if matchup.builds != [GOOD, MIDDLE, BAD]:
                return Answer.MISSING, _why_out(matchup)
        found = position(matchup, moved)
        if found is None:
            continue
        why = (
            f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}] of the way, by "
            f"{moved.figure.name.replace('_', ' ')}"
        )
        if found.low > 0.5:
            return Answer.BAD, why
        if found.high < 0.5:
            return Answer.GOOD, why
    return Answer.UNSURE, why


def whether_it_runs(matchup: Matchup) -> tuple[Answer, str]:
    """Run blocks of a good and a middle build: the middle one is bad as soon as it fails."""
    for _ in range(STEP_BLOCKS[0]):
        matchup.run_block()
        if GOOD not in matchup.builds:
            return Answer.MISSING, _why_out(matchup)
        if MIDDLE not in matchup.builds:
            return Answer.BAD, _why_out(matchup)
    return Answer.GOOD, "it runs"


def _why_out(matchup: Matchup) -> str:
    reasons = {**matchup.lacking, **matchup.failures}
    number = MIDDLE if MIDDLE in reasons else min(reasons)
    return f"{matchup.builds_under_test[number].label} failed: {reasons[number].splitlines()[0]}"
