"""The article's table, then and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.judging.row import Row
from speedgate.page.chart_parts import BLUE, GREY, kinds_scale, quantity, tooltip
from speedgate.page.content import NOTHING, Cell, Chart, Column, Grid, GridRow, Section
from speedgate.page.sources import Sources, origin
from speedgate.report.article import BENCH, FULL_SIZE, PUBLISHED, STRATEGIES, seconds_here, tasks_at
from speedgate.stats.figure import SECONDS, SPEEDUP

Json = dict[str, Any]

QUESTION = "What do the article's two functions take today, and do threads still help only one?"
REMEDY = "pytest bench/bench_article.py"
WORDS = "Bars of how many times as fast as 'normal' each way is, in the article and here."


def section_of(sources: Sources) -> Section:
    pairs = sources.rows(lambda row: row.bench == BENCH and row.case.workload in tasks_at(0))
    section = article_section([row for _, row in pairs])
    return replace(section, origin=origin(shown for shown, _ in pairs))


def article_section(rows: Sequence[Row]) -> Section:
    """Return the article's table beside what was measured."""
    section = Section("article", "The article", QUESTION, remedy=REMEDY)
    if not rows:
        return section
    records = article_records(rows)
    size = rows[0].case.size
    grid = Grid(
        "table-article",
        "The article's table, then and now",
        (
            Column("way"),
            *(
                Column(f"{name}: {when}", is_number=True)
                for name in tasks_at(size)
                for when in ("then", "now")
            ),
        ),
        tuple(_row(strategy, records) for strategy in STRATEGIES),
        f"Seconds, and how many times as fast as normal. Then: {FULL_SIZE:,} elements on a dual "
        f"core. Now: {size:,} elements and fewer calls, so compare the ratios.",
    )
    chart = Chart("chart-article", "Times as fast as normal", WORDS, article_spec(records))
    return replace(section, answer=answer(records), grids=(grid,), charts=(chart,), records=records)


def article_records(rows: Sequence[Row]) -> list[Json]:
    """Return a record for each way and function: seconds and speedup, then and now."""
    here = seconds_here(rows)
    return [
        {
            "way": STRATEGIES[strategy],
            "function": name,
            "then_seconds": then,
            "then_speedup": PUBLISHED["serial", name] / then,
            "now_seconds": here.get((strategy, name)),
            "now_speedup": _ratio(here.get(("serial", name)), here.get((strategy, name))),
        }
        for (strategy, name), then in PUBLISHED.items()
    ]


def _ratio(normal: float | None, seconds: float | None) -> float | None:
    return normal / seconds if normal and seconds else None


def _row(strategy: str, records: Sequence[Json]) -> GridRow:
    way = STRATEGIES[strategy]
    mine = {record["function"]: record for record in records if record["way"] == way}
    cells = [
        _cell(mine[name][f"{when}_seconds"], mine[name][f"{when}_speedup"])
        for name in tasks_at(0)
        for when in ("then", "now")
    ]
    return GridRow((Cell(way), *cells))


def _cell(seconds: float | None, speedup: float | None) -> Cell:
    if seconds is None:
        return Cell(NOTHING)
    return Cell("-" if speedup is None else SPEEDUP.text(speedup), SECONDS.text(seconds))


def answer(records: Sequence[Json]) -> str:
    """Return what two threads did then and do now, in one sentence."""
    parts = []
    for record in records:
        if record["way"] == STRATEGIES["foreach"] and record["now_speedup"] is not None:
            then, now = record["then_speedup"], record["now_speedup"]
            parts.append(f"{record['function']} {SPEEDUP.text(now)} (then {SPEEDUP.text(then)})")
    return f"In two threads today: {'; '.join(parts)}." if parts else ""


def article_spec(records: Sequence[Json]) -> Json:
    """Return the specification of pairs of bars."""
    values = [
        {"bar": f"{record['function']}, {record['way']}", "when": when,
         "speedup": record[f"{when}_speedup"],
         "text": SPEEDUP.text(record[f"{when}_speedup"])}
        for record in sorted(records, key=lambda record: record["function"])
        for when in ("then", "now")
        if record[f"{when}_speedup"] is not None and record["way"] != STRATEGIES["serial"]
    ]  # fmt: skip
    names = list(dict.fromkeys(value["bar"] for value in values))
    return {
        "data": {"values": values},
        "height": {"step": 16},
        "mark": {"type": "bar", "height": {"band": 0.85}},
        "encoding": {
            "x": quantity("speedup", "times as fast as normal"),
            "y": {"field": "bar", "type": "nominal", "sort": names, "title": None,
                  "axis": {"grid": False}},
            "yOffset": {"field": "when", "type": "nominal", "sort": ["then", "now"]},
            "color": kinds_scale("when", [("then", GREY), ("now", BLUE)]),
            "tooltip": tooltip(("bar", "way"), ("when", "when"), ("text", "speedup")),
        },
    }  # fmt: skip
