from helpers.evidence import interval
from helpers.made import row

from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.gil_map import operations
from speedgate.report.map import details_table, map_lines, map_table
from speedgate.stats.case import Case

RELEASES = Classification(GilClass.RELEASES, True, "GIL held 0.01")
DOUBTFUL = Classification(GilClass.PARTLY, False, "GIL held 0.25")


def at(workload, size, value, gil_class=RELEASES, **fields):
    return row(Case(workload, size, "threads", 2), value, gil_class=gil_class, **fields)


ROWS = [
    at("apply_along_axis", 500, 0.5, DOUBTFUL),
    at("apply_along_axis", 10_000, 1.1),
    at("apply_along_axis", 160_000, 1.83, gil_held_share=interval(0.01, 0.0, 0.03), loops=40,
       concurrency=(1.9, 1.95)),
    at("sort", 500, 0.4),
]  # fmt: skip


def test_the_map_has_a_row_per_operation_and_a_column_per_size():
    table = map_table(operations(ROWS))
    assert table.columns == ("operation", "small", "middle", "large")
    assert table.rows == (
        ("apply_along_axis", "500 0.50 partly?", "1e4 1.10 releases", "1.6e5 1.83 releases"),
        ("sort", "500 0.40 releases", "", ""),
    )


def test_any_number_of_sizes_has_its_columns():
    assert map_table(operations(ROWS[:2])).columns == ("operation", "1", "2")


def test_the_lines_keep_to_eighty_columns_and_explain_themselves():
    lines = map_lines(ROWS)
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "holds: for more than 0.8" in text
    assert "threads win from 1e4 on: apply_along_axis" in text


def test_the_details_show_every_signal_and_say_what_is_unknown():
    rows = details_table(operations(ROWS)).rows
    assert rows[2][2:] == ("0.01 0.00-0.03", "1.90-1.95", "unknown", "unknown", "40", "releases")
    assert rows[0][2:4] == ("unknown", "unknown")


def test_a_run_without_a_map_says_so():
    assert map_lines([row()]) == ["no operation was measured with two threads or more"]
