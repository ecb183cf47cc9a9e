"""Waiting releases the GIL, formatting and printing hold it, array expressions do not.

The article says so; here it is measured. Sizes are bytes/8, values or microseconds: the purpose of
each workload in workloads/waiting.py says which.
"""

import pytest

from speedgate.report.map import map_lines
from workloads import waiting


@pytest.mark.speedgate(
    workloads=waiting.WORKLOADS,
    sample=waiting.WORKLOADS,
    strategies=("threads",),
    report=map_lines,
    held=True,
    keeps_promises=True,
)
def bench_io(case, speedgate):
    speedgate(case)
