"""How the census and the map are set side by side."""

from evaluation.census_agreement import (
    CELLS,
    commands,
    compared,
    missing_sizes,
    summary,
    with_census,
)
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.stats.case import Case
from tests.helpers.made import row
from workloads import CATALOGUE
from workloads.census.cells import list_cells


def of(name, size, kind, certain=True):
    return row(Case(name, size, "threads", 2), gil_class=Classification(kind, certain, "why"))


def test_a_cell_is_compared_with_the_sizes_around_its_own():
    census = [
        of("numpy.sort[d]-contiguous", 100_000, GilClass.RELEASES),
        of("numpy.median[d]-contiguous", 100_000, GilClass.HOLDS),
        of("numpy.copy[d]-contiguous", 100_000, GilClass.RELEASES),
        of("numpy.tile[d]-contiguous", 100_000, GilClass.HOLDS),  # not in the map
    ]
    gil_map = [
        of("sort", 500, GilClass.PARTLY),
        of("sort", 10_000, GilClass.HOLDS),
        of("sort", 200_000, GilClass.RELEASES),
        of("median", 10_000, GilClass.PARTLY),
        of("median", 100_000, GilClass.PARTLY, certain=False),
        of("copy", 30_000, GilClass.RELEASES),
        of("noop", 1, GilClass.HOLDS),
    ]
    comparisons = compared(census, gil_map)
    sizes = {
        one.cell.case.workload: [row.case.size for row in one.operations] for one in comparisons
    }
    assert sizes["numpy.sort[d]-contiguous"] == [10_000, 200_000]
    assert sizes["numpy.median[d]-contiguous"] == [100_000]
    assert sizes["numpy.copy[d]-contiguous"] == [30_000]
    lines = summary(comparisons)
    assert lines[0] == "2 of 3 operations in the same class (67%)"
    assert lines[1] == "0 of 1 operations, at the same size, in the same class (0%)"
    assert lines[2] == "2 of 2 operations, certain in both, in the same class (100%)"
    assert lines[-1] == "| median-1e5: partly? | numpy.median[d]-contiguous-1e5: holds |"


def test_a_later_run_adds_the_size_of_a_cell():
    cell = of("numpy.sort[d]-contiguous", 100_000, GilClass.RELEASES)
    gil_map = [of("sort", 10_000, GilClass.HOLDS), of("sort", 1_000_000, GilClass.PARTLY)]
    (before,) = compared([cell], gil_map)
    assert not before.agrees
    assert commands(missing_sizes([before])) == [
        "pytest bench/bench_gil_map.py --workloads sort --sizes 1e5"
    ]
    (after,) = compared([cell], [*gil_map, of("sort", 100_000, GilClass.RELEASES)])
    assert after.agrees
    assert after.is_at_same_size
    assert missing_sizes([after]) == {}


def test_what_a_census_says_is_written_beside_the_source():
    page = (
        "| `sort[d]-contiguous` | a | holds | kept |\n## Does it agree with NumPy's source?\n\n"
        "| cell | source | so it | census |\n| --- | --- | --- | --- |\n"
        "| `sort[d]-contiguous` | x.c:1 | releases | old |\n"
        "| `fft.fft[d]-contiguous` | y.c:2 | holds | old |\n"
        "| `copy[d]-contiguous` | z.c:3 | partly | old |\n"
    )
    census = [
        of("numpy.sort[d]-contiguous", 100_000, GilClass.RELEASES),
        of("numpy.fft.fft[d]-contiguous", 100_000, GilClass.RELEASES, certain=False),
    ]
    text, others = with_census(page, census)
    lines = text.splitlines()
    assert lines[0].endswith("| kept |")
    assert lines[5:] == [
        "| `sort[d]-contiguous` | x.c:1 | releases | releases |",
        "| `fft.fft[d]-contiguous` | y.c:2 | holds | releases? |",
        "| `copy[d]-contiguous` | z.c:3 | partly | not reached |",
    ]
    assert others == ["fft.fft[d]-contiguous: releases?, by its source holds"]


def test_every_operation_of_the_table_is_one_and_has_its_cell():
    assert CATALOGUE.keys() >= CELLS.keys()
    names = {
        name
        for path in {f"numpy.{cell.partition('[')[0]}" for cell in CELLS.values()}
        for name, _ in list_cells(own_of(path))["cells"]
    }
    missing = [cell for cell in CELLS.values() if f"numpy.{cell}-contiguous" not in names]
    assert not missing


def own_of(path):
    """The function that lists the cells of a ufunc's method."""
    head, _, last = path.rpartition(".")
    return head if last in ("reduce", "reduceat", "at") else path
