"""Why a benchmark of another project contends: whether it is probed, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from speedgate.judging.contention import name_cause
from speedgate.judging.gate import Evidence, Judgement
from speedgate.judging.gil_class import Classification
from speedgate.judging.probing import (
    CONTENDING,
    asks_for_cause,
    class_with_cause,
    with_cause,
    with_remark,
)
from speedgate.judging.scale_gate import cause
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measured_row import gil_class_of
from speedgate.measuring.plan import Plan
from speedgate.measuring.probe import PRIVATE, SHARED
from speedgate.measuring.runner_process import RunnerClient
from speedgate.measuring.scale_probe import probe_benchmark
from speedgate.measuring.scaling import Scaled, can_share, outcome_of
from speedgate.measuring.yardsticks import bandwidth_yardstick
from speedgate.stats.estimate import DEFAULT_CONFIDENCE

# Of a map or a suite hundreds of cases may contend.
SHORT_PROBE_SECONDS = 1.5


def states_to_probe(scaled: Scaled, judgement: Judgement | None, has_time: bool) -> tuple[str, ...]:
    """Return the states to probe, first that which contends; none where nobody asks for a cause.

    What failed is probed, and what contends without a GIL, or for its shared objects.
    """
    if scaled.measurement is None or scaled.case.workers < 2:
        return ()
    kind = gil_class_of(scaled.measurement)
    contends = has_time and kind is not None and kind.kind in CONTENDING
    if contends or (judgement is not None and asks_for_cause(judgement, has_time)):
        return _judged_first(scaled)
    return (SHARED, PRIVATE) if has_time and scaled.sharing_costs else ()


def _judged_first(scaled: Scaled) -> tuple[str, ...]:
    if scaled.benchmark.share:
        return SHARED, PRIVATE
    return (PRIVATE, SHARED) if can_share(scaled, scaled.case.workers) else (PRIVATE,)


def probe_scaled(
    scaled: Scaled,
    keys: Sequence[str],
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
    now: Callable[[], float],
) -> None:
    """Probe a benchmark and note the cause, or why it cannot be probed."""
    assert scaled.measurement is not None
    workers, measurement = scaled.case.workers, scaled.measurement
    # The project's Python need not have NumPy.
    has_numpy = measurement.environment.get("numpy") is not None
    try:
        probe = probe_benchmark(
            scaled.benchmark,
            workers,
            plan,
            open_runner,
            keys,
            bandwidth_yardstick(workers) if has_numpy else None,
            measurement.gil_held_share(DEFAULT_CONFIDENCE),
            now,
        )
    except MeasurementError as error:
        scaled.unprobed = outcome_of(error)[1].partition("\n")[0]
    else:
        scaled.named, scaled.probed = name_cause(probe), keys[0]


# --- in words


def with_cause_of(scaled: Scaled, judgement: Judgement) -> Judgement:
    """Return the judgement with the cause in its reason, where it was probed."""
    if scaled.unprobed:
        return with_remark(judgement, f"its cause cannot be probed: {scaled.unprobed}")
    if scaled.named is None or scaled.probed != _judged_first(scaled)[0]:
        return judgement
    return with_cause(judgement, scaled.named)


def class_of(scaled: Scaled) -> Classification | None:
    """Return the class of what was measured, with the cause if it was probed."""
    if scaled.measurement is None:
        return None
    kind = gil_class_of(scaled.measurement)
    if kind is None or scaled.named is None or kind.kind not in CONTENDING:
        return kind
    return class_with_cause(kind, scaled.named)


def cause_of(scaled: Scaled, evidence: Evidence, kind: Classification | None) -> str:
    """Return why a benchmark scales no better: what a probe named, or what the figures tell. One
    thread has nothing to gain, and no cause."""
    if scaled.case.workers == 1:
        return ""
    seen, named = cause(evidence, kind), scaled.named
    if not seen or named is None or scaled.probed != _judged_first(scaled)[0]:
        return seen
    return named.line if named.is_certain else f"{seen}; probed: {named.line}"


def sharing_of(scaled: Scaled) -> str:
    """Say what one state for all threads costs, and why if it was probed."""
    costs = scaled.sharing_costs
    if not costs or scaled.named is None or scaled.probed != SHARED:
        return costs
    return f"{costs}; probed: {scaled.named.line}"
