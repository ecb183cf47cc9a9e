"""What `scale` found of a project: which of its benchmarks scale, and why others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.history.format import ScaleEntry
from speedgate.measuring.scaling import ScaleOutcome
from speedgate.page.chart_parts import (
    GREEN,
    GREY,
    VERMILLION,
    kinds_scale,
    quantity,
    reference_line,
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
    number,
)
from speedgate.page.sources import Sources, origin
from speedgate.report.records import bounds_record

Json = dict[str, Any]

QUESTION = "Which of a project's benchmarks are faster in threads, and what holds the others?"
REMEDY = "speedgate scale tests/ --threads 2"
SCALES = {True: "scales", False: "does not", None: "not certain"}
COLOURS = {"scales": GREEN, "does not": VERMILLION, "not certain": GREY}
SHAPES = {"scales": "circle", "does not": "cross", "not certain": "diamond"}
WORDS = (
    "Each benchmark's speedup as a mark on its interval; colour and shape say whether it scales."
)
LEGEND = (
    "Speedup of the threads over one, with its 95% interval; shared: with one state for all "
    "threads; GIL: the share of one thread's time for which it is held."
)
MOST_DRAWN = 80


def section_of(sources: Sources) -> Section:
    shown = sources.benches.get("scale") or sources.first
    section = scale_section(shown.run.section.scale if shown else [])
    return replace(section, origin=origin([shown]) if shown and not section.is_empty else "")


def scale_section(entries: Sequence[ScaleEntry]) -> Section:
    """Return the section of a run of ``scale``."""
    section = Section("scale", "A project's benchmarks", QUESTION, remedy=REMEDY)
    if not entries:
        return section
    measured = [entry for entry in entries if _is_measured(entry)]
    others = [entry for entry in entries if not _is_measured(entry)]
    grids = [_measured_grid(measured)] if measured else []
    grids += [_other_grid(others)] if others else []
    drawn = sorted(measured, key=_value)[-MOST_DRAWN:]
    chart = Chart("chart-scale", "Speedup in threads", WORDS, scale_spec(drawn), is_filtered=True)
    return replace(
        section,
        answer=answer(entries, measured),
        grids=tuple(grids),
        charts=(chart,) if measured else (),
        records=[_record(entry) for entry in entries],
    )


def _is_measured(entry: ScaleEntry) -> bool:
    return entry.outcome == ScaleOutcome.MEASURED.value and entry.speedup is not None


def answer(entries: Sequence[ScaleEntry], measured: Sequence[ScaleEntry]) -> str:
    """Return how many benchmarks scale, in one sentence."""
    counts = {word: sum(SCALES[entry.scales] == word for entry in measured) for word in COLOURS}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    text = f"{len(measured)} of {len(entries)} benchmarks were measured"
    return f"{text}: {told}." if told else f"{text}."


def _value(entry: ScaleEntry) -> float:
    return entry.speedup.value if entry.speedup else 0.0


def _measured_grid(measured: Sequence[ScaleEntry]) -> Grid:
    columns = (
        Column("benchmark"),
        Column("scales"),
        Column("threads", is_number=True),
        Column("speedup", is_number=True),
        Column("shared", is_number=True),
        Column("GIL", is_number=True),
        Column("why not more"),
    )
    rows = tuple(
        GridRow(
            (
                Cell(entry.name),
                Cell(SCALES[entry.scales]),
                Cell(str(entry.threads)),
                interval(entry.speedup.estimate() if entry.speedup else None),
                number(entry.shared.value if entry.shared else None),
                number(entry.held.value if entry.held else None),
                Cell(entry.cause or entry.contention),
            ),
            entry.name,
        )
        for entry in measured
    )
    return Grid("table-scale", "Measured in threads", columns, rows, LEGEND, is_filtered=True)


def _other_grid(others: Sequence[ScaleEntry]) -> Grid:
    rows = tuple(
        GridRow((Cell(entry.name), Cell(entry.outcome), Cell(entry.reason)), entry.name)
        for entry in others
    )
    columns = (Column("benchmark"), Column("outcome"), Column("why"))
    caption = f"Not measured: {len(others)}"
    return Grid("table-not-measured", caption, columns, rows, folded=True, is_filtered=True)


def scale_spec(measured: Sequence[ScaleEntry]) -> Json:
    """Return the specification of the speedups, the largest above."""
    ordered = sorted(measured, key=_value, reverse=True)
    values = [_point(entry) for entry in ordered]
    used = {value["scales"] for value in values}
    colour = kinds_scale("scales", [pair for pair in COLOURS.items() if pair[0] in used])
    shape = kinds_scale("scales", [pair for pair in SHAPES.items() if pair[0] in used])
    y = {"field": "name", "type": "nominal", "sort": [value["name"] for value in values],
         "title": None, "axis": {"grid": False, "labelLimit": 300}}  # fmt: skip
    told = tooltip(("name", "benchmark"), ("text", "speedup"), ("scales", "in threads"))
    return {
        "data": {"values": values},
        "height": {"step": 20},
        "layer": [
            reference_line(1, "x"),
            {"mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.55},
             "encoding": {"y": y, "x": quantity("low", "speedup"), "x2": {"field": "high"},
                          "color": colour}},
            {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
             "encoding": {"y": y, "x": quantity("speedup", "speedup"), "color": colour,
                          "shape": shape, "tooltip": told}},
        ],
    }  # fmt: skip


def _point(entry: ScaleEntry) -> Json:
    assert entry.speedup is not None, "only what was measured is drawn"
    estimate = entry.speedup.estimate()
    cell = interval(estimate)
    return {
        "key": entry.name,
        "name": entry.name if entry.threads == 2 else f"{entry.name} x{entry.threads}",
        "scales": SCALES[entry.scales],
        "speedup": estimate.value,
        "low": finite(estimate.low),
        "high": finite(estimate.high),
        "text": f"{cell.text} ({cell.detail})",
    }


def _record(entry: ScaleEntry) -> Json:
    return {
        "benchmark": entry.name,
        "threads": entry.threads,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "scales": entry.scales,
        **bounds_record("speedup", entry.speedup.estimate() if entry.speedup else None),
        **bounds_record("shared", entry.shared.estimate() if entry.shared else None),
        **bounds_record("gil_held_share", entry.held.estimate() if entry.held else None),
        "cause": entry.cause,
    }
