"""The run of ``scale`` in the making: its journal holds every outcome once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.project import ROOT, TESTS_FOLDER
from helpers.scaled import CASE, SETTINGS, refused, scaled, well

from speedgate.history import kept_run
from speedgate.history.document import read_run
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.journal import Journal, read_journal, recover
from speedgate.history.scale_recording import ScaleRecording
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.scale_gate import GATE
from speedgate.measuring.scaling import ScaleOutcome


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[ScaleRecording]:
    """One that is never finished: its journal is closed, as the system does it at the end."""
    recording = ScaleRecording(tmp_path, SETTINGS)
    yield recording
    assert recording._run is not None
    recording._run.close()


def journal_of(folder: Path) -> Path:
    [journal] = folder.glob("*/*.part")
    return journal


def test_a_journal_holds_what_could_not_be_measured_before_and_after(
    recording: ScaleRecording, tmp_path: Path
) -> None:
    for made in (refused("first"), well("second"), refused("third")):
        recording.add(made)
    document = read_journal(journal_of(tmp_path).read_bytes())
    assert document is not None
    names = [entry["name"] for entry in document["speedgate"]["scale"]]
    assert names == ["first", "second", "third"]
    assert not document["speedgate"]["complete"]


def test_a_journal_grows_by_as_much_with_every_benchmark(
    recording: ScaleRecording, tmp_path: Path
) -> None:
    """NumPy's suite has 8,151: a journal that repeats what it holds would fill the disk."""
    sizes = []
    for number in range(10, 16):
        recording.add(well(f"time_{number}"))
        sizes.append(journal_of(tmp_path).stat().st_size)
    grown = [later - earlier for earlier, later in pairwise(sizes)]
    assert max(grown) - min(grown) < 100


def test_a_session_that_was_killed_leaves_a_run_with_its_outcomes(tmp_path: Path) -> None:
    recording = ScaleRecording(tmp_path, SETTINGS)
    recording.add(well("second"))
    recording.add(refused("third"))
    assert recording._run is not None
    recording._run.close()  # as the system closes it for a process that is killed
    told: list[str] = []
    recover(tmp_path, told.append)
    assert "marked incomplete" in told[0]
    [file] = tmp_path.glob("*/*.json")
    assert '"third"' in file.read_text()


DESCRIBED = {"python": "3.12.1", "libraries": {}}
KILLED = """
import os, signal, sys
from pathlib import Path
from helpers.scaled import SETTINGS, refused, scaled
from speedgate.history.scale_recording import ScaleRecording
from speedgate.measuring.scaling import ScaleOutcome
recording = ScaleRecording(Path(sys.argv[1]), SETTINGS)
recording.add(refused("first"))
recording.add(scaled("second", ScaleOutcome.NOT_THREAD_SAFE))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="killed by a signal that Windows lacks")
def test_what_was_found_out_before_anything_was_measured_outlives_a_kill(tmp_path: Path) -> None:
    """An hour of benchmarks that are not thread-safe is an hour of work."""
    path = os.pathsep.join([TESTS_FOLDER, str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    told: list[str] = []
    recover(tmp_path, told.append)
    assert "marked incomplete" in told[0]
    [file] = tmp_path.glob("*/*")
    run = read_run(file)
    assert not run.is_complete
    assert [(entry.name, entry.outcome) for entry in run.section.scale] == [
        ("first", "cannot be measured"),
        ("second", "not thread-safe"),
    ]
    with History(tmp_path, pytest.fail) as history:
        assert [entry.id for entry in history.runs(complete=False)] == [file.stem]


def test_the_environment_is_that_of_the_first_runner_that_measured(tmp_path: Path) -> None:
    """What was described before is another one: its journal goes once all of it is in the new."""
    recording = ScaleRecording(tmp_path, SETTINGS, DESCRIBED)
    recording.add(refused("first"))
    described = journal_of(tmp_path)
    recording.add(well("second"))
    measured = journal_of(tmp_path)
    assert measured.parent != described.parent
    recording.add(refused("third"))
    file, trouble = recording.finish([], complete=True)
    assert (file, trouble) == (measured.with_suffix(".json"), "")
    assert list(tmp_path.glob("*/*")) == [file]
    names = [entry.name for entry in read_run(file).section.scale]
    assert names == ["first", "second", "third"]


def test_what_cannot_be_described_waits_for_a_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def describe(blas_threads: int) -> Any:
        asked.append(blas_threads)
        raise HistoryError("made cannot describe itself")

    monkeypatch.setattr("speedgate.history.scale_recording.describe_runner", describe)
    recording = ScaleRecording(tmp_path, SETTINGS)
    recording.add(refused("first"))
    recording.add(refused("second"))
    assert len(asked) == 1
    assert recording.finish([], complete=True)[1].startswith(f"not saved: {tmp_path} (made cannot")
    recording.add(well("third"))
    file, _ = recording.finish([], complete=True)
    assert file is not None
    names = [entry.name for entry in read_run(file).section.scale]
    assert names == ["first", "second", "third"]


def test_where_nothing_could_be_measured_the_run_has_the_reasons(tmp_path: Path) -> None:
    recording = ScaleRecording(tmp_path, SETTINGS, DESCRIBED)
    recording.add(refused("first"))
    recording.add(scaled("second", ScaleOutcome.NOT_THREAD_SAFE))
    judgement = Judgement(GATE, CASE, Verdict.NOT_EVALUATED, "why")
    file, trouble = recording.finish([judgement], complete=True)
    assert (file is not None, trouble) == (True, "")
    run = read_run(file)
    assert run.is_complete
    assert run.rows() == []
    kept = [(entry.name, entry.outcome, entry.reason) for entry in run.section.scale]
    assert kept == [
        ("first", "cannot be measured", "why"),
        ("second", "not thread-safe", "why"),
    ]
    assert [one.verdict for one in run.judgements] == [Verdict.NOT_EVALUATED]
    with History(tmp_path, pytest.fail) as history:
        assert [entry.id for entry in history.runs()] == [file.stem]


def test_where_nothing_was_begun_there_is_no_run(tmp_path: Path) -> None:
    assert ScaleRecording(tmp_path, SETTINGS).finish([], complete=False) == (None, "")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def full_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full for the first journal, and has room afterwards."""
    left = [Journal]

    def begin(path: Path, head: Any) -> Journal:
        if left:
            left.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        return Journal(path, head)

    monkeypatch.setattr(kept_run, "Journal", begin)


@pytest.mark.usefixtures("full_once")
def test_a_disk_that_was_full_for_the_journal_costs_nothing_at_the_end(tmp_path: Path) -> None:
    recording = ScaleRecording(tmp_path, SETTINGS)
    recording.add(well("only"))
    file, trouble = recording.finish([], complete=True)
    assert trouble == ""
    assert file is not None
    assert [row.case for row in read_run(file).rows()] == [CASE]
    assert list(tmp_path.glob("*/*.part")) == []


@pytest.mark.usefixtures("full_once")
def test_what_met_a_full_disk_is_in_the_journal_with_the_next(
    recording: ScaleRecording, tmp_path: Path
) -> None:
    first, second = well("first"), well("second")
    second.case = replace(CASE, workers=4)
    recording.add(first)
    recording.add(second)
    document = read_journal(journal_of(tmp_path).read_bytes())
    assert document is not None
    assert [entry["name"] for entry in document["speedgate"]["scale"]] == ["first", "second"]
    assert [entry["param"] for entry in document["benchmarks"]] == [first.case.id, second.case.id]
