"""The census as text, Markdown and records: what there is, and what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from speedgate.history.census_side import not_reached
from speedgate.history.document import Run
from speedgate.history.format import CensusEntry
from speedgate.history.identity import build_of
from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.measuring.census import CellListing, CensusCell
from speedgate.report.progress import duration
from speedgate.report.table import Table, markdown, plain, wrapped
from speedgate.report.text import markdown_text

COLUMNS = (
    "cell", "class", "certain", "GIL held", "workers at once", "seconds", "CPU per wall",
    "switches a call", "page faults a call",
)  # fmt: skip
FEW = 3
LOST = "lost when listed"

Json = dict[str, Any]


# --- what there is


def listing_lines(listing: CellListing, chosen: Sequence[CensusCell] | None = None) -> list[str]:
    """Return a line for each cell, and the reasons and counts last; of ``chosen`` cells no more
    than their lines."""
    wanted = set(listing.cells if chosen is None else chosen)
    lines = [cell.work for cell in listing.cells if cell in wanted]
    if chosen is not None:
        return lines
    lines += [f"not called: {name}: {why}" for name, why in listing.reasons.items()]
    lines += [f"{LOST}: {name}: {why}" for name, why in listing.lost.items()]
    return [*lines, counted(listing.as_json())]


def counted(census: Json) -> str:
    """``779 public functions, 719 with 4631 cells, 60 without``."""
    without = census["functions"] - census["covered"]
    return (
        f"{census['functions']} public functions: {census['covered']} have {census['cells']} "
        f"cells, {without} have none"
    )


# --- what was measured


def census_lines(run: Run, width: int, details: bool = False) -> list[str]:
    """Return the summary of a census, on a screen; with ``details`` every cell below it, and every
    reason why one was not measured."""
    census, rows = run.section.census, run.rows()
    assert census is not None
    lines = wrapped(f"{build_of(run.environment)}: {_measured_words(run)}", width)
    lines += wrapped(f"{counted(_counts(census))}{_where_the_reasons_are(census)}", width)
    lines += ["", *plain(_class_table(rows), width), ""]
    for title, group in _not_measured(run):
        lines += named_lines(title, group, width, None if details else FEW)
    return [*lines, "", *plain(cell_table(rows), width)] if details else lines


def _measured_words(run: Run) -> str:
    """``3944 cells measured in 8 min 41 s; not all were reached``."""
    census = run.section.census
    assert census is not None
    words = f"{len(run.rows())} cells measured in {duration(census.seconds)}"
    return words if run.is_complete else f"{words}; not all were reached"


def _where_the_reasons_are(census: CensusEntry) -> str:
    """Name the command that says why functions have no cell, where some have none."""
    return " (why: speedgate census --list, or --format json)" if census.reasons else ""


def _counts(census: CensusEntry) -> Json:
    return {"functions": census.functions, "covered": census.covered, "cells": census.cells}


def _not_measured(run: Run) -> list[tuple[str, Mapping[str, str]]]:
    """Return what was not measured in groups, each name with its reason, empty where the title of
    the group says all."""
    census = run.section.census
    assert census is not None
    groups = [("failed", census.failed), (LOST, census.lost)]
    return [*groups, ("not measured", dict.fromkeys(not_reached(run), ""))]


def named_lines(title: str, group: Mapping[str, str], width: int, most: int | None) -> list[str]:
    """Return ``failed (2): numpy.f (why); numpy.g (why)``; of more than ``most`` the number, and
    the beginning of each reason. Without ``most`` each has a line of its own, and all of it."""
    if not group:
        return []
    head = f"{title} ({len(group)}):"
    if most is None:
        lines = [f"  {name}: {why}" if why else f"  {name}" for name, why in group.items()]
        return [head, *(part for line in lines for part in wrapped(line, width))]
    names = [f"{name} ({why[:60]})" if why else name for name, why in [*group.items()][:most]]
    more = [f"and {len(group) - most} more: --details"] if len(group) > most else []
    return wrapped(f"{head} {'; '.join([*names, *more])}", width)


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
    part = name.partition("[")[0].split(".")[1:2]
    return part[0] if part and part[0] in PARTS else "numpy"


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


def cell_file(run: Run) -> Table:
    """Return every figure of every cell, and below them why the others were not measured."""
    table = cell_table(run.rows())
    empty = ("",) * (len(COLUMNS) - 1)
    measured = [(*row, "") for row in table.rows]
    others = [
        (name, *empty, f"{title}: {why}" if why else title)
        for title, group in _not_measured(run)
        for name, why in group.items()
    ]
    return Table((*COLUMNS, "not measured"), (*measured, *others))


def census_markdown(run: Run) -> str:
    """Return the summary, what was not measured and every cell in Markdown."""
    census, rows = run.section.census, run.rows()
    assert census is not None
    head = f"{_measured_words(run)}; {counted(_counts(census))}"
    return "\n\n".join(
        (
            f"**{markdown_text(build_of(run.environment))}**: {head}",
            markdown(_class_table(rows)),
            *(named_markdown(title, group) for title, group in _not_measured(run) if group),
            markdown(cell_table(rows), code=0),
        )
    )


def named_markdown(title: str, group: Mapping[str, str]) -> str:
    """Return a table of names, each with its reason."""
    table = Table((f"{title} ({len(group)})", "why"), tuple(group.items()))
    return markdown(table, code=0)
