"""Workloads whose truth is known: a dial that holds the GIL for a set share of its work.

The same C function (zlib's ``crc32``) is called through ``ctypes.PyDLL``, which holds the GIL, and
through ``ctypes.CDLL``, which releases it. The share of the bytes that goes through the first is
the share of the work for which the GIL is held.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import threading
import time

import numpy as np

from workloads.article import g_out, ones_and_room
from workloads.workload import RELEASES, Workload

# A call takes a millisecond or so: what Python holds the GIL for between two calls is no part of
# the truth. With 128 KiB it was 0.03 to 0.07 of the work.
BUFFER_BYTES = 1024 * 1024
CALLS = 2

_library = ctypes.util.find_library("z") or "libz.so.1"
_releasing = ctypes.CDLL(_library).crc32
_holding = ctypes.PyDLL(_library).crc32
for _function in (_releasing, _holding):
    _function.argtypes = (ctypes.c_ulong, ctypes.c_void_p, ctypes.c_uint)
    _function.restype = ctypes.c_ulong

Dial = tuple[ctypes.Array[ctypes.c_char], int]


def dial(argument: Dial) -> int:
    """Checksum a buffer several times, ``held`` bytes of each time with the GIL held."""
    buffer, held = argument
    total = 0
    for _ in range(CALLS):
        if held:
            total = _holding(total, buffer, held)
        if held < BUFFER_BYTES:
            total = _releasing(total, buffer, BUFFER_BYTES - held)
    return total


def set_dial(size: int, seed: int) -> Dial:
    """Return the dial's input; ``size`` - 1 is the percentage of the work that holds the GIL."""
    buffer = ctypes.create_string_buffer(bytes([seed % 256]) * BUFFER_BYTES, BUFFER_BYTES)
    return buffer, BUFFER_BYTES * (size - 1) // 100


_lock = threading.Lock()


def g_locked(arrays: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """``g_out`` behind one lock: what NumPy would be if exp ran in one thread at a time."""
    with _lock:
        return g_out(arrays)


def nap(size: int) -> None:
    """Sleep for ``size`` milliseconds."""
    time.sleep(size / 1000)


SLEEP = Workload(
    name="sleep",
    function=nap,
    purpose="known truth: blocked, and nothing else",
    expect=RELEASES,
)
DIAL = Workload(
    name="dial",
    function=dial,
    purpose="known truth: holds the GIL for (size - 1) percent of its work",
    prepare=set_dial,
)
G_LOCKED = Workload(
    name="g_locked",
    function=g_locked,
    purpose="known truth: np.exp behind one lock",
    expect=RELEASES,
    prepare=ones_and_room,
    argument_bytes=16,
)
