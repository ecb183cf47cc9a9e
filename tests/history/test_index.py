"""The index: it follows its files, and is made anew when it is damaged."""

import errno
import json
import multiprocessing
import os
import sqlite3
import stat
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import pytest
from helpers.index_rows import index_rows, rebuilt_rows
from helpers.runs import CASE, ENVIRONMENT, HERE, NAME, a_run, nights, save

from speedgate import files
from speedgate.commands.main import main
from speedgate.history.history import History
from speedgate.history.index_file import APPLICATION, is_cut_off
from speedgate.history.reading import read_many
from speedgate.history.store import FolderStore
from speedgate.report.exit_code import ExitCode


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


# --- what has the name of the index and is none


def a_foreign_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (value)")
        connection.execute("INSERT INTO precious VALUES (1)")
        connection.commit()
    return path


def one_that_is_cut_off(path):
    data = a_foreign_database(path).read_bytes()
    path.write_bytes(data[:-100])


def a_link_to_one(path):
    path.symlink_to(a_foreign_database(path.with_name("foreign")))


def a_link_to_nothing(path):
    path.symlink_to(path.with_name("nothing"))


def a_log_that_is_a_link(path):
    foreign = path.with_name("foreign")
    foreign.write_bytes(b"precious")
    path.with_name(f"{path.name}-wal").symlink_to(foreign)


def a_folder(path):
    path.mkdir()
    (path / "precious").touch()


def a_pipe(path):
    os.mkfifo(path)


def things(folder):
    """What lies in a folder: the content of a file, where a link leads, or what kind it is."""
    there = {}
    for path in folder.iterdir():
        kind = stat.S_IFMT(path.lstat().st_mode)
        content = path.read_bytes() if stat.S_ISREG(kind) else None
        there[path.name] = (kind, content, path.readlink() if stat.S_ISLNK(kind) else None)
    return there


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
@pytest.mark.parametrize(
    ("put", "words"),
    [
        (a_foreign_database, "is a database of another program"),
        (one_that_is_cut_off, "is a database of another program, and cut off"),
        (a_link_to_one, "is a link"),
        (a_link_to_nothing, "is a link"),
        (a_log_that_is_a_link, "-wal is a link"),
        (a_folder, "is no file"),
        (a_pipe, "is no file"),
    ],
)
def test_what_is_no_index_is_not_touched(tmp_path, monkeypatch, capsys, put, words):
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    path = made_index(tmp_path, 2)
    path.unlink()
    put(path)
    before = things(path.parent)
    for _ in range(2):
        told = []
        with History(tmp_path / "results", told.append) as history:
            assert sorted(nights(history.runs())) == [0, 1]
        (line,) = told
        assert line.startswith(f"the index {path}")
        assert line.endswith(f"{words}: it is not used; 'speedgate check --repair' moves it aside")
        assert things(path.parent) == before
    where = ["--history", str(tmp_path / "results")]
    assert main(["check", *where]) == ExitCode.BAD
    assert words in capsys.readouterr().out
    assert things(path.parent) == before
    assert main(["check", "--repair", *where]) == ExitCode.BAD
    after = things(path.parent)
    for name, thing in before.items():
        assert after[f"{name}.aside" if name.startswith(path.name) else name] == thing
    assert main(["check", *where]) == ExitCode.WELL
    assert path.is_file()


def test_an_index_that_does_not_say_whose_it_is_is_known_by_its_tables(tmp_path, monkeypatch):
    """As those of older versions."""
    monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / "cache"))
    path = made_index(tmp_path, 2)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 0")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("DELETE FROM runs")
        connection.commit()
    told = []
    with History(tmp_path / "results", told.append) as history:
        assert sorted(nights(history.runs())) == [0, 1]
        assert history.index.query("PRAGMA application_id", (), tuple) == [(APPLICATION,)]
    assert told == []


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


ERRORS = [
    BrokenProcessPool(),
    PermissionError(errno.EACCES, "Permission denied"),
    BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    OSError(errno.ENOSPC, "No space left on device"),
    RuntimeError("can't start new thread"),
    NotImplementedError("no semaphores"),
]


class Broken:
    """A pool that ends after the first file."""

    def __init__(self, error):
        self.error = error

    def map(self, read, names, chunksize):
        yield read(names[0])
        raise self.error

    def shutdown(self, **_):
        pass


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("begins", [True, False])
def test_without_others_to_read_with_one_reads_all(tmp_path, monkeypatch, error, begins):
    def readers(*_):
        if begins:
            return Broken(error)
        raise error

    monkeypatch.setattr("speedgate.history.reading._readers", readers)
    for night in range(3):
        a_run(tmp_path, night)
    told = []
    with History(tmp_path, told.append) as history:
        assert nights(history.runs()) == [2, 1, 0]
    assert told == []


class EndsBadly(Broken):
    """A pool that reads, and at whose end no thread can be started."""

    def map(self, read, names, chunksize):
        return map(read, names)

    def shutdown(self, **_):
        raise type(self.error)(*self.error.args)


@pytest.mark.filterwarnings("error")
def test_who_leaves_in_the_middle_of_a_history_is_given_no_more(tmp_path, monkeypatch):
    """Not even where the pool of readers cannot be ended: nobody would take what is read then."""
    pool = EndsBadly(RuntimeError("can't start new thread"))
    monkeypatch.setattr("speedgate.history.reading._readers", lambda *_: pool)
    for night in range(3):
        a_run(tmp_path, night)
    store = FolderStore(tmp_path)
    names = [entry.name for entry in store.entries()]
    reading = read_many(store, names)
    assert next(reading) is not None
    reading.close()
    assert len(list(read_many(store, names))) == 3


def no_thread(thread):
    raise RuntimeError("can't start new thread")


def no_process(*_):
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize(
    ("what", "refused"),
    [
        ("threading.Thread.start", no_thread),
        ("multiprocessing.context.SpawnProcess._Popen", no_process),
    ],
)
def test_where_nothing_can_be_started_a_long_history_is_read(tmp_path, monkeypatch, what, refused):
    monkeypatch.setattr("speedgate.history.reading.MANY_FILES", 20)
    monkeypatch.setattr("speedgate.history.reading.usable_cores", lambda: 2)
    for night in range(40):
        a_run(tmp_path, night)
    monkeypatch.setattr(what, refused)
    told, before = [], set(multiprocessing.active_children())
    with History(tmp_path, told.append) as history:
        assert nights(history.runs()) == list(range(39, -1, -1))
    assert told == [f"reading 40 runs of {tmp_path} into the index, once"]
    assert set(multiprocessing.active_children()) <= before


def test_where_no_thread_can_be_started_an_address_is_read(tmp_path, monkeypatch):
    pytest.importorskip("fsspec", reason="fsspec (extra 'remote') is not installed")
    for night in range(3):
        a_run(tmp_path, night)
    monkeypatch.setattr("threading.Thread.start", no_thread)
    with History(f"local://{tmp_path}") as history:
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


def test_the_process_that_reads_has_no_leftovers(tmp_path):
    a_run(tmp_path, 1)
    with History(tmp_path):
        pass
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".sqlite", ".part")]
