"""The probe of contention for a benchmark of another project.

Its arms are its own states: one for each thread, one for all, and one for each of several
processes. It cannot be made without its allocations, so that arm is missing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

from speedgate.judging.contention import Arm, ContentionProbe, name_cause
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measure import answer_on
from speedgate.measuring.measurement import pair_of, round_of
from speedgate.measuring.plan import Plan, batch
from speedgate.measuring.probe import (
    BANDWIDTH,
    CONTROL,
    LEAST_PAIRS,
    MORE_TIME,
    MOST_PAIRS,
    PAIRS_AT_ONCE,
    PRIVATE,
    PROCESSES,
    SHARED,
    arm_of,
)
from speedgate.measuring.runner_process import RunnerClient
from speedgate.measuring.targets import Benchmark
from speedgate.runner import messages
from speedgate.runner.load import WORKER_SECONDS
from speedgate.runner.messages import Answer, Request
from speedgate.runner.task import BatchRequest
from speedgate.stats.case import Case, Workload, sizes_of
from speedgate.stats.estimate import Estimate
from speedgate.stats.sample import Pair, Round

# Processes hear of their start this much earlier: a request takes less than a millisecond.
AHEAD_SECONDS = 0.005

Open = Callable[[], RunnerClient]


def probe_benchmark(
    benchmark: Benchmark,
    threads: int,
    plan: Plan,
    open_runner: Open,
    keys: Sequence[str],
    bandwidth: Workload | None = None,
    gil_held_share: Estimate | None = None,
    now: Callable[[], float] = time.monotonic,
) -> ContentionProbe:
    """Measure the arms of a benchmark for ``plan.seconds``, at least ``LEAST_PAIRS`` pairs of each.

    The first of ``keys``, ``private`` or ``shared``, is the work as it was judged; the other, if
    it is named, an arm beside it. Without ``bandwidth`` there is no arm in processes either: of
    what grows in processes only the bandwidth of the memory would be known. What names nothing
    until the time is up goes on, as ``MORE_TIME`` says. Raises ``MeasurementError`` as measuring
    the benchmark does.
    """
    case = benchmark.case(threads)
    until = now() + plan.seconds
    taken = _Taken(tuple(keys), threads, gil_held_share)
    with ExitStack() as closing:
        runner = _Runner(case, closing, open_runner, plan.time_limit)
        yardsticks = _yardsticks(case, plan, bandwidth)
        opening = messages.OpenTarget(
            workers=threads,
            target=benchmark.target,
            both=SHARED in keys,
            placed=True,
            yardsticks=yardsticks,
        )
        runner.ask(opening)
        call_seconds = runner.ask(messages.Probe())
        arms = [*keys, *(yardstick.key for yardstick in yardsticks)]
        processes = None
        if bandwidth is not None and not call_seconds.renews:
            processes = _in_processes(benchmark, threads, plan, open_runner, closing)
        while not taken.is_enough(now() - until, plan.seconds):
            taken.add(runner.ask(messages.RunArms(arms, PAIRS_AT_ONCE)))
            if processes is not None:
                taken.add_processes(processes.pair() for _ in range(PAIRS_AT_ONCE))
    return taken.probe()


def _yardsticks(case: Case, plan: Plan, bandwidth: Workload | None) -> list[BatchRequest]:
    chosen = []
    if bandwidth is not None:
        largest = max(sizes_of(bandwidth), default=1)
        chosen.append(batch(BANDWIDTH, bandwidth, largest, plan, case, 0))
    if plan.control is not None:
        chosen.append(batch(CONTROL, plan.control, 1, plan, case, 0))
    return chosen


class _Runner:
    """A runner that is closed with everything else, and raises what it refuses."""

    def __init__(self, case: Case, closing: ExitStack, open_runner: Open, limit: float) -> None:
        self._case, self._limit = case, limit
        self._client = open_runner()
        closing.callback(self._client.close)

    def ask(self, request: Request[Answer]) -> Answer:
        return answer_on(self._case, self._client, request, self._limit)


class _Taken:
    """The pairs of every arm so far."""

    def __init__(self, keys: tuple[str, ...], workers: int, held: Estimate | None) -> None:
        self._keys, self._workers, self._held = keys, workers, held
        self._pairs: dict[str, list[Pair]] = {}
        self._steal = self._busy = 0.0
        self._gil_enabled = True

    def add(self, counted: messages.ArmsCounted) -> None:
        for arm in counted.arms:
            self._pairs.setdefault(arm.key, []).extend(map(pair_of, arm.pairs))
        self._steal += counted.steal or 0.0
        self._busy += counted.busy or 0.0
        self._gil_enabled = counted.gil_enabled

    def add_processes(self, pairs: Iterable[Pair]) -> None:
        self._pairs.setdefault(PROCESSES, []).extend(pairs)

    def is_enough(self, over: float, seconds: float) -> bool:
        """Whether to stop, ``over`` seconds after the time was up: looked at no earlier."""
        count = min(map(len, self._pairs.values()), default=0)
        if count < LEAST_PAIRS or (over < 0 and count < MOST_PAIRS):
            return False
        if count >= MOST_PAIRS or over >= MORE_TIME * seconds:
            return True
        return name_cause(self.probe()).is_certain

    def probe(self) -> ContentionProbe:
        arms = {key: arm_of(pairs, self._workers) for key, pairs in self._pairs.items()}
        work, *beside = self._keys
        return ContentionProbe(
            workers=self._workers,
            work=arms[work],
            control=arms.get(CONTROL, Arm()),
            private=arms[PRIVATE] if PRIVATE in beside else None,
            shared=arms[SHARED] if SHARED in beside else None,
            processes=arms.get(PROCESSES),
            bandwidth=arms.get(BANDWIDTH),
            gil_held_share=self._held,
            gil_enabled=self._gil_enabled,
            steal=self._steal / max(self._busy, 1e-9),
        )


# --- in processes


def _in_processes(
    benchmark: Benchmark, count: int, plan: Plan, open_runner: Open, closing: ExitStack
) -> _Processes | None:
    """Return a runner for each worker; ``None`` where the benchmark cannot be open so often."""
    case = benchmark.case(count)
    executor = closing.enter_context(ThreadPoolExecutor(count))
    try:
        runners = [_Runner(case, closing, open_runner, plan.time_limit) for _ in range(count)]
        openings = [
            messages.OpenTarget(
                workers=1, target=benchmark.target, rehearse=False, placed=True, first_worker=number
            )
            for number in range(count)
        ]
        list(executor.map(_Runner.ask, runners, openings))
        seconds = [probed.call_seconds for probed in executor.map(_probe, runners)]
    except MeasurementError:  # such as a port or a file that only one process can have
        return None
    return _Processes(runners, executor, max(1, math.ceil(WORKER_SECONDS / max(seconds))))


def _probe(runner: _Runner) -> messages.Probed:
    return runner.ask(messages.Probe())


class _Processes:
    """Runners of one worker each, which call a benchmark in turn or all at once."""

    def __init__(self, runners: list[_Runner], executor: ThreadPoolExecutor, calls: int) -> None:
        self._runners, self._executor, self._calls = runners, executor, calls
        self._number = 0

    def pair(self) -> Pair:
        """Run the calls of all in one of them, and in all; the one first that was second."""
        number, self._number = self._number, self._number + 1
        if number % 2:
            together, alone = self._together(), self._alone(number)
        else:
            alone, together = self._alone(number), self._together()
        return Pair(alone, together)

    def _alone(self, number: int) -> Round:
        runner = self._runners[number // 2 % len(self._runners)]
        return round_of(runner.ask(messages.RunCalls(self._calls * len(self._runners))).round)

    def _together(self) -> Round:
        request = messages.RunCalls(self._calls, time.monotonic() + AHEAD_SECONDS)
        answers = self._executor.map(_Runner.ask, self._runners, [request] * len(self._runners))
        return at_once([round_of(answer.round) for answer in answers])


def at_once(rounds: Sequence[Round]) -> Round:
    """Return rounds of one worker each that began together as one round of all of them."""

    def total(name: str) -> float | None:
        values = [getattr(part, name) for part in rounds]
        return None if None in values else sum(values)

    return replace(
        rounds[0],
        seconds=max(part.seconds for part in rounds),
        on_cpu=sum(part.on_cpu for part in rounds),
        cpu=total("cpu"),
        waiting=total("waiting"),
        in_task=sum(part.seconds for part in rounds),
        minor_faults=None,
        voluntary_switches=None,
        involuntary_switches=None,
    )
