"""Sorting, searching and sets."""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES, SLOW_ARRAY_SIZES, flags, uniform, words
from workloads.workload import RELEASES, Call, declared, operation

SORT = "item_selection.c: _new_sortlike and _new_argsortlike release it"
SEARCH = "item_selection.c: PyArray_SearchSorted releases it"
Rng = np.random.Generator


@operation(*SLOW_ARRAY_SIZES, expect=RELEASES, source=SORT)
def sort(size: int, rng: Rng) -> Call:
    """sorted values, float64"""
    return partial(np.sort, uniform(size, rng))


@operation(*SLOW_ARRAY_SIZES, expect=RELEASES, source=SORT)
def sort_int(size: int, rng: Rng) -> Call:
    """sorted values, int32"""
    return partial(np.sort, rng.integers(0, 2**31 - 1, size, np.int32))


@operation(*OBJECT_SIZES, argument_bytes=80, call_bytes=80)
def sort_words(size: int, rng: Rng) -> Call:
    """sorted words, fixed width"""
    return partial(np.sort, words(size, rng))


@operation(*SLOW_ARRAY_SIZES, expect=RELEASES, source=SORT)
def argsort(size: int, rng: Rng) -> Call:
    """the order of values, float64"""
    return partial(np.argsort, uniform(size, rng))


@operation(*SLOW_ARRAY_SIZES)
def lexsort(size: int, rng: Rng) -> Call:
    """the order by two keys, int64 and float64"""
    return partial(np.lexsort, (uniform(size, rng), rng.integers(0, 10, size)))


@operation(*ARRAY_SIZES, expect=RELEASES, source=SORT)
def partition(size: int, rng: Rng) -> Call:
    """values on either side of the middle one, float64"""
    return partial(np.partition, uniform(size, rng), size // 2)


@operation(*SLOW_ARRAY_SIZES, expect=RELEASES, source=SEARCH)
def searchsorted(size: int, rng: Rng) -> Call:
    """where values belong in a sorted array, float64"""
    return partial(np.searchsorted, np.sort(uniform(size, rng)), uniform(size, rng))


@operation(*ARRAY_SIZES)
def nonzero(size: int, rng: Rng) -> Call:
    """where true, bool"""
    return partial(np.nonzero, flags(size, rng))


@operation(*SLOW_ARRAY_SIZES, call_bytes=64)
def unique(size: int, rng: Rng) -> Call:
    """distinct values, int64"""
    return partial(np.unique, rng.integers(0, size, size))


@operation(*SLOW_ARRAY_SIZES, call_bytes=96)
def isin(size: int, rng: Rng) -> Call:
    """whether among others, int64"""
    return partial(np.isin, rng.integers(0, size, size), rng.integers(0, size, size))


WORKLOADS = declared(globals())
