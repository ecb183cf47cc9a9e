"""Fingerprint: digests of NumPy's files and of every shared library that a build has loaded.

Run in the build's own interpreter, so the standard library only, and NumPy.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from speedgate.runner.framing import frame
from speedgate.runner.gil import gil_came_back, watch_gil
from speedgate.runner.interpreter import describe_installed, describe_interpreter

# NumPy loads these when they are first asked for.
NUMPY_PARTS = ("numpy", "numpy.fft", "numpy.linalg", "numpy.random")


def describe_build(packages: Iterable[str]) -> dict[str, Any]:
    """Return what this interpreter is, has loaded with NumPy, and holds of ``packages``.

    ``numpy_error`` is why there is no NumPy, ``None`` where there is one; ``loaded`` and the values
    of ``packages`` are digests, the same wherever the same bytes lie. Where even to ask for NumPy
    raises something else, ``environment`` is ``None`` and nothing more is known.
    """
    watch_gil()
    numpy_error = None
    try:
        for name in NUMPY_PARTS:
            import_module(name)
    except ImportError as error:
        numpy_error = f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  # a NumPy that is broken raises anything
        return {"numpy_error": f"{type(error).__name__}: {error}", "environment": None}
    return {
        "numpy_error": numpy_error,
        "gil_came_back": gil_came_back(),
        "environment": describe_interpreter() | describe_installed(),
        "loaded": digest_files({*mapped_files(), *numpy_files()}),
        "packages": {name: digest_package(name) for name in packages},
    }


def digest_files(paths: Iterable[str]) -> str:
    """Return a digest of the contents, wherever the files lie and whatever they are called."""
    contents = set()
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                contents.add(hashlib.file_digest(file, "blake2b").hexdigest())
        except OSError:  # replaced or removed since it was loaded
            contents.add(path)
    return hashlib.blake2b("\n".join(sorted(contents)).encode(), digest_size=16).hexdigest()


def numpy_files() -> Iterator[str]:
    """Yield the files of the modules that NumPy has loaded, and the libraries beside them."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and (name == "numpy" or name.startswith("numpy.")):
            yield file
    if "numpy" not in sys.modules:
        return
    folder = Path(str(sys.modules["numpy"].__file__)).parent
    for libraries in (folder.with_name("numpy.libs"), folder / ".libs", folder / ".dylibs"):
        yield from (str(path) for path in libraries.glob("*") if path.is_file())


def mapped_files() -> Iterator[str]:
    """Yield the program and the shared libraries of this process, the BLAS among them.

    Linux tells them all. Elsewhere threadpoolctl knows the BLAS, and the C library is the
    system's.
    """
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        yield str(Path(sys.executable).resolve())
        with contextlib.suppress(ImportError):
            known = import_module("threadpoolctl").threadpool_info()
            yield from (library["filepath"] for library in known)
        return
    for line in lines:
        _, permissions, _, _, _, *path = line.split(maxsplit=5)
        if "x" in permissions and path and path[0].startswith("/"):
            yield path[0]


def digest_package(name: str) -> str | None:
    """Return a digest of an installed distribution's files as their record has them, or ``None``.

    What an installer adds, and scripts, which name their environment, are left out.
    """
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return None
    record = (package.read_text("RECORD") or "").splitlines()
    lines = [line for line in record if not line.startswith("..") and ".dist-info/" not in line]
    text = "\n".join([package.version, *sorted(line for line in lines if ".pyc," not in line)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def print_build() -> None:
    """Print ``describe_build`` of the packages that the command line names, as one record."""
    sys.stdout.write(frame(describe_build(sys.argv[1:])))
