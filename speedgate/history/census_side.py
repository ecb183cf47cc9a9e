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
    return CensusSide(measured, failed, census.cell_names, census.function_names)


def _work_of(case: str) -> str:
    try:
        return Case.parse(case).work
    except ValueError:
        return case
