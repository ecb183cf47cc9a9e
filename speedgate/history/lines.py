"""Lines: one figure of a benchmark over the runs of an environment, as bare numbers: a long history
has millions of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from speedgate.history.history import NAME, History
from speedgate.history.intake import rebuilt
from speedgate.stats.figure import FIGURE, Figure

BENCHMARKS = f"SELECT id, {NAME}, case_id FROM benchmarks ORDER BY id"
# From run to run: figures are found by their run and benchmark, and by nothing else as fast.
VALUES = """
SELECT runs.id, failed, {key}, {key}_low, {key}_high FROM runs
CROSS JOIN figures ON figures.run = runs.id AND figures.benchmark = ?
WHERE runs.digest = ? AND complete AND NOT broken AND {key} IS NOT NULL
ORDER BY runs.time, runs.file
"""
POINT_ROW: Any = tuple[int, int, float, float | None, float | None]


class LinePoint(NamedTuple):
    """A run by its number, whether a gate failed the case in it, and the figure with its bounds;
    ``None`` where there is none."""

    run: int
    failed: bool
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class CaseLine:
    """A benchmark's figure over the runs that measured it, the oldest first."""

    name: str
    case_id: str | None
    figure: Figure
    points: tuple[LinePoint, ...]


def benchmarks_of(history: History) -> list[tuple[int, str, str | None]]:
    """Return the number, the name and the case's id of every benchmark of the history."""
    return history.index.query(BENCHMARKS, (), _benchmark)


def line_of(
    history: History, digest: str, benchmark: int, name: str, case_id: str | None
) -> CaseLine | None:
    """Return a benchmark's speedup over the runs of an environment, its seconds where it has no
    speedup; ``None`` where no run has either. What cannot be is left out."""
    for key in ("speedup", "seconds"):
        figure = FIGURE[key]
        query = VALUES.format(key=figure.key)
        points = history.index.query(query, (benchmark, digest), _point)
        possible = tuple(point for point in points if figure.is_possible(point.value))
        if possible:
            return CaseLine(name, case_id, figure, possible)
    return None


def _benchmark(row: Sequence[Any]) -> tuple[int, str, str | None]:
    return rebuilt(row, tuple[int, str, str | None])


def _point(row: Sequence[Any]) -> LinePoint:
    run, failed, value, low, high = rebuilt(row, POINT_ROW)
    return LinePoint(run, bool(failed), value, low, high)
