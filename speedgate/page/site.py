"""Site: all files of the static site, made from the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speedgate.page.bundle import vega_bundle
from speedgate.page.content import Section
from speedgate.page.menu import MENU
from speedgate.page.rendering import (
    LIVE,
    STATIC,
    Setting,
    first_page,
    section_page,
    static_file,
)
from speedgate.page.sections import environment, history
from speedgate.page.sections.environments import environments_section
from speedgate.page.sections.speedup import lead_of
from speedgate.page.sections.verdicts import verdict_section
from speedgate.page.sources import Sources, cut_short_text
from speedgate.report.facts import RunFacts, facts_of
from speedgate.report.table import csv_records

NO_CHARTS = (
    "Charts need vl-convert-python, which this Python has not (pip install 'speedgate[page]'); the "
    "tables have every figure."
)
# Where the section stands that makes files of its own.
NIGHTS_PLACE = 1
# What the first screen answers beside the verdicts: from which size, and on which build or machine.
ANSWERED = ("speedup", "machines", "duel")
PLAIN, TEMPLATES = "section.html", {"history": "history.html"}

Files = dict[str, bytes]


def build_site(sources: Sources, is_served: bool = False) -> Files:
    """Return the files of the site, by their names below its folder."""
    bundle = vega_bundle()
    facts = _facts(sources)
    sections = [section_of(sources) for section_of in (*MENU.values(), environment.section_of)]
    nights, night_files = history.section_of(sources)
    sections.insert(NIGHTS_PLACE, nights)
    present = [section for section in sections if not section.is_empty]
    setting = Setting(present, sources.place, bundle is not None, is_served)
    files = {
        f"{section.slug}.html": section_page(section, setting, TEMPLATES.get(section.slug, PLAIN))
        for section in present
    }
    verdicts = _verdicts(sources, facts) if facts else Section("verdicts", "Verdicts", "")
    files["index.html"] = first_page(
        facts,
        environments_section(sources, facts.headline.verdict if facts else None),
        verdicts,
        lead_of(present[0]) if present and present[0].slug == "speedup" else None,
        [section for section in sections if section.is_empty and section.remedy],
        [*sources.notes, *([] if bundle else [NO_CHARTS])],
        setting,
        _since(sources, facts) if facts else "",
        _answers(sources, present),
    )
    for section in (verdicts, *present):
        if section.records:
            files[section.csv_names[0]] = csv_records(section.records).encode()
    return files | night_files | _assets(bundle, is_served)


def _facts(sources: Sources) -> RunFacts | None:
    """What is known of the first run, and that newer ones were cut short."""
    if sources.first is None:
        return None
    facts, entry = facts_of(sources.first.run, sources.standing), sources.first.entry
    if sources.history is None or entry is None:
        return facts
    newer = cut_short_text(sources.history, entry)
    return replace(facts, notes=(*facts.notes, newer)) if newer else facts


def _since(sources: Sources, facts: RunFacts) -> str:
    """Since when it is as the headline says, or why that is unknown."""
    assert sources.first is not None
    if facts.headline.since:
        return facts.headline.since
    if sources.first.run.duel is not None:
        return "A duel stands for itself: its builds were measured in turn."
    if not facts.judged:
        return "Unknown, since no gate judged a case."
    return "Unknown: a single file says nothing of the runs before it."


def _answers(sources: Sources, present: Sequence[Section]) -> list[Section]:
    """The sections whose answer stands on the first screen; of a duel the headline has it."""
    is_duel = sources.first is not None and sources.first.run.duel is not None
    slugs = [slug for slug in ANSWERED if not (is_duel and slug == "duel")]
    return [section for section in present if section.slug in slugs and section.answer]


def _verdicts(sources: Sources, facts: RunFacts) -> Section:
    assert sources.first is not None
    return replace(verdict_section(facts), origin=sources.first.label)


def _assets(bundle: bytes | None, is_served: bool) -> Files:
    names = (*STATIC, LIVE) if is_served else STATIC
    files = {f"assets/{name}": static_file(name) for name in names}
    return files | ({} if bundle is None else {"assets/vega.js": bundle})
