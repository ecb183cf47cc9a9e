"""Framing: plain data in a pipe that others print into.

A record is one line: the ASCII record separator (as in RFC 7464), the CRC-32 of the rest, then
JSON. JSON cannot hold that character, so that a record is found even behind half a line that a
library, ``sitecustomize`` or C code has printed. Whatever is no record is noise, and so is one into
which somebody has printed. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from typing import Any

RECORD = "\x1e"
DIGITS = 8

Json = dict[str, Any]


def frame(data: Json) -> str:
    text = json.dumps(data)
    return f"{RECORD}{_sum(text)}{text}\n"


def _sum(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):0{DIGITS}x}"


class UnreadableRecord(ValueError):
    """A line has the mark of a record, and what follows is none: cut off, or garbage."""


def unframe(line: str) -> Json | None:
    """Return the record that a line ends with, ``None`` if it is noise.

    ``UnreadableRecord`` if it has the mark of a record and is none.
    """
    _, mark, record = line.rpartition(RECORD)
    if not mark:
        return None
    digits, text = record[:DIGITS], record[DIGITS:].removesuffix("\n")
    if digits != _sum(text):
        raise UnreadableRecord("it was cut off, or somebody has printed into it")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableRecord("it is not JSON") from None
    if not isinstance(data, dict):
        raise UnreadableRecord("it is not a JSON object")
    return data


def last_record(text: str) -> Json | None:
    """Return the last record of what a process has printed, ``None`` if it printed none."""
    # Not by splitlines, which takes the separator itself for the end of a line.
    for line in reversed(text.split("\n")):
        with contextlib.suppress(UnreadableRecord):
            record = unframe(line)
            if record is not None:
                return record
    return None
