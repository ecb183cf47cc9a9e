"""Fault: the error of the machine that the words of another program tell of."""

from __future__ import annotations

import errno
import os

# Not all that a machine may be at fault for: "Connection timed out" is said of an index, too.
TOLD = ("EAGAIN", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EROFS")
NUMBERS = tuple(getattr(errno, name) for name in TOLD if hasattr(errno, name))


def fault_told_in(words: str) -> OSError | None:
    """Return the error of the machine by which a program says that it failed, ``None`` if it tells
    of none: an installer that finds the disk full ends like one that finds no package."""
    for number in NUMBERS:
        text = os.strerror(number)
        if text in words:
            return OSError(number, text)
    return None
