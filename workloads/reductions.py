"""Many elements to few: sums, extremes, scans, quantiles."""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES, flags, objects, side, uniform
from workloads.workload import HOLDS, RELEASES, Call, declared, operation

REDUCTION = "ufunc_object.c: reduce_loop releases it above 500 elements"
OBJECT_REDUCTION = "ufunc_object.c: reduce_loop keeps it where a loop needs the Python API"
SCAN = "ufunc_object.c: PyUFunc_Accumulate releases it above 500 elements"
ARGMAX = "calculation.c: _PyArray_ArgMinMaxCommon releases it"
Rng = np.random.Generator


@operation(*ARRAY_SIZES, expect=RELEASES, source=REDUCTION)
def add_reduce(size: int, rng: Rng) -> Call:
    """the sum, float64"""
    return partial(np.add.reduce, uniform(size, rng))


@operation(*ARRAY_SIZES, expect=RELEASES, source=REDUCTION)
def sum_columns(size: int, rng: Rng) -> Call:
    """the sum down the columns of a square array, float64"""
    n = side(size)
    return partial(np.add.reduce, uniform(n * n, rng).reshape(n, n), axis=0)


@operation(*OBJECT_SIZES, expect=HOLDS, source=OBJECT_REDUCTION, argument_bytes=40)
def sum_object(size: int, rng: Rng) -> Call:
    """the sum, Python floats"""
    return partial(np.add.reduce, objects(size, rng))


@operation(*ARRAY_SIZES)
def mean(size: int, rng: Rng) -> Call:
    """the mean, float64"""
    return partial(np.mean, uniform(size, rng))


@operation(*ARRAY_SIZES)
def nansum(size: int, rng: Rng) -> Call:
    """the sum without what is no number, float64"""
    return partial(np.nansum, np.where(flags(size, rng), uniform(size, rng), np.nan))


@operation(*ARRAY_SIZES)
def std(size: int, rng: Rng) -> Call:
    """the standard deviation, float64"""
    return partial(np.std, uniform(size, rng))


@operation(*ARRAY_SIZES, expect=RELEASES, source=ARGMAX)
def argmax(size: int, rng: Rng) -> Call:
    """where the greatest is, float64"""
    return partial(np.argmax, uniform(size, rng))


@operation(*ARRAY_SIZES)
def count_nonzero(size: int, rng: Rng) -> Call:
    """how many are true, bool"""
    return partial(np.count_nonzero, flags(size, rng))


@operation(*ARRAY_SIZES)
def count_nonzero_float(size: int, rng: Rng) -> Call:
    """how many are not 0, float64"""
    return partial(np.count_nonzero, flags(size, rng).astype(np.float64))


@operation(*ARRAY_SIZES, expect=RELEASES, source=SCAN)
def cumsum(size: int, rng: Rng) -> Call:
    """the running sum, float64"""
    x = uniform(size, rng)
    return partial(np.cumsum, x, out=np.empty_like(x))


@operation(*ARRAY_SIZES)
def add_reduceat(size: int, rng: Rng) -> Call:
    """sums of ten at a time, float64"""
    return partial(np.add.reduceat, uniform(size, rng), np.arange(0, size, 10))


@operation(*ARRAY_SIZES)
def median(size: int, rng: Rng) -> Call:
    """the median, float64"""
    return partial(np.median, uniform(size, rng))


@operation(*ARRAY_SIZES)
def percentile(size: int, rng: Rng) -> Call:
    """three quantiles, float64"""
    return partial(np.percentile, uniform(size, rng), [10, 50, 90])


WORKLOADS = declared(globals())
