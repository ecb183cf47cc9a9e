"""Calls that go wrong once they are armed, each in a way of its own. Standard library only.

A call is armed when the file that ``ARMED`` names is there. Until then each does nothing, so that a
case is opened, checked and calibrated, and the fault comes in the middle of a round.
"""

import ctypes
import hashlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

ARMED = "SPEEDGATE_TEST_ARMED"
_taken = threading.Lock()
BYTES = bytes(1 << 21)  # some milliseconds without the GIL


def armed():
    return Path(os.environ[ARMED]).exists()


def in_a_worker_process():
    return multiprocessing.parent_process() is not None


def is_killed(argument):
    """A worker process that somebody kills; in the runner's own calls nothing happens."""
    if armed() and in_a_worker_process():
        os.kill(os.getpid(), signal.SIGKILL)


def segfaults(argument):
    if armed():
        ctypes.string_at(0)


def segfaults_in_a_worker(argument):
    if in_a_worker_process():
        segfaults(argument)


def takes_all_memory(argument):
    """Ask for more than the process may have."""
    if armed():
        import resource  # noqa: PLC0415  # Windows has none

        most = 1 << 30
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        return len([bytearray(most >> 4) for _ in range(64)])
    return 0


def is_killed_for_its_memory(argument):
    """What the system does to the largest process where memory runs out."""
    if armed():
        os.kill(os.getpid(), signal.SIGKILL)


def large_array(size, seed):
    """An argument that a small /dev/shm has no room for."""
    import numpy as np  # noqa: PLC0415  # only one test needs it

    return np.zeros(1 << 18)


def take_the_lock_before_a_fork(size, seed):
    """What a library's thread does at the moment of a fork: the child has the lock, nobody it."""
    if not in_a_worker_process() and not _taken.locked():
        taken = threading.Event()
        threading.Thread(target=_hold, args=(taken,), daemon=True).start()
        taken.wait()
    return size


def _hold(taken):
    with _taken:
        taken.set()
        time.sleep(600)


def waits_for_the_lock(argument):
    if in_a_worker_process():
        _taken.acquire()


def stops_for_a_while(argument):
    """A machine that is suspended: everything stops, and goes on later as if nothing had been."""
    if armed():
        Path(os.environ[ARMED]).unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def computes_on_fewer_cores(argument):
    """Work that runs side by side, on one core from the moment that it is armed."""
    if armed():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(os.getppid()))})
    hashlib.sha256(BYTES).digest()


def prints_half_a_line_and_dies(argument):
    if armed():
        os.write(1, b'{"number": 1, "resu')
        os._exit(7)


def waits_until_it_is_armed(argument):
    """Say that it has begun, and go on once the test has done its damage."""
    Path(f"{os.environ[ARMED]}.begun").touch()
    until = time.monotonic() + 60
    while not armed() and time.monotonic() < until:
        time.sleep(0.01)


class NoMoreProcesses:
    """The system's answer where a user has as many processes as he may: to forks and to spawns."""

    def __call__(self, *arguments, **options):
        raise BlockingIOError(11, "Resource temporarily unavailable")


def refuse_processes():
    """A setup after which this process can start no other."""
    import _posixsubprocess  # noqa: PLC0415  # what subprocess and multiprocessing start with
    import multiprocessing.util  # noqa: PLC0415

    refuse = NoMoreProcesses()
    os.fork = refuse
    _posixsubprocess.fork_exec = refuse
    multiprocessing.util.spawnv_passfds = refuse
