"""Selection and indexing, reading and writing."""

from __future__ import annotations

import operator
from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, flags, indices, side, uniform
from workloads.workload import RELEASES, Call, declared, operation

TAKE = "item_selection.c: npy_fasttake_impl releases it"
Rng = np.random.Generator


@operation(*ARRAY_SIZES)
def getitem_indices(size: int, rng: Rng) -> Call:
    """x[indices], float64"""
    return partial(operator.getitem, uniform(size, rng), indices(size, rng))


@operation(*ARRAY_SIZES)
def setitem_indices(size: int, rng: Rng) -> Call:
    """x[indices] = y, float64"""
    return partial(operator.setitem, np.empty(size), indices(size, rng), uniform(size, rng))


@operation(*ARRAY_SIZES)
def getitem_mask(size: int, rng: Rng) -> Call:
    """x[mask], float64"""
    return partial(operator.getitem, uniform(size, rng), flags(size, rng))


@operation(*ARRAY_SIZES)
def setitem_mask(size: int, rng: Rng) -> Call:
    """x[mask] = 0, float64"""
    return partial(operator.setitem, uniform(size, rng), flags(size, rng), 0.0)


@operation(*ARRAY_SIZES)
def setitem_slice(size: int, rng: Rng) -> Call:
    """x[::2] = y, float64"""
    y = uniform(size, rng)[::2]
    return partial(operator.setitem, np.zeros(size), slice(None, None, 2), y)


@operation(*ARRAY_SIZES, expect=RELEASES, source=TAKE)
def take(size: int, rng: Rng) -> Call:
    """take by indices, float64"""
    return partial(np.take, uniform(size, rng), indices(size, rng))


@operation(*ARRAY_SIZES)
def put(size: int, rng: Rng) -> Call:
    """put at indices, float64"""
    return partial(np.put, np.empty(size), indices(size, rng), uniform(size, rng))


@operation(*ARRAY_SIZES)
def choose(size: int, rng: Rng) -> Call:
    """one of two arrays for each element, float64"""
    which = flags(size, rng).astype(np.intp)
    return partial(np.choose, which, (uniform(size, rng), uniform(size, rng)))


@operation(*ARRAY_SIZES)
def take_along_axis(size: int, rng: Rng) -> Call:
    """rows in the order of their own indices, float64"""
    n = side(size)
    x = uniform(n * n, rng).reshape(n, n)
    return partial(np.take_along_axis, x, np.argsort(x, axis=1), axis=1)


WORKLOADS = declared(globals())
