"""What is computed: the workloads that Speedgate measures.

This package imports NumPy and the standard library and nothing of Speedgate's, so that a worker
process loads neither pytest nor the harness when it imports a workload. The names below come from
``workloads.catalogue``, or ``workloads.duel``, when they are asked for: a worker that needs no
NumPy, or may not have it (an interpreter of its own), loads none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workloads.catalogue import (
        BUSY,
        CATALOGUE,
        CONTROL,
        G_OUT,
        HOLDS,
        NOOP,
        OPERATIONS,
        RELEASES,
        F,
        G,
        Workload,
        operation,
    )
    from workloads.duel import DUEL

__all__ = [
    "BUSY",
    "CATALOGUE",
    "CONTROL",
    "DUEL",
    "G_OUT",
    "HOLDS",
    "NOOP",
    "OPERATIONS",
    "RELEASES",
    "F",
    "G",
    "Workload",
    "operation",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'workloads' has no attribute '{name}'")
    module = "workloads.duel" if name == "DUEL" else "workloads.catalogue"
    return getattr(import_module(module), name)
