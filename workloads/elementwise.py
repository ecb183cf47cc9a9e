"""Element by element: arithmetic and functions, over the dtypes that people use."""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES, complex_values, flags, objects, uniform
from workloads.workload import HOLDS, RELEASES, Call, declared, operation

UFUNC = "ufunc_object.c: loops that need no Python API release it above 500 elements"
OBJECT_UFUNC = "ufunc_object.c: loops of objects need the Python API and keep it"
Rng = np.random.Generator


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def add(size: int, rng: Rng) -> Call:
    """x + y, float64"""
    x, y = uniform(size, rng), uniform(size, rng)
    return partial(np.add, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def add_new(size: int, rng: Rng) -> Call:
    """x + y, float64, into a new array"""
    return partial(np.add, uniform(size, rng), uniform(size, rng))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def add_float32(size: int, rng: Rng) -> Call:
    """x + y, float32"""
    x, y = uniform(size, rng, np.float32), uniform(size, rng, np.float32)
    return partial(np.add, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def add_float16(size: int, rng: Rng) -> Call:
    """x + y, float16"""
    x, y = uniform(size, rng, np.float16), uniform(size, rng, np.float16)
    return partial(np.add, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC, argument_bytes=48)
def multiply_complex(size: int, rng: Rng) -> Call:
    """x * y, complex128"""
    x, y = complex_values(size, rng), complex_values(size, rng)
    return partial(np.multiply, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def add_int(size: int, rng: Rng) -> Call:
    """x + y, int64"""
    x, y = uniform(size, rng, np.int64), uniform(size, rng, np.int64)
    return partial(np.add, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def floor_divide_int(size: int, rng: Rng) -> Call:
    """x // y, int64"""
    x, y = uniform(size, rng, np.int64), uniform(size, rng, np.int64)
    return partial(np.floor_divide, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def and_bool(size: int, rng: Rng) -> Call:
    """x & y, bool"""
    x, y = flags(size, rng), flags(size, rng)
    return partial(np.logical_and, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def add_mixed(size: int, rng: Rng) -> Call:
    """int32 + float64: cast in buffers"""
    x, y = uniform(size, rng, np.int32), uniform(size, rng)
    return partial(np.add, x, y, out=np.empty_like(y))


@operation(*ARRAY_SIZES)
def add_datetime(size: int, rng: Rng) -> Call:
    """datetime64 + timedelta64"""
    days = uniform(size, rng, np.int64)
    dates, steps = days.astype("M8[D]"), days.astype("m8[D]")
    return partial(np.add, dates, steps, out=np.empty_like(dates))


@operation(*OBJECT_SIZES, expect=HOLDS, source=OBJECT_UFUNC, argument_bytes=96)
def add_object(size: int, rng: Rng) -> Call:
    """x + y, Python floats"""
    return partial(np.add, objects(size, rng), objects(size, rng))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def less(size: int, rng: Rng) -> Call:
    """x < y, float64"""
    x, y = uniform(size, rng), uniform(size, rng)
    return partial(np.less, x, y, out=np.empty(size, bool))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def divide(size: int, rng: Rng) -> Call:
    """x / y, float64"""
    x, y = uniform(size, rng), uniform(size, rng)
    return partial(np.divide, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def power(size: int, rng: Rng) -> Call:
    """x ** y, float64"""
    x, y = uniform(size, rng), uniform(size, rng)
    return partial(np.power, x, y, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def exp(size: int, rng: Rng) -> Call:
    """the exponential, float64"""
    x = uniform(size, rng)
    return partial(np.exp, x, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def exp_float32(size: int, rng: Rng) -> Call:
    """the exponential, float32"""
    x = uniform(size, rng, np.float32) / np.float32(2)
    return partial(np.exp, x, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def sin(size: int, rng: Rng) -> Call:
    """the sine, float64"""
    x = uniform(size, rng)
    return partial(np.sin, x, out=np.empty_like(x))


@operation(*ARRAY_SIZES, expect=RELEASES, source=UFUNC)
def clip(size: int, rng: Rng) -> Call:
    """x between two bounds, float64"""
    x = uniform(size, rng)
    return partial(np.clip, x, 20.0, 80.0, out=np.empty_like(x))


@operation(*ARRAY_SIZES)
def where(size: int, rng: Rng) -> Call:
    """x or y by a mask, float64"""
    return partial(np.where, flags(size, rng), uniform(size, rng), uniform(size, rng))


WORKLOADS = declared(globals())
