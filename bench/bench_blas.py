"""BLAS threads times Python threads: one thread and W of them, each with BLAS at 1 and its default.

pytest bench/bench_blas.py     eleven operations from 4 x 4 to 600 x 600, three minutes

Oversubscription and locks inside BLAS show in the last cell, and in CPU seconds a wall second.
"""

import pytest

from speedgate.report.blas import blas_lines
from workloads import CATALOGUE

REAL = ("matmul", "dot", "solve", "inv", "det", "svd", "eigh")
COMPLEX = ("matmul_complex", "solve_complex", "svd_complex", "eigh_complex")
WORKLOADS = [CATALOGUE[name] for name in REAL + COMPLEX]
# Elements: 4, 50, 200 and 600 rows and columns.
SIZES = (16, 2_500, 40_000, 360_000)
SAMPLE = [CATALOGUE[name] for name in ("matmul", "dot", "solve")]
BLAS_THREADS = {"blas1": 1, "blas-default": None}


@pytest.mark.parametrize("blas", BLAS_THREADS)
@pytest.mark.speedgate(
    workloads=WORKLOADS, sizes=SIZES, sample=SAMPLE, strategies=("threads",), report=blas_lines
)
def bench_blas(case, blas, speedgate):
    # Idle BLAS threads spin and take cores from whatever is timed beside them: no control there.
    without_control = {} if BLAS_THREADS[blas] else {"control": None}
    speedgate(case, blas_threads=BLAS_THREADS[blas], **without_control)
