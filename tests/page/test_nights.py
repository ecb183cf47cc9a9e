"""A case over the nights: its data, its changes of level, and what a long history weighs."""

import json
import random

import pytest
from helpers.runs import CASE, ENVIRONMENT, SORT, a_run, save

from speedgate.history.history import History, RunEntry
from speedgate.history.lines import CaseLine, LinePoint, benchmarks_of, line_of
from speedgate.page.packing import unpacked_values
from speedgate.page.sections.history import (
    CHANGES_IN,
    CSV_FILE,
    DETAIL_IN,
    OLDER_CSV_FILE,
    Told,
    csv_files,
    datasets,
    line_data,
    scripts,
    section_of,
    told_lines,
)
from speedgate.page.sources import open_sources
from speedgate.stats.figure import FIGURE

pytest.importorskip("jinja2")
pytest.importorskip("ruptures")


def nights(folder):
    with open_sources([], str(folder), lambda line: None) as sources:
        return section_of(sources)


def data_of(files, name):
    text = files[f"data/history-{name}.js"].decode()
    return json.loads(text.partition(",")[2].removesuffix(");\n"))


@pytest.fixture(scope="session")
def stepped(tmp_path_factory):
    """Thirty nights, slower from the fifteenth on; the twentieth failed, the tenth was accepted."""
    folder = tmp_path_factory.mktemp("nights")
    for night in range(30):
        wobble = 1 + 0.01 * (night * 7 % 5 - 2)
        a_run(
            folder,
            night,
            factor=wobble * (1 if night < 15 else 0.7),
            failed=("threads-scale",) if night == 20 else (),
        )
    with History(folder) as history:
        history.accept(history.runs((history.environments()[0].digest,))[::-1][10], "faster")
    return nights(folder)


def test_a_step_is_found_with_the_run_in_which_it_came(stepped):
    section, files = stepped
    data = data_of(files, 0)
    ((place, text),) = data["changes"]
    assert (place, text) == (15, "-30%")
    assert [level[:2] for level in data["levels"]] == [[0, 14], [15, 29]]
    assert f"1 of 1 cases changed their level ({CASE})." in section.answer
    assert "2026-11-16 02:00" in section.grids[0].rows[0].cells[-1].text


def test_failed_and_accepted_runs_are_marked(stepped):
    _, files = stepped
    assert data_of(files, 0)["failed"] == [20]
    runs = data_of(files, "runs")
    assert [place for place, run in enumerate(runs) if "why" in run] == [10]
    sets = datasets(data_of(files, 0), runs)
    assert sum(point["failed"] for point in sets["points"]) == 1
    assert sets["accepted"][0]["text"] == "accepted: faster"
    assert len(sets["changes"]) == 1


def test_the_csv_has_a_row_for_each_run(stepped):
    _, files = stepped
    lines = files["data/history.csv"].decode().splitlines()
    assert lines[0] == f"run,time,commit,accepted,failed,{CASE}"
    assert len(lines) == 31
    assert lines[11].split(",")[3:5] == ["faster", ""]
    assert lines[21].split(",")[3:5] == ["", CASE]


def test_one_run_makes_no_line(tmp_path):
    a_run(tmp_path)
    section, files = nights(tmp_path)
    assert section.is_empty
    assert files == {}


def test_runs_of_another_environment_are_on_no_line_of_this_one(tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
        a_run(tmp_path, night, environment=ENVIRONMENT | {"python": "3.13.0"})
    with History(tmp_path) as history:
        digest = history.environments()[0].digest
        ((number, name, case_id),) = benchmarks_of(history)
        line = line_of(history, digest, number, name, case_id)
    assert len(line.points) == 3


def test_changes_are_looked_for_in_the_named_case_only(tmp_path, monkeypatch):
    for night in range(4):
        a_run(tmp_path, night, name=f"bench_made[{night % 2}]")
    searched = []

    def change_points(values, is_relative):
        searched.append(values)
        return []

    monkeypatch.setattr("speedgate.page.sections.history.change_points", change_points)
    with History(tmp_path) as history:
        digest = history.environments()[0].digest
        (told,) = told_lines(history, digest, "bench_made[1]")
        assert told.line.name == "bench_made[1]"
        assert len(searched) == 1
        assert len(told_lines(history, digest)) == 2


def test_what_is_measured_no_longer_is_not_failing_now(tmp_path):
    """Night 0 has two cases, of which one fails; the next ones have one, and another benchmark."""
    for night in range(3):
        path = a_run(tmp_path, night, failed=("threads-scale",) if night == 0 else ())
        content = json.loads(path.read_text())
        kept = {**content["benchmarks"][0], "name": "kept", "fullname": "bench/kept.py::kept"}
        kept["extra_info"] = {**kept["extra_info"], "case": {**SORT.as_json(), "size": 600}}
        content["benchmarks"] = [kept, *(content["benchmarks"] if night == 0 else [])]
        save(path, content)
    a_run(tmp_path, 3, name="other", kind="releases")
    section, _ = nights(tmp_path)
    cells = {row.cells[0].text: row.cells[0] for row in section.grids[0].rows}
    assert cells[CASE].detail == "last measured 2026-11-01"
    assert cells[CASE].verdict is None
    assert {cell.detail for cell in cells.values()} == {"last measured 2026-11-01", ""}
    assert "failing now" not in section.answer
    gone = f"1 failed and measured no longer ({CASE}, last measured 2026-11-01)"
    assert gone in section.answer


def test_of_a_long_history_the_newest_have_dots_and_intervals_and_all_a_value(tmp_path):
    points = [a_point(number) for number in range(DETAIL_IN + 50)]
    data = line_data(Told(a_line(points), ()), {number: number for number in range(len(points))})
    assert len(unpacked_values(data["values"])) == DETAIL_IN + 50
    low, high = unpacked_values(data["low"]), unpacked_values(data["high"])
    assert len(low) == len(high) == DETAIL_IN
    runs = [{"time": str(number), "label": str(number)} for number in range(len(points))]
    sets = datasets(data, runs)
    assert [point["low"] is None for point in sets["points"]].count(True) == 50
    assert sets["points"][-1]["high"] == high[-1] == 1.9
    assert [point["run"] for point in sets["points"]] == [run["label"] for run in runs]
    assert CHANGES_IN >= DETAIL_IN


def long_history(cases, nights):
    """The lines and the runs of a history, without its files."""
    runs = [
        RunEntry(night, f"{night:040d}.json", "digest", "a machine", f"2026-01-01 {night:08d}",
                 f"{night:040x}", "main", True, True, None)
        for night in range(nights)
    ]  # fmt: skip
    lines = []
    for case in range(cases):
        numbers = random.Random(case)
        points = [
            LinePoint(night, False, numbers.uniform(0.8, 2), numbers.uniform(0.7, 0.8), 2.2)
            for night in range(nights)
        ]
        name = f"bench_of_a_made_project[case-{case}-1e6-threads-2]"
        lines.append(Told(CaseLine(name, None, FIGURE["speedup"], tuple(points)), ()))
    return lines, runs, {night: night for night in range(nights)}


def test_a_thousand_nights_of_three_hundred_benchmarks_weigh_less_than_the_limit_leaves():
    told, runs, places = long_history(300, 1000)
    files = csv_files(told, runs, places) | dict(scripts(told, runs, places))
    # Of 5 MB a site keeps 1 MB for the charts' script and 0.5 MB for its pages.
    assert sum(map(len, files.values())) < 3_500_000
    assert [name for name in files if name.endswith(".csv")] == [CSV_FILE]


def test_no_file_of_a_long_history_is_over_the_limit_and_every_run_is_in_one(monkeypatch):
    told, runs, places = long_history(3, 500)
    whole = csv_files(told, runs, places)[CSV_FILE].decode().splitlines()
    monkeypatch.setattr("speedgate.page.sections.history.MOST_CSV_BYTES", 20_000)
    files = csv_files(told, runs, places)
    older = [OLDER_CSV_FILE.format(number) for number in range(1, len(files))]
    assert list(files) == [CSV_FILE, *older]
    assert len(older) > 1
    assert all(len(data) <= 20_000 for data in files.values())
    parts = [files[name].decode().splitlines() for name in (*older, CSV_FILE)]
    assert all(part[0] == whole[0] for part in parts)
    assert [row for part in parts for row in part[1:]] == whole[1:]
    later = csv_files(*long_history(3, 501))
    assert all(later[name] == files[name] for name in older)


def a_point(number):
    return LinePoint(number, False, 1.5 + number / 1000, 1.4, 1.9)


def a_line(points):
    return CaseLine("made", None, FIGURE["speedup"], tuple(points))
