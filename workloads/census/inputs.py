"""Inputs of census cells: arrays of a dtype, a layout and a size, from a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

CONTIGUOUS, STRIDED, UNALIGNED, FORTRAN = "contiguous", "strided", "unaligned", "fortran"
# The codes of dtypes are NumPy's characters; these stand for dtypes that need more than one.
TEXT, BYTES, VARIABLE_TEXT, STRUCTURED = "U", "S", "T", "V"
DATE, SPAN, BOOL = "M", "m", "?"
WORDS = ("alpha", "Beta 2", "gamma", "12345", "delta delta", "x")
STRUCTURE = [("number", "f8"), ("count", "i4")]
# Values that no function of real numbers turns into NaN, but for those of ``DOMAINS``.
LEAST, MOST = 0.1, 0.9
# Whole numbers that fit the smallest dtype, and that no shift or power minds.
LEAST_INTEGER, MOST_INTEGER = 1, 7


class NoSuchInput(ValueError):
    """There is no array of this dtype and layout."""


def dtype_of(code: str) -> Any:
    """Return the dtype of a code; ``NoSuchInput`` for one that this NumPy lacks."""
    if code == VARIABLE_TEXT:
        if not hasattr(np.dtypes, "StringDType"):
            raise NoSuchInput("this NumPy has no StringDType")
        return np.dtypes.StringDType()
    known = {
        TEXT: "U12",
        BYTES: "S12",
        STRUCTURED: STRUCTURE,
        DATE: "M8[s]",
        SPAN: "m8[s]",
    }
    return np.dtype(known.get(code, code))  # type: ignore[call-overload]  # a code, or a list


class PlainGenerator:
    """What is asked here of NumPy's generator, for a build without ``numpy.random``."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def random(self, shape: Any) -> Any:
        size = np.empty(shape).size
        return np.array([self._random.random() for _ in range(size)]).reshape(shape)

    def uniform(self, low: float, high: float, shape: Any) -> Any:
        return low + (high - low) * self.random(shape)

    def integers(self, low: int, high: int, shape: Any, *, endpoint: bool = False) -> Any:
        return (low + (high + endpoint - low) * self.random(shape)).astype(np.int64)


def generator(seed: int) -> Any:
    """Return NumPy's generator, or where the build has none Python's."""
    try:
        return np.random.default_rng(seed)
    except (ImportError, AttributeError):
        return PlainGenerator(seed)


def values(
    code: str, shape: tuple[int, ...], seed: int, domain: tuple[float, float] = (LEAST, MOST)
) -> Any:
    """Return a contiguous array of the dtype ``code``."""
    random, dtype = generator(seed), dtype_of(code)
    if code in (TEXT, BYTES, VARIABLE_TEXT):
        words = np.array(WORDS, "U12")[random.integers(0, len(WORDS), shape)]
        return words.astype(dtype)
    if code == STRUCTURED:
        room = np.empty(shape, dtype)
        room["number"], room["count"] = random.random(shape), random.integers(0, 100, shape)
        return room
    if code in (DATE, SPAN):
        return random.integers(1, 1_000_000, shape).astype(dtype)
    if code == BOOL:
        return random.random(shape) < 0.5
    if dtype.kind in "iu":
        return random.integers(LEAST_INTEGER, MOST_INTEGER, shape, endpoint=True).astype(dtype)
    numbers = random.uniform(*domain, shape)
    if dtype.kind == "c":
        return (numbers + 1j * random.uniform(*domain, shape)).astype(dtype)
    return numbers.astype(dtype)


def laid_out(array: Any, layout: str) -> Any:
    """Return an array of the same values in a layout; ``NoSuchInput`` where it cannot have it."""
    if layout == CONTIGUOUS:
        return array
    if layout == STRIDED:
        room = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        room[..., ::2] = array
        return room[..., ::2]
    if layout == FORTRAN:
        if array.ndim < 2:
            raise NoSuchInput("one dimension has no order")
        return np.asfortranarray(array)
    if array.dtype.hasobject or array.itemsize == 1 or array.dtype.char == VARIABLE_TEXT:
        raise NoSuchInput("it has no other alignment")
    bytes_of_it = np.empty(array.nbytes + 1, np.uint8)[1:]
    moved = bytes_of_it.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


@dataclass(frozen=True)
class Kit:
    """What arguments are made from. ``rank`` is the number of dimensions of ``array()``; ``size``
    its number of elements, of a matrix about that."""

    code: str
    layout: str
    size: int
    seed: int
    rank: int = 1
    domain: tuple[float, float] = (LEAST, MOST)

    @property
    def side(self) -> int:
        """The rows of a square matrix of ``size`` elements."""
        return max(2, math.isqrt(self.size))

    def array(self, number: int = 0) -> Any:
        """Return the ``number``-th array of this kit."""
        return self.matrix(number) if self.rank == 2 else self.vector(number)

    def vector(self, number: int = 0, size: int | None = None) -> Any:
        return self.shaped((size or self.size,), number)

    def matrix(self, number: int = 0) -> Any:
        return self.shaped((self.side, self.side), number)

    def short(self, number: int = 0) -> Any:
        """Return a vector of the square root of the size, for what takes its square."""
        return self.vector(number, self.side)

    def shaped(self, shape: tuple[int, ...], number: int = 0) -> Any:
        array = values(self.code, shape, self.seed + 101 * number, self.domain)
        # Of a call in Fortran order, what has one dimension is as it is.
        is_flat = self.layout == FORTRAN and len(shape) < 2
        return laid_out(array, CONTIGUOUS if is_flat else self.layout)

    def indices(self) -> Any:
        """Return places in the first dimension of ``array()``."""
        length = self.side if self.rank == 2 else self.size
        return generator(self.seed).integers(0, length, length)

    def order(self) -> Any:
        """Return each place of ``vector()`` once, in no order."""
        return np.argsort(generator(self.seed).random(self.size))

    def mask(self) -> Any:
        shape = (self.side, self.side) if self.rank == 2 else (self.size,)
        return generator(self.seed).random(shape) < 0.5

    def of(self, code: str) -> Kit:
        """Return the kit of another dtype."""
        return replace(self, code=code)
