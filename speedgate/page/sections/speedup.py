"""Speedup against size: a curve with its interval for each strategy, and where threads begin to
pay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from speedgate.history.scale_recording import BENCH as BENCH_OF_PROJECTS
from speedgate.judging.gate import Verdict
from speedgate.judging.gil_map import Operation
from speedgate.judging.row import Row
from speedgate.measuring.name_list import listed
from speedgate.page.chart_parts import (
    GREY,
    label,
    logarithmic,
    quantity,
    reference_line,
    series_scales,
    tooltip,
)
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
from speedgate.report.article import BENCH as ARTICLE
from speedgate.report.records import bounds_record
from speedgate.report.table import series_name
from speedgate.stats.case import Case, format_size
from speedgate.stats.figure import SPEEDUP

Json = dict[str, Any]

QUESTION = "From which size do threads pay, with which strategy, and how far from the ideal?"
REMEDY = "pytest bench/bench_scaling.py"
LEGEND = (
    "Speedup over a plain loop in one thread: above 1 is faster. Behind it the 95% interval over "
    "fresh processes."
)
WORDS = (
    "Lines of speedup over size in elements, one for each strategy, each in a band that is its "
    "interval. Dashed lines: 1, a plain loop; the ideal, one for each worker; the machine's "
    "ceiling, what the control reached beside it. A large ring marks the break-even size."
)
KEY = (
    "Bands: 95% intervals. Dashed at 1: a plain loop. Dotted: what the machine gave to the control "
    "beside it. Ring: the smallest size from which a strategy surely wins."
)
# A curve of more series, or a page of more charts, is a thicket: the table has them all.
MOST_CHARTS = 24
# How many stand on the first page, below the verdicts.
MOST_LEADING = 3
# The operations that a sentence names.
MOST_NAMED = 4


def curves_of(rows: Sequence[Row]) -> list[Operation]:
    """Return the curves of the rows of one workload, in the order in which they come: one for each
    strategy with its workers, called after them."""
    by_series: dict[str, dict[int, Row]] = {}
    for row in rows:
        if row.speedup is not None:
            by_series.setdefault(series_name(row.case), {})[row.case.size] = row
    return [
        Operation(name, tuple(by_size[size] for size in sorted(by_size)))
        for name, by_size in by_series.items()
    ]


def by_workload(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each benchmark's workloads, in their order."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.bench, row.case.workload), []).append(row)
    return groups


def is_a_curve(row: Row) -> bool:
    """Whether a row belongs to a curve: the map, the article, BLAS threads and a project's own
    benchmarks, which have no size, have tables of their own."""
    is_apart = row.gil_class is not None or row.is_blas_default
    has_its_own = is_apart or row.bench in (ARTICLE, BENCH_OF_PROJECTS)
    return row.speedup is not None and not has_its_own


def section_of(sources: Sources) -> Section:
    """Return the curves of every benchmark, those with a gate in front."""
    pairs = sources.rows(is_a_curve)
    judged = sources.judged
    section = speedup_section([row for _, row in pairs], judged)
    return replace(section, origin=origin(shown for shown, _ in pairs))


def lead_of(section: Section) -> Section:
    """Return what of the curves the first page shows: some charts, and the first table folded."""
    grids = tuple(replace(grid, folded=True) for grid in section.grids[:1])
    charts = section.charts[:MOST_LEADING]
    return replace(section, grids=grids, charts=charts, notes=(), records=(), origin="")


def speedup_section(rows: Sequence[Row], verdicts: Mapping[Case, Verdict]) -> Section:
    """Return the curves of some rows, those of benchmarks with a verdict in front."""
    shown = [row for row in rows if is_a_curve(row)]
    first = {row.bench for row in shown if row.case in verdicts}
    groups = dict(sorted(by_workload(shown).items(), key=lambda pair: pair[0][0] not in first))
    return Section(
        "speedup",
        "Speedup against size",
        QUESTION,
        answer(groups),
        grids=tuple(curve_grids(groups, verdicts)),
        charts=tuple(
            curve_chart(bench, workload, members)
            for (bench, workload), members in list(groups.items())[:MOST_CHARTS]
        ),
        notes=_notes(len(groups)),
        key=KEY,
        records=[_record(row) for row in shown],
        remedy=REMEDY,
    )


def _notes(groups: int) -> tuple[str, ...]:
    if groups <= MOST_CHARTS:
        return ()
    return (f"Charts: the first {MOST_CHARTS} of {groups} workloads. The tables have all.",)


def answer(groups: Mapping[tuple[str, str], Sequence[Row]]) -> str:
    """Return from which size threads surely win on what was measured, in one sentence."""
    wins: dict[int, list[str]] = {}
    never: list[str] = []
    for (_, workload), rows in groups.items():
        for curve in curves_of(rows):
            if not curve.name.startswith("threads "):
                continue
            if curve.break_even is None:
                never.append(workload)
            else:
                wins.setdefault(curve.break_even, []).append(workload)
    parts = [
        f"from {format_size(size)} elements on {listed(list(dict.fromkeys(names)), MOST_NAMED)}"
        for size, names in sorted(wins.items())
    ]
    lost = (
        f"at no measured size on {listed(list(dict.fromkeys(never)), MOST_NAMED)}" if never else ""
    )
    told = "; ".join([*parts, lost] if lost else parts)
    return f"Threads surely win {told}." if told else ""


def curve_grids(
    groups: Mapping[tuple[str, str], Sequence[Row]], verdicts: Mapping[Case, Verdict]
) -> list[Grid]:
    """Return a table for each benchmark: a row for each workload and size."""
    benches = dict.fromkeys(bench for bench, _ in groups)
    return [
        _grid(bench, [row for key, rows in groups.items() if key[0] == bench for row in rows],
              verdicts)
        for bench in benches
    ]  # fmt: skip


def _grid(bench: str, rows: Sequence[Row], verdicts: Mapping[Case, Verdict]) -> Grid:
    names = list(dict.fromkeys(series_name(row.case) for row in rows))
    works: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        works.setdefault((row.case.workload, row.case.size), {})[series_name(row.case)] = row
    lines = tuple(
        GridRow(
            (
                Cell(f"{workload} {format_size(size)}"),
                *(_cell(members.get(name), verdicts) for name in names),
            ),
            workload,
        )
        for (workload, size), members in works.items()
    )
    columns = (Column("work"), *(Column(name, is_number=True) for name in names))
    caption = f"Speedup in {bench}" if bench else "Speedup"
    return Grid(f"table-{bench or 'speedup'}", caption, columns, lines, LEGEND)


def _cell(row: Row | None, verdicts: Mapping[Case, Verdict]) -> Cell:
    return Cell("") if row is None else interval(row.speedup, verdicts.get(row.case))


def curve_chart(bench: str, workload: str, rows: Sequence[Row]) -> Chart:
    """Return the curves of a workload as a chart."""
    name = f"{workload} ({bench})" if bench not in ("", "bench_scaling") else workload
    slug = f"chart-speedup-{bench}-{workload}"
    return Chart(
        slug, f"{name}: speedup against size in elements", WORDS, curve_spec(rows), is_wide=False
    )


def curve_spec(rows: Sequence[Row]) -> Json:
    """Return the specification of the curves of one workload."""
    curves = curves_of(rows)
    names = [curve.name for curve in curves]
    values = [_point(curve.name, row) for curve in curves for row in curve.rows]
    scales = series_scales(names)
    x, y = logarithmic("size", None), quantity("speedup", None)
    told = tooltip(("series", "strategy"), ("elements", "size"), ("text", "speedup"))
    layers: list[Json] = [reference_line(1), *_ideal(rows), *_ceiling(rows)]
    layers += _bands(values, x, scales)
    layers += [
        {
            "mark": "line",
            "encoding": {
                "x": x,
                "y": y,
                "color": scales["color"],
                "strokeDash": scales["strokeDash"],
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
            "encoding": {
                "x": x,
                "y": y,
                "color": scales["color"],
                "shape": scales["shape"],
                "tooltip": told,
            },
        },
        *_break_even(curves, x, y, scales),
    ]
    return {"data": {"values": values}, "height": 250, "layer": layers}


def _bands(values: Sequence[Json], x: Json, scales: Json) -> list[Json]:
    """The interval of each series as a band; as a line where a series has a single size."""
    bounded = [value for value in values if None not in (value["low"], value["high"])]
    if not bounded:
        return []
    count = Counter(value["series"] for value in bounded)
    encoding = {
        "x": x,
        "y": quantity("low", None),
        "y2": {"field": "high"},
        "color": scales["color"],
    }
    bands = [value for value in bounded if count[value["series"]] > 1]
    lone = [value for value in bounded if count[value["series"]] == 1]
    marks = (("area", bands), ("rule", lone))
    return [
        {"data": {"values": drawn}, "mark": mark, "encoding": encoding}
        for mark, drawn in marks
        if drawn
    ]


def _point(series: str, row: Row) -> Json:
    assert row.speedup is not None, "a curve has only rows with a speedup"
    cell = interval(row.speedup)
    return {
        "series": series,
        "size": row.case.size,
        "elements": format_size(row.case.size),
        "speedup": row.speedup.value,
        "low": finite(row.speedup.low),
        "high": finite(row.speedup.high),
        "text": f"{cell.text} ({cell.detail})",
    }


def _ideal(rows: Sequence[Row]) -> list[Json]:
    """A line at each number of workers, which nothing but a cache effect is above."""
    layers = []
    for workers in sorted({row.case.workers for row in rows if row.case.workers > 1}):
        at = {"x": {"value": 4}, "y": {"datum": workers}}
        text = label(f"ideal for {workers} workers", at, dy=-3, color=GREY)
        layers += [reference_line(workers, dash=(1, 0)), text]
    return layers


def _ceiling(rows: Sequence[Row]) -> list[Json]:
    """What the control reached beside the cases of each size: the machine gave no more then."""
    by_size: dict[int, list[float]] = {}
    for row in rows:
        if row.control is not None and row.case.workers > 1:
            by_size.setdefault(row.case.size, []).append(row.control.value)
    values = [{"size": size, "control": median(known), "elements": format_size(size),
               "text": f"the machine's ceiling {SPEEDUP.number(median(known))}"}
              for size, known in sorted(by_size.items())]  # fmt: skip
    if not values:
        return []
    encoding = {"x": logarithmic("size", None), "y": quantity("control", None)}
    told = tooltip(("elements", "size"), ("text", "control"))
    mark = {"type": "line", "color": GREY, "strokeDash": [2, 3], "strokeWidth": 1.5,
            "point": {"size": 25, "color": GREY}}  # fmt: skip
    return [{"data": {"values": values}, "mark": mark, "encoding": encoding | {"tooltip": told}}]


def _break_even(curves: Sequence[Operation], x: Json, y: Json, scales: Json) -> list[Json]:
    """A ring at the smallest size from which a strategy surely wins."""
    values = [
        _point(curve.name, row) | {"text": f"surely wins from {format_size(row.case.size)}"}
        for curve in curves
        for row in curve.rows
        if row.case.size == curve.break_even
    ]
    told = tooltip(("series", "strategy"), ("text", "break-even"))
    mark = {"type": "point", "filled": False, "size": 260, "strokeWidth": 2, "opacity": 1}
    encoding = {"x": x, "y": y, "color": scales["color"], "tooltip": told}
    return [{"data": {"values": values}, "mark": mark, "encoding": encoding}] if values else []


def _record(row: Row) -> Json:
    return {
        "benchmark": row.bench,
        **row.case.as_json(),
        **bounds_record("speedup", row.speedup),
        "control": row.control.value if row.control else None,
        **bounds_record("seconds", row.seconds),
    }
