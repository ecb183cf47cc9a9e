"""Guard: a small process that ends what its parent started and left, whatever ended the parent.

It has a session of its own and the other end of a pipe. When the pipe or the parent ends, it ends
the processes that are left, with those that they started, and removes the folders. It is no thread
of a runner: that would take the GIL from what is measured, and could end nothing while a call keeps
it for ever.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from speedgate.measuring.leftovers import sweep
from speedgate.measuring.process_group import HAS_GROUPS, end_group, end_tree
from speedgate.runner.ownership import OWNER

GUARD = "from speedgate.measuring.guard import guard; guard()"
LOOK_SECONDS = 2.0  # how often it looks for its parent, whose pipe a fork may hold open
END_SECONDS = 5.0


class Guarded:
    """What this process has started and not ended, and the guard that knows of it.

    An entry reads ``group 123``, ``tree 123`` (a process with its descendants) or ``folder /path``.
    """

    def __init__(self) -> None:
        self._changing = threading.RLock()
        self._entries: set[str] = set()
        self._guard: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def begin(self) -> list[str]:
        """Start the guard, once in a process, and return what the sweep behind it has to tell.

        ``OSError`` if it cannot be started; the next call tries again.
        """
        with self._changing:
            if self._owner == os.getpid():
                return []
            # A fork inherits all this, and none of it is the fork's.
            self._entries = set()
            self._guard = _start_guard()
            self._owner = os.getpid()
            atexit.register(self.end)
            return sweep()

    def add(self, entry: str) -> None:
        with self._changing:
            self._entries.add(entry)
            self._tell(f"+{entry}")

    def remove(self, entry: str) -> None:
        with self._changing:
            if self._owner == os.getpid() and entry in self._entries:
                self._entries.discard(entry)
                self._tell(f"-{entry}")

    def _tell(self, line: str) -> None:
        if not self._write(line):  # somebody killed it
            assert self._guard is not None
            self._guard.kill()
            self._guard.wait()
            self._guard = _start_guard()
            for entry in self._entries:
                self._write(f"+{entry}")

    def _write(self, line: str) -> bool:
        assert self._guard is not None
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(os.fsencode(f"{line}\n"))
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Let the guard end what is left, and itself."""
        if self._owner != os.getpid() or self._guard is None:
            return
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(END_SECONDS)


GUARDED = Guarded()


def _start_guard() -> subprocess.Popen[bytes]:
    """Start a guard. It needs no site, and holds neither our output nor our folder."""
    folders = [str(Path(__file__).resolve().parents[2]), str(Path(psutil.__file__).parents[1])]
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", OWNER)
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-S", "-c", f"import sys; sys.path[:0] = {folders}; {GUARD}"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=variables,
        cwd=Path(tempfile.gettempdir()).anchor or None,
        start_new_session=HAS_GROUPS,
    )


# --- the guard itself


def guard() -> None:
    """Learn from standard input what its parent started, and end that when the parent is gone."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # it has work to do when all others end
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    left: set[str] = set()
    for line in lines_of_parent():
        (left.add if line[0] == "+" else left.discard)(line[1:])
    end_left(left)
    sweep()


def lines_of_parent() -> Iterator[str]:
    """Yield the lines of standard input until it, or the parent, has ended."""
    parent, rest = os.getppid(), b""
    while True:
        if HAS_GROUPS and not select.select([0], [], [], LOOK_SECONDS)[0]:
            if os.getppid() != parent:
                return
            continue
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from map(os.fsdecode, filter(None, lines))


def end_left(entries: set[str]) -> None:
    """End the processes of entries, then remove the folders."""
    enders: dict[str, Callable[[str], None]] = {
        "tree": lambda name: end_tree(int(name)),
        "group": lambda name: end_group(int(name)),
        "folder": lambda name: shutil.rmtree(name, ignore_errors=True),
    }
    for entry in sorted(entries, key=lambda entry: entry.startswith("folder")):
        kind, _, name = entry.partition(" ")
        enders[kind](name)
