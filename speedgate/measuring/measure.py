"""Measuring a case: fresh runners one by one, until it is decided or its time is up."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speedgate.judging.gate import MIN_PROCESSES
from speedgate.measuring.errors import (
    MeasurementError,
    NoAnswer,
    NotApplicable,
    NotAvailable,
    NotThreadSafe,
    Refusal,
    WorkloadError,
)
from speedgate.measuring.measurement import HeldStretch, Measurement
from speedgate.measuring.plan import Plan, buffers, open_request
from speedgate.measuring.runner_process import RunnerClient, answer_of
from speedgate.runner import messages
from speedgate.runner.callables.refusals import FailsInThreads, SkippedBySuite, UsesUpState
from speedgate.runner.interpreter import blas_libraries
from speedgate.runner.messages import Answer, Request
from speedgate.runner.server import ResultMismatch
from speedgate.runner.strategies import CannotMeasure
from speedgate.runner.task import CannotCompare
from speedgate.stats.case import Case, Workload
from speedgate.stats.sample import Pair

BATCH_SECONDS = 2.0  # the longest time between two answers of a runner
HELD_SECONDS = 0.4  # 800 samples a process, where a gate decides from them
# A thread that is preempted with the GIL holds it for as long as others have its core: beside a
# busy process the held share of nothing read 0.1. A stretch with so much waiting is left out.
MOST_WAITING_WHEN_HELD = 0.10
# Six pairs are the fewest that have a 95% interval.
LEAST_PAIRS = 6
MOST_PAIRS = 2000


def measure(
    case: Case,
    workload: Workload,
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
    is_decided: Callable[[Measurement], bool] = lambda measurement: False,
    now: Callable[[], float] = time.monotonic,
    check_only: bool = False,
) -> Measurement:
    """Measure ``case`` in up to ``plan.processes`` fresh runners.

    After each process from the second on ``is_decided`` is asked whether to stop; ``check_only``
    compares the results in one process and times nothing. Raises
    ``MeasurementError`` when a runner crashes, hangs, or says that the workload is wrong.
    """
    measurement = Measurement(case)
    began = now()
    for number in range(plan.processes):
        if check_only:
            _check_in_one_process(measurement, workload, plan, open_runner, now)
            break
        share = (plan.seconds - (now() - began)) / (plan.processes - number)
        until = now() + max(share - plan.held_seconds, 0.0)
        measure_in_one_process(measurement, workload, plan, open_runner, number, until, now)
        measurement.wall_seconds = now() - began
        if number + 1 >= MIN_PROCESSES and is_decided(measurement):
            break
    return measurement


class Session:
    """One runner with the case open in it; closes the runner whatever happens."""

    def __init__(
        self,
        measurement: Measurement,
        workload: Workload,
        plan: Plan,
        open_runner: Callable[[], RunnerClient],
        now: Callable[[], float],
    ) -> None:
        self._case = measurement.case
        self._limit = now() + plan.time_limit
        self._now = now
        self._open = open_request(
            measurement.case, workload, plan, number=max(0, len(measurement.processes) - 1)
        )
        self._check_tasks = plan.check_tasks or buffers(measurement.case)
        self._call_seconds: float | None = None
        self._spinning = ""
        self._runner = open_runner()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def ask(self, request: Request[Answer]) -> Answer:
        """Return the runner's answer; an error of its own is raised as ours."""
        try:
            return answer_on(self._case, self._runner, request, self._limit - self._now())
        except NoAnswer as error:
            raise NoAnswer(
                error.request, error.seconds, self._call_seconds, self._spinning
            ) from None

    def open(self, check: bool) -> messages.Opened:
        opened: messages.Opened = self.ask(self._open)
        self._spinning = spinning_blas(opened, self._case.workers)
        if isinstance(self._open, messages.OpenTarget):
            self._call_seconds = self.ask(messages.Probe()).call_seconds
        if check:
            self.ask(messages.Check(self._check_tasks))
        return opened


def _check_in_one_process(
    measurement: Measurement,
    workload: Workload,
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
    now: Callable[[], float],
) -> None:
    with Session(measurement, workload, plan, open_runner, now) as session:
        measurement.replies.append(session.open(check=True))


def measure_in_one_process(
    measurement: Measurement,
    workload: Any,
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
    number: int,
    until: float,
    now: Callable[[], float],
) -> None:
    """Open a runner, check the results, calibrate, run the rounds, sample the GIL, close."""
    pairs: list[Pair] = []
    controls: list[Pair] = []
    measurement.processes.append(pairs)
    measurement.controls.append(controls)
    measurement.shared.append([])
    with Session(measurement, workload, plan, open_runner, now) as session:
        opened = session.open(check=number == 0 or getattr(workload, "both", False))
        measurement.replies.append(opened)
        measurement.broken = measurement.broken or blas_limit_broken(opened, plan.blas_threads)
        calibrated = session.ask(messages.Calibrate(plan.tasks, plan.loops))
        measurement.replies.append(calibrated)
        _run_rounds(measurement, plan, session, pairs, controls, until, now)
        measurement.timed_seconds += calibrated.seconds
        if plan.held_seconds:
            sample_held(measurement, session, plan.held_seconds)
        if hasattr(workload, "target"):
            measurement.replies.append(session.ask(messages.Conclude()))


def blas_limit_broken(opened: messages.Opened, blas_threads: int | None) -> str | None:
    """Say that a BLAS runs more threads than it was set to, ``None`` if none is known to."""
    for library in blas_libraries(opened.blas):
        threads: Any = library.get("num_threads")
        if None not in (blas_threads, threads) and threads > blas_threads:
            name = library.get("internal_api")
            return f"{name} runs {threads} threads, though {blas_threads} were asked for"
    return None


def spinning_blas(opened: messages.Opened, workers: int) -> str:
    """Return why a BLAS with threads of its own may not get on, and the remedy; empty without one.

    OpenBLAS has one pool of threads in a process, and a thread that waits for it spins. If others
    want the cores too, those that wait take them from the one that computes (docs/blas.md).
    """
    for library in blas_libraries(opened.blas):
        threads: Any = library.get("num_threads") or 1
        if threads > 1:
            return (
                f"{library.get('internal_api')} runs {threads} threads for {workers} workers, and "
                "threads that wait for it spin: run nothing else on these cores (pytest -n 0), "
                "use --blas-threads 1, or raise --time-limit"
            )
    return ""


def sample_held(measurement: Measurement, session: Session, seconds: float) -> HeldStretch | None:
    """Sample the GIL in an open runner; ``None`` where that says nothing."""
    seen = session.ask(messages.SampleHeld(seconds, find_py_spy()))
    measurement.timed_seconds += seen.seconds
    return take_held(measurement, seen)


def take_held(measurement: Measurement, seen: messages.HeldSeen) -> HeldStretch | None:
    """Take in what a sampler saw of the GIL; ``None`` where that says nothing."""
    if seen.held is None:
        measurement.unsampled = seen.why
        return None
    # If it is unknown how long the worker waited, so is what the samples are worth.
    if seen.waiting is None or seen.waiting >= MOST_WAITING_WHEN_HELD:
        return None
    hits, samples = seen.held
    stretch = HeldStretch(hits, samples, seen.calls, seen.waiting)
    measurement.held_stretches.append(stretch)
    return stretch


def find_py_spy() -> str | None:
    """Return the path of the sampler: beside this interpreter, or on the PATH; else ``None``."""
    return shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")


def _run_rounds(
    measurement: Measurement,
    plan: Plan,
    session: Session,
    pairs: list[Pair],
    controls: list[Pair],
    until: float,
    now: Callable[[], float],
) -> None:
    """Ask for rounds in short stretches, so that an interrupt or a time limit is noticed soon."""
    least = plan.pairs or -(-LEAST_PAIRS // plan.processes)
    most = plan.pairs or MOST_PAIRS
    while len(pairs) < most and (now() < until or len(pairs) < least):
        seconds = min(BATCH_SECONDS, max(0.0, until - now()))
        counted = session.ask(messages.RunRounds(most - len(pairs), seconds))
        measurement.add_rounds(counted, pairs, controls)


REFUSALS = {
    CannotMeasure.__name__: Refusal,
    UsesUpState.__name__: Refusal,
    FailsInThreads.__name__: NotThreadSafe,
    SkippedBySuite.__name__: NotApplicable,
}
FAULTS = (ResultMismatch.__name__, CannotCompare.__name__)


def answer_on(
    case: Case, runner: RunnerClient, request: Request[Answer], limit_seconds: float
) -> Answer:
    """Ask a runner about a case; return its answer, and raise an error of its own as ours."""
    answer = answer_of(runner, request, limit_seconds)
    if isinstance(answer, messages.Failure):
        raise error_of(case, answer)
    return answer


def error_of(case: Case, failure: messages.Failure) -> MeasurementError:
    """Return what a runner raised as an error of ours, known by the name of its class."""
    if failure.type in REFUSALS:
        return REFUSALS[failure.type](case, failure.message)
    text = f"{case.id}: {failure.message}"
    if failure.type in FAULTS:
        return MeasurementError(text)
    if failure.type == NotImplementedError.__name__:
        return NotAvailable(text)
    missing = failure.missing
    remedy = (
        ""
        if missing is None
        else f": this build lacks {missing}, or the workload misspells it; where a build may "
        "lack it let prepare raise NotImplementedError, and the case is left out"
    )
    text = f"{case.id} raised {failure.type}{remedy}\n{failure.traceback}"
    return WorkloadError(text, missing)
