"""Costs that no seconds show, made on purpose: each workload has one where SPEEDGATE_MADE is set.

All compute the same checksum, of some milliseconds, before they do what they are named after. A
thread that one of them starts ends with its process.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workloads.workload import Workload, size_only

SWITCH = "SPEEDGATE_MADE"
IS_ON = SWITCH in os.environ
BLOCK = bytes(range(256)) * 16_384
MEGABYTE = 1_000_000
PAGES = 512
# Beside so much work the seconds of the faults are less than the margin of the seconds.
BESIDE_FAULTS = 8
SPIN_SECONDS = 0.2
FIRST_SECONDS = 0.2
PAUSES, PAUSE_SECONDS = 20, 0.004
# Beside these calls the start of a thread takes less than the margin of the seconds.
CALLS_A_THREAD = 5
FORKED_SECONDS = 0.01

_kept: list[bytes] = []
_calls = itertools.count(1)
_never = threading.Event()
_room = mmap.mmap(-1, PAGES * mmap.PAGESIZE)
_spinner: dict[str, float] = {}
_first = [True]
_forked = [False]


def checksum() -> bytes:
    return hashlib.sha256(BLOCK).digest()


def spin() -> None:
    """A library thread that goes on for a while after it has nothing to do."""
    while True:
        if time.perf_counter() < _spinner["until"]:
            checksum()
        else:
            time.sleep(0.001)


def spins(size: int) -> bytes:
    if IS_ON:
        is_new = not _spinner
        _spinner["until"] = time.perf_counter() + SPIN_SECONDS
        if is_new:
            threading.Thread(target=spin, daemon=True).start()
    return checksum()


def keeps(size: int) -> bytes:
    made = b"x" * MEGABYTE
    if IS_ON:
        _kept.append(made)
    return checksum()


def starts_threads(size: int) -> bytes:
    if IS_ON:
        threading.Thread(target=_never.wait, daemon=True).start()
    return checksum()


def parks_threads(size: int) -> bytes:
    """A pool that grows with its work: its threads wait for more, and cost no call its time."""
    if IS_ON and next(_calls) % CALLS_A_THREAD == 0:
        threading.Thread(target=_never.wait, daemon=True).start()
    return checksum()


def faults(size: int) -> bytes:
    room = mmap.mmap(-1, PAGES * mmap.PAGESIZE) if IS_ON else _room
    for page in range(PAGES):
        room[page * mmap.PAGESIZE] = 1
    for _ in range(BESIDE_FAULTS - 1):
        checksum()
    return checksum()


def pauses(size: int) -> bytes:
    """As long a pause in all, in one piece or in many: each ends where its turn is over, so that a
    timer that is late delays the end once."""
    began, pieces = time.perf_counter(), PAUSES if IS_ON else 1
    for piece in range(1, pieces + 1):
        left = began + PAUSE_SECONDS * piece / pieces - time.perf_counter()
        time.sleep(max(0.0, left))
    return checksum()


def slow_first(size: int) -> bytes:
    if IS_ON and _first:
        _first.clear()
        time.sleep(FIRST_SECONDS)
    return checksum()


def slow_after_fork(size: int) -> bytes:
    if IS_ON and _forked[0]:
        time.sleep(FORKED_SECONDS)
    return checksum()


def remember_fork() -> None:
    _forked[0] = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=remember_fork)

# One lock for all, or one for each worker; it is given away and wanted back all the time.
_own = threading.local()
_one = threading.Lock()
HOLDS, HELD = 100, BLOCK[:32_768]


def convoy(size: int) -> bytes:
    if not hasattr(_own, "lock"):
        _own.lock = _one if IS_ON else threading.Lock()
    for _ in range(HOLDS):
        with _own.lock:
            hashlib.sha256(HELD).digest()
    return checksum()


def made(function: Callable[[int], bytes]) -> Workload:
    return Workload(
        name=function.__name__, function=function, purpose="a made cost", prepare=size_only
    )


MADE = {
    function.__name__: made(function)
    for function in (
        spins, keeps, starts_threads, parks_threads, faults, pauses, slow_first, slow_after_fork,
        convoy,
    )
}  # fmt: skip

# A package of NumPy's name that starts a thread or takes its time, and then gives way to NumPy.
STARTS_A_THREAD = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
TAKES_LONGER = "time.sleep(0.2)"
GIVES_WAY = """
here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != here]
del sys.modules["numpy"]
import numpy
"""


def write_starting_package(folder: Path, cost: str) -> None:
    """Write the package with its cost into a folder, for PYTHONPATH."""
    (folder / "numpy").mkdir()
    program = f"import os, sys, threading, time\n{cost}{GIVES_WAY}"
    (folder / "numpy" / "__init__.py").write_text(program)
