"""Text and Python objects: strings, and ways between arrays and them."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np

from workloads.inputs import OBJECT_SIZES, uniform, words
from workloads.workload import HOLDS, Call, declared, operation

MAKES_OBJECTS = "every element becomes a Python object"
TEXT_SIZES = (10, 100, 2_000)
Rng = np.random.Generator


def string_functions() -> Any:
    """Return ``np.strings``; ``NotImplementedError``, which leaves a case out, if there is none."""
    if not hasattr(np, "strings"):
        raise NotImplementedError("np.strings came with NumPy 2.0")
    return np.strings


def string_dtype() -> Any:
    """Return a ``StringDType``; ``NotImplementedError`` if there is none."""
    # np.dtypes itself came with NumPy 1.25.
    if not hasattr(getattr(np, "dtypes", None), "StringDType"):
        raise NotImplementedError("StringDType came with NumPy 2.0")
    return np.dtypes.StringDType()


@operation(*OBJECT_SIZES, argument_bytes=160)
def words_equal(size: int, rng: Rng) -> Call:
    """x == y, fixed width"""
    x = words(size, rng)
    return partial(np.equal, x, x.copy())


@operation(*OBJECT_SIZES, argument_bytes=160, call_bytes=160)
def words_add(size: int, rng: Rng) -> Call:
    """x + y, fixed width"""
    return partial(string_functions().add, words(size, rng), words(size, rng))


@operation(*OBJECT_SIZES, argument_bytes=80)
def strings_equal(size: int, rng: Rng) -> Call:
    """x == y, StringDType"""
    x = words(size, rng).astype(string_dtype())
    return partial(np.equal, x, x.copy())


@operation(*OBJECT_SIZES, argument_bytes=80, call_bytes=96)
def strings_add(size: int, rng: Rng) -> Call:
    """x + y, StringDType"""
    x = words(size, rng).astype(string_dtype())
    return partial(np.add, x, x.copy())


@operation(*OBJECT_SIZES, argument_bytes=80)
def words_to_float(size: int, rng: Rng) -> Call:
    """fixed width to float64"""
    return partial(words(size, rng).astype, np.float64)


@operation(*OBJECT_SIZES, call_bytes=160)
def float_to_words(size: int, rng: Rng) -> Call:
    """float64 to fixed width"""
    return partial(uniform(size, rng).astype, "U32")


@operation(*OBJECT_SIZES, expect=HOLDS, source=MAKES_OBJECTS)
def tolist(size: int, rng: Rng) -> Call:
    """an array to a list of Python floats"""
    return uniform(size, rng).tolist


@operation(*TEXT_SIZES, expect=HOLDS, source="arrayprint.py is Python", call_bytes=400)
def array2string(size: int, rng: Rng) -> Call:
    """all of an array as text"""
    return partial(np.array2string, uniform(size, rng), threshold=size + 1)


@operation(*TEXT_SIZES, expect=HOLDS, source="_npyio_impl.py: savetxt is Python", call_bytes=400)
def savetxt(size: int, rng: Rng) -> Call:
    """an array to lines of text in memory"""
    return partial(_save_text, uniform(size, rng))


@operation(*TEXT_SIZES, argument_bytes=160, call_bytes=160)
def loadtxt(size: int, rng: Rng) -> Call:
    """lines of text to an array"""
    lines = [f"{value:.17g}" for value in uniform(size, rng)]
    return partial(np.loadtxt, lines)


def _save_text(x: np.ndarray) -> str:
    file = io.StringIO()
    np.savetxt(file, x)
    return file.getvalue()


WORKLOADS = declared(globals())
