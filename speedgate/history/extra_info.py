"""What is kept of a measurement, beside pytest-benchmark's own figures; plain JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from speedgate.history.format import FORMAT_VERSION, Json
from speedgate.judging.gate import Judgement
from speedgate.measuring.measured_row import (
    cpu_per_wall_of,
    figures_without_field,
    gil_class_of,
    seconds_of,
    sides_of,
)
from speedgate.measuring.measurement import Measurement
from speedgate.runner.interpreter import blas_libraries
from speedgate.runner.messages import Opened
from speedgate.stats.accounting import page_faults
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.figure import GIL_HELD_SHARE
from speedgate.stats.sample import FIELDS
from speedgate.stats.speedup import BASELINE


def gil_class(measurement: Measurement) -> Json | None:
    """Return the class of a case whose workers are threads, ``None`` of any other; plain JSON."""
    classification = gil_class_of(measurement)
    return classification.as_json() if classification else None


def extra_info(measurement: Measurement) -> Json:
    """Return what is kept of a measurement beside pytest-benchmark's own figures; plain JSON."""
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    opened = measurement.opened or Opened()
    return {
        "case": measurement.case.as_json(),
        "seconds": _json(seconds_of(measurement)),
        "cpu_per_wall": _json(cpu_per_wall_of(measurement)),
        "speedup": _speedup_json(evidence.speedup),
        "control": _json(evidence.control),
        "concurrency": evidence.concurrency.as_json() if evidence.concurrency else None,
        "shares": evidence.shares.as_json() if evidence.shares else None,
        "inflation": evidence.inflation.value if evidence.inflation else None,
        GIL_HELD_SHARE.key: _json(evidence.gil_held_share),
        "figures": {
            key: estimate.as_json() for key, estimate in figures_without_field(measurement).items()
        },
        "sides": {name: asdict(side) for name, side in sides_of(measurement.sample).items()},
        "page_faults": page_faults(measurement.sample),
        "process_speedups": list(evidence.process_speedups),
        "blas_threads": _blas_threads(opened.blas),
        "start_method": opened.start_method,
        "start_seconds": opened.start_seconds,
        "tasks": measurement.tasks,
        "loops": measurement.loops,
        "steal_seconds": measurement.steal_seconds,
        "throttled_seconds": measurement.throttled_seconds,
        "rounds_seconds": measurement.rounds_seconds,
        "timed_seconds": measurement.timed_seconds,
        "wall_seconds": measurement.wall_seconds,
        "broken": measurement.broken,
        "pairs": [list(pair) for pair in measurement.sample.as_seconds()],
        "control_pairs": [list(pair) for pair in measurement.control_sample.as_seconds()],
        "rounds_of_processes": [len(pairs) for pairs in measurement.processes],
        "counters": _counters(measurement),
    }


def seconds_a_call(measurement: Measurement) -> list[float]:
    """Return the contender's seconds a call, round by round: rounds of two runs differ in calls."""
    calls = measurement.calls
    return [pair.contender.seconds / calls for pair in measurement.sample.pairs]


def _json(estimate: Estimate | None) -> Json | None:
    return None if estimate is None else estimate.as_json()


def _speedup_json(estimate: Estimate | None) -> Json | None:
    return None if estimate is None else {**estimate.as_json(), "baseline": BASELINE}


def _blas_threads(libraries: list[Json] | None) -> int | None:
    """The threads of the process's BLAS as read back, the most of several; ``None`` if unknown."""
    counts = [library["num_threads"] for library in blas_libraries(libraries)]
    return max(counts, default=None)


def _counters(measurement: Measurement) -> Json:
    """The raw counters of every contender round, a column each."""
    rounds = [pair.contender for pair in measurement.sample.pairs]
    columns: Json = {
        name: [getattr(timed, name) for timed in rounds] for name in FIELDS if name != "seconds"
    }
    columns["baseline_cpu"] = [pair.baseline.cpu for pair in measurement.sample.pairs]
    return columns


def section(
    environment: Json, judgements: Iterable[Judgement], complete: bool = True, **more: Any
) -> Json:
    """Return the document's ``speedgate`` section; a run that was cut short is not complete."""
    return {
        "format_version": FORMAT_VERSION,
        "complete": complete,
        "environment": environment,
        "judgements": [judgement.as_json() for judgement in judgements],
        **more,
    }
