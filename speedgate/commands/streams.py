"""Streams: standard input, output and error, made so that no reader who has left, and no log that
is full, changes what a command does or the code that it ends with."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

# The stream of each descriptor, how it is opened, and the errors that it does without. A reader
# may have read enough; but a file that did not take all of a report is a result that is missing.
STANDARD: tuple[tuple[str, str, type[OSError] | None], ...] = (
    ("stdin", "r", None),
    ("stdout", "w", BrokenPipeError),
    ("stderr", "w", OSError),
)


def make_safe() -> None:
    """Make the standard streams safe, those that the caller has closed (``2>&-``) as well."""
    for descriptor, (name, mode, forgiven) in enumerate(STANDARD):
        _hold(descriptor, name, mode)
        if forgiven is not None:
            setattr(sys, name, _forgiving(getattr(sys, name), descriptor, forgiven))


def _hold(descriptor: int, name: str, mode: str) -> None:
    """Have something open under a standard descriptor: else a journal may get its number, and
    whatever a library complains of is written into that."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
    if getattr(sys, name) is None:
        setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def _forgiving(stream: Any, descriptor: int, forgiven: type[OSError]) -> Any:
    """Return a stream like this one that does without its reader; itself where it is somebody's
    own, as a test's, or a console of Windows."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if type(raw) is not io.FileIO or raw.fileno() != descriptor:
        return stream
    with contextlib.suppress(forgiven):
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(ForgivingFile(descriptor, forgiven)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class ForgivingFile(io.FileIO):
    """A standard stream that leads nowhere from the first error of a kind on."""

    def __init__(self, descriptor: int, forgiven: type[OSError]) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._forgiven = forgiven

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except self._forgiven:
            lead_nowhere(self.fileno())
            return memoryview(data).nbytes


def lead_nowhere(descriptor: int) -> None:
    """Have what is written to a descriptor vanish from now on."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
