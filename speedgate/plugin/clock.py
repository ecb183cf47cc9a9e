"""The runner's clock, by which pytest-benchmark reads what was timed in another process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class RunnerClock:
    """The runner's clock as pytest-benchmark's timer: it reads out what the runner timed.

    Before each round the clock stands at 0, and the "benchmarked function" moves it by the
    round's seconds a call. So the table, the statistics and the JSON hold exactly the durations
    that were measured in the runner, and nothing of the pipe; a call, because two runs give the
    rounds of one case different numbers of calls.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._durations: Iterator[float] = iter(())

    def timer(self) -> float:
        return self._now

    def replay(self, benchmark: Any, seconds: list[float]) -> None:
        self._durations = iter(seconds)
        benchmark.pedantic(self._advance, setup=self._reset, rounds=len(seconds))

    def _reset(self) -> None:
        self._now = 0.0

    def _advance(self) -> None:
        self._now = next(self._durations)
