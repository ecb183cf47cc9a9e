"""The cause of contention: a case that did not scale is probed before its verdict is written."""

from __future__ import annotations

from dataclasses import replace

from speedgate.judging.contention import name_cause
from speedgate.judging.gate import Judgement, Verdict
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.probe import PROBE_SECONDS, can_be_probed, probe_case
from speedgate.measuring.suite import find_workload
from speedgate.plugin.fixture import chosen_by, opener
from speedgate.plugin.session import State
from speedgate.runner import machine
from speedgate.stats.case import Workload, sizes_of
from speedgate.stats.estimate import DEFAULT_CONFIDENCE

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
    plan = Plan(
        seconds=PROBE_SECONDS,
        time_limit=state.settings.time_limit,
        before=state.settings.runner_setup,
        **chosen_by(state, state.measured.fixed.get(nodeid, {})),
    )
    try:
        probe = probe_case(
            item.case,
            item.workload,
            plan,
            opener(state, item.workload, plan),
            _bandwidth(item.case.workers),
            measurement.gil_held_share(DEFAULT_CONFIDENCE),
        )
    except MeasurementError as error:
        first = str(error).partition("\n")[0]
        return replace(judgement, reason=f"{judgement.reason}; its cause cannot be probed: {first}")
    return replace(judgement, reason=f"{judgement.reason}; probed: {name_cause(probe).line}")


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
