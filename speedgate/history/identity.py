"""Which environment a run belongs to: what of a description tells one from another."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES, blas_libraries, differences

MACHINE_FIELDS = ("system", "machine", "cpu", "usable_cores")
# What tells one environment from another in the history. Not the kernel, which is patched every few
# weeks, nor the threads of BLAS, which a benchmark may set for itself (they are kept with it, and
# what a whole run asked for is in its settings), nor the libraries of single strategies.
TELLING_FIELDS = (
    *MACHINE_FIELDS,
    "cores",
    "huge_pages",
    "libc",
    "python",
    "implementation",
    "compiler",
    "free_threaded_build",
    "gil_enabled",
    "switch_interval_seconds",
    "numpy",
    "settings",
)
TELLING_BLAS_FIELDS = ("internal_api", "version", "threading_layer", "architecture")
# In what two censuses of two NumPys should be alike, and in which of their settings.
SHARED_FIELDS = (*MACHINE_FIELDS, "python", "implementation", "gil_enabled")
SHARED_SETTINGS = ("workers", "screen")
# In which settings runs of one kind agree: a project's own benchmarks, a duel or a census share no
# case with what `pytest bench/` measures, though all of them lie in one folder.
KIND_SETTINGS = ("scale", "duel", "census", "in_process", "imported_from")
# What a comparison of two environments names besides.
TOLD_FIELDS = ("kernel", "libraries")
# File systems allow 255 bytes; a temporary file's name may be longer than the file's.
LONGEST_NAME = 200


def telling(environment: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a description that two runs must share to be of one environment."""
    fields = {name: environment.get(name) for name in TELLING_FIELDS}
    fields["settings"] = environment.get("settings") or {}
    fields["blas"] = [
        {name: library.get(name) for name in TELLING_BLAS_FIELDS}
        for library in _blas_libraries(environment)
    ]
    fields["variables"] = {
        name: value
        for name, value in (environment.get("variables") or {}).items()
        if name not in BLAS_THREAD_VARIABLES
    }
    return fields


def environment_digest(environment: dict[str, Any]) -> str:
    """Return eight hexadecimal digits that are the same where all that matters is the same."""
    text = json.dumps(telling(environment), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def environment_name(environment: dict[str, Any]) -> str:
    """Return the folder of an environment in the history, such as
    ``linux-amd-epyc-2-cores-python3.11.7-numpy2.4.6-openblas0.3.31-5f0c3a9e``.

    Readable first; the digest at its end tells apart what reads the same.
    """
    python = (
        f"{environment.get('python', '')}{'t' if environment.get('free_threaded_build') else ''}"
    )
    if environment.get("free_threaded_build") and environment.get("gil_enabled"):
        python += "-gil"
    numpy = (environment.get("numpy") or {}).get("version")
    parts = [
        environment.get("system") or "unknown-system",
        _short_cpu(environment["cpu"]) if environment.get("cpu") else "unknown-cpu",
        f"{environment.get('usable_cores') or 'unknown'}-cores",
        f"python{python}",
        f"numpy{numpy}" if numpy else "no-numpy",
        *(
            f"{library.get('internal_api')}{library.get('version')}"
            for library in _blas_libraries(environment)
        ),
    ]
    # Neither a path nor hidden, and no longer than a file system allows, whatever a file says.
    readable = re.sub(r"[^a-z0-9.+_-]+", "-", "-".join(map(str, parts)).lower()).lstrip(".-")
    return f"{readable[:LONGEST_NAME]}-{environment_digest(environment)}"


def _short_cpu(cpu: str) -> str:
    """The CPU's name without what is in every name."""
    return re.sub(r"\((r|tm)\)|\bcpu\b|\bprocessor\b|@.*", " ", cpu.lower()).strip()[:40].strip()


def _blas_libraries(environment: dict[str, Any]) -> list[dict[str, Any]]:
    """The distinct BLAS libraries, whatever threads each has."""
    by_fields = {
        str([library.get(name) for name in TELLING_BLAS_FIELDS]): library
        for library in blas_libraries(environment.get("blas"))
    }
    return [by_fields[fields] for fields in sorted(by_fields)]


def same_machine(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two runs were measured on the same kind of machine, whatever the build."""
    return all(one.get(name) == other.get(name) for name in MACHINE_FIELDS)


def same_kind(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether runs of two environments are of one kind, so that one may be set against the
    other: both of the suite, say, or both of the same project's own benchmarks."""
    mine, yours = (environment.get("settings") or {} for environment in (one, other))
    return all(mine.get(name) == yours.get(name) for name in KIND_SETTINGS)


def same_python(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two runs are of one Python, by its version, its GIL and its NumPy."""
    names = ("python", "implementation", "free_threaded_build", "gil_enabled")
    versions = [(environment.get("numpy") or {}).get("version") for environment in (one, other)]
    return versions[0] == versions[1] and all(one.get(name) == other.get(name) for name in names)


def build_of(environment: dict[str, Any]) -> str:
    """Return ``Python 3.13.0, NumPy 2.4.6, openblas 0.3.31``."""
    numpy = (environment.get("numpy") or {}).get("version", "unknown")
    parts = [f"Python {environment.get('python', 'unknown')}", f"NumPy {numpy}"]
    parts += [
        f"{library.get('internal_api')} {library.get('version')}"
        for library in _blas_libraries(environment)
    ]
    return ", ".join(parts)


def difference_lines(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return a line for each field in which two environments differ, ``numpy.version: 2.3 -> 2.4``;
    fields that change by the minute are left out."""
    before, after = (
        telling(environment) | {name: environment.get(name) for name in TOLD_FIELDS}
        for environment in (one, other)
    )
    return [
        f"  {name}: {_shown(mine)} -> {_shown(yours)}"
        for name, mine, yours in differences(before, after)
    ]


def differences_besides(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return in what two environments differ beside NumPy, its BLAS and what they bring along:
    ``workers: 2 -> 4``."""
    before, after = (
        {name: environment.get(name) for name in SHARED_FIELDS}
        | {name: (environment.get("settings") or {}).get(name) for name in SHARED_SETTINGS}
        for environment in (one, other)
    )
    return [
        f"{name}: {_shown(mine)} -> {_shown(after[name])}"
        for name, mine in before.items()
        if mine != after[name]
    ]


def _shown(value: Any) -> str:
    return "not known" if value is None else str(value)
