"""Where the cores went: the workers' time on a CPU, waiting, blocked and idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.judging.row import Row
from speedgate.page.chart_parts import (
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    kinds_scale,
    quantity,
    tooltip,
)
from speedgate.page.content import NOTHING, Cell, Chart, Column, Grid, GridRow, Section
from speedgate.page.sources import Sources, origin
from speedgate.stats.accounting import Shares

Json = dict[str, Any]

QUESTION = "Where did the workers' time go: did they run, queue for a core, or block each other?"
REMEDY = "pytest bench/bench_scaling.py"
KINDS = (
    ("on CPU", "on_cpu", BLUE),
    ("waiting", "waiting", ORANGE),
    ("blocked", "blocked", VERMILLION),
    ("idle", "idle", GREY),
)
# What is left where a platform, or a strategy whose threads live for one call, tells no more.
UNKNOWN = ("not told apart", "#c9cdd4")
LEGEND = (
    "Shares of the workers' time. On CPU: running. Waiting: ready, but others had the cores. "
    "Blocked: within a task and not ready, for the GIL, a lock or I/O. Idle: without a task."
)
WORDS = "A bar for each case, whose four parts are the shares of the workers' time."
# More bars are a page that nobody scrolls: the table has them all.
MOST_BARS = 60


def section_of(sources: Sources) -> Section:
    """Return the shares of every case with several workers, those that were judged in front."""
    pairs = sources.rows(lambda row: row.case.workers > 1 and row.shares is not None)
    judged = sources.judged
    # A case that two benchmarks measured is shown as the first of them has it.
    pairs = list({pair[1].case: pair for pair in reversed(pairs)}.values())[::-1]
    pairs.sort(key=lambda pair: pair[1].case not in judged)
    section = time_section([row for _, row in pairs])
    return replace(section, origin=origin(shown for shown, _ in pairs))


def time_section(rows: Sequence[Row]) -> Section:
    """Return where the time of some cases went."""
    section = Section("time", "Where the cores went", QUESTION, remedy=REMEDY)
    if not rows:
        return section
    columns = (Column("case"), *(Column(word, is_number=True) for word, _, _ in KINDS))
    grid = Grid(
        "table-time",
        "Shares of the workers' time",
        columns,
        tuple(GridRow(_cells(row), row.case.id) for row in rows),
        LEGEND,
        is_filtered=True,
    )
    chart = Chart(
        "chart-time", "Shares of the workers' time", WORDS, time_spec(rows[:MOST_BARS]),
        is_filtered=True,
    )  # fmt: skip
    more = f"Bars: the first {MOST_BARS} of {len(rows)} cases. The table has all."
    return replace(
        section,
        answer=answer(rows),
        grids=(grid,),
        charts=(chart,),
        notes=(more,) if len(rows) > MOST_BARS else (),
        records=[_record(row) for row in rows],
    )


def answer(rows: Sequence[Row]) -> str:
    """Return which case lost least and most to blocking, in one sentence."""
    known = [row for row in rows if row.shares is not None and row.shares.blocked is not None]
    if not known:
        return "This platform does not tell waiting from blocked."
    worst = max(known, key=lambda row: _of(row, "blocked"))
    least = min(known, key=lambda row: _of(row, "blocked"))
    text = f"Workers are blocked for {_of(least, 'blocked'):.0%} of their time in {least.case.id}"
    if len(known) == 1:
        return f"{text}."
    return f"{text}, and for up to {_of(worst, 'blocked'):.0%} in {worst.case.id}."


def _of(row: Row, name: str) -> float:
    shares = row.shares or Shares(0.0, None, None, None)
    return getattr(shares, name) or 0.0


def _cells(row: Row) -> tuple[Cell, ...]:
    shares = row.shares
    values = [None if shares is None else getattr(shares, name) for _, name, _ in KINDS]
    return (
        Cell(row.case.id),
        *(Cell(NOTHING if value is None else f"{value:.0%}") for value in values),
    )


def time_spec(rows: Sequence[Row]) -> Json:
    """Return the specification of stacked bars, one for each case."""
    values = [
        {"key": row.case.id, "case": row.case.id, "kind": word, "order": order,
         "share": _of(row, name), "text": f"{_of(row, name):.0%}"}
        for row in rows
        for order, (word, name, _) in enumerate(KINDS)
        if row.shares and getattr(row.shares, name) is not None
    ]  # fmt: skip
    values += [_unknown(row) for row in rows if row.shares and row.shares.waiting is None]
    kinds = [*((word, colour) for word, _, colour in KINDS), UNKNOWN]
    used = {value["kind"] for value in values}
    names = list(dict.fromkeys(row.case.id for row in rows))
    return {
        "data": {"values": values},
        "height": {"step": 22},
        "mark": {"type": "bar", "height": {"band": 0.72}},
        "encoding": {
            "x": quantity("share", "share of the workers' time",
                          stack="zero", axis={"format": ".0%"}, scale={"domain": [0, 1]}),
            "y": {"field": "case", "type": "nominal", "sort": names, "title": None,
                  "axis": {"grid": False, "labelLimit": 260}},
            "color": kinds_scale("kind", [kind for kind in kinds if kind[0] in used]),
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": tooltip(("case", "case"), ("kind", "time"), ("text", "share")),
        },
    }  # fmt: skip


def _unknown(row: Row) -> Json:
    rest = max(0.0, 1.0 - _of(row, "on_cpu"))
    return {"key": row.case.id, "case": row.case.id, "kind": UNKNOWN[0], "order": len(KINDS),
            "share": rest, "text": f"{rest:.0%}"}  # fmt: skip


def _record(row: Row) -> Json:
    shares = {} if row.shares is None else row.shares.as_json()
    return {"benchmark": row.bench, **row.case.as_json(), **shares}
