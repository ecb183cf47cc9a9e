"""What changed between two censuses: a cell's class, its share of the GIL, its seconds, or what it
costs the machine. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from speedgate.judging.change_word import ChangeWord, change_word
from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import (
    CONTEXT_SWITCHES,
    GIL_HELD_SHARE,
    LEAST_FAULTS,
    LEAST_SWITCHES,
    PAGE_FAULTS,
    SECONDS,
)

# A census looks at each cell for a fraction of a second, and the two at different times: less than
# this factor of seconds, or this difference of a share, it cannot tell.
LEAST_FACTOR = 1.5
LEAST_SHARE = 0.25
CLASS, HELD, COST = "class", "GIL held", "seconds"
SWITCHES, FAULTS = CONTEXT_SWITCHES.label, PAGE_FAULTS.label
KINDS = (CLASS, HELD, COST, SWITCHES, FAULTS)
# Of counts a row has the median alone. The margin of a duel is twice as many; a look at another
# time takes twice that, and is never certain.
LEAST_COUNT_FACTOR = 4.0
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
    """One cell that changed, in the first of class, GIL held share, seconds and counts that did;
    in its seconds where they alone surely did.

    ``is_certain`` where the intervals, or the classes, leave nothing else; ``factor`` is how much
    longer a call takes now, ``None`` where either is unknown. ``counts`` is how many times as often
    a call is switched or has a page fault, where that is what changed.
    """

    before: Row
    now: Row
    kind: str
    is_certain: bool
    factor: float | None
    counts: float | None = None

    @property
    def is_worse(self) -> bool:
        """Whether a call in threads takes longer. Where its seconds have not moved, whether threads
        have lost, or a call costs the machine more."""
        have_lost = _threads_lost(self.kind, self.before, self.now)
        if have_lost is not None and _rose(self.factor) is None:
            return have_lost
        return (self.counts or self.factor or 1.0) > 1

    @property
    def word(self) -> ChangeWord:
        """What became of seconds and threads, as far as the change is certain."""
        if not self.is_certain:
            return ChangeWord.NONE
        slower = _is_slower(self.before.seconds, self.now.seconds)
        return change_word(slower, self._has_lost(), _are_alike(self.before, self.now))

    def _has_lost(self) -> bool | None:
        """Whether threads surely lost or gained: by the class, by the GIL, or by the speedup."""
        have_lost = _threads_lost(self.kind, self.before, self.now)
        if have_lost is not None:
            return have_lost
        one, two = self.before.speedup, self.now.speedup
        if one is None or two is None or not _are_apart(one, two):
            return None
        return two.value < one.value

    @property
    def text(self) -> str:
        """``threads lost but faster; releases -> holds; GIL held 0.02 -> 0.98; seconds a call
        x0.4``."""
        parts = [self.word.value] if self.word.value else []
        if self.kind == CLASS:
            parts.append(f"{_class_of(self.before).value} -> {_class_of(self.now).value}")
        if self.before.gil_held_share is not None and self.now.gil_held_share is not None:
            one, two = _held(self.before), _held(self.now)
            parts.append(f"GIL held {GIL_HELD_SHARE.text(one)} -> {GIL_HELD_SHARE.text(two)}")
        if self.factor is not None:
            parts.append(f"{SECONDS.label} x{self.factor:.2g}")
        if self.counts is not None:
            parts.append(f"{self.kind} a call x{self.counts:.2g}")
        return "; ".join(parts)


@dataclass(frozen=True)
class CensusDifference:
    """Two censuses: what changed, certain first, and which cells only one of them has measured."""

    changes: tuple[CensusChange, ...]
    compared: int
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]


def compare_censuses(
    before: Iterable[Row], now: Iterable[Row], apart: Collection[str] = ()
) -> CensusDifference:
    """Return what changed from one census to another, whatever numbers of workers they had.

    Cells whose work is in ``apart`` are not the same call, and are not compared.
    """
    one, two = _by_work(before), _by_work(now)
    both = [name for name in one if name in two and name not in apart]
    pairs = [change_of(one[name], two[name]) for name in both]
    changes = [change for change in pairs if change is not None]
    return CensusDifference(
        tuple(sorted(changes, key=_weight)),
        len(both),
        tuple(name for name in one if name not in two),
        tuple(name for name in two if name not in one),
    )


def change_of(before: Row, now: Row) -> CensusChange | None:
    """Return how one cell changed, ``None`` if nothing shows that it did."""
    changes = sorted(_changes(before, now), key=lambda change: not change.is_certain)
    return changes[0] if changes else None


def _changes(before: Row, now: Row) -> Iterator[CensusChange]:
    """Yield each thing that changed, in the order of ``KINDS``; of threads the class, or else the
    share."""
    factor = _factor(before.seconds, now.seconds)
    one, two = _class_of(before), _class_of(now)
    shares = (before.gil_held_share, now.gil_held_share)
    if one is not two and GilClass.UNKNOWN not in (one, two):
        certain = bool(before.gil_class and before.gil_class.certain)
        certain = certain and bool(now.gil_class and now.gil_class.certain)
        certain = certain and not _speaks_against(before, now, CLASS)
        yield CensusChange(before, now, CLASS, certain, factor)
    elif None not in shares and abs(_held(now) - _held(before)) >= LEAST_SHARE:
        certain = _are_apart(*shares) and not _speaks_against(before, now, HELD)
        yield CensusChange(before, now, HELD, certain, factor)
    if _rose(factor) is not None:
        yield CensusChange(before, now, COST, _are_apart(before.seconds, now.seconds), factor)
    for kind, least, count in COUNTS:
        counts = _count_factor(before, now, least, count)
        if counts is not None and max(counts, 1 / counts) >= LEAST_COUNT_FACTOR:
            yield CensusChange(before, now, kind, False, factor, counts)


def _speaks_against(before: Row, now: Row, kind: str) -> bool:
    """Whether the seconds seem to have moved the other way than the threads, and do not surely:
    as in a duel, the change is then in doubt."""
    rose = _rose(_factor(before.seconds, now.seconds))
    if rose is None or _are_apart(before.seconds, now.seconds):
        return False
    return rose is not _threads_lost(kind, before, now)


def _threads_lost(kind: str, before: Row, now: Row) -> bool | None:
    """Whether threads have lost, ``None`` where what changed does not tell of them alone."""
    if kind == CLASS:
        return _place(now) > _place(before)
    return _held(now) > _held(before) if kind == HELD else None


def _count_factor(
    before: Row, now: Row, least: int, count: Callable[[Row], float | None]
) -> float | None:
    """How many times as many a call has; fewer than ``least`` in the rounds of both are as many,
    however many calls a round has."""
    one, two = count(before), count(now)
    if one is None or two is None or not (before.calls and now.calls):
        return None
    least_a_call = least / min(before.calls, now.calls)
    return max(least_a_call, two / now.calls) / max(least_a_call, one / before.calls)


def _switches(row: Row) -> float | None:
    """The context switches of a parallel round."""
    side = row.sides.get("contender")
    return None if side is None else side.switches


def _faults(row: Row) -> float | None:
    """The page faults of a parallel round."""
    return None if row.page_faults is None else row.page_faults[1]


COUNTS = ((SWITCHES, LEAST_SWITCHES, _switches), (FAULTS, LEAST_FAULTS, _faults))


def _by_work(rows: Iterable[Row]) -> Mapping[str, Row]:
    return {row.case.work: row for row in rows}


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


def _rose(factor: float | None) -> bool | None:
    """Whether seconds rose or fell, ``None`` for less than a census can tell."""
    if factor is None or max(factor, 1 / factor) < LEAST_FACTOR:
        return None
    return factor > 1


def _are_apart(one: Estimate | None, two: Estimate | None) -> bool:
    """Whether two intervals are known, bounded, and have nothing in common."""
    if one is None or two is None or not (one.is_bounded and two.is_bounded):
        return False
    return one.high < two.low or two.high < one.low


def _is_slower(before: Estimate | None, now: Estimate | None) -> bool | None:
    """Whether the seconds surely rose or fell by what a census can tell."""
    return _rose(_factor(before, now)) if _are_apart(before, now) else None


def _are_alike(before: Row, now: Row) -> bool:
    """Whether the speedup is the same as far as a census can tell, so that the serial side moved
    with the seconds."""
    one, two = before.speedup, now.speedup
    if one is None or two is None or not (one.is_bounded and two.is_bounded):
        return False
    if not (one.low > 0 and two.low > 0):
        return False
    return two.high / one.low <= LEAST_FACTOR and one.high / two.low <= LEAST_FACTOR


def _weight(change: CensusChange) -> tuple[bool, int, float, str]:
    """Certain first, then a class before a share before seconds, the largest factor first."""
    factor = max(change.factor or 1.0, 1 / (change.factor or 1.0))
    rank = KINDS.index(change.kind)
    return not change.is_certain, rank, -factor, change.now.case.id
