"""Rounds of baseline and contender taken in turn, with what was counted in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Round:
    """One batch, run once. Seconds, summed over the workers where there are several.

    ``seconds`` is wall time; ``on_cpu`` the workers' own CPU clocks within their tasks; ``cpu``
    all CPU seconds of the processes that took part; ``in_task`` the wall time within tasks;
    ``waiting`` the time on a run queue. Of the time after a worker's last task ``tail`` is what it
    had to spare because the others had more to compute, and ``blocked_tail`` what it had because
    they were blocked. ``collecting`` is the time of the cyclic collector; only a probe counts it.
    ``None`` is what the platform or the strategy cannot tell.
    """

    seconds: float
    on_cpu: float
    cpu: float | None = None
    in_task: float | None = None
    waiting: float | None = None
    tail: float = 0.0
    blocked_tail: float = 0.0
    minor_faults: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    collecting: float | None = None

    @property
    def cpu_per_wall(self) -> float | None:
        """How many CPUs the processes that took part kept busy."""
        return None if self.cpu is None else self.cpu / self.seconds

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"a round takes more than 0 seconds, not {self.seconds}")


FIELDS = tuple(field.name for field in fields(Round))


@dataclass(frozen=True)
class Pair:
    """A baseline round and a contender round of the same work, one right after the other."""

    baseline: Round
    contender: Round

    @property
    def ratio(self) -> float:
        """The speedup that this pair saw: above 1 the contender was faster."""
        return self.baseline.seconds / self.contender.seconds

    @property
    def inflation(self) -> float | None:
        """CPU seconds of the contender / CPU seconds of the baseline, for the same work."""
        if not self.baseline.cpu or self.contender.cpu is None:
            return None
        return self.contender.cpu / self.baseline.cpu


@dataclass(frozen=True)
class PairedSample:
    """All pairs of a case, process by process: ``processes[k]`` are those of one fresh runner."""

    processes: tuple[tuple[Pair, ...], ...]

    @classmethod
    def of(cls, processes: Iterable[Iterable[Pair]]) -> PairedSample:
        return cls(tuple(tuple(pairs) for pairs in processes if pairs))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for pairs in self.processes for pair in pairs)

    @property
    def ratios(self) -> list[float]:
        return [pair.ratio for pair in self.pairs]

    def as_seconds(self) -> list[tuple[float, float]]:
        """Return the raw rounds: (baseline seconds, contender seconds) of each pair."""
        return [(pair.baseline.seconds, pair.contender.seconds) for pair in self.pairs]
