"""Results of asv, as many as a history has runs: what `asv publish` is timed on.

asv asks git for the commit of each result, so that a repository with as many commits is made, too.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Json = dict[str, Any]

MACHINE, ENVIRONMENT = "made", "existing-py_usr_bin_python3"
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
AUTHOR = "made <made@example.org>"
BRANCH = "main"
# What asv 0.6 writes, in its order: docs/source/dev.rst of asv.
RESULT_COLUMNS = (
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
    "stats_q_25", "stats_q_75", "stats_number", "stats_repeat",
)  # fmt: skip
CONFIGURATION = {
    "version": 1,
    "project": "made",
    "repo": "repository",
    "branches": [BRANCH],
    "environment_type": "existing",
    "benchmark_dir": "benchmarks",
    "results_dir": "results",
    "html_dir": "html",
}


def make_suite(folder: Path, runs: int, benchmarks: int, seed: int) -> None:
    """Write a suite of asv with its results: nights of one machine, 3% apart, with a step of 20%
    in the middle."""
    numbers = random.Random(seed)
    names = [f"made.time_{number}" for number in range(benchmarks)]
    results = folder / "results" / MACHINE
    results.mkdir(parents=True)
    (folder / "benchmarks").mkdir()
    _write(folder / "asv.conf.json", CONFIGURATION)
    _write(folder / "results" / "benchmarks.json", _declared(names))
    _write(results / "machine.json", {"machine": MACHINE, "version": 1})
    for night, commit in enumerate(make_commits(folder / "repository", runs)):
        step = 1.2 if night > runs // 2 else 1.0
        seconds = {name: step * numbers.lognormvariate(-5, 0.03) for name in names}
        _write(results / f"{commit[:8]}-{ENVIRONMENT}.json", _night(night, commit, seconds))


def make_commits(folder: Path, count: int) -> list[str]:
    """Make a repository with ``count`` commits on its branch; return them, the oldest first."""
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", BRANCH, folder], check=True)
    stream = "".join(_commits(count)).encode()
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=stream, check=True)
    log = ["git", "rev-list", "--reverse", BRANCH]
    return subprocess.run(
        log, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.split()


def _commits(count: int) -> Iterator[str]:
    for number in range(count):
        when = int((FIRST + timedelta(days=number)).timestamp())
        yield f"commit refs/heads/{BRANCH}\ncommitter {AUTHOR} {when} +0000\ndata 5\nmade\n\n"


def _declared(names: list[str]) -> Json:
    """The benchmarks as `asv run` finds them."""
    declared = {
        name: {
            "name": name, "pretty_name": name, "code": "", "param_names": [], "params": [],
            "type": "time", "unit": "seconds", "version": "1", "timeout": 60.0,
        }
        for name in names
    }  # fmt: skip
    return declared | {"version": 2}


def _night(night: int, commit: str, seconds: dict[str, float]) -> Json:
    milliseconds = int((FIRST + timedelta(days=night)).timestamp() * 1000)
    return {
        "commit_hash": commit, "env_name": ENVIRONMENT, "date": milliseconds,
        "params": {"machine": MACHINE, "python": "3.11"}, "python": "3.11",
        "requirements": {}, "env_vars": {}, "result_columns": RESULT_COLUMNS,
        "results": {name: _result(value, milliseconds) for name, value in seconds.items()},
        "durations": {}, "version": 2,
    }  # fmt: skip


def _result(value: float, started: int) -> list[Any]:
    low, high = [value * 0.98], [value * 1.02]
    return [[value], [], "1", started, 1.0, low, high, low, high, [1], [40]]


def _write(path: Path, content: Json) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
