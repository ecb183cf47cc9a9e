"""The GIL map as a table: a row per operation, a column per size."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from speedgate.history.document import Run
from speedgate.judging.gil_class import GilClass
from speedgate.judging.gil_map import NO_GIL, Operation, break_even_text, causes_text, operations
from speedgate.judging.row import Row
from speedgate.report.table import Table, markdown, plain, short, wrapped
from speedgate.report.text import markdown_code, markdown_text
from speedgate.stats.case import format_size
from speedgate.stats.figure import CONCURRENCY, SPEEDUP, digits

WORDS = {
    GilClass.RELEASES: "releases",
    GilClass.PARTLY: "partly",
    GilClass.HOLDS: "holds",
    GilClass.NOT_WORTH: "no gain",
    GilClass.UNKNOWN: "unknown",
    GilClass.SCALES: "scales",
    GilClass.CONTENDS: "contends",
    GilClass.SERIALISED: "serialised",
}
# Of a page in Markdown; the rows of its table are as wide as they are.
PAGE_COLUMNS = 100
# What tells that an operation ran without a GIL.
FREE_CLASSES = frozenset(NO_GIL) - {GilClass.UNKNOWN}
LEGEND = (
    "elements, speedup over one thread, what the GIL does there; '?': the intervals leave another "
    "class open. releases: held for less than 0.2 of the work; holds: for more than 0.8, or "
    "another lock lets one run at a time; partly: in between; no gain: not held, not faster either"
)
FREE_LEGEND = (
    "elements, speedup over one thread, what threads do there without a GIL; '?': the intervals "
    "leave another class open. scales: threads gain, the work needs no more CPU time; contends: it "
    "needs more, or the workers wait for each other; serialised: one runs at a time"
)


def legend(mapped: Sequence[Operation]) -> str:
    """Return what the cells mean, by whether the run had a GIL."""
    kinds = {row.gil_class.kind for operation in mapped for row in operation.rows if row.gil_class}
    return FREE_LEGEND if kinds & FREE_CLASSES else LEGEND


def map_table(mapped: Sequence[Operation]) -> Table:
    """Return the map with a column for the smallest size of each operation, the next, and on."""
    most = max((len(operation.rows) for operation in mapped), default=0)
    names = ("small", "middle", "large")
    heads = names if most == len(names) else tuple(str(n + 1) for n in range(most))
    rows = []
    for operation in mapped:
        cells = [_cell(row) for row in operation.rows]
        rows.append((operation.name, *cells, *[""] * (most - len(cells))))
    return Table(("operation", *heads), tuple(rows))


def _cell(row: Row) -> str:
    if row.speedup is None or row.gil_class is None:
        return f"{format_size(row.case.size)} not measured"
    doubt = "" if row.gil_class.certain else "?"
    word = WORDS[row.gil_class.kind]
    return f"{format_size(row.case.size)} {SPEEDUP.number(row.speedup.value)} {word}{doubt}"


def details_table(mapped: Sequence[Operation]) -> Table:
    """Return a row per case with the interval and every signal."""
    columns = ("case", "speedup", "GIL held", "concurrency", "inflation", "control", "loops", "GIL")
    rows = [
        (
            f"{operation.name} {format_size(row.case.size)}",
            short(row.speedup) if row.speedup else "not measured",
            _held(row),
            _bounds(row.concurrency),
            _figure(row.inflation),
            _figure(row.control.value if row.control else None),
            "unknown" if row.loops is None else str(row.loops),
            row.gil_class.kind.value if row.gil_class else "unknown",
        )
        for operation in mapped
        for row in operation.rows
    ]
    return Table(columns, tuple(rows))


def _held(row: Row) -> str:
    if row.gil_held_share is not None:
        return short(row.gil_held_share)
    is_free = row.gil_class is not None and row.gil_class.kind in FREE_CLASSES
    return "no GIL" if is_free else "unknown"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else digits(value)


def _bounds(bounds: tuple[float, float | None] | None) -> str:
    if bounds is None:
        return "unknown"
    low, high = bounds
    return "-".join(CONCURRENCY.number(bound) for bound in (low, high) if bound is not None)


def map_lines(rows: Sequence[Row], width: int = 80, details: bool = False) -> list[str]:
    """Return the map of some rows as lines of the terminal."""
    mapped = operations(rows)
    if not mapped:
        return ["no operation was measured with two threads or more"]
    lines = plain(details_table(mapped) if details else map_table(mapped), width)
    texts = ["", legend(mapped), "", *causes_text(mapped), *break_even_text(mapped)]
    return lines + [line for text in texts for line in wrapped(text, width)]


def markdown_map(run: Run, environment: str) -> str:
    """Return the map of a run as a document in Markdown."""
    mapped = operations(run.rows())
    table = map_table(mapped)
    even = [
        "-" if operation.break_even is None else format_size(operation.break_even)
        for operation in mapped
    ]
    rows = tuple((*row, size) for row, size in zip(table.rows, even, strict=True))
    with_even = Table((*table.columns, "threads win from"), rows)
    origin = (
        "Measured by `pytest bench/bench_gil_map.py`; this page is the output of "
        f"{markdown_code(f'speedgate map {run.name} --format markdown')}."
    )
    parts = [
        "# The GIL map",
        *(
            textwrap.fill(text, PAGE_COLUMNS, break_long_words=False, break_on_hyphens=False)
            for text in (f"{markdown_text(environment)}. {origin}", f"Cells: {legend(mapped)}.")
        ),
        markdown(with_even),
        *(f"- {markdown_text(line)}" for line in causes_text(mapped)),
    ]
    return "\n\n".join(parts)
