"""Leftovers: runners, workers and folders of ours whose owner has been killed, and their end.

Nothing is touched that is not surely ours: a process has to carry the mark of an owner that is
gone, and to be a runner or in a runner's group; a folder, the lock of an owner that is gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from speedgate.files import HAS_LOCKS, lock
from speedgate.measuring.process_group import HAS_GROUPS, end_group, end_tree
from speedgate.runner.ownership import (
    OWNER,
    RUNNER,
    Owner,
    process_namespace,
    start_ticks,
    thread_lasts,
)

PREFIX = "speedgate-"
OWNER_FILE = ".owner"
SERVES = re.compile(r"from speedgate\.runner\S* import serve; serve\(\)")  # what all runners run
MOSTLY_BUSY = 0.5


def this_owner() -> Owner:
    """Return this process as the owner of what it starts."""
    started = start_of(os.getpid()) or ""
    return Owner(os.getpid(), started, process_namespace(), thread_lasts())


def start_of(pid: int) -> str | None:
    """Return when a process started, in a unit of the platform's; ``None`` if it is gone."""
    if sys.platform.startswith("linux"):
        return start_ticks(pid)
    try:
        process = psutil.Process(pid)
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return None if is_zombie else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def sweep() -> list[str]:
    """End the processes, and remove the folders, of owners that are gone; return what to tell."""
    told = []
    for process, variables in orphans():
        with contextlib.suppress(psutil.Error, OSError):
            name = f"process {process.pid} ({process.name()})"
            if is_ours(process, variables):
                end_orphan(process.pid)
                told.append(f"ended {name}, which a killed run of Speedgate had left running")
            elif busy_share(process) > MOSTLY_BUSY:
                told.append(
                    f"{name}, which a workload started in a run of Speedgate that has ended, keeps "
                    "a core busy: end it if you do not need it"
                )
    remove_stale_folders(Path(tempfile.gettempdir()))
    return told


def orphans() -> list[tuple[psutil.Process, Mapping[str, str]]]:
    """Return the processes whose mark names an owner that is gone, with their variables."""
    orphaned: list[tuple[psutil.Process, Mapping[str, str]]] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            variables = process.environ()
            owner = Owner.parse(variables.get(OWNER, ""))
            if owner is not None and owner.is_gone(start_of):
                orphaned.append((process, variables))
    return orphaned


def is_ours(process: psutil.Process, variables: Mapping[str, str]) -> bool:
    """Whether it is a runner or one of its workers.

    A workload may start a server that is to stay, and then has a session of its own.
    """
    if any(SERVES.search(argument) for argument in process.cmdline()):
        return True
    return HAS_GROUPS and variables.get(RUNNER) == str(os.getpgid(process.pid))


def end_orphan(pid: int) -> None:
    """End a process of ours with its group, unless it has ended with another by now."""
    if not HAS_GROUPS:
        end_tree(pid)
        return
    with contextlib.suppress(ProcessLookupError):
        group = os.getpgid(pid)
        if group != os.getpgid(0):
            end_group(group)


def busy_share(process: psutil.Process) -> float:
    """Return for what share of its life a process has been on a core."""
    times = process.cpu_times()
    return (times.user + times.system) / max(time.time() - process.create_time(), 1.0)


def remove_stale_folders(parent: Path, prefix: str = PREFIX) -> None:
    """Remove our scratch folders whose owner is gone; they are of this user alone."""
    for file in parent.glob(f"{prefix}*/{OWNER_FILE}"):
        with contextlib.suppress(OSError):
            if is_abandoned(file):
                shutil.rmtree(file.parent, ignore_errors=True)


def is_abandoned(file: Path) -> bool:
    """Whether nobody holds the lock of a scratch folder of this user."""
    if not HAS_LOCKS:
        file.unlink()  # refused while its owner has it open
        return True
    if file.parent.is_symlink() or file.parent.stat().st_uid != os.geteuid():
        return False
    with file.open("rb") as opened:
        return lock(opened) is True
