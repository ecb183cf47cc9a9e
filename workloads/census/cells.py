"""Cells: of each function the dtypes, loops and layouts that it takes, and how one is called.

A cell is only what a call of a few elements has shown to work in this NumPy. Its name and its size
do not depend on the machine, so that two builds have the same cells where they have the same
functions.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np

from workloads.census import exceptions, functions, inputs, rules
from workloads.census.fingerprint import fingerprint, whole_call
from workloads.census.functions import (
    DISTRIBUTION,
    FUNCTION,
    METHOD,
    SERIES,
    TEXTS,
    UFUNC,
    Function,
    find,
)
from workloads.census.inputs import CONTIGUOUS, FORTRAN, STRIDED, UNALIGNED, Kit

# A call of so few elements shows whether a dtype is taken; with four times as many, how it grows.
TRIAL_SIZE = 16
# A result with more elements than this many for each of its input is taken for a square.
SQUARE = 6
# The element counts with which a call takes from 0.1 ms to 5 ms for most of a family.
USUAL_SIZE, SLOW_SIZE = 100_000, 10_000
# What returns a single element reads fast, and fills no memory.
LARGE_SIZE = 1_000_000
SLOW_CODES = "OUSTV"
# Of these a byte holds an element: as many as for other dtypes take a microsecond.
BYTE_SIZE, BYTE_CODES = 1_000_000, "?bB"
# A method of ndarray stands for what every dtype does, a function for the kinds of dtypes.
METHOD_CODES = "dlfDO?MUegmTSV"
FUNCTION_CODES = "dlOMU"
# What computes in complex numbers or single precision has loops of its own for them.
TRANSFORM_CODES = FUNCTION_CODES + "Df"
TRANSFORMS = ("numpy.fft.", "numpy.linalg.")
# What compares elements has code of its own for most dtypes.
ORDER_CODES = FUNCTION_CODES + "fD?T"
TEXT_CODES = "UST"
# What ``types`` of a ufunc does not list.
UNLISTED_CODES, TIMES = "USTV", "Tl"
SERIES_CODES = "dD"
# The dtypes whose other layouts are measured, too.
MANY_LAYOUTS = "dl"
# On most platforms these are long and unsigned long under another letter.
TWIN_CODES = {"q": "l", "Q": "L"}

Call = partial[Any]


@dataclass(frozen=True)
class Cell:
    """One thing to measure: a function on a dtype or loop, in a layout, at a size."""

    path: str
    codes: str
    layout: str
    size: int
    # How it is called here, see ``fingerprint``; "" before that is known.
    call: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """``numpy.add[dd->d]-strided``: what it is called, without its size."""
        return f"{self.path}[{self.codes}]-{self.layout}"

    @classmethod
    def parse(cls, name: str, size: int) -> Cell:
        match = re.fullmatch(r"([\w.]+)\[(.*)\]-(\w+)", name)
        if match is None:
            raise ValueError(f"'{name}' is not a cell: it reads function[dtypes]-layout")
        return cls(match[1], match[2], match[3], size)


def cells_of(
    function: Function, names: Collection[str] | None = None, lost: Collection[str] = ()
) -> tuple[list[Cell], str]:
    """Return the cells of a function, and why there are none; only those of these ``names``.

    A candidate that makes the same call as one before it is that cell under another name. No input
    is made as for one that is ``lost``: that may be what ends the interpreter.
    """
    if function.reason is not None:
        return [], function.reason
    why, cells, candidates = "", [], list(_candidates(function))
    calls = cache(_whole_call)
    with quiet():
        for number, cell in enumerate(candidates):
            if names is not None and cell.name not in names:
                continue
            try:
                trial = _tried(cell)
            except Exception as error:  # noqa: BLE001  # whatever NumPy raises says that it is none
                why = why or _why(error)
                continue
            # Nothing is called for that: where ``names`` are asked for, one before may end it all.
            before = [other for other in candidates[:number] if other.path == cell.path]
            known = [calls(other, trial.rank) for other in before if other.name not in lost]
            if not known or calls(cell, trial.rank) not in known:
                large = trial.is_small and cell.size == USUAL_SIZE
                large = large and not function.name.endswith(exceptions.SORTED)
                size = LARGE_SIZE if large else cell.size
                cells.append(replace(cell, size=size, call=trial.call))
    return cells, "" if cells else why or "it has no loop"


def _whole_call(cell: Cell, rank: int) -> str | None:
    """Return what a cell is called with, ``None`` where there is no such input."""
    try:
        return whole_call(_call(cell, TRIAL_SIZE, 0, rank, False))
    except Exception:  # noqa: BLE001  # as where it is tried
        return None


class quiet(warnings.catch_warnings):  # a context, as contextlib names them
    """Neither NumPy nor Python warns inside."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")


# --- what a runner asks, as plain values


def list_functions() -> list[dict[str, Any]]:
    """Return the functions: ``path``, and ``reason`` where it is not called."""
    return [
        {"path": function.path, "reason": function.reason} for function in functions.functions()
    ]


def list_cells(
    path: str, names: Collection[str] | None = None, lost: Collection[str] = ()
) -> dict[str, Any]:
    """Return the ``cells`` of a function as pairs of name and size, the ``calls`` that they are,
    see ``fingerprint``, and the ``reason`` for none. ``names`` and ``lost``: see ``cells_of``."""
    cells, why = cells_of(_functions()[path], names, lost)
    return {
        "cells": [(cell.name, cell.size) for cell in cells],
        "calls": [cell.call for cell in cells],
        "reason": why,
    }


def list_candidates(path: str) -> list[str]:
    """Return the cells that a function may have, by their names: nothing is called."""
    return [cell.name for cell in _candidates(_functions()[path])]


# --- which cells there may be


def _candidates(function: Function) -> Iterator[Cell]:
    if function.family == UFUNC:
        yield from _ufunc_candidates(function)
        return
    for code in _codes(function):
        for layout in _layouts(function) if code == "d" else (CONTIGUOUS,):
            yield Cell(function.path, code, layout, _size(function, code))


def _codes(function: Function) -> str:
    if function.family == DISTRIBUTION:
        return "d"
    if function.path in exceptions.ONLY_CODES:
        return exceptions.ONLY_CODES[function.path]
    if function.path.startswith(TRANSFORMS):
        return TRANSFORM_CODES
    if function.path in exceptions.IN_ORDER:
        return ORDER_CODES
    known = {TEXTS: TEXT_CODES, SERIES: SERIES_CODES, METHOD: METHOD_CODES}
    return known.get(function.family, FUNCTION_CODES)


def _layouts(function: Function) -> tuple[str, ...]:
    if function.family in (DISTRIBUTION, SERIES):
        return (CONTIGUOUS,)
    more = (UNALIGNED,) if function.family == METHOD else ()
    return (CONTIGUOUS, STRIDED, FORTRAN, *more)


def _ufunc_candidates(function: Function) -> Iterator[Cell]:
    """Yield every loop, the telling ones in every layout, and the methods on these."""
    ufunc = find(function.path)
    # Some list a loop twice, of which only the first is ever run.
    loops = [loop for loop in dict.fromkeys(ufunc.types) if not _is_twin(loop)]
    telling = [next((loop for loop in loops if loop[0] == code), None) for code in MANY_LAYOUTS]
    chosen = [loop for loop in telling if loop is not None] or loops[:1]
    for loop in loops:
        layouts: tuple[str, ...] = (CONTIGUOUS,)
        if loop in chosen:
            layouts = (CONTIGUOUS, STRIDED, UNALIGNED)
            layouts += (FORTRAN,) if ufunc.signature else ()
        for layout in layouts:
            yield Cell(function.path, loop, layout, _size(function, loop))
    for codes in _unlisted(ufunc):
        yield Cell(function.path, codes, CONTIGUOUS, _size(function, codes))
    for method in functions.UFUNC_METHODS:
        for loop in chosen:
            path = f"{function.path}.{method}"
            yield Cell(path, loop, CONTIGUOUS, _size(function, loop))


def _unlisted(ufunc: Any) -> list[str]:
    """Return loops of texts, by their arguments alone: what they return is not known."""
    same = [code * ufunc.nin for code in UNLISTED_CODES]
    return [*same, TIMES] if ufunc.nin == len(TIMES) else same


def _is_twin(loop: str) -> bool:
    return any(
        code in loop and np.dtype(code).itemsize == np.dtype(twin).itemsize
        for code, twin in TWIN_CODES.items()
    )


def _size(function: Function, codes: str) -> int:
    """Return the number of elements, from the function and the dtype alone."""
    for name in (f"{function.path}[{codes}]", function.path):
        if name in exceptions.SIZES:
            return exceptions.SIZES[name]
    is_slow = function.family in (TEXTS, SERIES, DISTRIBUTION)
    is_slow |= function.path.startswith("numpy.linalg.") or any(c in codes for c in SLOW_CODES)
    if function.family == UFUNC and find(function.path).signature:
        is_slow = True
    if is_slow:
        return SLOW_SIZE
    is_simple = function.family == UFUNC and codes[0] in BYTE_CODES
    return BYTE_SIZE if is_simple else USUAL_SIZE


# --- how a cell is called


def prepare(name: str, size: int, seed: int) -> Call:
    """Return a call of the cell, with arguments of its own; ``NotImplementedError`` where this
    NumPy has no such function, or refuses the dtype or the layout."""
    cell = Cell.parse(name, size)
    with quiet():
        trial = _taken(cell)
        return _call(cell, size, seed, trial.rank, trial.is_square)


def call_of(name: str, size: int) -> str:
    """Return how the cell is called here, see ``fingerprint``; raises what ``prepare`` does."""
    with quiet():
        return _taken(Cell.parse(name, size)).call


def _taken(cell: Cell) -> Trial:
    """Try a cell that another build may have."""
    try:
        _family(cell.path)
    except KeyError:
        raise NotImplementedError(f"this NumPy has no {cell.path}") from None
    try:
        return _tried(cell)
    except MemoryError:  # of this machine, and not of NumPy
        raise
    except Exception as error:
        raise NotImplementedError(f"this NumPy has no {cell.name}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Return in one line what NumPy, or the making of the input, said."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


# What calls that: no bytecode of ours lies between the timed loop and NumPy.
call = operator.call


@dataclass(frozen=True)
class Trial:
    """What a call of few elements has shown: the ``rank`` of the array that is taken, whether the
    result grows as its square, or has one element at most, and the ``call`` as a fingerprint."""

    rank: int
    is_square: bool
    is_small: bool
    call: str


@cache
def _tried(cell: Cell) -> Trial:
    """Call a cell with few elements, in one dimension or else in two. Raises what the call does."""
    if _family(cell.path) == UFUNC:
        call = _call(cell, TRIAL_SIZE, 0, 1, False)
        return Trial(1, False, _is_single(call()), fingerprint(call))
    ranks: tuple[int, ...] = (2, 1) if cell.path.startswith("numpy.linalg.") else (1, 2)
    ranks = (2,) if cell.layout == FORTRAN else ranks
    refused: Exception | None = None
    for rank in ranks:
        try:
            call = _call(cell, TRIAL_SIZE, 0, rank, False)
            result = call()
        except Exception as error:  # noqa: BLE001  # the next rank may do
            refused = refused or error
            continue
        is_square = _elements(result) > SQUARE * TRIAL_SIZE
        return Trial(rank, is_square, _is_single(result), fingerprint(call, rank, is_square))
    assert refused is not None
    raise refused


def _is_single(result: Any) -> bool:
    """Whether a result is one number, be it in an array."""
    if isinstance(result, np.ndarray):
        return result.size == 1
    return isinstance(result, (np.generic, bool, int, float, complex))


def _elements(result: Any) -> int:
    if isinstance(result, (tuple, list)):
        return sum(_elements(part) for part in result)
    return int(getattr(result, "size", 0)) if isinstance(result, np.ndarray) else 0


@cache
def _functions() -> dict[str, Function]:
    return {function.path: function for function in functions.functions()}


def _family(path: str) -> str:
    head, _, method = path.rpartition(".")
    if method in functions.UFUNC_METHODS and _is_ufunc(head):
        return UFUNC
    return _functions()[path].family


def _is_ufunc(path: str) -> bool:
    function = _functions().get(path)
    return function is not None and function.family == UFUNC


def _call(cell: Cell, size: int, seed: int, rank: int, is_square: bool) -> Call:
    family, path = _family(cell.path), cell.path
    owner = path.rpartition(".")[0]  # of a ufunc's method
    domains = exceptions.DOMAINS
    domain = domains.get(path) or domains.get(owner) or (inputs.LEAST, inputs.MOST)
    if family == UFUNC:
        return _ufunc_call(cell, Kit(cell.codes[0], cell.layout, size, seed, 1, domain))
    kit = Kit(cell.codes, cell.layout, size, seed, rank, domain)
    if is_square:
        kit = Kit(cell.codes, cell.layout, kit.side, seed, rank, domain)
    named = exceptions.NAMED.get(path, {})
    function: Any = find(path)
    if family == DISTRIBUTION:
        function, named = _bound(path, seed), _with_size(function, path, size)
    arguments = _arguments(cell, family, kit)
    if family == FUNCTION and not _has_array(arguments) and "dtype" in rules.optional(function):
        named = named | {"dtype": inputs.dtype_of(cell.codes)}
    if path in exceptions.AFRESH:
        return partial(_afresh, function, arguments, named, exceptions.AFRESH[path])
    return partial(function, *arguments, **named)


def _has_array(value: Any) -> bool:
    """Whether the dtype of a call is that of an array in it."""
    if isinstance(value, (tuple, list)):
        return any(map(_has_array, value))
    return isinstance(value, np.ndarray)


def _afresh(
    function: Any,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
    fresh: Callable[..., tuple[Any, ...]],
) -> Any:
    """Call with what ``fresh`` makes of the arguments for this call alone."""
    return function(*fresh(*arguments), **named)


def _arguments(cell: Cell, family: str, kit: Kit) -> tuple[Any, ...]:
    special = exceptions.CALLS.get(cell.path)
    if special is not None:
        return special(kit)
    function = find(cell.path)
    if family == DISTRIBUTION:
        return rules.arguments_by_rule(function, kit, rules.DISTRIBUTIONS)
    if family == METHOD:
        return (kit.array(), *rules.arguments_by_rule(function, kit, rules.PARAMETERS))
    if family == SERIES:
        table = exceptions.polynomial_call(cell.path.rpartition(".")[2], kit)
        of_kit = {name: _ignoring(maker) for name, maker in table.items()}
        return rules.arguments_by_rule(function, kit, {**rules.PARAMETERS, **of_kit})
    return rules.arguments_by_rule(function, kit, rules.PARAMETERS)


def _ignoring(maker: Callable[[], Any]) -> rules.Maker:
    return lambda kit: maker()


def _bound(path: str, seed: int) -> Any:
    """Return the method of a generator with a seed of its own."""
    class_path, _, name = path.rpartition(".")
    kind = find(class_path)
    owner = kind(seed) if kind is np.random.RandomState else kind(np.random.PCG64(seed))
    return getattr(owner, name)


def _with_size(function: Any, path: str, size: int) -> dict[str, Any]:
    takes_it = "size" in rules.optional(function) and path not in exceptions.CALLS
    return {"size": size} if takes_it or path.endswith("multivariate_normal") else {}


def _ufunc_call(cell: Cell, kit: Kit) -> Call:
    """Return a call of a ufunc's loop, or of one of its methods, on arrays of the loop's dtypes."""
    head, _, method = cell.path.rpartition(".")
    is_method = method in functions.UFUNC_METHODS and _is_ufunc(head)
    ufunc = find(head if is_method else cell.path)
    codes = cell.codes.partition("->")[0]
    if is_method:
        return _method_call(ufunc, method, codes, kit)
    core = ufunc.signature
    shapes = _core_shapes(core, kit) if core else [(kit.size,)] * ufunc.nin
    arguments = [
        kit.of(code).shaped(shape, number)
        for number, (code, shape) in enumerate(zip(codes, shapes, strict=True))
    ]
    return partial(ufunc, *arguments)


def _method_call(ufunc: Any, method: str, codes: str, kit: Kit) -> Call:
    function = getattr(ufunc, method)
    first, last = kit.of(codes[0]), kit.of(codes[-1])
    if method == "outer":
        return partial(function, first.short(0), last.short(1))
    if method == "at":
        # Of its own results a function soon makes denormals, infinities and warnings: each call
        # begins with the same values, and comes to each of them once.
        places = (kit.indices(), last.vector(1)) if ufunc.nin == 2 else (kit.order(),)
        arguments = (first.vector(0), *places)
        return partial(_afresh, function, arguments, {}, exceptions.first_copied)
    if method == "reduceat":
        return partial(function, first.vector(0), np.arange(0, kit.size, 4))
    return partial(function, first.vector(0))


def _core_shapes(signature: str, kit: Kit) -> list[tuple[int, ...]]:
    """Return shapes of the operands of a generalised ufunc: its core dimensions are the side."""
    operands = re.findall(r"\(([^)]*)\)", signature.partition("->")[0])
    ranks = [len([name for name in operand.split(",") if name]) for operand in operands]
    loop = (kit.side,) if max(ranks) == 1 else ()
    return [loop + (kit.side,) * rank for rank in ranks]
