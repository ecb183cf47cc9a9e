"""How many cells two censuses of one build call surely changed: nothing has changed between them.

    python -m evaluation.census_chance run --pairs 2 --budget 300   two pairs of censuses more
    python -m evaluation.census_chance table                        the block of docs/census.md

Each pair is appended to a file. What it calls changed is chance: of the rounds, of the process in
which a cell ran, and of what else the machine did in the fraction of a second that a cell has.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.accuracy_trials import MACHINE, commit
from evaluation.pages import out_of, share_text, without_python, write_block
from evaluation.trial_file import append_trial, trials_in
from speedgate.history.document import Run, read_run
from speedgate.judging.census_change import KINDS, compare_censuses

TRIALS_FILE = Path("evaluation/trials/census-chance.jsonl")
PAGE, BLOCK = Path("docs/census.md"), "What chance changes"

Json = dict[str, Any]


def census(budget: float, folder: Path) -> Run:
    """Return a census of the NumPy that runs this, beside whatever else the machine does."""
    command = [sys.executable, "-m", "speedgate", "census", "--budget", f"{budget:g}"]
    command += ["--beside-others", "--results", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (file,) = folder.rglob("*.json")
    return read_run(file)


def pair(budget: float) -> Json:
    """Return what two censuses, one after the other, say of each other."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        before, now = census(budget, Path(one)), census(budget, Path(other))
        difference = compare_censuses(before.rows(), now.rows())
    certain = [change for change in difference.changes if change.is_certain]
    return {
        "commit": commit(),
        "machine": MACHINE,
        "budget": budget,
        "compared": difference.compared,
        "certain": {change.now.case.work: change.text for change in certain},
        "kinds": Counter(change.kind for change in certain),
        "perhaps": len(difference.changes) - len(certain),
    }


def totals(trials: Sequence[Json]) -> tuple[int, int]:
    """Return how many cells surely changed in all pairs, and how many were compared."""
    return (
        sum(len(trial["certain"]) for trial in trials),
        sum(trial["compared"] for trial in trials),
    )


def block(trials: Sequence[Json]) -> str:
    """Return what the page says."""
    changed, compared = totals(trials)
    perhaps = sum(trial["perhaps"] for trial in trials)
    kinds = [
        f"{count} by {kind}"
        for kind in KINDS
        if (count := sum(trial["kinds"].get(kind, 0) for trial in trials))
    ]
    machines = "; ".join(sorted({without_python(trial["machine"]) for trial in trials}))
    budgets = ", ".join(sorted({f"{trial['budget']:g}" for trial in trials}))
    share = f" ({share_text(changed / compared)}; {', '.join(kinds)})" if changed else ""
    return (
        "Nothing changes between two censuses of one build. Pairs of such censuses: "
        f"{len(trials)}, with a budget of {budgets} seconds each, on {machines}, beside other work "
        f"(`python -m evaluation.census_chance run`). Surely changed: {out_of(changed, compared)} "
        f"cells{share}; perhaps: {perhaps:,}."
    )


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("do", choices=["run", "table"])
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--budget", type=float, default=300.0, metavar="SECONDS")
    parser.add_argument("--file", type=Path, default=TRIALS_FILE)
    options = parser.parse_args(words)
    if options.do == "run":
        for _ in range(options.pairs):
            append_trial(options.file, pair(options.budget))
    else:
        write_block(PAGE, BLOCK, block(trials_in(options.file)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
