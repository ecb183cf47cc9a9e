"""Yardsticks: the workloads that tell what the machine has, its cores and its memory."""

from __future__ import annotations

from speedgate.measuring.suite import find_workload
from speedgate.runner import machine
from speedgate.stats.case import Workload, sizes_of

BANDWIDTH = "workloads.control:BANDWIDTH"


def bandwidth_yardstick(workers: int) -> Workload | None:
    """Return the yardstick of memory, ``None`` where its arrays do not fit twice."""
    yardstick: Workload = find_workload(BANDWIDTH, BANDWIDTH, ours_first=False)
    available = machine.available_bytes()
    needed = max(sizes_of(yardstick)) * yardstick.argument_bytes * workers
    return None if available is not None and 2 * needed > available else yardstick
