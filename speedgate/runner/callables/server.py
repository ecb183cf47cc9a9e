"""The runner of a benchmark of another project: a set of callables, one for each worker or one for
all, checked, measured in pairs as a case of ours is, and given back to the test that made it.

The requests, in the order in which a benchmark is measured:

``list``       say which benchmarks a suite has
``cache``      run an asv suite's ``setup_cache``
``open``       run the set-up in every worker; replies with the environment
``probe``      call it alone, and say whether it can be measured in threads at all
``check``      call it in all workers at once, and compare the results with those of one alone
``calibrate``  choose how many calls make a round
``rounds``     run pairs of rounds, in turn; replies with what was counted
``arms``       the same for private and shared state in turn, to find the cause of contention
``calls``      call it in one worker from a moment on, beside runners in other processes
``held``       sample for what share of one worker's time the GIL is held; not timed
``conclude``   hand the tests their results, and say what they say to them
``close``      end the workers
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from speedgate.runner import messages, task
from speedgate.runner.affinity import place
from speedgate.runner.callables import asv_suite, pytest_suite
from speedgate.runner.callables.alone import assertion_fails_alone
from speedgate.runner.callables.calls import call_twice, comparable, keep_results, run_until
from speedgate.runner.callables.check import check_in_threads
from speedgate.runner.callables.pool import DISPATCH_SECONDS, MOST_DISPATCH, Pool
from speedgate.runner.callables.refusals import (
    FailsInThreads,
    UsesUpState,
    counts_calls,
    raised_in_threads,
    refuse_deeds,
    repeated,
)
from speedgate.runner.callables.sides import SerialSide, ThreadedSide
from speedgate.runner.callables.watching import Deeds
from speedgate.runner.callables.worker import Work, put_away, run_calls, set_up
from speedgate.runner.interpreter import describe_interpreter
from speedgate.runner.load import TASK_SECONDS, WORKER_SECONDS, Load
from speedgate.runner.messages import ASV, PYTEST, PairCounts
from speedgate.runner.server import Handlers, Runner
from speedgate.runner.server import serve as serve_runner
from speedgate.runner.strategies import CannotMeasure

CALIBRATION_SECONDS = 0.01
# While a benchmark is measured both ways, so much of the time goes to the shared one.
SHARED_SHARE = 0.5
# Setting fresh states up should take no longer than this for a pair of rounds, and must not take
# longer than that.
SETTING_UP_SECONDS = 0.5
MOST_SETTING_UP_SECONDS = 10.0
OPENING_SECONDS = 100.0

SOURCES: dict[str, ModuleType] = {ASV: asv_suite, PYTEST: pytest_suite}


class CallableRunner(Runner):
    """One open benchmark."""

    def __init__(self) -> None:
        super().__init__()
        self._pool: Pool | None = None
        self._target = messages.Target("")
        self._expected: dict[str, list[bytes | None]] = {}
        self._has_shared = False
        self.setup_seconds = 0.0
        self.numbers["shared"] = 0

    def handlers(self) -> Handlers:
        return {
            messages.ListBenchmarks: self.list_all,
            messages.MakeCache: self.cache,
            messages.OpenTarget: self.open_target,
            messages.Probe: self.probe,
            messages.Check: self.check,
            messages.Calibrate: self.calibrate,
            messages.RunRounds: self.rounds,
            messages.RunArms: self.arms,
            messages.RunCalls: self.run_calls,
            messages.SampleHeld: self.held,
            messages.Conclude: self.conclude,
            messages.Close: self.close,
        }

    @property
    def pool(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("no benchmark is open: 'open' comes first")
        return self._pool

    def list_all(self, request: messages.ListBenchmarks) -> messages.Listed:
        if request.kind == ASV:
            return asv_suite.list_suite(request.root)
        return pytest_suite.list_tests(request.root, request.targets, request.options)

    def cache(self, request: messages.MakeCache) -> messages.Done:
        asv_suite.make_cache(request.target)
        return messages.Done()

    def open_target(self, request: messages.OpenTarget) -> messages.Opened:
        """Set the benchmark up in every worker."""
        self._target = target = request.target
        source = SOURCES[target.kind]
        source.prepare(target, request.rehearse)
        pool = self._pool = Pool(
            request.workers, source.opener(target), opening_seconds=OPENING_SECONDS
        )
        pool.collects_garbage = target.kind != ASV
        pool.works["private"] = pool.works["work"]
        self._has_shared = request.both and request.workers > 1
        if request.share:
            pool.share("work", "private")
        elif self._has_shared:
            pool.share("shared", "private")
        if request.control is not None and request.workers > 1:
            self._add(request.control)
            self.keys = ["work", "control"]
        for yardstick in request.yardsticks:
            self._add(yardstick)
        self.worker_pool, self.baseline = ThreadedSide(pool), SerialSide(pool)  # type: ignore[assignment]  # two sides of one pool
        placed = request.placed and place(pool.place(), first=request.first_worker)
        return messages.Opened(
            environment=describe_interpreter(),
            start_seconds=pool.start_seconds,
            placed=placed,
            pid=os.getpid(),
            is_shared=pool.works["work"][0].is_shared or request.share,
            described=pool.works["private"][0].described(),
        )

    def _add(self, batch: task.BatchRequest) -> None:
        """Let every worker call a workload of ours as well, on an argument of its own."""
        sys.path.extend(folder for folder in batch.path if folder not in sys.path)
        function, prepare = task.find(batch.function), task.find(batch.prepare)
        self.pool.works[batch.key] = [
            Work(partial(function, prepare(batch.size, batch.seed + number)))
            for number in range(self.pool.count)
        ]

    # --- may it be measured?

    def probe(self, request: messages.Probe) -> messages.Probed:
        """Call every worker's work twice, alone, and refuse what threads cannot repeat."""
        pool = self.pool
        deeds: list[Deeds] = []
        self._expected = {}
        for number, work in enumerate(pool.works["private"]):
            results, done = pool.alone(number, call_twice, work)
            deeds.append(done)
            self._expected.setdefault("private", []).append(comparable(results))
        refuse_deeds(deeds)
        pool.call_seconds = self._renewing_call_seconds()
        work = pool.works["private"][0]
        if work.must_renew:
            self._refuse_too_short(work)
        self._expected["work"] = self._expected_of("work")
        compared = sum(result is not None for result in self._expected["private"])
        return messages.Probed(pool.call_seconds, compared, work.must_renew)

    def _expected_of(self, key: str) -> list[bytes | None]:
        mine = self._expected["private"]
        is_one = self.pool.works[key][0] is self.pool.works[key][-1]
        return [mine[0]] * len(mine) if is_one else mine

    def _refuse_too_short(self, work: Work) -> None:
        """Refuse a call so short that no round of fresh states is long against its dispatch."""
        seconds, least = self.pool.call_seconds, DISPATCH_SECONDS / MOST_DISPATCH
        if seconds * work.many < least:
            raise CannotMeasure(
                f"it is too short: a call takes {seconds:.2g} s, its set-up must run before each, "
                f"and {work.many} at a time take less than the {least * 1e3:.0f} ms of which "
                f"handing out is {MOST_DISPATCH:.0%}; let a call do more"
            )
        setting_up = 2 * self.pool.count * self.setup_seconds * max(1.0, least / seconds)
        if setting_up > MOST_SETTING_UP_SECONDS:
            raise CannotMeasure(
                f"its set-up must run before each call and takes {self.setup_seconds:.2g} s: "
                f"{setting_up:.0f} s for a pair of rounds; let a call do more, or its set-up less"
            )

    def check(self, request: messages.Check) -> messages.Checked:
        """Call in all workers at once, threads switched often, and compare what they return."""
        try:
            check_in_threads(self.pool, self.pool.works["work"], self._expected["work"])
        except UsesUpState as error:
            self._renew_from_now_on(error)
            check_in_threads(self.pool, self.pool.works["work"], self._expected["work"])
        if self._has_shared:
            self._expected["shared"] = self._expected_of("shared")
            try:
                check_in_threads(self.pool, self.pool.works["shared"], self._expected["shared"])
            except FailsInThreads as error:
                raise FailsInThreads(f"shared: {error}") from None
        return messages.Checked()

    # --- measuring

    def _call_seconds(self, baseline: Any, key: str) -> float:
        """Seconds of one call in one worker: calls grow in number until they can be timed."""
        pool = self.pool
        work = pool.works[key][0]
        if work.must_renew:
            return self._fresh_call_seconds(work)
        loops = 1
        while True:
            with repeated():
                stamp: task.Stamp = pool.alone(0, run_calls, work, loops)
            seconds = stamp.ended - stamp.began
            if seconds >= CALIBRATION_SECONDS or (loops == 1 and seconds > CALIBRATION_SECONDS / 4):
                return max(seconds / loops, 1e-9)
            growth = CALIBRATION_SECONDS * 1.2 / max(seconds, 1e-6)
            loops = max(loops + 1, int(loops * min(growth, 100.0)))

    def _fresh_call_seconds(self, work: Work) -> float:
        timed = []
        for _ in range(3):
            began = time.perf_counter()
            self.pool.alone(0, set_up, work, 1)
            self.setup_seconds = time.perf_counter() - began
            stamp: task.Stamp = self.pool.alone(0, run_calls, work, 1)
            self.pool.alone(0, put_away, work)
            timed.append(stamp.ended - stamp.began)
        return max(min(timed), 1e-9)

    def _renewing_call_seconds(self) -> float:
        """Seconds of one call; a state that does not last for many is renewed from now on."""
        try:
            return self._call_seconds(None, "private")
        except UsesUpState as error:
            return self._renew_from_now_on(error)

    def _renew_from_now_on(self, error: UsesUpState) -> float:
        """Let every call have a fresh state, and return the seconds of one; raise ``error`` where
        there is no set-up for it."""
        works = self.pool.works["private"]
        if works[0].must_renew or works[0].renew is None:
            raise error
        for work in works:
            work.must_renew = True
        self.pool.call_seconds = self._call_seconds(None, "private")
        self._refuse_too_short(works[0])
        return self.pool.call_seconds

    def calibrate(self, request: messages.Calibrate) -> messages.Calibrated:
        """Choose how many calls a worker makes in a round; ``loops`` decides itself."""
        pool = self.pool
        began = time.perf_counter()
        seconds = pool.call_seconds = self._call_seconds(None, "work")
        work = pool.works["work"][0]
        loops = self._affordable(work, request.loops or loops_for(seconds), seconds)
        self.work = Load(pool.count, loops)
        if "control" in pool.works:
            self.control = Load(pool.count, loops_for(self._call_seconds(None, "control")))
        assert self.worker_pool is not None
        self.worker_pool.round("work", self.work, 0)  # a warm-up that nobody looks at
        return messages.Calibrated(
            tasks=pool.count,
            loops=loops,
            call_seconds=seconds,
            seconds=time.perf_counter() - began,
            renews=work.must_renew,
        )

    def _affordable(self, work: Work, loops: int, call_seconds: float) -> int:
        """Return how many calls a round may have, where each uses up a state."""
        if not work.must_renew:
            return loops
        return min(loops, work.many, self._most_set_up(call_seconds))

    def _most_set_up(self, call_seconds: float) -> int:
        """Return for how many calls states are set up: a round that is long enough, and no longer
        than what that costs allows."""
        least = math.ceil(DISPATCH_SECONDS / MOST_DISPATCH / call_seconds)
        affordable = SETTING_UP_SECONDS / (2 * self.pool.count * max(self.setup_seconds, 1e-9))
        return max(least, int(affordable))

    def rounds(self, request: messages.RunRounds) -> messages.Counted:
        """As every runner's, and pairs of the shared work beside them."""
        self._shared_pairs: list[PairCounts] = []
        self._shared_seconds = self._private_seconds = 0.0
        return replace(super().rounds(request), shared=self._shared_pairs)

    def _pair(self, load: Load, spent: dict[str, float], name: str) -> PairCounts:
        pair = super()._pair(load, spent, name)
        if name == "work" and self._has_shared:
            self._private_seconds += _seconds(pair)
            if self._shared_seconds < SHARED_SHARE * (self._private_seconds + self._shared_seconds):
                shared = self._shared_pair(load, spent)
                self._shared_seconds += _seconds(shared)
                self._shared_pairs.append(shared)
        return pair

    def _shared_pair(self, load: Load, spent: dict[str, float]) -> PairCounts:
        try:
            return super()._pair(load, spent | {"shared": 0.0}, "shared")
        except FailsInThreads as error:
            raise FailsInThreads(f"shared: {error}") from None

    # --- why does it contend?

    def arms(self, request: messages.RunArms) -> messages.ArmsCounted:
        """As every runner's; the keys are ``private``, ``shared`` and those of the yardsticks."""
        for key in request.keys:
            if key not in self.arm_loads:
                self._open_arm(key)
        return super().arms(request)

    def _open_arm(self, key: str) -> None:
        side, _ = self._opened()
        seconds = self._call_seconds(None, key)
        calls = self._affordable(self.pool.works[key][0], loops_for(seconds, TASK_SECONDS), seconds)
        self.arm_loads[key] = Load(self.pool.count, calls)
        self.numbers.setdefault(key, 0)
        side.round(key, self.arm_loads[key], 0)  # a warm-up that nobody looks at

    def run_calls(self, request: messages.RunCalls) -> messages.CallsRun:
        time.sleep(max(0.0, request.at - time.monotonic()))
        with repeated():
            return messages.CallsRun(self.pool.serial_round("private", request.calls, 0))

    @contextlib.contextmanager
    def _working(self) -> Iterator[Callable[[], int]]:
        """Keep one worker at it; the function that is yielded ends that and tells its calls."""
        stop = threading.Event()
        work = self.pool.works["work"][0]
        running = self.pool.workers[0].submit(run_until, work, self.work.loops, stop)

        def end() -> int:
            stop.set()
            with repeated():
                calls: int = running.result()
            return calls

        try:
            yield end
        finally:
            end()

    def conclude(self, request: messages.Conclude) -> messages.Concluded:
        """Let each test go on with a result that was computed in threads."""
        pool = self.pool
        works = pool.works["work"]
        if self._target.kind != PYTEST:
            return messages.Concluded()
        start = threading.Barrier(pool.count)
        with pool.prepared(works, 1):
            kept = pool.together(
                [(keep_results, work, 1, start) for work in works], pool.limit(pool.count)
            )
        for worker, (results, error) in zip(pool.workers, kept, strict=True):
            if error is not None:
                raise FailsInThreads(raised_in_threads(error)) from error
            worker.result = results[0]
        described = pool.works["private"][0].described()
        for worker in reversed(pool.workers):
            worker.end().result(pool.limit(1))
        failed = [worker.failure for worker in pool.workers if worker.failure is not None]
        if failed:
            text = str(failed[0]).removeprefix("its test fails by itself: ")
            if assertion_fails_alone(pool, works):
                raise UsesUpState(counts_calls(text))
            raise FailsInThreads(f"its own assertion fails on a result from threads: {text}")
        return messages.Concluded(described)

    def close(self, request: messages.Close) -> messages.Done:
        if self.worker_pool is not None:
            self.worker_pool.close()
        if self.collector is not None:
            self.collector.close()
        self.arm_loads, self.collector = {}, None
        self.worker_pool = self.baseline = self._pool = None
        return messages.Done()


def loops_for(call_seconds: float, round_seconds: float = WORKER_SECONDS) -> int:
    """Return how many calls of these seconds a worker makes in a round."""
    return max(1, math.ceil(round_seconds / call_seconds - 1e-6))


def _seconds(pair: PairCounts) -> float:
    return pair.baseline.seconds + pair.contender.seconds


def serve() -> None:
    """Answer the requests of ``CallableRunner``, as every runner does."""
    serve_runner(CallableRunner())
