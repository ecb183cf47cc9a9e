"""Measurement: all that is known of one case so far, process by process."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from speedgate.judging.gate import Evidence
from speedgate.runner.messages import (
    Calibrated,
    Concluded,
    Counted,
    Opened,
    PairCounts,
    RoundCounts,
)
from speedgate.stats.accounting import concurrency, inflation, median_shares
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate, estimate_median, estimate_share
from speedgate.stats.sample import Pair, PairedSample, Round
from speedgate.stats.speedup import speedup

Json = dict[str, Any]
Reply = Opened | Calibrated | Concluded

# Two samples in a row often see the same hold: the variance of the share over stretches was up to
# 1.9 times the binomial one (python -m evaluation.signals), so that two count as one.
SAMPLES_AS_ONE = 2
# Samples within one call see one course of its holds: where calls are long they count as no more
# than this many each, or a single long hold would be taken for hundreds.
SAMPLES_A_CALL = 8


class HeldStretch(NamedTuple):
    """One process's samples of the GIL: ``hits`` of ``samples`` during ``calls`` calls.

    ``waiting`` is the share of the time for which the worker was runnable and others had its core.
    """

    hits: int
    samples: int
    calls: int
    waiting: float = 0.0

    @property
    def share(self) -> float:
        return self.hits / self.samples

    @property
    def trials(self) -> int:
        """As how many independent samples they count."""
        return max(1, min(self.samples // SAMPLES_AS_ONE, SAMPLES_A_CALL * self.calls))


@dataclass
class Measurement:
    """All that is known of one case so far; grows process by process."""

    case: Case
    processes: list[list[Pair]] = field(default_factory=list)
    controls: list[list[Pair]] = field(default_factory=list)
    shared: list[list[Pair]] = field(default_factory=list)
    held_stretches: list[HeldStretch] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    timed_seconds: float = 0.0
    wall_seconds: float = 0.0
    steal_seconds: float | None = None
    busy_seconds: float | None = None
    throttled_seconds: float | None = None
    rounds_seconds: float = 0.0
    gil_enabled: bool = True
    broken: str | None = None
    note: str | None = None
    unsampled: str | None = None

    @property
    def sample(self) -> PairedSample:
        return PairedSample.of(self.processes)

    @property
    def control_sample(self) -> PairedSample:
        return PairedSample.of(self.controls)

    @property
    def opened(self) -> Opened | None:
        """What the first process answered when the case was opened in it."""
        return next((reply for reply in self.replies if isinstance(reply, Opened)), None)

    @property
    def environment(self) -> Json:
        """The first process's interpreter; empty before any has answered."""
        return self.opened.environment if self.opened else {}

    @property
    def calibrated(self) -> Calibrated | None:
        """The load of a round, as the first process chose it."""
        return next((reply for reply in self.replies if isinstance(reply, Calibrated)), None)

    @property
    def tasks(self) -> int | None:
        """The tasks of a round."""
        return self.calibrated.tasks if self.calibrated else None

    @property
    def loops(self) -> int | None:
        """The calls of a task."""
        return self.calibrated.loops if self.calibrated else None

    @property
    def calls(self) -> int:
        """The calls of a round; 1 before any runner has calibrated."""
        return (self.tasks or 1) * (self.loops or 1)

    @property
    def described(self) -> Json | None:
        """What a benchmark of another project says of itself, from the first that told it."""
        told = (reply.described for reply in self.replies if not isinstance(reply, Calibrated))
        return next((described for described in told if described is not None), None)

    def evidence(self, confidence: float) -> Evidence:
        """Return what a gate decides from, with intervals at ``confidence``."""
        sample, workers = self.sample, self.case.workers
        medians = [estimate_median([pair.ratio for pair in pairs]) for pairs in self.processes]
        return Evidence(
            workers=workers,
            speedup=speedup(sample, confidence),
            process_speedups=tuple(estimate.value for estimate in medians if estimate is not None),
            concurrency=concurrency(sample, workers, confidence, self.steal_rate),
            control=self.control(confidence),
            shares=median_shares(sample, workers),
            inflation=inflation(sample, confidence),
            control_inflation=inflation(self.control_sample, confidence),
            process_inflations=self._process_inflations(),
            gil_held_share=self.gil_held_share(confidence),
            throttled=self.throttled_share(),
            gil_enabled=self.gil_enabled,
            broken=self.broken,
            unsampled=self.unsampled,
        )

    def _process_inflations(self) -> tuple[float, ...]:
        """Return the median inflation of each process; none of one that does not tell it."""
        alone = (inflation(PairedSample.of([pairs])) for pairs in self.processes)
        return tuple(estimate.value for estimate in alone if estimate is not None)

    def gil_held_share(self, confidence: float) -> Estimate | None:
        """Return for what share of one worker's work the GIL was held, over all processes.

        A worker that is preempted with the GIL holds it until it runs again. So what it waited may
        all be a part of what was seen, and is taken off the lower bound.
        """
        trials = sum(stretch.trials for stretch in self.held_stretches)
        hits = sum(stretch.share * stretch.trials for stretch in self.held_stretches)
        share = estimate_share(hits, trials, confidence)
        if share is None:
            return None
        waiting = sum(stretch.waiting * stretch.trials for stretch in self.held_stretches) / trials
        return replace(share, low=max(0.0, share.low - waiting))

    def throttled_share(self) -> float | None:
        """Return for what share of the workers' time a control group had used up its CPU quota.

        The kernel adds up the CPUs: two workers that are stopped for a second are two seconds. In
        the rounds of the baseline there is one.
        """
        pairs = (*self.sample.pairs, *self.control_sample.pairs)
        if self.throttled_seconds is None or not pairs:
            return None
        seconds = sum(
            pair.baseline.seconds + self.case.workers * pair.contender.seconds for pair in pairs
        )
        return self.throttled_seconds / seconds

    @property
    def steal_rate(self) -> float:
        """Return how many seconds a hypervisor took for each that the machine computed.

        It took them from all that ran. If it is unknown how long the machine computed, all of
        them count as taken from our own rounds.
        """
        busy = self.busy_seconds or self.rounds_seconds
        return (self.steal_seconds or 0.0) / max(busy, 1e-9)

    def control(self, confidence: float) -> Estimate | None:
        return speedup(self.control_sample, confidence)

    def add_rounds(self, counted: Counted, pairs: list[Pair], controls: list[Pair]) -> None:
        """Take in one answer to ``rounds``."""
        pairs += map(pair_of, counted.pairs)
        controls += map(pair_of, counted.controls)
        if counted.shared:
            self.shared[-1] += map(pair_of, counted.shared)
        self.timed_seconds += counted.timed_seconds
        self.rounds_seconds += counted.seconds
        self.steal_seconds = added(self.steal_seconds, counted.steal)
        self.busy_seconds = added(self.busy_seconds, counted.busy)
        self.throttled_seconds = added(self.throttled_seconds, counted.throttled)
        self.gil_enabled = self.gil_enabled and counted.gil_enabled
        if counted.switch_interval is not None:
            self.note = (
                f"a library set sys.setswitchinterval to {counted.switch_interval:g} s: a thread "
                "that computes in Python keeps the GIL for that long"
            )
        if counted.traced:
            self.broken = f"{counted.traced} was active: traced threads look several times slower"


def pair_of(counts: PairCounts) -> Pair:
    """Return a pair of rounds as the statistics know it."""
    return Pair(round_of(counts.baseline), round_of(counts.contender))


def round_of(counts: RoundCounts) -> Round:
    return Round(**{item.name: getattr(counts, item.name) for item in fields(counts)})


def added(total: float | None, seconds: float | None) -> float | None:
    """Return the sum of what is known, ``None`` where nothing is."""
    return total if seconds is None else (total or 0.0) + seconds
