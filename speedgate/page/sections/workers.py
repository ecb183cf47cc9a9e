"""Scaling over workers: how far more workers bring more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.judging.row import Row
from speedgate.page.chart_parts import GREY, quantity, series_scales, tooltip
from speedgate.page.content import (
    Cell,
    Chart,
    Column,
    Grid,
    GridRow,
    Section,
    finite,
    interval,
)
from speedgate.page.sources import Sources, origin
from speedgate.report.records import bounds_record
from speedgate.stats.case import format_size
from speedgate.stats.figure import SPEEDUP

Json = dict[str, Any]

QUESTION = "How much do more workers bring, and from how many on do they bring nothing?"
REMEDY = "pytest bench/bench_scaling.py --workers 1,2,4,8"
WORDS = (
    "Speedup over the number of workers, a line for each workload, size and strategy, with its "
    "intervals; the dashed line is the ideal, one for each worker."
)
MOST_LINES = 8
LEGEND = "Speedup over a plain loop in one thread, with its 95% interval."
Scaling = dict[tuple[str, int, str], dict[int, Row]]


def section_of(sources: Sources) -> Section:
    """Return the curves of what was measured with several numbers of workers."""
    pairs = sources.rows(lambda row: row.speedup is not None and not row.is_blas_default)
    curves = scaling_of([row for _, row in pairs])
    kept = {id(row) for by_workers in curves.values() for row in by_workers.values()}
    section = workers_section(curves)
    return replace(section, origin=origin(shown for shown, row in pairs if id(row) in kept))


def scaling_of(rows: Sequence[Row]) -> Scaling:
    """Return the rows by number of workers, of works and strategies that have several."""
    curves: Scaling = {}
    for row in rows:
        case = row.case
        if case.strategy != "serial":
            curves.setdefault((case.workload, case.size, case.strategy), {})[case.workers] = row
    return {key: by_workers for key, by_workers in curves.items() if len(by_workers) > 1}


def workers_section(curves: Scaling) -> Section:
    """Return the section of some curves."""
    section = Section("workers", "Scaling over workers", QUESTION, remedy=REMEDY)
    if not curves:
        return section
    counts = sorted({count for by_workers in curves.values() for count in by_workers})
    columns = (Column("work"), *(Column(f"{count} workers", is_number=True) for count in counts))
    rows = tuple(GridRow(_cells(key, rows, counts), key[0]) for key, rows in curves.items())
    grid = Grid("table-workers", "Speedup by number of workers", columns, rows, LEGEND)
    drawn = dict(list(curves.items())[:MOST_LINES])
    chart = Chart("chart-workers", "Speedup over workers", WORDS, workers_spec(drawn))
    more = f"Lines: the first {MOST_LINES} of {len(curves)}. The table has all."
    return replace(
        section,
        answer=answer(curves, counts),
        grids=(grid,),
        charts=(chart,),
        key="Bands: 95% intervals. Dashed: the ideal, one for each worker.",
        notes=(more,) if len(curves) > MOST_LINES else (),
        records=[_record(row) for rows in curves.values() for row in rows.values()],
    )


def answer(curves: Scaling, counts: Sequence[int]) -> str:
    """Return what the most workers bring, in one sentence."""
    most = counts[-1]
    ends = [(key, rows[most]) for key, rows in curves.items() if most in rows]
    (work, size, strategy), row = max(ends, key=lambda pair: _value(pair[1]))
    return (
        f"{most} workers bring at most {SPEEDUP.text(_value(row))}: {work} at "
        f"{format_size(size)} elements with {strategy}."
    )


def _value(row: Row) -> float:
    return 0.0 if row.speedup is None else row.speedup.value


def _name(key: tuple[str, int, str]) -> str:
    workload, size, strategy = key
    return f"{workload} {format_size(size)} {strategy}"


def _cells(
    key: tuple[str, int, str], rows: dict[int, Row], counts: Sequence[int]
) -> tuple[Cell, ...]:
    return (
        Cell(_name(key)),
        *(interval(rows[count].speedup) if count in rows else Cell("") for count in counts),
    )


def workers_spec(curves: Scaling) -> Json:
    """Return the specification of the curves, with the ideal."""
    values: list[Json] = [
        {
            "series": _name(key),
            "workers": count,
            "speedup": _value(row),
            "low": finite(row.speedup.low) if row.speedup else None,
            "high": finite(row.speedup.high) if row.speedup else None,
            "text": f"{interval(row.speedup).text} ({interval(row.speedup).detail})",
        }
        for key, rows in curves.items()
        for count, row in sorted(rows.items())
    ]
    most = max(value["workers"] for value in values)
    scales = series_scales(list(dict.fromkeys(value["series"] for value in values)))
    ticks = sorted({value["workers"] for value in values})
    x = quantity("workers", "workers", axis={"values": ticks, "grid": False, "format": "d"})
    told = tooltip(("series", "work"), ("workers", "workers"), ("text", "speedup"))
    ideal = {"data": {"values": [{"workers": 1, "speedup": 1}, {"workers": most, "speedup": most}]},
             "mark": {"type": "line", "color": GREY, "strokeDash": [4, 4], "strokeWidth": 1.5},
             "encoding": {"x": x, "y": quantity("speedup", "speedup")}}  # fmt: skip
    colour = scales["color"]
    return {
        "data": {"values": values},
        "height": 340,
        "layer": [
            ideal,
            {"transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
             "mark": "area",
             "encoding": {"x": x, "y": quantity("low", "speedup"), "y2": {"field": "high"},
                          "color": colour}},
            {"mark": "line", "encoding": {"x": x, "y": quantity("speedup", "speedup"),
                                          "color": colour, "strokeDash": scales["strokeDash"]}},
            {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
             "encoding": {"x": x, "y": quantity("speedup", "speedup"), "color": colour,
                          "shape": scales["shape"], "tooltip": told}},
        ],
    }  # fmt: skip


def _record(row: Row) -> Json:
    speedup = row.speedup
    efficiency = None if speedup is None else speedup.value / row.case.workers
    return {
        "benchmark": row.bench,
        **row.case.as_json(),
        **bounds_record("speedup", speedup),
        "efficiency": efficiency,
    }
