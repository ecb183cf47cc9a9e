"""Exit code: how a session or a command ended, for programs (docs/exit-codes.md)."""

from __future__ import annotations

import errno
from enum import IntEnum

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
    # Of `scale`, as of pytest: a target or an option cannot be used.
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
        *("EAGAIN", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENFILE", "ENODEV", "ENOMEM", "ENOSPC"),
        *("ENXIO", "EROFS", "ESTALE", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
)


def code_of(error: Exception) -> ExitCode:
    """Return whether the machine is at fault, or what it was asked for."""
    is_of_system = isinstance(error, OSError) and error.errno in MACHINE_ERRORS
    is_machine = is_of_system or isinstance(error, MachineTaken | MemoryError)
    return ExitCode.MACHINE if is_machine else ExitCode.NOT_DONE
