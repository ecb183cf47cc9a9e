"""The cause of contention: a case that did not scale is probed before its verdict is written."""

from __future__ import annotations

from dataclasses import replace

from speedgate.judging.contention import NamedCause, name_cause
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measured_row import gil_class_of
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.probe import PROBE_SECONDS, can_be_probed, probe_case
from speedgate.measuring.suite import find_workload
from speedgate.plugin.opening import chosen_by, opener
from speedgate.plugin.session import State
from speedgate.runner import machine
from speedgate.stats.case import Workload, sizes_of
from speedgate.stats.estimate import DEFAULT_CONFIDENCE

# Of a map hundreds of cases may contend.
MAP_SECONDS = 1.5
BANDWIDTH = "workloads.control:BANDWIDTH"


def with_cause(
    state: State, nodeid: str, judgement: Judgement, measurement: Measurement
) -> Judgement:
    """Return the judgement with the cause in its reason, where it asks for one.

    A probe takes ``PROBE_SECONDS``, beyond the budget if the case failed.
    """
    item = state.collected.items[nodeid]
    if not can_be_probed(item.case, item.workload) or not asks_for_cause(state, judgement):
        return judgement
    try:
        named = _named(state, nodeid, measurement, PROBE_SECONDS)
    except MeasurementError as error:
        first = str(error).partition("\n")[0]
        return replace(judgement, reason=f"{judgement.reason}; its cause cannot be probed: {first}")
    return replace(judgement, reason=f"{judgement.reason}; probed: {named.line}")


def class_with_cause(state: State, nodeid: str, measurement: Measurement) -> Classification | None:
    """Return the class of a case of a map, and why it contends, as far as there is time to ask."""
    classification, item = gil_class_of(measurement), state.collected.items[nodeid]
    if classification is None or classification.kind is not GilClass.CONTENDS:
        return classification
    budget = state.measured.budget
    if not can_be_probed(item.case, item.workload) or budget is None or budget.is_used_up():
        return classification
    try:
        named = _named(state, nodeid, measurement, MAP_SECONDS)
    except MeasurementError:  # the class is known all the same
        return classification
    reason = f"{classification.reason}; probed: {named.line}"
    return replace(classification, reason=reason, cause=named.cause.value)


def _named(state: State, nodeid: str, measurement: Measurement, seconds: float) -> NamedCause:
    item = state.collected.items[nodeid]
    plan = Plan(
        seconds=seconds,
        time_limit=state.settings.time_limit,
        before=state.settings.runner_setup,
        **chosen_by(state, state.measured.fixed.get(nodeid, {})),
    )
    probe = probe_case(
        item.case,
        item.workload,
        plan,
        opener(state, item.workload, plan),
        _bandwidth(item.case.workers),
        measurement.gil_held_share(DEFAULT_CONFIDENCE),
    )
    return name_cause(probe)


def asks_for_cause(state: State, judgement: Judgement) -> bool:
    """Whether a cause is wanted: of what must scale and failed, or may be too slow."""
    evidence = judgement.evidence
    if judgement.at_least is None or evidence is None or judgement.at_least > evidence.workers:
        return False
    if judgement.verdict is Verdict.FAILED:
        return True
    budget, speedup = state.measured.budget, evidence.speedup
    is_slow = speedup is not None and speedup.low < judgement.at_least
    has_time = budget is not None and not budget.is_used_up()
    return judgement.verdict is Verdict.INCONCLUSIVE and is_slow and has_time


def _bandwidth(workers: int) -> Workload | None:
    """Return the yardstick of memory, ``None`` where its arrays do not fit twice."""
    yardstick: Workload = find_workload(BANDWIDTH, BANDWIDTH)
    available = machine.available_bytes()
    needed = max(sizes_of(yardstick)) * yardstick.argument_bytes * workers
    return None if available is not None and 2 * needed > available else yardstick
