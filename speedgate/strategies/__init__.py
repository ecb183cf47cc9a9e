"""How a batch of independent tasks is run: one short module a strategy, one contract."""

from speedgate.strategies.contract import CannotMeasure, Shared, Strategy
from speedgate.strategies.dask import DASK
from speedgate.strategies.foreach import FOREACH
from speedgate.strategies.inside import BLAS, NUMBA, NUMEXPR
from speedgate.strategies.interpreters import INTERPRETERS
from speedgate.strategies.loky import LOKY
from speedgate.strategies.pool import POOL
from speedgate.strategies.processes import FORK, FORKSERVER, PROCESSES
from speedgate.strategies.serial import SERIAL
from speedgate.strategies.shared import SHARED
from speedgate.strategies.threads import THREADS

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
