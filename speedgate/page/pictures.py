"""Pictures: the charts of a section as one PNG or SVG, with the environment in the caption; drawn
without a browser."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speedgate.page.bundle import require_vega
from speedgate.page.chart_parts import CONFIG, SCHEMA
from speedgate.page.content import Chart, Section, shown
from speedgate.page.folder import SiteError
from speedgate.page.menu import MENU
from speedgate.page.sections import history, verdicts
from speedgate.page.sources import Sources
from speedgate.report.facts import facts_of
from speedgate.report.summary import environment_line

Json = dict[str, Any]

WIDE, NARROW, COLUMNS = 640, 300, 3
# Pixels of a PNG for each of its units: sharp on every screen.
PIXELS = 2.0
CAPTION_COLUMNS = 105
FORMATS = (".png", ".svg")
# A picture is looked at where no style sheet is: it has a ground and a font that is everywhere.
PICTURE_CONFIG = CONFIG | {"background": "white", "font": "sans-serif", "padding": 16}
# What a picture of verdicts lacks, which a page has always room for.
UNJUDGED = "no gate judged a case of this run; name another run, or measure with a gate"
KINDS = ("verdicts", "speedup", "history", *list(MENU)[1:])


def picture_section(kind: str, sources: Sources, case: str | None = None) -> Section:
    """Return the section of which a picture is made; of the history the chart of a ``case``."""
    if case is not None and kind != "history":
        raise SiteError(f"--case {case}: a picture of one case is that of 'plot history'")
    if sources.first is None:
        raise SiteError(f"no run in {sources.place}; 'pytest bench/' makes one")
    if kind == "verdicts":
        return verdicts.verdict_section(facts_of(sources.first.run, sources.standing))
    if kind == "history":
        return history.case_section(sources, case)
    return MENU[kind](sources)


def picture(section: Section, sources: Sources, words: Sequence[str] = ()) -> Json:
    """Return the specification of a picture of all charts of a section; ``words`` keep those rows
    that have one of them in their names."""
    if not section.charts:
        remedy = f"'{section.remedy}' measures it" if section.remedy else UNJUDGED
        raise SiteError(f"nothing to plot for '{section.slug}': {remedy}")
    if words and not any(chart.is_filtered for chart in section.charts):
        raise SiteError(f"--op: 'plot {section.slug}' draws all that there is; leave --op out")
    charts = [_only(chart, words) for chart in section.charts]
    environment = sources.first.run.environment if sources.first else {}
    caption = [
        text for text in (environment_line(environment), section.origin, section.key) if text
    ]
    lines = [line for text in caption for line in textwrap.wrap(text, CAPTION_COLUMNS)]
    title = {"text": textwrap.wrap(section.answer or section.title, 80), "subtitle": lines}
    spec: Json = {"$schema": SCHEMA, "config": PICTURE_CONFIG, "title": title, **_body(charts)}
    filled: Json = shown(spec)
    return filled


def _body(charts: Sequence[Chart]) -> Json:
    if len(charts) == 1:
        return charts[0].spec | {"width": WIDE}
    parts = [chart.spec | {"width": NARROW, "title": chart.caption} for chart in charts]
    return {
        "concat": parts,
        "columns": COLUMNS,
        "spacing": 28,
        "resolve": {"scale": {"color": "independent", "shape": "independent",
                              "strokeDash": "independent"}},
    }  # fmt: skip


def _only(chart: Chart, words: Sequence[str]) -> Chart:
    values = chart.spec.get("data", {}).get("values", [])
    if not (words and chart.is_filtered):
        return chart
    kept = [value for value in values if any(word in value["key"].lower() for word in words)]
    if not kept:
        raise SiteError(f"--op {','.join(words)}: nothing in '{chart.caption}' has such a name")
    return Chart(chart.slug, chart.caption, chart.words, chart.spec | {"data": {"values": kept}})


def refuse_other_formats(path: Path) -> None:
    """Raise ``SiteError`` for a file that is neither a PNG nor an SVG."""
    if path.suffix.lower() not in FORMATS:
        raise SiteError(f"--output {path}: name a file that ends with .png or .svg")


def drawn(spec: Json, path: Path) -> bytes:
    """Return a picture in the format that the file's name asks for."""
    require_vega("a picture")
    import vl_convert  # noqa: PLC0415  # an extra, and slow to load

    if path.suffix.lower() == ".svg":
        return str(vl_convert.vegalite_to_svg(spec)).encode()
    return bytes(vl_convert.vegalite_to_png(spec, scale=PIXELS))
