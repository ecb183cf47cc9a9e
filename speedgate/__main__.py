"""``python -m speedgate``, and the console script ``speedgate``: who ends it while it still
imports gets one line and the code of an interrupt, as later on."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Import the commands, and run the one that is asked for; return its exit code."""
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _end)
    from speedgate.commands.main import main as run  # noqa: PLC0415  # takes a second or so

    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run(arguments)
    except KeyboardInterrupt:
        _tell()
        return INTERRUPTED


def _end(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun, and an import that meets an exception may call it another."""
    _tell()
    os._exit(INTERRUPTED)


def _tell() -> None:
    with contextlib.suppress(OSError):  # nobody may hear it
        os.write(2, b"speedgate: interrupted\n")


if __name__ == "__main__":
    sys.exit(main())
