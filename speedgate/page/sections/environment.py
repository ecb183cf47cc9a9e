"""The environment: what was measured on, what is special about it, and what differs elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from speedgate.history.format import Json
from speedgate.history.identity import difference_lines
from speedgate.judging.comparison import letter
from speedgate.page.content import Cell, Column, Grid, GridRow, Section
from speedgate.page.sources import Sources
from speedgate.report.summary import environment_line
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES, blas_libraries

QUESTION = "What was measured on, and what about it would surprise a reader?"
USUAL_SWITCH_INTERVAL = 0.005


def section_of(sources: Sources) -> Section:
    first = sources.first
    if first is None:
        return Section("environment", "Environment", QUESTION)
    others = [(side.label, text) for side, text in sources.sides[1:]]
    return replace(environment_section(first.run.environment, others), origin=first.label)


def environment_section(environment: Json, others: list[tuple[str, Json]]) -> Section:
    """Return the environment, beside those that it is compared with."""
    fields = list(flat(environment))
    grids = [
        Grid("table-environment", "The environment", (Column("field"), Column("value")),
             tuple(GridRow((Cell(name), Cell(value)), name) for name, value in fields))
    ]  # fmt: skip
    special = specialities(environment)
    if special:
        grids.insert(0, _lines_grid("table-special", "What is special about it", special))
    for number, (label, other) in enumerate(others, 1):
        lines = [line.strip() for line in difference_lines(environment, other)]
        caption = f"What differs in {letter(number)}: {label}"
        grids.append(_lines_grid(f"table-differs-{number}", caption, lines or ["nothing"]))
    return Section(
        "environment",
        "Environment",
        QUESTION,
        answer=f"{environment_line(environment)}.",
        grids=tuple(grids),
        records=[{"field": name, "value": value} for name, value in fields],
    )


def _lines_grid(slug: str, caption: str, lines: list[str]) -> Grid:
    rows = []
    for line in lines:
        name, _, value = line.partition(": ")
        rows.append(GridRow((Cell(name), Cell(value))))
    return Grid(slug, caption, (Column("field"), Column("value")), tuple(rows))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of a description as pairs of texts, ``numpy.version`` and ``2.4.6``."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from flat(item, f"{name} {number + 1}" if len(value) > 1 else name)
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield name, "not known" if value is None else str(value)


def specialities(environment: Json) -> list[str]:
    """Return what a reader of speedups must know of an environment, a line each."""
    usable, cores = environment.get("usable_cores"), environment.get("cores")
    interval = environment.get("switch_interval_seconds")
    variables = environment.get("variables") or {}
    others = {name: value for name, value in variables.items() if name not in BLAS_THREAD_VARIABLES}
    libraries = blas_libraries(environment.get("blas"))
    lines = []
    if usable == 1:
        lines.append("cores: one is usable, so that no threads can run side by side")
    elif usable and cores and usable < cores:
        lines.append(f"cores: {usable} of {cores} are usable here")
    if environment.get("gil_enabled") is False:
        lines.append("GIL: off, so that it is never what holds threads back")
    elif environment.get("free_threaded_build"):
        lines.append("GIL: on, though this build of Python can do without")
    if interval is not None and interval != USUAL_SWITCH_INTERVAL:
        lines.append(f"switch interval: {interval} s, and not {USUAL_SWITCH_INTERVAL} s")
    if (environment.get("settings") or {}).get("in_process"):
        lines.append("in process: measured inside pytest, which nothing is compared with")
    if environment.get("blas") is not None and not libraries:
        lines.append("BLAS: none is loaded")
    if len(libraries) > 1:
        lines.append(f"BLAS: {len(libraries)} libraries are loaded")
    return [*lines, *(f"{name}: {value}" for name, value in others.items())]
