"""Which processes are still there. Waiting here is bounded and nothing asserts how long it took."""

import time
from collections.abc import Iterable
from multiprocessing import resource_tracker

import psutil

PATIENCE_SECONDS = 60.0


def child_processes() -> set[psutil.Process]:
    """All descendants, without multiprocessing's own tracker, which stays for good."""
    tracker = getattr(resource_tracker._resource_tracker, "_pid", None)  # no public name
    return {each for each in psutil.Process().children(recursive=True) if each.pid != tracker}


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
