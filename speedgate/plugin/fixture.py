"""The fixture ``speedgate``: measures a case and gives pytest-benchmark its rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import pytest

from speedgate.history.extra_info import extra_info, seconds_a_call
from speedgate.judging.gate import (
    Verdict,
)
from speedgate.measuring.errors import MeasurementError, NotAvailable, Refusal
from speedgate.measuring.measure import HELD_SECONDS, measure
from speedgate.measuring.measured_row import measured_row
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan, most_processes
from speedgate.plugin.entry import ONE_PROCESS_MESSAGE, is_worker, label_of
from speedgate.plugin.machine_fault import MachineFault, as_machine_fault
from speedgate.plugin.opening import check_opener, chosen_by, opener
from speedgate.plugin.probing import class_with_cause
from speedgate.plugin.session import STATE, State, measures
from speedgate.plugin.storage import environment_of, without_objects
from speedgate.report.text import visible_text
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case, promise_of

SHOWN_HELD_SECONDS = 0.2

Result = TypeVar("Result")


def measurer(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., None]:
    """Return what the fixture ``speedgate`` is: measures a case, and gives pytest-benchmark the
    contender's rounds."""
    config, nodeid = request.config, request.node.nodeid
    state = config.stash[STATE]

    def run(case: Case, **fixed: Any) -> None:
        __tracebackhide__ = True
        if not measures(config):
            run_case(config, nodeid, fixed, check_only=True)
            benchmark.pedantic(lambda: None)
            return
        measurement = run_case(config, nodeid, fixed)
        leave_profile_out(state, benchmark)
        state.collected.clocks[nodeid].replay(benchmark, seconds_a_call(measurement))
        bench = state.collected.items[nodeid].bench
        promise = promise_of(state.collected.items[nodeid].workload, case.size)
        gil_class = class_with_cause(state, nodeid, measurement) if bench.held else None
        blas_threads = chosen_by(state, fixed)["blas_threads"] or "default"
        benchmark.extra_info.update(
            extra_info(measurement),
            bench=bench.name,
            promise=promise,
            gil_class=gil_class.as_json() if gil_class else None,
            blas_threads_asked=blas_threads,
        )
        row = measured_row(measurement, bench.name, promise, gil_class, blas_threads == "default")
        state.measured.rows.setdefault(bench, {})[nodeid] = row
        state.measured.measurements[nodeid] = measurement
        recording = state.saving.recording
        if recording is not None:
            told(state, nodeid, lambda: recording.begin(state.measured.environment))
            kept = benchmark.stats.as_dict(include_data=config.getoption("benchmark_save_data"))
            recording.add_benchmark(without_objects(kept))

    return run


def leave_profile_out(state: State, benchmark: Any) -> None:
    """Have --benchmark-cprofile profile nothing here: the work was done in another process, and
    what runs in this one reads out a clock."""
    if benchmark.cprofile:
        benchmark.cprofile = False
        note = "--benchmark-cprofile: no profile of these benchmarks, which ran in other processes"
        if note not in state.words.notes:
            state.words.notes.append(note)


def run_case(
    config: pytest.Config, nodeid: str, fixed: dict[str, Any], check_only: bool = False
) -> Measurement:
    """Measure an item's case within its share of the budget; a failure is one for the reader."""
    __tracebackhide__ = True
    state = config.stash[STATE]
    case = state.collected.items[nodeid].case
    if is_worker(config) and not check_only:
        pytest.fail(ONE_PROCESS_MESSAGE, pytrace=False)
    budget = state.measured.budget
    is_used_up = budget is not None and budget.is_used_up(state.collected.is_judged(nodeid))
    if is_used_up and not check_only:
        state.measured.left_out[nodeid] = "--budget is used up"
        pytest.skip("not measured: --budget is used up; raise it, or select fewer cases")
    # Of another Python only its own runner knows.
    reason = STRATEGIES[case.strategy].unavailable() if state.under_test.build is None else None
    if reason:
        leave_out(state, nodeid, reason)
    gates = state.collected.judged.get(nodeid, ())

    def is_decided(measurement: Measurement) -> bool:
        verdicts = {state.judge(gate, measurement, final=False) for gate in gates}
        return all(judgement.verdict is not Verdict.INCONCLUSIVE for judgement in verdicts)

    state.measured.fixed[nodeid] = fixed
    for found in (state.measured.machine_faults, state.measured.unavailable):
        found.discard(nodeid)  # it may be run again
    plan = make_plan(state, nodeid, fixed)
    measurement = told(
        state, nodeid, lambda: measured_case(state, nodeid, plan, is_decided, check_only)
    )
    state.measured.timed_seconds += measurement.timed_seconds
    take_note(state, measurement)
    if not state.measured.environment:
        state.measured.environment = told(state, nodeid, lambda: environment_of(state, measurement))
        state.words.notes += limits_without_meaning(config, state)
    return measurement


def limits_without_meaning(config: pytest.Config, state: State) -> list[str]:
    """Say which limit that was asked for means nothing in the Python that is measured."""
    label, settings = label_of(config), state.settings
    if state.measured.environment.get("gil_enabled", True):
        option, asked, why = "max-inflation", settings.max_inflation, "has a GIL"
    else:
        option, asked, why = "max-gil-held", settings.max_gil_held_share, "runs without a GIL"
    return [] if asked is None else [f"{label(option)}: not applicable, this Python {why}"]


def told(state: State, nodeid: str, work: Callable[[], Result]) -> Result:
    """Return what ``work`` does for an item; a failure is one for the reader."""
    __tracebackhide__ = True
    try:
        with as_machine_fault():
            return work()
    except MeasurementError as error:
        failure = error
    # Outside the handler, so that no second traceback is chained to it.
    if isinstance(failure, NotAvailable):
        leave_out(state, nodeid, str(failure))
    if isinstance(failure, Refusal):  # the gate says so, too
        state.measured.left_out[nodeid] = failure.reason
    if isinstance(failure, MachineFault):
        state.measured.machine_faults.add(nodeid)
        state.measured.left_out[nodeid] = str(failure)
    pytest.fail(visible_text(str(failure)), pytrace=False)


def measured_case(
    state: State,
    nodeid: str,
    plan: Plan,
    is_decided: Callable[[Measurement], bool] = lambda measurement: False,
    check_only: bool = False,
) -> Measurement:
    """Measure an item's case as planned; ``MeasurementError`` where it cannot be measured."""
    item = state.collected.items[nodeid]
    if check_only:
        open_runner = check_opener(state, nodeid, item.case, item.workload, plan)
    else:
        open_runner = opener(state, item.workload, plan)
    return measure(item.case, item.workload, plan, open_runner, is_decided, check_only=check_only)


def take_note(state: State, measurement: Measurement) -> None:
    """Keep what the reader should know of a measurement, once for each workload."""
    line = f"{measurement.case.workload}: {measurement.note}"
    if measurement.note is not None and line not in state.words.notes:
        state.words.notes.append(line)


def leave_out(state: State, nodeid: str, reason: str) -> NoReturn:
    """Skip a case that cannot be run here."""
    __tracebackhide__ = True
    state.measured.left_out[nodeid] = reason
    state.measured.unavailable.add(nodeid)
    pytest.skip(f"not available: {reason}")


def make_plan(state: State, nodeid: str, fixed: dict[str, Any]) -> Plan:
    settings = state.settings
    judged = state.collected.is_judged(nodeid)
    return Plan(
        seconds=state.take_share(nodeid),
        processes=1 if settings.in_process else most_processes(judged),
        time_limit=settings.time_limit,
        before=settings.runner_setup,
        held_seconds=held_seconds(judged, state.collected.items[nodeid].bench.held),
        **chosen_by(state, fixed),
    )


def held_seconds(judged: bool, shown: bool) -> float:
    """Return how long a process samples the GIL: a class needs fewer samples than a verdict."""
    return HELD_SECONDS if judged else SHOWN_HELD_SECONDS if shown else 0.0
