"""A project in a folder of its own, in which tests run pytest."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from speedgate.stats.case import Case

ROOT = Path(__file__).resolve().parents[2]
TESTS_FOLDER = str(ROOT / "tests")


class FixedMachine:
    """Answers what pytest-benchmark asks of machine and commit, which takes it a while."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_generate_machine_info(self) -> dict[str, Any]:
        return {
            "node": "made", "machine": "made", "processor": "made", "system": "made",
            "release": "1", "cpu": {"brand_raw": "made"}, "python_version": "3",
            "python_implementation": "made",
        }  # fmt: skip

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_generate_commit_info(self) -> dict[str, Any]:
        return {"id": "0" * 40, "dirty": False, "branch": "made", "project": "made"}


class Project:
    """A checkout of this repository, as far as benchmarks need it, or the beginnings of another."""

    def __init__(self, pytester: pytest.Pytester, plugins: tuple[str, ...]) -> None:
        self.pytester = pytester
        self.folder = pytester.path
        self.options = plugins

    @classmethod
    def checkout(cls, pytester: pytest.Pytester) -> "Project":
        """The benchmarks with their configuration; the plugin is loaded by the conftest."""
        for name in ("bench", "workloads"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, pytester.path / name, ignore=ignored)
        for name in ("conftest.py", "pyproject.toml"):
            shutil.copy(ROOT / name, pytester.path / name)
        return cls(pytester, ())

    @classmethod
    def other(cls, pytester: pytest.Pytester, plugins: tuple[str, ...]) -> "Project":
        """A project that has Speedgate installed and nothing configured but its benchmarks."""
        pytester.makeini(
            """
            [pytest]
            python_files = bench_*.py test_*.py
            python_functions = bench_* test_*
            addopts = --benchmark-autosave --benchmark-storage=file://saved --strict-markers
            """
        )
        return cls(pytester, plugins)

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process, where the machine may be a made-up one."""
        plugins = [FixedMachine()]
        return self.pytester.runpytest_inprocess(*self.options, *arguments, plugins=plugins)

    def run_really(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own, with real runners."""
        return self.pytester.runpytest_subprocess(*self.options, *arguments)

    def documents(self) -> list[dict[str, Any]]:
        """What the runs so far have saved, in order. NaN and infinities are no JSON."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        return [json.loads(path.read_text(), parse_constant=refuse) for path in self.files()]

    def files(self) -> list[Path]:
        """The files that runs have saved, in order."""
        return sorted(
            (
                path
                for folder in ("results", "saved")
                for path in (self.folder / folder).rglob("*.json")
            ),
            key=lambda path: path.name,
        )

    def document(self) -> dict[str, Any]:
        (document,) = self.documents()
        return document

    def info(self, case_id: str) -> dict[str, Any]:
        """A benchmark's entry of the only document, by the id of its case."""
        benchmarks = [
            benchmark
            for benchmark in self.document()["benchmarks"]
            if f"[{case_id}]" in benchmark["name"]
        ]
        assert len(benchmarks) == 1, f"{len(benchmarks)} benchmarks of {case_id}"
        return benchmarks[0]

    def verdicts(self) -> dict[str, str]:
        """``{"g-1e6-threads-2": "passed"}`` of the only document."""
        return {
            Case(**judgement["case"]).id: judgement["verdict"]
            for judgement in self.document()["speedgate"]["judgements"]
        }
