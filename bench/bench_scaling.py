"""f, g and g_out over strategies, sizes and workers; the gate on g is declared here.

pytest bench/ --sizes 1e4,1e6 --workers 1,2 --strategies threads,processes --workloads g
"""

import pytest

from speedgate.judging.gate import Gate
from workloads import G_OUT, F, G

SIZES = (1_000, 10_000, 100_000, 1_000_000)
STRATEGIES = ("serial", "threads", "processes", "foreach")
GATES = (
    Gate("threads-scale", workloads=("g", "g_out"), min_size=1_000_000),
    Gate("gil-holds", workloads=("f",), min_size=10_000, max_size=100_000, must_scale=False),
)


@pytest.mark.speedgate(workloads=(F, G, G_OUT), sizes=SIZES, strategies=STRATEGIES, gates=GATES)
def bench_scaling(case, speedgate):
    speedgate(case)
