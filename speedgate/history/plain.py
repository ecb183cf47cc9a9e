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


def head_of(began: datetime) -> Json:
    """The fields of pytest-benchmark's document; no commit, since nobody asked for one."""
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
