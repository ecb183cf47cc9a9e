"""Which processes are still there. Waiting here is bounded and nothing asserts how long it took."""

import threading
import time
from collections.abc import Iterable

import psutil

PATIENCE_SECONDS = 60.0
# Of multiprocessing, of loky and of ours: they stay as long as the process that has them.
STAY = ("resource_tracker", "multiprocessing.forkserver", "speedgate.measuring.guard import guard")


def threads() -> set[threading.Thread]:
    """All threads, without those of Dask that serve the whole process."""
    return {
        thread for thread in threading.enumerate() if not thread.name.startswith("Dask-Offload")
    }


def threads_beyond(before: set[threading.Thread]) -> set[threading.Thread]:
    """The threads that have come since and do not end: those of a library may take a moment."""
    until = time.monotonic() + PATIENCE_SECONDS
    while threads() - before and time.monotonic() < until:
        time.sleep(0.02)
    return threads() - before


def child_processes() -> set[psutil.Process]:
    """All descendants, without those that serve the whole process and end with it."""
    return {child for child in psutil.Process().children(recursive=True) if not _stays(child)}


def _stays(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:  # it has ended meanwhile
        return False
    return any(name in command for name in STAY)


def still_running(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end; a zombie has ended, only nobody has asked for its exit code."""
    until = time.monotonic() + PATIENCE_SECONDS
    left = list(processes)
    while left and time.monotonic() < until:
        left = [process for process in left if _runs(process)]
        time.sleep(0.02)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
