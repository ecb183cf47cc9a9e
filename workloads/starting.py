"""What begins anew: an interpreter that imports NumPy, a process forked after BLAS was used.

They are no part of the GIL map, which has operations; a duel measures them.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np

from workloads.workload import Call, declared, operation

Rng = np.random.Generator


@operation(1, argument_bytes=0, call_bytes=50e6)
def import_numpy(size: int, rng: Rng) -> Call:
    """a fresh interpreter that imports NumPy"""
    return partial(_start_with, "import numpy")


def _start_with(program: str) -> int:
    return subprocess.run([sys.executable, "-P", "-c", program], check=True).returncode


@operation(2_500, 40_000)
def matmul_used(size: int, rng: Rng) -> Call:
    """multiplying matrices where the process that was forked has done so before"""
    side = round(size**0.5)
    one, other = rng.random((side, side)), rng.random((side, side))
    # Before any worker is forked: a fork copies no thread of BLAS, and all of its locks.
    np.matmul(one, other)
    return partial(np.matmul, one, other)


WORKLOADS = declared(globals())
