"""Machines and builds side by side: each benchmark's speedup in every environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.history.format import Json as Description
from speedgate.history.identity import difference_lines
from speedgate.judging.comparison import Line, Source, compare, counts, letter
from speedgate.page.chart_parts import quantity, reference_line, series_scales, tooltip
from speedgate.page.content import (
    NOTHING,
    Cell,
    Chart,
    Column,
    Grid,
    GridRow,
    Section,
    finite,
    interval,
)
from speedgate.page.sources import Sources
from speedgate.report.comparison import LEGEND, ONE_RUN, head_lines
from speedgate.report.records import bounds_record

Json = dict[str, Any]

QUESTION = "Which machine or build runs threads better, and where is that certain?"
REMEDY = "speedgate page A B"
WORDS = (
    "A row for each benchmark: in every environment its speedup as a mark on its interval; colour "
    "and shape say the environment."
)
# Rows of the chart; the table has all.
MOST_DRAWN = 30
# Differences that say in a sentence which side is meant; the notes have all.
MOST_NAMED = 2


def section_of(sources: Sources) -> Section:
    """Return the environments side by side, where there are several."""
    sides = [side for side, _ in sources.sides]
    section = machines_section(sides, [text for _, text in sources.sides])
    if sources.more_sides and not section.is_empty:
        more = f"{sources.more_sides} more environments are not shown: name those to compare."
        return replace(section, notes=(*section.notes, more))
    return section


def machines_section(sides: Sequence[Source], descriptions: Sequence[Description]) -> Section:
    """Return the comparison of some sides, the first of which the others are held against."""
    section = Section("machines", "Side by side", QUESTION, remedy=REMEDY)
    lines = compare(sides) if len(sides) > 1 else []
    lines = [line for line in lines if any(speedup is not None for speedup in line.speedups)]
    if not lines:
        return section
    differences = [difference_lines(descriptions[0], other) for other in descriptions[1:]]
    alone = (f"{ONE_RUN[0].upper()}{ONE_RUN[1:]}.",) if any(s.runs == 1 for s in sides) else ()
    drawn = lines[:MOST_DRAWN]
    more = f"Chart: the first {MOST_DRAWN} of {len(lines)} benchmarks. The table has all."
    return replace(
        section,
        answer=answer(sides, differences, lines),
        grids=(machines_grid(sides, lines),),
        charts=(Chart("chart-machines", "Speedup in each environment", WORDS,
                      machines_spec(sides, drawn), is_filtered=True),),
        notes=(*head_lines(sides, differences), *alone,
               *((more,) if len(lines) > MOST_DRAWN else ())),
        records=[_record(side, number, line) for line in lines for number, side in
                 enumerate(sides)],
    )  # fmt: skip


def answer(
    sides: Sequence[Source], differences: Sequence[Sequence[str]], lines: Sequence[Line]
) -> str:
    """Return which side runs threads better, in one sentence that says who the sides are."""
    if len(sides) > 2:
        return f"{len(sides) - 1} others against A ({sides[0].label}), {counts(lines)}."
    named = [difference.strip() for difference in differences[0]]
    other = "; ".join(named) if 0 < len(named) <= MOST_NAMED else sides[1].label
    return f"B ({other}) against A, {counts(lines)}."


def machines_grid(sides: Sequence[Source], lines: Sequence[Line]) -> Grid:
    """Return the speedup of every side, and what is certain of it against the first."""
    names = [letter(number) for number in range(len(sides))]
    columns = (
        Column("benchmark"),
        *(Column(f"speedup {name}", is_number=True) for name in names),
        *(Column(f"{name}/A", is_number=True) for name in names[1:]),
    )
    rows = tuple(
        GridRow(
            (
                Cell(line.name),
                *(interval(speedup) for speedup in line.speedups),
                *(
                    Cell(NOTHING)
                    if ratio.estimate is None
                    else Cell(interval(ratio.estimate).text, ratio.word)
                    for ratio in line.speedup_ratios
                ),
            ),
            line.name,
        )
        for line in lines
    )
    legend = f"{LEGEND[0].upper()}{LEGEND[1:]}."
    return Grid("table-machines", "Speedup side by side", columns, rows, legend, is_filtered=True)


def machines_spec(sides: Sequence[Source], lines: Sequence[Line]) -> Json:
    """Return the specification of the speedups, a row for each benchmark."""
    names = [letter(number) for number in range(len(sides))]
    values = []
    for line in lines:
        for name, speedup in zip(names, line.speedups, strict=True):
            if speedup is not None:
                cell = interval(speedup)
                values.append(
                    {"key": line.name, "name": line.name, "series": name,
                     "speedup": speedup.value, "low": finite(speedup.low),
                     "high": finite(speedup.high), "text": f"{cell.text} ({cell.detail})"}
                )  # fmt: skip
    scales = series_scales(names)
    y = {"field": "name", "type": "nominal", "sort": [line.name for line in lines], "title": None,
         "axis": {"grid": True, "labelLimit": 300}}  # fmt: skip
    offset = {"field": "series", "type": "nominal", "sort": names}
    told = tooltip(("name", "benchmark"), ("series", "environment"), ("text", "speedup"))
    return {
        "data": {"values": values},
        "height": {"step": 12},
        "layer": [
            reference_line(1, "x"),
            {"mark": {"type": "rule", "strokeWidth": 2.5, "opacity": 0.55},
             "encoding": {"y": y, "yOffset": offset, "x": quantity("low", "speedup"),
                          "x2": {"field": "high"}, "color": scales["color"]}},
            {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
             "encoding": {"y": y, "yOffset": offset, "x": quantity("speedup", "speedup"),
                          "color": scales["color"], "shape": scales["shape"], "tooltip": told}},
        ],
    }  # fmt: skip


def _record(side: Source, number: int, line: Line) -> Json:
    ratio = line.speedup_ratios[number - 1] if number else None
    return {
        "benchmark": line.name,
        "side": letter(number),
        "environment": side.label,
        "runs": side.runs,
        **bounds_record("speedup", line.speedups[number]),
        **bounds_record("seconds", line.seconds[number]),
        **bounds_record("speedup_ratio", ratio.estimate if ratio else None),
        "verdict": ratio.word if ratio else None,
        "word": line.words[number - 1].value if number else None,
    }
