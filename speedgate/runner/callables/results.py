"""Whether two results of one benchmark are the same, as far as they can be compared.

Results are kept pickled: what a benchmark returns is often the array that its next call overwrites.
Two serial calls tell first whether results can be compared at all: what is random, or carries the
time, differs there already.

Standard library only; NumPy is used where the benchmark has loaded it.
"""

from __future__ import annotations

import math
import pickle
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# A result larger than this is not kept.
MOST_BYTES = 256 * 1024 * 1024
# Parallel sums may be added up in another order, and SIMD code rounds by where an array starts.
ROUNDINGS = 1e4


def snapshot(result: Any) -> bytes | None:
    """Return a result as it is now, ``None`` if it cannot be kept."""
    if getattr(result, "nbytes", 0) > MOST_BYTES:
        return None
    try:
        return pickle.dumps(result, protocol=5)
    except Exception:  # noqa: BLE001  # objects raise whatever they like when they are pickled
        return None


def same(one: bytes, other: bytes) -> bool | None:
    """Whether two snapshots are the same result; ``None`` where they cannot be compared."""
    if one == other:
        return True
    try:
        return equal(pickle.loads(one), pickle.loads(other))  # our own pickles
    except Exception:  # noqa: BLE001  # as above
        return None


def equal(one: Any, other: Any) -> bool | None:
    """Whether two objects have the same value; numbers may differ by their rounding."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_array(one):
        return _equal_arrays(one, other)
    if isinstance(one, float | complex):
        return _near(one, other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and _all(equal(one[key], other[key]) for key in one)
    if isinstance(one, Sequence) and not isinstance(one, str | bytes | bytearray | memoryview):
        return len(one) == len(other) and _all(map(equal, one, other))
    if getattr(type(one), "__eq__", None) is object.__eq__:
        return _equal_states(one, other)
    return bool(one == other)


def is_array(value: Any) -> bool:
    numpy: Any = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def _equal_arrays(one: Any, other: Any) -> bool | None:
    numpy: Any = sys.modules["numpy"]
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.hasobject:
        return equal(one.tolist(), other.tolist())
    if one.dtype.kind not in "fc":
        return bool(one.tobytes() == other.tobytes())
    tolerance = ROUNDINGS * float(numpy.finfo(one.dtype).eps)
    scale = tolerance * _largest(numpy, one)
    return bool(numpy.allclose(one, other, rtol=tolerance, atol=scale, equal_nan=True))


def _largest(numpy: Any, array: Any) -> float:
    """The largest finite magnitude: a sum that cancels is as exact as its parts."""
    finite = numpy.abs(array[numpy.isfinite(array)]) if array.size else array
    return float(finite.max()) if finite.size else 0.0


def _near(one: Any, other: Any) -> bool:
    if one != one and other != other:  # NaN
        return True
    if isinstance(one, complex):
        return bool(abs(one - other) <= 1e-9 * max(abs(one), abs(other)))
    return math.isclose(one, other, rel_tol=1e-9)


def _equal_states(one: Any, other: Any) -> bool | None:
    """Compare objects that know no equality by what they hold."""
    states = getattr(one, "__dict__", None), getattr(other, "__dict__", None)
    if states[0] is None or states[1] is None:
        return None
    return equal(states[0], states[1])


def _all(answers: Any) -> bool | None:
    """Return False for one that differs, else ``None`` if one is ``None``, else True."""
    known: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        known = None if answer is None else known
    return known


def difference(one: bytes, other: bytes) -> str:
    """Say in what two results differ, in a few words."""
    mine, yours = pickle.loads(one), pickle.loads(other)  # our own pickles
    if type(mine) is not type(yours):
        return f"{type(mine).__name__} alone, {type(yours).__name__} in threads"
    if is_array(mine):
        if mine.shape != yours.shape or mine.dtype != yours.dtype:
            return f"{mine.dtype}{mine.shape} alone, {yours.dtype}{yours.shape} in threads"
        count = int((mine != yours).sum())
        return f"{count} of {mine.size} elements differ"
    return f"{_short(mine)} alone, {_short(yours)} in threads"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
