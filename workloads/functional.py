"""Many small calls, functions of users, polynomials, interpolation, signals."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES, SLOW_ARRAY_SIZES, side, uniform
from workloads.workload import HOLDS, RELEASES, Call, declared, operation

SHORT_LOOPS = "ndarraytypes.h: NPY_BEGIN_THREADS_THRESHOLDED keeps it up to 500 elements"
PYTHON_CALLS = "a Python function is called for every element"
TINY = 8
INTERP = "compiled_base.c: arr_interp releases it"
CONVOLVE = "multiarraymodule.c: _pyarray_correlate releases it"
Rng = np.random.Generator


@operation(*OBJECT_SIZES, expect=HOLDS, source=SHORT_LOOPS)
def tiny_arrays(size: int, rng: Rng) -> Call:
    """sums of arrays of eight elements, one after the other, float64"""
    return partial(_add_each, list(uniform(max(1, size // TINY) * TINY, rng).reshape(-1, TINY)))


@operation(*OBJECT_SIZES, expect=HOLDS, source=PYTHON_CALLS)
def vectorize(size: int, rng: Rng) -> Call:
    """np.vectorize of a Python function, float64"""
    return partial(np.vectorize(_plus_one, otypes=[float]), uniform(size, rng))


@operation(*OBJECT_SIZES, expect=HOLDS, source=PYTHON_CALLS)
def apply_along_axis(size: int, rng: Rng) -> Call:
    """np.apply_along_axis of np.sum over the rows of a square array, float64"""
    n = side(size)
    return partial(np.apply_along_axis, np.sum, 1, uniform(n * n, rng).reshape(n, n))


@operation(*ARRAY_SIZES)
def polyval(size: int, rng: Rng) -> Call:
    """a polynomial of degree 5, float64"""
    return partial(np.polyval, np.arange(1.0, 7.0), uniform(size, rng) / 100)


@operation(*SLOW_ARRAY_SIZES, expect=RELEASES, source=INTERP)
def interp(size: int, rng: Rng) -> Call:
    """linear interpolation in 1,000 points, float64"""
    points = np.linspace(1, 100, 1000)
    return partial(np.interp, uniform(size, rng), points, np.sqrt(points))


@operation(*SLOW_ARRAY_SIZES, expect=RELEASES, source=CONVOLVE)
def convolve(size: int, rng: Rng) -> Call:
    """a convolution with 31 weights, float64"""
    return partial(np.convolve, uniform(size, rng), uniform(31, rng), mode="same")


def _add_each(arrays: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    return tuple([np.add(array, array) for array in arrays])


def _plus_one(value: float) -> float:
    return value + 1.0


WORKLOADS = declared(globals())
