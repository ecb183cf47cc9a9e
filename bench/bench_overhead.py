"""What a strategy costs by itself: its start, the dispatch of a task, and its share of short tasks.

pytest bench/bench_overhead.py     every strategy that is installed, two minutes

noop does nothing; busy works for as many microseconds as its size says, without the GIL. A run of
all of bench/ leaves this out.
"""

import pytest

from speedgate.report.overhead import overhead_lines
from speedgate.runner.strategies import STRATEGIES
from workloads import BUSY, NOOP

MOST_TASKS = 400
ROUND_MICROSECONDS = 40_000


@pytest.mark.speedgate(
    workloads=(NOOP, BUSY), strategies=tuple(STRATEGIES), report=overhead_lines, sample=()
)
def bench_overhead(case, speedgate):
    tasks = min(MOST_TASKS, max(4 * case.workers, ROUND_MICROSECONDS // case.size))
    speedgate(case, tasks=tasks, loops=1, control=None)
