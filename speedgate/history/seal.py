"""Seal: the digest that ends a run's file, by which every reader sees that no byte has changed.

A file ends in ``,"speedgate_digest":"<32 hex digits>"}``: BLAKE2b, of 16 bytes, of all that is
before that comma. It finds accidents of disks, copies and editors; it keeps nobody from writing
another.
"""

from __future__ import annotations

import hashlib
import re

from speedgate.history.format import Json, encode_run

FIELD = "speedgate_digest"
DIGEST_BYTES = 16
END = re.compile(rb',"%s":"([0-9a-f]{%d})"\}\s*\Z' % (FIELD.encode(), 2 * DIGEST_BYTES))
# The end of a file, and the white space that editors put after it.
LONGEST_END = 200


def sealed(document: Json) -> bytes:
    """Return a run's document as JSON, with its digest for the last field."""
    rest = {name: value for name, value in document.items() if name != FIELD}
    begun = encode_run(rest).removesuffix(b"}")
    return begun + b',"%s":"%s"}' % (FIELD.encode(), _digest(begun).encode())


def is_intact(data: bytes) -> bool:
    """Whether the digest that ends a file is that of what is before it."""
    end = END.search(data, max(0, len(data) - LONGEST_END))
    return end is not None and _digest(memoryview(data)[: end.start()]).encode() == end[1]


def _digest(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
