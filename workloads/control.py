"""The host control: what speedup the machine can give at this moment, NumPy apart."""

from __future__ import annotations

import hashlib
from typing import Any

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


# Three arrays of this many elements, 96 MB, are more than most caches hold.
SUMMED_ELEMENTS = 4_000_000


def three_arrays(size: int, seed: int) -> tuple[Any, Any, Any]:
    """Return three arrays of ``size`` elements."""
    import numpy as np  # noqa: PLC0415  # the other control needs none

    return np.ones(size), np.ones(size), np.ones(size)


def add_up(arrays: tuple[Any, Any, Any]) -> None:
    """Write the sum of two arrays into the third: two reads and a write, and next to no work."""
    import numpy as np  # noqa: PLC0415

    one, two, room = arrays
    np.add(one, two, out=room)


BANDWIDTH = Workload(
    name="bandwidth",
    function=add_up,
    purpose="the yardstick of memory: sums beyond the caches",
    prepare=three_arrays,
    argument_bytes=24,
    sizes=(SUMMED_ELEMENTS,),
)
WORKLOADS = (CONTROL, BANDWIDTH)
