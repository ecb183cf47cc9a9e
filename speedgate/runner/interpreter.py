"""What interpreter, NumPy and BLAS this is.

Standard library only, and NumPy and threadpoolctl where they are installed: the runner describes
itself with this, and it may be another interpreter.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

from speedgate.runner.gil import gil_enabled, is_free_threaded

BLAS_THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
BLAS_FIELDS = (
    "user_api",
    "internal_api",
    "version",
    "num_threads",
    "threading_layer",
    "architecture",
)
# Libraries of single strategies, by the name under which they are installed.
STRATEGY_LIBRARIES = ("distributed", "joblib", "numba", "numexpr")
# Variables that change which code runs, or how; recorded with every run.
TELLING_VARIABLES = (
    *BLAS_THREAD_VARIABLES,
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_THREAD_TIMEOUT",
    "OMP_WAIT_POLICY",
    "MKL_DEBUG_CPU_TYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "PYTHON_GIL",
    "PYTHONMALLOC",
    "MALLOC_ARENA_MAX",
    "LD_PRELOAD",
)


def describe_interpreter() -> dict[str, Any]:
    """Return what the measuring interpreter is; JSON values only. Imports NumPy if there is one."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "free_threaded_build": is_free_threaded(),
        "gil_enabled": gil_enabled(),
        "switch_interval_seconds": sys.getswitchinterval(),
        "numpy": _describe_numpy(),
        "blas": read_blas(),
        "variables": {name: os.environ[name] for name in TELLING_VARIABLES if name in os.environ},
    }


def describe_installed() -> dict[str, Any]:
    """Return what ``describe_interpreter`` leaves out because it takes long: it is asked once for a
    build, not in each of its processes."""
    return {"libraries": strategy_libraries(), "libc": c_library()}


def strategy_libraries() -> dict[str, str]:
    """Return the versions of the libraries that single strategies use, of those installed."""
    metadata = importlib.import_module("importlib.metadata")
    versions = {}
    for name in STRATEGY_LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def c_library() -> str | None:
    """Return ``glibc 2.36``, of this interpreter's program; ``None`` where it does not tell."""
    return " ".join(platform.libc_ver()) or None


def _describe_numpy() -> dict[str, Any] | None:
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        return None
    description: dict[str, Any] = {"version": numpy.__version__}
    try:
        config = numpy.show_config(mode="dicts")
        description["built_with"] = config["Build Dependencies"]["blas"]["name"]
        description["simd"] = config["SIMD Extensions"].get("found", [])
    except (TypeError, KeyError, AttributeError):  # NumPy before 1.26, or a build that omits them
        pass
    return description


def blas_libraries(libraries: Iterable[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the BLAS libraries among those of ``read_blas``; none where that is ``None``."""
    return [library for library in libraries or () if library.get("user_api") == "blas"]


def read_blas() -> list[dict[str, Any]] | None:
    """Return the BLAS and OpenMP libraries of this process with the threads they use now.

    ``None`` where threadpoolctl is not installed: then it is unknown.
    """
    try:
        threadpoolctl: Any = importlib.import_module("threadpoolctl")
    except ImportError:
        return None
    return [
        {name: library[name] for name in BLAS_FIELDS if library.get(name) is not None}
        for library in threadpoolctl.threadpool_info()
    ]


def differences(
    one: dict[str, Any], other: dict[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    """Return the fields, dotted, in which two descriptions differ, each with both values."""
    different: list[tuple[str, Any, Any]] = []
    for name in sorted(one.keys() | other.keys()):
        mine, yours = one.get(name), other.get(name)
        if isinstance(mine, dict) and isinstance(yours, dict):
            different += differences(mine, yours, f"{prefix}{name}.")
        elif mine != yours:
            different.append((f"{prefix}{name}", mine, yours))
    return different
