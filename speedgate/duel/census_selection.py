"""Cells of the census in a duel or a bisection: by name, or by a pattern such as numpy.linalg.*."""

from __future__ import annotations

import re
from functools import cache, partial

from speedgate.measuring.census import (
    CellListing,
    CensusCell,
    census_folders,
    list_census,
    open_process,
)
from speedgate.measuring.runner_process import THIS
from speedgate.measuring.selection import OptionError, nearest
from speedgate.measuring.suite import find_workload
from speedgate.stats.case import Case, Workload, parse_size

# Every cell's name begins so; who names one need not.
PREFIX = "numpy."


def names_cells(text: str) -> bool:
    """Whether a text means cells of the census, and no workload of the catalogue or of a module.

    >>> names_cells("strings.*"), names_cells("g-1.5e6-threads-2"), names_cells("my.module:WORK")
    (True, False, False)
    """
    return ":" not in text and re.match(r"\w+\.", text) is not None


def whole_name(text: str) -> str:
    """Return ``numpy.strings.*`` for ``strings.*``."""
    return text if text.startswith(PREFIX) else PREFIX + text


def workload_of_cell(cell: CensusCell) -> Workload:
    """Return what a duel measures of a cell."""
    maker = find_workload("workloads.census.workload:workload_of", "census")
    workload: Workload = maker(cell.name, cell.size)
    return workload


def cells_named(pattern: str, option: str) -> list[Workload]:
    """Return the workloads of the cells that a pattern names: a function, a cell, or with ``*``.

    The NumPy of this interpreter says which there are; a build without one leaves it out. A cell
    that is named with its size need not be of this NumPy.
    """
    whole = whole_name(pattern)
    exact = cell_with_size(whole)
    if exact is not None:
        return [workload_of_cell(exact)]
    listing = known_listing()
    cells = [cell for cell in listing.cells if matches(whole, cell)]
    if not cells:
        near = nearest(whole, {cell.path for cell in listing.cells})
        told = f"did you mean '{near}'? " if near is not None else ""
        version = listing.environment.get("numpy", {}).get("version", "of an unknown version")
        raise OptionError(
            f"{option}: '{pattern}' names no cell of NumPy {version}, which runs Speedgate; {told}"
            "'speedgate census --list' has all, such as numpy.linalg.svd[d]-contiguous, and "
            "numpy.linalg.* stands for several. What another NumPy alone has, name with its size: "
            "numpy.linalg.svd[d]-contiguous-1e4, as 'speedgate census --list --python BUILD' does"
        )
    return [workload_of_cell(cell) for cell in cells]


def cell_with_size(text: str) -> CensusCell | None:
    """Return the cell that is named in full, ``None`` for a pattern, a function or a bare name.

    >>> cell_with_size("numpy.linalg.svd[d]-strided-1e4")
    CensusCell(name='numpy.linalg.svd[d]-strided', size=10000, call='')
    """
    name, _, size = text.rpartition("-")
    if "*" in text or "]-" not in name:
        return None
    try:
        return CensusCell(name, parse_size(size))
    except ValueError:
        return None


def matches(pattern: str, cell: CensusCell) -> bool:
    """Whether a pattern is a cell's name or function; ``*`` stands for any text.

    >>> matches("numpy.linalg.*", CensusCell("numpy.linalg.svd[d]-strided", 100))
    True
    """
    expression = ".*".join(map(re.escape, pattern.split("*")))
    return any(re.fullmatch(expression, name) for name in (cell.name, cell.path))


@cache
def known_listing() -> CellListing:
    """Return the cells of the NumPy of this interpreter, asked of a runner: one may end it."""
    folders = census_folders("census")
    return list_census(partial(open_process, folders, THIS), folders)


def case_of_cell(text: str, option: str) -> tuple[Workload, Case]:
    """Return the workload and the case that ``numpy.sin[d->d]-strided-1e5-threads-2`` names."""
    try:
        case = Case.parse(whole_name(text))
        return workload_of_cell(CensusCell(case.workload, case.size)), case
    except ValueError as error:
        raise OptionError(f"{option}: {error}") from None
