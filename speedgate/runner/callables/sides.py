"""The two sides of a pair: the workers of one pool in turn, and all of them at once."""

from __future__ import annotations

from speedgate.runner.callables.alone import raised
from speedgate.runner.callables.pool import Pool
from speedgate.runner.callables.refusals import repeated
from speedgate.runner.load import Load
from speedgate.runner.messages import RoundCounts
from speedgate.runner.strategies import CannotMeasure


class SerialSide:
    """The pool as a baseline: its workers in turn, one at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.delay = pool.delays[0]

    def round(self, key: str, load: Load, rotation: int) -> RoundCounts:
        with repeated():
            return self._pool.serial_round(key, load.loops, rotation)

    def close(self) -> None:
        """Nothing of its own."""


class ThreadedSide:
    """The pool as a contender: all of its workers at once."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.workers = pool.count

    def round(self, key: str, load: Load, rotation: int) -> RoundCounts:
        try:
            return self.pool.round(key, load.loops)
        except CannotMeasure:
            raise
        except Exception as error:
            raise raised(self.pool, self.pool.works[key], error) from error

    def close(self) -> None:
        self.pool.close(limit=2.0)
