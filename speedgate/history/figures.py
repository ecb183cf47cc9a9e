"""Figures: the rows that the index keeps of a run, one for each benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from speedgate.history.document import Run
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
from speedgate.measuring.measured_row import process_moments
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import WATCHED, Figure
from speedgate.stats.moments import Moments

# What pytest-benchmark calls the commit of a project that is in no repository.
NO_COMMIT = "unknown"
# The columns of a benchmark's row in the index, behind its run and its number: three for each
# figure that is watched, value and bounds.
ESTIMATE_COLUMNS = tuple(
    f"{figure.key}{bound}" for figure in WATCHED for bound in ("", "_low", "_high")
)
OTHER_COLUMNS = {
    "baseline_seconds": "REAL",
    "gil_class": "TEXT",
    "processes": "INTEGER",
    "process_deviation": "REAL",
    "control": "REAL",
    "waiting": "REAL",
}
COLUMNS = {
    "failed": "INTEGER",
    "broken": "INTEGER",
    **dict.fromkeys(ESTIMATE_COLUMNS, "REAL"),
    **OTHER_COLUMNS,
}


@dataclass(frozen=True)
class Figures:
    """What the index keeps of one benchmark in one run; seconds a call, of the contender.

    The ``name`` is the short one; read back it is the ``fullname``, with file and class, where a
    run has two benchmarks of one name.
    ``failed``: a gate failed its case; ``broken``: a premise of the measurement did not hold.
    ``estimates`` are those of the watched figures that are known, by their keys.
    ``process_deviation`` is the standard deviation of the logarithm of the speedup over that many
    fresh ``processes``; ``control`` is the host control's speedup, ``waiting`` the share of the
    workers' time for which others had the cores.
    """

    name: str
    case_id: str | None
    failed: bool
    broken: bool
    estimates: Mapping[str, EstimateEntry]
    fullname: str
    baseline_seconds: float | None = None
    gil_class: str | None = None
    processes: int | None = None
    process_deviation: float | None = None
    control: float | None = None
    waiting: float | None = None

    @property
    def process_moments(self) -> Moments:
        """The spread of the processes' logarithms; their mean is not kept, and reads 0."""
        return Moments(self.processes or 1, 0.0, self.process_deviation or 0.0)

    def value(self, figure: Figure) -> float | None:
        entry = self.estimates.get(figure.key)
        return None if entry is None else entry.value

    def estimate(self, figure: Figure) -> Estimate | None:
        entry = self.estimates.get(figure.key)
        return None if entry is None else entry.estimate()

    def values(self) -> dict[str, float | None]:
        """Return what the history gate asks of an earlier run."""
        watched = {figure.key: self.value(figure) for figure in WATCHED}
        return watched | {"control": self.control, "waiting": self.waiting}

    def row(self) -> list[Any]:
        """Return the values of ``COLUMNS``."""
        bounds = [bound for figure in WATCHED for bound in _bounds(self.estimates.get(figure.key))]
        return [self.failed, self.broken, *bounds, *(getattr(self, name) for name in OTHER_COLUMNS)]


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
    has_digest: bool = False


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
    return Figures(name, None, False, False, {"seconds": EstimateEntry(entry.stats.median)}, name)


# What a row of the index must be before it is taken for ``Figures``: its name, its case, the
# columns, its full name.
FIGURE_ROW: Any = tuple.__class_getitem__(
    (
        *(str, str | None, int, int, *[float | None] * len(ESTIMATE_COLUMNS)),
        *(float | None, str | None, int | None, *[float | None] * 3, str),
    )
)
NO_SIDE = SideEntry(0.0)


def _of_ours(entry: BenchmarkEntry, info: CaseInfo, case_id: str, failed: bool) -> Figures:
    baseline = (info.sides and info.sides.baseline) or NO_SIDE
    processes = process_moments(info.process_speedups)
    known = {figure.key: info.entry(figure) for figure in WATCHED}
    return Figures(
        entry.name,
        case_id,
        failed,
        info.broken is not None,
        {key: estimate for key, estimate in known.items() if estimate is not None},
        entry.fullname or entry.name,
        baseline.seconds / info.calls if baseline.seconds else None,
        msgspec.json.encode(info.gil_class).decode() if info.gil_class else None,
        processes.count,
        processes.deviation,
        info.control.value if info.control else None,
        info.shares.waiting if info.shares else None,
    )


def figures_from(row: Sequence[Any]) -> Figures:
    """Return the figures in a row of the index; ``IntakeError`` if it holds something else."""
    name, case_id, failed, broken, *rest, fullname = rebuilt(row, FIGURE_ROW)
    bounds, others = rest[: len(ESTIMATE_COLUMNS)], rest[len(ESTIMATE_COLUMNS) :]
    estimates = {
        figure.key: rebuilt({"value": value, "low": low, "high": high}, EstimateEntry)
        for figure, value, low, high in zip(
            WATCHED, bounds[::3], bounds[1::3], bounds[2::3], strict=True
        )
        if value is not None
    }
    figures = Figures(name, case_id, bool(failed), bool(broken), estimates, fullname, *others)
    if figures.gil_class is not None:
        decode_class(figures.gil_class)
    return figures


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
        bool(run.document.speedgate_digest),
    )


def run_label(run: Run) -> str:
    """Return what to know a run by: its time in UTC, and its commit."""
    commit = run.document.commit_info
    return label_of(in_utc(run.document.datetime), commit.id + ("+" if commit.dirty else ""))


def label_of(time: str, commit: str) -> str:
    """Return ``2026-11-24 09:30, 75b120a``; outside of a repository the time alone."""
    minute = minute_of(time)
    if commit == NO_COMMIT:
        return minute
    bare, dirty = commit.rstrip("+"), "+" if commit.endswith("+") else ""
    short = bare[:7] if len(bare) == 40 else bare
    return ", ".join(part for part in (minute, f"{short}{dirty}") if part)


def minute_of(time: str) -> str:
    """Return an ISO time as people read it: ``2026-11-24 09:30``."""
    return time[:16].replace("T", " ")


def in_utc(time: str) -> str:
    """Return an ISO time in UTC, so that times in order are texts in order; others as they are."""
    try:
        when = datetime.fromisoformat(time)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # the first hour of the year 1, east of Greenwich
        return time
