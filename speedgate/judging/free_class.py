"""Classification without a GIL: whether an operation's threads scale, contend or take turns. Pure.

The sister of ``gil_class``, for free-threaded builds.
"""

from __future__ import annotations

from speedgate.judging.gil_class import (
    LEAST_GAIN,
    Classification,
    GilClass,
    concurrency_text,
    runs_one_at_a_time,
)
from speedgate.judging.inflation import GROWN, beyond_control
from speedgate.stats.accounting import Concurrency
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import INFLATION, SPEEDUP

# Workers of which surely fewer run at once wait for each other, for a part of their work.
LEAST_SHARE = 0.85


def classify_free(
    workers: int,
    speedup: Estimate | None,
    concurrency: Concurrency | None,
    inflation: Estimate | None,
    control_inflation: Estimate | None,
) -> Classification:
    """Return the class of a case with ``workers`` threads of a Python without a GIL.

    First what runs one at a time, then what needs more CPU time the more workers there are, or
    blocks for a part of it. What is left scales if it gains.
    """
    if workers < 2 or speedup is None:
        return Classification(GilClass.UNKNOWN, False, "not measured with two threads or more")
    if speedup.value < LEAST_GAIN and runs_one_at_a_time(workers, concurrency):
        surely = speedup.is_bounded and speedup.high < LEAST_GAIN
        return Classification(GilClass.SERIALISED, surely, concurrency_text(concurrency))
    grown = beyond_control(inflation, control_inflation)
    if grown is not None and grown.value > GROWN:
        reason = f"CPU time per work grows {INFLATION.number(grown.value)}-fold"
        return Classification(GilClass.CONTENDS, grown.low > GROWN, reason)
    if _surely_wait(workers, concurrency):
        return Classification(GilClass.CONTENDS, True, concurrency_text(concurrency))
    if speedup.value < LEAST_GAIN:
        reason = f"{SPEEDUP.text(speedup.value)}, and nothing of the workers' explains it"
        return Classification(GilClass.UNKNOWN, False, reason)
    is_certain = speedup.low >= LEAST_GAIN and grown is not None and grown.high <= GROWN
    return Classification(GilClass.SCALES, is_certain, f"{SPEEDUP.text(speedup.value)}")


def _surely_wait(workers: int, concurrency: Concurrency | None) -> bool:
    if concurrency is None or concurrency.high is None:
        return False
    return concurrency.high.high < LEAST_SHARE * workers
