"""Measured row: the row of a case that was just measured, made from the measurement itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from statistics import median

from speedgate.judging.free_class import classify_free
from speedgate.judging.gil_class import Classification, GilClass, classify
from speedgate.judging.row import Row, Side
from speedgate.measuring.measure import LEAST_PAIRS
from speedgate.measuring.measurement import Measurement
from speedgate.runner.messages import Opened
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.accounting import by_process, page_faults
from speedgate.stats.estimate import (
    DEFAULT_CONFIDENCE,
    Estimate,
    estimate_median,
    sign_autocorrelation,
)
from speedgate.stats.figure import GIL_HELD_SHARE, WATCHED
from speedgate.stats.moments import Moments, across_processes
from speedgate.stats.sample import Pair, PairedSample, Round

# Watched figures that have a field of their own in a row and in a file.
OWN_FIELDS = ("speedup", "seconds", GIL_HELD_SHARE.key, "cpu_per_wall")


def measured_row(
    measurement: Measurement,
    bench: str = "",
    promise: Mapping[str, str] | None = None,
    gil_class: Classification | None = None,
    is_blas_default: bool = False,
) -> Row:
    """Return what a report shows of a case, the same as is read from the run's file later."""
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    bounds = evidence.concurrency
    opened = measurement.opened or Opened()
    return Row(
        case=measurement.case,
        speedup=over_processes(evidence.speedup, evidence.process_speedups),
        rounds=evidence.speedup,
        cpu_per_wall=cpu_per_wall_of(measurement),
        bench=bench,
        seconds=seconds_of(measurement),
        control=evidence.control,
        inflation=evidence.inflation.value if evidence.inflation else None,
        gil_held_share=evidence.gil_held_share,
        page_faults=page_faults(measurement.sample),
        concurrency=None if bounds is None else bounds.values,
        tasks=measurement.tasks,
        loops=measurement.loops,
        gil_class=gil_class,
        promise=promise["class"] if promise else None,
        promise_source=promise["source"] if promise else "",
        sides=sides_of(measurement.sample),
        is_blas_default=is_blas_default,
        shares=evidence.shares,
        start_seconds=opened.start_seconds,
        figures=figures_without_field(measurement),
    )


def sides_of(sample: PairedSample) -> dict[str, Side]:
    """Return the medians of both sides; empty where there was no pair."""

    def side(rounds: Sequence[Round]) -> Side:
        def middle(name: str) -> float | None:
            values = [getattr(a_round, name) for a_round in rounds]
            return None if None in values else median(values)

        return Side(**{field.name: middle(field.name) for field in fields(Side)})  # type: ignore[arg-type]  # every round has seconds

    pairs = sample.pairs
    if not pairs:
        return {}
    return {
        "baseline": side([pair.baseline for pair in pairs]),
        "contender": side([pair.contender for pair in pairs]),
    }


def gil_class_of(measurement: Measurement) -> Classification | None:
    """Return the class of a case whose workers are threads, ``None`` of any other."""
    strategy = STRATEGIES.get(measurement.case.strategy)
    if strategy is None or strategy.workers_are != "threads" or measurement.case.workers < 2:
        return None
    if measurement.broken is not None:
        return Classification(GilClass.UNKNOWN, False, measurement.broken)
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    workers = evidence.workers
    speedup = over_processes(evidence.speedup, evidence.process_speedups)
    if not evidence.gil_enabled:
        grown = evidence.inflation, evidence.control_inflation
        return classify_free(workers, speedup, evidence.concurrency, *grown)
    held, control = evidence.gil_held_share, evidence.control
    return classify(workers, speedup, held, evidence.concurrency, control)


def over_processes(rounds: Estimate | None, speedups: Sequence[float]) -> Estimate | None:
    """Return a speedup with an interval that allows for how much fresh processes differ.

    ``speedups`` are the medians of the processes whose ``rounds`` these are. A run that kept none
    counts as of one process.
    """
    if rounds is None or rounds.value <= 0:
        return rounds
    return across_processes(rounds, process_moments(speedups))


def process_moments(speedups: Sequence[float]) -> Moments:
    """Return the moments of the logarithms of the processes' speedups, of one if none is known."""
    logs = [math.log(speedup) for speedup in speedups if speedup > 0]
    return Moments.of(logs) if logs else Moments(1, 0.0, 0.0)


def seconds_of(measurement: Measurement) -> Estimate | None:
    """Return the contender's seconds a call."""
    if not measurement.sample.pairs:
        return None
    calls = measurement.calls
    return _estimate_over(measurement, lambda pair: pair.contender.seconds / calls)


def cpu_per_wall_of(measurement: Measurement) -> Estimate | None:
    """Return the CPU seconds of the contender's median round over its wall seconds."""
    ratio = _estimate_over(measurement, lambda pair: pair.contender.cpu_per_wall)
    contender = sides_of(measurement.sample).get("contender")
    if ratio is None or contender is None or not ratio.value:
        return None
    # The earlier runs know the medians of both, not that of their ratio.
    factor = (contender.cpu_per_wall or 0.0) / ratio.value
    value, low, high = (factor * bound for bound in (ratio.value, ratio.low, ratio.high))
    return Estimate(value, low, high, ratio.confidence, ratio.count)


def figures_without_field(measurement: Measurement) -> dict[str, Estimate]:
    """Return the watched figures that have no field of their own, by their keys."""
    known = {
        figure.key: figure.estimate(measurement.sample, measurement.case.workers)
        for figure in WATCHED
        if figure.key not in OWN_FIELDS
    }
    return {key: estimate for key, estimate in known.items() if estimate is not None}


def _estimate_over(measurement: Measurement, of: Callable[[Pair], float | None]) -> Estimate | None:
    """Return the median of a figure over the pairs, whose neighbours may resemble each other.

    The resemblance is estimated within each process. Processes have levels of their own: that is
    how runs differ, and the history accounts for it. If enough rounds were measured, but they
    resemble each other too much for an interval, the interval is their whole range.
    """
    runs = by_process(measurement.processes, of)
    if runs is None:
        return None
    values = [value for run in runs for value in run]
    around = [[value - median(run) for value in run] for run in runs]
    estimate = estimate_median(values, autocorrelation=sign_autocorrelation(around))
    if estimate is None or estimate.is_bounded or len(values) < LEAST_PAIRS:
        return estimate
    return replace(estimate, low=min(values), high=max(values))
