"""What the operating system counts: read from outside the workers, before and after a round.

Standard library only. What the platform does not give is ``None``, never 0.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from speedgate.runner.machine import control_group_folders

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # the platform has no such module

Number = TypeVar("Number", int, float)


class RunQueueDelay:
    """Seconds that some threads or processes waited for a CPU, from open schedstat descriptors.

    The second field of Linux's ``/proc/.../schedstat`` counts nanoseconds on a run queue. It is
    brought up to date when the thread gets its CPU, so it is exact once the workers sleep again.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._descriptors: list[int] = []
        try:
            for path in paths:
                self._descriptors.append(os.open(path, os.O_RDONLY))
        except OSError:
            self.close()

    @classmethod
    def of_threads(cls, native_ids: Iterable[int]) -> RunQueueDelay:
        return cls(f"/proc/self/task/{native_id}/schedstat" for native_id in native_ids)

    @classmethod
    def of_processes(cls, pids: Iterable[int]) -> RunQueueDelay:
        return cls(f"/proc/{pid}/schedstat" for pid in pids)

    def by_worker(self) -> tuple[float, ...] | None:
        """Return the seconds of every worker, in order, or ``None`` where one is unknown."""
        if not self._descriptors:
            return None
        try:
            texts = [os.pread(descriptor, 64, 0) for descriptor in self._descriptors]
        except OSError:  # a worker has ended
            return None
        fields = [[int(field) for field in text.split()] for text in texts]
        if not all(map(any, fields)):  # a kernel that keeps no such statistics writes zeros
            return None
        return tuple(waited / 1e9 for _, waited, *_ in fields)

    def seconds(self) -> float | None:
        """Return the sum over all workers, or ``None`` where it is unknown."""
        delays = self.by_worker()
        return None if delays is None else sum(delays)

    def close(self) -> None:
        for descriptor in self._descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptors = []


class ProcessUsage(NamedTuple):
    """Page faults without I/O and context switches of this process; ``None`` where unknown."""

    minor_faults: int | None
    voluntary_switches: int | None
    involuntary_switches: int | None

    @classmethod
    def now(cls) -> ProcessUsage:
        if resource is None:
            return cls(None, None, None)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(usage.ru_minflt, usage.ru_nvcsw, usage.ru_nivcsw)

    def since(self, earlier: ProcessUsage) -> ProcessUsage:
        return ProcessUsage(
            *(difference(now, then) for now, then in zip(self, earlier, strict=True))
        )


class CollectorClock:
    """Seconds for which this process's cyclic collector was at work, from ``gc.callbacks``.

    On a free-threaded build it stops all other threads for most of them.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._began

    def close(self) -> None:
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._note)


def difference(now: Number | None, then: Number | None) -> Number | None:
    """Return ``now - then``, or ``None`` where either is unknown."""
    return None if now is None or then is None else now - then


class HostPressure(NamedTuple):
    """What took time from the whole machine in a stretch: seconds, ``None`` where unknown.

    ``steal`` is the time that a hypervisor gave to others, ``busy`` the time for which the machine
    computed, for all users. ``throttled`` is the time for which this control group, or one that
    encloses it, was stopped because its CPU quota was used up. All are summed over the CPUs.
    """

    steal: float | None
    throttled: float | None
    busy: float | None = None


class HostTotals(NamedTuple):
    """What the kernel has counted so far: ``throttled`` by file, as each group has its own."""

    steal: float | None
    throttled: dict[str, float]
    busy: float | None = None

    @classmethod
    def now(cls) -> HostTotals:
        steal, busy = _steal_and_busy_seconds()
        return cls(steal, _throttled_seconds(), busy)

    def since(self, earlier: HostTotals) -> HostPressure:
        """Return what was lost between two moments.

        Of the groups the one counts that was stopped for longest: when an outer one is, those in
        it are, too, so that a sum would count the same time twice.
        """
        known = self.throttled.keys() & earlier.throttled.keys()
        lost = (self.throttled[file] - earlier.throttled[file] for file in known)
        return HostPressure(
            difference(self.steal, earlier.steal),
            max(lost, default=None),
            difference(self.busy, earlier.busy),
        )


def _steal_and_busy_seconds() -> tuple[float | None, float | None]:
    """Return what Linux counts of all CPUs: user, nice, system, irq and softirq are busy."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        tick = 1 / os.sysconf("SC_CLK_TCK")
        busy = sum(int(fields[number]) for number in (1, 2, 3, 6, 7))
        return int(fields[8]) * tick, busy * tick
    except (OSError, IndexError, ValueError):
        return None, None


# The fields of cgroup v2 and v1, and how many of their units make a second.
THROTTLED_FIELDS = {"throttled_usec": 1e6, "throttled_time": 1e9}
# A group's own throttling is in the first; the second (Linux 6.6 and later) also has what a group
# around it did to it, be it one that a container does not see.
THROTTLED_FILES = ("cpu.stat", "cpu.stat.local")


def _throttled_seconds() -> dict[str, float]:
    """Return what this process's control groups and their parents report, by file."""
    throttled = {}
    for folder in control_group_folders("cpu"):
        for name in THROTTLED_FILES:
            seconds = _throttled_in(folder / name)
            if seconds is not None:
                throttled[str(folder / name)] = seconds
    return throttled


def _throttled_in(file: Path) -> float | None:
    try:
        fields = dict(line.split() for line in file.read_text().splitlines())
        counts = {field: int(fields[field]) for field in THROTTLED_FIELDS if field in fields}
    except (OSError, ValueError):
        return None
    return next((count / THROTTLED_FIELDS[field] for field, count in counts.items()), None)
