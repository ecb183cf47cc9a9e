"""Arrays in files: saved, loaded, mapped. The files lie in the page cache.

What writes a file returns its path, which stands for what is in it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.inputs import ARRAY_SIZES, scratch_path, uniform
from workloads.workload import Call, declared, operation

Rng = np.random.Generator


@operation(*ARRAY_SIZES)
def save(size: int, rng: Rng) -> Call:
    """np.save to a file, float64"""
    return partial(_save, Path(scratch_path()), uniform(size, rng))


@operation(*ARRAY_SIZES)
def load(size: int, rng: Rng) -> Call:
    """np.load of a file, float64"""
    return partial(np.load, _saved(uniform(size, rng)))


@operation(*ARRAY_SIZES)
def load_mapped(size: int, rng: Rng) -> Call:
    """np.load of a file as a memory map, and its sum, float64"""
    return partial(_sum_mapped, _saved(uniform(size, rng)))


@operation(*ARRAY_SIZES)
def tofile(size: int, rng: Rng) -> Call:
    """bytes to a file, float64"""
    return partial(_to_file, Path(scratch_path()), uniform(size, rng))


@operation(*ARRAY_SIZES)
def fromfile(size: int, rng: Rng) -> Call:
    """bytes from a file, float64"""
    path = scratch_path()
    uniform(size, rng).tofile(path)
    return partial(np.fromfile, path)


def _save(path: Path, x: NDArray[Any]) -> Path:
    np.save(path, x)
    return path


def _to_file(path: Path, x: NDArray[Any]) -> Path:
    x.tofile(path)
    return path


def _saved(x: NDArray[Any]) -> str:
    path = scratch_path()
    np.save(path, x)
    return path


def _sum_mapped(path: str) -> np.float64:
    mapped: NDArray[np.float64] = np.load(path, mmap_mode="r")
    total: np.float64 = mapped.sum()
    return total


WORKLOADS = declared(globals())
