"""The fixtures of the tests of ``scale``: folders with suites of both kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.scale_suites import COMMON, SUITE, TESTS
from speedgate.measuring import scale_run


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes take no time to speak of; only figures do, and none is looked at here."""
    monkeypatch.setattr(scale_run, "EACH_SECONDS", 0.2)
    monkeypatch.setattr(scale_run, "HELD_SECONDS", scale_run.SHOWN_HELD_SECONDS)
    monkeypatch.setattr(scale_run, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(scale_run, "SHORT_PROBE_SECONDS", 0.2)
    # Processes beyond these only narrow an interval until a gate is sure.
    monkeypatch.setattr(scale_run, "most_processes", lambda judged: scale_run.MIN_PROCESSES)


@pytest.fixture
def tests(briefly: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "common.py").write_text(COMMON)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def suite(briefly: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("asv_runner")
    folder = tmp_path / "some_suite"
    folder.mkdir()
    (tmp_path / "asv.conf.json").write_text('{"benchmark_dir": "some_suite", // here\n}')
    (folder / "__init__.py").touch()
    (folder / "common.py").write_text(COMMON)
    (folder / "bench_some.py").write_text(SUITE)
    (folder / "bench_broken.py").write_text("import nothing_of_this_name\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
