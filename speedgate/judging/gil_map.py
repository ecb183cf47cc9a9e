"""The GIL map: operations over sizes, from where threads pay, what changed, what was promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from speedgate.judging.gil_class import GilClass
from speedgate.judging.row import Row
from speedgate.stats.case import Case, format_size
from speedgate.stats.estimate import Estimate

# What is promised to release the GIL must not surely hold it for more than this of its work.
MOST_HELD_WHEN_RELEASED = 0.5
# Classes that say nothing of a GIL, so that they keep or break no promise about it.
NO_GIL = (GilClass.UNKNOWN, GilClass.SCALES, GilClass.CONTENDS, GilClass.SERIALISED)


@dataclass(frozen=True)
class Operation:
    """One operation of the map: its rows by size, the smallest first."""

    name: str
    rows: tuple[Row, ...]

    @property
    def break_even(self) -> int | None:
        """The smallest size from which threads surely win, at it and at all larger ones measured.

        ``None`` if they do not at the largest.
        """
        size = None
        for row in reversed(self.rows):
            if row.speedup is None or not row.speedup.low > 1:
                break
            size = row.case.size
        return size


def operations(rows: Iterable[Row]) -> list[Operation]:
    """Return the operations in the order in which they were measured; threads only.

    Where there are several numbers of workers each is an operation of its own, ``sort x4``.
    """
    shown = [row for row in rows if row.gil_class is not None]
    several = len({row.case.workers for row in shown}) > 1
    rows_by_name: dict[str, dict[int, Row]] = {}
    for row in shown:
        name = f"{row.case.workload} x{row.case.workers}" if several else row.case.workload
        rows_by_name.setdefault(name, {})[row.case.size] = row
    return [
        Operation(name, tuple(by_size[size] for size in sorted(by_size)))
        for name, by_size in rows_by_name.items()
    ]


@dataclass(frozen=True)
class ClassChange:
    """A case whose class was one in an earlier run and is another now, both for certain."""

    before: Row
    now: Row

    @property
    def line(self) -> str:
        assert self.before.gil_class is not None
        assert self.now.gil_class is not None
        build = f" with {self.before.build}" if self.before.build else ""
        return (
            f"changed: {self.now.case.id} was '{self.before.gil_class.kind.value}'{build} "
            f"({self.before.gil_class.reason}), is '{self.now.gil_class.kind.value}' "
            f"({self.now.gil_class.reason})"
        )


def changes(before: Mapping[Case, Row], rows: Iterable[Row]) -> list[ClassChange]:
    """Return the cases that changed their class since the earlier rows."""
    compared = [ClassChange(before[row.case], row) for row in rows if row.case in before]
    return [change for change in compared if _differ(change.before, change.now)]


def _differ(before: Row, now: Row) -> bool:
    one, other = before.gil_class, now.gil_class
    if one is None or other is None or not (one.certain and other.certain):
        return False
    if {one.kind, other.kind} == {GilClass.RELEASES, GilClass.NOT_WORTH}:
        return _apart(before.speedup, now.speedup)
    return one.kind is not other.kind


def _apart(one: Estimate | None, other: Estimate | None) -> bool:
    """Whether two speedups surely differ: their intervals do not overlap.

    The intervals allow for how much fresh processes of the same code differ.
    """
    if one is None or other is None:
        return False
    return one.low > other.high or other.low > one.high


def can_break_promise(row: Row) -> bool:
    """Whether the row shows if a promise to release the GIL is kept.

    A class that is not certain shows it only beside a share of the GIL that has its interval.
    """
    gil_class, held = row.gil_class, row.gil_held_share
    return (
        row.promise == GilClass.RELEASES.value
        and gil_class is not None
        and gil_class.kind not in NO_GIL
        and (gil_class.certain or (held is not None and held.is_bounded))
    )


def broken_promises(rows: Iterable[Row]) -> list[str]:
    """Return a line for every case that surely holds what it was promised to release."""
    return [
        f"failed: {row.case.id} is promised to release the GIL ({row.promise_source}), "
        f"and holds it: {row.gil_class.reason}"
        for row in rows
        if can_break_promise(row) and row.gil_class and _surely_held(row)
    ]


def kept_better(rows: Iterable[Row]) -> list[str]:
    """Return a line for every case that was promised to hold the GIL and surely does not."""
    return [
        f"better than promised: {row.case.id} {row.gil_class.kind.value} ({row.gil_class.reason}), "
        f"though {row.promise_source}"
        for row in rows
        if row.promise == GilClass.HOLDS.value
        and row.gil_class is not None
        and row.gil_class.kind is GilClass.RELEASES
        and row.gil_class.certain
    ]


def _surely_held(row: Row) -> bool:
    if row.gil_held_share is not None:
        return row.gil_held_share.low > MOST_HELD_WHEN_RELEASED or _is_locked(row)
    return _is_locked(row)


def _is_locked(row: Row) -> bool:
    """Whether the class is 'holds' for certain, by the GIL or by a lock of its own."""
    gil_class = row.gil_class
    return gil_class is not None and gil_class.kind is GilClass.HOLDS and gil_class.certain


def causes_text(operations: Sequence[Operation]) -> list[str]:
    """Return a line for each cause of contention, with the cases that a probe named it for."""
    by_cause: dict[str, list[str]] = {}
    for operation in operations:
        for row in operation.rows:
            if row.gil_class is not None and row.gil_class.kind is GilClass.CONTENDS:
                name = f"{operation.name} {format_size(row.case.size)}"
                by_cause.setdefault(row.gil_class.cause or "not certain", []).append(name)
    return [f"contends, {cause}: {', '.join(names)}" for cause, names in sorted(by_cause.items())]


def break_even_text(operations: Sequence[Operation]) -> list[str]:
    """Return lines that say from which size threads win, the smallest first."""
    groups: dict[int | None, list[str]] = {}
    for operation in operations:
        groups.setdefault(operation.break_even, []).append(operation.name)
    lines = [
        f"threads win from {format_size(size)} on: {', '.join(names)}"
        for size, names in sorted((key, names) for key, names in groups.items() if key is not None)
    ]
    if None in groups:
        lines.append(f"threads did not surely win at any size: {', '.join(groups[None])}")
    return lines
