"""Files and stores: written whole, never over another, at an address as well."""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from helpers.runs import ENVIRONMENT, FIRST, a_night

from speedgate.files import begin, write_whole
from speedgate.history.format import encode_run
from speedgate.history.history import History, run_name
from speedgate.history.store import FolderStore, StoreError, open_store

MADE = json.loads(a_night())


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
