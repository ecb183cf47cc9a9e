"""The NumPy function of the article that Speedgate grew out of, and g without its allocations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.peers import g_numba, g_numexpr
from workloads.workload import RELEASES, Workload


def g(size: int) -> NDArray[np.float64]:
    """Return ``np.exp`` of ``size`` ones, shape ``(size,)``: both calls release the GIL.

    Two new arrays a call: where they are larger than the allocator keeps, this measures page
    faults as well.
    """
    return np.exp(np.ones(size))


def ones_and_room(size: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the input of ``g_out`` and an array for its result, both of shape ``(size,)``."""
    return np.ones(size), np.empty(size)


def g_out(
    arrays: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Write ``np.exp`` of the first array into the second: g with nothing to allocate."""
    ones, room = arrays
    return np.exp(ones, out=room)


G_OUT = Workload(
    name="g_out",
    function=g_out,
    purpose="g with a preallocated result: computing alone, no page faults",
    expect=RELEASES,
    prepare=ones_and_room,
    argument_bytes=8 + 8,
)
G = Workload(
    name="g",
    function=g,
    purpose="the article's NumPy function: threads should speed it up",
    expect=RELEASES,
    call_bytes=8 + 8,
    peers={"numexpr": g_numexpr, "numba": g_numba},
    preallocated=G_OUT,
)
WORKLOADS = (G, G_OUT)
