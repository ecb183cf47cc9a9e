"""The census as text, on made-up rows."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from speedgate.history.document import Run
from speedgate.history.format import CensusEntry, RunDocument, SectionEntry
from speedgate.judging.census_change import compare_censuses
from speedgate.judging.census_sides import CensusSide, compared_sides
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.row import Row, Side
from speedgate.measuring.census import CellListing, CensusCell
from speedgate.report import census_difference
from speedgate.report.census import (
    cell_file,
    cell_records,
    census_lines,
    census_markdown,
    listing_lines,
    part_of,
)
from speedgate.report.census_difference import (
    SHOWN_CHANGES,
    SHOWN_FUNCTIONS,
    difference_file,
    difference_markdown,
    difference_record,
    difference_text,
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
    assert "and 2 more: --details" in text
    assert len(lines) <= 24


NOT_REACHED = [f"numpy.left{number}[d]-contiguous-1e5" for number in range(5)]


def cut_short(**more):
    """A census of which five cells failed, one was lost when listed, five were not reached."""
    return made_run(
        False,
        failed={
            f"numpy.f{number}[d]-contiguous": "ValueError: " + "x" * 200 for number in range(5)
        },
        lost={"numpy.g[T]-c": "the interpreter ended by signal SIGSEGV"},
        cell_names=[
            "numpy.linalg.svd[d]-contiguous-1e5",
            "numpy.f0[d]-contiguous-1e5",
            *NOT_REACHED,
        ],
        **more,
    )


def test_a_screen_names_few_of_what_was_not_measured_and_details_all_of_it():
    few = " ".join(" ".join(census_lines(cut_short(), 80)).split())
    assert "not measured (5): numpy.left0[d]-contiguous-1e5; " in few
    assert "numpy.left3" not in few
    everything = census_lines(cut_short(), 80, details=True)
    for name in (*(f"  numpy.f{number}[d]-contiguous:" for number in range(5)), *NOT_REACHED):
        assert any(line.strip().startswith(name.strip()) for line in everything)
    # All of a reason is told there.
    assert "x" * 200 in "".join(everything)
    assert "  numpy.g[T]-c: the interpreter ended by signal SIGSEGV" in everything


def test_a_whole_census_of_a_selection_leaves_out_what_was_not_chosen():
    text = " ".join(census_lines(made_run(cell_names=NOT_REACHED), 80, details=True))
    assert "not measured" not in text


@pytest.mark.parametrize(
    ("expressions", "left"),
    [
        (["left1 or left3"], ["1", "3"]),
        (["left1", "svd", "left4"], ["1", "4"]),
        (["svd"], []),
        (["left1", ""], ["0", "1", "2", "3", "4"]),
        # An older run does not say what chose its cells, and a file may have any text.
        (None, ["0", "1", "2", "3", "4"]),
        (["left1 or"], ["0", "1", "2", "3", "4"]),
    ],
)
def test_of_what_an_expression_chose_alone_it_is_told_that_it_was_not_reached(expressions, left):
    run = cut_short(expressions=expressions)
    names = [f"numpy.left{number}[d]-contiguous-1e5" for number in left]
    rows = cell_file(run).rows
    assert [row[0] for row in rows if row[-1] == "not measured"] == names
    assert (f"not measured ({len(left)})" in census_markdown(run)) is bool(left)
    text = " ".join(census_lines(run, 80, details=True))
    assert [name for name in NOT_REACHED if name in text] == names


def test_markdown_has_the_minutes_and_all_that_was_not_measured():
    text = census_markdown(cut_short())
    assert "3 cells measured in 1 min 15 s; not all were reached; 10 public functions" in text
    assert "| failed (5) | why |" in text
    assert "| `numpy.f4[d]-contiguous` | ValueError: " in text
    assert "| `numpy.g[T]-c` | the interpreter ended by signal SIGSEGV |" in text
    assert f"| `{NOT_REACHED[4]}` |" in text
    assert "not measured" not in census_markdown(made_run())


def test_in_markdown_no_name_of_an_environment_is_markup():
    run = made_run()
    run.environment["numpy"]["version"] = "<b>9.9"
    assert "NumPy &lt;b>9.9" in census_markdown(run)
    comparison = replace(a_release_later(), notes=("cpu: <b>one -> another",))
    assert "cpu: &lt;b>one -> another" in difference_markdown(comparison)


def test_a_csv_has_a_row_for_what_was_not_measured_with_the_reason():
    table = cell_file(cut_short())
    assert {len(row) for row in table.rows} == {len(table.columns)}
    reasons = {row[0]: row[-1] for row in table.rows}
    assert reasons["numpy.linalg.svd[d]-contiguous-1e5"] == ""
    assert reasons["numpy.f0[d]-contiguous"].startswith("failed: ValueError: x")
    assert reasons["numpy.g[T]-c"] == "lost when listed: the interpreter ended by signal SIGSEGV"
    assert reasons[NOT_REACHED[0]] == "not measured"


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
        lost={"numpy.f[T]-c": "the interpreter ended by signal SIGSEGV"},
    )
    assert listing_lines(listing) == [
        "numpy.add[dd->d]-contiguous-1e5",
        "numpy.f[d]-c-64",
        "not called: numpy.load: it reads or writes files",
        "lost when listed: numpy.f[T]-c: the interpreter ended by signal SIGSEGV",
        "3 public functions: 2 have 2 cells, 1 have none",
    ]
    assert listing_lines(listing, cells[1:]) == ["numpy.f[d]-c-64"]


def side(rows, cells=None, failed=None, functions=None):
    return CensusSide({row.case.work for row in rows}, failed or {}, cells, functions)


def compared(before, now, notes=()):
    """Two censuses that have rows and nothing else."""
    return compared_sides(compare_censuses(before, now), side(before), side(now), notes)


def test_what_surely_changed_says_how_much_of_it_is_chance(monkeypatch):
    monkeypatch.setattr(census_difference, "CHANGED_BY_CHANCE", 3)
    monkeypatch.setattr(census_difference, "COMPARED_BY_CHANCE", 1_200)
    names = [f"numpy.f{number}[d]-c" for number in range(400)]
    before = [row(name) for name in names]
    now = [row(names[0], GilClass.HOLDS), *before[1:]]
    difference = compared(before, now)
    text = " ".join(" ".join(difference_text(difference, 80, False)).split())
    assert "of 1,200 cells of one build" in text
    assert "3 surely changed, which makes about 1 of these by chance" in text
    assert "by chance" in difference_markdown(difference)
    assert difference_record(difference)["expected_by_chance"] == 1.0
    # Where none surely did, there is nothing to say.
    assert "by chance" not in " ".join(difference_text(compared(before, before), 80, False))


def test_changes_are_cut_to_a_screen_and_certain_ones_lead():
    names = [f"numpy.f{number}[d]-c" for number in range(20)]
    before = [row(name) for name in names]
    now = [row(name, GilClass.HOLDS, number == 19) for number, name in enumerate(names)]
    difference = compared(before, now)
    lines = difference_text(difference, 80, False)
    text = "\n".join(lines)
    assert "20 cells in both: 1 surely changed (1 for the worse), 19 perhaps" in text
    assert "worse numpy.f19[d]-c-1e5: threads lost; releases -> holds" in " ".join(text.split())
    assert "worse? numpy.f0[d]-c-1e5" in text
    assert lines[-1] == f"and {20 - SHOWN_CHANGES} more: --details"
    assert "more: --details" not in "\n".join(difference_text(difference, 80, True))
    assert len(difference_record(difference)["changes"]) == 20


SIN, COS, OLD, NEW = (
    f"numpy.{name}[d]-contiguous" for name in ("sin", "cos", "old", "new_one")
)  # fmt: skip


def a_release_later(functions=1):
    """NumPy lost ``old`` and gained others; ``cos`` failed, ``sin`` of text was not reached."""
    names = [name + "-1e5" for name in (SIN, COS)]
    text = "numpy.sin[U]-contiguous"
    before, now = [row(SIN), row(COS), row(text), row(OLD)], [row(SIN), row(NEW)]
    new = [f"numpy.new{number}" for number in range(functions - 1)]
    return compared_sides(
        compare_censuses(before, now),
        side(before, [*names, text + "-1e5", OLD + "-1e5"], None, ["numpy.sin", "numpy.old"]),
        side(
            now,
            [*names, text + "-1e5", NEW + "-1e5"],
            {COS: "ValueError: no"},
            ["numpy.sin", "numpy.new_one", *new],
        ),
        ["workers: 2 -> 4"],
    )


def test_what_is_gone_failed_or_was_not_reached_is_told_apart_by_name():
    text = " ".join(" ".join(difference_text(a_release_later(), 80, False)).split())
    assert (
        "1 cells in both: 0 surely changed (0 for the worse), 0 perhaps; 1 are gone, 1 are new;"
        in text
    )
    assert "new; 1 failed in one of the two; 1 were not measured in one note: " in text
    assert "differ in more than NumPy (workers: 2 -> 4)" in text
    assert "functions gone (1): numpy.old functions new (1): numpy.new_one failed in B (1):" in text
    assert (
        f"failed in B (1): {COS}-1e5 (ValueError: no) not measured in B (1): numpy.sin[U]" in text
    )
    # The cells of a function that is gone go with it.
    assert "cells gone" not in text
    assert "cells new" not in text


def test_functions_that_are_new_are_cut_to_a_screen():
    comparison = a_release_later(SHOWN_FUNCTIONS + 5)
    text = " ".join(difference_text(comparison, 80, False))
    assert "and 5 more: --details" in text
    everything = difference_text(comparison, 80, True)
    assert f"  numpy.new{SHOWN_FUNCTIONS + 3}" in everything


def test_markdown_and_csv_name_what_is_gone_and_new():
    text = difference_markdown(a_release_later())
    assert "1 are gone, 1 are new" in text.splitlines()[0]
    for row_of in ("`numpy.old` |", "`numpy.new_one` |", f"`{COS}-1e5` | ValueError: no |"):
        assert f"| {row_of}" in text
    table = difference_file(a_release_later())
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [row[:2] for row in table.rows] == [
        (OLD + "-1e5", "gone"),
        (NEW + "-1e5", "new"),
        (COS + "-1e5", "failed in B"),
        ("numpy.sin[U]-contiguous-1e5", "not measured in B"),
    ]


def test_a_record_tells_them_apart_as_well():
    record = difference_record(a_release_later())
    assert (record["gone"], record["new"]) == ([OLD + "-1e5"], [NEW + "-1e5"])
    assert (record["functions_gone"], record["functions_new"]) == (["numpy.old"], ["numpy.new_one"])
    assert record["now"] == {
        "failed": {COS + "-1e5": "ValueError: no"},
        "not_measured": ["numpy.sin[U]-contiguous-1e5"],
        "not_known": [],
    }
    assert record["before"] == {"failed": {}, "not_measured": [], "not_known": []}
    assert record["differ_besides"] == ["workers: 2 -> 4"]


def test_what_is_called_differently_is_named_wherever_changes_are():
    one, other = (CensusSide([SIN], cells=[SIN], calls={SIN: call}) for call in "ab")
    comparison = compared_sides(compare_censuses([], []), one, other)
    text = " ".join(" ".join(difference_text(comparison, 80, False)).split())
    assert "1 are called differently in the two" in text
    assert f"called differently in the two (1): {SIN}" in text
    assert f"`{SIN}`" in difference_markdown(comparison)
    assert difference_file(comparison).rows == ((SIN, "called differently", "", "yes", ""),)
    assert difference_record(comparison)["called_differently"] == [SIN]


def test_an_older_census_does_not_say_what_is_new():
    text = " ".join(" ".join(difference_text(compared([row(SIN)], [row(COS)]), 80, False)).split())
    assert "0 are gone, 0 are new; 2 may be gone or new, or were not measured in one" in text
    assert "note: A keeps no list of its cells: measure it again" in text
    assert f"not known of A (1): {COS}-1e5" in text


def test_parts_of_numpy():
    assert part_of("numpy.linalg.svd[d]-c") == "linalg"
    assert part_of("numpy.ndarray.sort[d]-c") == "ndarray"
    assert part_of("numpy.add.reduce[d]-c") == "numpy"
    assert part_of("g") == "numpy"  # of a run that others made up
