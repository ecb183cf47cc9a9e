"""A saved census as far as another one is compared with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from speedgate.history.document import Run
from speedgate.history.format import CensusEntry
from speedgate.judging.census_sides import CensusSide
from speedgate.measuring.selection import OptionError
from speedgate.measuring.targets import compile_expression
from speedgate.stats.case import Case

# The expression of a census of all cells.
ALL = ""


def census_side(run: Run) -> CensusSide:
    """Return what a census, or a screen's side, says of its cells."""
    census = _census_of(run)
    failed = dict(census.failed)
    if census.screen is not None:  # which keeps the ids of cases
        failed = {_work_of(case): why for case, why in failed.items()}
    failed = census.lost | failed
    measured = {row.case.work for row in run.rows()}
    names, calls = census.cell_names, census.cell_calls
    known = {}
    if names and calls and len(names) == len(calls):  # a list that was cut tells of no cell
        known = {work: call for work, call in zip(names, calls, strict=True) if call}
    return CensusSide(measured, failed, names, census.function_names, known)


def not_reached(run: Run) -> tuple[str, ...]:
    """Return the cells that a census was to measure and did not come to, as far as that is known.

    What ``-k`` did not choose is none of them. An older run does not say what chose its cells: it
    may have meant all.
    """
    if run.is_complete:
        return ()
    expressions = _census_of(run).expressions
    is_chosen = chosen_by([ALL] if expressions is None else expressions)
    return tuple(work for work in census_side(run).unmeasured if is_chosen(_name_of(work)))


def chosen_by(expressions: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells of a cell's name whether one of the expressions chooses it; every one is,
    where one of them chooses all, or is none."""
    try:
        matches = [compile_expression(text) for text in expressions if text != ALL]
    except OptionError:  # a file may have any text
        return lambda name: True
    is_every = ALL in expressions
    return lambda name: is_every or any(match(name) for match in matches)


def cell_names(run: Run) -> set[str]:
    """Return the cells that a census tells of, whether it measured them or not, without sizes."""
    census = _census_of(run)
    others = (*census.failed, *census.lost, *(census.cell_names or ()))
    return {row.case.workload for row in run.rows()} | set(map(_name_of, others))


def only_cells(runs: Sequence[Run], matches: Callable[[str], bool]) -> list[Run]:
    """Return censuses without the cells whose names do not match, and without the functions that
    so have none in any of them."""
    chosen = {name.partition("[")[0] for run in runs for name in cell_names(run) if matches(name)}
    functions = chosen | {path.rpartition(".")[0] for path in chosen}  # of a ufunc's method
    return [_only_cells(run, matches, functions) for run in runs]


def _only_cells(run: Run, matches: Callable[[str], bool], functions: set[str]) -> Run:
    census = _census_of(run)
    names, calls = census.cell_names or [], census.cell_calls or []
    places = [place for place, name in enumerate(names) if matches(_name_of(name))]
    more: dict[str, Any] = {
        "failed": _matching(census.failed, matches),
        "lost": _matching(census.lost, matches),
        # A list that was cut tells of no cell.
        "cell_calls": [calls[place] for place in places] if len(calls) == len(names) else None,
    }
    if census.cell_names is not None:
        more["cell_names"] = [names[place] for place in places]
    if census.function_names is not None:
        more["function_names"] = [path for path in census.function_names if path in functions]
    benchmarks = [
        entry
        for entry, info in run.entries()
        if info is not None and matches(info.case.case().workload)
    ]
    section = msgspec.structs.replace(run.section, census=msgspec.structs.replace(census, **more))
    document = msgspec.structs.replace(run.document, benchmarks=benchmarks)
    return replace(run, section=section, document=document)


def _matching(group: Mapping[str, str], matches: Callable[[str], bool]) -> dict[str, str]:
    return {name: why for name, why in group.items() if matches(_name_of(name))}


def _census_of(run: Run) -> CensusEntry:
    assert run.section.census is not None
    return run.section.census


def _name_of(text: str) -> str:
    """Return ``numpy.sin[d->d]-strided`` of that, of its work or of its case."""
    name = re.match(r".*\]-[a-z]+", text)
    return name[0] if name else text


def _work_of(case: str) -> str:
    try:
        return Case.parse(case).work
    except ValueError:
        return case
