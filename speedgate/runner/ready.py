"""Imports one package, and says what that did to the GIL. Run in a fresh interpreter, so the
standard library only.

Python 3.13 and later tell on standard error, where they are started with -v, of each extension that
requires the GIL: of those, too, that come after the one that switched it on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import PurePath
from typing import Any

from speedgate.runner.framing import frame
from speedgate.runner.gil import enablers, is_free_threaded, watch_gil

# Stands on standard error between what importing a package does and what its parts do.
PARTS_BEGIN = "# speedgate: the parts begin"
# Extensions that only the tests of a package import.
_OF_TESTS = re.compile(r"(^|[._])tests?([._]|$)")

Json = dict[str, Any]


def describe_packages() -> Json:
    """Return what this interpreter is, and which distributions have extension modules."""
    names = {
        str(package.metadata["Name"])
        for package in distributions()
        if any(extension_modules(package))
    }
    return {
        "python": sys.version.split()[0],
        "free_threaded": is_free_threaded(),
        "packages": sorted(names, key=str.lower),
    }


def import_package(name: str) -> Json:
    """Import a distribution, or a module where none has this name, and then all its extensions.

    ``error`` says why it cannot be imported, ``None`` where it can; ``left_out`` which extensions
    cannot be imported by themselves; ``enablers`` which switched the GIL on, ``by_parts`` those
    that did so only when they were imported by themselves.
    """
    watch_gil()
    try:
        package: Distribution | None = distribution(name)
    except PackageNotFoundError:
        package = None
    tops = [name] if package is None else list(top_modules(package))
    parts = [] if package is None else list(extension_modules(package))
    reply: Json = {
        "version": None if package is None else package.version,
        "extensions": len(parts),
        "error": None,
        "left_out": [],
    }
    for top in tops:
        if (error := _failure_of(top)) is not None:
            return reply | {"error": error, "enablers": enablers(), "by_parts": []}
    at_import = enablers()
    sys.stderr.write(f"\n{PARTS_BEGIN}\n")
    sys.stderr.flush()
    reply["left_out"] = [part for part in parts if _failure_of(part) is not None]
    by_parts = [module for module in enablers() if module not in at_import]
    return reply | {"enablers": at_import, "by_parts": by_parts}


def _failure_of(module: str) -> str | None:
    try:
        import_module(module)
    except Exception as error:  # noqa: BLE001  # whatever a package raises when it is imported
        return f"{type(error).__name__}: {error}"
    return None


def top_modules(package: Distribution) -> Iterator[str]:
    """Yield the names by which a distribution is imported; its tests and what is private not."""
    names = set()
    for path in _modules(package):
        if path.suffix == ".py" or path.name.endswith(tuple(EXTENSION_SUFFIXES)):
            is_package = len(path.parts) == 2 and path.name == "__init__.py"
            if is_package or len(path.parts) == 1:
                names.add(path.parts[0].partition(".")[0])
    yield from sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def extension_modules(package: Distribution) -> Iterator[str]:
    """Yield the extension modules of a distribution, by their full names; those of tests not."""
    for path in _modules(package):
        suffix = next((end for end in EXTENSION_SUFFIXES if path.name.endswith(end)), None)
        if suffix is not None:
            parts = (*path.parts[:-1], path.name.removesuffix(suffix))
            # No folder of libraries, such as numpy.libs, is part of a name.
            if all(map(str.isidentifier, parts)) and not _OF_TESTS.search(".".join(parts)):
                yield ".".join(parts)


def _modules(package: Distribution) -> Iterable[PurePath]:
    files = package.files or ()
    return (path for path in files if ".." not in path.parts and not path.is_absolute())


def tell() -> None:
    """Print what is asked for, as one record: of the package that the command line names, or of
    this interpreter."""
    answer = import_package(sys.argv[1]) if len(sys.argv) > 1 else describe_packages()
    sys.stdout.write(f"\n{frame(answer)}")
