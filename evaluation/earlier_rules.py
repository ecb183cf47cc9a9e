"""Rules as they were before they were mended: what the mends cost or gain is counted against them.

Only what differed is here; the rest goes through the functions of today.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from unittest.mock import patch

from evaluation.claim_nights import Nights, Window, judged_night
from speedgate.duel import case_state, decision, duel
from speedgate.judging.floors import Floors, floors
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import confirmed
from speedgate.judging.row import Row
from speedgate.measuring.measurement import Measurement
from speedgate.stats.estimate import Estimate

# Of a candidate's fresh blocks all but so many had to agree; a case was called the same after four.
DISSENTS = 1
LEAST_SAME = 4


def uncapped(workers: int) -> Floors:
    """Return the floors of so many workers when every one of them counted."""
    return floors(workers, min_speedup=1 + 0.2 * (workers - 1), min_concurrency=0.85 * workers)


def charged_all_steal(growing: Iterable[Measurement]) -> Iterator[Measurement]:
    """Charge the workers for what a hypervisor took from the whole machine, W of its cores or not.

    Today's rate is of each second that was computed, so it is made that of the workers' own.
    """
    for measurement in growing:
        pairs = measurement.sample.pairs
        at_once = sum(pair.contender.on_cpu for pair in pairs)
        at_once /= sum(pair.contender.seconds for pair in pairs)
        seconds = sum(pair.baseline.seconds + pair.contender.seconds for pair in pairs)
        yield replace(measurement, busy_seconds=at_once * seconds)


def by_rounds_alone(row: Row) -> Row:
    """Return a row whose speedup has the interval of its rounds, as if processes did not differ."""
    return replace(row, speedup=row.rounds)


def measured_once(
    nights: Nights, window: Window, judged: int, factor: float
) -> tuple[dict[str, float], bool]:
    """Return what was read tonight, and whether it fails: no failed case was measured again."""
    figures = nights.figures(factor)
    return figures, judged_night(figures, window, judged).verdict is Verdict.FAILED


def granted_all(
    nights: Nights, window: Window, judged: int, factor: float
) -> tuple[dict[str, float], bool]:
    """Return the same: all that the control lacks of its workers was granted, whatever it lacked in
    the window. What fails is measured again, as today."""
    figures = nights.figures(factor)
    judgement = judged_night(figures, window, judged, [])
    if judgement.verdict is Verdict.FAILED:
        judgement = confirmed(judgement, judged_night(nights.figures(factor), window, judged, []))
    return figures, judgement.verdict is Verdict.FAILED


def as_exact(estimate: Estimate) -> Estimate:
    """Return a figure of too few rounds for an interval as the history gate took it."""
    return replace(estimate, low=estimate.value, high=estimate.value)


@contextmanager
def all_but_one() -> Iterator[None]:
    """Confirm a duel's candidate if all but one of n fresh blocks agree, (n + 1) / 2^n."""
    needed = 0

    def blocks_to_confirm(candidates: int, error: float) -> int:
        nonlocal needed
        needed = 0
        while candidates * (needed + 1) / 2**needed > error:
            needed += 1
        return needed

    def evidence_for(agreed: int, dissented: int) -> float:
        is_confirmed = dissented <= DISSENTS and agreed >= needed - DISSENTS
        return math.inf if is_confirmed else 0.0

    def can_confirm(agreed: int, dissented: int, needed: int) -> bool:
        return dissented <= DISSENTS

    with ExitStack() as changed:
        for module, name, value in (
            (duel, "blocks_to_confirm", blocks_to_confirm),
            (case_state, "evidence_for", evidence_for),
            (case_state, "can_confirm", can_confirm),
            (decision, "LEAST_SAME", LEAST_SAME),
        ):
            changed.enter_context(patch.object(module, name, value))
        yield
