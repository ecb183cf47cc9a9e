"""The aftermath of calls: what a call leaves behind in the process, and what the first one costs.

``AftermathRunner`` answers what every runner does, and one request more. It also sees what the
import of NumPy takes and starts.

``after``  call a while in one worker; replies with the CPU that was burned in the tenth of a second
           after it, the memory that was not given back, and the threads that were started
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from speedgate.runner import aftermath_messages, messages, task
from speedgate.runner.server import Handlers, Runner
from speedgate.runner.server import serve as serve_runner

# Threads that wait for work spin for up to about this long: of OpenBLAS, of OpenMP by default more.
AFTER_SECONDS = 0.1
# A task takes 5 ms or more: what one call leaves shows after many.
TASKS = 4


# Its import is a part of every start.
PACKAGE = "numpy"


class ImportSeen(NamedTuple):
    """What an import took and started; ``None`` where it had happened before, or is unknown."""

    seconds: float | None = None
    threads: int | None = None


class AftermathRunner(Runner):
    """A runner that times the first call of its interpreter, and looks at what calls leave."""

    def __init__(self) -> None:
        super().__init__()
        self._first_seconds: float | None = None
        self._import = ImportSeen()

    def handlers(self) -> Handlers:
        return {**super().handlers(), aftermath_messages.LookAfter: self.after}

    def open(self, request: messages.OpenCase) -> messages.Opened:
        self._import = see_import(PACKAGE)
        opened = super().open(request)
        _, baseline = self._opened()
        first: task.Stamp = baseline.call(task.run, "work", 0, 1)
        self._first_seconds = first.ended - first.began
        return opened

    def after(self, request: aftermath_messages.LookAfter) -> aftermath_messages.LeftBehind:
        _, baseline = self._opened()
        gc.collect()
        threads, held = thread_count(), resident_bytes()
        loops = TASKS * self.work.loops
        stamp: task.Stamp = baseline.call(task.run, "work", 0, loops)
        cpu_after = cpu_of_a_while(AFTER_SECONDS)
        gc.collect()
        return aftermath_messages.LeftBehind(
            calls=loops,
            cpu_after=cpu_after,
            bytes_kept=_grown(held, resident_bytes()),
            threads_started=_grown(threads, thread_count()),
            first_seconds=self._first_seconds,
            warm_seconds=(stamp.ended - stamp.began) / loops,
            import_seconds=self._import.seconds,
            import_threads=self._import.threads,
        )


def see_import(package: str) -> ImportSeen:
    """Import a package for the first time in this interpreter; the workload reports one that is
    missing."""
    if package in sys.modules:
        return ImportSeen()
    threads, began = thread_count(), time.perf_counter()
    with contextlib.suppress(ImportError):
        importlib.import_module(package)
        return ImportSeen(time.perf_counter() - began, _grown(threads, thread_count()))
    return ImportSeen()


def cpu_of_a_while(seconds: float) -> float:
    """Return how many CPUs this process keeps busy while the calling thread sleeps."""
    began, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    return (time.process_time() - cpu) / (time.perf_counter() - began)


def thread_count() -> int | None:
    """Return the threads of this process, those of libraries included; ``None`` off Linux."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208  # names alone are asked for
    except OSError:
        return None


def resident_bytes() -> int | None:
    """Return the memory that this process has at this moment; ``None`` off Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def _grown(before: int | None, now: int | None) -> int | None:
    """What there is more; what shrank is none."""
    return None if before is None or now is None else max(0, now - before)


def serve() -> None:
    """Answer the requests of ``AftermathRunner``, as every runner does."""
    serve_runner(AftermathRunner())
