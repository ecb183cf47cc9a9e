"""The fresh interpreter that measures one case: it answers requests (open, check, calibrate,
rounds, held, close) with plain data.

Requests are JSON lines on standard input, replies records (``framing.py``) on standard output, each
with the number of its request. Here is the standard library only, until the workload that a request
names is imported: no pytest, no tracer, no heap that another test has used. ``Runner`` can be
driven in process, too (``--in-process``).

The requests, in the order in which a case is measured:

``open``       prepare the batches, start the workers; replies with the environment
``check``      run every task once serially and once under the strategy, and compare the results
``calibrate``  choose how many calls make a task, and how many tasks a round
``rounds``     run pairs of rounds, in turn; replies with what was counted
``arms``       the same for several batches in turn, to find the cause of contention
``held``       sample for what share of one worker's time the GIL is held; not timed
``close``      end the workers
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any, TextIO

from speedgate.runner import messages, task
from speedgate.runner.baseline import Baseline
from speedgate.runner.counters import CollectorClock, HostTotals, difference
from speedgate.runner.framing import frame
from speedgate.runner.gil import gil_came_back, gil_enabled, is_free_threaded, watch_gil
from speedgate.runner.gil_sampler import sample_held
from speedgate.runner.interpreter import (
    describe_interpreter,
    read_blas,
)
from speedgate.runner.load import Load
from speedgate.runner.messages import PairCounts
from speedgate.runner.missing import what_is_missing
from speedgate.runner.ownership import end_with_owner
from speedgate.runner.standard_sampler import has_standard_sampler, sample_by_standard
from speedgate.runner.strategies import STRATEGIES, CannotMeasure
from speedgate.runner.worker_pool import WorkerPool

# A control pair is run while the control has had less than this share of the timed seconds.
CONTROL_SHARE = 0.25
# A loop is timed once it takes this long.
CALIBRATION_SECONDS = 0.01
# A round of a probe has one task for each worker: many short rounds of all arms in turn. Processes
# get more: the second may begin a whole task late, because this thread shares a core
# with the first, and workers that are not at work at once do not contend.
ARM_TASKS, PROCESS_ARM_TASKS = 1, 4

# Nothing is timed while these are answered.
UNTIMED = (messages.ListBenchmarks, messages.MakeCache, messages.Close)

Json = dict[str, Any]
Handlers = dict[type[messages.Request[Any]], Callable[[Any], Any]]


class ResultMismatch(CannotMeasure):
    """A strategy returned something else than serial did."""


class Runner:
    """One open case. ``handle`` answers one request; the parent decides what comes next."""

    def __init__(self) -> None:
        self.worker_pool: WorkerPool | None = None
        self.baseline: Baseline | None = None
        self.keys: list[str] = []
        self.homes: frozenset[str] = frozenset()
        self.work = Load(1, 1)
        self.control: Load | None = None
        self.numbers = {"work": 0, "control": 0}
        self.arm_loads: dict[str, Load] = {}
        self.collector: CollectorClock | None = None

    def handlers(self) -> Handlers:
        """Return what answers each request."""
        return {
            messages.OpenCase: self.open,
            messages.Check: self.check,
            messages.Calibrate: self.calibrate,
            messages.RunRounds: self.rounds,
            messages.RunArms: self.arms,
            messages.SampleHeld: self.held,
            messages.Close: self.close,
        }

    def handle(self, request: Json) -> Json:
        """Return the answer to a request, or its ``Failure``; both are plain data."""
        try:
            handlers = self.handlers()
            message = messages.read_request(handlers, request)
            answer = handlers[type(message)](message)
            if not isinstance(message, UNTIMED):
                refuse_gil_that_came_back()
            return messages.encode(answer)
        except Exception as error:  # noqa: BLE001  # whatever a workload raises goes to the parent
            return messages.encode(
                messages.Failure(
                    type=type(error).__name__,
                    message=str(error),
                    traceback=traceback.format_exc(),
                    missing=what_is_missing(error, self.homes),
                )
            )

    def open(self, request: messages.OpenCase) -> messages.Opened:
        """Open a case; one that is still open from before is closed."""
        self._close_case()
        batches = tuple(request.batches)
        named = [name for batch in batches for name in (batch.function, batch.prepare)]
        self.homes = frozenset(name.partition(":")[0].partition(".")[0] for name in named)
        if request.before:
            task.find(request.before)()
        # Before any workload is imported: what that brings along (another BLAS, with SciPy) would
        # make another environment of each selection.
        environment = describe_interpreter()
        reason = STRATEGIES[request.strategy].unavailable()
        if reason is not None:  # the one that asks may be another Python
            raise NotImplementedError(f"in {sys.executable} {reason}")
        self.keys = [batch.key for batch in batches]
        task.install(batches)
        # The pool first: a fork copies no thread but the one that forks.
        self.worker_pool = WorkerPool(STRATEGIES[request.strategy], request.workers, batches)
        self.baseline = Baseline()
        placed = request.placed and self.worker_pool.place()
        return messages.Opened(
            environment=environment,
            blas=read_blas(),
            start_method=self.worker_pool.strategy.start_method,
            start_seconds=self.worker_pool.start_seconds,
            placed=placed,
            pid=os.getpid(),
            call=next((task.call_of(batch) for batch in batches if batch.key == "work"), ""),
        )

    def _opened(self) -> tuple[WorkerPool, Baseline]:
        if self.worker_pool is None or self.baseline is None:
            raise RuntimeError("no case is open: 'open' comes first")
        return self.worker_pool, self.baseline

    def check(self, request: messages.Check) -> messages.Checked:
        """Compare the results of every buffer's task, serial against the strategy."""
        pool, _ = self._opened()
        indices = range(request.tasks)
        for key in ("work", "control"):
            if key not in self.keys:
                continue
            if self._contender(key) != key:
                self._check_peer(pool, key, indices)
                continue
            serial = [task.digest(key, index) for index in indices]
            parallel = list(pool.executor.map(task.digest, repeat(key), indices))
            wrong = [index for index in indices if serial[index] != parallel[index]]
            if wrong:
                raise ResultMismatch(
                    f"{pool.strategy.name} returned another result than serial for "
                    f"{len(wrong)} of {len(serial)} tasks (the first is task {wrong[0]})"
                )
        return messages.Checked(request.tasks)

    def _contender(self, key: str) -> str:
        """Return the batch that the strategy runs against the baseline's."""
        return "peer" if key == "work" and "peer" in self.keys else key

    def _check_peer(self, pool: WorkerPool, key: str, indices: range) -> None:
        """Compare the results of another version, which may round differently."""
        alike = pool.executor.map(task.alike, repeat(key), repeat(self._contender(key)), indices)
        wrong = [index for index, same in zip(indices, alike, strict=True) if not same]
        if wrong:
            raise ResultMismatch(
                f"{pool.strategy.name} returned another result than NumPy for {len(wrong)} of "
                f"{len(indices)} tasks (the first is task {wrong[0]})"
            )

    def calibrate(self, request: messages.Calibrate) -> messages.Calibrated:
        """Choose the loads; a request may name ``tasks`` and ``loops`` and so decide itself."""
        pool, baseline = self._opened()
        began = time.perf_counter()
        seconds = self._call_seconds(baseline, "work")
        load = Load.fitting(seconds, pool.workers)
        self.work = Load(request.tasks or load.tasks, request.loops or load.loops)
        if "control" in self.keys:
            self.control = Load.fitting(self._call_seconds(baseline, "control"), pool.workers)
        pool.round(self._contender("work"), self.work, 0)  # a warm-up that nobody looks at
        return messages.Calibrated(
            tasks=self.work.tasks,
            loops=self.work.loops,
            call_seconds=seconds,
            seconds=time.perf_counter() - began,
        )

    def _call_seconds(self, baseline: Baseline, key: str) -> float:
        """Seconds of one call in the baseline's thread: loops grow until they can be timed."""
        loops = 1
        while True:
            stamp: task.Stamp = baseline.call(task.run, key, 0, loops)
            seconds = stamp.ended - stamp.began
            if seconds >= CALIBRATION_SECONDS or (loops == 1 and seconds > CALIBRATION_SECONDS / 4):
                return max(seconds / loops, 1e-9)
            growth = CALIBRATION_SECONDS * 1.2 / max(seconds, 1e-6)
            loops = max(loops + 1, int(loops * min(growth, 100.0)))

    def rounds(self, request: messages.RunRounds) -> messages.Counted:
        """Run pairs until ``pairs`` are done or ``seconds`` have passed, at least ``at_least``."""
        self._opened()
        began, pressure = time.perf_counter(), HostTotals.now()
        pairs: list[PairCounts] = []
        controls: list[PairCounts] = []
        spent = {"work": 0.0, "control": 0.0}
        while len(pairs) < request.pairs:
            elapsed = time.perf_counter() - began
            if elapsed >= request.seconds and len(pairs) >= request.at_least:
                break
            pairs.append(self._pair(self.work, spent, "work"))
            if self.control and spent["control"] < CONTROL_SHARE * sum(spent.values()):
                controls.append(self._pair(self.control, spent, "control"))
        since = HostTotals.now().since(pressure)
        return messages.Counted(
            pairs=pairs,
            controls=controls,
            timed_seconds=sum(spent.values()),
            seconds=time.perf_counter() - began,
            steal=since.steal,
            busy=since.busy,
            throttled=since.throttled,
            gil_enabled=gil_enabled(),
            switch_interval=long_switch_interval(),
            traced=traced(),
        )

    def _pair(self, load: Load, spent: dict[str, float], name: str) -> PairCounts:
        """Run baseline and contender, the one first that was second in the last pair."""
        pool, baseline = self._opened()
        number = self.numbers[name]
        self.numbers[name] += 1
        if number % 2:
            parallel = self._collecting(pool, self._contender(name), load, number)
            serial = baseline.round(name, load, number)
        else:
            serial = baseline.round(name, load, number)
            parallel = self._collecting(pool, self._contender(name), load, number)
        spent[name] += serial.seconds + parallel.seconds
        return PairCounts(serial, parallel)

    def _collecting(
        self, side: WorkerPool, key: str, load: Load, number: int
    ) -> messages.RoundCounts:
        """Run a round and, in a probe, tell for how long the collector was at work in it."""
        if self.collector is None:
            return side.round(key, load, number)
        before = self.collector.seconds
        counts = side.round(key, load, number)
        return replace(counts, collecting=self.collector.seconds - before)

    def arms(self, request: messages.RunArms) -> messages.ArmsCounted:
        """Run pairs of several batches in turn, so that all see the same machine."""
        pool, baseline = self._opened()
        self.collector = self.collector or CollectorClock()
        for key in request.keys:
            if key not in self.arm_loads:
                load = Load.fitting(self._call_seconds(baseline, key), pool.workers)
                in_processes = pool.strategy.workers_are == "processes"
                tasks = PROCESS_ARM_TASKS if in_processes else ARM_TASKS
                self.arm_loads[key] = load.at_most(tasks * pool.workers)
                self.numbers.setdefault(key, 0)
                pool.round(key, self.arm_loads[key], 0)  # a warm-up that nobody looks at
        began, pressure = time.perf_counter(), HostTotals.now()
        arms: dict[str, list[PairCounts]] = {key: [] for key in request.keys}
        for _ in range(request.pairs):
            for key, pairs in arms.items():
                pairs.append(self._pair(self.arm_loads[key], {key: 0.0}, key))
        since = HostTotals.now().since(pressure)
        return messages.ArmsCounted(
            seconds=time.perf_counter() - began,
            arms=[messages.ArmPairs(key, pairs) for key, pairs in arms.items()],
            steal=since.steal,
            busy=since.busy,
            gil_enabled=gil_enabled(),
        )

    def held(self, request: messages.SampleHeld) -> messages.HeldSeen:
        """Sample the GIL while one worker runs the batch; ``None`` where it cannot be sampled.

        One worker, because two would wait for each other and hold it for longer than they need.
        """
        _, baseline = self._opened()
        why = why_not_sampled(request.py_spy)
        if why is not None:
            return messages.HeldSeen(held=None, calls=0, waiting=None, seconds=0.0, why=why)
        began, delay = time.perf_counter(), baseline.delay.seconds()
        with self._working() as end:
            share = None
            if request.py_spy is not None:
                share = sample_held(request.py_spy, request.seconds)
            if share is None and has_standard_sampler():
                share = sample_by_standard(request.seconds)
            calls = end()
        seconds, waited = time.perf_counter() - began, difference(baseline.delay.seconds(), delay)
        waiting = None if waited is None else waited / seconds
        why = "no sampler could read this Python" if share is None else None
        return messages.HeldSeen(share, calls, waiting, seconds, why)

    @contextlib.contextmanager
    def _working(self) -> Iterator[Callable[[], int]]:
        """Keep one worker busy; the yielded function stops it and returns its number of calls."""
        _, baseline = self._opened()
        stop = threading.Event()
        working = baseline.submit(task.run_until, "work", self.work.loops, stop)

        def end() -> int:
            stop.set()
            calls: int = working.result()
            return calls

        try:
            yield end
        finally:
            end()

    def close(self, request: messages.Close) -> messages.Done:
        self._close_case()
        return messages.Done()

    def _close_case(self) -> None:
        if self.worker_pool is not None:
            self.worker_pool.close()
        if self.baseline is not None:
            self.baseline.close()
        for key in self.keys:
            task.forget(key)
        if self.collector is not None:
            self.collector.close()
        self.arm_loads, self.collector = {}, None
        self.worker_pool, self.baseline, self.keys = None, None, []


def traced() -> str | None:
    """Name what watches this interpreter's every line or call, or ``None``: it slows threads."""
    if sys.gettrace() is not None:
        return "sys.settrace"
    if sys.getprofile() is not None:
        return "sys.setprofile"
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:  # Python 3.11
        return None
    tools = [tool for tool in range(6) if monitoring.get_tool(tool) and monitoring.get_events(tool)]
    return f"sys.monitoring ({monitoring.get_tool(tools[0])})" if tools else None


def long_switch_interval() -> float | None:
    """Return for how many seconds a thread may keep the GIL, where a library made that long."""
    seconds = sys.getswitchinterval()
    return seconds if gil_enabled() and seconds > task.LONGEST_SWITCH_SECONDS else None


def why_not_sampled(py_spy: str | None) -> str | None:
    """Say why nobody can sample the GIL here, ``None`` where somebody may."""
    if not gil_enabled():
        return "there is no GIL"
    if is_free_threaded():
        # py-spy does not know how its state lies in memory: whatever it read would be no share.
        return "py-spy cannot read a free-threaded build"
    if py_spy is None and not has_standard_sampler():
        return "there is no py-spy: install speedgate[gil]"
    return None


def refuse_gil_that_came_back() -> None:
    """Raise ``CannotMeasure`` if the GIL came back on in a free-threaded build."""
    reason = gil_came_back()
    if reason is not None:
        raise CannotMeasure(reason)


def serve(runner: Runner | None = None) -> None:
    """Answer the requests of the process that started this one, until they end."""
    end_with_owner()
    requests, replies = take_channel()
    watch_gil()
    runner = runner or Runner()
    for line in requests:
        request = json.loads(line)
        reply = runner.handle(request)
        replies.write(frame(messages.numbered(reply, messages.number_of(request))))
        replies.flush()
        if messages.name_of(request) == messages.Close.do:
            break


def take_channel() -> tuple[TextIO, TextIO]:
    """Return the pipes of requests and replies, under descriptors that nobody else knows.

    A workload and what it starts read nothing from standard input, so that they take no request,
    and print to standard error. These are the two pipes that every launcher on every platform hands
    on; others would have to be inherited, which Windows, a shell script or ``conda run`` do not do
    by themselves. What was printed before this, as by ``sitecustomize``, has no frame,
    and replies have one.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies
