"""Journals: what a run that was killed had measured."""

import json
import signal
import subprocess
import sys

import pytest
from helpers.machine import MadeMachine
from helpers.runs import CASE, ENVIRONMENT, FIRST, a_night, document, save

from speedgate.files import write_whole
from speedgate.history.format import encode_run
from speedgate.history.history import History
from speedgate.history.identity import environment_digest, environment_name
from speedgate.history.journal import Journal, look_at_journals, recover

MADE = json.loads(a_night())
HERE = environment_digest(ENVIRONMENT)
HEAD = {"datetime": FIRST.isoformat(), "speedgate": MADE["speedgate"] | {"judgements": []}}
KILLED = """
import json, os, signal, sys
from pathlib import Path
from speedgate.history.journal import Journal
head, benchmark = json.loads(sys.stdin.read())
journal = Journal(Path(sys.argv[1]), head)
journal.add_benchmark(benchmark)
journal._file.write(b'{"benchmark": {"name": "cut o')
journal._file.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def recovered(folder):
    """The messages while the journals below ``folder`` are looked at."""
    told = []
    recover(folder, told.append)
    return told


def test_a_run_whose_name_was_taken_meanwhile_has_another(tmp_path):
    """As where locks do not reach from one machine to another, and both share the folder."""
    journal = Journal(tmp_path / "env" / "a.part", HEAD)
    journal.target.write_bytes(b"what another machine made of the journal so far")
    saved = journal.save(MADE)
    journal.close()
    assert saved != journal.target
    assert MADE.items() <= json.loads(saved.read_bytes()).items()
    assert journal.target.read_bytes().startswith(b"what another")


def test_a_killed_session_leaves_what_it_measured_marked_incomplete(tmp_path):
    path = tmp_path / environment_name(ENVIRONMENT) / "night_000.part"
    told = json.dumps([HEAD, MADE["benchmarks"][0]])
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], input=told, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    lines = []
    with History(tmp_path, lines.append) as history:
        assert history.latest(HERE) is None
        (entry,) = history.runs(complete=False)
        (row,) = history.read(entry).rows()
    assert row.case.id == CASE
    assert "recovered" in lines[0]
    assert not path.exists()


def test_the_journal_of_a_session_that_lives_is_left_alone(tmp_path):
    journal = Journal(tmp_path / "env" / "a.part", HEAD)
    journal.add_benchmark(MADE["benchmarks"][0])
    assert recovered(tmp_path) == []
    assert journal.path.exists()
    journal.remove()
    assert not journal.path.exists()


def test_a_journal_without_a_measurement_makes_no_run(tmp_path):
    path = tmp_path / "env" / "a.part"
    path.parent.mkdir()
    path.write_bytes(encode_run(HEAD) + b"\n")
    assert recovered(tmp_path) == []
    assert list(path.parent.iterdir()) == []


def test_outcomes_alone_make_a_run(tmp_path):
    journal = Journal(tmp_path / "env" / "a.part", HEAD)
    journal.add_outcome({"name": "first", "threads": 2, "outcome": "not thread-safe"})
    journal.close()
    assert list(look_at_journals(tmp_path)) == [(journal.path, None)]
    (told,) = recovered(tmp_path)
    assert told.startswith(f"recovered {journal.target}: ")
    run = json.loads(journal.target.read_bytes())
    assert [outcome["name"] for outcome in run["speedgate"]["scale"]] == ["first"]


def test_how_far_a_census_came_takes_the_place_of_what_was_said_before(tmp_path):
    """And no more than that: a head without a census has none behind it either."""
    section = HEAD["speedgate"]
    census = {"functions": 1, "covered": 1, "cells": 2, "failed": {"old": "why"}}
    for number, head in enumerate((HEAD | {"speedgate": section | {"census": census}}, HEAD)):
        journal = Journal(tmp_path / "env" / f"{number}.part", head)
        journal.add_benchmark(MADE["benchmarks"][0])
        journal.add_census({"failed": {"old": "why"}, "seconds": 1.0})
        journal.add_census({"failed": {"new": "why"}, "seconds": 2.0})
        journal.close()
        recovered(tmp_path)
        told = json.loads(journal.target.read_bytes())["speedgate"].get("census")
        kept = census | {"failed": {"new": "why"}, "seconds": 2.0}
        assert told == (None if head is HEAD else kept)


@pytest.mark.parametrize(
    "content", [b"a film, half of it", b"\n", b"[]\n[]\n", b'{"speedgate": 1}\n{"section": {}}\n']
)
def test_what_is_no_journal_stays_and_is_told_of(tmp_path, content):
    path = tmp_path / "env" / "a.part"
    path.parent.mkdir()
    path.write_bytes(content)
    (told,) = recovered(tmp_path)
    assert "it is not a journal of speedgate; 'speedgate check --repair' moves it aside" in told
    assert [file.read_bytes() for file in path.parent.iterdir()] == [content]


# --- damaged journals


def named(number):
    name = f"bench_made[{number}]"
    return MADE["benchmarks"][0] | {"name": name, "fullname": f"bench/bench_made.py::{name}"}


def a_dead_journal(folder, benchmarks=2, place="env"):
    """The journal of a session that was killed once so many benchmarks were measured."""
    journal = Journal(folder / place / "a.part", HEAD)
    for number in range(benchmarks):
        journal.add_benchmark(named(number))
    journal.close()
    return journal.path


def of_an_older_version(folder, benchmarks=2):
    """As it was written before lines had digests."""
    path = folder / "env" / "a.part"
    lines = [HEAD, *({"benchmark": named(number)} for number in range(benchmarks))]
    save(path, "".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def damage(path, *lines, by=lambda line: line.replace(b'"name"', b"'name'", 1)):
    """Change some lines of a journal, by their numbers from 0; return its bytes."""
    whole = path.read_bytes().split(b"\n")
    for number in lines:
        assert by(whole[number]) != whole[number]
        whole[number] = by(whole[number])
    path.write_bytes(b"\n".join(whole))
    return path.read_bytes()


def names_in(path):
    return [entry["name"] for entry in json.loads(path.read_bytes())["benchmarks"]]


@pytest.mark.parametrize("made", [a_dead_journal, of_an_older_version])
def test_a_damaged_line_is_named_and_its_journal_is_kept(tmp_path, made):
    path = made(tmp_path)
    content = damage(path, 1)
    (told,) = recovered(tmp_path)
    run, kept = path.with_suffix(".json"), path.with_name("a.part.aside")
    assert told == (
        f"recovered {run}: its session was cut short, it is marked incomplete; "
        f"1 line of {path} cannot be read, so it is kept: {kept}"
    )
    assert names_in(run) == ["bench_made[1]"]
    assert kept.read_bytes() == content
    assert not path.exists()
    assert recovered(tmp_path) == []


@pytest.mark.parametrize("made", [a_dead_journal, of_an_older_version])
def test_of_a_journal_without_a_measurement_that_can_be_read_all_is_kept(tmp_path, made):
    path = made(tmp_path)
    content = damage(path, 1, 2)
    (told,) = recovered(tmp_path)
    assert told.startswith(f"left alone: {path}: 2 lines of it cannot be read, and no other tells")
    assert [file.read_bytes() for file in path.parent.iterdir()] == [content]


@pytest.mark.parametrize("made", [a_dead_journal, of_an_older_version])
def test_a_damaged_first_line_costs_no_figure(tmp_path, made):
    path = made(tmp_path)
    content = damage(path, 0, by=lambda line: line[:-10])
    (told,) = recovered(tmp_path)
    assert "its first line, which says where it was measured, cannot be read" in told
    assert "remove" not in told
    assert path.read_bytes() == content


def test_a_digit_that_changed_in_a_journal_is_seen(tmp_path):
    path = a_dead_journal(tmp_path)
    damage(path, 1, by=lambda line: line.replace(b"0.01", b"0.02", 1))
    assert "1 line of" in recovered(tmp_path)[0]
    assert names_in(path.with_suffix(".json")) == ["bench_made[1]"]


@pytest.mark.parametrize("place", range(0, 400, 13))
def test_wherever_a_byte_of_a_journal_changes_it_is_told_of(tmp_path, place):
    """From the last line backwards: it is whole, and ended."""
    path = a_dead_journal(tmp_path)
    data = bytearray(path.read_bytes())
    data[-2 - place] ^= 1
    path.write_bytes(data)
    (told,) = recovered(tmp_path)
    assert "cannot be read, so it is kept" in told
    assert names_in(path.with_suffix(".json")) == ["bench_made[0]"]


@pytest.mark.parametrize("made", [a_dead_journal, of_an_older_version])
@pytest.mark.parametrize("left", [0.1, 0.5, 0.99])
def test_a_last_line_that_was_not_ended_is_no_damage(tmp_path, made, left):
    path = made(tmp_path)
    *before, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(before) + last[: int(left * len(last))])
    (told,) = recovered(tmp_path)
    assert told.endswith("it is marked incomplete")
    assert names_in(path.with_suffix(".json")) == ["bench_made[0]"]
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]


# --- where journals lie


@pytest.mark.parametrize("place", [".", "env", "leg/env", "nightly/leg/env"])
def test_wherever_runs_are_read_journals_are_found_and_what_was_begun_is_swept_away(
    tmp_path, place
):
    """An environment's folder alone, and the folders of many jobs, are histories, too."""
    path = a_dead_journal(tmp_path, place=place)
    begun = path.with_name(".speedgate-0123456789abcdef.tmp")
    begun.write_bytes(b"what a killed writer had begun")
    assert list(look_at_journals(tmp_path)) == [(path, None)]
    (told,) = recovered(tmp_path)
    assert told.startswith(f"recovered {path.with_suffix('.json')}: ")
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]
    with History(tmp_path, pytest.fail) as history:
        (entry,) = history.runs(complete=False)
    assert entry.id == "a"


def test_a_damaged_journal_is_told_of_wherever_it_lies(tmp_path):
    path = a_dead_journal(tmp_path, place="nightly/leg/env")
    damage(path, 1)
    ((found, error),) = look_at_journals(tmp_path)
    assert found == path
    assert str(error) == "1 line of it cannot be read"


def test_journals_are_looked_for_where_runs_are_and_nowhere_else(tmp_path):
    """Links are followed, but not round in a circle; what is hidden is left alone."""
    path = a_dead_journal(tmp_path / "elsewhere")
    hidden = a_dead_journal(tmp_path / "results", place=".hidden/env")
    (tmp_path / "results" / "here").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "env" / "back").symlink_to(tmp_path / "results")
    (tmp_path / "results" / "self").symlink_to("self")
    (told,) = recovered(tmp_path / "results")
    assert "recovered" in told
    assert path.with_suffix(".json").exists()
    assert hidden.exists()


# --- what has the name of its run


def an_empty_file(run):
    run.touch()


def a_folder(run):
    run.mkdir()


def a_link_to_nothing(run):
    run.symlink_to("nowhere")


def a_run_with_less(run):
    save(run, document(MadeMachine(), CASE))


def a_run_that_is_cut_off(run):
    run.write_bytes(encode_run(MADE)[:-100])


@pytest.mark.parametrize(
    "taken",
    [an_empty_file, a_folder, a_link_to_nothing, a_run_with_less, a_run_that_is_cut_off],
)
def test_what_has_the_name_of_a_run_costs_none(tmp_path, taken):
    path = a_dead_journal(tmp_path)
    taken(path.with_suffix(".json"))
    (told,) = recovered(tmp_path)
    (run,) = path.parent.glob("a-*.json")
    assert told.startswith(f"recovered {run}: ")
    assert names_in(run) == ["bench_made[0]", "bench_made[1]"]
    assert not path.exists()


def test_a_recovery_that_was_killed_makes_no_second_run(tmp_path, monkeypatch):
    path = a_dead_journal(tmp_path)
    path.with_suffix(".json").touch()
    with monkeypatch.context() as patched:
        patched.setattr("speedgate.files.remove", lambda path: full())
        recovered(tmp_path)
    assert path.exists()
    assert recovered(tmp_path) == []
    assert not path.exists()
    assert len(list(path.parent.glob("a-*.json"))) == 1


def full(*_):
    raise OSError(28, "No space left on device")


def test_a_journal_whose_run_cannot_be_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "env" / "a.part"
    path.parent.mkdir()
    path.write_bytes(
        encode_run(HEAD) + b"\n" + encode_run({"benchmark": MADE["benchmarks"][0]}) + b"\n"
    )

    with monkeypatch.context() as patched:
        patched.setattr("speedgate.files.write_whole", full)
        assert "No space left" in recovered(tmp_path)[0]
    assert path.exists()
    assert "recovered" in recovered(tmp_path)[0]
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]


def test_two_journals_do_not_share_a_name(tmp_path):
    journal = Journal(tmp_path / "env" / "a.part", HEAD)
    with pytest.raises(FileExistsError):
        Journal(journal.path, HEAD)
    assert [path.name for path in journal.path.parent.iterdir()] == ["a.part"]
    journal.remove()


def test_a_journal_whose_run_is_there_only_goes(tmp_path):
    path = a_dead_journal(tmp_path)
    whole = MADE | {"benchmarks": [named(number) for number in range(3)]}
    write_whole(path.with_suffix(".json"), encode_run(whole))
    assert recovered(tmp_path) == []
    assert path.with_suffix(".json").read_bytes() == encode_run(whole)
    assert not path.exists()
