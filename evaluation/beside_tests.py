"""What pytest-benchmark reports with `--speedgate-threads` and without, side by side.

python -m evaluation.beside_tests        runs five tests both ways, in turn, in about two minutes
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from evaluation.known_suites import HEALTHY, operation_of, write_suite

OPERATIONS = ("sha256", "compress", "sort_a_copy", "array_sum", "array_product")
OPTION = "--speedgate-threads=2"
TURNS = 3

Json = dict[str, Any]


def run(folder: Path, *options: str) -> Json:
    """Run the tests below a folder and return what pytest-benchmark saved of them."""
    saved = folder / "saved.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += [f"--benchmark-json={saved}", "--benchmark-max-time=0.5", *options]
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
    document: Json = json.loads(saved.read_text())
    return document


def shape(value: Any) -> Any:
    """Return which fields a document has, without what is in them.

    How many rounds there are differs from run to run: a list counts by what its members look like.
    """
    if isinstance(value, Mapping):
        return {key: shape(member) for key, member in value.items()}
    if not isinstance(value, list):
        return None
    members: list[Any] = []
    for member in map(shape, value):
        if member not in members:
            members.append(member)
    return members


def medians(documents: Sequence[Json]) -> dict[str, float]:
    """Return the median of each operation's medians over documents, in seconds a call."""
    timed: dict[str, list[float]] = {}
    for document in documents:
        for benchmark in document["benchmarks"]:
            name = operation_of(benchmark["name"])
            timed.setdefault(name, []).append(benchmark["stats"]["median"])
    return {name: median(seconds) for name, seconds in timed.items()}


def table(plain: Mapping[str, float], beside: Mapping[str, float]) -> list[str]:
    lines = ["| test | without | with | ratio |", "| --- | --- | --- | --- |"]
    for name, seconds in plain.items():
        cells = f"{seconds * 1e6:.1f} us | {beside[name] * 1e6:.1f} us"
        lines.append(f"| {name} | {cells} | {beside[name] / seconds:.2f} |")
    return lines


def has_same_fields(plain: Sequence[Json], beside: Sequence[Json]) -> bool:
    """Whether every document has the fields of the first: nothing was added and nothing is gone."""
    first = shape(plain[0])
    return all(shape(document) == first for document in [*plain, *beside])


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_suite("pytest", folder, {name: HEALTHY[name] for name in OPERATIONS})
        plain, beside = [], []
        for _ in range(TURNS):
            plain.append(run(folder))
            beside.append(run(folder, OPTION))
    print("\n".join(table(medians(plain), medians(beside))))
    is_same = has_same_fields(plain, beside)
    print(f"\nthe saved documents have {'the same' if is_same else 'OTHER'} fields")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
