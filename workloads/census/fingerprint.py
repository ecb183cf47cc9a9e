"""What tells two calls of a cell apart: the kind, the dtype and the shape of each argument.

The dimensions and the parameters that a function takes are found anew in each NumPy. Of the same
name, two builds may so make calls that have nothing in common.
"""

from __future__ import annotations

import zlib
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from workloads.census.inputs import VARIABLE_TEXT


def fingerprint(call: partial[Any], *more: object) -> str:
    """Return eight digits that are the same for calls with the same kinds of arguments, and of the
    same ``more``; values of arrays and texts are none of it."""
    text = kind_of([call.args, call.keywords, more])
    return f"{zlib.crc32(text.encode()):08x}"


def kind_of(value: Any) -> str:
    """Return what is alike in every build of the same argument.

    >>> kind_of((np.zeros((2, 3)), 4, "text"))
    '[<f8(2, 3),4,str]'
    """
    if isinstance(value, np.ndarray):
        dtype = value.dtype
        return f"{dtype.char if dtype.char == VARIABLE_TEXT else dtype.str}{value.shape}"
    if isinstance(value, np.generic):
        return f"one {value.dtype.char}"  # of a text the length is its value
    if isinstance(value, (list, tuple)):
        return f"[{','.join(kind for kind, _ in groupby(map(kind_of, value)))}]"
    if isinstance(value, dict):
        return ",".join(f"{name}={kind_of(one)}" for name, one in sorted(value.items()))
    if value is None or isinstance(value, (bool, int, float, complex, np.dtype)):
        return str(value)
    return "function" if callable(value) else type(value).__name__
