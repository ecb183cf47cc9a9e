"""Since when what the duels of many nights confirmed is so: a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from speedgate.duel.first_release import FirstRelease, first_release_of, first_releases
from speedgate.duel.past_duels import duels_of
from speedgate.duel.since import Sighting, Since, since_when
from speedgate.history.store import FolderStore
from speedgate.page.content import NOTHING, Cell, Column, Grid, GridRow
from speedgate.page.sources import Sources
from speedgate.report.verdicts import OF_DUEL
from speedgate.stats.words import number_of

COLUMNS = (
    "case", "verdict", "of", "against", "first release", "since", "before", "last", "duels",
    "not seen again for", "why",
)  # fmt: skip
LEGEND = (
    "since: the first duel in a row that confirmed it, with the NumPy it was measured in; before: "
    "the last one that said otherwise; duels: how many in a row confirmed it; not seen again for: "
    "how many duels of these builds came after the last and could not tell; first release: what "
    "'speedgate since' found by bisection; no longer comparable: the newest duel that looked could "
    "not set the two builds side by side, for the reason that 'why' says"
)
NOT_COMPARABLE = "no longer comparable"


def since_grid(sources: Sources) -> Grid | None:
    """Return a row for each difference that stands, and for each that is no longer comparable;
    ``None`` where there are no two duels, and no bisection was made."""
    duels = [] if sources.history is None else duels_of(sources.history)
    troubles: list[str] = []
    kept = kept_of(sources, troubles.append)
    if len(duels) < 2 and not kept:
        return None
    rows = tuple(_row(since, kept) for since in since_when(duels))
    columns = tuple(Column(name, name == "duels") for name in COLUMNS)
    legend = "; ".join((LEGEND, *troubles))
    return Grid("table-since", "Since when", columns, rows, legend) if rows else None


def kept_of(sources: Sources, notify: Callable[[str], None]) -> list[FirstRelease]:
    """Return what bisections found, as the folder of the runs keeps it; ``notify`` is given a line
    for what cannot be read."""
    store = None if sources.history is None else sources.history.store
    return first_releases(store.folder, notify) if isinstance(store, FolderStore) else []


def _row(since: Since, kept: Sequence[FirstRelease]) -> GridRow:
    finding, reference = since.last.finding, since.last.reference
    first = first_release_of(
        kept,
        reference.numpy,
        since.last.build.numpy,
        finding.name,
        finding.verdict.value,
        since.first.time if since.incomparable is None else None,
    )
    return GridRow(
        (
            Cell(finding.name),
            _word(since),
            Cell(since.last.build.label),
            Cell(reference.numpy or reference.label),
            Cell(NOTHING if first is None else first.text),
            _seen(since.first),
            _seen(since.before),
            _seen(since.last),
            Cell(str(since.count)),
            Cell(number_of(since.unseen, "duel") if since.unseen else NOTHING),
            Cell((since.incomparable or since.last).finding.reason),
        ),
        finding.name,
    )


def _word(since: Since) -> Cell:
    """What the duels confirmed, as long as it stands."""
    if since.incomparable is not None:
        return Cell(NOT_COMPARABLE, verdict=OF_DUEL[since.incomparable.finding.verdict])
    finding = since.last.finding
    word = finding.decision.word.value or finding.verdict.value
    return Cell(word, verdict=OF_DUEL[finding.verdict])


def _seen(sighting: Sighting | None) -> Cell:
    """``2026-11-24``, and the NumPy of that night's build."""
    return (
        Cell(NOTHING) if sighting is None else Cell(sighting.time[:10], sighting.build.numpy or "")
    )
