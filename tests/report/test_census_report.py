"""The census as text, on made-up rows."""

from datetime import UTC, datetime

import msgspec

from speedgate.history.document import Run
from speedgate.history.format import CensusEntry, RunDocument, SectionEntry
from speedgate.judging.census_change import compare_censuses
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.row import Row, Side
from speedgate.measuring.census import CellListing, CensusCell
from speedgate.report.census import (
    SHOWN_CHANGES,
    cell_records,
    census_lines,
    difference_record,
    difference_text,
    listing_lines,
    part_of,
)
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate


def row(name, kind=GilClass.RELEASES, certain=True):
    return Row(
        case=Case(name, 100_000, "threads", 2),
        speedup=None,
        rounds=None,
        gil_class=Classification(kind, certain, ""),
        gil_held_share=Estimate(0.25, 0.2, 0.3, 0.95, 9),
        seconds=Estimate(0.001, 0.0009, 0.0011, 0.95, 9),
        concurrency=(1.5, 1.75),
        page_faults=(1.0, 12.0),
        tasks=2,
        loops=3,
        sides={"contender": Side(0.1, 0.1, 4.0, 2.0)},
    )


class MadeRun(Run):
    """A run whose rows are given."""

    def rows(self):
        return [
            row("numpy.linalg.svd[d]-contiguous"),
            row("numpy.add[dd->d]-contiguous", GilClass.HOLDS, False),
            row("numpy.add.reduce[dd->d]-contiguous", GilClass.HOLDS),
        ]


def made_run(complete=True, **more):
    census = CensusEntry(functions=10, covered=8, cells=3, seconds=75.0, **more)
    section = SectionEntry(
        2, {"python": "3.99", "numpy": {"version": "9.9"}}, [], complete, census=census
    )
    document = RunDocument([], msgspec.Raw(b"{}"), datetime=datetime.now(UTC).isoformat())
    return MadeRun("made", document, section)


def test_the_summary_counts_each_class_by_part_of_numpy():
    lines = census_lines(made_run(), 80)
    assert "NumPy 9.9" in lines[0]
    assert "3 cells measured in" in lines[0]
    assert lines[1] == "10 public functions: 8 have 3 cells, 2 have none"
    assert lines[3].split() == ["cells", "releases", "holds"]
    assert [line.split() for line in lines[4:7]] == [
        ["linalg", "1", "1", "-"],
        ["numpy", "2", "-", "1", "1?"],
        ["all", "3", "1", "1", "1?"],
    ]
    assert len(lines) <= 24


def test_the_summary_says_what_failed_and_what_was_not_reached():
    failed = {f"numpy.f{number}[d]-contiguous": "ValueError: " + "x" * 200 for number in range(5)}
    lines = census_lines(made_run(False, failed=failed), 80)
    text = " ".join(" ".join(lines).split())
    assert "not all were reached" in text
    assert "failed (5): numpy.f0[d]-contiguous" in text
    assert "and 2 more" in text
    assert len(lines) <= 24


def test_a_record_has_figures_of_a_call():
    (record, *_) = cell_records(made_run().rows())
    assert record == {
        "cell": "numpy.linalg.svd[d]-contiguous-1e5",
        "class": "releases",
        "certain": True,
        "GIL_held": 0.25,
        "workers_at_once": 1.5,
        "seconds": 0.001,
        "CPU_per_wall": None,
        "switches_a_call": 1.0,
        "page_faults_a_call": 2.0,
    }


def test_the_list_has_a_line_for_each_cell_and_every_reason():
    cells = [CensusCell("numpy.add[dd->d]-contiguous", 100_000), CensusCell("numpy.f[d]-c", 64)]
    listing = CellListing(
        functions=["numpy.add", "numpy.f", "numpy.load"],
        cells=cells,
        reasons={"numpy.load": "it reads or writes files"},
        lost={"numpy.f[T]": "the interpreter ended by signal SIGSEGV"},
    )
    assert listing_lines(listing) == [
        "numpy.add[dd->d]-contiguous-1e5",
        "numpy.f[d]-c-64",
        "not called: numpy.load: it reads or writes files",
        "ends the interpreter: numpy.f[T]: the interpreter ended by signal SIGSEGV",
        "3 public functions: 2 have 2 cells, 1 have none",
    ]
    assert listing_lines(listing, cells[1:]) == ["numpy.f[d]-c-64"]


def test_changes_are_cut_to_a_screen_and_certain_ones_lead():
    names = [f"numpy.f{number}[d]-c" for number in range(20)]
    before = [row(name) for name in names]
    now = [row(name, GilClass.HOLDS, number == 19) for number, name in enumerate(names)]
    difference = compare_censuses(before, now)
    lines = difference_text(difference, 80, False)
    text = "\n".join(lines)
    assert "20 cells in both: 1 surely changed (1 for the worse), 19 perhaps" in text
    assert "worse numpy.f19[d]-c-1e5: threads lost; releases -> holds" in " ".join(text.split())
    assert "worse? numpy.f0[d]-c-1e5" in text
    assert lines[-1] == f"and {20 - SHOWN_CHANGES} more: --details"
    assert "more: --details" not in "\n".join(difference_text(difference, 80, True))
    assert len(difference_record(difference)["changes"]) == 20


def test_parts_of_numpy():
    assert part_of("numpy.linalg.svd[d]-c") == "linalg"
    assert part_of("numpy.ndarray.sort[d]-c") == "ndarray"
    assert part_of("numpy.add.reduce[d]-c") == "numpy"
