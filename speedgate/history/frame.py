"""Frame: the benchmarks of all runs of a history as one table, for pandas or Polars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from speedgate.history.figures import Figures
from speedgate.history.format import HistoryError, decode_class
from speedgate.stats.case import Case
from speedgate.stats.figure import WATCHED

if TYPE_CHECKING:
    from speedgate.history.history import RunEntry

# In the order in which they are looked for.
LIBRARIES = ("pandas", "polars")

Record = dict[str, Any]
COLUMNS = (
    *("run", "file", "environment", "time", "commit", "branch", "complete", "trusted", "accepted"),
    *("benchmark", "workload", "size", "strategy", "workers", "failed", "broken"),
    *(f"{figure.name}{bound}" for figure in WATCHED for bound in ("", "_low", "_high")),
    *("baseline_seconds", "control", "waiting", "gil_class"),
)


def data_frame(rows: Sequence[tuple[RunEntry, Figures]], library: str | None) -> Any:
    """Return a data frame with a row for each benchmark of each run, the oldest run first.

    ``HistoryError`` where the library is not one of ``LIBRARIES``, or is not installed.
    """
    frames = _frames(library)
    records = list(records_of(rows))
    return frames.DataFrame({name: [record[name] for record in records] for name in COLUMNS})


def records_of(rows: Sequence[tuple[RunEntry, Figures]]) -> Iterator[Record]:
    """Yield the columns of each row; ``None`` is unknown, times are in UTC."""
    for run, figures in rows:
        yield _of_run(run) | _of_case(figures) | _of_figures(figures)


def _of_run(run: RunEntry) -> Record:
    return {
        "run": run.id,
        "file": run.file,
        "environment": run.environment,
        "time": _time(run.time),
        "commit": run.commit,
        "branch": run.branch,
        "complete": run.complete,
        "trusted": run.trusted,
        "accepted": run.accepted,
    }


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # a run may have no time, or one that nobody can read
        return None


def _of_case(figures: Figures) -> Record:
    case = None if figures.case_id is None else Case.parse(figures.case_id)
    return {
        "benchmark": figures.fullname,
        "workload": None if case is None else case.workload,
        "size": None if case is None else case.size,
        "strategy": None if case is None else case.strategy,
        "workers": None if case is None else case.workers,
        "failed": figures.failed,
        "broken": figures.broken,
    }


def _of_figures(figures: Figures) -> Record:
    record: Record = {}
    for figure in WATCHED:
        entry = figures.estimates.get(figure.key)
        for bound, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            record[f"{figure.name}{bound}"] = None if entry is None else getattr(entry, part)
    kind = None if figures.gil_class is None else decode_class(figures.gil_class).kind.value
    return record | {
        "baseline_seconds": figures.baseline_seconds,
        "control": figures.control,
        "waiting": figures.waiting,
        "gil_class": kind,
    }


def _frames(library: str | None) -> Any:
    """The library that makes the frame: the one that is named, else the first that is there."""
    if library is not None and library not in LIBRARIES:
        raise HistoryError(f"library={library!r}: there are {' and '.join(LIBRARIES)}")
    for name in LIBRARIES if library is None else (library,):
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    missing = " and ".join(LIBRARIES if library is None else (library,))
    raise HistoryError(
        f"{missing} not installed: pip install {library or LIBRARIES[0]}, or speedgate[frames]"
    )
