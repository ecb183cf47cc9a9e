"""What machine, interpreter, NumPy and BLAS this is; how many cores and bytes may be used.

Standard library only, and NumPy and threadpoolctl where they are installed: the runner describes
itself with this, and it may be another interpreter.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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


class GroupMount(NamedTuple):
    """Where a hierarchy of control groups is mounted, and which of its groups is at that place.

    ``controllers`` are those of version 1; version 2 has none.
    """

    folder: str
    group: str
    controllers: frozenset[str]


def control_group_folders(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups, and of all that enclose them.

    The innermost comes first, v2 before v1. A container may see no farther than its own group.
    """
    seen = set()
    mounts = _group_mounts(controller)
    lines = [line.split(":", 2) for line in _lines("/proc/self/cgroup") if line.count(":") > 1]
    for _, controllers, group in sorted(lines):  # "0::" (v2) sorts first
        if controllers and controller not in controllers.split(","):
            continue
        for mount in mounts:
            if (controller in mount.controllers) == bool(controllers):
                for folder in _group_and_ancestors(mount, group):
                    if folder not in seen:
                        seen.add(folder)
                        yield folder


def _group_and_ancestors(mount: GroupMount, group: str) -> Iterator[Path]:
    """Yield the folders of a group and of those around it, as far as they are mounted."""
    top = Path(mount.folder)
    inside = group
    if mount.group != "/":  # a part of the hierarchy, as in a container of version 1
        inside = (
            group.removeprefix(mount.group) if f"{group}/".startswith(f"{mount.group}/") else ""
        )
    names = [name for name in inside.split("/") if name]
    if ".." in names:  # the group is beside those that this container sees
        names = []
    for depth in range(len(names), -1, -1):
        yield top.joinpath(*names[:depth])


def _group_mounts(controller: str) -> list[GroupMount]:
    """Return the mounts of version 2 and of the controller, the usual ones if none is told.

    proc_pid_mountinfo(5): the fourth field is the mount's root in its file system, the fifth the
    place; after a lone "-" come the type, the source and the file system's own options.
    """
    found = []
    for line in _lines("/proc/self/mountinfo"):
        place, _, kind = line.partition(" - ")
        is_v1, is_v2 = kind.startswith("cgroup "), kind.startswith("cgroup2 ")
        controllers = frozenset(kind.split(" ")[-1].split(",") if is_v1 else ())
        if is_v2 or controller in controllers:
            _, _, _, group, folder, *_ = map(_unescaped, place.split(" "))
            found.append(GroupMount(folder, group, controllers))
    return found or [
        GroupMount("/sys/fs/cgroup", "/", frozenset()),
        GroupMount(f"/sys/fs/cgroup/{controller}", "/", frozenset([controller])),
    ]


def _unescaped(path: str) -> str:
    """Return a path of mountinfo with its blanks, which are written in octal there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _quota_cores() -> int | None:
    """The CPU quota of the control group in whole cores, at least 1; ``None`` without a quota."""
    found = []
    for folder in control_group_folders("cpu"):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text().strip()
                period = (folder / "cpu.cfs_period_us").read_text().strip()
            if quota not in ("max", "-1"):
                found.append(max(1, int(quota) // int(period)))
        except (OSError, ValueError):
            continue
    return min(found, default=None)


def usable_cores() -> int:
    """Return how many cores this process may use: the least of affinity and cgroup quota."""
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    else:
        affinity = os.cpu_count() or 1
    return min(affinity, _quota_cores() or affinity)


def _limit_bytes() -> int | None:
    """What the control group still allows: its limit less its use; ``None`` without a limit."""
    found = []
    for folder in control_group_folders("memory"):
        for limit_name, usage_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            try:
                limit = (folder / limit_name).read_text().strip()
                usage = (folder / usage_name).read_text().strip()
            except OSError:
                continue
            if limit != "max" and int(limit) < 1 << 60:
                found.append(int(limit) - int(usage) + _reclaimable_bytes(folder))
    return min(found, default=None)


def _reclaimable_bytes(folder: Path) -> int:
    """The file cache that the kernel gives back when memory is short: it counts as used."""
    try:
        fields = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))


def available_bytes() -> int | None:
    """Return the memory that can still be used, cgroup limit included; ``None`` if unknown."""
    found = []
    try:
        import psutil  # noqa: PLC0415  # a runner in another interpreter may have none

        found.append(int(psutil.virtual_memory().available))
    except ImportError:
        pass
    limit = _limit_bytes()
    if limit is not None:
        found.append(limit)
    return min(found, default=None)


def gil_enabled() -> bool:
    """Return whether this interpreter runs with the GIL at this moment."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


_gil_enablers: list[str] = []
_GIL_ENABLED = re.compile(r"\(GIL\) has been enabled to load module '([^']+)'")


def watch_gil() -> None:
    """Note from now on which modules switch the GIL on: Python names them in a warning."""
    show = warnings.showwarning

    def note(message: Warning | str, *arguments: Any, **options: Any) -> None:
        found = _GIL_ENABLED.search(str(message))
        if found:
            _gil_enablers.append(found[1])
        show(message, *arguments, **options)

    warnings.showwarning = note


def gil_came_back() -> str | None:
    """Return that a free-threaded build runs with the GIL though nobody asked for it, and why."""
    asked_for = os.environ.get("PYTHON_GIL") == "1" or sys._xoptions.get("gil") == "1"
    if not sysconfig.get_config_var("Py_GIL_DISABLED") or not gil_enabled() or asked_for:
        return None
    modules = " and ".join(dict.fromkeys(_gil_enablers)) or "a module that Python did not name"
    return (
        f"this free-threaded Python has its GIL back on: {modules} switched it on when it was "
        "imported; upgrade that, or say PYTHON_GIL=1 to measure with the GIL"
    )


def describe_interpreter() -> dict[str, Any]:
    """Return what the measuring interpreter is; JSON values only. Imports NumPy if there is one."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "free_threaded_build": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": gil_enabled(),
        "switch_interval_seconds": sys.getswitchinterval(),
        "numpy": _describe_numpy(),
        "blas": read_blas(),
        "variables": {name: os.environ[name] for name in TELLING_VARIABLES if name in os.environ},
    }


def _describe_numpy() -> dict[str, Any] | None:
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        return None
    found: dict[str, Any] = {"version": numpy.__version__}
    try:
        config = numpy.show_config(mode="dicts")
        found["built_with"] = config["Build Dependencies"]["blas"]["name"]
        found["simd"] = config["SIMD Extensions"].get("found", [])
    except (TypeError, KeyError, AttributeError):  # NumPy before 1.26, or a build that omits them
        pass
    return found


def read_blas() -> list[dict[str, Any]] | None:
    """Return the BLAS and OpenMP libraries of this process with the threads they use now.

    ``None`` where threadpoolctl is not installed: then nobody knows.
    """
    try:
        threadpoolctl: Any = importlib.import_module("threadpoolctl")
    except ImportError:
        return None
    return [
        {name: library[name] for name in BLAS_FIELDS if library.get(name) is not None}
        for library in threadpoolctl.threadpool_info()
    ]


def describe_machine() -> dict[str, Any]:
    """Return what machine this is, as the harness sees it; JSON values only."""
    memory = available_bytes()
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "usable_cores": usable_cores(),
        "cores": os.cpu_count(),
        "available_bytes": memory,
        "huge_pages": _first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
        "libc": " ".join(platform.libc_ver()) or None,
    }


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text().splitlines()[0]
    except (OSError, IndexError):
        return None


def cpu_model() -> str:
    """Return the CPU's name: from /proc/cpuinfo on Linux, else what ``platform`` knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model", "cpu model")):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def differences(
    one: dict[str, Any], other: dict[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    """Return the fields, dotted, in which two descriptions differ, each with both values."""
    found: list[tuple[str, Any, Any]] = []
    for name in sorted(one.keys() | other.keys()):
        mine, yours = one.get(name), other.get(name)
        if isinstance(mine, dict) and isinstance(yours, dict):
            found += differences(mine, yours, f"{prefix}{name}.")
        elif mine != yours:
            found.append((f"{prefix}{name}", mine, yours))
    return found
