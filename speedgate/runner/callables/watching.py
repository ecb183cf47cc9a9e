"""What a benchmark does besides computing, seen while it runs alone: threads, processes, files.

Python reports nearly every such deed to audit hooks (PEP 578). Only the start of a thread has to be
wrapped, because Python 3.11 does not report it. A hook cannot be removed; while asleep it costs one
call of a short function for each event, and timed code raises few events.

Standard library only.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STARTS_PROCESSES = (
    "subprocess.Popen",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
)
# What every way of handing work to a pool goes through. Its threads or processes may be older than
# the call, so that nothing is started.
POOLS = (
    ("concurrent.futures.thread", "ThreadPoolExecutor", "submit"),
    ("concurrent.futures.process", "ProcessPoolExecutor", "submit"),
    ("multiprocessing.pool", "Pool", "_check_running"),
)
# An alone worker uses as much CPU as it takes time; a benchmark whose process uses more than this
# many times what its thread does works in other threads as well.
OWN_CPU = 1.25
LEAST_CPU_SECONDS = 0.02


@dataclass
class Deeds:
    """What happened while it was watched. ``written`` are absolute paths of files."""

    threads: int = 0
    processes: int = 0
    handed_to_pools: int = 0
    changed_folder: bool = False
    changed_environment: bool = False
    written: set[str] = field(default_factory=set)
    native_threads: int = 0
    thread_cpu: float = 0.0
    process_cpu: float = 0.0

    @property
    def works_elsewhere(self) -> bool:
        """Whether other threads of the process computed as well, for long enough to tell."""
        return (
            self.process_cpu >= LEAST_CPU_SECONDS and self.process_cpu > OWN_CPU * self.thread_cpu
        )


_watched: Deeds | None = None
_watched_thread = 0
_is_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is None:
        return
    if event in STARTS_PROCESSES:
        _watched.processes += 1
    elif threading.get_ident() != _watched_thread:
        return
    elif event == "os.chdir":
        _watched.changed_folder = True
    elif event in ("os.putenv", "os.unsetenv"):
        _watched.changed_environment = True
    elif event == "open":
        _note_file(_watched, *arguments)


def _note_file(deeds: Deeds, path: Any, mode: Any, flags: Any) -> None:
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
    if not writes or not isinstance(path, str | bytes | os.PathLike):
        return
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  # it may not exist any more
    if os.path.isdir(name):  # noqa: PTH112  # it is a text here
        return  # tempfile.TemporaryFile makes a file without a name, and tells its folder
    if "__pycache__" not in name and not name.startswith("/dev/"):
        deeds.written.add(name)


@contextlib.contextmanager
def watching() -> Iterator[Deeds]:
    """Yield the deeds of the calling thread; they are complete afterwards."""
    global _watched, _watched_thread, _is_hooked  # noqa: PLW0603  # a hook has no other place
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked = True
    deeds = Deeds()
    before, thread_cpu, process_cpu = native_threads(), time.thread_time(), time.process_time()
    _watched_thread, _watched = threading.get_ident(), deeds
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        deeds.threads += 1
        start(thread)

    threading.Thread.start = counted  # type: ignore[assignment,method-assign]  # given back below
    try:
        with _counting_pools(deeds):
            yield deeds
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]  # as it was
        _watched = None
        deeds.thread_cpu = time.thread_time() - thread_cpu
        deeds.process_cpu = time.process_time() - process_cpu
        after = native_threads()
        if before is not None and after is not None:
            deeds.native_threads = after - before


@contextlib.contextmanager
def _counting_pools(deeds: Deeds) -> Iterator[None]:
    """Count what the watched thread hands to pools; nothing else is changed of them."""
    with contextlib.ExitStack() as given_back:
        for module, name, method in POOLS:
            pool = getattr(sys.modules.get(module), name, None)
            if pool is not None:
                before = vars(pool)[method]
                given_back.callback(setattr, pool, method, before)
                setattr(pool, method, _counted(before, deeds))
        yield


def _counted(method: Any, deeds: Deeds) -> Any:
    @functools.wraps(method)
    def counted(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == _watched_thread:
            deeds.handed_to_pools += 1
        return method(*args, **kwargs)

    return counted


def native_threads() -> int | None:
    """Return how many threads this process has, those of libraries too; ``None`` if unknown."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return None
