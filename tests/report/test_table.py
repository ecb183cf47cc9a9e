import math
import re

import pytest
from helpers.made import estimate, row
from hypothesis import given
from hypothesis import strategies as st

from speedgate.judging.gate import Verdict
from speedgate.judging.row import Row
from speedgate.report.table import MARKS, Table, markdown, plain, short, speedup_table
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

G_SERIAL = Case("g", 1_000_000, "serial", 1)
G_THREADS = Case("g", 1_000_000, "threads", 2)
F_THREADS = Case("f", 1000, "threads", 2)


def grid(columns, rows, cell="1.65 1.60-1.71"):
    return Table(
        ("", *(f"column {n}" for n in range(columns))),
        tuple((f"row {n}", *[cell] * columns) for n in range(rows)),
    )


def test_a_row_for_each_work_and_a_column_for_each_strategy():
    table = speedup_table([row(G_SERIAL, 0.5), row(G_THREADS, 1.65), row(F_THREADS, 0.9)], {})
    assert table.columns == ("", "serial", "threads 2")
    assert table.rows == (
        ("g 1e6", "0.50 0.45-0.55", "1.65 1.60-1.70"),
        ("f 1e3", "", "0.90 0.85-0.95"),
    )


def test_numbers_of_workers_are_columns_of_their_own():
    cases = [Case("g", 1000, "threads", workers) for workers in (1, 2, 4)]
    table = speedup_table([row(case) for case in cases], {})
    assert table.columns == ("", "threads", "threads 2", "threads 4")


@pytest.mark.parametrize("verdict", Verdict)
def test_a_mark_stands_where_the_gate_judged(verdict):
    table = speedup_table([row(G_THREADS), row(F_THREADS)], {G_THREADS: verdict})
    assert table.rows[0][1].endswith(f" {MARKS[verdict]}")
    assert table.rows[1][1] == "1.65 1.60-1.70"


def test_every_verdict_has_a_mark_of_its_own():
    assert len(set(MARKS.values())) == len(Verdict)


def test_what_was_not_measured_says_so():
    table = speedup_table([Row(case=G_THREADS, speedup=None)], {})
    assert table.rows == (("g 1e6", "not measured"),)


def test_an_interval_that_is_not_known_is_not_made_up():
    assert short(estimate(1.234, 1.2, 1.3)) == "1.23 1.20-1.30"
    assert short(Estimate(1.234, -math.inf, math.inf, 0.95, 3)) == "1.23 (few)"


def test_a_table_that_fits_is_one_block_with_aligned_columns():
    lines = plain(grid(columns=3, rows=2), 80)
    assert len(lines) == 3
    starts = [lines[0].index(f"column {n}") for n in range(3)]
    assert all(line[start - 2 : start + 4] == "  1.65" for line in lines[1:] for start in starts)


def test_a_table_that_does_not_fit_is_cut_into_blocks_with_row_names():
    lines = plain(grid(columns=9, rows=2), 80)
    blocks = "\n".join(lines).split("\n\n")
    assert len(blocks) == 3
    assert all(block.splitlines()[1].startswith("row 0") for block in blocks)


@given(
    st.integers(1, 20),
    st.integers(0, 5),
    st.text(alphabet="0123456789.- x", min_size=1, max_size=30),
    st.integers(50, 132),
)
def test_no_line_is_longer_than_the_terminal_and_nothing_is_left_out(columns, rows, cell, width):
    lines = plain(grid(columns, rows, cell), width)
    assert max(map(len, lines)) <= width
    for n in range(columns):
        assert len(re.findall(rf"column {n}\b", "\n".join(lines))) == 1


def test_no_line_has_blanks_at_its_end():
    lines = plain(speedup_table([row(G_SERIAL), row(G_THREADS), row(F_THREADS)], {}), 40)
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_column_that_is_too_wide_stands_alone():
    table = Table(("", "a", "b"), (("row", "x" * 100, "y"),))
    blocks = "\n".join(plain(table, 80)).split("\n\n")
    assert len(blocks) == 2


def test_an_empty_table_is_no_error():
    assert plain(speedup_table([], {}), 80) == [""]


def test_markdown_has_the_same_cells():
    table = speedup_table([row(G_SERIAL), row(G_THREADS)], {G_THREADS: Verdict.FAILED})
    head, rule, line = markdown(table).splitlines()
    assert head == "| speedup | serial | threads 2 |"
    assert rule == "| --- | --- | --- |"
    assert line == "| g 1e6 | 1.65 1.60-1.70 | 1.65 1.60-1.70 ✗ |"
