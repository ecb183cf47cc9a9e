"""What this machine allows: usable cores and bytes, its CPU, its control groups.

Standard library only, and psutil where it is installed.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


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
    """Return the mounts of version 2 and of the controller, the usual ones if none is listed.

    proc_pid_mountinfo(5): the fourth field is the mount's root in its file system, the fifth the
    place; after a lone "-" come the type, the source and the file system's own options.
    """
    mounts = []
    for line in _lines("/proc/self/mountinfo"):
        place, _, kind = line.partition(" - ")
        is_v1, is_v2 = kind.startswith("cgroup "), kind.startswith("cgroup2 ")
        controllers = frozenset(kind.split(" ")[-1].split(",") if is_v1 else ())
        if is_v2 or controller in controllers:
            _, _, _, group, folder, *_ = map(_unescaped, place.split(" "))
            mounts.append(GroupMount(folder, group, controllers))
    return mounts or [
        GroupMount("/sys/fs/cgroup", "/", frozenset()),
        GroupMount(f"/sys/fs/cgroup/{controller}", "/", frozenset([controller])),
    ]


def _unescaped(path: str) -> str:
    """Return a path of mountinfo with its blanks, which are written in octal there."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _quota_cores() -> int | None:
    """The CPU quota of the control group in whole cores, at least 1; ``None`` without a quota."""
    quotas = []
    for folder in control_group_folders("cpu"):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text().strip()
                period = (folder / "cpu.cfs_period_us").read_text().strip()
            if quota not in ("max", "-1"):
                quotas.append(max(1, int(quota) // int(period)))
        except (OSError, ValueError):
            continue
    return min(quotas, default=None)


def usable_cores() -> int:
    """Return how many cores this process may use: the least of affinity and cgroup quota."""
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    else:
        affinity = os.cpu_count() or 1
    return min(affinity, _quota_cores() or affinity)


def _limit_bytes() -> int | None:
    """What the control group still allows: its limit less its use; ``None`` without a limit."""
    allowed = []
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
                allowed.append(int(limit) - int(usage) + _reclaimable_bytes(folder))
    return min(allowed, default=None)


def _reclaimable_bytes(folder: Path) -> int:
    """The file cache that the kernel gives back when memory is short: it counts as used."""
    try:
        fields = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))


def available_bytes() -> int | None:
    """Return the memory that can still be used, cgroup limit included; ``None`` if unknown."""
    available = []
    try:
        import psutil  # noqa: PLC0415  # a runner in another interpreter may have none

        available.append(int(psutil.virtual_memory().available))
    except ImportError:
        pass
    limit = _limit_bytes()
    if limit is not None:
        available.append(limit)
    return min(available, default=None)


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
