from helpers.made import estimate, row

from speedgate.report.overhead import LEGEND, overhead_lines, overhead_table
from speedgate.stats.accounting import Shares
from speedgate.stats.case import Case


def cell(workload, size, strategy="threads", **fields):
    return row(Case(workload, size, strategy, 2), tasks=400, loops=1, **fields)


ROWS = [
    cell("noop", 1, seconds=estimate(0.02 / 400), start_seconds=0.003),
    cell("busy", 10, shares=Shares(0.2, 0.0, 0.0, 0.8), start_seconds=0.004),
    cell("busy", 1000, shares=Shares(0.95, 0.0, 0.0, 0.05)),
    cell("noop", 1, "dask", seconds=estimate(0.4 / 400), start_seconds=1.5),
    cell("busy", 10, "dask", shares=None),
]


def test_a_row_has_start_dispatch_and_the_share_of_shrinking_tasks():
    table = overhead_table(ROWS)
    assert table.columns == ("", "start", "dispatch", "at 10 us", "at 1000 us")
    assert table.rows == (
        ("threads 2", "3 ms", "50 us", "80%", "5%"),
        ("dask 2", "1500 ms", "1000 us", "-", "-"),
    )


def test_what_was_not_measured_is_a_dash():
    assert overhead_table([cell("busy", 10)]).rows == (("threads 2", "-", "-", "-"),)
    assert overhead_table([cell("noop", 1)]).rows == (("threads 2", "-", "-"),)


def test_the_lines_keep_to_eighty_columns_and_explain_themselves():
    lines = overhead_lines(ROWS)
    assert max(map(len, lines)) <= 80
    assert LEGEND.split(";")[0] in " ".join(lines)
