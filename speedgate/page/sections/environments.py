"""The newest verdict of each environment, the gravest first: no green headline hides a red one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from speedgate.judging.gate import Verdict
from speedgate.measuring.name_list import listed
from speedgate.page.content import Cell, Column, Grid, GridRow, Section
from speedgate.page.sources import (
    Shown,
    Sources,
    cut_short_text,
    newest_judged,
    stands_apart,
)
from speedgate.report.facts import Headline, facts_of
from speedgate.report.first_screen import GRAVITY
from speedgate.report.table import MARKS

QUESTION = "What does the newest run of each environment say?"
# Each is read from its file. A development version of every night is an environment, too.
MOST_ENVIRONMENTS = 20
LEAST = 2
DUEL = "duel of builds"


@dataclass(frozen=True)
class EnvironmentVerdict:
    """What the newest judged run of an environment says, and what was cut short after it."""

    name: str
    headline: Headline
    cut_short: str

    @property
    def verdict(self) -> Verdict:
        return self.headline.verdict or Verdict.NOT_EVALUATED

    @property
    def row(self) -> GridRow:
        cells = (
            Cell(self.name, verdict=self.verdict),
            Cell(f"{self.headline.whether} {self.cut_short}".strip()),
            Cell(self.headline.run),
        )
        return GridRow(cells, self.name)


def environments_section(sources: Sources, headline: Verdict | None) -> Section:
    """Return a table of the verdicts; its answer is what the ``headline`` of the page, the verdict
    of one of them, would hide.

    It is empty where there is one environment, or where the page is about a run or an environment
    that was named.
    """
    section = Section("environments", "Every environment", QUESTION)
    if sources.history is None or not sources.is_whole:
        return section
    notes: list[str] = []
    known = [entry for entry in sources.history.environments() if not stands_apart(entry)]
    runs = [
        newest_judged(sources.history, [entry.digest], notes.append)
        for entry in known[:MOST_ENVIRONMENTS]
    ]
    verdicts = [_verdict_of(sources, shown) for shown in (*runs, sources.duel) if shown is not None]
    verdicts.sort(key=lambda verdict: GRAVITY.index(verdict.verdict), reverse=True)
    if len(verdicts) < LEAST:
        return section
    if older := known[MOST_ENVIRONMENTS:]:
        notes.append(f"{len(older)} more have no run since {older[0].last[:10]}.")
    answer = _graver(verdicts, headline)
    return replace(section, answer=answer, grids=(_grid(verdicts),), notes=tuple(notes))


def _verdict_of(sources: Sources, shown: Shown) -> EnvironmentVerdict:
    assert sources.history is not None
    assert shown.entry is not None
    name = DUEL if shown.run.duel is not None else shown.entry.environment
    cut_short = cut_short_text(sources.history, shown.entry)
    return EnvironmentVerdict(name, facts_of(shown.run).headline, cut_short)


def _grid(verdicts: Sequence[EnvironmentVerdict]) -> Grid:
    columns = (Column("environment"), Column("newest judged run"), Column("time, commit"))
    rows = tuple(verdict.row for verdict in verdicts)
    return Grid("table-environments", f"Every environment: {_counts(verdicts)}", columns, rows)


def _counts(verdicts: Sequence[EnvironmentVerdict]) -> str:
    """``1 failed, 2 passed``."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    return ", ".join(
        f"{counts[verdict]} {verdict.value}" for verdict in reversed(GRAVITY) if counts[verdict]
    )


def _graver(verdicts: Sequence[EnvironmentVerdict], headline: Verdict | None) -> str:
    """Which environments failed or are inconclusive, where the headline says less."""
    order = GRAVITY.index
    worst = max((verdict.verdict for verdict in verdicts), key=order, default=Verdict.PASSED)
    least = max(headline or Verdict.NOT_EVALUATED, Verdict.NOT_EVALUATED, key=order)
    if order(worst) <= order(least):
        return ""
    names = [verdict.name for verdict in verdicts if verdict.verdict is worst]
    count = f"{len(names)} of {len(verdicts)} environments"
    return f"{MARKS[worst]} {worst.value.capitalize()} in {count}: {listed(names, 2)}."
