"""Exit code: how a session or a command ended, for programs (docs/exit-codes.md)."""

from __future__ import annotations

import errno
from enum import IntEnum

from speedgate.measuring.machine_limit import AT_THE_LIMIT
from speedgate.measuring.selection import OptionError
from speedgate.measuring.turn import MachineTaken


class ExitCode(IntEnum):
    """What went wrong, each kind apart. The codes of pytest itself, which end at 6, stay as they
    are."""

    WELL = 0
    # The answer is bad: a gate failed, a build is worse, a run is damaged.
    BAD = 1
    # What was asked for cannot be done: a wrong option, no such run.
    NOT_DONE = 2
    # An error of Speedgate's own: it is no answer.
    INTERNAL = 3
    # Of `scale`, as of pytest: a target, an option or the control cannot be used.
    UNUSABLE = 4
    # Nothing failed, but a verdict that was asked for is missing.
    UNDECIDED = 10
    # The machine kept a result from being measured or saved: a full disk, no memory, no process.
    MACHINE = 11
    INTERRUPTED = 130


# What a person does not choose, as they choose a name that is not there.
MACHINE_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        *("EAGAIN", "EDQUOT", "EFBIG", "EINTR", "EIO", "EMFILE", "ENFILE", "ENODEV", "ENOMEM"),
        *("ENOSPC", "ENXIO", "EROFS", "ESTALE", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
)
ROOM = "make room, then try again"
FILES = "close files or raise their limit (ulimit -n), then try again"
REMEDIES = {
    "EAGAIN": "end processes or raise their limit (ulimit -u), then try again",
    "EDQUOT": ROOM,
    "EFBIG": "raise the limit of a file's size (ulimit -f), then try again",
    "EINTR": "try again",
    "EMFILE": FILES,
    "ENFILE": FILES,
    "ENOMEM": "end other programs or raise the limit of memory, then try again",
    "ENOSPC": ROOM,
    "EROFS": "name a folder on a disk that can be written",
}
PERMISSIONS = "change its permissions, or name another place"
NO_MEMORY = "no more memory"
OF_A_BROKEN_DISK = "see to the disk or the share, then try again"


class NotSaved(OptionError):
    """What was measured cannot be saved: whatever the reason, a result is missing by now."""


def fault_of(error: BaseException) -> OSError | None:
    """Return the error of the machine that an error is or was raised from, if there is one; of a
    ``MemoryError`` the one by which the system says the same."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | MemoryError):
        cause = cause.__cause__
    if isinstance(cause, MemoryError):
        return OSError(errno.ENOMEM, NO_MEMORY)
    return cause if isinstance(cause, OSError) and cause.errno in MACHINE_ERRORS else None


def words_of(error: BaseException) -> str:
    """Return what an error says; Python's own ``MemoryError`` says nothing, and is named."""
    return str(error) or (NO_MEMORY if isinstance(error, MemoryError) else repr(error))


def with_remedy(error: BaseException) -> str:
    """Return what an error says; where the machine is at fault or permissions are, with what to do
    about that."""
    fault = fault_of(error)
    if isinstance(error, PermissionError):
        return f"{words_of(error)}; {PERMISSIONS}"
    if fault is None or AT_THE_LIMIT in str(error):  # which is a remedy
        return words_of(error)
    names = (name for name in REMEDIES if getattr(errno, name, None) == fault.errno)
    return f"{words_of(error)}; {REMEDIES.get(next(names, ''), OF_A_BROKEN_DISK)}"


def code_of(error: Exception) -> ExitCode:
    """Return whether the machine is at fault, or what it was asked for."""
    is_machine = fault_of(error) is not None or isinstance(error, MachineTaken | NotSaved)
    return ExitCode.MACHINE if is_machine else ExitCode.NOT_DONE
