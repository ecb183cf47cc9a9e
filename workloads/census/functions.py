"""Functions: NumPy's public names, walked: ufuncs and their methods, functions, distributions."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.census.exceptions import NOT_CALLED

UFUNC, FUNCTION, TEXTS, SERIES = "ufunc", "function", "text", "polynomial"
METHOD, DISTRIBUTION = "method", "distribution"
UFUNC_METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")
POLYNOMIAL_MODULES = (
    "polynomial", "chebyshev", "legendre", "hermite", "hermite_e", "laguerre", "polyutils",
)  # fmt: skip
MODULES: dict[str, str] = {
    "numpy": FUNCTION,
    "numpy.linalg": FUNCTION,
    "numpy.fft": FUNCTION,
    "numpy.strings": TEXTS,
    "numpy.char": TEXTS,
    **{f"numpy.polynomial.{name}": SERIES for name in POLYNOMIAL_MODULES},
}
CLASSES = {
    "numpy.ndarray": METHOD,
    "numpy.random.Generator": DISTRIBUTION,
    "numpy.random.RandomState": DISTRIBUTION,
}

# What a build without a part of NumPy raises where it is asked for: NumPy 2 imports a submodule
# when somebody takes it from the package.
MISSING = (ImportError, AttributeError)


@dataclass(frozen=True)
class Function:
    """A public function: ``path`` is its name with its module or class, ``family`` says how its
    arguments are made."""

    path: str
    family: str

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def reason(self) -> str | None:
        """Why it is not called, ``None`` if it is."""
        return NOT_CALLED.get(self.path)


def find(path: str) -> Any:
    """Return the object with a path such as ``numpy.random.Generator.normal``."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    raise LookupError(path)


def functions() -> list[Function]:
    """Return the public functions of this NumPy, each object once, in a fixed order."""
    objects: dict[int, Any] = {}  # an object that is alive keeps its id
    names: dict[int, list[tuple[str, str]]] = {}
    for path, family, value in _public():
        objects[id(value)] = value
        names.setdefault(id(value), []).append((path, family))
    plain = [_function(names[key], value) for key, value in objects.items()]
    return sorted(plain, key=lambda function: function.path)


def _function(names: list[tuple[str, str]], value: Any) -> Function:
    """Of several names the object's own one is its path; a ufunc among texts stays a text."""
    own = [name for name in names if name[0].endswith(f".{getattr(value, '__name__', '')}")]
    path, family = (own or names)[0]
    if isinstance(value, np.ufunc) and value.types:
        family = UFUNC
    return Function(path, family)


def _public() -> Iterator[tuple[str, str, Any]]:
    for module_name, family in MODULES.items():
        try:
            module = importlib.import_module(module_name)
        except MISSING:
            continue
        names = getattr(module, "__all__", None) or dir(module)
        for name in sorted(names):
            try:
                value = getattr(module, name)
            except MISSING:
                continue
            if not name.startswith("_") and callable(value) and not isinstance(value, type):
                yield f"{module_name}.{name}", family, value
    for class_path, family in CLASSES.items():
        try:
            owner = find(class_path)
        except MISSING:
            continue
        for name in sorted(dir(owner)):
            if not name.startswith("_") and callable(getattr(owner, name)):
                yield f"{class_path}.{name}", family, getattr(owner, name)
