"""How a batch of independent tasks is run: one short module a strategy, one contract."""

from speedgate.runner.strategies.contract import CannotMeasure, Shared, Strategy
from speedgate.runner.strategies.dask import DASK
from speedgate.runner.strategies.foreach import FOREACH
from speedgate.runner.strategies.interpreters import INTERPRETERS
from speedgate.runner.strategies.library_threads import BLAS, NUMBA, NUMEXPR
from speedgate.runner.strategies.loky import LOKY
from speedgate.runner.strategies.pool import POOL
from speedgate.runner.strategies.processes import FORK, FORKSERVER, PROCESSES
from speedgate.runner.strategies.serial import SERIAL
from speedgate.runner.strategies.shared import SHARED
from speedgate.runner.strategies.threads import THREADS

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        SERIAL,
        THREADS,
        FOREACH,
        INTERPRETERS,
        PROCESSES,
        FORK,
        FORKSERVER,
        POOL,
        SHARED,
        LOKY,
        DASK,
        NUMEXPR,
        NUMBA,
        BLAS,
    )
}

__all__ = ["STRATEGIES", "CannotMeasure", "Shared", "Strategy"]
