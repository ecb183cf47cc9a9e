"""Exceptions: the calls that no rule makes, and the functions that are not called, with the reason.

A function that is in neither table is called by rule.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from workloads.census.inputs import Kit, dtype_of

Arguments = tuple[Any, ...]

NO_ARRAY = "it takes no array"
FILES = "it reads or writes files of the system"
SETS = "it changes or shows settings of the process"
STATE = "it copies or replaces the state of a generator, and computes nothing"


def _paths(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names.split())


def _named(reason: str, prefix: str, names: str) -> dict[str, str]:
    return dict.fromkeys(_paths(prefix, names), reason)


NOT_CALLED: dict[str, str] = {
    **_named(
        NO_ARRAY,
        "numpy",
        "base_repr binary_repr broadcast_shapes datetime_data format_float_positional "
        "format_float_scientific frompyfunc get_include isdtype issubdtype mask_indices "
        "mintypecode promote_types typename show_config show_runtime test",
    ),
    # of NumPy 1
    **_named(
        NO_ARRAY,
        "numpy",
        "add_docstring add_newdoc add_newdoc_ufunc deprecate deprecate_with_doc "
        "find_common_type issctype issubclass_ issubsctype lookfor maximum_sctype "
        "obj2sctype safe_eval sctype2char source who",
    ),
    **_named("it prints what it is given", "numpy", "disp info"),
    **_named(
        SETS,
        "numpy",
        "get_printoptions set_printoptions printoptions getbufsize setbufsize geterr seterr "
        "geterrcall seterrcall geterrobj seterrobj set_numeric_ops set_string_function",
    ),
    "numpy.fromfile": FILES,
    "numpy.ndarray.tofile": FILES,
    **_named("it is genfromtxt under another name", "numpy", "recfromcsv recfromtxt"),
    **_named(
        "it changes the array itself so that no second call can follow",
        "numpy.ndarray",
        "resize setflags setfield",
    ),
    "numpy.random.Generator.spawn": STATE,
    **_named(STATE, "numpy.random.RandomState", "seed get_state set_state"),
}


def _twice(kit: Kit) -> Arguments:
    return ((kit.array(0), kit.array(1)),)


def _grid(kit: Kit) -> Any:
    return kit.shaped((4, 4))


def _lines(kit: Kit) -> str:
    return "\n".join(map(str, kit.vector()))


def _saved(kit: Kit) -> bytes:
    """The file that ``save`` makes of an array."""
    file = io.BytesIO()
    np.save(file, kit.array(), allow_pickle=False)
    return file.getvalue()


CALLS: dict[str, Callable[[Kit], Arguments]] = {
    # Of datetimes it wants both ends.
    "numpy.arange": lambda kit: (0, kit.size),
    "numpy.apply_along_axis": lambda kit: (np.sum, 0, kit.matrix()),
    "numpy.apply_over_axes": lambda kit: (np.sum, kit.matrix(), (0,)),
    "numpy.array": lambda kit: (kit.array(),),
    "numpy.astype": lambda kit: (kit.array(), np.complex128),
    "numpy.bmat": lambda kit: ([[kit.matrix(0), kit.matrix(1)]],),
    "numpy.bincount": lambda kit: (kit.vector(),),
    "numpy.block": lambda kit: ([kit.array(0), kit.array(1)],),
    "numpy.broadcast_to": lambda kit: (kit.vector(), (3, kit.size)),
    "numpy.busday_count": lambda kit: (_days(kit), _days(kit) + 30),
    "numpy.busday_offset": lambda kit: (_days(kit), 1, "forward"),
    "numpy.is_busday": lambda kit: (_days(kit),),
    "numpy.can_cast": lambda kit: (kit.array(), np.complex128),
    "numpy.choose": lambda kit: (kit.mask().astype(np.intp), [kit.array(0), kit.array(1)]),
    "numpy.clip": lambda kit: (kit.array(), kit.vector(size=1)[0], None),
    "numpy.concatenate": _twice,
    "numpy.convolve": lambda kit: (kit.vector(), kit.vector(1, 16)),
    "numpy.correlate": lambda kit: (kit.vector(), kit.vector(1, 16)),
    "numpy.cov": lambda kit: (kit.matrix(),),
    "numpy.corrcoef": lambda kit: (kit.matrix(),),
    "numpy.cross": lambda kit: (kit.shaped((kit.size // 3, 3)), kit.shaped((kit.size // 3, 3), 1)),
    "numpy.delete": lambda kit: (kit.vector(), kit.size // 2),
    "numpy.diag_indices": lambda kit: (kit.size,),
    "numpy.dot": lambda kit: (kit.array(0), kit.array(1)),
    "numpy.dsplit": lambda kit: (kit.shaped((kit.side, kit.side // 2 or 1, 2)), 2),
    "numpy.einsum": lambda kit: ("ij,jk->ik", kit.matrix(0), kit.matrix(1)),
    "numpy.einsum_path": lambda kit: ("ij,jk->ik", kit.matrix(0), kit.matrix(1)),
    "numpy.empty": lambda kit: (kit.size,),
    "numpy.empty_like": lambda kit: (kit.array(),),
    "numpy.extract": lambda kit: (kit.mask(), kit.array()),
    "numpy.from_dlpack": lambda kit: (kit.array(),),
    "numpy.frombuffer": lambda kit: (kit.array().tobytes(),),
    "numpy.fromfunction": lambda kit: (np.add, (kit.side, kit.side)),
    "numpy.fromregex": lambda kit: (_lines(kit), r"(\S+)", [("number", dtype_of(kit.code))]),
    "numpy.fromiter": lambda kit: (kit.vector().tolist(), kit.vector().dtype),
    "numpy.fromstring": lambda kit: (" ".join(map(str, kit.vector())),),
    "numpy.genfromtxt": lambda kit: (_lines(kit).splitlines(),),
    "numpy.get_array_wrap": lambda kit: (kit.array(0), kit.array(1)),
    "numpy.gradient": lambda kit: (kit.array(),),
    "numpy.histogramdd": lambda kit: (kit.shaped((kit.size // 2, 2)),),
    "numpy.inner": lambda kit: (kit.array(0), kit.array(1)),
    "numpy.insert": lambda kit: (kit.vector(), kit.size // 2, kit.vector(1, 1)),
    "numpy.interp": lambda kit: (
        kit.vector(),
        np.linspace(0, 1, kit.side),
        np.linspace(0, 1, kit.side),
    ),
    "numpy.ix_": lambda kit: (kit.short(0), kit.short(1)),
    "numpy.kaiser": lambda kit: (kit.size, 14.0),
    "numpy.lexsort": lambda kit: ((kit.vector(0), kit.vector(1)),),
    "numpy.linspace": lambda kit: (0.0, 1.0, kit.size),
    "numpy.logspace": lambda kit: (0.0, 1.0, kit.size),
    "numpy.geomspace": lambda kit: (1.0, 10.0, kit.size),
    "numpy.load": lambda kit: (_saved(kit),),
    "numpy.loadtxt": lambda kit: (_lines(kit).splitlines(),),
    "numpy.nested_iters": lambda kit: (kit.matrix(), [[0], [1]]),
    "numpy.packbits": lambda kit: (kit.array(),),
    "numpy.piecewise": lambda kit: (kit.array(), [kit.mask()], [np.negative, np.positive]),
    "numpy.polyfit": lambda kit: (kit.vector(), kit.vector(1), 3),
    "numpy.polymul": lambda kit: (kit.short(0), kit.short(1)),
    "numpy.polydiv": lambda kit: (kit.short(0), kit.vector(1, 4)),
    "numpy.polyval": lambda kit: (kit.vector(1, 8), kit.vector()),
    "numpy.poly": lambda kit: (kit.short(),),
    "numpy.roots": lambda kit: (kit.vector(size=32),),
    "numpy.put_along_axis": lambda kit: (kit.vector(), kit.indices(), kit.vector(1), 0),
    "numpy.ravel_multi_index": lambda kit: ((kit.indices(), kit.indices()), (kit.size, kit.size)),
    "numpy.reshape": lambda kit: (kit.array(), (-1, 1)),
    "numpy.result_type": lambda kit: (kit.array(0), kit.array(1)),
    **dict.fromkeys(
        ("numpy.save", "numpy.savez", "numpy.savez_compressed"), lambda kit: (kit.array(),)
    ),
    "numpy.savetxt": lambda kit: (kit.vector(),),
    "numpy.select": lambda kit: ([kit.mask()], [kit.array()]),
    # Since NumPy 2.3 it has a default for its axis.
    "numpy.take_along_axis": lambda kit: (kit.array(), kit.indices(), 0),
    "numpy.tensordot": lambda kit: (kit.matrix(0), kit.matrix(1), 1),
    "numpy.unravel_index": lambda kit: (kit.indices(), (kit.size, 1)),
    "numpy.vander": lambda kit: (kit.vector(), 4),
    "numpy.where": lambda kit: (kit.mask(), kit.array(0), kit.array(1)),
    "numpy.array2string": lambda kit: (kit.vector(size=max(2, kit.size // 100)),),
    "numpy.linalg.cholesky": lambda kit: (_definite(kit),),
    "numpy.linalg.cross": lambda kit: (
        kit.shaped((kit.size // 3, 3)),
        kit.shaped((kit.size // 3, 3), 1),
    ),
    "numpy.linalg.eigh": lambda kit: (_definite(kit),),
    "numpy.linalg.eigvalsh": lambda kit: (_definite(kit),),
    "numpy.linalg.matrix_power": lambda kit: (kit.matrix(), 3),
    "numpy.linalg.multi_dot": lambda kit: ((kit.matrix(0), kit.matrix(1), kit.matrix(2)),),
    "numpy.linalg.tensordot": lambda kit: (kit.matrix(0), kit.matrix(1)),
    "numpy.linalg.tensorsolve": lambda kit: (kit.matrix(), kit.short()),
    "numpy.linalg.tensorinv": lambda kit: (kit.matrix(), 1),
    "numpy.fft.fftfreq": lambda kit: (kit.size,),
    "numpy.fft.rfftfreq": lambda kit: (kit.size,),
    "numpy.strings.mod": lambda kit: (
        np.array(["%d"] * kit.size).astype(dtype_of(kit.code)),
        np.arange(kit.size),
    ),
    "numpy.strings.index": lambda kit: (kit.vector(), kit.vector(size=1)[0][:0]),
    "numpy.strings.rindex": lambda kit: (kit.vector(), kit.vector(size=1)[0][:0]),
    "numpy.strings.translate": lambda kit: (kit.vector(), str.maketrans("abc", "xyz")),
    "numpy.strings.slice": lambda kit: (kit.vector(), 1, 3),
    "numpy.char.compare_chararrays": lambda kit: (kit.vector(0), kit.vector(1), "<", False),
    "numpy.char.join": lambda kit: (kit.vector(size=1)[0][:1], kit.vector()),
    "numpy.polynomial.polyutils.as_series": lambda kit: ([kit.vector(0), kit.vector(1)],),
    "numpy.polynomial.polyutils.format_float": lambda kit: (0.5,),
    "numpy.polynomial.polyutils.mapdomain": lambda kit: (kit.vector(), (0, 1), (0, 2)),
    "numpy.polynomial.polyutils.mapparms": lambda kit: ((0, 1), (0, 2)),
    "numpy.ndarray.astype": lambda kit: (kit.array(), np.complex128),
    "numpy.ndarray.getfield": lambda kit: (kit.array(), np.uint8),
    "numpy.ndarray.choose": lambda kit: (
        kit.mask().astype(np.intp),
        [kit.array(0), kit.array(1)],
    ),
    "numpy.ndarray.argpartition": lambda kit: (kit.vector(), kit.size // 2),
    "numpy.ndarray.clip": lambda kit: (kit.array(), kit.vector(size=1)[0], None),
    "numpy.ndarray.compress": lambda kit: (kit.vector(), kit.mask()),
    "numpy.ndarray.dot": lambda kit: (kit.array(0), kit.array(1)),
    "numpy.ndarray.dump": lambda kit: (kit.array(),),
    "numpy.ndarray.fill": lambda kit: (kit.array(), kit.vector(size=1)[0]),
    "numpy.ndarray.item": lambda kit: (kit.array(), kit.size // 2),
    "numpy.ndarray.partition": lambda kit: (kit.vector(), kit.size // 2),
    "numpy.ndarray.prod": lambda kit: (kit.array(),),
    "numpy.ndarray.put": lambda kit: (kit.vector(), kit.indices(), kit.vector(1)),
    "numpy.ndarray.repeat": lambda kit: (kit.array(), 2),
    "numpy.ndarray.reshape": lambda kit: (kit.array(), (-1, 1)),
    "numpy.ndarray.searchsorted": lambda kit: (np.sort(kit.vector(0)), kit.vector(1)),
    "numpy.ndarray.swapaxes": lambda kit: (kit.matrix(), 0, 1),
    "numpy.ndarray.to_device": lambda kit: (kit.array(), "cpu"),
    "numpy.ndarray.transpose": lambda kit: (kit.array(),),
    "numpy.ndarray.view": lambda kit: (kit.array(), np.uint8),
    "numpy.ndarray.take": lambda kit: (kit.vector(), kit.indices()),
    "numpy.random.Generator.choice": lambda kit: (kit.vector(), kit.size),
    "numpy.random.Generator.permuted": lambda kit: (kit.vector(),),
    "numpy.random.Generator.multivariate_normal": lambda kit: ((0, 0, 0), np.eye(3)),
    "numpy.random.Generator.multivariate_hypergeometric": lambda kit: ((20, 30, 40), 10),
    "numpy.random.RandomState.choice": lambda kit: (kit.vector(), kit.size),
    "numpy.random.RandomState.multivariate_normal": lambda kit: ((0, 0, 0), np.eye(3)),
    "numpy.random.RandomState.rand": lambda kit: (kit.size,),
    "numpy.random.RandomState.randn": lambda kit: (kit.size,),
}
# What has to be said by name.
NAMED: dict[str, dict[str, Any]] = {
    "numpy.fromstring": {"sep": " "},
    "numpy.array2string": {"threshold": 10**9},
}


def first_copied(array: Any, *others: Any) -> Arguments:
    """Return the arguments of one call of what changes its first one."""
    return (array.copy(), *others)


def into_a_file(array: Any) -> Arguments:
    """Return the arguments of one call of what writes bytes."""
    return (io.BytesIO(), array)


# What is made anew for each call. Sorted or shuffled in place, a second call would find the work
# done. What stores the same values again in the same places needs no copy, and is not here.
AFRESH: dict[str, Callable[..., Arguments]] = {
    "numpy.ndarray.sort": first_copied,
    "numpy.ndarray.partition": first_copied,
    "numpy.random.Generator.shuffle": first_copied,
    "numpy.random.RandomState.shuffle": first_copied,
    # A file that each call adds to would grow for as long as the cell is measured.
    "numpy.savetxt": lambda array: (io.StringIO(), array),
    "numpy.save": into_a_file,
    "numpy.savez": into_a_file,
    "numpy.savez_compressed": into_a_file,
    "numpy.ndarray.dump": lambda array: (array, io.BytesIO()),
    "numpy.load": lambda content: (io.BytesIO(content),),
    "numpy.fromregex": lambda text, *others: (io.StringIO(text), *others),
}
# What sorts, searches or takes arrays for sets.
IN_ORDER = _paths(
    "numpy",
    "sort argsort lexsort partition argpartition searchsorted digitize median argmax argmin "
    "unique unique_all unique_counts unique_inverse unique_values isin in1d intersect1d "
    "union1d setdiff1d setxor1d nonzero",
)
# What takes arrays of one dtype alone.
ONLY_CODES: dict[str, str] = {
    **dict.fromkeys(("numpy.busday_count", "numpy.busday_offset", "numpy.is_busday"), "M"),
    **dict.fromkeys(("numpy.ravel_multi_index", "numpy.unravel_index"), "l"),
    "numpy.unpackbits": "B",
}
# Where the values of other functions would be outside the domain, and end in NaN.
DOMAINS: dict[str, tuple[float, float]] = {"numpy.arccosh": (1.1, 9.0)}
# The size of what would take far longer than 5 ms at that of its family, for all dtypes or one.
SIZES: dict[str, int] = {
    "numpy.datetime_as_string": 10_000,
    "numpy.digitize": 10_000,
    "numpy.fromregex": 1_000,
    "numpy.fromstring": 10_000,
    "numpy.genfromtxt": 1_000,
    "numpy.in1d[T]": 1_000,  # each of one with each of the other
    "numpy.isin[T]": 1_000,
    "numpy.lexsort": 10_000,
    "numpy.loadtxt": 10_000,
    "numpy.ndarray.searchsorted": 10_000,
    "numpy.savetxt": 1_000,
    "numpy.savez_compressed": 10_000,
    "numpy.searchsorted": 10_000,
}
# Single elements that are not read off, but sorted for.
SORTED = ("median", "percentile", "quantile")


def polynomial_call(name: str, kit: Kit) -> dict[str, Callable[[], Any]]:
    """Return the parameters of the functions of series: few coefficients, many places."""
    is_grid = name.endswith(("2d", "3d"))
    is_three = name.endswith("3d")
    places = kit.short if "grid" in name else kit.vector
    coefficients = kit.shaped((4, 4, 4)) if is_three else _grid(kit) if is_grid else None
    many = kit.vector(3, 32)
    degrees = [2, 2, 2] if is_three else [2, 2]
    is_valued = "val" in name or is_grid
    is_linear = name.endswith(("add", "sub"))
    series = many if name.endswith("pow") else kit.vector()
    if name.endswith(("companion", "roots")) or "2" in name:
        series = kit.vector(size=64)
    return {
        "c": lambda: _first_known(coefficients, many if is_valued else None, series),
        "x": lambda: places(0),
        "y": lambda: places(1),
        "z": lambda: places(2),
        "deg": lambda: degrees if "vander" in name and is_grid else 3,
        "c1": lambda: kit.vector(0) if is_linear else kit.vector(0, 100),
        "c2": lambda: kit.vector(1) if is_linear else kit.vector(1, 30),
        "pol": lambda: many,
        "roots": lambda: many,
        "pow": lambda: 3,
        "npts": lambda: kit.size,
        "func": lambda: np.cos,
        "off": lambda: 1.0,
        "scl": lambda: 2.0,
        "seq": kit.vector,
        "r": lambda: kit.vector(1, 16),
    }


def _first_known(*arrays: Any) -> Any:
    return next(array for array in arrays if array is not None)


def _days(kit: Kit) -> Any:
    return np.datetime64("2020-01-01", "D") + np.arange(kit.size) % 3000


def _definite(kit: Kit) -> Any:
    """A symmetric matrix whose eigenvalues are above 0, in the kit's layout."""
    matrix = kit.matrix()
    matrix[...] = matrix @ matrix.conj().T + kit.side * np.eye(kit.side, dtype=matrix.dtype)
    return matrix
