"""Chart parts: the palette, the configuration and the marks that all charts share, as Vega-Lite.

The colours are those of M. Okabe and K. Ito, Color Universal Design (2008), which the colour-blind
tell apart; every series has a shape or a dash of its own as well. Text and axes have no colour
here: the style sheet gives them that of the page, light or dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speedgate.judging.gate import Verdict
from speedgate.judging.gil_class import GilClass

Json = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, GREY = "#56B4E9", "#CC79A7", "#8a8f98"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, "#A6761D", GREY)
DASHES = ([1, 0], [7, 3], [2, 2], [8, 3, 2, 3], [4, 2], [1, 3], [10, 4], [5, 5])
SHAPES = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right",
    "triangle-left",
)  # fmt: skip
OF_VERDICT = {
    Verdict.FAILED: VERMILLION,
    Verdict.INCONCLUSIVE: ORANGE,
    Verdict.NOT_EVALUATED: GREY,
    Verdict.PASSED: GREEN,
}
OF_CLASS = {
    GilClass.RELEASES: GREEN,
    GilClass.PARTLY: SKY,
    GilClass.NOT_WORTH: ORANGE,
    GilClass.HOLDS: VERMILLION,
    GilClass.UNKNOWN: GREY,
    GilClass.SCALES: GREEN,
    GilClass.CONTENDS: ORANGE,
    GilClass.SERIALISED: VERMILLION,
}
CONFIG: Json = {
    "aria": False,  # the figure around it says in words what it shows
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8,
        "gridOpacity": 0.6, "domain": False, "ticks": False, "labelPadding": 6,
    },
    "axisQuantitative": {"tickCount": 6},
    "legend": {
        "orient": "top", "title": None, "labelFontSize": 12, "symbolSize": 90, "symbolOpacity": 1,
        "labelLimit": 260, "columnPadding": 16, "offset": 14, "columns": 4,
    },
    "header": {
        "title": None, "labelFontSize": 13, "labelFontWeight": "bold", "labelAnchor": "start",
    },
    "title": {"anchor": "start", "fontSize": 15, "subtitleFontSize": 12, "offset": 12},
    "line": {"strokeWidth": 2.25},
    "area": {"opacity": 0.12},
    "rule": {"strokeWidth": 1.5},
}  # fmt: skip


def series_scales(names: Sequence[str]) -> Json:
    """Return the encodings that tell some series apart: by colour, by shape and by dash."""
    domain, count = list(names), len(names)
    return {
        "color": _told("series", domain, [SERIES[n % len(SERIES)] for n in range(count)]),
        "shape": _told("series", domain, [SHAPES[n % len(SHAPES)] for n in range(count)]),
        "strokeDash": _told("series", domain, [DASHES[n % len(DASHES)] for n in range(count)]),
    }


def kinds_scale(name: str, kinds: Sequence[tuple[str, str]]) -> Json:
    """Return the encoding of kinds by their colours: pairs of a word and a colour."""
    return _told(name, [word for word, _ in kinds], [colour for _, colour in kinds])


def _told(name: str, domain: Sequence[str], scale: Sequence[Any]) -> Json:
    return {
        "field": name,
        "type": "nominal",
        "scale": {"domain": list(domain), "range": list(scale)},
        "legend": {"title": None},
    }


def quantity(name: str, title: str | None, **more: Any) -> Json:
    """Return the encoding of a number on an axis."""
    return {"field": name, "type": "quantitative", "title": title, **more}


def logarithmic(name: str, title: str | None) -> Json:
    """Return the encoding of sizes in elements, in powers of ten."""
    # 1e6 as everywhere else; between the powers of ten no label.
    power = "log(datum.value) / LN10"
    word = f"abs({power} - round({power})) < 1e-6 ? '1e' + round({power}) : ''"
    axis = {"labelExpr": word, "grid": False, "labelOverlap": True}
    return quantity(name, title, scale={"type": "log", "nice": False}, axis=axis)


def tooltip(*fields: tuple[str, str]) -> list[Json]:
    """Return what is shown beside a mark: fields of text, each with its title."""
    return [{"field": name, "title": title} for name, title in fields]


def reference_line(value: float, axis: str = "y", dash: Sequence[int] = (4, 4)) -> Json:
    """Return a grey line at a value."""
    return {
        "data": {"values": [{"at": value}]},
        "mark": {"type": "rule", "color": GREY, "strokeDash": list(dash), "strokeWidth": 1.25},
        "encoding": {axis: {"field": "at", "type": "quantitative"}},
    }


def label(text: str, encoding: Json, **mark: Any) -> Json:
    """Return a word of a single mark of text; its colour is that of the page."""
    return {
        "data": {"values": [{"label": text}]},
        "mark": {"type": "text", "fontSize": 11, "align": "left", "baseline": "bottom", **mark},
        "encoding": {"text": {"field": "label", "type": "nominal"}, **encoding},
    }
