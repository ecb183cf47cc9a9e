"""What the gate has to say where there is no GIL: two cases scale, one lock and one object do not.

    pytest evaluation/bench_free_threading.py --python PATH     half a minute

With a GIL f holds it, and must not scale. ``python -m evaluation.free_threading gate`` runs this
for a Python with a GIL and for one without.
"""

from collections.abc import Callable

import pytest

from evaluation.made_causes import COUNTS, LOCK
from speedgate.judging.gate import Gate
from speedgate.stats.case import Case
from workloads import G_OUT, F

ELEMENTS, F_ELEMENTS = 1_000_000, 100_000
EVERY_CALL = 101
GATES = (
    Gate("threads-scale", workloads=(G_OUT.name,), min_size=ELEMENTS),
    Gate("gil-holds", workloads=(F.name,), min_size=F_ELEMENTS, must_scale=False),
    Gate("contention", workloads=(LOCK.name, COUNTS.name), min_size=EVERY_CALL),
)


@pytest.mark.speedgate(workloads=(F,), sizes=(F_ELEMENTS,), strategies=("threads",), gates=GATES)
def bench_f(case: Case, speedgate: Callable[[Case], None]) -> None:
    speedgate(case)


@pytest.mark.speedgate(workloads=(G_OUT,), sizes=(ELEMENTS,), strategies=("threads",), gates=GATES)
def bench_g_out(case: Case, speedgate: Callable[[Case], None]) -> None:
    speedgate(case)


@pytest.mark.speedgate(
    workloads=(LOCK, COUNTS), sizes=(EVERY_CALL,), strategies=("threads",), gates=GATES
)
def bench_contending(case: Case, speedgate: Callable[[Case], None]) -> None:
    speedgate(case)
