"""Framing: plain data in a pipe that others print into.

A record is one line: the ASCII record separator (as in RFC 7464), the CRC-32 of the rest, then
JSON. JSON cannot hold that character, so that a record is found even behind half a line that a
library, ``sitecustomize`` or C code has printed. Whatever is no record is noise, and so is one into
which somebody has printed. Standard library only.
"""

from __future__ import annotations

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


def unframe(line: str) -> Json | None:
    """Return the record that a line ends with, ``None`` if it is noise."""
    _, mark, record = line.rpartition(RECORD)
    digits, text = record[:DIGITS], record[DIGITS:].removesuffix("\n")
    if not mark or digits != _sum(text):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def last_record(text: str) -> Json | None:
    """Return the last record of what a process has printed, ``None`` if it printed none."""
    # Not by splitlines, which takes the separator itself for the end of a line.
    records = [record for line in text.split("\n") if (record := unframe(line)) is not None]
    return records[-1] if records else None
