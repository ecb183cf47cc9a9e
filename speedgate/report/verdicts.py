"""Verdicts: what gates said of the cases of a run, each with its interval, its threshold and its
remedy, and in groups, the gravest first.

A duel's findings come in the same form: worse is failed, and what is the same or better passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.finding import Finding
from speedgate.duel.findings import DuelFindings
from speedgate.duel.margin import RATIO_MARGIN
from speedgate.history.document import Run
from speedgate.history.format import JudgementEntry
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import MARGIN, Shift
from speedgate.report.duel import DUEL_REMEDY
from speedgate.report.first_screen import GRAVITY, remedy
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

DUEL_GATE = "duel"
WORSE_REMEDY = "'speedgate bisect' names the first release that is worse"
OF_DUEL = {
    DuelVerdict.WORSE: Verdict.FAILED,
    DuelVerdict.FAILED: Verdict.FAILED,
    DuelVerdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    DuelVerdict.BETTER: Verdict.PASSED,
    DuelVerdict.SAME: Verdict.PASSED,
    DuelVerdict.NOT_AVAILABLE: Verdict.NOT_EVALUATED,
}


@dataclass(frozen=True)
class Judged:
    """A gate's word on a case.

    ``estimate`` is what the gate held against ``at_least`` or ``at_most``, as ``measure`` says: a
    speedup, what a figure is of its level before, or a duel's ratio of speedups. Each is ``None``
    where the gate asked for nothing of the kind, or the file does not keep it. ``remedy`` is empty
    where there is nothing to do.
    """

    name: str
    gate: str
    verdict: Verdict
    reason: str
    remedy: str = ""
    measure: str = "speedup"
    estimate: Estimate | None = None
    at_least: float | None = None
    at_most: float | None = None
    case: Case | None = None
    benchmark: str = ""


@dataclass(frozen=True)
class VerdictGroup:
    """The cases of a run that have one verdict."""

    verdict: Verdict
    members: tuple[Judged, ...]

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do about them, each remedy once."""
        return tuple(dict.fromkeys(judged.remedy for judged in self.members if judged.remedy))


def verdicts_of(run: Run) -> list[Judged]:
    """Return the verdicts of a run's gates, in the order of the file."""
    return [_judged(entry) for entry in run.judgements]


def verdicts_of_duel(duel: DuelFindings) -> list[Judged]:
    """Return a duel's findings as verdicts, what matters most first."""
    return [_judged_finding(finding, duel.name_of(finding)) for finding in duel.findings]


def verdict_groups(verdicts: Iterable[Judged]) -> tuple[VerdictGroup, ...]:
    """Return the verdicts in groups, the gravest first, without those that nothing has."""
    known = list(verdicts)
    groups = (
        VerdictGroup(verdict, tuple(judged for judged in known if judged.verdict is verdict))
        for verdict in reversed(GRAVITY)
    )
    return tuple(group for group in groups if group.members)


def _judged(entry: JudgementEntry) -> Judged:
    case = entry.case.case()
    judged = Judged(
        case.id,
        entry.gate,
        entry.verdict,
        entry.reason,
        remedy(entry.gate, entry.verdict, entry.at_most is not None),
        estimate=None if entry.speedup is None else entry.speedup.estimate(),
        at_least=entry.at_least,
        at_most=entry.at_most,
        case=case,
        benchmark=entry.benchmark,
    )
    shifts = [shift for shift in entry.known_shifts() if not shift.figure.is_share]
    return _of_history(judged, shifts) if shifts else judged


def _of_history(judged: Judged, shifts: Sequence[Shift]) -> Judged:
    """A verdict against earlier runs, with the figure that got worse most surely.

    Its floor is the level before, less the margin within which nothing is a regression.
    """
    shift = max(shifts, key=lambda shift: (shift.is_sure, shift.worse.low, shift.worse.value))
    least = 1 - MARGIN
    return replace(
        judged,
        measure=f"{shift.figure.label}, now over before",
        estimate=shift.change,
        at_least=least if shift.figure.rises else None,
        at_most=None if shift.figure.rises else 1 / least,
    )


def _judged_finding(finding: Finding, name: str) -> Judged:
    verdict = OF_DUEL[finding.verdict]
    speedup = finding.effects.get("speedup")
    return Judged(
        name,
        DUEL_GATE,
        verdict,
        finding.reason or finding.decision.word.value,
        _remedy_of_duel(finding.verdict),
        f"speedup {finding.letter or 'B'}/A",
        None if speedup is None else speedup.change,
        1 / (1 + RATIO_MARGIN),
        case=finding.case,
    )


def _remedy_of_duel(verdict: DuelVerdict) -> str:
    if verdict is DuelVerdict.WORSE:
        return WORSE_REMEDY
    return DUEL_REMEDY if verdict is DuelVerdict.INCONCLUSIVE else ""
