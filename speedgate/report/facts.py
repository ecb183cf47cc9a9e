"""Facts: what a reader wants to know of a run first: whether threading works, where, since when,
which gates failed and which figures moved. Pages, comments and notebooks are made from these."""

from __future__ import annotations

from dataclasses import dataclass, replace

from speedgate.duel.findings import DuelFindings
from speedgate.history.document import Run
from speedgate.history.figures import run_label
from speedgate.history.history import History, RunEntry
from speedgate.history.standing import Standing, standing
from speedgate.judging.gate import Verdict
from speedgate.report.duel import counts
from speedgate.report.first_screen import FirstScreen, verdict_words
from speedgate.report.movement import Movement, movement_of, movement_of_duel
from speedgate.report.summary import environment_line, run_screen
from speedgate.report.verdicts import (
    Judged,
    VerdictGroup,
    verdict_groups,
    verdicts_of,
    verdicts_of_duel,
)

CUT_SHORT = "The run was cut short: what it had not measured by then is missing."


@dataclass(frozen=True)
class Headline:
    """``whether`` threads run side by side in a run, in one sentence; ``where``; and in another one
    ``since`` when, empty where no history was asked. ``run`` is its time and commit. ``verdict`` is
    ``None`` where nothing was judged."""

    verdict: Verdict | None
    whether: str
    where: str
    since: str = ""
    run: str = ""

    @property
    def text(self) -> str:
        """All of it: whether, since when, where."""
        return " ".join(part for part in (self.whether, self.since, f"On {self.where}.") if part)


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run at first sight.

    ``groups`` are the verdicts, the gravest first; ``problems`` fail the run without a gate;
    ``notes`` limit what can be said.
    """

    headline: Headline
    groups: tuple[VerdictGroup, ...]
    movement: Movement
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[Judged, ...]:
        """Every verdict, the gravest first."""
        return tuple(judged for group in self.groups for judged in group.members)


def facts_of(run: Run, stands: Standing | None = None) -> RunFacts:
    """Return the facts of a run, whose judged benchmarks stand as ``standing_of`` says."""
    screen, where = run_screen(run), environment_line(run.environment)
    if run.duel is None:
        groups, movement = verdict_groups(verdicts_of(run)), movement_of(run)
        headline = _headline(screen, where, stands)
    else:
        duel = DuelFindings.from_json(run.duel)
        groups, movement = verdict_groups(verdicts_of_duel(duel)), movement_of_duel(duel)
        headline = Headline(_worst(groups), f"{duel_words(duel)}.", where)
    return RunFacts(
        replace(headline, run=run_label(run)),
        groups,
        movement,
        tuple(problem.line for problem in screen.problems),
        () if run.is_complete else (CUT_SHORT,),
    )


def _headline(screen: FirstScreen, where: str, stands: Standing | None) -> Headline:
    whether, verdict = verdict_words(screen)
    return Headline(verdict, whether, where, stands.text if stands else "")


def _worst(groups: tuple[VerdictGroup, ...]) -> Verdict | None:
    return groups[0].verdict if groups else None


def duel_words(duel: DuelFindings) -> str:
    """Return ``B (numpy 2.4.6) against A (numpy 2.3.5): 1 worse, 60 same in 6 min 40 s``."""
    labels = [build.label for build in duel.builds]
    if len(labels) != 2:
        return f"{len(labels)} builds against A ({labels[0]}): {counts(duel)}"
    return f"B ({labels[1]}) against A ({labels[0]}): {counts(duel)}"


def standing_of(history: History, entry: RunEntry, run: Run) -> Standing | None:
    """Return since when the gates have said of a run's judged benchmarks what they say in it;
    ``None`` where none was judged, or only by a gate that cannot fail them, and of a duel."""
    if run.duel is not None:
        return None
    judged = {judgement.case.case().id for judgement in run.judgements}
    names = {
        benchmark.fullname or benchmark.name
        for benchmark, info in run.entries()
        if info is not None and info.case.case().id in judged
    }
    return standing(history, entry, names) if names else None
