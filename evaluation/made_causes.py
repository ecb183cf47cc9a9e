"""Causes of contention made on purpose: workloads whose threads contend for a known reason.

The size is a dial: ``size`` - 1 is the percentage of the work that contends. All else is a checksum
in cache, which scales. A made cause has the twins that a workload of its kind would declare.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.workload import Workload

# SHA-256 of a block takes about 20 microseconds and scales: 1% of a call of all causes.
BLOCK = bytes(range(256)) * 160
STEPS = 100
# As long as a block of the checksum each.
CALLS_A_STEP = 300
WRITES_A_STEP = 4_000
TEMPORARY_ELEMENTS = 32_768
SUMMED_ELEMENTS, PART = 4_000_000, 40_000
STEP_SECONDS = 2e-5
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1

Contend = Callable[[int], Any]
Made = tuple[Contend, int]


def in_cache(count: int) -> None:
    """Make steps that share nothing."""
    for _ in range(count):
        hashlib.sha256(BLOCK).digest()


def steps(argument: Made) -> int:
    """Make a hundred steps, as many of them contending as the dial says; return how many did."""
    contend, count = argument
    if count:
        contend(count)
    in_cache(STEPS - count)
    return count


def made(contend: Contend, size: int) -> Made:
    return contend, size - 1


# --- a lock

_lock = threading.Lock()


def locked(lock: Any) -> Contend:
    def contend(count: int) -> None:
        with lock:
            in_cache(count)

    return contend


def prepare_lock(size: int, seed: int) -> Made:
    return made(locked(_lock), size)


def prepare_own_lock(size: int, seed: int) -> Made:
    return made(locked(threading.Lock()), size)


# --- reference counts


class Counted:
    """An object whose reference count each of its users changes."""

    def touch(self) -> None:
        """Nothing: a call takes a reference and gives it back."""


_counted = Counted()


def touching(counted: Counted) -> Contend:
    def contend(count: int) -> None:
        for _ in range(CALLS_A_STEP * count):
            counted.touch()

    return contend


def prepare_counts(size: int, seed: int) -> Made:
    return made(touching(_counted), size)


def prepare_own_counts(size: int, seed: int) -> Made:
    return made(touching(Counted()), size)


# --- a cache line

LINE_BYTES = 64


def aligned(elements: int) -> NDArray[np.float64]:
    """Return zeros that begin with a cache line."""
    room = np.zeros(elements + LINE_BYTES // 8)
    start = -room.ctypes.data % LINE_BYTES // 8
    return room[start : start + elements]


_line = aligned(8)


def writing(element: NDArray[np.float64]) -> Contend:
    where = np.zeros(WRITES_A_STEP, dtype=np.intp)

    def contend(count: int) -> None:
        for _ in range(count):
            np.add.at(element, where, 1.0)

    return contend


def prepare_line(size: int, seed: int) -> Made:
    """Each worker writes an element of its own, next to that of another."""
    return made(writing(_line[seed % 8 : seed % 8 + 1]), size)


def prepare_own_line(size: int, seed: int) -> Made:
    return made(writing(aligned(16)[:1]), size)


# --- the allocator


def map_every_array() -> None:
    """Have the C library map each large array anew, and give it back at once."""
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 64 * 1024)
        libc.mallopt(M_TRIM_THRESHOLD, 64 * 1024)
    except (OSError, AttributeError):  # no glibc: its own allocator is what is measured
        return


def prepare_temporaries(size: int, seed: int) -> Made:
    map_every_array()
    values = np.ones(TEMPORARY_ELEMENTS)

    def contend(count: int) -> None:
        for _ in range(count):
            np.add(values, 1.0)

    return made(contend, size)


def prepare_room(size: int, seed: int) -> Made:
    values, room = np.ones(TEMPORARY_ELEMENTS), np.empty(TEMPORARY_ELEMENTS)

    def contend(count: int) -> None:
        for _ in range(count):
            np.add(values, 1.0, out=room)

    return made(contend, size)


# --- memory bandwidth


def prepare_sums(size: int, seed: int) -> Made:
    """Two arrays are read and one is written, 96 MB, a part of it in each step."""
    one, two, room = (np.ones(SUMMED_ELEMENTS) for _ in range(3))
    place = [0]

    def contend(count: int) -> None:
        for _ in range(count):
            start = place[0] = (place[0] + PART) % (SUMMED_ELEMENTS - PART)
            part = slice(start, start + PART)
            np.add(one[part], two[part], out=room[part])

    return made(contend, size)


# --- the collector


_collecting = threading.Lock()


def prepare_collections(size: int, seed: int) -> Made:
    """Collect once a call; the checksum takes as much of the time as the dial leaves.

    One worker at a time collects: of two at once Python would leave one out.
    """
    kept = [[number] for number in range(20_000)]
    began = time.perf_counter()
    gc.collect()
    collecting = time.perf_counter() - began
    dial = size - 1
    others = round(collecting / STEP_SECONDS * (100 - dial) / dial) if dial else STEPS

    def contend(count: int) -> None:
        with _collecting:
            gc.collect()
        in_cache(others)
        len(kept)

    # All steps are in there.
    return contend, STEPS if dial else 0


def workload(name: str, prepare: Any, **twins: Workload | None) -> Workload:
    return Workload(
        name=name, function=steps, purpose=f"a made cause: {name}", prepare=prepare, **twins
    )


def prepare_nothing(size: int, seed: int) -> Made:
    return made(in_cache, size)


NOTHING = workload("nothing", prepare_nothing)
LOCK = workload("lock", prepare_lock, private=workload("own_lock", prepare_own_lock))
COUNTS = workload("counts", prepare_counts, private=workload("own_counts", prepare_own_counts))
LINE = workload("line", prepare_line, private=workload("own_line", prepare_own_line))
TEMPORARIES = workload(
    "temporaries", prepare_temporaries, preallocated=workload("room", prepare_room)
)
SUMS = workload("sums", prepare_sums)
COLLECTIONS = workload("collections", prepare_collections)
