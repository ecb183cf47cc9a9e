"""Counting and accumulating: histograms, bins, ``ufunc.at``."""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, SLOW_ARRAY_SIZES, indices, uniform
from workloads.workload import Call, declared, operation

Rng = np.random.Generator


@operation(*SLOW_ARRAY_SIZES)
def histogram(size: int, rng: Rng) -> Call:
    """counts in 50 equal bins, float64"""
    return partial(np.histogram, uniform(size, rng), bins=50)


@operation(*ARRAY_SIZES)
def bincount(size: int, rng: Rng) -> Call:
    """how often each whole number occurs, int64"""
    return partial(np.bincount, rng.integers(0, 1000, size))


@operation(*SLOW_ARRAY_SIZES)
def digitize(size: int, rng: Rng) -> Call:
    """the bin of each value, float64"""
    return partial(np.digitize, uniform(size, rng), np.linspace(1, 100, 51))


@operation(*ARRAY_SIZES)
def add_at(size: int, rng: Rng) -> Call:
    """np.add.at by indices, float64: zeros, so that a second call finds the same"""
    return partial(np.add.at, uniform(size, rng), indices(size, rng), np.zeros(size))


WORKLOADS = declared(globals())
