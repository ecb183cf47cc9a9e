"""Affinity: a core of its own for every worker, on platforms that can say so (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")


def spread(cores: Iterable[int], topology: Path = TOPOLOGY) -> list[int]:
    """Return cores in the order in which to fill them: one hardware thread of each, then others."""

    def turn(core: int) -> tuple[int, int]:
        siblings = _siblings(core, topology) & usable
        return sorted(siblings | {core}).index(core), core

    usable = set(cores)
    return sorted(usable, key=turn)


@cache
def _siblings(core: int, topology: Path) -> set[int]:
    """The hardware threads that share a physical core; none where the system does not say."""
    try:
        text = (topology / f"cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return set()
    siblings: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        siblings.update(range(int(first), int(last or first) + 1))
    return siblings


def place(threads: Iterable[int], topology: Path = TOPOLOGY, first: int = 0) -> bool:
    """Keep each thread, by its native number, to a core of its own; return whether it was done.

    ``first`` is the number of the first of these threads, among those of several processes. Only
    cores that a thread may use anyway are chosen, so that a library which has tied the
    workers to one core is seen to have done so. With more threads than cores they are shared out.
    """
    if not hasattr(os, "sched_setaffinity"):
        return False
    try:
        for number, thread in enumerate(threads, start=first):
            cores = spread(os.sched_getaffinity(thread), topology)
            os.sched_setaffinity(thread, {cores[number % len(cores)]})
    except OSError:  # a sandbox that forbids it, or a worker that is gone
        return False
    return True
