"""What pytest-benchmark itself writes into a document, for runs that no pytest has measured."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import fmean, median, quantiles, stdev

from speedgate.history.extra_info import seconds_a_call
from speedgate.history.format import Json
from speedgate.measuring.measurement import Measurement
from speedgate.runner.machine import cpu_model


def stats_of(measurement: Measurement) -> Json:
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


def benchmark_entry(
    name: str, group: str, param: str, measurement: Measurement, info: Json
) -> Json:
    """A benchmark of the document; ``info`` is what is kept beside pytest-benchmark's figures."""
    return {
        "group": group,
        "name": name,
        "fullname": name,
        "params": {"case": measurement.case.id},
        "param": param,
        "extra_info": info,
        "options": {},
        "stats": stats_of(measurement),
    }


def head_of(began: datetime, environment: Json) -> Json:
    """The fields of pytest-benchmark's document; no commit, since nobody asked for one."""
    machine_info = {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "system": platform.system(),
        "release": platform.release(),
        "cpu": {"brand_raw": cpu_model()},
    }
    return {
        "machine_info": with_measured_python(machine_info, environment),
        "commit_info": {"id": "unknown", "time": None, "dirty": False, "branch": "(unknown)"},
        "datetime": began.astimezone(UTC).isoformat(),
        "version": version("pytest-benchmark"),
    }


def with_measured_python(machine_info: Json, environment: Json) -> Json:
    """Return pytest-benchmark's description of a machine with the Python that was measured.

    The one that runs pytest may be another. What is not known of the measured one is left out.
    """
    others = {name: value for name, value in machine_info.items() if not name.startswith("python_")}
    measured = {
        "python_version": environment.get("python"),
        "python_implementation": environment.get("implementation"),
        "python_compiler": environment.get("compiler"),
    }
    return others | {name: value for name, value in measured.items() if value is not None}
