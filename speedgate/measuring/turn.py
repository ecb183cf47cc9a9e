"""Turn: one run at a time measures on a machine; another one waits for it, or says whom it meets.

Two that measure at once take each other's cores, and both come out inconclusive, or wrong. So a run
holds the lock of a file in the temporary folder for as long as it measures. The system unlocks it
however the run ends.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from speedgate.files import HAS_LOCKS, lock
from speedgate.runner.ownership import OWNER

FILE = "speedgate-measuring.lock"
# For the tests of a project, which run many at once, and where something else takes the turns.
BESIDE_VARIABLE = "SPEEDGATE_BESIDE_OTHERS"
FLAG = "--beside-others"
LIMIT_SECONDS = 1800.0
LOOK_SECONDS = 0.5

Notify = Callable[[str], None]


class MachineTaken(Exception):
    """Another run still measures on this machine; the text names it, and how to go on."""


class MachineTurn:
    """This process's turn to measure on the machine."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def take(
        self, notify: Notify, beside_others: bool = False, limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        """Wait until no other run measures; ``MachineTaken`` if one still does after the limit.

        ``notify`` is given a line if there is another one. With ``beside_others`` nothing is waited
        for. What a run starts has the turn of that run.
        """
        if not HAS_LOCKS or self._file or OWNER in os.environ or BESIDE_VARIABLE in os.environ:
            return
        path = Path(tempfile.gettempdir()) / FILE
        try:
            file = _opened(path)
        except OSError as error:
            notify(f"whether others measure here is not known: {path}: {error.strerror}")
            return
        self._file = file
        if beside_others:
            self._meet(file, notify)
            return
        try:
            self._wait(file, notify, limit_seconds)
        except BaseException:
            self.release()
            raise

    def _meet(self, file: IO[bytes], notify: Notify) -> None:
        if lock(file) is not False:
            _sign(file)
        else:
            notify(f"{holder_of(file)} measures on this machine, too: {FLAG} goes on all the same")

    def _wait(self, file: IO[bytes], notify: Notify, limit_seconds: float) -> None:
        until, told = time.monotonic() + limit_seconds, False
        while lock(file) is False:
            if time.monotonic() >= until:
                raise MachineTaken(
                    f"{holder_of(file)} still measures on this machine after "
                    f"{limit_seconds / 60:.0f} minutes; end it, or measure beside it with {FLAG}"
                )
            if not told:
                notify(
                    f"{holder_of(file)} measures on this machine: waiting for its end, for at most "
                    f"{limit_seconds / 60:.0f} minutes; {FLAG} measures at once"
                )
                told = True
            time.sleep(LOOK_SECONDS)
        _sign(file)

    def release(self) -> None:
        """Let the next run measure."""
        if self._file is not None:
            self._file.close()
            self._file = None


# A process measures one run at a time.
TURN = MachineTurn()


def holder_of(file: IO[bytes]) -> str:
    """Return the process that signed the file, in words."""
    file.seek(0)
    number = file.read(20).decode("ascii", "replace").strip()
    return f"process {number}" if number.isdigit() else "another process"


def _sign(file: IO[bytes]) -> None:
    """Say who has the turn; where the file is another user's, nobody can."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.seek(0)
        file.write(b"%d\n" % os.getpid())


def _opened(path: Path) -> IO[bytes]:
    """Open the file, another user's for reading: that is enough for its lock. No link is followed,
    and no pipe waited for: everybody may put one into the folder."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with contextlib.suppress(FileNotFoundError):
        try:
            return _unbuffered(os.open(path, os.O_RDWR | flags), "r+b")
        except PermissionError:
            return _unbuffered(os.open(path, os.O_RDONLY | flags), "rb")
    made = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    with contextlib.suppress(OSError):
        os.fchmod(made, 0o666)  # whatever the mask: other users take their turns, too
    return _unbuffered(made, "r+b")


def _unbuffered(descriptor: int, mode: str) -> IO[bytes]:
    """What another process writes is seen by the next read."""
    return os.fdopen(descriptor, mode, buffering=0)
