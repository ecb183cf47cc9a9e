"""What another project writes: the mark, the fixture, a workload of its own."""

import pytest
from roots import ROOTS


@pytest.mark.speedgate(
    workloads=[ROOTS], sizes=[100_000], strategies=["serial", "threads", "processes"]
)
def bench_roots(case, speedgate):
    speedgate(case)
