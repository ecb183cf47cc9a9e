"""The article's table: what the SciPy Cookbook published, and what its functions take here."""

from __future__ import annotations

from collections.abc import Iterable

from speedgate.judging.row import Row
from speedgate.stats.figure import SPEEDUP

BENCH = "bench_article"
FULL_SIZE = 10_000_000
# Calls of each function in the article, and where its arrays are a tenth as long.
FULL_TASKS = {"g": 100, "f": 10}
DEFAULT_TASKS = {"g": 20, "f": 4}
STRATEGIES = {"serial": "normal", "foreach": "2 threads", "processes": "2 processes"}
# Seconds on a dual core, from the article, by strategy and function.
PUBLISHED = {
    ("serial", "g"): 43.5,
    ("serial", "f"): 48.0,
    ("foreach", "g"): 31.0,
    ("foreach", "f"): 71.5,
    ("processes", "g"): 27.0,
    ("processes", "f"): 31.23,
}

Seconds = dict[tuple[str, str], float | None]


def seconds_here(rows: Iterable[Row]) -> Seconds:
    """Return the seconds of a round by strategy and function."""
    return {(row.case.strategy, row.case.workload): row.round_seconds for row in rows}


def tasks_at(size: int) -> dict[str, int]:
    """Return how often each function is called at a size."""
    return FULL_TASKS if size == FULL_SIZE else DEFAULT_TASKS


def seconds_text(seconds: float | None, normal: float | None) -> str:
    """Return ``31.00 s  1.40x``: seconds, and how many times as fast as the normal way."""
    if seconds is None:
        return "-"
    ratio = SPEEDUP.text(normal / seconds) if normal else "-"
    return f"{seconds:.2f} s {ratio:>6}"
