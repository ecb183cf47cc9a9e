"""Calls that go wrong once they are armed, each in a way of its own. Standard library only.

A call is armed when the file that ``ARMED`` names is there. Until then each does nothing, so that a
case is opened, checked and calibrated, and the fault comes in the middle of a round.
"""

import ctypes
import hashlib
import multiprocessing
import os
import signal
import sys
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


def refuse_processes_really():
    """A setup after which the system starts no process and no thread for this one any more.

    Root may have as many as it likes: so the processes of another user are counted, and the rights
    to more are given up. The rest stays, to read what only root may read.
    """
    import resource  # noqa: PLC0415  # Windows has none

    if os.geteuid() == 0:
        os.setresuid(NOBODY, 0, 0)
        give_up("CAP_SYS_RESOURCE", "CAP_SYS_ADMIN")
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


NOBODY = 65534
# Their numbers, and those of the calls, in linux/capability.h and linux/prctl.h.
CAPABILITIES = {"CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": 24}
VERSION_3, SET_DUMPABLE, DROP_FROM_BOUNDING_SET = 0x20080522, 4, 24


def give_up(*names):
    """Take rights from this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    check(libc.capget(head, sets))
    for name in names:
        for number in range(3):
            sets[number] &= ~(1 << CAPABILITIES[name])
    check(libc.capset(head, sets))


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def cannot_be_watched():
    """A setup after which the system lets no other program read this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.prctl(SET_DUMPABLE, 0, 0, 0, 0))
    if os.geteuid() == 0:
        number = CAPABILITIES["CAP_SYS_PTRACE"]
        check(libc.prctl(DROP_FROM_BOUNDING_SET, number, 0, 0, 0))


def watched_by_settrace():
    sys.settrace(lambda *arguments: None)


def watched_by_setprofile():
    sys.setprofile(lambda *arguments: None)


def watched_by_monitoring():
    sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, "made")
    sys.monitoring.set_events(sys.monitoring.PROFILER_ID, sys.monitoring.events.LINE)


def parallel_region(size, seed):
    """Have two threads of OpenMP work, as a BLAS that was built with it does."""
    openmp = ctypes.CDLL("libgomp.so.1")
    openmp.GOMP_parallel(ctypes.CDLL(None).getpid, None, 2, 0)
    return size


def computes_in_openmp(argument):
    """In a worker that was forked: OpenMP waits for threads that stayed behind."""
    if in_a_worker_process():
        parallel_region(0, 0)


QUOTA = "SPEEDGATE_TEST_QUOTA"
CALLS_BEFORE_THE_CUT = 40
_calls = []


def computes_under_a_quota_that_is_cut(argument):
    """Work that runs side by side, until its control group gets a tenth of one core."""
    _calls.append(1)
    if len(_calls) == CALLS_BEFORE_THE_CUT:
        file, text = os.environ[QUOTA].split("=")
        Path(file).write_text(text, encoding="utf-8")
    hashlib.sha256(BYTES).digest()
