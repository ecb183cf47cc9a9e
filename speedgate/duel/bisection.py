"""Bisection: the first of some versions that shows what a duel of the outer two shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from speedgate.duel.candidate import Candidate
from speedgate.duel.effect import holding
from speedgate.duel.finding import Finding
from speedgate.duel.matchup import Matchup
from speedgate.stats.estimate import Estimate
from speedgate.stats.moments import mean_interval

Json = dict[str, Any]

# The blocks of a step, then those of its repetitions while it is inconclusive.
STEP_BLOCKS = (4, 8, 16)
# A step is looked at up to three times, and there are a few of them: each errs this seldom.
STEP_CONFIDENCE = 0.99


class Answer(Enum):
    """What a version is like."""

    GOOD = "like the good one"
    BAD = "like the bad one"
    UNSURE = "cannot tell"
    MISSING = "left out"


@dataclass(frozen=True)
class Boundary:
    """Where it began: ``first_bad`` shows it, ``last_good`` does not. ``between`` are the versions
    between the two that could not be judged, with the reason."""

    last_good: str
    first_bad: str
    between: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        return not self.between


@dataclass(frozen=True)
class ProbedVersion:
    """What was found of a version between the two ends, and why."""

    version: str
    answer: Answer
    reason: str

    @property
    def line(self) -> str:
        """``2.4.2: like the good one (-2% [-51%, 46%] of the way, by seconds a call)``."""
        return f"{self.version}: {self.answer.value} ({self.reason})"

    def as_json(self) -> Json:
        answer = self.answer.name.lower()
        return {"version": self.version, "answer": answer, "reason": self.reason}


@dataclass
class Bisection:
    """All that a bisection found. ``finding`` is that of the duel of the two ends; ``boundary`` is
    ``None`` where they do not surely differ, so that there is nothing to look for."""

    package: str
    good: str
    bad: str
    finding: Finding
    probes: list[ProbedVersion] = field(default_factory=list)
    boundary: Boundary | None = None

    @property
    def is_exact(self) -> bool:
        return self.boundary is not None and self.boundary.is_exact

    def as_json(self) -> Json:
        """Return plain JSON; null is what was not found."""
        boundary = self.boundary
        return {
            "package": self.package,
            "good": self.good,
            "bad": self.bad,
            "finding": self.finding.as_json(),
            "probes": [probe.as_json() for probe in self.probes],
            "exact": self.is_exact,
            "last_good": None if boundary is None else boundary.last_good,
            "first_bad": None if boundary is None else boundary.first_bad,
            "between": {} if boundary is None else dict(boundary.between),
        }


class Search:
    """Where it began among ``versions`` in order, of which the first is good and the last bad.

    ``next`` is the version to ask about, ``None`` once there is none; ``take`` takes what it is
    like. One that cannot be judged is left out, and one beside it is asked about.
    """

    def __init__(self, versions: Sequence[str]) -> None:
        self._versions = versions
        self._low, self._high = 0, len(versions) - 1
        self._unknown: dict[int, str] = {}

    @property
    def next(self) -> str | None:
        """The version nearest to the middle of those that are left."""
        low, high = self._low, self._high
        untried = [number for number in range(low + 1, high) if number not in self._unknown]
        middle = min(untried, key=lambda number: abs(2 * number - low - high), default=None)
        return None if middle is None else self._versions[middle]

    def take(self, version: str, answer: Answer, why: str) -> None:
        """Take in what a version is like."""
        number = self._versions.index(version)
        if answer is Answer.GOOD:
            self._low = number
        elif answer is Answer.BAD:
            self._high = number
        else:
            self._unknown[number] = why

    @property
    def boundary(self) -> Boundary:
        """Where it began, as far as it is known."""
        low, high = self._low, self._high
        unknown = sorted(self._unknown.items())
        between = {self._versions[number]: why for number, why in unknown if low < number < high}
        return Boundary(self._versions[low], self._versions[high], between)


def search(versions: Sequence[str], probe: Callable[[str], tuple[Answer, str]]) -> Boundary:
    """Return where it began among ``versions``; ``probe`` tells what one is like, and why."""
    steps = Search(versions)
    while (version := steps.next) is not None:
        steps.take(version, *probe(version))
    return steps.boundary


def position(matchup: Matchup, moved: Candidate) -> Estimate | None:
    """Return where the middle build lies between the good one (0) and the bad one (1).

    The builds of the matchup are the good, the middle and the bad one, in this order. Each block's
    change in the middle build, less half of that in the bad one, has a mean whose interval says on
    which side of the half it lies; the result is scaled to the effect. ``None`` before there are
    two blocks, or without an effect.
    """
    measured, undisturbed = (_position(matchup, moved, gives_back) for gives_back in (False, True))
    return None if measured is None or undisturbed is None else holding(measured, undisturbed)


def _position(matchup: Matchup, moved: Candidate, undisturbed: bool) -> Estimate | None:
    _, middle, bad = matchup.builds
    differences, effects = [], []
    for block in matchup.blocks:
        of_middle = block.change(moved.figure, middle, undisturbed)
        of_bad = block.change(moved.figure, bad, undisturbed)
        if of_middle is not None and of_bad is not None:
            differences.append(moved.sign * (of_middle - of_bad / 2))
            effects.append(moved.sign * of_bad)
    if len(differences) < 2:
        return None
    mean = mean_interval(differences, STEP_CONFIDENCE)
    effect = sum(effects) / len(effects)
    if effect <= 0:
        return None
    value, low, high = (0.5 + end / effect for end in (mean.value, mean.low, mean.high))
    return Estimate(value, low, high, STEP_CONFIDENCE, len(differences))


def nearer_end(matchup: Matchup, moved: Candidate) -> tuple[Answer, str]:
    """Run blocks of a good, a middle and a bad build until it is certain which the middle is like.

    They are the builds of the matchup, in this order.
    """
    return nearer_ends([(matchup, moved)])[0]


def nearer_ends(cases: Sequence[tuple[Matchup, Candidate]]) -> list[tuple[Answer, str]]:
    """Return the same of several cases, whose blocks are run in turn."""
    answers: dict[int, tuple[Answer, str]] = {}
    for blocks in STEP_BLOCKS:
        open_cases = [number for number in range(len(cases)) if _is_unsure(answers.get(number))]
        for _ in range(blocks):
            for number in open_cases:
                matchup, moved = cases[number]
                if len(matchup.remaining) == len(matchup.builds):
                    matchup.run_block(moved.figure.is_looked_at)
        answers |= {number: _which_end(*cases[number]) for number in open_cases}
    return [answers[number] for number in range(len(cases))]


def _is_unsure(answer: tuple[Answer, str] | None) -> bool:
    return answer is None or answer[0] is Answer.UNSURE


def _which_end(matchup: Matchup, moved: Candidate) -> tuple[Answer, str]:
    """What the blocks so far tell of the middle build."""
    if len(matchup.remaining) < len(matchup.builds):
        return Answer.MISSING, _why_out(matchup)
    where = position(matchup, moved)
    if where is None:
        return Answer.UNSURE, "nothing was measured"
    why = (
        f"{where.value:.0%} [{where.low:.0%}, {where.high:.0%}] of the way, by {moved.figure.label}"
    )
    if where.low > 0.5:
        return Answer.BAD, why
    return (Answer.GOOD if where.high < 0.5 else Answer.UNSURE), why


def whether_it_runs(matchup: Matchup) -> tuple[Answer, str]:
    """Run blocks of a good and a middle build: the middle one is bad as soon as it fails."""
    for _ in range(STEP_BLOCKS[0]):
        matchup.run_block()
        if matchup.reference not in matchup.remaining:
            return Answer.MISSING, _why_out(matchup)
        if matchup.is_over():
            return Answer.BAD, _why_out(matchup)
    return Answer.GOOD, "it runs"


def _why_out(matchup: Matchup) -> str:
    """Why a build is out: the middle one, if it is, else the first that is."""
    reasons = {**matchup.lacking, **matchup.failures}
    _, middle, *_ = matchup.builds
    label = (
        middle if middle in reasons else next(label for label in matchup.builds if label in reasons)
    )
    return f"{label} failed: {reasons[label].splitlines()[0]}"
