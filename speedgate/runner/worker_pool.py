"""The workers of one strategy, warm, and what is counted of them in a round."""

from __future__ import annotations

import contextlib
import pickle
import time
from concurrent.futures import Executor
from itertools import repeat
from typing import Any, NamedTuple

from speedgate.runner import task
from speedgate.runner.affinity import place
from speedgate.runner.counters import ProcessUsage, RunQueueDelay
from speedgate.runner.load import Load
from speedgate.runner.messages import RoundCounts
from speedgate.runner.ownership import as_worker, thread_lasts
from speedgate.runner.strategies import Shared, Strategy

WARM_TRIES = 50


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
    unknown. A worker without a task has no turn.
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
    for it to take, but only because the second was blocked for that long. So what a worker has to
    spare is compared with what it would have had without a lock: had every worker ended
    earlier by what it was blocked, and had each only computed.
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


class WorkerPool:
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

    def round(self, key: str, load: Load, rotation: int) -> RoundCounts:
        """Run the batch once and return its seconds with all that was counted meanwhile."""
        usage, delay, cpu = ProcessUsage.now(), self.delay.by_worker(), time.process_time()
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
        return RoundCounts(
            seconds=seconds,
            tail=tail.imbalance,
            blocked_tail=tail.blocked,
            # Threads inside a call are known by the process's clock only.
            in_task=None if inside else sum(stamp.ended - stamp.began for stamp in stamps),
            on_cpu=own_cpu if inside else sum(stamp.thread_cpu for stamp in stamps),
            waiting=None if waited is None else sum(waited.values()),
            cpu=sum(stamp.process_cpu for stamp in stamps) if in_processes else own_cpu,
            minor_faults=None if in_processes else counted.minor_faults,
            voluntary_switches=None if in_processes else counted.voluntary_switches,
            involuntary_switches=None if in_processes else counted.involuntary_switches,
        )

    def _waited_since(self, earlier: tuple[float, ...] | None) -> dict[int, float] | None:
        """Return each worker's seconds on a run queue since then, by its native id."""
        later = self.delay.by_worker()
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
