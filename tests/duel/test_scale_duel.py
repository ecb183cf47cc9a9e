"""``duel --scale``: a project's benchmarks in two builds, and which options go together."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from speedgate.__main__ import main
from speedgate.duel.scale_selection import refuse_mixture
from speedgate.measuring.selection import OptionError

TESTS = """
import hashlib, time
INSIDE = []

def test_digest(benchmark):
    benchmark(lambda: hashlib.sha256(bytes(100_000)).digest())

def test_races(benchmark):
    def call():
        INSIDE.append(1)
        time.sleep(0.001)
        alone = len(INSIDE) == 1
        INSIDE.pop()
        return alone
    benchmark(call)
"""


def options(**given: Any) -> argparse.Namespace:
    names = ("scale", "workloads", "sizes", "strategies", "workers", "blas_threads")
    names += ("threads", "expression", "sample")
    return argparse.Namespace(**(dict.fromkeys(names) | given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scale": ["bench"], "workloads": "g"}, "--workloads"),
        ({"scale": ["bench"], "blas_threads": "1"}, "--blas-threads"),
        ({"threads": "2"}, "--threads"),
        ({"expression": "sum"}, "-k"),
    ],
)
def test_options_of_two_kinds_of_selection_are_refused(given: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        refuse_mixture(options(**given))


def test_options_of_one_kind_are_not() -> None:
    refuse_mixture(options(scale=["bench"], threads="2", sample="3"))
    refuse_mixture(options(workloads="g", workers="2"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def duel(project: Path, expression: str) -> int:
    builds = [sys.executable, f"other={sys.executable} PYTHONDONTWRITEBYTECODE=1"]
    where = ["--results", str(project / "results"), "--format", "json"]
    return main(
        ["duel", *builds, "--scale", "test_some.py", "-k", expression, "--budget", "1", *where]
    )


def test_the_benchmarks_of_a_project_are_measured_in_both_builds(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duel(project, "digest") == 0
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["case"]["workload"] == "test_some.py::test_digest"
    assert finding["verdict"] in ("same", "inconclusive", "better", "worse")
    assert len(list(project.glob("results/*/*.json"))) == 2


def test_what_is_not_thread_safe_fails_in_both(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert duel(project, "races") == 1  # nothing was measured
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["verdict"] == "failed"
    assert "another result in threads" in finding["reason"]


OF_A_PACKAGE = """
from mypackage import work

def test_work(benchmark):
    benchmark(work)
"""
INSTALLED = """
import hashlib

def work():
    return hashlib.sha256(bytes(100_000)).digest()
"""


@pytest.mark.parametrize(
    "others", [(), ("tests/__init__.py",), ("tests/__init__.py", "tests/conftest.py")]
)
def test_a_build_is_measured_and_not_the_checkout(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    others: tuple[str, ...],
) -> None:
    files = {"mypackage/__init__.py": "raise RuntimeError('of the checkout')"}
    files |= {"tests/test_work.py": OF_A_PACKAGE, "pytest.ini": "[pytest]"}
    for name, text in (files | dict.fromkeys(others, "")).items():
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for side in ("base", "head"):
        package = tmp_path / side / "mypackage"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(INSTALLED)
    monkeypatch.chdir(tmp_path / "checkout")
    builds = [f"{side}={sys.executable} PYTHONPATH={tmp_path / side}" for side in ("base", "head")]
    where = ["--results", str(tmp_path / "results"), "--format", "json"]
    code = main(["duel", *builds, "--scale", "tests", "--budget", "1", "--allow-same", *where])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    [finding] = json.loads(shown.out)["findings"]
    assert finding["signals"], finding["reason"]
