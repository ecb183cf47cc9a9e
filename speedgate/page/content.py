"""Content: what a section of the page holds, before it is laid out: tables, charts, sentences."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from speedgate.judging.gate import Verdict
from speedgate.report.text import one_line
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import digits

Json = dict[str, Any]
# What stands in a cell that nothing is known of.
NOTHING = "-"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, smaller a ``detail`` behind it, such as an interval, a verdict,
    and the page of the site that it leads to."""

    text: str
    detail: str = ""
    verdict: Verdict | None = None
    link: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its head, and whether its cells are figures, which are set to the right."""

    name: str
    is_number: bool = False


@dataclass(frozen=True)
class GridRow:
    """A row of a table, the first cell its head; a filter finds it by its ``key``."""

    cells: tuple[Cell, ...]
    key: str = ""


@dataclass(frozen=True)
class Grid:
    """A table with its caption; ``legend`` says below it what its figures are. It is ``folded``
    where the reader opens it; ``is_filtered`` where a box above it keeps the rows that match."""

    slug: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[GridRow, ...]
    legend: str = ""
    folded: bool = False
    is_filtered: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart: its caption, what it shows in words and where its figures are ``instead``, for who
    does not see it, and its Vega-Lite specification, data included, without size."""

    slug: str
    caption: str
    words: str
    spec: Json
    is_wide: bool = True
    is_filtered: bool = False
    instead: str = "The table has the same figures."


@dataclass(frozen=True)
class Section:
    """A section of the site.

    ``answer`` is the one sentence that it comes to; ``origin`` the runs that it shows. ``records``
    are its figures in full, one CSV file; ``csv_files`` names those that it makes itself. A section
    without any has a ``remedy``: the command that measures what it would show. ``key`` says what
    marks of the charts mean that no legend of theirs does.
    """

    slug: str
    title: str
    question: str
    answer: str = ""
    origin: str = ""
    grids: tuple[Grid, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    records: Sequence[Mapping[str, Any]] = field(default=())
    remedy: str = ""
    csv_files: tuple[str, ...] = ()
    key: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.grids or self.charts)

    @property
    def has_filter(self) -> bool:
        return any(grid.is_filtered for grid in self.grids)

    @property
    def csv_names(self) -> tuple[str, ...]:
        return (f"data/{self.slug}.csv",) if self.records else self.csv_files


def interval(estimate: Estimate | None, verdict: Verdict | None = None) -> Cell:
    """Return the cell of a ratio or share with its interval: ``1.65``, ``1.60 to 1.71``."""
    if estimate is None:
        return Cell(NOTHING, "", verdict)
    if not estimate.is_bounded:
        return Cell(digits(estimate.value), "few rounds", verdict)
    between = f"{digits(estimate.low)} to {digits(estimate.high)}"
    return Cell(digits(estimate.value), between, verdict)


def number(value: float | None) -> Cell:
    """Return the cell of a ratio or a share."""
    return Cell(NOTHING if value is None else digits(value))


def finite(value: float | None) -> float | None:
    """Return a number that JSON can say; ``None`` of any other."""
    return value if value is not None and math.isfinite(value) else None


def shown(value: Any) -> Any:
    """Return plain values with every text as a reader may see it."""
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return one_line(value) if type(value) is str else value


def as_script(name: str | int, value: Any) -> bytes:
    """Return data as a script that hands it to the page, which may be a file on disk."""
    text = json.dumps(shown(value), separators=(",", ":"), allow_nan=False)
    return f"speedgate.take({json.dumps(name)},{text});\n".encode()
