"""What NumPy's release notes, pull requests and issues say that changed in speed or threads.

For each: the release, the workloads that should show it, and why a duel here may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NUMPY = "https://github.com/numpy/numpy"
NO_CELL = "no case asks for it"
OTHER_MACHINES = "other machines than an x86-64 with Linux"
SAME_BUILDS = "only builds without a GIL"
BLAS = (
    "matmul", "dot", "inv", "solve", "det", "cholesky", "svd", "eigh", "eig", "qr", "einsum",
    "solve_complex", "solve_stacked", "svd_complex", "eigh_complex", "matmul_complex",
    "matmul_stacked", "matmul_used", "numpy.linalg.", "numpy.matmul[dd", "numpy.dot[d]",
    "numpy.inner[d]", "numpy.tensordot[d]",
)  # fmt: skip
COMPARISONS = ("less", "equal", "not_equal", "less_equal", "greater", "greater_equal")
# What the census calls by ``ufunc.at`` and that has no loop of its own for it.
AT_ALL = (
    "absolute", "arcsin", "arctan", "arctan2", "bitwise_and", "bitwise_or", "bitwise_xor", "cbrt",
    "ceil", "conjugate", "copysign", "cos", "deg2rad", "degrees", "divide", "fabs", "float_power",
    "floor", "fmod", "gcd", "heaviside", "hypot", "invert", "lcm", "ldexp", "left_shift", "log1p",
    "logaddexp2", "negative", "nextafter", "positive", "power", "radians", "reciprocal",
    "remainder", "right_shift", "rint", "sign", "sin", "sqrt", "square", "tan", "trunc",
)  # fmt: skip
# Functions whose calls are so short that the dispatch of ``__array_function__`` shows.
SHORT = (
    "empty_like", "flipud", "imag", "iscomplexobj", "isrealobj", "min_scalar_type", "ndim", "real",
    "real_if_close", "result_type", "rollaxis", "shape", "size", "squeeze",
)  # fmt: skip
# Conversions, products and roots of the six kinds of polynomials, which trim their coefficients.
SERIES = tuple(
    f"numpy.polynomial.{module}.{name}"
    for module, short in (
        ("chebyshev", "cheb"), ("hermite", "herm"), ("hermite_e", "herme"), ("laguerre", "lag"),
        ("legendre", "leg"), ("polynomial", "poly"),
    )
    for name in (f"{short}2poly", f"poly2{short}", f"{short}fromroots", f"{short}mul",
                 f"{short}pow", f"{short}companion")
)  # fmt: skip
# Copies and casts with strides, in loops that ask GCC for more than the build's own options.
STRIDED_COPIES = (
    "setitem_slice", "transpose_copy", "numpy.copyto", "numpy.ascontiguousarray",
    *(f"numpy.ndarray.{name}" for name in ("copy", "flatten")),
    *(f"{of}.{name}[d]-fortran" for name in ("ravel", "reshape") for of in
      ("numpy", "numpy.ndarray")),
)  # fmt: skip
INDEXED = ("add", "subtract", "multiply", "floor_divide", "maximum", "minimum", "fmax", "fmin")


class KnownChange(NamedTuple):
    """A change that was public before: ``what`` in our words, and the ``number`` of its issue or
    pull request.

    Some sources tell the change and not its speed: which way it moved is then from the code.
    ``workloads`` are names of the catalogue, or how names of cells begin. ``worse`` is ``None``
    where it may be either. ``blind`` is why a duel here should not find it, empty if it should.
    ``of_blas_threads`` asks for a BLAS with threads of its own. ``is_guess`` says that the source
    names a compiler, a library or a mechanism: which functions it moved is what we suppose.
    """

    release: str
    what: str
    number: int
    workloads: Sequence[str] = ()
    worse: bool | None = False
    blind: str = ""
    of_blas_threads: bool = False
    is_guess: bool = False

    @property
    def source(self) -> str:
        """A link to the issue or the pull request, in Markdown; NumPy's ``pull`` leads to both."""
        return f"[gh-{self.number}]({NUMPY}/pull/{self.number})"

    def fits_case(self, name: str) -> bool:
        """Whether it is of a case of a duel, such as ``solve-16-threads-2/blas-default``."""
        work, _, blas = name.partition("/")
        return (bool(blas) or not self.of_blas_threads) and self.fits(work.rsplit("-", 3)[0])

    def fits(self, workload: str) -> bool:
        """Whether it is of this workload: a name of the catalogue as it is, a cell by its head."""
        return any(
            workload == one or (one.startswith("numpy.") and workload.startswith(_heads(one)))
            for one in self.workloads
        )


def _heads(name: str) -> tuple[str, ...]:
    """``numpy.sort`` begins ``numpy.sort[d]``, not ``numpy.sort_complex[d]``."""
    return (name,) if name[-1] in ".[" or "[" in name else (f"{name}[",)


def cells(*names: str) -> tuple[str, ...]:
    """The heads of the cells of functions, and of the methods of the same names."""
    return tuple(f"{of}.{name}" for name in names for of in ("numpy", "numpy.ndarray"))


KNOWN = (
    KnownChange("1.24.0", "`isin` of integers by a table", 12065,
                ("isin", "numpy.isin[l]", "numpy.in1d[l]", "numpy.setdiff1d[l]")),
    KnownChange("1.24.0", "comparisons by SIMD", 21483,
                ("less", *(f"numpy.{name}" for name in COMPARISONS))),
    KnownChange("1.24.0", "`power` and `arctan2` of floats by SVML", 22240,
                ("power", "numpy.power", "numpy.float_power", "numpy.arctan2")),
    KnownChange("1.24.0", "functions of float16 by AVX-512", 21955,
                tuple(f"numpy.{name}[e" for name in ("exp", "log", "sin", "cos", "tan", "cbrt"))),
    KnownChange("1.24.0", "new arrays of objects are filled with `None`", 21817,
                (*(f"numpy.{name}[O]" for name in (
                    "array", "copy", "empty_like", "zeros_like", "fastCopyAndTranspose")),
                 "numpy.ndarray.copy[O]", "numpy.ndarray.byteswap[O]"), True),
    KnownChange("1.24.0", "OpenBLAS 0.3.21", 22525, BLAS, None, is_guess=True),
    KnownChange("1.25.0", "`sort` of 16 and 64 bits by AVX-512", 22315,
                ("sort", "sort_int", "unique", *cells("sort"), "numpy.unique", "numpy.msort")),
    KnownChange("1.25.0", "`argsort` of 32 and 64 bits by AVX-512", 23707,
                ("argsort", *cells("argsort"))),
    KnownChange("1.25.0", "`ufunc.at` without casting", 23136,
                ("add_at", *(f"numpy.{name}.at" for name in (*INDEXED, *AT_ALL)))),
    KnownChange("1.25.0", "`isnan`, `isinf`, `isfinite`, `signbit` by SIMD", 22165,
                tuple(f"numpy.{name}" for name in ("isnan", "isinf", "isfinite", "signbit"))),
    KnownChange("1.25.0", "arithmetic of complex numbers by SIMD", 21056,
                ("multiply_complex", *(f"numpy.{name}[{dtype}" for dtype in "DF"
                 for name in ("add", "subtract", "multiply", "square", "conjugate")))),
    KnownChange("1.25.0", "logical operations of bool, and `absolute`, by SIMD", 22167,
                ("and_bool", "numpy.logical_and[?", "numpy.logical_or[?", "numpy.logical_not[?",
                 "numpy.absolute")),
    KnownChange("1.25.0", "`negative` by SIMD", 22166, ("numpy.negative",)),
    KnownChange("1.25.0", "`take` of what holds no references", 23248, ("take", *cells("take"))),
    KnownChange("1.25.0", "less dispatch by `__array_function__`", 23020,
                tuple(f"numpy.{name}" for name in SHORT), is_guess=True),
    KnownChange("1.25.0", "`repeat` without counting references (said to leave the speed as it is)",
                23699, ("repeat", *cells("repeat"))),
    KnownChange("1.25.0", "loops of integers that the compiler vectorizes, in files of their own",
                23153, tuple(f"numpy.{name}" for name in (
                    "left_shift", "right_shift", "logical_xor", "reciprocal")), None,
                is_guess=True),
    KnownChange("1.25.0", "OpenBLAS 0.3.23", 23721, BLAS, None, is_guess=True),
    KnownChange("1.25.0", "`sin` and `cos` of float64 no longer by SIMD, for their accuracy", 23925,
                ("sin", "cos", "numpy.sin[d", "numpy.cos[d", "numpy.sinc[d", "numpy.blackman",
                 "numpy.hanning", "numpy.hamming", "numpy.polynomial.chebyshev.chebpts1",
                 "numpy.polynomial.chebyshev.chebpts2"), True),
    KnownChange("1.26.0", "Accelerate on macOS", 24053, blind=OTHER_MACHINES),
    KnownChange("1.26.0", "Meson left out what single functions ask of GCC", 28789,
                STRIDED_COPIES, True, is_guess=True),
    KnownChange("1.26.0", "`choose` counts the references of objects", 24188,
                ("numpy.choose[O]", "numpy.ndarray.choose[O]"), True),
    KnownChange("1.26.0", "a newer OpenBLAS", 24326, BLAS, None, is_guess=True),
    KnownChange("2.0.0", "`partition` and `argpartition` by AVX-512", 24201,
                ("partition", "median", "percentile", *cells("partition", "argpartition"),
                 "numpy.median", "numpy.percentile", "numpy.quantile")),
    KnownChange("2.0.0", "`sort` and `partition` by AVX2", 25045,
                blind="this CPU has AVX-512, which 1.25 used already"),
    KnownChange("2.0.0", "`argsort` slower on data that are sorted", 28714, ("numpy.argsort",),
                True, blind="the inputs here are in random order"),
    KnownChange("2.0.0", "functions of texts as ufuncs", 25463,
                ("words_add", "words_equal", "numpy.char.", "numpy.strings.")),
    KnownChange("2.0.0", "`fft` as a ufunc, around pocketfft in C++", 25536,
                ("fft", "fft2", "rfft", "numpy.fft."), None),
    KnownChange("2.0.0", "`log` of complex64", 26807,
                tuple(f"numpy.{name}[F" for name in ("log", "log2", "log10")), True),
    KnownChange("2.0.0", "`any` and `all` of objects return a bool", 25712,
                tuple(f"{name}[O]" for name in cells("any", "all")), True),
    KnownChange("2.0.0", "`trimseq` looks at the last coefficient first", 24473,
                ("numpy.polynomial.polyutils.trimseq", *SERIES)),
    KnownChange("2.0.0", "`tensordot`", 25788, ("numpy.tensordot",)),
    KnownChange("2.0.0", "OpenBLAS 0.3.27", 26262, BLAS, None, is_guess=True),
    KnownChange("2.0.0", "BLAS of many threads slower on small matrices", 27260, BLAS, True,
                of_blas_threads=True),
    KnownChange("2.1.0", "`center`, `ljust`, `rjust` and `zfill` as ufuncs", 25908,
                tuple(f"numpy.{of}.{name}" for of in ("strings", "char")
                      for name in ("center", "ljust", "rjust", "zfill"))),
    KnownChange("2.1.0", "`partition` and `rpartition` of texts as ufuncs", 26082,
                tuple(f"numpy.{of}.{name}" for of in ("strings", "char")
                      for name in ("partition", "rpartition"))),
    KnownChange("2.1.0", "`clip` of floats", 26280, ("clip", *cells("clip"))),
    KnownChange("2.1.0", "`sin` and `cos` of float32 by Highway", 25781,
                ("numpy.sin[f", "numpy.cos[f"), None),
    KnownChange("2.1.0", "`floor`, `ceil`, `trunc` of integers without casting", 26766,
                ("numpy.floor[l", "numpy.ceil[l", "numpy.trunc[l", "numpy.fix[l")),
    KnownChange("2.1.0", "OpenBLAS with fewer kernels", 27147, BLAS, None, is_guess=True),
    KnownChange("2.2.0", "`trim_zeros` of several dimensions", 15181, ("numpy.trim_zeros",), True),
    KnownChange("2.2.0", "huge pages for `zeros`", 27808, ("numpy.zeros", "numpy.zeros_like")),
    KnownChange("2.2.0", "threads that call one ufunc", 27896, blind=SAME_BUILDS),
    KnownChange("2.2.0", "OpenBLAS 0.3.28", 27184, BLAS, None, is_guess=True),
    KnownChange("2.3.0", "`unique` by a hash table (said to be faster)", 26018,
                ("unique", "numpy.unique", "numpy.unique_values", "numpy.union1d",
                 "numpy.intersect1d", "numpy.setdiff1d", "numpy.setxor1d"), None),
    KnownChange("2.3.0", "GCC optimizes single functions again", 28789,
                ("repeat", *cells("repeat"), "numpy.packbits", *STRIDED_COPIES),
                is_guess=True),
    KnownChange("2.3.0", "`as_series` of polynomials", 25991, SERIES),
    KnownChange("2.3.0", "`count_nonzero` of floats", 27523,
                ("count_nonzero_float", "numpy.count_nonzero[d]")),
    KnownChange("2.3.0", "`legval`", 27830, tuple(f"numpy.polynomial.legendre.{name}" for name in (
                    "legval", "legval2d", "legval3d", "leggrid2d", "leggrid3d"))),
    KnownChange("2.3.0", "`det`", 28649, ("det", "numpy.linalg.det")),
    KnownChange("2.3.0", "`matmul` of strided arrays by BLAS", 23752,
                ("numpy.matmul[dd->d]-strided", "numpy.matmul[ff->f]-strided",
                 "numpy.linalg.matmul[d]-strided", "numpy.linalg.matrix_power[d]-strided")),
    KnownChange("2.3.0", "the iterator's buffers", 27883,
                ("numpy.add", "numpy.subtract", "numpy.multiply", "add_mixed", "sum_columns"),
                None),
    KnownChange("2.3.0", "`sort` and `argsort` in several threads of OpenMP", 28619,
                blind="the published wheels are built without it"),
    KnownChange("2.3.0", "float16 on ARM", 28769, blind=OTHER_MACHINES),
    KnownChange("2.3.0", "wheels by a newer GCC and for a newer glibc (manylinux_2_28)", 28436,
                ("numpy.remainder", "numpy.remainder.reduce", "numpy.remainder.accumulate",
                 "numpy.remainder.at", "numpy.remainder.reduceat", "numpy.remainder.outer",
                 "numpy.signbit[g", "numpy.arctan[D", "numpy.arctanh[D", "numpy.arccosh[D",
                 "numpy.exp2[D", "numpy.arcsin[F", "numpy.arccos[F", "numpy.arcsinh[F"), None,
                is_guess=True),
    KnownChange("2.3.0", "OpenBLAS 0.3.29", 28338, BLAS, None, is_guess=True),
    KnownChange("2.4.0", "`unique` of texts by a hash table", 28767,
                ("numpy.unique[U]", "numpy.unique_values[U]", "numpy.union1d[U]"), None),
    KnownChange("2.4.0", "`unique` of complex numbers by a hash table", 29537, blind=NO_CELL),
    KnownChange("2.4.0", "`einsum` by batches of `matmul`", 23513, ("einsum", "numpy.einsum"),
                None),
    KnownChange("2.4.0", "ufuncs of scalars", 29819, blind="the census calls with arrays"),
    KnownChange("2.4.0", "`ndindex`", 29165, blind=NO_CELL),
    KnownChange("2.4.0", "`tobytes` of strided arrays", 30170,
                ("numpy.ndarray.tobytes[d]-strided",)),
    KnownChange("2.4.0", "`round` of integers returns a copy, no view", 29137,
                cells("round", "around"), True),
    KnownChange("2.4.0", "`fix` by `trunc`", 30197, ("numpy.fix",)),
    KnownChange("2.4.0", "left shifts of int64 clear the floating point flags", 28896,
                ("numpy.left_shift.at[l", "numpy.left_shift.reduceat[l"), True),
    KnownChange("2.4.5", "functions of float16 no longer by AVX-512, for their accuracy", 31178,
                tuple(f"numpy.{name}[e" for name in (
                    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan",
                    "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
                    "arctanh", "cbrt")), True),
    KnownChange("2.4.2", "OpenBLAS 0.3.31", 30737, BLAS, None, is_guess=True),
    KnownChange("2.4.3", "a stronger hash in `isin` and `unique`, against collisions", 30840,
                ("unique", "isin", "numpy.unique", "numpy.isin", "numpy.unique_values",
                 "numpy.union1d", "numpy.intersect1d", "numpy.setdiff1d", "numpy.setxor1d"), None),
    KnownChange("2.5.0", "`searchsorted` of many keys", 30517,
                ("searchsorted", "digitize", *cells("searchsorted"), "numpy.digitize")),
    KnownChange("2.5.0", "reductions of whole arrays", 31274,
                ("add_reduce", *cells("sum", "prod", "any", "all")),
                blind="it gains on small arrays, and the cases here are larger"),
    KnownChange("2.5.0", "ufuncs without locks", 30846, blind=SAME_BUILDS),
)  # fmt: skip
