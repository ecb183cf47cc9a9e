"""BLAS threads times Python threads, as a table of four cells for each operation and size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from speedgate.judging.row import Row, Side
from speedgate.report.table import Table, plain, wrapped
from speedgate.runner.machine import usable_cores
from speedgate.stats.case import Case, format_size
from speedgate.stats.figure import CONTEXT_SWITCHES, CPU_PER_WALL, SPEEDUP, Figure, digits

LEGEND = (
    "medians: speed against one thread with one BLAS thread, CPU seconds a wall second, context "
    "switches a call. Cells of one BLAS setting were measured in turn, the two settings one after "
    "the other"
)
# NumPy uses all cores by itself where it keeps so much of them busy, and gains by it: BLAS threads
# that wait spin, and look busy, too.
ALL_CORES = 0.8
LEAST_GAIN = 1.2
# What answers whether it does: large products.
PRODUCTS = ("matmul", "dot")


def blas_table(rows: Sequence[Row]) -> Table:
    """Return a row per operation and size, with a column per BLAS setting and Python threads."""
    cells_of: dict[Case, dict[bool, Row]] = {}
    for row in rows:
        cells_of.setdefault(row.case, {})[row.is_blas_default] = row
    counts = {case.workers for case in cells_of}
    many = str(max(counts)) if len(counts) == 1 else "W"
    columns = [f"{blas} x{count}" for blas in ("BLAS 1", "default") for count in ("1", many)]
    lines = []
    for case, cells in cells_of.items():
        unit = _seconds(cells.get(False), "baseline")
        texts = [
            _cell(cells.get(is_default), side, unit)
            for is_default in (False, True)
            for side in ("baseline", "contender")
        ]
        name = f"{case.workload} {format_size(case.size)}"
        lines.append((name if len(counts) == 1 else f"{name} W={case.workers}", *texts))
    return Table(("", *columns), tuple(lines))


def _seconds(row: Row | None, name: str) -> float | None:
    """Seconds of one call, ``None`` where it is not known."""
    side = row.sides.get(name) if row is not None else None
    return None if row is None or side is None or not row.calls else side.seconds / row.calls


def _cell(row: Row | None, name: str, unit: float | None) -> str:
    seconds = _seconds(row, name)
    if row is None or seconds is None:
        return ""
    side: Side = row.sides[name]
    switches = side.switches / row.calls if side.switches is not None and row.calls else None
    speed = "-" if unit is None else SPEEDUP.number(unit / seconds)
    return (
        f"{speed} {_number(CPU_PER_WALL, side.cpu_per_wall)} {_number(CONTEXT_SWITCHES, switches)}"
    )


def _number(figure: Figure, value: float | None) -> str:
    return "-" if value is None else figure.number(value)


def by_itself(rows: Sequence[Row], cores: int) -> list[str]:
    """Return a line for each large product: how many cores it kept busy from one Python thread."""
    lines = []
    for name in PRODUCTS:
        mine = [row for row in rows if row.is_blas_default and row.case.workload == name]
        largest = max(mine, key=lambda row: row.case.size, default=None)
        side = largest.sides.get("baseline") if largest else None
        if largest is None or side is None or side.cpu_per_wall is None:
            continue
        single = [row for row in rows if row.case == largest.case and not row.is_blas_default]
        alone, default = (
            _seconds(single[0] if single else None, "baseline"),
            _seconds(largest, "baseline"),
        )
        if alone is None or default is None:
            continue
        gain = alone / default
        words = _words(side.cpu_per_wall / cores, gain, _spread(largest), _spread(single[0]))
        lines.append(
            f"{name} {format_size(largest.case.size)} from one Python thread, BLAS at its default: "
            f"{CPU_PER_WALL.text(side.cpu_per_wall)} of {cores} cores busy, {digits(gain)} times "
            f"as fast as with one BLAS thread: {words}"
        )
    return lines


def _words(busy: float, gain: float, spread: float, spread_alone: float) -> str:
    """Say whether NumPy uses all cores by itself, as far as the spread of both cells allows it."""
    both = spread * spread_alone
    if busy / spread >= ALL_CORES and gain / both >= LEAST_GAIN:
        return "NumPy uses all cores by itself"
    if busy * spread < ALL_CORES or gain * both < LEAST_GAIN:
        return "NumPy does not use all cores by itself"
    return "not certain whether NumPy uses all cores by itself: the intervals are wide"


def _spread(row: Row) -> float:
    """By which factor the seconds of a cell may be others, as the interval of its speedup tells."""
    known = row.speedup
    if known is None or not known.is_bounded or known.low <= 0:
        return math.inf
    return max(known.high / known.value, known.value / known.low)


def blas_lines(rows: Sequence[Row], width: int = 80) -> list[str]:
    """Return the four cells of some rows as lines of the terminal."""
    lines = plain(blas_table(rows), width)
    for text in ("", LEGEND, "", *by_itself(rows, usable_cores())):
        lines += wrapped(text, width)
    return lines
