"""What the operating system counts: read from outside the workers, before and after a round.

Standard library only. What the platform does not give is ``None``, never 0.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from speedgate.environment import control_group_folders

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # the platform has no such module


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

    def each(self) -> tuple[float, ...] | None:
        """Return the seconds of every worker, in order, or ``None`` where one cannot be told."""
        if not self._descriptors:
            return None
        try:
            texts = [os.pread(descriptor, 64, 0) for descriptor in self._descriptors]
        except OSError:  # a worker has ended
            return None
        return tuple(int(text.split()[1]) / 1e9 for text in texts)

    def seconds(self) -> float | None:
        """Return the sum over all workers, or ``None`` where it cannot be told."""
        found = self.each()
        return None if found is None else sum(found)

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


def difference(now: int | None, then: int | None) -> int | None:
    """Return ``now - then``, or ``None`` where either is unknown."""
    return None if now is None or then is None else now - then


class HostPressure(NamedTuple):
    """What took time from the whole machine: seconds since it started, ``None`` where unknown.

    ``steal`` is the time that a hypervisor gave to others, summed over the CPUs; ``throttled``
    is the time that this control group was stopped for having used up its CPU quota.
    """

    steal: float | None
    throttled: float | None

    @classmethod
    def now(cls) -> HostPressure:
        return cls(_steal_seconds(), _throttled_seconds())

    def since(self, earlier: HostPressure) -> HostPressure:
        pairs = zip(self, earlier, strict=True)
        return HostPressure(
            *(None if now is None or then is None else now - then for now, then in pairs)
        )


def _steal_seconds() -> float | None:
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return int(fields[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _throttled_seconds() -> float | None:
    """``throttled_usec`` of cgroup v2, ``throttled_time`` (nanoseconds) of v1."""
    for folder in control_group_folders("cpu"):
        try:
            fields = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "throttled_usec" in fields:
            return int(fields["throttled_usec"]) / 1e6
        if "throttled_time" in fields:
            return int(fields["throttled_time"]) / 1e9
    return None
