"""The shape of a duel in a run's file, as ``speedgate.duel.findings`` writes it and reads it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from speedgate.history.format import CaseEntry, EstimateEntry
from speedgate.history.intake import AtLeastOne, NotNegative, Plausible, shaped
from speedgate.measuring.shapes import Count

Json = dict[str, Any]


class FigureShape(EstimateEntry, kw_only=True):
    """An estimate whose bounds are there, if only as null."""

    low: Plausible | None
    high: Plausible | None


class SignalShape(msgspec.Struct):
    """A figure in both builds, and how it changed, by a ratio or by a difference."""

    first: FigureShape
    other: FigureShape
    ratio: FigureShape | None = None
    difference: FigureShape | None = None
    confirmed: Literal["worse", "better"] | None = None

    def __post_init__(self) -> None:
        if self.ratio is None and self.difference is None:
            raise ValueError("a signal needs a 'ratio' or a 'difference'")
        if self.ratio is not None and not self.ratio.value > 0:
            raise ValueError("a 'ratio' is above 0")


class FindingShape(msgspec.Struct):
    name: str
    letter: str
    verdict: Literal["worse", "better", "failed", "inconclusive", "same", "not available"]
    reason: str
    bouts: Count
    signals: dict[str, SignalShape]
    note: str | None = None
    word: str = ""
    waiting: list[NotNegative | None] = msgspec.field(default_factory=lambda: [0.0])
    beside_neighbours: bool = False
    build: str = ""
    out: list[str] = []
    case: CaseEntry | None = None
    blas_threads: AtLeastOne | Literal["default"] = 1

    def __post_init__(self) -> None:
        if not self.waiting:
            raise ValueError("'waiting' is empty: it needs a share for each build")
        names = ("speedup", "seconds") if "speedup" in self.signals else ()
        for name in names:
            if name not in self.signals or self.signals[name].ratio is None:
                raise ValueError(f"the signal '{name}' needs a 'ratio'")


class BuildShape(msgspec.Struct):
    label: str
    python: str | None
    numpy: str | None
    blas: list[str]
    variables: dict[str, str] = {}
    fingerprint: str = ""
    gil_enabled: bool | None = None


class ScreenShape(msgspec.Struct):
    cases: Count
    reached: Count
    suspected: Count
    failed_in_one: Count


class DuelShape(msgspec.Struct):
    builds: Annotated[list[BuildShape], msgspec.Meta(min_length=2)]
    findings: list[FindingShape]
    complete: bool
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    placed: bool = True
    bouts_to_confirm: list[Count] = []
    screen: ScreenShape | None = None


def duel_of(value: Json | None) -> Json | None:
    """Return the duel that a run is a side of as it is, once its shape is known to be one."""
    return None if value is None else shaped(value, DuelShape, "duel")
