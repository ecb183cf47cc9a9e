"""Row: the figures of one case, as judgements, comparisons and tables read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from speedgate.judging.gil_class import Classification
from speedgate.stats.accounting import Shares
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import WATCHED


@dataclass(frozen=True)
class Side:
    """The medians of one side of the pairs, the baseline or the contender; seconds a round."""

    seconds: float
    cpu: float | None = None
    voluntary_switches: float | None = None
    involuntary_switches: float | None = None

    @property
    def switches(self) -> float | None:
        """Context switches a round: to wait, and because others or too many threads ran."""
        if self.voluntary_switches is None or self.involuntary_switches is None:
            return None
        return self.voluntary_switches + self.involuntary_switches

    @property
    def cpu_per_wall(self) -> float | None:
        return None if self.cpu is None or not self.seconds else self.cpu / self.seconds


@dataclass(frozen=True)
class Row:
    """What a report shows of one case. ``seconds`` are the contender's, a call.

    The interval of the ``speedup`` holds what fresh processes differ by; that of ``rounds`` is of
    these processes alone. The ``inflation`` has none: a file keeps its value only, and a row is the
    same whether it was measured now or read.
    """

    case: Case
    speedup: Estimate | None
    bench: str = ""
    seconds: Estimate | None = None
    control: Estimate | None = None
    inflation: float | None = None
    gil_held_share: Estimate | None = None
    page_faults: tuple[float, float] | None = None
    concurrency: tuple[float, float | None] | None = None
    tasks: int | None = None
    loops: int | None = None
    gil_class: Classification | None = None
    promise: str | None = None
    promise_source: str = ""
    sides: Mapping[str, Side] = field(default_factory=dict)
    is_blas_default: bool = False
    build: str = ""
    shares: Shares | None = None
    start_seconds: float | None = None
    rounds: Estimate | None = None
    # Watched figures that have no field of their own, by their keys.
    figures: Mapping[str, Estimate] = field(default_factory=dict)
    cpu_per_wall: Estimate | None = None

    @property
    def idle(self) -> float | None:
        """The share of the workers' time in which none had a task, ``None`` where not known."""
        return None if self.shares is None else self.shares.idle

    @property
    def calls(self) -> int:
        """Calls in a round; 0 where it is not known."""
        return (self.tasks or 0) * (self.loops or 0)

    @property
    def round_seconds(self) -> float | None:
        """The contender's median seconds a round."""
        return None if self.seconds is None else self.seconds.value * self.calls

    def watched(self) -> dict[str, Estimate | None]:
        """Return the figures that are watched from run to run, as far as this run tells them.

        What processes differ by is in the runs before.
        """
        own = {"speedup": self.rounds or self.speedup}
        fields = {figure.key: getattr(self, figure.name, None) for figure in WATCHED}
        return fields | dict(self.figures) | own
