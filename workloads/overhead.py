"""Workloads that do nothing, so that what remains is the strategy's own cost."""

from __future__ import annotations

from workloads.workload import Workload


def noop(size: int) -> None:
    """Do nothing, whatever the size."""


NOOP = Workload(
    name="noop",
    function=noop,
    purpose="nothing at all: the cost of dispatch, and of the harness",
)
WORKLOADS = (NOOP,)
