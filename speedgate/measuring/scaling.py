"""Scaling: one benchmark of another project, measured in threads, or the reason why it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from speedgate.judging.contention import NamedCause
from speedgate.judging.scale_gate import contention
from speedgate.measuring.errors import (
    MeasurementError,
    NoAnswer,
    NotApplicable,
    NotThreadSafe,
    RunnerEnded,
)
from speedgate.measuring.measure import measure_in_one_process
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.runner_process import RunnerClient
from speedgate.measuring.targets import Benchmark
from speedgate.stats.case import Case
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.sample import PairedSample
from speedgate.stats.speedup import speedup

# What a runner is asked for while one worker alone calls the benchmark.
ALONE = ("list", "cache", "open", "probe")
MIN_PROCESSES = 2
# Of each of two intervals that must lie apart: a suite has hundreds of benchmarks.
SURE_CONFIDENCE = 0.99
# As the runner itself counts a round as hung; it cannot where the GIL is never let go.
HUNG_SECONDS, HUNG_CALLS = 8.0, 100.0

Json = dict[str, Any]


class ScaleOutcome(Enum):
    """What became of a benchmark."""

    MEASURED = "measured"
    NOT_THREAD_SAFE = "not thread-safe"
    CANNOT = "cannot be measured"
    NOT_APPLICABLE = "not applicable"
    NOT_REACHED = "not reached"


@dataclass
class Scaled:
    """A benchmark with a number of threads, and what became of it.

    ``reason`` says why there are no figures; ``shared_reason`` why none with shared state.
    ``named`` is the cause that a probe named for its ``probed`` state, ``unprobed`` says why none
    could.
    """

    benchmark: Benchmark
    case: Case
    outcome: ScaleOutcome
    reason: str = ""
    measurement: Measurement | None = None
    shared_reason: str | None = None
    described: Json = field(default_factory=dict)
    named: NamedCause | None = None
    probed: str = ""
    unprobed: str = ""

    @property
    def sharing_costs(self) -> str:
        """Say what one state for all threads costs, "" where nothing to speak of is certain."""
        return contention(self.beside_shared(SURE_CONFIDENCE), self.shared(SURE_CONFIDENCE))

    def shared(self, confidence: float = DEFAULT_CONFIDENCE) -> Estimate | None:
        """Return the speedup with one state for all threads, where both were measured."""
        if self.measurement is None:
            return None
        return speedup(PairedSample.of(self.measurement.shared), confidence)

    def beside_shared(self, confidence: float) -> Estimate | None:
        """Return the speedup with a state for each, in the processes that measured both."""
        if self.measurement is None:
            return None
        both = zip(self.measurement.processes, self.measurement.shared, strict=False)
        return speedup(PairedSample.of(pairs for pairs, shared in both if shared), confidence)


def scale(
    benchmark: Benchmark,
    threads: int,
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
    is_decided: Callable[[Measurement], bool] = lambda measurement: True,
    now: Callable[[], float] = time.monotonic,
) -> Scaled:
    """Measure a benchmark in up to ``plan.processes`` fresh runners.

    The first has a state for each thread only; the further ones, where that can be, both that and
    one state for all, so that what sharing breaks costs nothing of what is known without it.
    """
    case = benchmark.case(threads)
    if benchmark.refusal is not None:
        return Scaled(benchmark, case, ScaleOutcome.NOT_APPLICABLE, benchmark.refusal)
    scaled = Scaled(benchmark, case, ScaleOutcome.MEASURED, measurement=Measurement(case))
    assert scaled.measurement is not None
    began = now()
    for number in range(plan.processes):
        share = (plan.seconds - (now() - began)) / (plan.processes - number)
        until = now() + max(0.0, share)
        both = number > 0 and can_share(scaled, threads)
        try:
            measure_in_one_process(
                scaled.measurement,
                replace(benchmark, both=both),
                plan,
                open_runner,
                number,
                until,
                now,
            )
        except MeasurementError as error:
            if not both:
                return refused(scaled, error)
            give_up_sharing(scaled, error)
        finally:
            scaled.measurement.wall_seconds = now() - began
        if number + 1 >= MIN_PROCESSES and is_decided(scaled.measurement):
            break
    scaled.described = scaled.measurement.described or {}
    return scaled


def can_share(scaled: Scaled, threads: int) -> bool:
    """Whether both kinds of state are worth measuring: there is a choice, and sharing works."""
    assert scaled.measurement is not None
    opened, calibrated = scaled.measurement.opened, scaled.measurement.calibrated
    # Threads cannot share a state that each call uses up.
    has_no_choice = bool(opened and opened.is_shared) or bool(calibrated and calibrated.renews)
    return threads > 1 and not has_no_choice and scaled.shared_reason is None


def refused(scaled: Scaled, error: MeasurementError) -> Scaled:
    outcome, reason = outcome_of(error)
    return replace(scaled, outcome=outcome, reason=reason, measurement=None)


def give_up_sharing(scaled: Scaled, error: MeasurementError) -> None:
    """Note what sharing does to a benchmark that is well without; forget that process."""
    measurement = scaled.measurement
    assert measurement is not None
    outcome, reason = outcome_of(error)
    word = "" if outcome is ScaleOutcome.NOT_THREAD_SAFE else f"{outcome.value}: "
    scaled.shared_reason = f"{word}{reason.removeprefix('shared: ')}"
    for runs in (measurement.processes, measurement.controls, measurement.shared):
        del runs[1:]


def hung_seconds(call_seconds: float) -> float:
    """Return after how long threads that do not end are hung, and not only slow."""
    return HUNG_SECONDS + HUNG_CALLS * call_seconds


def outcome_of(error: MeasurementError) -> tuple[ScaleOutcome, str]:
    """Return what an error says of a benchmark: a runner that dies while all threads call it, and
    not while one does, dies of threads."""
    if isinstance(error, NotThreadSafe):
        return ScaleOutcome.NOT_THREAD_SAFE, error.reason
    if isinstance(error, NotApplicable):
        return ScaleOutcome.NOT_APPLICABLE, error.reason
    if isinstance(error, RunnerEnded):
        if error.how.endswith("SIGKILL"):
            return (
                ScaleOutcome.CANNOT,
                "its process was killed (SIGKILL): out of memory, most likely",
            )
        if error.request in ALONE:
            return ScaleOutcome.CANNOT, f"it ends its process {error.how} in one thread already"
        return (
            ScaleOutcome.NOT_THREAD_SAFE,
            f"it ends its process {error.how}; in one thread it does not",
        )
    if isinstance(error, NoAnswer):
        if error.request in ALONE:
            return ScaleOutcome.CANNOT, (
                f"no end within the time limit of {error.seconds:.0f} s in one thread; raise "
                "--time-limit"
            )
        if error.call_seconds is None or error.seconds < hung_seconds(error.call_seconds):
            return ScaleOutcome.CANNOT, (
                f"no end within the time limit: {error.seconds:.0f} s were left for the threads, "
                f"and one call takes {error.call_seconds or 0:.2g} s; raise --time-limit"
            )
        return ScaleOutcome.NOT_THREAD_SAFE, (
            f"no end within {error.seconds:.0f} s in threads, and in one thread there is: a "
            "deadlock with the GIL held, or raise --time-limit"
        )
    return ScaleOutcome.CANNOT, getattr(error, "reason", None) or str(error)
