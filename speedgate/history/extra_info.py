"""What is kept of a measurement, beside pytest-benchmark's own figures; plain JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from statistics import median
from typing import Any

from speedgate.history.format import FORMAT_VERSION, Json
from speedgate.judging.gate import Judgement
from speedgate.judging.gil_class import Classification, GilClass, classify
from speedgate.judging.row import Side
from speedgate.measuring.measure import LEAST_PAIRS
from speedgate.measuring.measurement import Measurement
from speedgate.runner.interpreter import blas_libraries
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.accounting import median_shares, page_faults
from speedgate.stats.estimate import (
    DEFAULT_CONFIDENCE,
    Estimate,
    estimate_median,
    sign_autocorrelation,
)
from speedgate.stats.figure import WATCHED
from speedgate.stats.moments import Moments, across_processes
from speedgate.stats.sample import FIELDS, Pair, PairedSample, Round
from speedgate.stats.speedup import BASELINE


def _sides(sample: PairedSample) -> dict[str, Json]:
    def side(rounds: Sequence[Round]) -> Json:
        def middle(name: str) -> float | None:
            values = [getattr(each, name) for each in rounds]
            return None if None in values else median(values)

        return {each.name: middle(each.name) for each in fields(Side)}

    pairs = sample.pairs
    if not pairs:
        return {}
    return {
        "baseline": side([pair.baseline for pair in pairs]),
        "contender": side([pair.contender for pair in pairs]),
    }


def gil_class(measurement: Measurement) -> Json | None:
    """Return the class of a case whose workers are threads, ``None`` of any other; plain JSON."""
    strategy = STRATEGIES.get(measurement.case.strategy)
    if strategy is None or strategy.workers_are != "threads" or measurement.case.workers < 2:
        return None
    if measurement.broken is not None:
        return Classification(GilClass.UNKNOWN, False, measurement.broken).as_json()
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    return classify(
        evidence.workers,
        over_processes(evidence.speedup, evidence.process_speedups),
        evidence.held,
        evidence.concurrency,
        evidence.control,
        evidence.gil_enabled,
    ).as_json()


def over_processes(rounds: Estimate | None, speedups: Sequence[float]) -> Estimate | None:
    """Return a speedup with the interval that holds what fresh processes differ by.

    ``speedups`` are the medians of the processes whose ``rounds`` these are; none are known of a
    run that kept none, which then counts as of one process.
    """
    if rounds is None or rounds.value <= 0:
        return rounds
    return across_processes(rounds, process_moments(speedups))


def process_moments(speedups: Sequence[float]) -> Moments:
    """Return the moments of the logarithms of the processes' speedups, of one if none is known."""
    logs = [math.log(each) for each in speedups if each > 0]
    return Moments.of(logs) if logs else Moments(1, 0.0, 0.0)


def extra_info(measurement: Measurement) -> Json:
    """Return what is kept of a measurement beside pytest-benchmark's own figures; plain JSON."""
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    shares = median_shares(measurement.sample, measurement.case.workers)
    opened = measurement.replies[0] if measurement.replies else {}
    return {
        "case": measurement.case.as_json(),
        "seconds": _seconds_json(measurement),
        "cpu_per_wall": _cpu_per_wall_json(measurement),
        "speedup": _speedup_json(evidence.speedup),
        "control": evidence.control.as_json() if evidence.control else None,
        "concurrency": evidence.concurrency.as_json() if evidence.concurrency else None,
        "shares": shares.as_json() if shares else None,
        "inflation": evidence.inflation,
        "held": evidence.held.as_json() if evidence.held else None,
        "figures": _figures_without_field(measurement),
        "sides": _sides(measurement.sample),
        "page_faults": page_faults(measurement.sample),
        "process_speedups": list(evidence.process_speedups),
        "blas_threads": _blas_threads(opened.get("blas")),
        "start_method": opened.get("start_method"),
        "start_seconds": opened.get("start_seconds"),
        "tasks": measurement.first("tasks"),
        "loops": measurement.first("loops"),
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


# Watched figures that files had before there was a place for all of them.
OWN_FIELDS = ("speedup", "seconds", "held", "cpu_per_wall")


def _figures_without_field(measurement: Measurement) -> Json:
    """The watched figures that have no field of their own, by their keys."""
    known = {
        figure.key: figure.estimate(measurement.sample, measurement.case.workers)
        for figure in WATCHED
        if figure.key not in OWN_FIELDS
    }
    return {key: estimate.as_json() for key, estimate in known.items() if estimate is not None}


def seconds_a_call(measurement: Measurement) -> list[float]:
    """Return the contender's seconds a call, round by round: rounds of two runs differ in calls."""
    calls = measurement.first("tasks") * measurement.first("loops")
    return [pair.contender.seconds / calls for pair in measurement.sample.pairs]


def _seconds_json(measurement: Measurement) -> Json | None:
    if not measurement.sample.pairs:
        return None
    calls = measurement.first("tasks") * measurement.first("loops")
    found = _estimate_over(measurement, lambda pair: pair.contender.seconds / calls)
    return found.as_json() if found else None


def _cpu_per_wall_json(measurement: Measurement) -> Json | None:
    """CPU seconds of the contender's median round over its wall seconds, with an interval."""
    found = _estimate_over(measurement, lambda pair: pair.contender.cpu_per_wall)
    contender = _sides(measurement.sample).get("contender")
    if found is None or contender is None or not found.value:
        return None
    # The earlier runs know the medians of both, not that of their ratio.
    factor = contender["cpu"] / contender["seconds"] / found.value
    value, low, high = (factor * each for each in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.confidence, found.count).as_json()


def _estimate_over(measurement: Measurement, of: Callable[[Pair], float | None]) -> Estimate | None:
    """Return the median of a figure over the pairs, whose neighbours may resemble each other.

    How much is told within each process: that processes have levels of their own is what runs
    differ by, and the history knows it. Rounds enough, but too much alike to count as such, leave
    all that they cover.
    """
    runs = [[of(pair) for pair in pairs] for pairs in measurement.processes]
    known = [[value for value in run if value is not None] for run in runs]
    if [len(run) for run in known] != [len(run) for run in runs]:
        return None
    values = [value for run in known for value in run]
    around = [[value - median(run) for value in run] for run in known]
    found = estimate_median(values, autocorrelation=sign_autocorrelation(around))
    if found is None or found.is_bounded or len(values) < LEAST_PAIRS:
        return found
    return replace(found, low=min(values), high=max(values))


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
        name: [getattr(each, name) for each in rounds] for name in FIELDS if name != "seconds"
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
