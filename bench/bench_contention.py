"""What threads contend for where there is no GIL: objects that they share, each beside a twin.

pytest bench/bench_contention.py                             all of it, two minutes
pytest bench/bench_contention.py --workloads calls_shared    one of them

A run of all of bench/ takes two of them, at their large size.
"""

import pytest

from speedgate.report.map import map_lines
from workloads import CATALOGUE
from workloads.contention import WORKLOADS

SAMPLE = [CATALOGUE["calls_shared"], CATALOGUE["small_arrays"]]


@pytest.mark.speedgate(
    workloads=WORKLOADS,
    sample=SAMPLE,
    strategies=("threads",),
    report=map_lines,
    held=True,
)
def bench_contention(case, speedgate):
    speedgate(case)
