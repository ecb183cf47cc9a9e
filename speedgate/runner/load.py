"""Load: how a batch is cut into tasks, so that a round is long against its dispatch."""

from __future__ import annotations

import math
from typing import NamedTuple

# Calls are grouped into tasks of at least this length: dispatch takes less than 0.1 ms a task, and
# so is less than 2% of it.
TASK_SECONDS = 0.005
# A worker gets up to four tasks a round, so that one that ends early leaves little of the round
# empty; fewer where a call is long and a round would take more than this per worker.
TASKS_PER_WORKER = 4
WORKER_SECONDS = 0.020


class Load(NamedTuple):
    """How a batch is cut: ``tasks`` tasks of ``loops`` calls each."""

    tasks: int
    loops: int

    @classmethod
    def fitting(cls, call_seconds: float, workers: int) -> Load:
        """Cut calls of ``call_seconds`` so that a round is long against its dispatch."""
        per_worker = min(TASKS_PER_WORKER, max(1, round(WORKER_SECONDS / call_seconds)))
        loops = max(1, math.ceil(TASK_SECONDS / call_seconds - 1e-6))
        return cls(max(2, workers * per_worker), loops)

    def at_most(self, tasks: int) -> Load:
        """Return the load with no more tasks than that."""
        return Load(min(self.tasks, tasks), self.loops)

    def indices(self, rotation: int) -> list[int]:
        """Return the order of the tasks: turned on each round, so that no worker keeps a buffer."""
        return [(index + rotation) % self.tasks for index in range(self.tasks)]
