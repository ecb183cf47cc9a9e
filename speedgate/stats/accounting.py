"""Where the workers' time went: on CPU, waiting for a CPU, blocked, idle. Pure arithmetic.

For W workers over a round of T wall seconds, W*T = on-CPU + waiting + blocked + idle:

* on-CPU: the workers' CPU clocks;
* waiting: on a run queue, because others had the cores;
* blocked: within a task, neither running nor runnable: the GIL, a lock, I/O; and after the last
  task, for as long as the others are behind because they were blocked;
* idle: outside a task: dispatch, start-up, imbalance, and waiting for the GIL between tasks.

How many workers could run at once is ``concurrency = W * (on-CPU + waiting) / (W*T - tail)``,
where the tail is what a worker had to spare after its last task because the others had more to
compute: nothing was left to run. What it had to spare because they were blocked is no such time,
for without the lock they would have ended with it. It is an upper bound where workers waited,
because a worker that is woken counts as runnable whether or not the GIL would have been free;
without the waiting it is a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from speedgate.stats.estimate import (
    DEFAULT_CONFIDENCE,
    Estimate,
    estimate_median,
    sign_autocorrelation,
)
from speedgate.stats.sample import Pair, PairedSample, Round


@dataclass(frozen=True)
class Shares:
    """Shares of W*T. Their sum is 1 within rounding, unless one of them is ``None`` (unknown)."""

    on_cpu: float
    waiting: float | None
    blocked: float | None
    idle: float | None

    def as_json(self) -> dict[str, float | None]:
        return dict(vars(self))


def shares(contender: Round, workers: int) -> Shares:
    """Split one round of ``workers`` workers.

    Clocks are read one after the other, so a share can come out below 0 by microseconds; it is
    then taken as 0 and the four are scaled to sum to 1.
    """
    total = workers * contender.seconds
    on_cpu = contender.on_cpu / total
    if contender.in_task is None or contender.waiting is None:
        return Shares(on_cpu, None, None, None)
    in_task = (contender.in_task + contender.blocked_tail) / total
    waiting = contender.waiting / total
    blocked = max(0.0, in_task - on_cpu - waiting)
    idle = max(0.0, 1.0 - on_cpu - waiting - blocked)
    scale = 1.0 / (on_cpu + waiting + blocked + idle)
    return Shares(on_cpu * scale, waiting * scale, blocked * scale, idle * scale)


def median_shares(sample: PairedSample, workers: int) -> Shares | None:
    """Return the shares of all contender rounds together, each weighted by its length."""
    rounds = [pair.contender for pair in sample.pairs]
    if not rounds:
        return None

    def total(part: Callable[[Round], float | None]) -> float | None:
        values = [part(timed) for timed in rounds]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    return shares(
        Round(
            seconds=sum(timed.seconds for timed in rounds),
            on_cpu=sum(timed.on_cpu for timed in rounds),
            in_task=total(lambda timed: timed.in_task),
            waiting=total(lambda timed: timed.waiting),
            blocked_tail=sum(timed.blocked_tail for timed in rounds),
        ),
        workers,
    )


def concurrency_of(
    contender: Round, workers: int, runnable: float = 0.0, stolen: float = 0.0
) -> float:
    """Return how many workers ran (or, with ``runnable`` seconds added, could have run) at once.

    Of a worker from which a hypervisor took ``stolen`` seconds it looks as if it had been blocked,
    and up to W - 1 others may have had as much to spare for it.
    """
    tail = contender.tail + min(contender.blocked_tail, (workers - 1) * stolen)
    running = contender.on_cpu + runnable + stolen
    return workers * running / (workers * contender.seconds - tail)


@dataclass(frozen=True)
class Concurrency:
    """How many workers could run at once: bounds from below and from above.

    ``high`` is ``None`` where the platform cannot tell how long workers waited for a CPU.
    """

    low: Estimate
    high: Estimate | None

    @property
    def values(self) -> tuple[float, float | None]:
        """The bounds themselves, without their intervals."""
        return self.low.value, self.high.value if self.high else None

    def as_json(self) -> dict[str, object]:
        return {"low": self.low.as_json(), "high": self.high.as_json() if self.high else None}


def concurrency(
    sample: PairedSample,
    workers: int,
    confidence: float = DEFAULT_CONFIDENCE,
    steal_rate: float = 0.0,
) -> Concurrency | None:
    """Return the concurrency over all rounds.

    ``steal_rate`` is how many seconds a hypervisor took for each that the machine computed: what
    runs is stolen from, the workers for as long as they ran. Such time looks like blocked, so it is
    added to the upper bound.
    """

    def bound(part: Callable[[Round], float | None]) -> Estimate | None:
        return estimate_over(sample, lambda pair: part(pair.contender), confidence)

    def with_waiting(timed: Round) -> float | None:
        if timed.waiting is None:
            return None
        stolen = steal_rate * timed.on_cpu
        return concurrency_of(timed, workers, timed.waiting, stolen)

    low = bound(lambda timed: concurrency_of(timed, workers))
    return None if low is None else Concurrency(low, bound(with_waiting))


def estimate_over(
    sample: PairedSample,
    part: Callable[[Pair], float | None],
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate | None:
    """Return the median of a figure over all pairs, whose neighbours may resemble each other.

    ``None`` where a pair does not know the figure.
    """
    runs = by_process(sample.processes, part)
    if runs is None:
        return None
    values = [value for run in runs for value in run]
    return estimate_median(values, confidence, sign_autocorrelation(runs))


def by_process(
    processes: Sequence[Sequence[Pair]], part: Callable[[Pair], float | None]
) -> list[list[float]] | None:
    """Return a figure of each pair, a list for each process; ``None`` where a pair does not know
    it."""
    runs = [[part(pair) for pair in pairs] for pairs in processes]
    known = [[value for value in run if value is not None] for run in runs]
    return known if [len(run) for run in known] == [len(run) for run in runs] else None


def median_of(sample: PairedSample, part: Callable[[Pair], float | None]) -> float | None:
    """Return the median of a figure over all pairs, ``None`` where a pair does not know it."""
    values: Sequence[float | None] = [part(pair) for pair in sample.pairs]
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def inflation(sample: PairedSample, confidence: float = DEFAULT_CONFIDENCE) -> Estimate | None:
    """Return the CPU seconds of a contender round / those of its baseline, the median of all."""
    return estimate_over(sample, lambda pair: pair.inflation, confidence)


def page_faults(sample: PairedSample) -> tuple[float, float] | None:
    """Return the median page faults of the baseline's and of the contender's rounds."""
    baseline = median_of(sample, lambda pair: pair.baseline.minor_faults)
    contender = median_of(sample, lambda pair: pair.contender.minor_faults)
    return None if baseline is None or contender is None else (baseline, contender)
