"""The fresh interpreter that measures one case: told what to do, it answers with plain data.

Requests are JSON lines on standard input, replies records (``framing.py``) on standard output, each
with the number of its request. Here is the standard library only, until the workload that a request
names is imported: no pytest, no tracer, no heap that another test has used. ``Runner`` can be
driven in process, too (``--in-process``).

The requests, in the order in which a case is measured:

``open``       prepare the batches, start the workers; replies with the environment
``check``      run every task once serially and once under the strategy, and compare the results
``calibrate``  choose how many calls make a task, and how many tasks a round
``rounds``     run pairs of rounds, in turn; replies with what was counted
``held``       sample for what share of one worker's time the GIL is held; not timed
``close``      end the workers
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import repeat
from typing import Any, NamedTuple, TextIO

from speedgate.runner import task
from speedgate.runner.affinity import place
from speedgate.runner.counters import HostTotals, ProcessUsage, RunQueueDelay
from speedgate.runner.framing import frame
from speedgate.runner.gil_sampler import sample_held
from speedgate.runner.interpreter import (
    describe_interpreter,
    gil_came_back,
    gil_enabled,
    read_blas,
    watch_gil,
)
from speedgate.runner.missing import what_is_missing
from speedgate.runner.ownership import as_worker, end_with_owner, thread_lasts
from speedgate.runner.strategies import STRATEGIES, CannotMeasure, Shared, Strategy

# A control pair is run while the control has had less than this share of the timed seconds.
CONTROL_SHARE = 0.25
# Calls are grouped into tasks of at least this length: dispatch takes less than 0.1 ms a task, and
# so is less than 2% of it.
TASK_SECONDS = 0.005
# A worker gets up to four tasks a round, so that one that ends early leaves little of the round
# empty; fewer where a call is so long that a round would take more than this per worker.
TASKS_PER_WORKER = 4
WORKER_SECONDS = 0.020
# A loop is timed once it takes this long.
CALIBRATION_SECONDS = 0.01
WARM_TRIES = 50

Json = dict[str, Any]


class ResultMismatch(CannotMeasure):
    """A strategy returned something else than serial did."""


class Load(NamedTuple):
    """How a batch is cut: ``tasks`` tasks of ``loops`` calls each."""

    tasks: int
    loops: int

    @classmethod
    def fitting(cls, call_seconds: float, workers: int) -> Load:
        """Cut calls of ``call_seconds`` so that a round is long against its dispatch."""
        per_worker = min(TASKS_PER_WORKER, max(1, round(WORKER_SECONDS / call_seconds)))
        loops = max(1, math.ceil(TASK_SECONDS / call_seconds - 1e-6))
        return cls(max(2, workers * per_worker), loops)

    def indices(self, rotation: int) -> list[int]:
        """Return the order of the tasks: turned on each round, so that no worker keeps a buffer."""
        return [(index + rotation) % self.tasks for index in range(self.tasks)]


class Turn(NamedTuple):
    """What one worker did in a round: when its last task ended, and for how many seconds it ran or
    could have run (``busy``), and was kept from it inside its tasks (``blocked``).
    """

    ended: float
    busy: float
    blocked: float


class Tail(NamedTuple):
    """Seconds of all workers after their last task, by their cause.

    ``imbalance``: the others had more to compute, and would have had so without any lock;
    ``blocked``: the others were behind because they had been kept from computing inside a task.
    What belongs to neither is dispatch, or the GIL between tasks.
    """

    imbalance: float
    blocked: float


def turns_of(stamps: list[task.Stamp], waited: dict[int, float]) -> list[Turn]:
    """Put the tasks of each worker together; ``waited`` are its seconds on a run queue, 0 if
    nobody knows them. A worker without a task has no turn.
    """
    by_worker: dict[int, list[task.Stamp]] = {}
    for stamp in stamps:
        by_worker.setdefault(stamp.worker, []).append(stamp)
    turns = []
    for worker, mine in by_worker.items():
        busy = sum(stamp.thread_cpu for stamp in mine) + waited.get(worker, 0.0)
        inside = sum(stamp.ended - stamp.began for stamp in mine)
        turns.append(Turn(max(stamp.ended for stamp in mine), busy, max(0.0, inside - busy)))
    return turns


def tail_of(turns: list[Turn], round_ended: float) -> Tail:
    """Say what the time after each worker's last task was lost to.

    Two workers with a long task each under one lock: the first ends half-way, and nothing is left
    for it to take, but only because the second was blocked so long. So what a worker has to spare
    is compared with what it would have had without a lock: had every worker ended earlier by what
    it was blocked, and had each only computed.
    """
    if not turns:
        return Tail(0.0, 0.0)
    last = max(turn.ended for turn in turns)
    unblocked = max(turn.ended - turn.blocked for turn in turns)
    busiest = max(turn.busy for turn in turns)
    imbalance = blocked = 0.0
    for turn in turns:
        spare = round_ended - turn.ended
        collecting = round_ended - last  # nobody had a task any more
        unlocked = min(spare, collecting + unblocked - (turn.ended - turn.blocked))
        blocked += spare - unlocked
        imbalance += min(unlocked, collecting + busiest - turn.busy)
    return Tail(imbalance, blocked)


class Crew:
    """The workers of one strategy, warm, and the counters that belong to them."""

    def __init__(self, strategy: Strategy, workers: int, requests: tuple[task.BatchRequest, ...]):
        self.strategy = strategy
        self.workers = workers
        began = time.perf_counter()
        with contextlib.ExitStack() as undoing:
            self.shared = share(strategy, requests)
            if self.shared is not None:
                undoing.callback(self.shared.close)
            self.executor = self._open(requests)
            undoing.callback(self.executor.shutdown, cancel_futures=True)
            self.members = sorted(self._warm())
            self.start_seconds = time.perf_counter() - began
            self.delay = self._open_delay()
            undoing.pop_all()  # all is well: it stays until close()

    def _open(self, requests: tuple[task.BatchRequest, ...]) -> Executor:
        start: tuple[Any, ...] = (task.install, requests)
        if self.shared is not None:
            path = tuple(folder for request in requests for folder in request.path)
            start = (task.adopt, path, self.shared)
        # Who dies with the thread that started him must not be started by one that passes.
        if thread_lasts() and self.strategy.workers_are == "processes":
            start = (as_worker, *start)
        return self.strategy.open(self.workers, start[0], start[1:])

    def _warm(self) -> set[tuple[int, int, int]]:
        """Call until every worker has answered; fresh threads never become known."""
        seen: set[tuple[int, int, int]] = set()
        for _ in range(WARM_TRIES):
            seen.update(self.executor.map(task.identify, repeat(0.002, self.workers)))
            if len(seen) >= self.workers:
                break
        return seen

    def _open_delay(self) -> RunQueueDelay:
        if self.strategy.workers_are == "processes":
            return RunQueueDelay.of_processes(pid for pid, _, _ in self.members)
        unknown = self.strategy.workers_are in ("passing threads", "elsewhere", "inside")
        if unknown or len(self.members) < self.workers:
            return RunQueueDelay(())
        return RunQueueDelay.of_threads(native_id for _, _, native_id in self.members)

    def place(self) -> bool:
        """Keep each worker to a core of its own; return whether it was done.

        Two threads that wake at once often start on one core, and stay there for 10 ms or more
        while another is idle: as long as a whole short round.
        """
        are_known = self.strategy.workers_are in ("threads", "processes")
        return are_known and place(native_id for _, _, native_id in self.members)

    def round(self, key: str, load: Load, rotation: int) -> Json:
        """Run the batch once and return its seconds with all that was counted meanwhile."""
        usage, delay, cpu = ProcessUsage.now(), self.delay.each(), time.process_time()
        inside = self.strategy.workers_are == "inside"
        began = time.perf_counter()
        stamps = list(
            self.executor.map(task.run, repeat(key), load.indices(rotation), repeat(load.loops))
        )
        seconds = time.perf_counter() - began
        own_cpu, waited = time.process_time() - cpu, self._waited_since(delay)
        counted = ProcessUsage.now().since(usage)
        elsewhere = self.strategy.workers_are == "elsewhere"
        in_processes = elsewhere or self.strategy.workers_are == "processes"
        # The clock of another machine says nothing here.
        turns = [] if elsewhere or inside else turns_of(stamps, waited or {})
        tail = tail_of(turns, began + seconds)
        return {
            "seconds": seconds,
            "tail": tail.imbalance,
            "blocked_tail": tail.blocked,
            # Threads inside a call are known by the process's clock only.
            "in_task": None if inside else sum(stamp.ended - stamp.began for stamp in stamps),
            "on_cpu": own_cpu if inside else sum(stamp.thread_cpu for stamp in stamps),
            "waiting": None if waited is None else sum(waited.values()),
            "cpu": sum(stamp.process_cpu for stamp in stamps) if in_processes else own_cpu,
            "minor_faults": None if in_processes else counted.minor_faults,
            "voluntary_switches": None if in_processes else counted.voluntary_switches,
            "involuntary_switches": None if in_processes else counted.involuntary_switches,
        }

    def _waited_since(self, earlier: tuple[float, ...] | None) -> dict[int, float] | None:
        """Return each worker's seconds on a run queue since then, by its native id."""
        later = self.delay.each()
        if later is None or earlier is None:
            return None
        native_ids = (native_id for _, _, native_id in self.members)
        return {
            worker: now - then for worker, now, then in zip(native_ids, later, earlier, strict=True)
        }

    def close(self) -> None:
        self.delay.close()
        try:
            self.executor.shutdown()
        finally:
            if self.shared is not None:
                self.shared.close()


def share(strategy: Strategy, requests: tuple[task.BatchRequest, ...]) -> Shared | None:
    """Share the batches as the strategy does; ``NotImplementedError`` for what cannot be."""
    if strategy.share is None:
        return None
    try:
        return strategy.share(task.batches(requests))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise NotImplementedError(
            f"{strategy.name} has to pickle what a task works on: {error}"
        ) from None


class Baseline:
    """One worker thread that runs the batch as a plain loop: the same arena, no dispatch."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="speedgate-baseline")
        _, _, self._native_id = self._executor.submit(task.identify, 0).result()
        self.delay = RunQueueDelay.of_threads([self._native_id])
        self._cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run something in the baseline's thread and return its result."""
        return self.submit(function, *arguments).result()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(function, *arguments)

    def round(self, key: str, load: Load, rotation: int) -> Json:
        if len(self._cores) > 1:
            core = self._cores[rotation // 2 % len(self._cores)]  # each core is first and second
            self.call(self._move_to, core)
        usage, delay = ProcessUsage.now(), self.delay.seconds()
        stamp: task.Stamp = self.call(task.run_all, key, load.indices(rotation), load.loops)
        later, counted = self.delay.seconds(), ProcessUsage.now().since(usage)
        return {
            "seconds": stamp.ended - stamp.began,
            "on_cpu": stamp.thread_cpu,
            "waiting": None if later is None or delay is None else later - delay,
            "cpu": stamp.process_cpu,
            "minor_faults": counted.minor_faults,
            "voluntary_switches": counted.voluntary_switches,
            "involuntary_switches": counted.involuntary_switches,
        }

    def _move_to(self, core: int) -> None:
        """Move the calling thread to a core, and leave it free to move again.

        Cores of a shared machine differ for as long as a neighbour stays; a baseline that keeps
        to one of them would carry that difference into every speedup of the process. Linux moves
        a thread at once only while it runs, so that the thread has to ask for itself.
        """
        try:
            os.sched_setaffinity(0, {core})
            os.sched_setaffinity(0, self._cores)
        except OSError:  # a sandbox that forbids it
            self._cores = []

    def close(self) -> None:
        self.delay.close()
        self._executor.shutdown()


class Runner:
    """One open case. ``handle`` answers one request; the parent decides what comes next."""

    def __init__(self) -> None:
        self.crew: Crew | None = None
        self.baseline: Baseline | None = None
        self.keys: list[str] = []
        self.homes: frozenset[str] = frozenset()
        self.work = Load(1, 1)
        self.control: Load | None = None
        self.numbers = {"work": 0, "control": 0}

    def handlers(self) -> dict[str, Callable[[Json], Json]]:
        """Return what answers each request."""
        return {
            "open": self.open,
            "check": self.check,
            "calibrate": self.calibrate,
            "rounds": self.rounds,
            "held": self.held,
            "close": self.close,
        }

    def handle(self, request: Json) -> Json:
        """Return the reply, or ``{"error": ...}`` with the original traceback.

        ``missing`` names what this build seems to lack; ``None`` where the error says no such.
        """
        try:
            return self.handlers()[request["do"]](request)
        except Exception as error:  # noqa: BLE001  # whatever a workload raises goes to the parent
            return {
                "error": {
                    "type": type(error).__name__,
                    "message": str(error),
                    "traceback": traceback.format_exc(),
                    "missing": what_is_missing(error, self.homes),
                }
            }

    def open(self, request: Json) -> Json:
        batches = tuple(
            task.BatchRequest(**{**batch, "path": tuple(batch["path"])})
            for batch in request["batches"]
        )
        named = [name for batch in batches for name in (batch.function, batch.prepare)]
        self.homes = frozenset(name.partition(":")[0].partition(".")[0] for name in named)
        if request.get("before"):
            task.find(request["before"])()
        # Before any workload is imported: what that brings along (another BLAS, with SciPy) would
        # make another environment of each selection.
        environment = describe_interpreter()
        self.keys = [batch.key for batch in batches]
        task.install(batches)
        # The crew first: a fork copies no thread but the one that forks.
        self.crew = Crew(STRATEGIES[request["strategy"]], request["workers"], batches)
        self.baseline = Baseline()
        placed = request["placed"] and self.crew.place()
        refuse_gil_that_came_back()
        return {
            "environment": environment,
            "blas": read_blas(),
            "start_method": self.crew.strategy.start_method,
            "start_seconds": self.crew.start_seconds,
            "placed": placed,
            "pid": os.getpid(),
        }

    def _opened(self) -> tuple[Crew, Baseline]:
        if self.crew is None or self.baseline is None:
            raise RuntimeError("no case is open: 'open' comes first")
        return self.crew, self.baseline

    def check(self, request: Json) -> Json:
        """Compare the results of every buffer's task, serial against the strategy."""
        crew, _ = self._opened()
        indices = range(request["tasks"])
        for key in ("work", "control"):
            if key not in self.keys:
                continue
            if self._contender(key) != key:
                self._check_peer(crew, key, indices)
                continue
            serial = [task.digest(key, index) for index in indices]
            parallel = list(crew.executor.map(task.digest, repeat(key), indices))
            wrong = [index for index in indices if serial[index] != parallel[index]]
            if wrong:
                raise ResultMismatch(
                    f"{crew.strategy.name} returned another result than serial for "
                    f"{len(wrong)} of {len(serial)} tasks (the first is task {wrong[0]})"
                )
        return {"tasks": request["tasks"]}

    def _contender(self, key: str) -> str:
        """Return the batch that the strategy runs against the baseline's."""
        return "peer" if key == "work" and "peer" in self.keys else key

    def _check_peer(self, crew: Crew, key: str, indices: range) -> None:
        """Compare the results of another version, which may round differently."""
        alike = crew.executor.map(task.alike, repeat(key), repeat(self._contender(key)), indices)
        wrong = [index for index, same in zip(indices, alike, strict=True) if not same]
        if wrong:
            raise ResultMismatch(
                f"{crew.strategy.name} returned another result than NumPy for {len(wrong)} of "
                f"{len(indices)} tasks (the first is task {wrong[0]})"
            )

    def calibrate(self, request: Json) -> Json:
        """Choose the loads; a request may name ``tasks`` and ``loops`` and so decide itself."""
        crew, baseline = self._opened()
        began = time.perf_counter()
        seconds = self._call_seconds(baseline, "work")
        load = Load.fitting(seconds, crew.workers)
        self.work = Load(request.get("tasks") or load.tasks, request.get("loops") or load.loops)
        if "control" in self.keys:
            self.control = Load.fitting(self._call_seconds(baseline, "control"), crew.workers)
        crew.round(self._contender("work"), self.work, 0)  # a warm-up that nobody looks at
        return {
            "call_seconds": seconds,
            "tasks": self.work.tasks,
            "loops": self.work.loops,
            "seconds": time.perf_counter() - began,
        }

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

    def rounds(self, request: Json) -> Json:
        """Run pairs until ``pairs`` are done or ``seconds`` have passed, at least ``at_least``."""
        self._opened()
        began, pressure = time.perf_counter(), HostTotals.now()
        pairs: list[Json] = []
        controls: list[Json] = []
        spent = {"work": 0.0, "control": 0.0}
        while len(pairs) < request["pairs"]:
            elapsed = time.perf_counter() - began
            if elapsed >= request["seconds"] and len(pairs) >= request.get("at_least", 1):
                break
            pairs.append(self._pair(self.work, spent, "work"))
            if self.control and spent["control"] < CONTROL_SHARE * sum(spent.values()):
                controls.append(self._pair(self.control, spent, "control"))
        refuse_gil_that_came_back()
        since = HostTotals.now().since(pressure)
        return {
            "pairs": pairs,
            "controls": controls,
            "timed_seconds": sum(spent.values()),
            "seconds": time.perf_counter() - began,
            "steal": since.steal,
            "busy": since.busy,
            "throttled": since.throttled,
            "gil_enabled": gil_enabled(),
            "switch_interval": long_switch_interval(),
            "blas": read_blas(),
            "traced": traced(),
        }

    def _pair(self, load: Load, spent: dict[str, float], name: str) -> Json:
        """Run baseline and contender, the one first that was second in the last pair."""
        crew, baseline = self._opened()
        number = self.numbers[name]
        self.numbers[name] += 1
        turns: list[tuple[str, Callable[[str, Load, int], Json], str]] = [
            ("baseline", baseline.round, name),
            ("contender", crew.round, self._contender(name)),
        ]
        if number % 2:
            turns.reverse()
        pair = {side: turn(key, load, number) for side, turn, key in turns}
        spent[name] += pair["baseline"]["seconds"] + pair["contender"]["seconds"]
        return pair

    def held(self, request: Json) -> Json:
        """Sample the GIL while one worker runs the batch; ``None`` where it cannot be told.

        One worker, because two would wait for each other and hold it for longer than they need.
        """
        _, baseline = self._opened()
        if not gil_enabled() or not request["py_spy"]:
            return {"held": None, "calls": 0, "waiting": None, "seconds": 0.0}
        began, delay = time.perf_counter(), baseline.delay.seconds()
        with self._working() as end:
            found = sample_held(request["py_spy"], request["seconds"])
            calls = end()
        seconds, later = time.perf_counter() - began, baseline.delay.seconds()
        waiting = None if delay is None or later is None else (later - delay) / seconds
        return {"held": found, "calls": calls, "waiting": waiting, "seconds": seconds}

    @contextlib.contextmanager
    def _working(self) -> Iterator[Callable[[], int]]:
        """Keep one worker at it; the function that is yielded ends that and tells its calls."""
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

    def close(self, request: Json) -> Json:
        if self.crew is not None:
            self.crew.close()
        if self.baseline is not None:
            self.baseline.close()
        for key in self.keys:
            task.forget(key)
        self.crew, self.baseline, self.keys = None, None, []
        return {}


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


def refuse_gil_that_came_back() -> None:
    """Raise ``CannotMeasure`` where what is measured as free-threaded is not."""
    reason = gil_came_back()
    if reason is not None:
        raise CannotMeasure(reason)


def serve(runner: Runner | None = None) -> None:
    """Answer the requests of whoever started this process, until they end."""
    end_with_owner()
    requests, replies = take_channel()
    watch_gil()
    runner = runner or Runner()
    for line in requests:
        request = json.loads(line)
        reply = runner.handle(request)
        replies.write(frame(reply | {"number": request["number"]}))
        replies.flush()
        if request["do"] == "close":
            break


def take_channel() -> tuple[TextIO, TextIO]:
    """Return the pipes of requests and replies, under descriptors that nobody else knows.

    A workload and what it starts read nothing from standard input, so that they take no request,
    and print to standard error. These are the two pipes that every launcher on every platform hands
    on; others would have to be inherited, which Windows, a shell script or ``conda run`` do not do
    by themselves. What was printed before this, as by ``sitecustomize``, is told from replies by
    its frame.
    """
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies
