"""Linear algebra: products, factorizations, stacks of small matrices; and Fourier transforms.

Sizes are elements of a square matrix, or of the whole stack.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from workloads.inputs import (
    ARRAY_SIZES,
    MATRIX_SIZES,
    SLOW_MATRIX_SIZES,
    STACK_SIZES,
    complex_values,
    hermitian,
    normal,
    side,
    square,
    stack,
    uniform,
)
from workloads.workload import RELEASES, Call, declared, operation

# Not what a call works on is counted, but what it puts out: det of one matrix puts out one number,
# and solve with one right-hand side a column, so that they hold the GIL however long they take.
GUFUNC = "ufunc_object.c: generalized loops that put out more than 500 elements release it"
MATMUL = "umath/matmul.c.src, a generalized loop of ufunc_object.c"
DOT = "cblasfuncs.c: cblas_matrixproduct releases it"
FFT_SIZES = (500, 10_000, 200_000)
Rng = np.random.Generator


@operation(*MATRIX_SIZES, expect=RELEASES, source=MATMUL)
def matmul(size: int, rng: Rng) -> Call:
    """a @ b, float64"""
    a = square(size, rng)
    return partial(np.matmul, a, square(size, rng), out=np.empty_like(a))


@operation(*MATRIX_SIZES, expect=RELEASES, source=MATMUL, argument_bytes=64, call_bytes=64)
def matmul_complex(size: int, rng: Rng) -> Call:
    """a @ b, complex128"""
    a = square(size, rng, np.complex128)
    return partial(np.matmul, a, square(size, rng, np.complex128), out=np.empty_like(a))


@operation(*SLOW_MATRIX_SIZES, expect=RELEASES, source=MATMUL)
def matmul_int(size: int, rng: Rng) -> Call:
    """a @ b, int64: no BLAS"""
    n = side(size)
    a = uniform(n * n, rng, np.int64).reshape(n, n)
    return partial(np.matmul, a, a.copy())


@operation(*STACK_SIZES, expect=RELEASES, source=MATMUL)
def matmul_stacked(size: int, rng: Rng) -> Call:
    """a @ b of many 4 x 4 matrices, float64"""
    return partial(np.matmul, stack(size, rng), stack(size, rng))


@operation(*ARRAY_SIZES, expect=RELEASES, source=DOT, peers=("blas",))
def dot(size: int, rng: Rng) -> Call:
    """the product of two vectors, float64"""
    return partial(np.dot, normal(size, rng), normal(size, rng))


@operation(*MATRIX_SIZES)
def einsum(size: int, rng: Rng) -> Call:
    """'ij,ij->i' of two matrices, float64"""
    return partial(np.einsum, "ij,ij->i", square(size, rng), square(size, rng))


@operation(*MATRIX_SIZES)
def solve(size: int, rng: Rng) -> Call:
    """a system of equations with one right side, float64"""
    return partial(np.linalg.solve, square(size, rng), normal(side(size), rng))


@operation(*MATRIX_SIZES, argument_bytes=64, call_bytes=64)
def solve_complex(size: int, rng: Rng) -> Call:
    """a linear system, complex128"""
    a = square(size, rng, np.complex128)
    return partial(np.linalg.solve, a, normal(side(size), rng))


@operation(*STACK_SIZES, expect=RELEASES, source=GUFUNC)
def solve_stacked(size: int, rng: Rng) -> Call:
    """many 4 x 4 systems, float64"""
    return partial(np.linalg.solve, stack(size, rng), stack(size, rng))


@operation(*MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def inv(size: int, rng: Rng) -> Call:
    """the inverse, float64"""
    return partial(np.linalg.inv, square(size, rng))


@operation(*MATRIX_SIZES)
def det(size: int, rng: Rng) -> Call:
    """the determinant, float64"""
    return partial(np.linalg.det, square(size, rng) / side(size))


@operation(*MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def cholesky(size: int, rng: Rng) -> Call:
    """Cholesky's factor, float64"""
    return partial(np.linalg.cholesky, hermitian(size, rng))


@operation(*SLOW_MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def svd(size: int, rng: Rng) -> Call:
    """singular values and vectors, float64"""
    return partial(np.linalg.svd, square(size, rng))


@operation(*SLOW_MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def svd_complex(size: int, rng: Rng) -> Call:
    """singular values and vectors, complex128"""
    return partial(np.linalg.svd, square(size, rng, np.complex128))


@operation(*SLOW_MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def eigh(size: int, rng: Rng) -> Call:
    """eigenvalues and vectors, symmetric float64"""
    return partial(np.linalg.eigh, hermitian(size, rng))


@operation(*SLOW_MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def eigh_complex(size: int, rng: Rng) -> Call:
    """eigenvalues and vectors, Hermitian complex128"""
    return partial(np.linalg.eigh, hermitian(size, rng, np.complex128))


@operation(*SLOW_MATRIX_SIZES, expect=RELEASES, source=GUFUNC)
def eig(size: int, rng: Rng) -> Call:
    """eigenvalues and vectors of any matrix, float64"""
    return partial(np.linalg.eig, square(size, rng))


@operation(*SLOW_MATRIX_SIZES)
def qr(size: int, rng: Rng) -> Call:
    """an orthogonal and a triangular factor, float64"""
    return partial(np.linalg.qr, square(size, rng))


@operation(*FFT_SIZES)
def fft(size: int, rng: Rng) -> Call:
    """the Fourier transform, complex128"""
    return partial(np.fft.fft, complex_values(size, rng))


@operation(*FFT_SIZES)
def fft2(size: int, rng: Rng) -> Call:
    """the Fourier transform in two dimensions, complex128"""
    n = side(size)
    return partial(np.fft.fft2, complex_values(n * n, rng).reshape(n, n))


@operation(*FFT_SIZES)
def rfft(size: int, rng: Rng) -> Call:
    """the Fourier transform of reals, float64"""
    return partial(np.fft.rfft, uniform(size, rng))


WORKLOADS = declared(globals())
