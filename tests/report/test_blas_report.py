import math
from dataclasses import replace

import pytest
from helpers.made import row

from speedgate.judging.row import Side
from speedgate.report.blas import blas_lines, blas_table, by_itself
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

CASE = Case("matmul", 10_000, "threads", 2)


def cell(is_default, baseline, contender, cpu=(1.0, 1.0), case=CASE, **fields):
    sides = {
        "baseline": Side(baseline, cpu[0] * baseline, 3.0, 1.0),
        "contender": Side(contender, cpu[1] * contender, None),
    }
    return row(case, sides=sides, is_blas_default=is_default, tasks=2, loops=5, **fields)


ROWS = [cell(False, 1.0, 0.5, (1.0, 2.0)), cell(True, 0.6, 0.8, (1.9, 2.0))]


def test_the_four_cells_are_speeds_against_the_first():
    table = blas_table(ROWS)
    assert table.columns == ("", "BLAS 1 x1", "BLAS 1 x2", "default x1", "default x2")
    (line,) = table.rows
    assert line == ("matmul 1e4", "1.00 1.00 0.40", "2.00 2.00 -", "1.67 1.90 0.40", "1.25 2.00 -")


def test_settings_with_other_loops_are_compared_by_the_call():
    twice = cell(True, 1.2, 1.6, (1.9, 2.0))
    twice = type(twice)(**{**vars(twice), "loops": 10})
    assert blas_table([ROWS[0], twice]).rows[0][3].startswith("1.67")


def test_a_cell_that_was_not_measured_is_empty():
    assert blas_table(ROWS[:1]).rows[0][3:] == ("", "")
    assert blas_table(ROWS[1:]).rows[0][3].startswith("- 1.9")


def test_numpy_uses_all_cores_by_itself_where_one_thread_keeps_them_busy():
    (line,) = by_itself(ROWS, 2)
    assert "1.90 of 2 cores busy, 1.67 times as fast" in line
    assert "NumPy uses all cores by itself" in line
    idle = [ROWS[0], cell(True, 1.0, 1.0, (1.0, 1.0))]
    spinning = [ROWS[0], cell(True, 1.0, 1.0, (1.9, 1.9))]
    for rows in (idle, spinning):
        (line,) = by_itself(rows, 2)
        assert "does not use all cores" in line


@pytest.mark.parametrize("low", [0.5, -math.inf])
def test_what_wide_intervals_leave_open_is_not_stated(low):
    wide = Estimate(1.6, low, 4.0 if low > 0 else math.inf, 0.95, 12)
    for rows in (
        [replace(ROWS[0], speedup=wide), ROWS[1]],
        [ROWS[0], replace(ROWS[1], speedup=wide)],
    ):
        (line,) = by_itself(rows, 2)
        assert "not certain whether NumPy uses all cores by itself" in line


def test_without_a_run_of_one_blas_thread_nothing_is_said():
    assert by_itself(ROWS[1:], 2) == []


def test_several_numbers_of_workers_are_told_apart():
    four = Case("matmul", 10_000, "threads", 4)
    table = blas_table([*ROWS, cell(False, 1.0, 0.3, case=four)])
    assert table.columns[2] == "BLAS 1 xW"
    assert [line[0] for line in table.rows] == ["matmul 1e4 W=2", "matmul 1e4 W=4"]


def test_the_largest_product_answers():
    small = cell(True, 1.0, 1.0, (1.0, 1.0), case=Case("matmul", 16, "threads", 2))
    (line,) = by_itself([*ROWS, small], 2)
    assert line.startswith("matmul 1e4")


def test_the_lines_keep_to_eighty_columns():
    assert max(map(len, blas_lines(ROWS))) <= 80
