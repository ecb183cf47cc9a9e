"""What a benchmark function declares with its mark, and the item of each of its cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from speedgate.judging.gate import (
    Gate,
)
from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.measuring.selection import Declaration
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case, Workload, promise_of


@dataclass(frozen=True)
class Bench:
    """One benchmark function as its mark declares it.

    ``report`` turns the rows of this bench and the width into lines, in place of the common table.
    ``held`` asks for the GIL held share of every case, judged or not; ``keeps_promises`` for
    a failure when a workload that is expected to release the GIL surely holds it. ``is_named``
    says that its file is on the command line: then its own tables are shown.
    """

    name: str
    declared: Declaration
    gates: tuple[Gate, ...] = ()
    report: Callable[[list[Row], int], list[str]] | None = None
    held: bool = False
    keeps_promises: bool = False
    is_named: bool = False


@dataclass(frozen=True)
class Item:
    """What a benchmark item measures."""

    case: Case
    workload: Workload
    bench: Bench

    @property
    def must_release(self) -> bool:
        """Whether the case is promised to release the GIL, and has threads enough to show it."""
        promise = promise_of(self.workload, self.case.size)
        in_threads = STRATEGIES[self.case.strategy].workers_are == "threads"
        is_promised = promise is not None and promise["class"] == GilClass.RELEASES.value
        return is_promised and in_threads and self.case.workers > 1

    @property
    def gates(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.bench.gates if gate.covers(self.case))
