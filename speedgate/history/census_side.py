"""A saved census as far as another one is compared with it."""

from __future__ import annotations

from speedgate.history.document import Run
from speedgate.judging.census_sides import CensusSide
from speedgate.stats.case import Case


def census_side(run: Run) -> CensusSide:
    """Return what a census, or a screen's side, says of its cells."""
    census = run.section.census
    assert census is not None
    failed = census.failed
    if census.screen is not None:  # which keeps the ids of cases
        failed = {_work_of(case): why for case, why in failed.items()}
    measured = {row.case.work for row in run.rows()}
    names, calls = census.cell_names, census.cell_calls
    known = {}
    if names and calls and len(names) == len(calls):  # a list that was cut tells of no cell
        known = {work: call for work, call in zip(names, calls, strict=True) if call}
    return CensusSide(measured, failed, names, census.function_names, known)


def _work_of(case: str) -> str:
    try:
        return Case.parse(case).work
    except ValueError:
        return case
