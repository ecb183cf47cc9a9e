"""A process group and its end. What its processes would leave behind is cleaned up by some of them.

Python's resource trackers are such: each waits until the last process that can use its pipe is
gone, and then unlinks the shared memory and the semaphores that those have left. So they end last,
and by themselves. Groups are POSIX only; elsewhere a process is ended with its descendants.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

import psutil

# In the command line of multiprocessing's tracker and of loky's.
TRACKER = "resource_tracker import main"
TRACKER_SECONDS = 5.0
LOOK_SECONDS = 0.005
HAS_GROUPS = hasattr(os, "killpg")


def end_group(group: int) -> None:
    """Kill every process of a group; its resource trackers only if they do not end by themselves.

    Returns when all of them are gone, or nobody has asked for their exit codes yet.
    """
    send(group, signal.SIGSTOP)  # so that none of them starts another meanwhile
    processes = members(group)
    trackers = [process for process in processes if is_tracker(process)]
    for process in processes:
        if process not in trackers:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    send(group, signal.SIGCONT)
    until = time.monotonic() + TRACKER_SECONDS
    while any(map(runs, trackers)) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    send(group, signal.SIGKILL)


def send(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: all of them are zombies
        os.killpg(group, number)


def members(group: int) -> list[psutil.Process]:
    """Return the processes of a group."""
    processes = []
    for number in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getpgid(number) == group:
                processes.append(psutil.Process(number))
    return processes


def is_tracker(process: psutil.Process) -> bool:
    try:
        return TRACKER in " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return False


def runs(process: psutil.Process) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_tree(pid: int) -> None:
    """Kill a process and all that descend from it, as far as their parents are there to tell."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
