"""What strategies cost by themselves, as a table: a row per strategy."""

from __future__ import annotations

from collections.abc import Sequence

from speedgate.judging.row import Row
from speedgate.report.table import Table, plain, wrapped

LEGEND = (
    "start: until every worker had answered; dispatch: microseconds of a task that does nothing, "
    "of the caller's time; then the share of the workers' time outside their tasks, where a task "
    "takes the microseconds at the head. '-' is not measured, or cannot be read"
)


def overhead_table(rows: Sequence[Row]) -> Table:
    """Return start and dispatch of each strategy, and its idle share by the length of a task.

    Dispatch is read from the smallest size of the workload ``noop``, the shares from all others.
    """
    by_strategy: dict[str, list[Row]] = {}
    for row in rows:
        name = f"{row.case.strategy} {row.case.workers}"
        by_strategy.setdefault(name, []).append(row)
    lengths = sorted({row.case.size for row in rows if row.case.workload != "noop"})
    lines = []
    for name, mine in by_strategy.items():
        nothing = next((row for row in mine if row.case.workload == "noop"), None)
        idle = {row.case.size: row.idle for row in mine if row.case.workload != "noop"}
        starts = [row.start_seconds for row in mine if row.start_seconds is not None]
        cells = (_milliseconds(min(starts, default=None)), _dispatch(nothing))
        shares = tuple(_share(idle.get(length)) for length in lengths)
        lines.append((name, *cells, *shares))
    columns = ("", "start", "dispatch", *(f"at {length} us" for length in lengths))
    return Table(columns, tuple(lines))


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1e3 * seconds:.0f} ms"


def _dispatch(row: Row | None) -> str:
    if row is None or not row.loops or row.seconds is None:
        return "-"
    return f"{1e6 * row.seconds.value * row.loops:.0f} us"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def overhead_lines(rows: Sequence[Row], width: int = 80) -> list[str]:
    """Return the table as lines of the terminal."""
    return [*plain(overhead_table(rows), width), "", *wrapped(LEGEND, width)]
