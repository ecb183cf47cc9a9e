"""How often the census and the hand-written map say the same of an operation that both have.

    python -m evaluation.census_agreement CENSUS MAP...   saved runs of one NumPy
    python -m evaluation.census_agreement CENSUS MAP... --missing
                                                          commands that measure the operations of
                                                          the map at the sizes of the census
    python -m evaluation.census_agreement CENSUS          30 cells drawn at random, to be held
                                                          against NumPy's source
    python -m evaluation.census_agreement CENSUS --sources
                                                          what the census says of those cells, into
                                                          the table of docs/census.md

A class depends on the size. A cell is held against the map at its own size, wherever one of the
runs has it. Elsewhere it agrees if its class is that of the nearest size below, or above.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from speedgate.history.document import read_run
from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.report.table import Table, markdown
from speedgate.stats.case import format_size
from speedgate.stats.figure import GIL_HELD_SHARE

# The operations of the map that call what a cell calls: the same function on the same dtype, layout
# and number of dimensions, with arguments that lead through the same code. Most of the map write
# into an array that is there, where the census makes a new one.
CELLS = {
    "add_new": "add[dd->d]", "add": "add[dd->d]", "add_float32": "add[ff->f]",
    "add_float16": "add[ee->e]", "multiply_complex": "multiply[DD->D]", "add_int": "add[ll->l]",
    "floor_divide_int": "floor_divide[ll->l]", "and_bool": "logical_and[??->?]",
    "add_datetime": "add[Mm->M]", "add_object": "add[OO->O]", "less": "less[dd->?]",
    "divide": "divide[dd->d]", "power": "power[dd->d]", "exp": "exp[d->d]",
    "exp_float32": "exp[f->f]", "sin": "sin[d->d]", "where": "where[d]",
    "add_reduce": "add.reduce[dd->d]", "sum_object": "sum[O]", "mean": "mean[d]",
    "nansum": "nansum[d]", "std": "std[d]", "argmax": "argmax[d]",
    "count_nonzero_float": "count_nonzero[d]", "cumsum": "cumsum[d]",
    "add_reduceat": "add.reduceat[dd->d]", "median": "median[d]", "percentile": "percentile[d]",
    "sort": "sort[d]", "sort_words": "sort[U]", "argsort": "argsort[d]",
    "partition": "partition[d]", "searchsorted": "searchsorted[d]",
    "nonzero": "ndarray.nonzero[?]", "unique": "unique[l]", "isin": "isin[l]", "take": "take[d]",
    "put": "put[d]", "choose": "choose[d]",
    "copy": "copy[d]", "concatenate": "concatenate[d]", "stack_rows": "stack[d]",
    "repeat": "repeat[d]", "tile": "tile[d]", "matmul": "matmul[dd->d]",
    "matmul_complex": "matmul[DD->D]", "matmul_int": "matmul[ll->l]", "dot": "dot[d]",
    "inv": "linalg.inv[d]",
    "det": "linalg.det[d]", "cholesky": "linalg.cholesky[d]", "svd": "linalg.svd[d]",
    "eigh": "linalg.eigh[d]", "eig": "linalg.eig[d]", "qr": "linalg.qr[d]",
    "rfft": "fft.rfft[d]",
    "normal_own": "random.Generator.standard_normal[d]",
    "normal_legacy": "random.RandomState.standard_normal[d]",
    "uniform_own": "random.Generator.random[d]", "integers": "random.Generator.integers[d]",

    "histogram": "histogram[d]",
    "bincount": "bincount[l]", "digitize": "digitize[d]", "add_at": "add.at[dd->d]",
    "apply_along_axis": "apply_along_axis[d]", "polyval": "polyval[d]", "interp": "interp[d]",
    "convolve": "convolve[d]", "tolist": "ndarray.tolist[d]", "array2string": "array2string[d]",
}  # fmt: skip
LAYOUT = "contiguous"
DRAWN, SEED = 30, 23
PAGE = Path("docs/census.md")
# The table that was written by hand: cell, source, what follows, what the census says.
SOURCES, SOURCE_COLUMNS = "## Does it agree with NumPy's source?", 4


class Comparison(NamedTuple):
    """A cell beside an operation of the map, at the sizes around its own; all have a class."""

    operations: tuple[Row, ...]
    cell: Row

    @property
    def agrees(self) -> bool:
        return kind_of(self.cell) in map(kind_of, self.operations)

    @property
    def is_at_same_size(self) -> bool:
        return [row.case.size for row in self.operations] == [self.cell.case.size]

    @property
    def is_certain(self) -> bool:
        rows = (*self.operations, self.cell)
        return all(row.gil_class is not None and row.gil_class.certain for row in rows)


def kind_of(row: Row) -> GilClass | None:
    return None if row.gil_class is None else row.gil_class.kind


def compared(census: Iterable[Row], gil_map: Iterable[Row]) -> list[Comparison]:
    """Return the operations of which both have a class, in the order of the table above; of two
    rows of one case the later one counts."""
    cells = {row.case.workload: row for row in census if row.gil_class is not None}
    by_name: dict[str, list[Row]] = {}
    for row in gil_map:
        if row.gil_class is not None and row.case.strategy == "threads":
            by_name.setdefault(row.case.workload, []).append(row)
    comparisons = []
    for operation, name in CELLS.items():
        cell = cells.get(f"numpy.{name}-{LAYOUT}")
        if cell is not None and operation in by_name:
            comparisons.append(Comparison(around(by_name[operation], cell.case.size), cell))
    return comparisons


def around(rows: Iterable[Row], size: int) -> tuple[Row, ...]:
    """Return the row of this size, or else the nearest below and the nearest above."""
    by_size = {row.case.size: row for row in rows}
    if size in by_size:
        return (by_size[size],)
    below, above = ([n for n in sorted(by_size) if (n < size) is side] for side in (True, False))
    return tuple(by_size[near] for near in (*below[-1:], *above[:1]))


def missing_sizes(comparisons: Iterable[Comparison]) -> dict[int, list[str]]:
    """Return the operations that no row has at the size of their cell, by that size."""
    missing: dict[int, list[str]] = {}
    for one in comparisons:
        size = one.cell.case.size
        if all(row.case.size != size for row in one.operations):
            missing.setdefault(size, []).append(one.operations[0].case.workload)
    return missing


def commands(missing: Mapping[int, list[str]]) -> list[str]:
    """Return the commands that measure those as the map is measured."""
    return [
        f"pytest bench/bench_gil_map.py --workloads {','.join(names)} --sizes {format_size(size)}"
        for size, names in sorted(missing.items())
    ]


def drawn(census: Iterable[Row]) -> list[Row]:
    """Return cells drawn by lot, the same ones for the same cells."""
    rows = sorted(census, key=lambda row: row.case.workload)
    return random.Random(SEED).sample(rows, min(DRAWN, len(rows)))


def summary(comparisons: list[Comparison]) -> list[str]:
    """Return the counts, and what differs, in Markdown."""
    lines = []
    for words, group in (
        ("", comparisons),
        (", at the same size,", [one for one in comparisons if one.is_at_same_size]),
        (", certain in both,", [one for one in comparisons if one.is_certain]),
    ):
        agree = sum(one.agrees for one in group)
        share = f" ({agree / len(group):.0%})" if group else ""
        lines.append(f"{agree} of {len(group)} operations{words} in the same class{share}")
    differing = [one for one in comparisons if not one.agrees]
    rows = tuple(
        (
            "; ".join(f"{row.case.work}: {said(row)}" for row in one.operations),
            f"{one.cell.case.work}: {said(one.cell)}",
        )
        for one in differing
    )
    table = markdown(Table(("map", "census"), rows))
    return [*lines, "", *table.splitlines()] if rows else lines


def with_census(page: str, census: Iterable[Row]) -> tuple[str, list[str]]:
    """Return the page with what a census says of each cell in the table of the sources, and the
    cells of which it says something else than the source."""
    known = {row.case.workload.removeprefix("numpy."): row for row in census}
    before, heading, table = page.partition(SOURCES)
    lines, others = [], []
    for line in table.split("\n"):
        columns = line.split(" | ")
        if line.startswith("| `") and len(columns) == SOURCE_COLUMNS:
            name, right = columns[0].strip("|` "), columns[2]
            row = known.get(name)
            columns[-1] = f"{'not reached' if row is None else said(row)} |"
            if row is not None and right != (row.gil_class and row.gil_class.kind.value):
                others.append(f"{name}: {said(row)}, by its source {right}")
            lines.append(" | ".join(columns))
        else:
            lines.append(line)
    return before + heading + "\n".join(lines), others


def said(row: Row) -> str:
    """``holds, GIL held 0.98``; with a question mark where the class is not certain."""
    if row.gil_class is None:
        return "unknown"
    doubt = "" if row.gil_class.certain else "?"
    held = row.gil_held_share
    share = "" if held is None else f", GIL held {GIL_HELD_SHARE.text(held.value)}"
    return f"{row.gil_class.kind.value}{doubt}{share}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.census_agreement", description=__doc__
    )
    parser.add_argument("census", type=Path)
    parser.add_argument("map", type=Path, nargs="*", help="a later one adds sizes to the first")
    parser.add_argument("--sources", action="store_true", help=f"write the table of {PAGE}")
    parser.add_argument("--missing", action="store_true", help="say how to measure other sizes")
    options = parser.parse_args()
    census = read_run(options.census).rows()
    if options.sources:
        page, others = with_census(PAGE.read_text(encoding="utf-8"), census)
        PAGE.write_text(page, encoding="utf-8")
        print("\n".join([f"wrote the table of {PAGE}; otherwise than by its source:", *others]))
        return
    if not options.map:
        print("\n".join(f"{row.case.workload}: {said(row)}" for row in drawn(census)))
        return
    comparisons = compared(census, [row for path in options.map for row in read_run(path).rows()])
    if options.missing:
        print("\n".join(commands(missing_sizes(comparisons))))
    else:
        print("\n".join(summary(comparisons)))


if __name__ == "__main__":
    main()
