"""The census as text, Markdown and records: what there is, what was measured, what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from speedgate.history.document import Run
from speedgate.history.format import CensusEntry
from speedgate.history.identity import build_of
from speedgate.judging.census_change import CensusChange, CensusDifference
from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.measuring.census import CellListing, CensusCell
from speedgate.report.progress import duration
from speedgate.report.table import Table, markdown, plain, wrapped
from speedgate.stats.case import format_size

COLUMNS = (
    "cell", "class", "certain", "GIL held", "workers at once", "seconds", "CPU per wall",
    "switches a call", "page faults a call",
)  # fmt: skip
FEW = 3
SHOWN_CHANGES = 15

Json = dict[str, Any]


# --- what there is


def listing_lines(listing: CellListing, chosen: Sequence[CensusCell] | None = None) -> list[str]:
    """Return a line for each cell, and the reasons and counts last; of ``chosen`` cells no more
    than their lines."""
    wanted = set(listing.cells if chosen is None else chosen)
    lines = [cell_line(cell) for cell in listing.cells if cell in wanted]
    if chosen is not None:
        return lines
    lines += [f"not called: {name}: {why}" for name, why in listing.reasons.items()]
    lines += [f"ends the interpreter: {name}: {why}" for name, why in listing.lost.items()]
    return [*lines, counted(listing.as_json())]


def cell_line(cell: CensusCell) -> str:
    """``numpy.add[dd->d]-contiguous-1e5``."""
    return f"{cell.name}-{format_size(cell.size)}"


def counted(census: Json) -> str:
    """``779 public functions, 719 with 4631 cells, 60 without``."""
    without = census["functions"] - census["covered"]
    return (
        f"{census['functions']} public functions: {census['covered']} have {census['cells']} "
        f"cells, {without} have none"
    )


# --- what was measured


def census_lines(run: Run, width: int, details: bool = False) -> list[str]:
    """Return the summary of a census, on a screen; with ``details`` every cell below it."""
    census, rows = run.section.census, run.rows()
    assert census is not None
    head = f"{build_of(run.environment)}: {len(rows)} cells measured in {duration(census.seconds)}"
    lines = wrapped(head if run.is_complete else f"{head}; not all were reached", width)
    lines += wrapped(counted(_counts(census)), width)
    lines += ["", *plain(_class_table(rows), width), ""]
    for title, group in (("failed", census.failed), ("ends the interpreter", census.lost)):
        lines += _reasons(title, group, width)
    return [*lines, "", *plain(cell_table(rows), width)] if details else lines


def _counts(census: CensusEntry) -> Json:
    return {"functions": census.functions, "covered": census.covered, "cells": census.cells}


def _reasons(title: str, group: dict[str, str], width: int) -> list[str]:
    if not group:
        return []
    shown = "; ".join(f"{name} ({why[:60]})" for name, why in list(group.items())[:FEW])
    more = f"; and {len(group) - FEW} more" if len(group) > FEW else ""
    return wrapped(f"{title} ({len(group)}): {shown}{more}", width)


def _class_table(rows: Sequence[Row]) -> Table:
    """A row for each part of NumPy, a column for each class: ``120`` cells, ``3?`` not certain."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(part_of(row.case.workload), []).append(row)
    seen = {row.gil_class.kind for row in rows if row.gil_class is not None}
    kinds = [kind for kind in GilClass if kind in seen]
    body = [
        (part, str(len(mine)), *(_cell(mine, kind) for kind in kinds))
        for part, mine in [*sorted(parts.items()), ("all", list(rows))]
    ]
    return Table(("", "cells", *(kind.value for kind in kinds)), tuple(body))


def _cell(rows: Sequence[Row], kind: GilClass) -> str:
    classes = [row.gil_class for row in rows if row.gil_class is not None]
    certain = Counter(one.certain for one in classes if one.kind is kind)
    if not certain:
        return "-"
    doubtful = f" {certain[False]}?" if certain[False] else ""
    return f"{certain[True]}{doubtful}"


def part_of(name: str) -> str:
    """Return the part of NumPy that a cell is of: ``linalg``, ``random``, or else ``numpy``."""
    words = name.partition("[")[0].split(".")
    return words[1] if words[1] in PARTS else "numpy"


PARTS = ("linalg", "fft", "strings", "char", "polynomial", "random", "ndarray")


def cell_table(rows: Sequence[Row]) -> Table:
    """Return every figure of every cell."""
    return Table(COLUMNS, tuple(tuple(_text(value) for value in _values(row)) for row in rows))


def cell_records(rows: Sequence[Row]) -> list[Json]:
    """Return every figure of every cell as plain values; what is unknown is null."""
    names = [column.replace(" ", "_") for column in COLUMNS]
    return [dict(zip(names, _values(row), strict=True)) for row in rows]


def _values(row: Row) -> tuple[Any, ...]:
    kind, held, seconds = row.gil_class, row.gil_held_share, row.seconds
    cpu, calls = row.cpu_per_wall, (row.tasks or 1) * (row.loops or 1)
    switches = _switches(row)
    return (
        row.case.work,
        None if kind is None else kind.kind.value,
        None if kind is None else kind.certain,
        None if held is None else round(held.value, 3),
        None if row.concurrency is None else round(row.concurrency[0], 3),
        None if seconds is None else float(f"{seconds.value:.4g}"),
        None if cpu is None else round(cpu.value, 3),
        None if switches is None else float(f"{switches / calls:.3g}"),
        None if row.page_faults is None else float(f"{row.page_faults[1] / calls:.3g}"),
    )


def _switches(row: Row) -> float | None:
    """The context switches of a round in threads, ``None`` where the platform counts none."""
    side = row.sides.get("contender")
    if side is None or side.voluntary_switches is None or side.involuntary_switches is None:
        return None
    return side.voluntary_switches + side.involuntary_switches


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def census_markdown(run: Run) -> str:
    """Return the summary and every cell in Markdown."""
    census, rows = run.section.census, run.rows()
    assert census is not None
    return "\n\n".join(
        (
            f"**{build_of(run.environment)}**: {counted(_counts(census))}",
            markdown(_class_table(rows)),
            markdown(cell_table(rows), code=0),
        )
    )


# --- what changed


def difference_text(difference: CensusDifference, width: int, all_of_it: bool) -> list[str]:
    """Return the changes, certain ones first, and what only one census has."""
    certain = [change for change in difference.changes if change.is_certain]
    doubtful = [change for change in difference.changes if not change.is_certain]
    worse = sum(change.is_worse for change in certain)
    lines = wrapped(
        f"{difference.compared} cells in both: {len(certain)} surely changed ({worse} for the "
        f"worse), {len(doubtful)} perhaps; {len(difference.only_before)} are gone, "
        f"{len(difference.only_now)} are new",
        width,
    )
    most = None if all_of_it else SHOWN_CHANGES
    shown = difference.changes[:most]
    for change in shown:
        lines += wrapped(_change_line(change), width)
    rest = len(difference.changes) - len(shown)
    return [*lines, f"and {rest} more: --details"] if rest else lines


def _change_line(change: CensusChange) -> str:
    mark = "worse" if change.is_worse else "better"
    return f"{mark if change.is_certain else mark + '?'} {change.now.case.work}: {change.text}"


def difference_table(difference: CensusDifference) -> Table:
    """Return a row for each cell that changed."""
    rows = [
        (change.now.case.work, "worse" if change.is_worse else "better", change.kind,
         "yes" if change.is_certain else "no", change.text)
        for change in difference.changes
    ]  # fmt: skip
    return Table(("cell", "change", "of", "certain", "how"), tuple(rows))


def difference_record(difference: CensusDifference) -> Json:
    """Return the changes as plain values."""
    return {
        "compared": difference.compared,
        "changes": [
            {
                "cell": change.now.case.work,
                "kind": change.kind,
                "certain": change.is_certain,
                "worse": change.is_worse,
                "word": change.word.value,
                "text": change.text,
                "factor": change.factor,
            }
            for change in difference.changes
        ],
        "gone": list(difference.only_before),
        "new": list(difference.only_now),
    }
