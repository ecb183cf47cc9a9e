"""What the operations work on: arrays from a seeded generator."""

from __future__ import annotations

import math
import os
import tempfile
from multiprocessing import util
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# On either side of the 500 elements from which NumPy's loops release the GIL, where threads begin
# to pay, and beyond the caches of a core.
ARRAY_SIZES = (500, 10_000, 1_000_000)
# Of what makes a Python object of each element, far fewer take as long.
OBJECT_SIZES = (100, 3_000, 30_000)
# Of what sorts, counts or interpolates, a tenth.
SLOW_ARRAY_SIZES = (500, 10_000, 100_000)
# Elements of square matrices: 4 x 4, 100 x 100, 400 x 400, and 150 x 150 for the slow ones.
MATRIX_SIZES = (16, 10_000, 160_000)
SLOW_MATRIX_SIZES = (16, 2_500, 22_500)
# Elements of stacks of 4 x 4 matrices: 4, 400 and 10,000 of them.
STACK_SIZES = (64, 6_400, 160_000)


def uniform(size: int, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return values from 1 to 100, shape ``(size,)``: no zero to divide by, no overflow."""
    return (1 + 99 * rng.random(size)).astype(dtype)


def complex_values(size: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    return uniform(size, rng) + 1j * uniform(size, rng)


def normal(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values around 0, shape ``(size,)``."""
    return rng.standard_normal(size)


def flags(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return true and false in equal shares, shape ``(size,)``."""
    return rng.random(size) < 0.5


def indices(size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return positions in an array of ``size`` elements, in no order."""
    return rng.permutation(size)


def objects(size: int, rng: np.random.Generator) -> NDArray[np.object_]:
    """Return Python floats, shape ``(size,)``."""
    return uniform(size, rng).astype(object)


def words(size: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Return words of 18 digits, shape ``(size,)``, dtype ``<U18``.

    StringDType keeps up to 15 bytes within the element: these lie outside, as texts mostly do.
    """
    return rng.integers(10**17, 10**18, size).astype("U18")


def side(size: int) -> int:
    """Return the side of a square matrix of ``size`` elements."""
    return math.isqrt(size)


def square(size: int, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return a well-conditioned square matrix of ``size`` elements, rounded down to a square."""
    n = side(size)
    matrix = rng.standard_normal((n, n))
    if np.dtype(dtype).kind == "c":
        matrix = matrix + 1j * rng.standard_normal((n, n))
    return (matrix + 2 * math.sqrt(n) * np.eye(n)).astype(dtype)


def hermitian(size: int, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return a symmetric or Hermitian, positive definite square matrix."""
    matrix = square(size, rng, dtype)
    product: NDArray[Any] = matrix @ matrix.conj().T
    return product


def stack(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a stack of 4 x 4 matrices, shape ``(size // 16, 4, 4)``, at least one of them."""
    return rng.standard_normal((max(1, size // 16), 4, 4)) + 4 * np.eye(4)


def scratch_path() -> str:
    """Return a new file's path in a folder that is removed when this process, of whatever kind,
    ends; ``tempfile`` alone leaves it when a worker process ends."""
    handle, path = tempfile.mkstemp(dir=util.get_temp_dir(), suffix=".npy")
    os.close(handle)
    return path
