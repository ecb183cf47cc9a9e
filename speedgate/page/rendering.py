"""Rendering: sections become pages of HTML. Every text is escaped, and shown as the terminal would:
what turns the direction of writing is made visible, and no credentials are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import speedgate
from speedgate.judging.gate import Verdict
from speedgate.page.chart_parts import CONFIG
from speedgate.page.content import Section, shown
from speedgate.page.folder import SiteError
from speedgate.report.facts import RunFacts
from speedgate.report.table import MARKS
from speedgate.report.text import one_line

MISSING = "pages need jinja2; install it with pip install 'speedgate[page]'"
STATIC = ("style.css", "page.js", "icon.svg")
LIVE = "live.js"


@dataclass(frozen=True)
class Setting:
    """What all pages of a site have in common: the menu, where the runs are, and whether charts are
    drawn and a server rebuilds it."""

    menu: Sequence[Section]
    place: str
    with_charts: bool
    is_served: bool = False


@cache
def _templates() -> Any:
    try:
        import jinja2  # noqa: PLC0415  # an extra
    except ImportError:
        raise SiteError(MISSING) from None
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("speedgate.page"),
        autoescape=True,
        finalize=lambda value: one_line(value) if type(value) is str else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(marks=MARKS, chart_config=CONFIG)
    templates.filters["shown"] = shown
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return templates


def _render(name: str, setting: Setting, slug: str, **values: Any) -> bytes:
    text = (
        _templates()
        .get_template(name)
        .render(
            menu=setting.menu,
            place=setting.place,
            with_charts=setting.with_charts,
            is_served=setting.is_served,
            version=speedgate.__version__,
            slug=slug,
            **values,
        )
    )
    return str(text).encode()


def section_page(section: Section, setting: Setting, template: str) -> bytes:
    """Return the page of a section."""
    return _render(template, setting, section.slug, section=section)


def first_page(
    facts: RunFacts | None,
    environments: Section,
    verdicts: Section,
    lead: Section | None,
    absent: Sequence[Section],
    notes: Sequence[str],
    setting: Setting,
    since: str = "",
    answers: Sequence[Section] = (),
) -> bytes:
    """Return the first page: the headline, ``since`` when it is so and the ``answers`` of some
    sections; the verdict of every environment; the verdicts of the run, the ``lead`` section in
    full, what else there is, and what was not measured."""
    verdict = facts.headline.verdict if facts else None
    return _render(
        "index.html",
        setting,
        "index",
        facts=facts,
        environments=environments,
        verdicts=verdicts,
        lead=lead,
        absent=absent,
        notes=notes,
        since=since,
        answers=answers,
        mark=MARKS[verdict or Verdict.NOT_EVALUATED],
        verdict_class=(verdict or Verdict.NOT_EVALUATED).value.replace(" ", "-"),
    )


def static_file(name: str) -> bytes:
    """Return a file that is the same in every site."""
    return resources.files("speedgate.page").joinpath("static", name).read_bytes()
