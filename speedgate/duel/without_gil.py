"""What threads gain without a GIL, beside a build with one: from the findings of a duel. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from speedgate.builds.label import BuildLabel
from speedgate.duel.finding import Finding
from speedgate.duel.findings import DuelFindings
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate


@dataclass(frozen=True)
class ThreadingGain:
    """A case in threads, in a build with a GIL and in one without.

    ``serial_cost`` is the ratio of the serial seconds of a call, without over with a GIL;
    ``with_gil`` and ``without_gil`` are the speedups. ``over_best`` is what a call takes in threads
    without a GIL over the least that the build with a GIL needs for it, serial or in threads.
    """

    case: Case
    blas_threads: int | None
    serial_cost: Estimate | None
    with_gil: Estimate
    without_gil: Estimate
    over_best: Estimate

    @property
    def workload(self) -> str:
        return self.case.workload

    @property
    def pays(self) -> bool | None:
        """Whether the build without a GIL is surely faster, or surely not; ``None`` if neither."""
        if self.over_best.high < 1:
            return True
        return False if self.over_best.low >= 1 else None


@dataclass(frozen=True)
class BreakEven:
    """From where a workload pays: at this size and number of workers and all larger sizes.

    ``at`` is ``None`` where it does not; ``is_open`` then says that the largest size may.
    """

    workload: str
    blas_threads: int | None
    at: Case | None
    is_open: bool


def build_without_gil(duel: DuelFindings) -> BuildLabel | None:
    """Return the first build without a GIL of a duel whose reference has one; ``None`` if none."""
    reference, *others = duel.builds
    if reference.gil_enabled is not True:
        return None
    return next((build.label for build in others if build.gil_enabled is False), None)


def threading_gains(duel: DuelFindings) -> list[ThreadingGain]:
    """Return what threads gain without a GIL in each case that was measured, by workload and size.

    Empty where the duel is not of a build with a GIL against one without.
    """
    label = build_without_gil(duel)
    gains = [_gain(finding) for finding in duel.findings if finding.build == label]
    known = [gain for gain in gains if gain is not None]
    return sorted(known, key=lambda gain: (*_group(gain), gain.case.workers, gain.case.size))


def _gain(finding: Finding) -> ThreadingGain | None:
    speedup, seconds = finding.effects.get("speedup"), finding.effects.get("seconds")
    case = finding.case
    if case is None or speedup is None or seconds is None:
        return None
    if STRATEGIES[case.strategy].workers_are != "threads":
        return None
    serial = finding.effects.get("serial_seconds")
    return ThreadingGain(
        case,
        finding.blas_threads,
        None if serial is None else serial.change,
        speedup.first,
        speedup.other,
        _over_best(seconds.change, speedup.first),
    )


def _over_best(in_threads: Estimate, speedup: Estimate) -> Estimate:
    """Return the ratio of threads to threads, or to the serial loop where that is faster.

    ``speedup`` is that of threads with a GIL. The bounds are the widest that both intervals allow;
    a speedup of a single block has none, and its lower end is 0.
    """
    return replace(
        in_threads,
        value=in_threads.value / min(1.0, speedup.value),
        low=in_threads.low / min(1.0, speedup.high),
        high=in_threads.high / min(1.0, speedup.low) if speedup.low > 0 else math.inf,
    )


def break_evens(gains: Iterable[ThreadingGain]) -> list[BreakEven]:
    """Return from where each workload pays, with the fewest workers that make it pay."""
    groups: dict[tuple[str, str, str], list[ThreadingGain]] = {}
    for gain in gains:
        groups.setdefault(_group(gain), []).append(gain)
    return [_break_even(mine) for mine in groups.values()]


def _group(gain: ThreadingGain) -> tuple[str, str, str]:
    return gain.workload, gain.case.strategy, str(gain.blas_threads)


def _break_even(gains: Sequence[ThreadingGain]) -> BreakEven:
    first = gains[0]
    counts = sorted({gain.case.workers for gain in gains})
    paths = [[gain for gain in gains if gain.case.workers == count] for count in counts]
    at = next((case for case in map(_smallest_that_pays, paths) if case is not None), None)
    is_open = any(path[-1].pays is None for path in paths)
    return BreakEven(first.workload, first.blas_threads, at, at is None and is_open)


def _smallest_that_pays(by_size: Sequence[ThreadingGain]) -> Case | None:
    """Return the smallest case from which all larger ones pay, too."""
    smallest = None
    for gain in reversed(by_size):
        if gain.pays is not True:
            break
        smallest = gain.case
    return smallest
