"""Since when what the duels of many nights confirmed is so: a table."""

from __future__ import annotations

from collections.abc import Sequence

from speedgate.duel.findings import DuelFindings
from speedgate.duel.first_release import FirstRelease, first_release_of, first_releases
from speedgate.duel.since import Sighting, Since, since_when
from speedgate.history.lookup import is_of_duels, opened
from speedgate.history.store import FolderStore
from speedgate.page.content import NOTHING, Cell, Column, Grid, GridRow
from speedgate.page.sources import Sources
from speedgate.report.verdicts import OF_DUEL

# As many nights as a history of cached runs has, with both sides of each duel.
MOST_SIDES = 120
COLUMNS = (
    "case", "verdict", "of", "against", "first release", "since", "before", "last", "duels", "why",
)  # fmt: skip
LEGEND = (
    "since: the first duel in a row that confirmed it, with the NumPy it was measured in; before: "
    "the last one that said otherwise; duels: how many in a row confirmed it; first release: what "
    "'speedgate since' found by bisection"
)


def since_grid(sources: Sources) -> Grid | None:
    """Return a row for each difference that stands, ``None`` where there are no two duels, and no
    bisection was made."""
    duels, kept = duels_of(sources), kept_of(sources)
    if len(duels) < 2 and not kept:
        return None
    rows = tuple(_row(since, kept) for since in since_when(duels))
    columns = tuple(Column(name, name == "duels") for name in COLUMNS)
    return Grid("table-since", "Since when", columns, rows, LEGEND) if rows else None


def duels_of(sources: Sources) -> list[tuple[str, DuelFindings]]:
    """Return the duels of a history once each, though every side of one keeps it; newest first."""
    history = sources.history
    if history is None:
        return []
    environments = history.environments()
    digests = [environment.digest for environment in environments if is_of_duels(environment)]
    runs = history.runs(digests, complete=False, most=MOST_SIDES) if digests else []
    duels: dict[tuple[str, tuple[str, ...]], DuelFindings] = {}
    # The first screen names what cannot be read.
    for entry, run in opened(history, runs, lambda line: None):
        if run.duel is not None:
            duel = DuelFindings.from_json(run.duel)
            labels = tuple(build.label for build in duel.builds)
            duels.setdefault((entry.time, labels), duel)
    return [(time, duel) for (time, _), duel in duels.items()]


def kept_of(sources: Sources) -> list[FirstRelease]:
    """Return what bisections found, as the folder of the runs keeps it."""
    store = None if sources.history is None else sources.history.store
    return first_releases(store.folder) if isinstance(store, FolderStore) else []


def _row(since: Since, kept: Sequence[FirstRelease]) -> GridRow:
    finding, reference = since.last.finding, since.last.reference
    first = first_release_of(kept, reference.numpy, finding.name, finding.verdict.value)
    return GridRow(
        (
            Cell(finding.name),
            Cell(
                finding.decision.word.value or finding.verdict.value,
                verdict=OF_DUEL[finding.verdict],
            ),
            Cell(since.last.build.label),
            Cell(reference.numpy or reference.label),
            Cell(NOTHING if first is None else first.text),
            _seen(since.first),
            _seen(since.before),
            _seen(since.last),
            Cell(str(since.count)),
            Cell(finding.reason),
        ),
        finding.name,
    )


def _seen(sighting: Sighting | None) -> Cell:
    """``2026-11-24``, and the NumPy of that night's build."""
    return (
        Cell(NOTHING) if sighting is None else Cell(sighting.time[:10], sighting.build.numpy or "")
    )
