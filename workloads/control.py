"""The host control: what speedup the machine can give at this moment, NumPy apart."""

from __future__ import annotations

import hashlib

from workloads.workload import RELEASES, Workload

BUFFER_BYTES = 1 << 20


def buffer(size: int, seed: int) -> bytes:
    """Return ``size`` buffers of 1 MiB in one, filled with the low byte of the seed."""
    return bytes([seed % 256]) * (size * BUFFER_BYTES)


def sha256(data: bytes) -> bytes:
    """Return the digest of ``data``.

    hashlib releases the GIL for more than 2047 bytes, a buffer of 1 MiB stays in cache, and no
    NumPy and no allocation is in it: if two threads of this do not run side by side, the machine
    was taken, not NumPy broken.
    """
    return hashlib.sha256(data).digest()


CONTROL = Workload(
    name="control",
    function=sha256,
    purpose="the yardstick: a speedup that depends on nothing but free cores",
    expect=RELEASES,
    prepare=buffer,
    argument_bytes=BUFFER_BYTES,
)
WORKLOADS = (CONTROL,)
