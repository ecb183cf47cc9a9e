"""What changed between two censuses: a cell's class, its share of the GIL, or its seconds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import GIL_HELD_SHARE, SECONDS

# A census looks at each cell for a fraction of a second, and the two at different times: less than
# this factor of seconds, or this difference of a share, it cannot tell.
LEAST_FACTOR = 1.5
LEAST_SHARE = 0.25
CLASS, HELD, COST = "class", "GIL held", "seconds"
# From what threads gain by to what they do not.
ORDER = (
    GilClass.RELEASES,
    GilClass.SCALES,
    GilClass.PARTLY,
    GilClass.NOT_WORTH,
    GilClass.CONTENDS,
    GilClass.HOLDS,
    GilClass.SERIALISED,
)


@dataclass(frozen=True)
class CensusChange:
    """One cell that changed, in the first of class, GIL held share and seconds that did.

    ``is_certain`` where the intervals, or the classes, leave nothing else; ``factor`` is how much
    longer a call takes now, ``None`` where either is unknown.
    """

    before: Row
    now: Row
    kind: str
    is_certain: bool
    factor: float | None

    @property
    def is_worse(self) -> bool:
        """Whether threads, or else a single call, have become worse."""
        if self.kind == CLASS:
            return _place(self.now) > _place(self.before)
        if self.kind == HELD:
            return _held(self.now) > _held(self.before)
        return (self.factor or 1.0) > 1

    @property
    def text(self) -> str:
        """``releases -> holds; GIL held 0.02 -> 0.98; seconds a call x0.4``."""
        parts = []
        if self.kind == CLASS:
            parts.append(f"{_class_of(self.before).value} -> {_class_of(self.now).value}")
        if self.before.gil_held_share is not None and self.now.gil_held_share is not None:
            one, two = _held(self.before), _held(self.now)
            parts.append(f"GIL held {GIL_HELD_SHARE.text(one)} -> {GIL_HELD_SHARE.text(two)}")
        if self.factor is not None:
            parts.append(f"{SECONDS.label} x{self.factor:.2g}")
        return "; ".join(parts)


@dataclass(frozen=True)
class CensusDifference:
    """Two censuses: what changed, certain first, and which cells only one of them has."""

    changes: tuple[CensusChange, ...]
    compared: int
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]


def compare_censuses(
    before: Iterable[Row], now: Iterable[Row], least_factor: float = LEAST_FACTOR
) -> CensusDifference:
    """Return what changed from one census to another; of seconds from ``least_factor`` on."""
    one, two = _by_id(before), _by_id(now)
    both = [name for name in one if name in two]
    pairs = [change_of(one[name], two[name], least_factor) for name in both]
    changes = [change for change in pairs if change is not None]
    return CensusDifference(
        tuple(sorted(changes, key=_weight)),
        len(both),
        tuple(name for name in one if name not in two),
        tuple(name for name in two if name not in one),
    )


def change_of(before: Row, now: Row, least_factor: float = LEAST_FACTOR) -> CensusChange | None:
    """Return how one cell changed, ``None`` if nothing shows that it did."""
    factor = _factor(before.seconds, now.seconds)
    one, two = _class_of(before), _class_of(now)
    if one is not two and GilClass.UNKNOWN not in (one, two):
        certain = bool(before.gil_class and before.gil_class.certain)
        certain = certain and bool(now.gil_class and now.gil_class.certain)
        return CensusChange(before, now, CLASS, certain, factor)
    shares = (before.gil_held_share, now.gil_held_share)
    if None not in shares and abs(_held(now) - _held(before)) >= LEAST_SHARE:
        return CensusChange(before, now, HELD, _are_apart(*shares), factor)
    if factor is not None and max(factor, 1 / factor) >= least_factor:
        return CensusChange(before, now, COST, _are_apart(before.seconds, now.seconds), factor)
    return None


def _by_id(rows: Iterable[Row]) -> Mapping[str, Row]:
    return {row.case.id: row for row in rows}


def _class_of(row: Row) -> GilClass:
    return GilClass.UNKNOWN if row.gil_class is None else row.gil_class.kind


def _place(row: Row) -> int:
    kind = _class_of(row)
    return ORDER.index(kind) if kind in ORDER else -1


def _held(row: Row) -> float:
    return row.gil_held_share.value if row.gil_held_share is not None else 0.0


def _factor(before: Estimate | None, now: Estimate | None) -> float | None:
    if before is None or now is None or not before.value > 0 or not now.value > 0:
        return None
    return now.value / before.value


def _are_apart(one: Estimate | None, two: Estimate | None) -> bool:
    """Whether two intervals are known, bounded, and have nothing in common."""
    if one is None or two is None or not (one.is_bounded and two.is_bounded):
        return False
    return one.high < two.low or two.high < one.low


def _weight(change: CensusChange) -> tuple[bool, int, float, str]:
    """Certain first, then a class before a share before seconds, the largest factor first."""
    factor = max(change.factor or 1.0, 1 / (change.factor or 1.0))
    rank = (CLASS, HELD, COST).index(change.kind)
    return not change.is_certain, rank, -factor, change.now.case.id
