"""Framing: plain data in a pipe that others print into.

A record is one line: the ASCII record separator (as in RFC 7464), then JSON. JSON cannot hold that
character, so that a record is found even behind half a line that a library, ``sitecustomize`` or
C code has printed; whatever is no record is noise. Standard library only.
"""

from __future__ import annotations

import json
from typing import Any

RECORD = "\x1e"

Json = dict[str, Any]


def frame(data: Json) -> str:
    return f"{RECORD}{json.dumps(data)}\n"


def unframe(line: str) -> Json | None:
    """Return the record that a line ends with, ``None`` if it is noise."""
    _, mark, text = line.rpartition(RECORD)
    if not mark:
        return None
    try:
        record: Json = json.loads(text)
    except ValueError:
        return None
    return record


def last_record(text: str) -> Json | None:
    """Return the last record of what a process has printed, ``None`` if it printed none."""
    # Not by splitlines, which takes the separator itself for the end of a line.
    records = [record for line in text.split("\n") if (record := unframe(line)) is not None]
    return records[-1] if records else None
