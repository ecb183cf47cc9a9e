"""The runs that a duel leaves in ``results/``: one of each build, in an environment of its own."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, median, quantiles, stdev
from typing import Any

from speedgate.build import Build
from speedgate.duel import Duel
from speedgate.environment import cpu_model
from speedgate.history import run_name
from speedgate.measure import Measurement
from speedgate.recording import whole_environment
from speedgate.run import encode_run, extra_info, seconds_a_call, section
from speedgate.store import FolderStore

Json = dict[str, Any]


def build_json(build: Build) -> Json:
    """Return what is told of a build; plain JSON."""
    blas = [
        " ".join(str(each[name]) for name in ("internal_api", "version") if each.get(name))
        for each in build.environment.get("blas") or ()
        if each.get("user_api") == "blas"
    ]
    return {
        "label": build.label,
        "python": build.environment.get("python"),
        "numpy": (build.environment.get("numpy") or {}).get("version"),
        "blas": blas,
        "variables": dict(build.variables),
        "fingerprint": build.fingerprint,
    }


def save_runs(
    duel: Duel, builds: Sequence[Build], found: Json, results: Path, began: datetime
) -> list[Path]:
    """Save a run for every build that measured anything; return the files.

    ``found`` is the duel as it is shown again; it is kept with each of them.
    """
    files = []
    for number, build in enumerate(builds):
        benchmarks = _benchmarks(duel, number)
        if not benchmarks:
            continue
        settings = {"duel": True, "build": build.label, "variables": dict(build.variables)}
        environment = whole_environment(build.environment, settings)
        document = _head(began) | {
            "benchmarks": benchmarks,
            "speedgate": section(
                environment, (), complete=found["complete"], duel=found | {"this": number}
            ),
        }
        name = f"{run_name(environment, began, f'duel-{build.label}')}.json"
        FolderStore(results).write(name, encode_run(document))
        files.append(results / name)
    return files


def _benchmarks(duel: Duel, build: int) -> list[Json]:
    measured = [(trial.contest.entry, trial.contest.measurements[build]) for trial in duel.trials]
    return [
        {
            "group": entry.case.work,
            "name": f"duel[{entry.label}]",
            "fullname": f"duel[{entry.label}]",
            "params": {"case": entry.case.id},
            "param": entry.label,
            "extra_info": extra_info(measurement)
            | {
                "bench": "duel" if entry.blas_threads == 1 else f"duel, {entry.blas_label}",
                "blas_threads_asked": entry.blas_threads or "default",
            },
            "options": {},
            "stats": _stats(measurement),
        }
        for entry, measurement in measured
        if measurement.sample.pairs
    ]


def _stats(measurement: Measurement) -> Json:
    """The seconds a call as pytest-benchmark tells them; a single round has no spread."""
    data = seconds_a_call(measurement)
    several = len(data) > 1
    first, _, third = quantiles(data, method="inclusive") if several else data * 3
    mean = fmean(data)
    return {
        "min": min(data),
        "max": max(data),
        "mean": mean,
        "stddev": stdev(data) if several else 0,
        "rounds": len(data),
        "median": median(data),
        "iqr": third - first,
        "q1": first,
        "q3": third,
        "iqr_outliers": 0,
        "stddev_outliers": 0,
        "outliers": "0;0",
        "ld15iqr": min(data),
        "hd15iqr": max(data),
        "ops": 1 / mean,
        "total": sum(data),
        "data": data,
        "iterations": 1,
    }


def _head(began: datetime) -> Json:
    """The fields of pytest-benchmark's document; no commit, since a duel measures none."""
    return {
        "machine_info": {
            "node": platform.node(),
            "processor": platform.processor(),
            "machine": platform.machine(),
            "python_version": platform.python_version(),
            "python_implementation": platform.python_implementation(),
            "system": platform.system(),
            "release": platform.release(),
            "cpu": {"brand_raw": cpu_model()},
        },
        "commit_info": {"id": "unknown", "time": None, "dirty": False, "branch": "(unknown)"},
        "datetime": began.astimezone(UTC).isoformat(),
        "version": version("pytest-benchmark"),
    }
