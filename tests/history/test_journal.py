"""Journals: what a run that was killed had measured."""

import json
import signal
import subprocess
import sys

import pytest
from helpers.runs import CASE, ENVIRONMENT, FIRST, a_night

from speedgate.files import write_whole
from speedgate.history.format import encode_run
from speedgate.history.history import History
from speedgate.history.identity import environment_digest, environment_name
from speedgate.history.journal import Journal, recover

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


@pytest.mark.parametrize(
    "content", [b"a film, half of it", b"\n", b"[]\n[]\n", b'{"speedgate": 1}\n{"benchmark": {}}\n']
)
def test_what_is_no_journal_stays_and_is_told_of(tmp_path, content):
    path = tmp_path / "env" / "a.part"
    path.parent.mkdir()
    path.write_bytes(content)
    assert "not a journal of speedgate" in recovered(tmp_path)[0]
    assert [file.read_bytes() for file in path.parent.iterdir()] == [content]


def test_a_journal_whose_run_cannot_be_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "env" / "a.part"
    path.parent.mkdir()
    path.write_bytes(
        encode_run(HEAD) + b"\n" + encode_run({"benchmark": MADE["benchmarks"][0]}) + b"\n"
    )

    def full(*_):
        raise OSError(28, "No space left on device")

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
    path = tmp_path / "env" / "a.part"
    write_whole(path.with_suffix(".json"), b"the run")
    path.write_bytes(
        encode_run(HEAD) + b"\n" + encode_run({"benchmark": MADE["benchmarks"][0]}) + b"\n"
    )
    assert recovered(tmp_path) == []
    assert path.with_suffix(".json").read_bytes() == b"the run"
    assert not path.exists()
