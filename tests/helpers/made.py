"""Made-up values: what would be measured, without measuring it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers import loads
from speedgate.judging.row import Row
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.sample import Pair, PairedSample, Round

CASE = Case("g", 1_000_000, "threads", 2)
SERIAL = Case("made", 3, "serial", 1)


@dataclass(frozen=True)
class MadeWorkload:
    """The least that the harness asks of a workload."""

    function: Callable[[Any], Any] = loads.nothing
    prepare: Callable[[int, int], Any] = loads.size_only
    name: str = "made"
    argument_bytes: float = 0.0
    call_bytes: float = 0.0


SQUARE = MadeWorkload(loads.square)


def pair(baseline: float, contender: float = 1.0, **counted: Any) -> Pair:
    """A pair of which only the seconds, and what is ``counted`` of the contender, matter."""
    return Pair(
        Round(seconds=baseline, on_cpu=baseline, cpu=baseline),
        Round(**{"seconds": contender, "on_cpu": contender, **counted}),
    )


def sample(*ratios: float) -> PairedSample:
    """One process whose pairs have these speedups."""
    return PairedSample.of([[pair(ratio) for ratio in ratios]])


def contenders(*rounds: Round) -> PairedSample:
    """One process with these contender rounds."""
    return PairedSample.of([[Pair(Round(1.0, 1.0), contender) for contender in rounds]])


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    """An estimate that reaches 0.05 to both sides unless told otherwise."""
    low = value - 0.05 if low is None else low
    return Estimate(value, low, value + 0.05 if high is None else high, 0.95, 12)


def row(case: Case = CASE, value: float = 1.65, **fields: Any) -> Row:
    return Row(case=case, speedup=estimate(value), **fields)


def opening(
    function: Callable[[Any], Any] = loads.nothing,
    strategy: str = "threads",
    workers: int = 2,
    prepare: Callable[[int, int], Any] = loads.size_only,
    control: Callable[[Any], Any] | None = None,
    before: str | None = None,
    path: tuple[str, ...] = (),
    placed: bool = False,
) -> dict[str, Any]:
    """A request that opens a case in a runner, with four buffers of three elements each."""

    def batch(key: str, function: Callable[[Any], Any]) -> dict[str, Any]:
        return {
            "key": key,
            "function": f"{function.__module__}:{function.__name__}",
            "prepare": f"{prepare.__module__}:{prepare.__name__}",
            "size": 3,
            "seed": 0,
            "buffers": 4,
            "path": list(path),
        }

    batches = [batch("work", function)] + ([batch("control", control)] if control else [])
    request = {"do": "open", "strategy": strategy, "workers": workers, "batches": batches}
    return request | {"before": before, "placed": placed}
