"""The run of ``scale`` in the making: its journal holds every outcome once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.machine import MadeMachine
from helpers.runs import measured

from speedgate.history.journal import read_journal, recover
from speedgate.history.scale_recording import ScaleRecording
from speedgate.measuring.scaling import Scaled, ScaleOutcome
from speedgate.measuring.targets import Benchmark
from speedgate.runner.messages import ASV, Target
from speedgate.stats.case import Case

SETTINGS = {"scale": "project", "blas_threads": 1}
CASE = Case("g", 1_000_000, "threads", 2)


def scaled(name: str, outcome: ScaleOutcome, **more: Any) -> Scaled:
    return Scaled(Benchmark(name, name, Target(ASV)), CASE, outcome, "why", **more)


def well(name: str) -> Scaled:
    return scaled(name, ScaleOutcome.MEASURED, measurement=measured(MadeMachine(), CASE))


def refused(name: str) -> Scaled:
    return scaled(name, ScaleOutcome.CANNOT)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[ScaleRecording]:
    """One that is never finished: its journal is closed, as the system does it at the end."""
    recording = ScaleRecording(tmp_path, SETTINGS)
    yield recording
    assert recording._journal is not None
    recording._journal.close()


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
    assert recording._journal is not None
    recording._journal.close()  # as the system closes it for a process that is killed
    told: list[str] = []
    recover(tmp_path, told.append)
    assert "marked incomplete" in told[0]
    [file] = tmp_path.glob("*/*.json")
    assert '"third"' in file.read_text()


def test_where_nothing_was_measured_there_is_no_run(tmp_path: Path) -> None:
    recording = ScaleRecording(tmp_path, SETTINGS)
    recording.add(refused("first"))
    assert recording.finish([], complete=True) == (None, "")
    assert not list(tmp_path.iterdir())
