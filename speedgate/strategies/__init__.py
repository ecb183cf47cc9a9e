"""How a batch of independent tasks is run: one short module a strategy, one contract."""

from speedgate.strategies.contract import Strategy
from speedgate.strategies.foreach import FOREACH
from speedgate.strategies.processes import PROCESSES
from speedgate.strategies.serial import SERIAL
from speedgate.strategies.threads import THREADS

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (SERIAL, THREADS, PROCESSES, FOREACH)
}

__all__ = ["STRATEGIES", "Strategy"]
