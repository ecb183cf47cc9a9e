"""What tells two calls of a cell apart: the kind, the dtype and the shape of each argument.

The dimensions and the parameters that a function takes are found anew in each NumPy. Of the same
name, two builds may so make calls that have nothing in common.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import Any

import numpy as np

from workloads.census.inputs import VARIABLE_TEXT

# By which rule a fingerprint is made: by two rules they differ of the same call as well. Those of
# the first have no number, and took equal arguments for one.
RULE = 2


def whole_call(call: partial[Any]) -> str:
    """Return a text that is the same for calls of one function that do the same work: also the
    strides and the alignment of arrays are the same, and the texts. Only values of arrays may
    differ."""
    return kind_of([call.args, call.keywords], is_whole=True)


def fingerprint(call: partial[Any], *more: object) -> str:
    """Return the rule and eight digits, ``2-1a2b3c4d``, which are the same for calls with the same
    kinds of arguments, and of the same ``more``; values of arrays and texts are none of it."""
    text = kind_of([call.args, call.keywords, more])
    return f"{RULE}-{zlib.crc32(text.encode()):08x}"


def kind_of(value: Any, is_whole: bool = False) -> str:
    """Return what is alike in every build of the same argument; ``is_whole``: see ``whole_call``.

    >>> kind_of((np.zeros((2, 3)), 4, "text"))
    '[<f8(2, 3),4,str]'
    """
    if isinstance(value, np.ndarray):
        dtype = value.dtype
        kind = f"{dtype.char if dtype.char == VARIABLE_TEXT else dtype.str}{value.shape}"
        layout = f"{dtype.char}{value.strides}{value.flags.aligned}" if is_whole else ""
        return f"{kind}{layout}"
    if isinstance(value, np.generic):
        return f"one {value.dtype.char}"  # of a text the length is its value
    if isinstance(value, (list, tuple)):
        return f"[{','.join(kind_of(one, is_whole) for one in value)}]"
    if isinstance(value, dict):
        items = sorted(value.items())
        return ",".join(f"{name}={kind_of(one, is_whole)}" for name, one in items)
    if value is None or isinstance(value, (bool, int, float, complex, np.dtype)):
        return str(value)
    if is_whole and isinstance(value, (str, bytes)):
        return repr(value)
    return "function" if callable(value) else type(value).__name__
