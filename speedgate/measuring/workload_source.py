"""Workload source: the modules that a workload's code is in, each with a digest of its file.

What was measured of a workload that somebody has edited since is no measurement of this one.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path

from speedgate import files
from speedgate.measuring.plan import folders_of
from speedgate.stats.case import Workload

DIGEST_BYTES = 8


def source_of(workload: Workload, module: str | None = None) -> dict[str, str]:
    """Return a digest for each module of a workload, by the module's name.

    They are those of its functions, ``module`` that declares it, and what these import from the
    folders in which they lie, also within a function. What is installed is left out: each build has
    its own.
    """
    functions = (workload.function, workload.prepare)
    named = [module, *(getattr(function, "__module__", None) for function in functions)]
    left = [name for name in named if name is not None]
    folders = [Path(folder) for folder in folders_of(left)]
    source: dict[str, str] = {}
    looked_at: set[str] = set()
    while left:
        for name in _with_packages(left.pop()):
            if name in looked_at:
                continue
            looked_at.add(name)
            path = _file_of(name, folders)
            if path is not None:
                data = files.read(path)
                source[name] = hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
                left += _imported(data, name, path)
    return source


def changed_modules(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the modules that are not in both, or not the same."""
    names = sorted({*before, *now})
    return [name for name in names if before.get(name) != now.get(name)]


def _with_packages(name: str) -> list[str]:
    """Return ``a``, ``a.b`` and ``a.b.c`` of that."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _file_of(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the file of a module in one of the folders, ``None`` where there is none, or this
    interpreter has the package from elsewhere, such as a NumPy beside whose sources a workload
    lies."""
    for folder in folders:
        base = folder.joinpath(*name.split("."))
        for path in (base / "__init__.py", *_beside(base)):
            if files.is_file(path):
                if _is_elsewhere(name.partition(".")[0], folder):
                    break  # the file of another folder may be the one that is loaded
                return path
    return None


def _beside(base: Path) -> Iterator[Path]:
    for suffix in (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES):
        yield base.with_name(base.name + suffix)


def _is_elsewhere(package: str, folder: Path) -> bool:
    """Whether a module is loaded, and not from what lies in the folder itself. What is a link lies
    where the link is, as well as where it leads."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return False
    path = Path(file)
    above = 1 if path.name.startswith("__init__.") else 0
    return folder not in (path.parents[above].resolve(), path.resolve().parents[above])


def _imported(data: bytes, name: str, path: Path) -> Iterator[str]:
    """Yield what a module's source imports; of ``from a import b`` both ``a`` and ``a.b``."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):  # no source, or one that is being edited
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import begins in the package, or above it.
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names if base)
