"""The pure Python function of the article that Speedgate grew out of; no NumPy is imported here."""

from __future__ import annotations

import math

from workloads.workload import HOLDS, Workload


def f(size: int) -> list[float]:
    """Return ``size`` times ``math.exp(1)`` from a pure Python loop: it holds the GIL."""
    return [math.exp(i) for i in [1] * size]


F = Workload(
    name="f",
    function=f,
    purpose="pure Python: what threads cannot speed up while there is a GIL",
    expect=HOLDS,
    call_bytes=8 + 8 + 24,  # the list of ones, the list of results, a float object each
)
WORKLOADS = (F,)
