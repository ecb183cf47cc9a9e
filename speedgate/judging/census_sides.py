"""What one of two censuses lacks of the other, and why: gone, failed, or not measured. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from speedgate.judging.census_change import CensusDifference


@dataclass(frozen=True)
class CensusSide:
    """What a census says of cells, each by its work: ``numpy.sin[d->d]-strided-1e5``.

    ``failed`` are those that could not be measured, or not even be listed, with the reason; the
    size may be left out of their names. ``cells`` and ``functions`` are all that its NumPy had,
    ``None`` where that is unknown: older runs keep no list. ``calls`` tell how those are called of
    which it is known.
    """

    measured: Collection[str]
    failed: Mapping[str, str] = field(default_factory=dict)
    cells: Collection[str] | None = None
    functions: Collection[str] | None = None
    calls: Mapping[str, str] = field(default_factory=dict)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The cells that were neither measured nor failed, as far as it is known which there are:
        the census did not reach them, or ``-k`` did not choose them."""
        seen = set(self.measured)
        return tuple(
            name for name in self.cells or () if name not in seen and self.failure_of(name) is None
        )

    def failure_of(self, work: str) -> str | None:
        """Return why a cell was not measured, ``None`` where it did not fail."""
        return self.failed.get(work, self.failed.get(work.rpartition("-")[0]))


@dataclass(frozen=True)
class Lacking:
    """What a census lacks of another one.

    Its NumPy does not have these ``functions`` and ``cells``. Of cells that the other one measured
    ``failed`` could not be measured, with the reason; ``unmeasured`` were not reached or not
    chosen; and it is not known of ``unknown`` whether they were there.
    """

    functions: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    unmeasured: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def cells_of_others(self) -> tuple[str, ...]:
        """The cells whose function is still there."""
        return tuple(name for name in self.cells if not _is_of(name, self.functions))


@dataclass(frozen=True)
class CensusComparison:
    """Two censuses, or two builds in a screen: what changed, and what either lacks.

    ``notes`` say in what they differ beside NumPy. Of ``called_differently`` both have the name,
    which is of two different calls: they are not compared.
    """

    difference: CensusDifference
    lacking_before: Lacking
    lacking_now: Lacking
    notes: tuple[str, ...] = ()
    called_differently: tuple[str, ...] = ()


def are_other_calls(one: str, other: str) -> bool:
    """Whether two fingerprints, ``2-1a2b3c4d``, are known and of different calls. The first part is
    the rule that made them: what two rules made differs of the same call as well.

    >>> are_other_calls("2-1a2b3c4d", "2-00000000"), are_other_calls("2-1a2b3c4d", "1a2b3c4d")
    (True, False)
    """
    rules = {call.rpartition("-")[0] for call in (one, other)}
    return bool(one and other) and one != other and len(rules) == 1


def called_differently(before: CensusSide, now: CensusSide) -> tuple[str, ...]:
    """Return the cells that both have, but call with other kinds of arguments."""
    return tuple(
        work
        for work, call in before.calls.items()
        if are_other_calls(call, now.calls.get(work, ""))
    )


def compared_sides(
    difference: CensusDifference,
    before: CensusSide,
    now: CensusSide,
    notes: Collection[str] = (),
) -> CensusComparison:
    """Return what changed together with what either census lacks."""
    return CensusComparison(
        difference,
        _lacking(before, now, difference.only_now),
        _lacking(now, before, difference.only_before),
        tuple(notes),
        called_differently(before, now),
    )


def _lacking(side: CensusSide, other: CensusSide, only_other: Collection[str]) -> Lacking:
    """What ``side`` lacks; ``only_other`` are the cells that the other one alone has measured."""
    failures = {name: side.failure_of(name) for name in only_other}
    failed = {name: why for name, why in failures.items() if why is not None}
    left = [name for name in only_other if name not in failed]
    if side.cells is None:
        return Lacking(failed=failed, unknown=tuple(left))
    here = set(side.cells)
    gone = {name for name in left if _is_cell(name)} | set(other.cells or ())
    # What was lost when it was listed is in no list of cells, and there all the same.
    gone = {name for name in gone - here if side.failure_of(name) is None}
    return Lacking(
        _functions_without(side, other),
        tuple(sorted(gone)),
        failed,
        tuple(name for name in left if name not in gone),
    )


def _functions_without(side: CensusSide, other: CensusSide) -> tuple[str, ...]:
    if side.functions is None or other.functions is None:
        return ()
    return tuple(sorted(set(other.functions) - set(side.functions)))


def _is_cell(name: str) -> bool:
    """Whether a NumPy could list it; a screen has cases of the catalogue as well."""
    return "[" in name


def _is_of(cell: str, functions: Collection[str]) -> bool:
    """Whether a cell is of one of the functions, or of a method of theirs."""
    path = cell.partition("[")[0]
    return path in functions or path.rpartition(".")[0] in functions
