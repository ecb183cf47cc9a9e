"""The two functions of the article that Speedgate grew out of, and g without its allocations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from workloads.workload import HOLDS, RELEASES, Workload


def f(size: int) -> list[float]:
    """Return ``size`` times ``math.exp(1)`` from a pure Python loop: it holds the GIL."""
    return [math.exp(i) for i in [1] * size]


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


F = Workload(
    name="f",
    function=f,
    purpose="pure Python: what threads cannot speed up while there is a GIL",
    expect=HOLDS,
    call_bytes=8 + 8 + 24,  # the list of ones, the list of results, a float object each
)
G = Workload(
    name="g",
    function=g,
    purpose="the article's NumPy function: threads should speed it up",
    expect=RELEASES,
    call_bytes=8 + 8,
)
G_OUT = Workload(
    name="g_out",
    function=g_out,
    purpose="g with a preallocated result: computing alone, no page faults",
    expect=RELEASES,
    prepare=ones_and_room,
    argument_bytes=8 + 8,
)
WORKLOADS = (F, G, G_OUT)
