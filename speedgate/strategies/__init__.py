"""How a batch of independent tasks is run: one short module a strategy, one contract."""

from speedgate.strategies.contract import Shared, Strategy
from speedgate.strategies.foreach import FOREACH
from speedgate.strategies.processes import PROCESSES
from speedgate.strategies.serial import SERIAL
from speedgate.strategies.threads import THREADS

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        SERIAL,
        THREADS,
        FOREACH,
        PROCESSES,
    )
}

__all__ = ["STRATEGIES", "Shared", "Strategy"]
