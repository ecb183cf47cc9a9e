"""Figures: the rows that the index keeps of a run, one for each benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from speedgate.history.document import Run
from speedgate.history.extra_info import process_moments
from speedgate.history.format import (
    BenchmarkEntry,
    CaseEntry,
    CaseInfo,
    EstimateEntry,
    SideEntry,
    decode_class,
)
from speedgate.history.identity import environment_digest, environment_name
from speedgate.history.intake import rebuilt
from speedgate.stats.moments import Moments


class Figures(NamedTuple):
    """What the index keeps of one benchmark in one run; seconds a call, of the contender.

    The ``name`` is the short one; read back it is the ``fullname``, with file and class, where a
    run has two benchmarks of one name.
    ``failed``: a gate failed its case; ``broken``: a premise of the measurement did not hold.
    ``process_deviation`` is the standard deviation of the logarithm of the speedup over so many
    fresh ``processes``; ``control`` is the host control's speedup, ``waiting`` the share of the
    workers' time for which others had the cores.
    """

    name: str
    case_id: str | None
    failed: bool
    broken: bool
    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    speedup: float | None
    speedup_low: float | None
    speedup_high: float | None
    held: float | None
    held_low: float | None
    held_high: float | None
    cpu_per_wall: float | None
    baseline_seconds: float | None
    gil_class: str | None
    processes: int | None
    process_deviation: float | None
    control: float | None
    waiting: float | None
    fullname: str

    @property
    def process_moments(self) -> Moments:
        """The processes' spread about nobody knows which mean."""
        return Moments(self.processes or 1, 0.0, self.process_deviation or 0.0)


class RunFigures(NamedTuple):
    """What the index keeps of one run; ``environment`` is JSON, ``time`` in UTC."""

    digest: str
    environment_name: str
    environment: str
    time: str
    commit: str
    branch: str
    complete: bool
    trusted: bool
    figures: list[Figures]


def figures_of(run: Run) -> Iterator[Figures]:
    """Yield what the index keeps of a run, benchmark by benchmark."""
    failed = run.failed_cases
    ids: dict[CaseEntry, str] = {}
    for entry, info in run.entries():
        if info is None:
            yield _of_others(entry)
            continue
        case_id = ids.get(info.case)
        if case_id is None:
            case_id = ids[info.case] = info.case.case().id
        is_failed = (case_id, "") in failed or (case_id, entry.fullname) in failed
        yield _of_ours(entry, info, case_id, is_failed)


def _of_others(entry: BenchmarkEntry) -> Figures:
    name = entry.fullname or entry.name
    known: tuple[Any, ...] = (name, None, False, False, entry.stats.median, *[None] * 15, name)
    return Figures._make(known)


# What a row of the index must be before it is taken for ``Figures``.
FIGURE_ROW: Any = tuple.__class_getitem__(
    (
        *(str, str | None, int, int, *[float | None] * 11),
        *(str | None, int | None, *[float | None] * 3, str),
    )
)
NO_SIDE = SideEntry(0.0)


def _of_ours(entry: BenchmarkEntry, info: CaseInfo, case_id: str, failed: bool) -> Figures:
    contender = (info.sides and info.sides.contender) or NO_SIDE
    baseline = (info.sides and info.sides.baseline) or NO_SIDE
    processes = process_moments(info.process_speedups)
    has_cpu = contender.cpu is not None and contender.seconds
    return Figures(
        entry.name,
        case_id,
        failed,
        info.broken is not None,
        *_bounds(info.seconds),
        *_bounds(info.speedup),
        *_bounds(info.held),
        contender.cpu / contender.seconds if has_cpu else None,  # type: ignore[operator]  # has it
        baseline.seconds / info.calls if baseline.seconds else None,
        msgspec.json.encode(info.gil_class).decode() if info.gil_class else None,
        processes.count,
        processes.deviation,
        info.control.value if info.control else None,
        info.shares.waiting if info.shares else None,
        entry.fullname or entry.name,
    )


def figures_from(row: Sequence[Any]) -> Figures:
    """Return the figures in a row of the index; ``IntakeError`` if it holds something else."""
    name, case_id, failed, broken, *rest = rebuilt(row, FIGURE_ROW)
    found = Figures(name, case_id, bool(failed), bool(broken), *rest)
    for value, low, high in (found[4:7], found[7:10], found[10:13]):
        if value is not None:
            rebuilt({"value": value, "low": low, "high": high}, EstimateEntry)
    if found.gil_class is not None:
        decode_class(found.gil_class)
    return found


def _bounds(entry: EstimateEntry | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if entry is None else (entry.value, entry.low, entry.high)


def run_figures(run: Run) -> RunFigures:
    """Return what the index keeps of a run."""
    commit = run.document.commit_info
    return RunFigures(
        environment_digest(run.environment),
        environment_name(run.environment),
        msgspec.json.encode(run.environment).decode(),
        in_utc(run.document.datetime),
        commit.id + ("+" if commit.dirty else ""),
        commit.branch,
        run.is_complete,
        run.is_trusted,
        list(figures_of(run)),
    )


def in_utc(time: str) -> str:
    """Return an ISO time in UTC, so that times in order are texts in order; others as they are."""
    try:
        when = datetime.fromisoformat(time)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # the first hour of the year 1, east of Greenwich
        return time
