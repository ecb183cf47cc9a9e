"""Random numbers: from a generator of each worker's own, from one that all share."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES, SLOW_ARRAY_SIZES
from workloads.workload import RELEASES, Call, declared, operation

Rng = np.random.Generator
NOGIL = "random/_common.pyx: double_fill runs under 'with lock, nogil'"
SHARED = np.random.default_rng(20)


@operation(*ARRAY_SIZES, repeatable=False, expect=RELEASES, source=NOGIL)
def normal_own(size: int, rng: Rng) -> Call:
    """normal values, own generator, float64"""
    return partial(rng.standard_normal, out=np.empty(size))


@operation(*ARRAY_SIZES, repeatable=False, private=normal_own)
def normal_shared(size: int, rng: Rng) -> Call:
    """normal values, one generator for all, float64"""
    return partial(SHARED.standard_normal, out=np.empty(size))


@operation(*ARRAY_SIZES, repeatable=False)
def normal_legacy(size: int, rng: Rng) -> Call:
    """normal values, own RandomState, float64"""
    return partial(np.random.RandomState(int(rng.integers(2**31))).standard_normal, size)


@operation(*ARRAY_SIZES, repeatable=False, expect=RELEASES, source=NOGIL)
def uniform_own(size: int, rng: Rng) -> Call:
    """uniform values, own generator, float64"""
    return partial(rng.random, out=np.empty(size))


@operation(*ARRAY_SIZES, repeatable=False)
def integers(size: int, rng: Rng) -> Call:
    """integers below 1,000, own generator"""
    return partial(rng.integers, 0, 1000, size)


@operation(*SLOW_ARRAY_SIZES, repeatable=False)
def shuffle(size: int, rng: Rng) -> Call:
    """an array put into a random order, own generator"""
    return partial(_shuffled, rng, np.arange(size))


@operation(*OBJECT_SIZES, repeatable=False)
def permutation(size: int, rng: Rng) -> Call:
    """a random order, own generator"""
    return partial(rng.permutation, size)


@operation(*OBJECT_SIZES, repeatable=False)
def choice(size: int, rng: Rng) -> Call:
    """draws with weights, own generator"""
    weights = np.arange(1, size + 1) / (size * (size + 1) / 2)
    return partial(rng.choice, size, size, p=weights)


def _shuffled(rng: Rng, x: NDArray[np.int64]) -> NDArray[np.int64]:
    rng.shuffle(x)
    return x


WORKLOADS = declared(globals())
