"""Shape and copying: joining, repeating, casting."""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES, side, uniform
from workloads.workload import RELEASES, Call, declared, operation

ASSIGN = "array_assign_array.c: raw_array_assign_array releases it above 500 elements"
Rng = np.random.Generator


@operation(*ARRAY_SIZES, expect=RELEASES, source=ASSIGN)
def copy(size: int, rng: Rng) -> Call:
    """a copy, float64"""
    return partial(np.copy, uniform(size, rng))


@operation(*ARRAY_SIZES, expect=RELEASES, source=ASSIGN)
def transpose_copy(size: int, rng: Rng) -> Call:
    """a contiguous copy of a transposed square array, float64"""
    n = side(size)
    return partial(np.ascontiguousarray, uniform(n * n, rng).reshape(n, n).T)


@operation(*ARRAY_SIZES, expect=RELEASES, source=ASSIGN)
def astype_float32(size: int, rng: Rng) -> Call:
    """float64 to float32"""
    return partial(uniform(size, rng).astype, np.float32)


@operation(*ARRAY_SIZES, expect=RELEASES, source=ASSIGN)
def astype_int(size: int, rng: Rng) -> Call:
    """float64 to int64"""
    return partial(uniform(size, rng).astype, np.int64)


@operation(*OBJECT_SIZES, call_bytes=64)
def astype_object(size: int, rng: Rng) -> Call:
    """float64 to Python floats"""
    return partial(uniform(size, rng).astype, object)


@operation(*ARRAY_SIZES, expect=RELEASES, source=ASSIGN)
def concatenate(size: int, rng: Rng) -> Call:
    """two arrays joined, float64"""
    return partial(np.concatenate, (uniform(size, rng), uniform(size, rng)))


@operation(*ARRAY_SIZES)
def stack_rows(size: int, rng: Rng) -> Call:
    """two arrays as rows of a new one, float64"""
    return partial(np.stack, (uniform(size, rng), uniform(size, rng)))


@operation(*ARRAY_SIZES)
def repeat(size: int, rng: Rng) -> Call:
    """every element twice, float64"""
    return partial(np.repeat, uniform(size, rng), 2)


@operation(*ARRAY_SIZES)
def tile(size: int, rng: Rng) -> Call:
    """the array twice, float64"""
    return partial(np.tile, uniform(size, rng), 2)


@operation(*ARRAY_SIZES)
def pad(size: int, rng: Rng) -> Call:
    """a border of zeros around a square array, float64"""
    n = side(size)
    return partial(np.pad, uniform(n * n, rng).reshape(n, n), 2)


WORKLOADS = declared(globals())
