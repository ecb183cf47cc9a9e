"""The probe of contention: the arms of a case measured in turn, and what each of them showed.

Two runners are open at once, one whose workers are threads and one whose workers are processes, and
each runs a few pairs while the other waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace

from speedgate.judging.contention import FAULT_SECONDS, Arm, ContentionProbe, name_cause
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measure import answer_on
from speedgate.measuring.measurement import pair_of
from speedgate.measuring.plan import Plan, batch
from speedgate.measuring.runner_process import RunnerClient
from speedgate.runner import messages
from speedgate.runner.strategies import STRATEGIES
from speedgate.runner.task import BatchRequest
from speedgate.stats.accounting import estimate_over, inflation, shares
from speedgate.stats.case import Case, Workload, preallocated_of, private_of, sizes_of
from speedgate.stats.estimate import Estimate
from speedgate.stats.sample import Pair, PairedSample
from speedgate.stats.speedup import speedup

# Each bound of an arm errs in half a percent.
CONFIDENCE = 0.99
PROBE_SECONDS = 4.0
# Fewer pairs have no interval at this confidence; more tell hardly more.
LEAST_PAIRS, MOST_PAIRS = 12, 40
PAIRS_AT_ONCE = 2
# A probe that has named nothing when its time is up goes on for as long again, and half of it.
MORE_TIME = 1.5

# The keys of the batches. ``processes`` is the strategy of its arm, too, which has its own runner.
WORK, PRIVATE, SHARED, PREALLOCATED = "work", "private", "shared", "preallocated"
BANDWIDTH, CONTROL, PROCESSES = "bandwidth", "control", "processes"


def can_be_probed(case: Case, workload: Workload) -> bool:
    """Whether the arms can be made: the workers are threads, and the work is one of ours."""
    strategy = STRATEGIES.get(case.strategy)
    is_ours = not hasattr(workload, "open_request")
    return strategy is not None and strategy.workers_are == "threads" and is_ours


class _ArmRunner:
    """A runner with the batches of some arms open in it."""

    def __init__(self, case: Case, client: RunnerClient, limit_seconds: float) -> None:
        self._case, self._client, self._limit = case, client, limit_seconds

    def ask(self, request: messages.Request[messages.Answer]) -> messages.Answer:
        return answer_on(self._case, self._client, request, self._limit)

    def open(self, strategy: str, batches: list[BatchRequest], before: str | None) -> None:
        # Two threads on one core never meet, and Linux leaves them there for a whole round.
        request = messages.OpenCase(strategy, self._case.workers, batches, before, placed=True)
        self.ask(request)


def probe_case(
    case: Case,
    workload: Workload,
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
    bandwidth: Workload | None = None,
    gil_held_share: Estimate | None = None,
    now: Callable[[], float] = time.monotonic,
) -> ContentionProbe:
    """Measure the arms of a case for ``plan.seconds``, at least ``LEAST_PAIRS`` pairs of each.

    What names nothing until then goes on, as ``MORE_TIME`` says.

    ``bandwidth`` is a workload whose largest size is beyond the caches; without it the memory's
    bandwidth is never named. Raises ``MeasurementError`` as measuring the case itself does.
    """
    until = now() + plan.seconds
    taken = _Taken()
    with ExitStack() as closing:
        threads = _open(closing, case, plan, open_runner)
        arms = _arms_in_threads(case, workload, plan, bandwidth)
        threads.open(case.strategy, arms, plan.before)
        keys = [arm.key for arm in arms]
        processes = _open_processes(closing, case, workload, plan, open_runner)
        while not _is_enough(taken, case.workers, gil_held_share, now() - until, plan.seconds):
            taken.add(threads.ask(messages.RunArms(keys, PAIRS_AT_ONCE)))
            if processes is not None:
                taken.add(processes.ask(messages.RunArms([PROCESSES], PAIRS_AT_ONCE)))
    return taken.probe(case.workers, gil_held_share)


def _is_enough(
    taken: _Taken, workers: int, gil_held_share: Estimate | None, over: float, seconds: float
) -> bool:
    """Whether to stop, ``over`` seconds after the time was up: looked at no earlier."""
    if taken.count < LEAST_PAIRS or (over < 0 and taken.count < MOST_PAIRS):
        return False
    if taken.count >= MOST_PAIRS or over >= MORE_TIME * seconds:
        return True
    return name_cause(taken.probe(workers, gil_held_share)).is_certain


def _open(
    closing: ExitStack, case: Case, plan: Plan, open_runner: Callable[[], RunnerClient]
) -> _ArmRunner:
    client = open_runner()
    closing.callback(client.close)
    return _ArmRunner(case, client, plan.time_limit)


def _open_processes(
    closing: ExitStack,
    case: Case,
    workload: Workload,
    plan: Plan,
    open_runner: Callable[[], RunnerClient],
) -> _ArmRunner | None:
    """Return the runner of the processes; ``None`` where the work cannot run in them."""
    if STRATEGIES[PROCESSES].unavailable():
        return None
    runner = _open(closing, case, plan, open_runner)
    work = batch(PROCESSES, private_of(workload) or workload, case.size, plan, case, 0)
    try:
        runner.open(PROCESSES, [work], plan.before)
    except MeasurementError:  # such as what a worker process cannot import
        return None
    return runner


def _arms_in_threads(
    case: Case, workload: Workload, plan: Plan, bandwidth: Workload | None
) -> list[BatchRequest]:
    """Return the batches of the arms: what a workload has no twin for is left out."""
    work = batch(WORK, workload, case.size, plan, case, 0)
    arms = [work]
    for key, twin in (
        (PRIVATE, private_of(workload)),
        (PREALLOCATED, preallocated_of(workload)),
    ):
        if twin is not None:
            arms.append(batch(key, twin, case.size, plan, case, 0))
    if private_of(workload) is None:
        arms.append(replace(work, key=SHARED, buffers=1))
    if bandwidth is not None:
        large = batch(BANDWIDTH, bandwidth, max(sizes_of(bandwidth), default=1), plan, case, 0)
        arms.append(replace(large, buffers=case.workers))
    if plan.control is not None:
        arms.append(batch(CONTROL, plan.control, 1, plan, case, 0))
    return arms


class _Taken:
    """The pairs of every arm so far, and what the machine lost meanwhile."""

    def __init__(self) -> None:
        self.pairs: dict[str, list[Pair]] = {}
        self.steal = self.busy = 0.0
        self.gil_enabled = True

    @property
    def count(self) -> int:
        return min((len(pairs) for pairs in self.pairs.values()), default=0)

    def add(self, counted: messages.ArmsCounted) -> None:
        for arm in counted.arms:
            self.pairs.setdefault(arm.key, []).extend(map(pair_of, arm.pairs))
        self.steal += counted.steal or 0.0
        self.busy += counted.busy or 0.0
        self.gil_enabled = counted.gil_enabled

    def probe(self, workers: int, gil_held_share: Estimate | None) -> ContentionProbe:
        arms = {key: arm_of(pairs, workers) for key, pairs in self.pairs.items()}
        return ContentionProbe(
            workers=workers,
            work=arms[WORK],
            control=arms.get(CONTROL, Arm()),
            private=arms.get(PRIVATE),
            shared=arms.get(SHARED),
            preallocated=arms.get(PREALLOCATED),
            processes=arms.get(PROCESSES),
            bandwidth=arms.get(BANDWIDTH),
            gil_held_share=gil_held_share,
            gil_enabled=self.gil_enabled,
            steal=self.steal / max(self.busy, 1e-9),
        )


def arm_of(pairs: Iterable[Pair], workers: int) -> Arm:
    """Return what the pairs of one arm show, with intervals over the pairs."""
    sample = PairedSample.of([tuple(pairs)])

    def share(name: str) -> Estimate | None:
        return estimate_over(
            sample, lambda pair: getattr(shares(pair.contender, workers), name), CONFIDENCE
        )

    return Arm(
        speedup=speedup(sample, CONFIDENCE),
        growth=inflation(sample, CONFIDENCE),
        blocked=share("blocked"),
        waiting=share("waiting"),
        idle=share("idle"),
        stopped=estimate_over(sample, lambda pair: _stopped(pair, workers), CONFIDENCE),
        collecting=estimate_over(sample, lambda pair: _collecting(pair, workers), CONFIDENCE),
        fault_share=estimate_over(sample, _fault_share, CONFIDENCE),
    )


def _stopped(pair: Pair, workers: int) -> float | None:
    parts = shares(pair.contender, workers)
    if parts.blocked is None or parts.idle is None:
        return None
    return parts.blocked + parts.idle


def _collecting(pair: Pair, workers: int) -> float | None:
    """Return for what share of the workers' time the collector may have stopped the others."""
    seconds = pair.contender.collecting
    if seconds is None:
        return None
    return (workers - 1) * seconds / (workers * pair.contender.seconds)


def _fault_share(pair: Pair) -> float | None:
    faults, cpu = pair.contender.minor_faults, pair.contender.cpu
    return None if faults is None or not cpu else faults * FAULT_SECONDS / cpu
