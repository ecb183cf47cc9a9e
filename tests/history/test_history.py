"""The history: files written whole, the index, and what is asked of earlier runs."""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest
from helpers.index_rows import index_rows, rebuilt_rows
from helpers.runs import CASE, ENVIRONMENT, FILE, FIRST, NAME, SORT, a_night, a_run, save

from speedgate import files
from speedgate.files import begin, write_whole
from speedgate.history.format import HistoryError, encode_run
from speedgate.history.history import History, run_name
from speedgate.history.identity import environment_digest
from speedgate.history.index import is_cut_off
from speedgate.history.store import FolderStore, StoreError, open_store
from speedgate.judging.gil_class import GilClass
from speedgate.stats.case import Case

MADE = json.loads(a_night())
HERE = environment_digest(ENVIRONMENT)


def nights(entries):
    return [int(entry.id.removeprefix("night_")) for entry in entries]


# --- files


def test_a_file_is_written_whole_and_never_over_another(tmp_path):
    path = tmp_path / "deep" / "run.json"
    write_whole(path, b"whole")
    with pytest.raises(FileExistsError):
        write_whole(path, b"other")
    assert path.read_bytes() == b"whole"
    assert [file.name for file in path.parent.iterdir()] == ["run.json"]


@pytest.mark.parametrize("name", ["fsync", "link"])
def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch, name):
    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(f"speedgate.files.os.{name}", fail)
    if name == "fsync":
        with pytest.raises(OSError, match="full"):
            write_whole(tmp_path / "run.json", b"whole")
        assert list(tmp_path.iterdir()) == []
    else:  # a file system without hard links
        write_whole(tmp_path / "run.json", b"whole")
        with pytest.raises(FileExistsError):
            write_whole(tmp_path / "run.json", b"other")
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_hidden_files_are_no_entries(tmp_path):
    write_whole(tmp_path / "a" / "run.json", b"1")
    (tmp_path / "a" / ".half.tmp").touch()
    assert [entry.name for entry in FolderStore(tmp_path).entries()] == ["a/run.json"]


def test_only_what_killed_writers_left_is_swept_away(tmp_path):
    left, others = tmp_path / ".speedgate-1.tmp", tmp_path / ".x.tmp"
    left.touch()
    others.touch()
    being_written, file = begin(tmp_path)
    write_whole(tmp_path / "export.json", b"1")
    with file:
        assert set(tmp_path.iterdir()) == {others, being_written, tmp_path / "export.json"}
    write_whole(tmp_path / "another.json", b"1")
    assert not being_written.exists()


def test_where_nobody_can_lock_only_what_is_old_is_swept_away(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.files.lock", lambda file: None)
    old, new = tmp_path / ".speedgate-1.tmp", tmp_path / ".speedgate-2.tmp"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    write_whole(tmp_path / "run.json", b"1")
    assert set(tmp_path.iterdir()) == {new, tmp_path / "run.json"}


def test_a_temporary_file_that_a_sweep_took_before_its_lock_is_begun_anew(tmp_path, monkeypatch):
    took = []

    def lock(file):
        if not took:
            took.append(Path(file.name))
            took[0].unlink()
        return True

    monkeypatch.setattr("speedgate.files.lock", lock)
    path, file = begin(tmp_path)
    with file:
        assert [path] == list(tmp_path.iterdir()) != took


def test_an_address_is_a_store_as_well():
    pytest.importorskip("fsspec", reason="fsspec (extra 'remote') is not installed")
    store = open_store("memory://a-store")
    store.write("a/run.json", b"1")
    with pytest.raises(FileExistsError):
        store.write("a/run.json", b"2")
    assert [entry.name for entry in store.entries()] == ["a/run.json"]
    assert store.read("a/run.json") == b"1"


def test_an_address_that_cannot_be_opened_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StoreError, match=r"speedgate\[remote\]"):
        open_store("s3://bucket/results")


def write_runs(folder, writer):
    for _ in range(10):
        name = run_name(ENVIRONMENT, FIRST, "a tag")
        FolderStore(folder).write(f"{name}.json", encode_run(MADE | {"writer": writer}))


def test_writers_at_once_lose_nothing(tmp_path):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_runs, [tmp_path] * 4, range(4)))
    with History(tmp_path) as history:
        assert len(list(history.runs())) == 40
        assert history.index.broken() == []


# --- the index


def test_the_index_follows_its_files(tmp_path):
    path = a_run(tmp_path, 1)
    with History(tmp_path) as history:
        assert nights(history.runs()) == [1]
    a_run(tmp_path, 2)
    with History(tmp_path) as history:
        assert nights(history.runs()) == [2, 1]
    path.unlink()
    with History(tmp_path) as history:
        assert nights(history.runs()) == [2]
        assert len(history.benchmarks(HERE)) == 1


def test_an_index_whose_runs_have_gone_is_what_a_fresh_one_would_be(tmp_path):
    twice = json.loads(a_run(tmp_path, 1).read_text())
    (benchmark,) = twice["benchmarks"]
    twice["benchmarks"] += [benchmark | {"fullname": f"bench/bench_other.py::{NAME}"}]
    save(tmp_path / "both" / "both.json", twice)
    a_run(tmp_path, 2, file="bench/bench_third.py")
    a_run(tmp_path, 3, environment=ENVIRONMENT | {"cpu": "Another CPU"})
    with History(tmp_path) as history:
        assert index_rows(history) == rebuilt_rows(tmp_path, tmp_path / "fresh")
    for name in ("both/both.json", "*/night_003.json"):
        (path,) = tmp_path.glob(name)
        path.unlink()
    with History(tmp_path) as history:
        assert index_rows(history) == rebuilt_rows(tmp_path, tmp_path / "fresh, later")
        assert {name for name, _, _ in history.benchmarks(HERE)} == {NAME}


@pytest.mark.parametrize("content", ["{", "[]", '{"benchmarks": []}'])
def test_a_broken_file_is_named_and_left_out_and_stays(tmp_path, content):
    a_run(tmp_path, 1)
    broken = save(tmp_path / "broken.json", content)
    lines = []
    for _ in range(2):
        with History(tmp_path, lines.append) as history:
            assert nights(history.runs()) == [1]
    assert len(lines) == 2
    assert all("broken.json" in line for line in lines)
    assert broken.exists()


def test_a_run_of_plain_pytest_benchmark_beside_ours_is_left_alone(tmp_path):
    a_run(tmp_path, 1)
    save(tmp_path / "Linux-CPython" / "0001.json", {"machine_info": {}, "benchmarks": []})
    told = []
    with History(tmp_path, told.append) as history:
        assert nights(history.runs()) == [1]
    assert told == []


def test_a_broken_index_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    a_run(tmp_path / "results", 1)
    for damage in (b"garbage" * 1000, b""):
        with History(tmp_path / "results") as history:
            assert nights(history.runs()) == [1]
        (path,) = (tmp_path / "cache").rglob("*.sqlite")
        for file in path.parent.iterdir():
            file.write_bytes(damage)


def made_index(tmp_path, runs):
    """The file of an index over some runs; both lie in the folder of the test."""
    for night in range(runs):
        a_run(tmp_path / "results", night)
    with History(tmp_path / "results"):
        pass
    (path,) = (tmp_path / "cache").rglob("*.sqlite")
    return path


def test_an_index_that_is_damaged_while_it_is_open_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    path = made_index(tmp_path, 40)
    with path.open("r+b") as file:  # its first page stays whole: opening shows nothing
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with History(tmp_path / "results") as history:
        assert len(history.runs()) == 40
        assert len(history.figures(history.latest())) == 1


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_an_index_that_is_cut_off_is_made_anew(tmp_path, monkeypatch, part):
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    path = made_index(tmp_path, 3)
    assert not is_cut_off(path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    assert is_cut_off(path)
    with History(tmp_path / "results") as history:
        assert sorted(nights(history.runs())) == [0, 1, 2]
        assert len(history.figures(history.latest())) == 1
    assert not is_cut_off(path)


def test_an_index_of_another_version_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    a_run(tmp_path / "results", 1)
    with History(tmp_path / "results") as history:
        history.index.query("PRAGMA user_version = 1", (), tuple)
        history.index.query("DELETE FROM runs", (), tuple)
    with History(tmp_path / "results") as history:
        assert nights(history.runs()) == [1]


def test_a_file_that_cannot_be_read_now_is_tried_again(tmp_path, monkeypatch):
    a_run(tmp_path, 1)
    told = []

    def out_of_reach(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "read", out_of_reach)
        with History(tmp_path, told.append) as history:
            assert history.runs() == []
    assert "night_001.json cannot be read (Input/output error)" in told[0]
    with History(tmp_path, told.append) as history:
        assert nights(history.runs()) == [1]
    assert len(told) == 1


def test_a_folder_that_cannot_be_looked_at_now_is_named(tmp_path, monkeypatch):
    a_run(tmp_path, 1)
    told, status = [], files.status

    def out_of_reach(path):
        if str(path).endswith(HERE):
            raise OSError(5, "Input/output error")
        return status(path)

    monkeypatch.setattr(files, "status", out_of_reach)
    with History(tmp_path, told.append) as history:
        assert history.runs() == []
    assert f"{HERE}: Input/output error" in told[0]


def test_many_files_are_read_by_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.history.reading.MANY_FILES", 20)
    monkeypatch.setattr("speedgate.history.reading.usable_cores", lambda: 2)
    for night in range(40):
        a_run(tmp_path, night)
    save(tmp_path / "broken.json", "{")
    told = []
    with History(tmp_path, told.append) as history:
        assert nights(history.runs()) == list(range(39, -1, -1))
        assert [figures.name for figures in history.figures(history.latest())] == [NAME]
    assert "reading 41 runs" in told[0]
    assert "broken.json" in told[1]


def test_without_processes_to_read_with_one_reads_all(tmp_path, monkeypatch):
    class Broken:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def map(self, read, names, chunksize):
            yield read(names[0])
            raise BrokenProcessPool

        def shutdown(self, **_):
            pass

    monkeypatch.setattr("speedgate.history.reading._readers", lambda *_: Broken())
    for night in range(3):
        a_run(tmp_path, night)
    with History(tmp_path) as history:
        assert nights(history.runs()) == [2, 1, 0]


def test_without_a_cache_folder_the_index_is_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "file" / "cache"))
    a_run(tmp_path, 1)
    with History(tmp_path) as history:
        assert nights(history.runs()) == [1]


def test_a_history_lies_at_an_address(tmp_path):
    pytest.importorskip("fsspec", reason="fsspec (extra 'remote') is not installed")
    path = a_run(tmp_path, 1)
    with History("memory://a-history") as history:
        history.store.write(f"{path.parent.name}/{path.name}", path.read_bytes())
    with History("memory://a-history") as history:
        assert nights(history.runs()) == [1]
        assert history.read(history.latest()).rows()[0].case.id == CASE


# --- what is asked


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


def test_the_process_that_reads_has_no_leftovers(tmp_path):
    a_run(tmp_path, 1)
    with History(tmp_path):
        pass
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".sqlite", ".part")]
