"""Benches: the benchmark functions of a history by their numbers in its index, and the newest run
that measured one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speedgate.history.history import NEWEST_FIRST, RUNS, History, RunEntry
from speedgate.history.intake import rebuilt

OURS = "SELECT id, name FROM benchmarks WHERE case_id IS NOT NULL"
NEWEST_WITH = f"""
{RUNS} WHERE runs.digest IN ({{digests}}) AND complete AND EXISTS (
    SELECT 1 FROM figures WHERE run = runs.id AND benchmark IN ({{benchmarks}})
) {NEWEST_FIRST} LIMIT 1
"""
# How many values SQLite takes in one question on every platform, of either kind.
MOST_NUMBERS = 900


def numbers_by_bench(history: History) -> dict[str, list[int]]:
    """Return the numbers of the benchmarks that measured a case, by the name of their function."""
    benches: dict[str, list[int]] = {}
    for number, name in history.index.query(OURS, (), _number_and_name):
        benches.setdefault(name.partition("[")[0], []).append(number)
    return benches


def newest_with(
    history: History, digests: Sequence[str], benchmarks: Sequence[int]
) -> RunEntry | None:
    """Return the newest complete run of some environments that has any of some benchmarks."""
    digests, benchmarks = digests[:MOST_NUMBERS], benchmarks[:MOST_NUMBERS]
    query = NEWEST_WITH.format(digests=_marks_for(digests), benchmarks=_marks_for(benchmarks))
    return next(iter(history.index.query(query, (*digests, *benchmarks), RunEntry.of)), None)


def _number_and_name(row: Sequence[Any]) -> tuple[int, str]:
    return rebuilt(row, tuple[int, str])


def _marks_for(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
