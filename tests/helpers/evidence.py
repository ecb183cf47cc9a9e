"""Made-up evidence for the gate: a healthy, quiet case, and what a test changes of it."""

from typing import Any

from speedgate.judging.gate import Evidence
from speedgate.stats.accounting import Concurrency, Shares
from speedgate.stats.estimate import Estimate


def interval(value: float, low: float, high: float) -> Estimate:
    """An estimate with the bounds that a test needs; nothing depends on its count."""
    return Estimate(value, low, high, confidence=0.99, count=40)


def bounds(low: float, high: float | None = None) -> Concurrency:
    """A concurrency known within 0.01, by its lower bound and (if given) its upper."""
    return Concurrency(
        interval(low, low - 0.01, low + 0.01),
        None if high is None else interval(high, high - 0.01, high + 0.01),
    )


def shares(on_cpu: float, waiting: float | None = 0.02, blocked: float | None = 0.01) -> Shares:
    known = on_cpu + (waiting or 0.0) + (blocked or 0.0)
    return Shares(on_cpu, waiting, blocked, None if waiting is None else 1.0 - known)


# GIL held: np.exp as it is; as it is behind the GIL; a tenth of the work.
RELEASED = interval(0.01, 0.00, 0.03)
HELD = interval(0.97, 0.94, 0.99)
HELD_A_LITTLE = interval(0.10, 0.07, 0.14)


def evidence(**changed: Any) -> Evidence:
    """What two workers read that run side by side on a quiet machine, but for what is changed."""
    healthy: dict[str, Any] = {
        "workers": 2,
        "speedup": interval(1.65, 1.58, 1.72),
        "process_speedups": (1.62, 1.68),
        "concurrency": bounds(1.92, 1.95),
        "control": interval(1.92, 1.90, 1.94),
        "shares": shares(0.96),
        "inflation": interval(1.05, 1.03, 1.07),
        "control_inflation": interval(1.01, 1.0, 1.02),
        "process_inflations": (1.04, 1.06),
        "gil_held_share": RELEASED,
    }
    return Evidence(**healthy | changed)
