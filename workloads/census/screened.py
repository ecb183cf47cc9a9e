"""What a wide screen looks at: the cells of the census, and every case of the catalogue by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workloads.catalogue import CATALOGUE
from workloads.census import cells
from workloads.census.cells import call, list_candidates, list_cells, list_functions
from workloads.duel import DUEL

__all__ = [
    "call",
    "call_of",
    "catalogue_cases",
    "list_candidates",
    "list_cells",
    "list_functions",
    "prepare",
]


def catalogue_cases() -> list[tuple[str, int]]:
    """Return each workload of the catalogue at each of its sizes, and at those of a duel."""
    sizes = {name: list(workload.sizes) for name, workload in CATALOGUE.items()}
    for part in DUEL:
        sizes[part.workload.name] += part.sizes
    return [(name, size) for name, own in sizes.items() for size in sorted(set(own))]


def call_of(name: str, size: int) -> str:
    """Return how a cell is called in this build; "" for a workload of the catalogue, which is the
    same call in every build."""
    return "" if name in CATALOGUE else cells.call_of(name, size)


def prepare(name: str, size: int, seed: int) -> Callable[[], Any]:
    """Return a call of a workload of the catalogue, or else of a cell, with input of its own."""
    workload = CATALOGUE.get(name)
    if workload is None:
        return cells.prepare(name, size, seed)
    return partial(workload.function, workload.prepare(size, seed))
