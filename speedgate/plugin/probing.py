"""The cause of contention: a case that did not scale is probed before its verdict is written."""

from __future__ import annotations

from speedgate.judging import probing
from speedgate.judging.contention import NamedCause, name_cause
from speedgate.judging.gate import Judgement
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measured_row import gil_class_of
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.probe import PROBE_SECONDS, can_be_probed, probe_case
from speedgate.measuring.scale_cause import SHORT_PROBE_SECONDS
from speedgate.measuring.yardsticks import bandwidth_yardstick
from speedgate.plugin.machine_fault import as_machine_fault
from speedgate.plugin.opening import chosen_by, opener
from speedgate.plugin.session import State
from speedgate.stats.estimate import DEFAULT_CONFIDENCE


def with_cause(
    state: State, nodeid: str, judgement: Judgement, measurement: Measurement
) -> Judgement:
    """Return the judgement with the cause in its reason, where it asks for one.

    A probe takes ``PROBE_SECONDS``, beyond the budget if the case failed.
    """
    item = state.collected.items[nodeid]
    # A negative control must not scale: it has no floor.
    if judgement.at_least is None or not can_be_probed(item.case, item.workload):
        return judgement
    budget = state.measured.budget
    has_time = budget is not None and not budget.is_used_up()
    if not probing.asks_for_cause(judgement, has_time):
        return judgement
    try:
        named = _named(state, nodeid, measurement, PROBE_SECONDS)
    except MeasurementError as error:
        first = str(error).partition("\n")[0]
        return probing.with_remark(judgement, f"its cause cannot be probed: {first}")
    return probing.with_cause(judgement, named)


def class_with_cause(state: State, nodeid: str, measurement: Measurement) -> Classification | None:
    """Return the class of a case of a map, and why it contends, as far as there is time to ask."""
    classification, item = gil_class_of(measurement), state.collected.items[nodeid]
    if classification is None or classification.kind is not GilClass.CONTENDS:
        return classification
    budget = state.measured.budget
    if not can_be_probed(item.case, item.workload) or budget is None or budget.is_used_up():
        return classification
    try:
        named = _named(state, nodeid, measurement, SHORT_PROBE_SECONDS)
    except MeasurementError:  # the class is known all the same
        return classification
    return probing.class_with_cause(classification, named)


def _named(state: State, nodeid: str, measurement: Measurement, seconds: float) -> NamedCause:
    """Return what a probe says; ``MeasurementError`` where the case cannot be probed."""
    item = state.collected.items[nodeid]
    plan = Plan(
        seconds=seconds,
        time_limit=state.settings.time_limit,
        before=state.settings.runner_setup,
        **chosen_by(state, state.measured.fixed.get(nodeid, {})),
    )
    with as_machine_fault():
        probe = probe_case(
            item.case,
            item.workload,
            plan,
            opener(state, item.workload, plan),
            bandwidth_yardstick(item.case.workers),
            measurement.gil_held_share(DEFAULT_CONFIDENCE),
        )
    return name_cause(probe)
