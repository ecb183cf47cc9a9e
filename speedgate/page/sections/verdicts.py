"""The verdicts: each with its interval drawn against its threshold, the gravest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speedgate.judging.gate import Verdict
from speedgate.page.chart_parts import (
    GREY,
    OF_VERDICT,
    kinds_scale,
    quantity,
    tooltip,
)
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
from speedgate.report.facts import RunFacts
from speedgate.report.records import bounds_record
from speedgate.report.verdicts import Judged, VerdictGroup
from speedgate.stats.figure import digits

Json = dict[str, Any]

QUESTION = "Did every gate pass, and how far is each case from its threshold?"
TITLES = {
    Verdict.FAILED: "Failed",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.NOT_EVALUATED: "Not evaluated",
    Verdict.PASSED: "Passed",
}
WORDS = (
    "Each case with its interval as a horizontal line, its value as a mark, and its threshold as a "
    "vertical tick; the colour and the shape of the mark say the verdict."
)
SHAPES = {
    Verdict.FAILED: "cross",
    Verdict.INCONCLUSIVE: "diamond",
    Verdict.NOT_EVALUATED: "square",
    Verdict.PASSED: "circle",
}
# Passed cases need not be read: if there are many, they are folded.
MOST_OPEN = 6


def verdict_section(facts: RunFacts) -> Section:
    """Return the verdicts of a run: a table for each group, and a chart for each measure."""
    return Section(
        "verdicts",
        "Verdicts",
        QUESTION,
        facts.headline.whether,
        grids=tuple(group_grid(group) for group in facts.groups),
        charts=tuple(verdict_charts(facts.judged)),
        records=[_record(judged) for judged in facts.judged],
        key="Lines: intervals at the confidence that decides. Grey ticks: the thresholds.",
    )


def group_grid(group: VerdictGroup) -> Grid:
    """Return the verdicts of a group as a table, with its remedies below."""
    gates = {judged.gate for judged in group.members}
    columns = (
        Column("case"),
        *((Column("gate"),) if len(gates) > 1 else ()),
        Column(_measures(group.members), is_number=True),
        Column("threshold", is_number=True),
        *((Column("why"),) if is_explained(group.verdict) else ()),
    )
    rows = tuple(GridRow(_cells(judged, len(gates) > 1), judged.name) for judged in group.members)
    return Grid(
        group.verdict.value.replace(" ", "-"),
        f"{TITLES[group.verdict]}: {len(group.members)}",
        columns,
        rows,
        legend=" ".join(f"What to do: {remedy}." for remedy in group.remedies),
        folded=group.verdict is Verdict.PASSED and len(group.members) > MOST_OPEN,
    )


def is_explained(verdict: Verdict) -> bool:
    """Whether a reader must know why: of what passed the figures say it."""
    return verdict is not Verdict.PASSED


def _measures(members: Sequence[Judged]) -> str:
    names = dict.fromkeys(judged.measure for judged in members)
    return next(iter(names)) if len(names) == 1 else "measure"


def _cells(judged: Judged, with_gate: bool) -> tuple[Cell, ...]:
    gate = (Cell(judged.gate),) if with_gate else ()
    return (
        Cell(judged.name, verdict=judged.verdict),
        *gate,
        interval(judged.estimate),
        Cell(threshold_text(judged)),
        *((Cell(judged.reason),) if is_explained(judged.verdict) else ()),
    )


def threshold_text(judged: Judged) -> str:
    """Return ``at least 1.20``, ``at most 1.20``, or that nothing of the kind was asked."""
    if judged.at_least is not None:
        return f"at least {digits(judged.at_least)}"
    return NOTHING if judged.at_most is None else f"at most {digits(judged.at_most)}"


def verdict_charts(verdicts: Sequence[Judged]) -> list[Chart]:
    """Return a chart for each thing that is measured: speedups, and levels against earlier runs."""
    drawn: dict[str, list[Judged]] = {}
    for judged in verdicts:
        if judged.estimate is not None:
            drawn.setdefault(judged.measure, []).append(judged)
    return [
        Chart(f"chart-verdicts-{number}", f"{measure}, against its threshold", WORDS, _spec(known))
        for number, (measure, known) in enumerate(drawn.items())
    ]


def _spec(verdicts: Sequence[Judged]) -> Json:
    values = [_value(judged) for judged in verdicts]
    names = [value["name"] for value in values]
    used = [
        verdict for verdict in OF_VERDICT if any(judged.verdict is verdict for judged in verdicts)
    ]
    colour = kinds_scale("verdict", [(verdict.value, OF_VERDICT[verdict]) for verdict in used])
    shape = kinds_scale("verdict", [(verdict.value, SHAPES[verdict]) for verdict in used])
    y = {"field": "name", "type": "nominal", "sort": list(dict.fromkeys(names)), "title": None,
         "axis": {"labelLimit": 260, "grid": False}}  # fmt: skip
    told = tooltip(("name", "case"), ("text", "interval"), ("asked", "threshold"),
                   ("verdict", "verdict"))  # fmt: skip
    x = quantity("value", verdicts[0].measure, scale={"zero": False, "padding": 12})
    return {
        "data": {"values": values},
        "height": {"step": 26},
        "encoding": {"y": y, "tooltip": told},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 4, "opacity": 0.55, "strokeCap": "round"},
                "encoding": {
                    "x": quantity("low", verdicts[0].measure),
                    "x2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "tick", "thickness": 2.5, "size": 20, "color": GREY},
                "encoding": {"x": quantity("threshold", verdicts[0].measure)},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {"x": x, "color": colour, "shape": shape},
            },
        ],
    }


def _value(judged: Judged) -> Json:
    assert judged.estimate is not None, "what has no estimate is not drawn"
    estimate = judged.estimate
    return {
        "name": judged.name,
        "verdict": judged.verdict.value,
        "value": estimate.value,
        "low": finite(estimate.low),
        "high": finite(estimate.high),
        "text": f"{interval(estimate).text} ({interval(estimate).detail})",
        "threshold": judged.at_most if judged.at_least is None else judged.at_least,
        "asked": threshold_text(judged),
    }


def _record(judged: Judged) -> Json:
    return {
        "case": judged.name,
        "gate": judged.gate,
        "verdict": judged.verdict.value,
        "measure": judged.measure,
        **bounds_record("value", judged.estimate),
        "at_least": judged.at_least,
        "at_most": judged.at_most,
        "reason": judged.reason,
        "remedy": judged.remedy,
    }
