"""The map: what each operation does with the GIL at each size, and from where threads pay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.history.scale_recording import BENCH as BENCH_OF_PROJECTS
from speedgate.judging.gil_class import GilClass
from speedgate.judging.gil_map import Operation, broken_promises, kept_better, operations
from speedgate.judging.row import Row
from speedgate.page.chart_parts import OF_CLASS, SHAPES, kinds_scale, logarithmic, tooltip
from speedgate.page.content import (
    NOTHING,
    Cell,
    Chart,
    Column,
    Grid,
    GridRow,
    Section,
    interval,
)
from speedgate.page.sources import Sources, origin
from speedgate.report.map import WORDS, legend
from speedgate.report.records import bounds_record
from speedgate.stats.case import format_size
from speedgate.stats.figure import digits

Json = dict[str, Any]

QUESTION = "Which operations release the GIL, at which sizes, and from where do threads pay?"
REMEDY = "pytest bench/bench_gil_map.py"
CHART_WORDS = (
    "A row for each operation, a mark for each measured size. Colour and shape say what it does "
    "with the GIL there."
)
PLURAL = {
    GilClass.RELEASES: "release the GIL",
    GilClass.PARTLY: "release it partly",
    GilClass.NOT_WORTH: "release it and gain nothing",
    GilClass.HOLDS: "hold it",
    GilClass.UNKNOWN: "are unknown",
    GilClass.SCALES: "scale without a GIL",
    GilClass.CONTENDS: "contend without a GIL",
    GilClass.SERIALISED: "run one at a time without a GIL",
}
POSITIONS = ("small", "middle", "large")


def section_of(sources: Sources) -> Section:
    pairs = sources.rows(lambda row: row.gil_class is not None and row.bench != BENCH_OF_PROJECTS)
    section = map_section([row for _, row in pairs])
    return replace(section, origin=origin(shown for shown, _ in pairs))


def map_section(rows: Sequence[Row]) -> Section:
    """Return the map of some rows."""
    known = operations(rows)
    section = Section("map", "GIL map", QUESTION, remedy=REMEDY)
    if not known:
        return section
    return replace(
        section,
        answer=answer(known),
        grids=(map_grid(known),),
        charts=(Chart("chart-map", "What each operation does with the GIL", CHART_WORDS,
                      map_spec(known), is_filtered=True),),
        notes=(*broken_promises(rows), *kept_better(rows)),
        records=[_record(operation, row) for operation in known for row in operation.rows],
    )  # fmt: skip


def answer(known: Sequence[Operation]) -> str:
    """Return how many operations release the GIL at their largest size, in one sentence."""
    last = [operation.rows[-1] for operation in known]
    counts = Counter(row.gil_class.kind for row in last if row.gil_class)
    told = ", ".join(f"{counts[kind]} {word}" for kind, word in PLURAL.items() if counts[kind])
    wins = sum(operation.break_even is not None for operation in known)
    return (
        f"At the largest size of each of {len(known)} operations: {told}. Threads surely win on "
        f"{wins} of them."
    )


def map_grid(known: Sequence[Operation]) -> Grid:
    """Return the map as a table: a row for each operation, a column for each size in order."""
    most = max(len(operation.rows) for operation in known)
    names = POSITIONS if most == len(POSITIONS) else [f"size {n + 1}" for n in range(most)]
    rows = []
    for operation in known:
        cells = [_cell(row) for row in operation.rows]
        even = operation.break_even
        empty = [Cell("")] * (most - len(cells))
        wins = Cell(NOTHING if even is None else format_size(even))
        rows.append(GridRow((Cell(operation.name), *cells, *empty, wins), operation.name))
    columns = (
        Column("operation"),
        *(Column(name) for name in names),
        Column("threads win from", is_number=True),
    )
    words = legend(known)
    below = f"{words[0].upper()}{words[1:]}."
    return Grid("table-map", "The GIL map", columns, tuple(rows), below, is_filtered=True)


def _cell(row: Row) -> Cell:
    size = format_size(row.case.size)
    if row.speedup is None or row.gil_class is None:
        return Cell("not measured", size)
    doubt = "" if row.gil_class.certain else "?"
    return Cell(f"{WORDS[row.gil_class.kind]}{doubt}", f"{size}: {digits(row.speedup.value)}x")


def map_spec(known: Sequence[Operation]) -> Json:
    """Return the specification of the map as marks over size."""
    values = [_value(operation, row) for operation in known for row in operation.rows]
    used = {value["does"] for value in values}
    kinds = [(WORDS[kind], colour) for kind, colour in OF_CLASS.items() if WORDS[kind] in used]
    shapes = [
        (WORDS[kind], shape)
        for kind, shape in zip(OF_CLASS, SHAPES, strict=False)
        if WORDS[kind] in used
    ]
    order = [operation.name for operation in known]
    return {
        "data": {"values": values},
        "height": {"step": 18},
        "mark": {"type": "point", "filled": True, "size": 85, "opacity": 1},
        "encoding": {
            "x": logarithmic("size", "size in elements"),
            "y": {"field": "operation", "type": "nominal", "sort": order, "title": None,
                  "axis": {"grid": True, "labelLimit": 220}},
            "color": kinds_scale("does", kinds),
            "shape": kinds_scale("does", shapes),
            "tooltip": tooltip(("operation", "operation"), ("elements", "size"),
                               ("does", "the GIL"), ("text", "speedup"), ("reason", "why")),
        },
    }  # fmt: skip


def _value(operation: Operation, row: Row) -> Json:
    cell = interval(row.speedup)
    return {
        "key": operation.name,
        "operation": operation.name,
        "size": row.case.size,
        "elements": format_size(row.case.size),
        "does": WORDS[row.gil_class.kind] if row.gil_class else "unknown",
        "text": f"{cell.text} ({cell.detail})",
        "reason": row.gil_class.reason if row.gil_class else "",
    }


def _record(operation: Operation, row: Row) -> Json:
    return {
        "operation": operation.name,
        **row.case.as_json(),
        "class": row.gil_class.kind.value if row.gil_class else None,
        "certain": row.gil_class.certain if row.gil_class else None,
        "reason": row.gil_class.reason if row.gil_class else None,
        **bounds_record("speedup", row.speedup),
        **bounds_record("gil_held_share", row.gil_held_share),
        "control": row.control.value if row.control else None,
        "break_even": operation.break_even,
    }
