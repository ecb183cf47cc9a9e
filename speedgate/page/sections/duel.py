"""A duel's findings as a forest plot: what changed from build A to the others, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.effect import Effect
from speedgate.duel.finding import Finding
from speedgate.duel.findings import DuelFindings
from speedgate.duel.margin import RATIO_MARGIN
from speedgate.page.chart_parts import (
    GREEN,
    GREY,
    ORANGE,
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
)
from speedgate.page.sections.since import since_grid
from speedgate.page.sources import Sources
from speedgate.report.duel import LEGEND, head_lines, remarks
from speedgate.report.facts import duel_words
from speedgate.report.records import bounds_record
from speedgate.report.verdicts import OF_DUEL

Json = dict[str, Any]

QUESTION = "Is one build slower than the other, side by side on one machine?"
REMEDY = "speedgate duel numpy==2.3.5 numpy==2.4.6"
WORDS = (
    "A row for each case: its ratio to build A as a mark on its interval, against 1, the same, and "
    "the margin on both sides of it; colour and shape say the verdict."
)
# What a duel says, with its colour and shape; in the order of the legend.
LOOKS = {
    DuelVerdict.WORSE: (VERMILLION, "cross"),
    DuelVerdict.FAILED: (VERMILLION, "square"),
    DuelVerdict.INCONCLUSIVE: (ORANGE, "diamond"),
    DuelVerdict.SAME: (GREY, "circle"),
    DuelVerdict.BETTER: (GREEN, "triangle-up"),
    DuelVerdict.NOT_AVAILABLE: (GREY, "square"),
}
FIGURES = (("speedup", "speedup"), ("seconds", "seconds a call"))
MOST_DRAWN = 80
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3, 5, 10)
KEY = (
    f"Lines: 95% intervals of the ratio to A. Dotted: the margin, {RATIO_MARGIN:.0%}, within which "
    "nothing counts as a difference."
)


def section_of(sources: Sources) -> Section:
    """Return the newest duel, as any side of it keeps it."""
    run = sources.duel.run if sources.duel else None
    if run is None or run.duel is None:
        return duel_section(None)
    assert sources.duel is not None
    section = duel_section(DuelFindings.from_json(run.duel))
    since = since_grid(sources)
    grids = section.grids if since is None else (*section.grids, since)
    return replace(section, grids=grids, origin=sources.duel.label)


def duel_section(duel: DuelFindings | None) -> Section:
    """Return the section of a duel."""
    section = Section("duel", "Duel of builds", QUESTION, remedy=REMEDY)
    if duel is None or not duel.findings:
        return section
    findings = duel.findings
    grid = Grid(
        "table-duel",
        "What changed from A",
        (
            Column("case"),
            Column("verdict"),
            *(Column(f"{word}, over A", is_number=True) for _, word in FIGURES),
            Column("why"),
        ),
        tuple(
            GridRow(_cells(finding, duel.name_of(finding)), finding.name) for finding in findings
        ),
        f"{LEGEND[0].upper()}{LEGEND[1:]}.",
    )
    charts = tuple(
        Chart(f"chart-duel-{key}", f"{word[0].upper()}{word[1:]}, over A", WORDS,
              forest_spec(duel, key))
        for key, word in FIGURES
        if any(key in finding.effects for finding in findings)
    )  # fmt: skip
    return replace(
        section,
        answer=f"{duel_words(duel)}.",
        grids=(grid,),
        charts=charts,
        key=KEY,
        notes=(*head_lines(duel), *remarks(duel)),
        records=[record for finding in findings for record in _records(finding)],
    )


def _cells(finding: Finding, name: str) -> tuple[Cell, ...]:
    changes = [finding.effects.get(key) for key, _ in FIGURES]
    return (
        Cell(name),
        Cell(
            finding.decision.word.value or finding.verdict.value, verdict=OF_DUEL[finding.verdict]
        ),
        *(interval(None if effect is None else effect.change) for effect in changes),
        Cell(finding.reason),
    )


def forest_spec(duel: DuelFindings, key: str) -> Json:
    """Return the specification of a forest plot of one figure, on a scale of ratios."""
    values = [
        _value(duel.name_of(finding), finding.verdict, finding.effects[key])
        for finding in duel.findings[:MOST_DRAWN]
        if key in finding.effects
    ]
    used = {value["verdict"] for value in values}
    looks = [(verdict.value, *look) for verdict, look in LOOKS.items() if verdict.value in used]
    colour = kinds_scale("verdict", [(word, colour) for word, colour, _ in looks])
    shape = kinds_scale("verdict", [(word, shape) for word, _, shape in looks])
    y = {"field": "name", "type": "nominal", "sort": [value["name"] for value in values],
         "title": None, "axis": {"grid": False, "labelLimit": 260}}  # fmt: skip
    scale = {"type": "log", "nice": False, "padding": 12}
    # Left to itself a logarithmic axis names the ratios below 1 alone.
    axis = {"values": _ticks(values), "labelExpr": "format(datum.value, '.2~f')",
            "labelOverlap": "greedy", "labelSeparation": 8, "tickCount": len(TICKS)}  # fmt: skip
    x = quantity("ratio", None, scale=scale, axis=axis)
    told = tooltip(("name", "case"), ("text", "over A"), ("verdict", "verdict"))
    margins = (1 / (1 + RATIO_MARGIN), 1 + RATIO_MARGIN)
    return {
        "data": {"values": values},
        "height": {"step": 24},
        "layer": [
            reference_line(1, "x", (1, 0)),
            *(reference_line(margin, "x", (2, 4)) for margin in margins),
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.6, "strokeCap": "round"},
                "encoding": {"y": y, "color": colour, "x": quantity("low", None, scale=scale),
                             "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {"y": y, "x": x, "color": colour, "shape": shape, "tooltip": told},
            },
        ],
    }  # fmt: skip


def _ticks(values: Sequence[Json]) -> list[float]:
    """Return the ratios that the axis names: those between the ends of the intervals."""
    bounds = [value[key] for value in values for key in ("low", "ratio", "high")]
    ends = [1 / (1 + RATIO_MARGIN), 1 + RATIO_MARGIN, *(end for end in bounds if end is not None)]
    return [tick for tick in TICKS if min(ends) <= tick <= max(ends)]


def _value(name: str, verdict: DuelVerdict, effect: Effect) -> Json:
    change, cell = effect.change, interval(effect.change)
    low = finite(change.low)
    return {
        "name": name,
        "verdict": verdict.value,
        "ratio": change.value,
        "low": low if low is not None and low > 0 else None,
        "high": finite(change.high),
        "text": f"{cell.text} ({cell.detail})",
    }


def _records(finding: Finding) -> list[Json]:
    return [
        {
            "case": finding.name,
            "build": finding.build,
            "verdict": finding.verdict.value,
            "word": finding.decision.word.value,
            "figure": effect.figure.key,
            **bounds_record("A", effect.first),
            **bounds_record("other", effect.other),
            **bounds_record("difference" if effect.figure.is_share else "ratio", effect.change),
            "reason": finding.reason,
        }
        for effect in finding.effects.values()
    ]
