"""What an index holds, by names instead of its own numbers: to compare two of them."""

import os
from pathlib import Path
from typing import Any
from unittest import mock

from speedgate.history.figures import COLUMNS
from speedgate.history.history import History

TABLES = {
    "files": "SELECT name, stamp, error FROM files",
    "environments": "SELECT digest, name, description FROM environments",
    "runs": "SELECT file, digest, time, commit_id, branch, complete, trusted FROM runs",
    "acceptances": "SELECT file, run, why, time FROM acceptances",
    "benchmarks": "SELECT name, case_id, fullname, shares_name FROM benchmarks",
    "figures": f"""
        SELECT file, fullname, case_id, {", ".join(COLUMNS)} FROM figures
        JOIN runs ON runs.id = run JOIN benchmarks ON benchmarks.id = benchmark
    """,
    # Sums of floats in another order differ in their last digits.
    "levels": """
        SELECT digest, fullname, case_id, signal, count, round(total, 9), round(squares, 9)
        FROM levels JOIN benchmarks ON benchmarks.id = benchmark
    """,
}


def index_rows(history: History) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table, in an order that does not depend on the writer."""
    return {
        name: sorted(history.index.query(query, (), tuple), key=repr)
        for name, query in TABLES.items()
    }


def rebuilt_rows(folder: Path, cache: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What an index that is made anew in an empty ``cache`` holds of the same files."""
    with mock.patch.dict(os.environ, {"SPEEDGATE_CACHE": str(cache)}), History(folder) as history:
        return index_rows(history)
