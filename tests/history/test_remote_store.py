"""A history at an address: what fails there is told, and is never taken for nothing."""

import errno
import os
import time

import pytest
from helpers.runs import a_run

from speedgate.files import PREFIX, STALE_SECONDS, TEMPORARY
from speedgate.history.history import History
from speedgate.history.store import MOST_LEVELS, open_store

memory = pytest.importorskip(
    "fsspec.implementations.memory", reason="fsspec (extra 'remote') is not installed"
)
LOCAL = "local://"


class OddError(Exception):
    """What the library of some kind of address raises."""


@pytest.fixture
def store(tmp_path):
    return open_store(f"{LOCAL}{tmp_path}/results")


@pytest.fixture
def fails(monkeypatch, store):
    """Have an operation of the address fail with an error, for paths that end in a text."""

    def fail(name, error, ending=""):
        operation = getattr(store._system, name)

        def failing(path, *arguments, **options):
            if str(path).endswith(ending):
                raise error
            return operation(path, *arguments, **options)

        monkeypatch.setattr(store._system, name, failing)

    return fail


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OddError("no route"), errno.EIO),
        (OddError(), errno.EIO),
        (PermissionError("Access Denied"), errno.EACCES),
        (TimeoutError(), errno.ETIMEDOUT),
        (NotImplementedError(), errno.ENOTSUP),
        (OSError(errno.ESTALE, "stale"), errno.ESTALE),
    ],
)
def test_whatever_an_address_fails_with_can_be_told(store, fails, error, number):
    store.write("a/run.json", b"1")
    fails("cat_file", error)
    with pytest.raises(OSError, match=rf"^\[Errno {number}\] \w+"):
        store.read("a/run.json")


def test_an_error_is_not_taken_for_a_file_that_is_not_there(store, fails):
    """``exists`` of fsspec does that, and what is there would be written over."""
    store.write("a/run.json", b"1")
    fails("info", OddError("no route"), "run.json")
    with pytest.raises(OSError, match="no route"):
        store.write("a/run.json", b"2")
    assert store.read("a/run.json") == b"1"


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, store, fails):
    """``find`` of fsspec leaves it out in silence, with all its runs."""
    path = a_run(tmp_path / "results", 1)
    environment = path.parent.name
    fails("ls", PermissionError("Access Denied"), environment)
    (entry,) = store.entries()
    assert (entry.name, entry.error) == (f"{environment}/", "Access Denied")


def test_a_history_whose_folder_cannot_be_listed_says_so(tmp_path, monkeypatch):
    a_run(tmp_path / "results", 1)
    system = open_store(f"{LOCAL}{tmp_path}")._system
    listed = type(system).ls

    def ls(self, path, *arguments, **options):
        if str(path).endswith("results"):
            return listed(self, path, *arguments, **options)
        raise OddError("no route")

    monkeypatch.setattr(type(system), "ls", ls)
    lines = []
    with History(f"{LOCAL}{tmp_path}/results", lines.append) as history:
        assert history.runs() == []
    assert [line for line in lines if "left out for now: " in line and "no route" in line]


def test_a_write_that_fails_leaves_nothing(tmp_path, store, fails):
    fails("mv", OddError("no route"))
    with pytest.raises(OSError, match="no route"):
        store.write("a/run.json", b"1")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path, store):
    store.write("a/run.json", b"1")
    old, new = (
        tmp_path / "results" / "a" / f"{PREFIX}{name}{TEMPORARY}" for name in ("old", "new")
    )
    for path in (old, new):
        path.write_bytes(b"half")
    then = time.time() - STALE_SECONDS - 60
    os.utime(old, (then, then))
    assert [entry.name for entry in store.entries()] == ["a/run.json"]
    store.write("a/another.json", b"2")
    assert (old.exists(), new.exists()) == (False, True)


def test_folders_without_an_end_are_named(store):
    store.write("a/" * (MOST_LEVELS + 1) + "run.json", b"1")
    store.write("b/run.json", b"1")
    entries = {entry.name: entry.error for entry in store.entries()}
    assert entries.pop("b/run.json") == ""
    ((name, error),) = entries.items()
    assert name.endswith("a/")
    assert f"more than {MOST_LEVELS} levels deep" in error


def test_what_a_server_lists_from_elsewhere_is_left_out(store, monkeypatch):
    store.write("a/run.json", b"1")
    listed = store._system.ls

    def ls(path, *arguments, **options):
        elsewhere = {"name": "/elsewhere/run.json", "type": "file", "size": 1}
        return [*listed(path, *arguments, **options), elsewhere, {**elsewhere, "name": path}]

    monkeypatch.setattr(store._system, "ls", ls)
    assert [entry.name for entry in store.entries()] == ["a/run.json"]


def test_a_store_in_memory_is_moved_aside_as_well():
    store = open_store("memory://set-aside")
    store.write("a/run.json", b"1")
    assert store.set_aside("a/run.json") == "memory://set-aside/a/run.json.aside"
    assert [entry.name for entry in store.entries()] == ["a/run.json.aside"]
