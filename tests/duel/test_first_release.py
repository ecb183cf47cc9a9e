"""The answers of ``speedgate since``: many write to one file, and damage in it is named."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest

from speedgate import files
from speedgate.duel import first_release
from speedgate.duel.first_release import (
    FirstRelease,
    KeptAnswers,
    first_releases,
    keep_first_release,
    look_at_answers,
    set_answers_aside,
)

ONE = FirstRelease("2026-11-27", "numpy", "1.0", "1.8", "g-1e3", "worse", "1.4", "1.6")
OTHER = replace(ONE, case="f-1e3", between={"1.5": "no wheel"})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "since.jsonl"


def kept(folder):
    """The answers below a folder, and what is said of those that cannot be read."""
    told = []
    return first_releases(folder, told.append), told


@pytest.mark.parametrize("place", [".", "leg", "nightly/leg", "site/nightly/leg/more"])
def test_what_is_kept_is_read_again_from_any_folder_above(tmp_path, place):
    keep_first_release(tmp_path / place, ONE)
    keep_first_release(tmp_path / place, OTHER)
    assert kept(tmp_path) == ([ONE, OTHER], [])
    assert (ONE.text, OTHER.text) == ("1.6", "after 1.4, by 1.6")


def test_a_line_of_an_older_version_has_no_digest_and_is_read(path):
    path.write_text(json.dumps(asdict(ONE)) + "\n")
    keep_first_release(path.parent, OTHER)
    assert kept(path.parent) == ([ONE, OTHER], [])


@pytest.mark.parametrize("place", range(0, 190, 7))
def test_wherever_a_byte_changes_the_line_is_left_out_and_named(path, place):
    keep_first_release(path.parent, ONE)
    keep_first_release(path.parent, OTHER)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    answers, (told,) = kept(path.parent)
    assert answers == [OTHER]
    assert told.startswith(f"left out: 1 line of {path} cannot be read; 'speedgate check --repair'")


@pytest.mark.parametrize("left", [1, 40, -1])
def test_behind_half_a_line_of_a_killed_writer_a_new_one_begins(path, left):
    keep_first_release(path.parent, ONE)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:left])
    assert kept(path.parent)[1] == [], "what was not ended is no line yet"
    keep_first_release(path.parent, OTHER)
    answers, told = kept(path.parent)
    assert answers[0] == ONE
    assert answers[-1] == OTHER
    assert len(answers) + len(told) == 3


def test_a_line_that_the_disk_takes_in_part_is_taken_back(path, monkeypatch):
    keep_first_release(path.parent, ONE)
    before = path.read_bytes()
    write = files.write

    def write_half(file, data):
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return write(file, data[:40])

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", write_half)
        with pytest.raises(OSError, match="No space left"):
            keep_first_release(path.parent, OTHER)
    assert path.read_bytes() == before


def test_writers_at_once_lose_nothing(path):
    answers = [replace(ONE, case=f"g-{number}") for number in range(60)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: keep_first_release(path.parent, one), answers))
    there, told = kept(path.parent)
    assert sorted(there, key=str) == sorted(answers, key=str)
    assert told == []


@pytest.mark.skipif(not files.HAS_LOCKS, reason="there are no locks here")
def test_who_writes_is_waited_for_and_not_for_ever(path, monkeypatch):
    keep_first_release(path.parent, ONE)
    monkeypatch.setattr(first_release, "PATIENCE_SECONDS", 0.1)
    other = path.open("ab")
    assert files.lock(other)
    with pytest.raises(OSError, match="another process keeps it locked"):
        keep_first_release(path.parent, OTHER)
    other.close()
    keep_first_release(path.parent, OTHER)
    assert kept(path.parent) == ([ONE, OTHER], [])


@pytest.mark.skipif(not files.HAS_LOCKS, reason="there are no locks here")
def test_what_is_moved_aside_meanwhile_gets_no_answer(path, monkeypatch):
    """Its writer waited for the lock of a file that is none of the answers by then."""
    keep_first_release(path.parent, ONE)
    lock, locked = files.lock, []

    def lock_late(file):
        if not locked:
            path.rename(path.with_suffix(".aside"))
        locked.append(file)
        return lock(file)

    monkeypatch.setattr(files, "lock", lock_late)
    keep_first_release(path.parent, OTHER)
    assert kept(path.parent) == ([OTHER], [])


def test_damaged_lines_are_moved_aside_and_the_others_stay(path):
    keep_first_release(path.parent, ONE)
    with path.open("ab") as file:
        file.write(b"half a line\n")
    keep_first_release(path.parent, OTHER)
    before = path.read_bytes()
    assert set_answers_aside(path) == f"{path}.aside"
    assert path.with_name("since.jsonl.aside").read_bytes() == before
    assert list(look_at_answers(path.parent)) == [(path, KeptAnswers((ONE, OTHER), 0))]


def test_what_is_no_file_is_named_and_not_written_to(path):
    path.mkdir()
    answers, (told,) = kept(path.parent)
    assert answers == []
    assert told.startswith(f"left out: {path} cannot be read (")
    with pytest.raises(OSError, match="no file"):
        keep_first_release(path.parent, ONE)
