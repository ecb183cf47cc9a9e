"""Inflation: CPU time per work that grows with the workers, beyond what the control's grew by.

The rule of a gate without a GIL: there workers that contend for an object burn CPU and seem to run
at once. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import INFLATION

# CPU time per work that grows by more than this has a cause in the work, or in its cores.
GROWN = 1.15
# As with the speedup, one process that contends is no evidence: its pages may have landed badly.
LEAST_PROCESSES = 2


def most_inflation(workers: int, speedup_floor: float) -> float:
    """Return the inflation with which workers that all run at once just reach a speedup.

    Of W workers that run at once the speedup is W / inflation. So it is the floor of the speedup
    in CPU seconds, which a neighbour on the cores hardly moves.
    """
    return workers / speedup_floor


def beyond_control(inflation: Estimate | None, control: Estimate | None) -> Estimate | None:
    """Return the inflation over the control's, where that is above 1: hyperthreads, the clock.

    Without a control the inflation as it is. The bounds are the widest that both intervals allow:
    a control with too few pairs leaves no lower bound.
    """
    if inflation is None or control is None:
        return inflation
    return replace(
        inflation,
        value=inflation.value / max(1.0, control.value),
        low=inflation.low / max(1.0, control.high) if inflation.is_bounded else inflation.low,
        high=inflation.high / max(1.0, control.low),
    )


def is_high(
    inflation: Estimate | None,
    control: Estimate | None,
    processes: Sequence[float],
    most: float,
) -> bool:
    """Whether the CPU time per work surely grew more than ``most``, and in every process.

    ``control`` is the inflation of the host control in the same rounds, ``processes`` are the
    medians of the single processes.
    """
    grown = beyond_control(inflation, control)
    if grown is None or not grown.is_bounded or len(processes) < LEAST_PROCESSES:
        return False
    allowance = 1.0 if control is None else max(1.0, control.high)
    return grown.low > most and min(processes) > most * allowance


def why_high(inflation: Estimate, control: Estimate | None, most: float) -> str:
    """Say that it is, with the figures that decided."""
    beside = "" if control is None else f", the control's {INFLATION.text(control.value)}-fold"
    interval = f"[{INFLATION.text(inflation.low)}, {INFLATION.text(inflation.high)}]"
    return (
        f"CPU time per work grew {INFLATION.text(inflation.value)}-fold {interval}{beside}, at "
        f"most {INFLATION.text(most)} without a GIL: the workers contend for something that all of "
        "them use"
    )
