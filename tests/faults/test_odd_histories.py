"""Folders of runs as they are found now and then: cut short, linked, merged, with a newer index."""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.index_rows import index_rows, rebuilt_rows
from helpers.project import ROOT, TESTS_FOLDER
from helpers.runs import ENVIRONMENT, a_run

from speedgate.commands.main import main
from speedgate.files import PREFIX
from speedgate.history.cache import cache_folder
from speedgate.history.document import read_run
from speedgate.history.history import History
from speedgate.history.journal import SUFFIX
from speedgate.report.exit_code import ExitCode

RUNS = 50
SLOW = pytest.mark.slow
# Saves one run after the other, as sessions do, and names each that it has saved.
SAVES = """
import sys
from pathlib import Path
from types import SimpleNamespace
from helpers import disk_scenarios
finish = disk_scenarios.Recording.finish
def finish_and_tell(self, *arguments):
    finish(self, *arguments)
    print(self.saved, flush=True)
disk_scenarios.Recording.finish = finish_and_tell
print("begins", flush=True)
while True:
    disk_scenarios.save_a_run(Path(sys.argv[1]), [])
"""


@pytest.fixture
def results(tmp_path):
    for night in range(RUNS):
        a_run(tmp_path / "results", night)
    return tmp_path / "results"


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.json")}


def check_the_index(folder, fresh):
    """The index equals a fresh one, and nothing had to be left out."""
    lines = []
    with History(folder, lines.append) as history:
        assert index_rows(history) == rebuilt_rows(folder, fresh)
    assert [line for line in lines if line.startswith("left ")] == []


@pytest.mark.skipif(os.name == "nt", reason="killed by a signal that Windows lacks")
@pytest.mark.parametrize("number", [0, 1, *(pytest.param(n, marks=SLOW) for n in range(2, 20))])
def test_a_writer_killed_among_many_runs_loses_none_that_it_has_named(results, tmp_path, number):
    before = contents(results)
    path = os.pathsep.join([TESTS_FOLDER, str(ROOT)])
    writer = subprocess.Popen(
        [sys.executable, "-c", SAVES, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout.readline() == "begins\n"
    time.sleep(random.Random(number).uniform(0.0, 0.3))
    writer.send_signal(signal.SIGKILL)
    named, _ = writer.communicate()
    check_the_index(results, tmp_path / "fresh")
    for saved in map(Path, named.splitlines()):
        assert read_run(saved).is_complete
    assert before.items() <= contents(results).items()
    left = [path for path in results.rglob("*") if path.name.startswith(PREFIX)]
    assert left + list(results.rglob(f"*{SUFFIX}")) == []
    assert main(["check", "--history", str(results)]) == 0


# --- links


@pytest.fixture
def dangling(tmp_path):
    link = tmp_path / "results"
    try:
        link.symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("a link asks for rights here")
    return link


@pytest.mark.parametrize("command", ["report", "history", "check", "page"])
def test_a_history_that_is_a_link_to_nothing_is_not_called_empty(
    dangling, tmp_path, capsys, command
):
    where = {"report": [dangling], "page": [dangling, "-o", tmp_path / "site"]}
    words = where.get(command, ["--history", dangling])
    assert main([command, *map(str, words)]) == ExitCode.NOT_DONE
    assert "there is a link that leads nowhere" in capsys.readouterr().err


def test_what_is_imported_into_a_link_to_nothing_says_so(dangling, tmp_path, capsys):
    plain = tmp_path / "plain.json"
    benchmark = {"name": "plain", "fullname": "plain", "stats": {"median": 0.1}}
    plain.write_text(json.dumps({"datetime": "2026-11-01T02:00:00", "benchmarks": [benchmark]}))
    assert main(["import", str(plain), "--history", str(dangling)]) == ExitCode.NOT_DONE
    assert "there is a link that leads nowhere" in capsys.readouterr().err


# --- merging


def test_two_histories_that_are_copied_into_each_other_are_the_same(tmp_path, monkeypatch):
    """Whatever lies in them: runs of each machine, an acceptance, what a killed writer left."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, cpu in ((here, "A CPU"), (there, "Another CPU")):
        for night in range(3):
            path = a_run(folder, night, ENVIRONMENT | {"cpu": cpu})
        (path.parent / f"{PREFIX}half.tmp").write_bytes(b"half")
        monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / f"cache of {folder.name}"))
        assert main(["accept", str(path), "--why", "meant", "--history", str(folder)]) == 0
    merged = contents(here) | contents(there)
    for _ in range(2):  # a second time there is nothing to do
        shutil.copytree(there, here, dirs_exist_ok=True)
        shutil.copytree(here, there, dirs_exist_ok=True)
        for folder in (here, there):
            monkeypatch.setenv("SPEEDGATE_CACHE", str(tmp_path / f"cache of {folder.name}"))
            check_the_index(folder, tmp_path / "fresh")
            assert contents(folder) == merged
            with History(folder) as history:
                assert sorted(entry.runs for entry in history.environments()) == [3, 3]
                assert sum(run.accepted is not None for run in history.runs()) == 2


# --- an index of a newer version


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (a, b)",
        "CREATE VIEW more AS SELECT * FROM runs",
        "CREATE TABLE more (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "ALTER TABLE runs ADD COLUMN more TEXT",
        "ALTER TABLE runs RENAME TO nights; CREATE VIEW runs AS SELECT * FROM nights",
        "DROP TABLE figures",
        "PRAGMA journal_mode = DELETE",
    ],
)
def test_an_index_of_a_newer_version_is_made_anew(tmp_path, change):
    for night in range(2):
        a_run(tmp_path / "results", night)
    with History(tmp_path / "results"):
        pass
    (path,) = (cache_folder() / "index").glob("*.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{change}; PRAGMA user_version = {2**31 - 1}")
    check_the_index(tmp_path / "results", tmp_path / "fresh")
