"""Which strategy is the fastest here, of all that are installed: f, g, g_out and dot.

pytest bench/bench_strategies.py                            all of them, two minutes
pytest bench/bench_strategies.py --strategies threads,dask  two of them
speedgate advise --workload g --size 1e6                    the answer again

numexpr, numba and BLAS's own threads are what a user would pick in place of threads: g and dot
have such versions. Dask runs a local cluster, or the one that --dask-scheduler names. A run of all
of bench/ leaves this out.
"""

import pytest

from speedgate.runner.strategies import STRATEGIES
from workloads import CATALOGUE, G_OUT, F, G


@pytest.mark.speedgate(
    workloads=(F, G, G_OUT, CATALOGUE["dot"]),
    sizes=(10_000, 1_000_000),
    strategies=tuple(STRATEGIES),
    sample=(),
)
def bench_strategies(case, speedgate):
    speedgate(case)
