"""Ownership: the mark that names a process's owner, and how a process ends with its owner.

The process that starts a runner owns it, and says so in the runner's environment. What the runner
starts inherits that. Standard library only: a runner reads its own mark.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVE = "from speedgate.runner.server import serve; serve()"  # what a runner runs
OWNER = "SPEEDGATE_OWNER"
RUNNER = "SPEEDGATE_RUNNER"  # the runner's process id, in whatever it starts
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


@dataclass(frozen=True)
class Owner:
    """A process: its id, when it started (another may have its id later), and where ids count.

    ``namespace`` is that of its process ids, so that nobody in a container, or outside of one,
    takes it for gone. What a platform does not tell is empty. ``lasting`` is whether the thread
    that started something lives as long as the process: the kernel tells of that thread's end.
    """

    pid: int
    started: str
    namespace: str
    lasting: bool = True

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return whom a mark names, ``None`` if it is none of ours."""
        fields = text.split("|")
        if len(fields) != 4 or not fields[0].isdecimal():
            return None
        return cls(int(fields[0]), fields[1], fields[2], fields[3] == "lasting")

    def is_gone(self, start_of: Callable[[int], str | None]) -> bool:
        """Whether it has surely ended, judged by when its process started."""
        is_known = self.started != "" and self.namespace == process_namespace()
        return is_known and start_of(self.pid) != self.started

    def __str__(self) -> str:
        lasting = "lasting" if self.lasting else "passing"
        return f"{self.pid}|{self.started}|{self.namespace}|{lasting}"


def thread_lasts() -> bool:
    """Whether the thread that asks lives as long as its process."""
    return threading.current_thread() is threading.main_thread()


def process_namespace() -> str:
    """Name the namespace of this process's ids, empty where there are none (macOS, Windows)."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def start_ticks(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks; ``None`` if there is none (Linux).

    A zombie is none: it runs no more, its parent only has not asked for it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def end_with_owner() -> None:
    """Let the kernel end this process, a runner, at the moment in which its owner ends (Linux).

    Elsewhere, and for the runner's workers, the guard does it a moment later (``children.py``).
    """
    os.environ[RUNNER] = str(os.getpid())
    owner = Owner.parse(os.environ.get(OWNER, ""))
    if owner is None or not sys.platform.startswith("linux"):
        return
    if owner.lasting:
        ask_for_death_signal()
    # It may have ended before the kernel was asked.
    if owner.is_gone(start_ticks):
        raise SystemExit(f"the process {owner.pid} that started this runner has ended")


def as_worker(initializer: Callable[..., None], *arguments: Any) -> None:
    """Initialize a worker process, so that it ends with the process that started it (Linux).

    A call that hangs never looks whether anybody still waits for it.
    """
    if multiprocessing.parent_process() is not None and sys.platform.startswith("linux"):
        ask_for_death_signal()
    initializer(*arguments)


def ask_for_death_signal() -> None:
    """Ask for SIGKILL once the thread has ended that started this process."""
    with contextlib.suppress(OSError, AttributeError):  # no C library to ask, as in some sandboxes
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
