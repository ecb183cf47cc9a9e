"""Tables: of speedups, with a row for each workload and size; and any table as aligned text in
blocks of the terminal's width, as Markdown, or as CSV."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speedgate.judging.gate import Verdict
from speedgate.judging.row import Row
from speedgate.report.text import markdown_code, markdown_text, one_line, visible
from speedgate.stats.case import Case, format_size
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import digits

MARKS = {
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_EVALUATED: "-",
}

# What a spreadsheet takes for the beginning of a formula, unless it is that of a number.
FORMULA_MARKS = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?[\d.,]*(e[+-]?\d+)? ?[%x]?", re.ASCII | re.IGNORECASE)

FEW = "(few) too few rounds for an interval"


@dataclass(frozen=True)
class Table:
    """Cells of text, ready for any rendering."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def speedup_table(rows: Iterable[Row], verdicts: Mapping[Case, Verdict]) -> Table:
    """Return the speedups of a run; a verdict's mark stands behind the case that a gate judged."""
    by_case = {row.case: row for row in rows}
    columns = list(dict.fromkeys(series_name(case) for case in by_case))
    works = dict.fromkeys((case.workload, case.size) for case in by_case)
    lines = []
    for workload, size in works:
        mine = {
            series_name(case): row
            for case, row in by_case.items()
            if (case.workload, case.size) == (workload, size)
        }
        cells = [_cell(mine.get(column), verdicts) for column in columns]
        lines.append((f"{workload} {format_size(size)}", *cells))
    return Table(("", *columns), tuple(lines))


def series_name(case: Case) -> str:
    """Return ``threads 2``; ``serial`` of a single worker."""
    return case.strategy if case.workers == 1 else f"{case.strategy} {case.workers}"


def _cell(row: Row | None, verdicts: Mapping[Case, Verdict]) -> str:
    if row is None:
        return ""
    if row.speedup is None:
        return "not measured"
    mark = MARKS.get(verdicts[row.case], "") if row.case in verdicts else ""
    return f"{short(row.speedup)}{' ' if mark else ''}{mark}"


def short(estimate: Estimate) -> str:
    """Return ``1.65 1.60-1.71``; the point alone where there are too few rounds for an interval."""
    if not estimate.is_bounded:
        return f"{digits(estimate.value)} (few)"
    return f"{digits(estimate.value)} {digits(estimate.low)}-{digits(estimate.high)}"


def markdown(table: Table, code: int | None = None) -> str:
    """Return the table in Markdown, the column ``code`` as code."""
    head = [column or "speedup" for column in table.columns]
    rule = "|" + " --- |" * len(table.columns)
    rows = [
        [(markdown_code if n == code else markdown_text)(cell) for n, cell in enumerate(row)]
        for row in table.rows
    ]
    lines = ["| " + " | ".join(row) + " |" for row in (map(markdown_text, head), *rows)]
    return "\n".join([lines[0], rule, *lines[1:]])


def csv_rows(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV, the first of them the names of the columns."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(_csv_cell, row) for row in rows)
    return text.getvalue()


def csv_records(records: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> str:
    """Return records as CSV, with ``names`` as columns, or all of the records in their order."""
    columns = names or list(dict.fromkeys(name for record in records for name in record))
    rows = ([record.get(column) for column in columns] for record in records)
    return csv_rows((columns, *rows))


def _csv_cell(value: Any) -> Any:
    """A value as a cell: a text in one line that acts on no terminal, and that no spreadsheet
    takes for a formula."""
    if type(value) is not str:
        return value
    text = one_line(value)
    is_formula = text[:1] in FORMULA_MARKS and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def plain(table: Table, width: int) -> list[str]:
    """Return the table as lines of at most ``width`` columns where that can be.

    Where the columns do not fit beside each other they are cut into several blocks, each with
    the row names in front.
    """
    table = Table(
        tuple(map(visible, table.columns)), tuple(tuple(map(visible, row)) for row in table.rows)
    )
    lines: list[str] = []
    for columns in _blocks(table, width):
        picked = [[row[column] for column in columns] for row in (table.columns, *table.rows)]
        if lines:
            lines.append("")
        lines += _aligned(picked)
    return lines


def _widths(table: Table) -> list[int]:
    return [
        max(len(row[n]) for row in (table.columns, *table.rows)) for n in range(len(table.columns))
    ]


def _blocks(table: Table, width: int) -> list[list[int]]:
    widths = _widths(table)
    blocks: list[list[int]] = []
    used = width
    for column in range(1, len(widths)):
        if used + 2 + widths[column] > width or not blocks:
            blocks.append([0])
            used = widths[0]
        blocks[-1].append(column)
        used += 2 + widths[column]
    return blocks or [[0]]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` as lines of at most ``width`` columns, the later ones indented.

    A longer word, such as the name of a file, stays whole: it is there to be copied.
    """
    lines = textwrap.wrap(
        one_line(text),
        width,
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines or [""]
