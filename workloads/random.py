"""Random numbers: from a generator of each worker's own, from one that all share."""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import ARRAY_SIZES, OBJECT_SIZES
from workloads.workload import Call, declared, operation

Rng = np.random.Generator
SHARED = np.random.default_rng(20)


@operation(*ARRAY_SIZES, repeatable=False)
def normal_own(size: int, rng: Rng) -> Call:
    """normal values, own generator, float64"""
    return partial(rng.standard_normal, out=np.empty(size))


@operation(*ARRAY_SIZES, repeatable=False)
def normal_shared(size: int, rng: Rng) -> Call:
    """normal values, one generator for all, float64"""
    return partial(SHARED.standard_normal, out=np.empty(size))


@operation(*ARRAY_SIZES, repeatable=False)
def normal_legacy(size: int, rng: Rng) -> Call:
    """normal values, own RandomState, float64"""
    return partial(np.random.RandomState(int(rng.integers(2**31))).standard_normal, size)


@operation(*OBJECT_SIZES, repeatable=False)
def permutation(size: int, rng: Rng) -> Call:
    """a random order, own generator"""
    return partial(rng.permutation, size)


@operation(*OBJECT_SIZES, repeatable=False)
def choice(size: int, rng: Rng) -> Call:
    """draws with weights, own generator"""
    weights = np.arange(1, size + 1) / (size * (size + 1) / 2)
    return partial(rng.choice, size, size, p=weights)


WORKLOADS = declared(globals())
