"""Standing: since which run some benchmarks have failed, or have not, without a break."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from speedgate.history.history import RUN_COLUMNS, History, RunEntry
from speedgate.history.intake import rebuilt

# Whether a gate failed any of these benchmarks, run by run; the newest first.
FAILURES = f"""
SELECT {RUN_COLUMNS}, MAX(failed) FROM runs JOIN environments USING (digest)
JOIN figures ON figures.run = runs.id AND figures.benchmark IN (
    SELECT id FROM benchmarks WHERE fullname IN ({{names}})
)
WHERE runs.digest = ? AND complete AND runs.time <= ? GROUP BY runs.id
ORDER BY runs.time DESC, runs.file DESC
"""
# The number of values that SQLite takes in one question on every platform.
MOST_NAMES = 900


@dataclass(frozen=True)
class Standing:
    """A gate ``failed`` one of the benchmarks in each of ``runs`` runs in a row, or in none of
    them; ``since`` is the first of these runs, of all ``total`` that measured them."""

    failed: bool
    since: RunEntry
    runs: int
    total: int

    @property
    def is_whole(self) -> bool:
        """Whether it has always been so."""
        return self.runs == self.total

    @property
    def text(self) -> str:
        """``It has failed since 2026-11-24 09:30, 75b120a: 3 runs in a row, of 12.``"""
        if self.total == 1:
            return "This is the first run of this environment."
        if not self.failed and self.is_whole:
            return f"It has not failed in any of {self.total} runs since {self.since.label}."
        word = "failed" if self.failed else "not failed"
        row = f"{self.runs} runs in a row" if self.runs > 1 else "1 run"
        return f"It has {word} since {self.since.label}: {row}, of {self.total}."


def standing(history: History, entry: RunEntry, fullnames: Collection[str]) -> Standing | None:
    """Return how some benchmarks stand in a run and in those before it; ``None`` where no complete
    run up to it measured any."""
    names = sorted(fullnames)[:MOST_NAMES]
    query = FAILURES.format(names=", ".join("?" * len(names)))
    runs = history.index.query(query, (*names, entry.digest, entry.time), _run_and_failure)
    if not runs:
        return None
    failed = runs[0][1]
    alike = list(takewhile(lambda pair: pair[1] is failed, runs))
    return Standing(failed, alike[-1][0], len(alike), len(runs))


def _run_and_failure(row: Sequence[Any]) -> tuple[RunEntry, bool]:
    return RunEntry.of(row[:-1]), bool(rebuilt(row[-1], int))
