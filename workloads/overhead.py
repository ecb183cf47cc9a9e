"""Workloads that show a strategy's own cost: nothing at all, and work of a set length."""

from __future__ import annotations

import time
import zlib

from workloads.workload import RELEASES, Workload

BLOCK = bytes(16 * 1024)  # zlib releases the GIL above 5 KiB


def noop(size: int) -> None:
    """Do nothing, whatever the size."""


def busy(size: int) -> None:
    """Compute checksums for ``size`` microseconds of wall time."""
    end = time.perf_counter() + size * 1e-6
    while time.perf_counter() < end:
        zlib.crc32(BLOCK)


NOOP = Workload(
    name="noop",
    function=noop,
    purpose="nothing at all: the cost of dispatch, and of the harness",
    sizes=(1,),
)
BUSY = Workload(
    name="busy",
    function=busy,
    purpose="checksums for as many microseconds as the size says",
    expect=RELEASES,
    source="zlibmodule.c: Py_BEGIN_ALLOW_THREADS above 5 KiB",
    sizes=(10, 100, 1_000, 10_000),
)
WORKLOADS = (NOOP, BUSY)
