"""The history: which run is the newest, which runs are the baseline, and what was accepted."""

import json

import pytest
from helpers.runs import CASE, ENVIRONMENT, FILE, HERE, NAME, SORT, a_run, nights, save

from speedgate.commands.main import main
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.lookup import only_environment
from speedgate.judging.gil_class import GilClass
from speedgate.stats.case import Case


def test_the_latest_run_is_whole_and_of_the_environment(tmp_path):
    a_run(tmp_path, 1)
    a_run(tmp_path, 2, complete=False)
    a_run(tmp_path, 3, ENVIRONMENT | {"cpu": "another"})
    with History(tmp_path) as history:
        assert nights([history.latest(HERE)]) == [1]
        assert nights([history.latest()]) == [3]
        assert history.latest("none") is None


def test_runs_and_environments_are_found_by_the_beginning_of_their_names(tmp_path):
    for night in (1, 2, 12):
        a_run(tmp_path, night)
    with History(tmp_path) as history:
        assert nights([history.find_run("night_012")]) == [12]
        assert nights([history.find_run("night_001.json")]) == [1]
        for path in (file := history.find_run("night_001").file, tmp_path / file):
            assert nights([history.find_run(str(path))]) == [1]
        assert history.find_run("somewhere/night_001.json") is None
        assert history.find_run("none") is None
        with pytest.raises(HistoryError, match="could be any of these runs"):
            history.find_run("night_0")
        assert history.find_environment(HERE).runs == 3
        assert history.find_environment("unknown-system-a").digest == HERE
        assert history.find_environment("windows") is None


def test_of_many_environments_and_runs_a_message_says_what_to_do_about_the_others(tmp_path, capsys):
    for night in range(12):
        a_run(tmp_path, night, ENVIRONMENT | {"cpu": f"another {night}"})
    with History(tmp_path) as history:
        names = [environment.name for environment in history.environments()]
        with pytest.raises(HistoryError) as of_some:
            history.find_environment("unknown-system-")
        with pytest.raises(HistoryError) as of_all:
            only_environment(history, "results")
        with pytest.raises(HistoryError, match="and 2 more; give more of the name"):
            history.find_run("night_0")
        command = f"speedgate history --history {history.store.location}"
        for told in (history.environment_names(), str(of_some.value), str(of_all.value)):
            assert told.endswith(f"and 2 more; '{command}' lists all")
    main(command.split()[1:])
    assert set(names) <= set(capsys.readouterr().out.splitlines())


def baseline(folder, name=NAME, size=20, file=FILE):
    with History(folder) as history:
        return history.reference_window(HERE, f"{file}::{name}", size)


def test_the_baseline_is_the_newest_accepted_runs(tmp_path):
    for night in range(6):
        a_run(tmp_path, night)
    a_run(tmp_path, 6, failed=["history"])
    a_run(tmp_path, 7, failed=["gil-holds"])
    a_run(tmp_path, 8, complete=False)
    a_run(tmp_path, 9, broken="coverage was active")
    reference = baseline(tmp_path, size=4)
    assert nights(run for run, _ in reference.runs) == [5, 4, 3, 2]
    assert reference.accepted is None


def test_a_regression_stays_red_however_long_it_lasts(tmp_path):
    # The good runs are not forgotten because bad ones, or runs of other benchmarks, followed.
    for night in range(6):
        a_run(tmp_path, night)
    for night in range(6, 256):
        failed = ["history"] if night % 2 else []
        a_run(tmp_path, night, failed=failed, name=NAME if night % 2 else "bench_other[x]")
    assert nights(run for run, _ in baseline(tmp_path).runs) == [5, 4, 3, 2, 1, 0]


def test_an_accepted_run_is_the_level_from_then_on(tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
    for night in (3, 4):
        a_run(tmp_path, night, failed=["history"])
    a_run(tmp_path, 5)
    with History(tmp_path) as history:
        history.accept(history.find_run("night_003"), "the new BLAS is like that")
    reference = baseline(tmp_path)
    assert nights(run for run, _ in reference.runs) == [5, 3]
    assert reference.accepted.accepted == "the new BLAS is like that"


def test_an_accepted_run_says_nothing_of_what_it_did_not_measure(tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
    a_run(tmp_path, 3, name="bench_other[x]")
    with History(tmp_path) as history:
        history.accept(history.find_run("night_003"), "only the other one was mended")
    assert nights(run for run, _ in baseline(tmp_path).runs) == [2, 1, 0]
    assert baseline(tmp_path).accepted is None
    assert nights(run for run, _ in baseline(tmp_path, "bench_other[x]").runs) == [3]


@pytest.mark.parametrize("date", ["2035-01-01T00:00:00+00:00", "tomorrow, perhaps"])
def test_a_run_of_the_future_is_neither_level_nor_past_nor_newest(tmp_path, monkeypatch, date):
    """Accepted, it was the level before which all others lie: the gate waited for runs for ever."""
    for night in range(6):
        a_run(tmp_path, night)
    ahead = a_run(tmp_path, 6)
    save(ahead, json.loads(ahead.read_text()) | {"datetime": date})
    with History(tmp_path) as history:
        history.accept(history.find_run("night_006"), "meant so")
        monkeypatch.setattr("speedgate.history.history.latest_time", lambda: "2027")
        assert nights([history.latest(HERE)]) == [5]
        assert nights(history.ahead(HERE)) == [6]
    reference = baseline(tmp_path)
    assert nights(run for run, _ in reference.runs) == [5, 4, 3, 2, 1, 0]
    assert reference.accepted is None


def test_where_all_runs_are_of_the_future_there_is_a_newest_all_the_same(tmp_path, monkeypatch):
    a_run(tmp_path)
    monkeypatch.setattr("speedgate.history.history.latest_time", lambda: "2020")
    with History(tmp_path) as history:
        assert nights([history.latest(HERE)]) == [0]
    assert baseline(tmp_path).runs == ()


def test_benchmarks_of_one_name_in_two_files_have_a_past_each(tmp_path):
    for night in range(4):
        a_run(tmp_path, night, file=FILE if night % 2 else "bench/bench_other.py")
    assert nights(run for run, _ in baseline(tmp_path).runs) == [3, 1]
    assert nights(run for run, _ in baseline(tmp_path, file="bench/bench_other.py").runs) == [2, 0]


def test_benchmarks_of_one_name_in_one_run_are_told_apart_by_their_files(tmp_path):
    path = a_run(tmp_path)
    with History(tmp_path) as history:
        assert [name for name, _, _ in history.benchmarks(HERE)] == [NAME]
    content = json.loads(path.read_text())
    (one,) = content["benchmarks"]
    content["benchmarks"].append(one | {"fullname": f"bench/bench_other.py::{NAME}"})
    save(path, content)
    names = [f"{FILE}::{NAME}", f"bench/bench_other.py::{NAME}"]
    with History(tmp_path) as history:
        assert [name for name, _, _ in history.benchmarks(HERE)] == names
        assert [figures.name for figures in history.figures(history.latest())] == names
        assert {name for name, _ in history.levels(HERE)} == set(names)
        assert [len(history.series(HERE, name)) for name in names] == [1, 1]


def test_a_gate_that_failed_one_benchmark_leaves_another_of_its_case_in_the_past(tmp_path):
    path = a_run(tmp_path, failed=["history"])
    content = json.loads(path.read_text())
    (one,) = content["benchmarks"]
    content["benchmarks"].append(one | {"fullname": f"bench/bench_other.py::{NAME}"})
    content["speedgate"]["judgements"][-1]["benchmark"] = one["fullname"]
    save(path, content)
    assert baseline(tmp_path).runs == ()
    assert len(baseline(tmp_path, file="bench/bench_other.py").runs) == 1


def test_runs_are_in_order_whatever_time_zone_they_tell(tmp_path):
    first = a_run(tmp_path, 1)  # 02:00 in UTC
    later = a_run(tmp_path, 2)
    for path, time in ((first, "2026-11-02T02:00:00+09:00"), (later, "2026-11-01T20:00:00+00:00")):
        content = json.loads(path.read_text())
        content["datetime"] = time
        save(path, content)
    with History(tmp_path) as history:
        assert nights(history.runs()) == [2, 1]


def test_an_earlier_class_of_another_build_names_it(tmp_path):
    older = ENVIRONMENT | {"numpy": {"version": "2.3.1"}, "python": "3.13.0"}
    a_run(tmp_path, 1, older, kind="releases")
    with History(tmp_path) as history:
        assert "NumPy 2.3.1" in history.earlier_classes(ENVIRONMENT, {SORT})[SORT].build
    a_run(tmp_path, 2, kind="releases")
    with History(tmp_path) as history:
        assert history.earlier_classes(ENVIRONMENT, {SORT})[SORT].build == ""


def test_the_newest_earlier_class_of_the_same_machine_counts(tmp_path):
    a_run(tmp_path, 1, kind="releases")
    a_run(tmp_path, 2, kind="partly")
    a_run(tmp_path, 3, ENVIRONMENT | {"cpu": "another"}, kind="holds")
    now = a_run(tmp_path, 5, kind="unknown")
    with History(tmp_path) as history:
        but = now.relative_to(tmp_path).as_posix()
        earlier = history.earlier_classes(ENVIRONMENT | {"kernel": "6.2"}, {SORT}, but=but)
        assert earlier[SORT].gil_class.kind is GilClass.PARTLY
        assert history.earlier_classes(ENVIRONMENT, {Case.parse(CASE)}) == {}


def test_the_series_of_a_case_is_in_order_without_what_was_cut_short(tmp_path):
    for night in (3, 1, 2):
        a_run(tmp_path, night, complete=night != 2)
    with History(tmp_path) as history:
        assert nights(run for run, _ in history.series(HERE, NAME)) == [1, 3]
        assert history.series(HERE, "none") == []
