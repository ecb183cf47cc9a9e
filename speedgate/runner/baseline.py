"""The baseline: a plain loop over the batch in one worker thread of the same process, which is
moved to the next core before each round."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from speedgate.runner import task
from speedgate.runner.counters import ProcessUsage, RunQueueDelay, difference
from speedgate.runner.load import Load
from speedgate.runner.messages import RoundCounts


def serial_round(stamp: task.Stamp, waiting: float | None, counted: ProcessUsage) -> RoundCounts:
    """Return the counts of a round that one worker ran; ``waiting`` in seconds on a run queue."""
    return RoundCounts(
        seconds=stamp.ended - stamp.began,
        on_cpu=stamp.thread_cpu,
        waiting=waiting,
        cpu=stamp.process_cpu,
        minor_faults=counted.minor_faults,
        voluntary_switches=counted.voluntary_switches,
        involuntary_switches=counted.involuntary_switches,
    )


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

    def round(self, key: str, load: Load, rotation: int) -> RoundCounts:
        if len(self._cores) > 1:
            core = self._cores[rotation // 2 % len(self._cores)]  # each core is first and second
            self.call(self._move_to, core)
        usage, delay = ProcessUsage.now(), self.delay.seconds()
        stamp: task.Stamp = self.call(task.run_all, key, load.indices(rotation), load.loops)
        later, counted = self.delay.seconds(), ProcessUsage.now().since(usage)
        return serial_round(stamp, difference(later, delay), counted)

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
