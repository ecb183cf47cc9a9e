"""Workloads that a variable of the environment makes slower, by a known truth.

``SPEEDGATE_MORE=0.3`` does 0.3 times the work once more, ``SPEEDGATE_LOCKED=1`` lets one thread at
a time work: what a build would be that is slower, and one that lost its threads.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from workloads.workload import Call, operation

MORE = float(os.environ.get("SPEEDGATE_MORE", "0"))
_lock = threading.Lock() if os.environ.get("SPEEDGATE_LOCKED") else contextlib.nullcontext()


def weighted(function: Callable[[Any], Any], size: int, rng: np.random.Generator) -> Call:
    """Return the call of a function on ``size`` numbers, with what the environment puts on top."""
    once = partial(function, rng.random(size))
    more = partial(function, rng.random(int(size * MORE))) if MORE else None

    def call() -> Any:
        with _lock:
            if more is not None:
                more()
            return once()

    return call


@operation(100_000)
def weighted_exp(size: int, rng: np.random.Generator) -> Call:
    """exp(x), heavier as the environment says"""
    return weighted(np.exp, size, rng)


@operation(100_000)
def weighted_sort(size: int, rng: np.random.Generator) -> Call:
    """sort(x), heavier as the environment says"""
    return weighted(np.sort, size, rng)


WORKLOADS = (weighted_exp, weighted_sort)
