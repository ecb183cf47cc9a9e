"""The early end of a command that measures: what it says, and its exit code."""

from __future__ import annotations

from speedgate.commands.arguments import notify
from speedgate.measuring.ending import Early
from speedgate.report.exit_code import ExitCode, words_of

KEPT = "what was measured so far is shown and saved"
NOTHING_YET = "nothing was measured so far"


def tell_of_early_end(error: Early, kept: str = KEPT) -> None:
    """Say that measuring was interrupted, or that the machine ended it, and what is ``kept``."""
    if isinstance(error, KeyboardInterrupt):
        notify(f"\ninterrupted: {kept}")
    elif error is not None:
        notify(
            f"\nended by the machine: {words_of(error)}; {kept}: make room for more files, "
            "processes or memory, and start again"
        )


def code_of_early_end(error: Early) -> ExitCode:
    """Return the exit code of what was ended so, ``WELL`` of what came to its end."""
    if error is None:
        return ExitCode.WELL
    return ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.MACHINE
