"""Rules: an argument for a required parameter, by its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from workloads.census.inputs import Kit

Maker = Callable[[Kit], Any]

ARRAYS = (
    "a ar arr array ary x m p z f y c v b x1 x2 a1 a2 ar1 ar2 A X c1 c2 u val val1 element "
    "test_elements values prototype filt data obj object seq_of_zeros xp fp roots pol sample "
    "dst src old new off scl number buffer left right number1 number2 seq"
)
SECOND = ("b", "x2", "a2", "ar2", "c2", "v", "test_elements", "src", "y")
SEVERAL = ("arrays", "tup", "arys", "args", "xi", "operands", "keys")


def _array(name: str) -> Maker:
    return lambda kit: kit.array(1 if name in SECOND else 0)


PARAMETERS: dict[str, Maker] = {
    **{name: _array(name) for name in ARRAYS.split()},
    **dict.fromkeys(SEVERAL, lambda kit: (kit.array(0), kit.array(1))),
    "axis": lambda kit: 0,
    "axes": lambda kit: (0,),
    "axis1": lambda kit: 0,
    "axis2": lambda kit: 1,
    "bins": lambda kit: np.sort(kit.array(1)),
    "condition": lambda kit: kit.mask(),
    "deg": lambda kit: 3,
    "destination": lambda kit: 0,
    "dimensions": lambda kit: (kit.side, kit.side),
    "dtype": lambda kit: np.dtype(np.complex128),
    "fill_value": lambda kit: kit.vector(size=1)[0],
    "func": lambda kit: np.sum,
    "func1d": lambda kit: np.sum,
    "ind": lambda kit: kit.indices(),
    "indices": lambda kit: kit.indices(),
    "indices_or_sections": lambda kit: 2,
    "kth": lambda kit: (kit.side if kit.rank == 2 else kit.size) // 2,
    "mask": lambda kit: kit.mask(),
    "M": lambda kit: kit.size,
    "N": lambda kit: kit.side,
    "n": lambda kit: kit.side,
    "new_shape": lambda kit: (2, kit.size),
    "npts": lambda kit: kit.size,
    "offsets": lambda kit: 1,
    "pad_width": lambda kit: 1,
    "pow": lambda kit: 3,
    "q": lambda kit: 0.3,
    "repeats": lambda kit: 2,
    "reps": lambda kit: 2,
    "shape": lambda kit: (kit.size,),
    "shift": lambda kit: 3,
    "source": lambda kit: -1,
    "start": lambda kit: 1.0,
    "stop": lambda kit: 2.0,
    "vals": lambda kit: kit.array(1),
    # of texts
    "chars": lambda kit: kit.vector(size=1)[0],
    "i": lambda kit: 2,
    "prefix": lambda kit: kit.vector(size=1)[0],
    "sep": lambda kit: kit.vector(1, 1)[0],
    "sub": lambda kit: kit.vector(1, 1)[0],
    "suffix": lambda kit: kit.vector(size=1)[0],
    "width": lambda kit: 16,
}
# The parameters of distributions, where the same names mean something else.
DISTRIBUTIONS: dict[str, Maker] = {
    **dict.fromkeys(("a", "b", "df", "dfden", "dfnum", "kappa", "mean", "scale"), lambda kit: 3.0),
    **dict.fromkeys(("lam", "loc", "mu", "nonc", "shape"), lambda kit: 2.0),
    **dict.fromkeys(("nbad", "ngood", "nsample"), lambda kit: 40),
    "alpha": lambda kit: (1.0, 2.0, 3.0),
    "cov": lambda kit: np.eye(3),
    "left": lambda kit: 0.0,
    "length": lambda kit: 8 * kit.size,
    "low": lambda kit: 1000,
    "mode": lambda kit: 0.5,
    "n": lambda kit: 10,
    "p": lambda kit: 0.3,
    "pvals": lambda kit: (0.2, 0.3, 0.5),
    "right": lambda kit: 1.0,
    "x": lambda kit: kit.vector(),
}


class NoRule(LookupError):
    """No rule makes this call; the text says what is missing."""


def required(function: Any) -> list[inspect.Parameter]:
    """Return the parameters without a default; ``NoRule`` where nothing tells them."""
    return [
        parameter
        for parameter in _signature(function).parameters.values()
        if parameter.name != "self"
        and parameter.kind is not parameter.VAR_KEYWORD
        and parameter.default is parameter.empty
    ]


def optional(function: Any) -> set[str]:
    """Return the names of the parameters with a default."""
    try:
        parameters = _signature(function).parameters
    except NoRule:
        return set()
    return {name for name, one in parameters.items() if one.default is not one.empty}


def _signature(function: Any) -> inspect.Signature:
    """Return a function's signature, from its docstring where it has none that Python can read."""
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        return _documented(function)


_HEAD = re.compile(r"^\s*(?:\w+\.)?\w+\((?P<inside>.*)\)")


def _documented(function: Any) -> inspect.Signature:
    """Read the first line of a docstring, as compiled functions have it: ``name(a, b=None)``."""
    lines = (getattr(function, "__doc__", None) or "").strip().splitlines()
    head = _HEAD.match(lines[0]) if lines else None
    if head is None:
        raise NoRule("it tells no signature")
    parameters = []
    for text in head["inside"].split(","):
        name, has_default, _ = text.strip().partition("=")
        if not name.isidentifier():
            continue  # a star, a slash, or a shape in brackets
        default = None if has_default else inspect.Parameter.empty
        kind = inspect.Parameter.KEYWORD_ONLY if has_default else inspect.Parameter.POSITIONAL_ONLY
        parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(sorted(parameters, key=lambda one: one.kind))


def arguments_by_rule(function: Any, kit: Kit, table: dict[str, Maker]) -> tuple[Any, ...]:
    """Return the arguments of a call, or raise ``NoRule`` with the parameter that has no rule."""
    arguments: list[Any] = []
    for parameter in required(function):
        if parameter.name not in table:
            raise NoRule(f"no rule makes its parameter '{parameter.name}'")
        value = table[parameter.name](kit)
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments += value if isinstance(value, tuple) else (value,)
        else:
            arguments.append(value)
    return tuple(arguments)
