"""The data frame of a history, in pandas and in Polars."""

import json

import pytest
from helpers.runs import CASE, FIRST, NAME, a_run, save

from speedgate.history import frame
from speedgate.history.format import HistoryError
from speedgate.history.history import History


def frame_of(folder, library):
    with History(folder) as history:
        return history.to_dataframe(library)


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    pytest.importorskip(request.param)
    return request.param


def test_each_benchmark_of_each_run_is_a_row(tmp_path, library):
    for night in (1, 0):
        a_run(tmp_path, night, factor=1.0 + night, failed=("threads-scale",) if night else ())
    table = frame_of(tmp_path, library)
    assert list(table["run"]) == ["night_000", "night_001"]
    assert [str(time)[:10] for time in table["time"]] == ["2026-11-01", "2026-11-02"]
    assert next(iter(table["time"])).timestamp() == FIRST.timestamp()
    assert list(table["speedup"])[1] == pytest.approx(2 * next(iter(table["speedup"])))
    assert list(table["failed"]) == [False, True]
    row = {name: next(iter(table[name])) for name in table.columns}
    assert row["benchmark"].endswith(NAME)
    assert (row["workload"], row["size"], row["strategy"], row["workers"]) == (
        "g", 1_000_000, "threads", 2,
    )  # fmt: skip
    assert row["speedup_low"] <= row["speedup"] <= row["speedup_high"]
    assert row["accepted"] is None or row["accepted"] != row["accepted"]


def test_an_empty_history_has_the_columns_and_no_row(tmp_path, library):
    table = frame_of(tmp_path, library)
    assert list(table.columns) == list(frame.COLUMNS)
    assert len(table) == 0


def test_what_a_run_does_not_have_is_unknown(tmp_path, library):
    path = a_run(tmp_path)
    run = json.loads(path.read_text())
    run["datetime"] = "some night"
    run["benchmarks"].append({"name": "theirs", "stats": {"median": 2.0}})
    save(path, run)
    table = frame_of(tmp_path, library)
    rows = dict(zip(table["benchmark"], table["seconds"], strict=True))
    assert rows["theirs"] == 2.0
    missing = table["time"].isna() if library == "pandas" else table["time"].is_null()
    assert list(missing) == [True, True]
    cases = list(table["workload"])
    assert cases[0] == CASE.partition("-")[0]
    assert not isinstance(cases[1], str)


def test_another_library_is_refused(tmp_path):
    with pytest.raises(HistoryError, match="library='dplyr': there are pandas and polars"):
        frame_of(tmp_path, "dplyr")


@pytest.mark.parametrize(
    ("library", "words"),
    [
        (None, "pandas and polars not installed: pip install pandas, or speedgate"),
        ("polars", "polars not installed: pip install polars"),
    ],
)
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, library, words):
    def refuse(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(frame, "import_module", refuse)
    with pytest.raises(HistoryError, match=words):
        frame_of(tmp_path, library)
