"""A disk that fails: one operation of ``speedgate.files`` after the other, each in every way."""

import errno
import functools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from speedgate import files

OPERATIONS = (
    "create", "reopen", "write", "cut", "flush", "close", "flush_folder", "read", "read_head",
    "status", "status_of_name", "listed", "make_folder", "link", "rename", "replace", "remove",
    "remove_folder", "remove_tree", "touch", "lock", "connect", "remote_listed", "remote_status",
    "remote_changed", "remote_read", "remote_write", "remote_make_folder", "remote_rename",
    "remote_remove",
)  # fmt: skip
# What SQLite makes of the same errors.
OF_SQLITE = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EINTR: sqlite3.SQLITE_INTERRUPT,
}

EXIT_CODE = 77  # of a process that really ends


class Killed(BaseException):
    """The process was killed: nothing that it would still have done happens."""


@dataclass(frozen=True)
class Fault:
    """A way to fail: an ``error``, a kill before or after the operation, or a short write."""

    name: str
    error: int | None = None
    kills: bool = False
    is_done: bool = False
    is_short: bool = False
    lasts: bool = False


ERRORS = [
    Fault(f"{errno.errorcode[number]}{', for good' if lasts else ''}", number, lasts=lasts)
    for number in OF_SQLITE
    for lasts in (False, True)
]
FAULTS = [
    *ERRORS,
    Fault("a short write", is_short=True),
    Fault("short writes, for good", is_short=True, lasts=True),
    Fault("killed before it", kills=True),
    Fault("killed after it", kills=True, is_done=True),
]
NONE = Fault("none")


@dataclass
class FaultyDisk:
    """Fails the operation with this ``number``, and those after it if the fault lasts.

    ``count`` is how many operations there were, ``failed`` the name of the first that failed. A
    process that ``really_ends`` does so in the place of a made-up kill.
    """

    fault: Fault = NONE
    number: int = 0
    count: int = 0
    failed: str = ""
    really_ends: bool = False
    is_dead: bool = False
    opened: list[Any] = field(default_factory=list)

    def call(self, name: str, operation: Callable[..., Any], *arguments: Any) -> Any:
        if self.is_dead:
            raise Killed
        self.count += 1
        is_hit = self.count == self.number or (self.fault.lasts and self.count > self.number > 0)
        if self.fault.is_short and name != "write":
            is_hit = False
        if not is_hit:
            return self._kept(name, operation(*arguments))
        self.failed = self.failed or name
        if self.fault.is_short:
            file, data = arguments
            return operation(file, data[: max(1, len(data) // 2)])
        return self._fail(name, operation, *arguments)

    def _kept(self, name: str, result: Any) -> Any:
        """What a process that is killed would let go of: locks and transactions."""
        if name in ("create", "reopen", "connect"):
            self.opened.append(result)
        return result

    def _fail(self, name: str, operation: Callable[..., Any], *arguments: Any) -> Any:
        if self.fault.kills:
            if self.fault.is_done:
                self._kept(name, operation(*arguments))
            if self.really_ends:
                os._exit(EXIT_CODE)
            self.is_dead = True
            raise Killed
        assert self.fault.error is not None
        if name in ("connect", "execute", "executemany"):
            error = sqlite3.OperationalError(os.strerror(self.fault.error))
            error.sqlite_errorcode = OF_SQLITE[self.fault.error]
            raise error
        if name == "remove_tree":  # never raises; what cannot be removed stays
            return None
        if name == "close":  # closes all the same
            operation(*arguments)
        path = next((str(one) for one in arguments if isinstance(one, Path | str)), None)
        raise OSError(self.fault.error, os.strerror(self.fault.error), path)

    def end(self) -> None:
        """Let go of what was open, as the end of a process does."""
        for file in self.opened:
            file.close()

    @contextmanager
    def installed(self) -> Iterator["FaultyDisk"]:
        """Have every operation within go through this disk."""
        connection = connection_class(self)
        operations = {
            name: functools.partial(self.call, name, getattr(files, name)) for name in OPERATIONS
        }

        def connect(path: Path, patience_seconds: float) -> sqlite3.Connection:
            return sqlite3.connect(path, timeout=patience_seconds, factory=connection)

        operations["connect"] = functools.partial(self.call, "connect", connect)
        try:
            with ExitStack() as patched:
                for name, operation in operations.items():
                    patched.enter_context(mock.patch.object(files, name, operation))
                yield self
        finally:
            self.end()


def connection_class(disk: FaultyDisk) -> type[sqlite3.Connection]:
    """A connection whose statements are operations of the disk."""

    class FaultyConnection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> Any:
            return disk.call("execute", super().execute, *arguments)

        def executemany(self, *arguments: Any) -> Any:
            return disk.call("executemany", super().executemany, *arguments)

    return FaultyConnection
