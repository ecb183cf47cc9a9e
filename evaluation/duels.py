"""How often a duel of a build with itself calls anything better or worse: it should be nothing.

    python -m evaluation.duels run --duels 20     more duels of the default selection; resumes
    python -m evaluation.duels table              docs/duels.md from all duels so far

A duel takes nine minutes. Each is appended to a file, so that an interrupted run loses none.
``--at-once 2`` runs two beside each other: on a crowded machine the error must hold as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from evaluation.accuracy import MACHINE, commit

DUELS_FILE = Path("evaluation/trials/duels.jsonl")
TABLE_FILE = Path("docs/duels.md")
DUELS = 20
# Raised with every change of what a bout is or of what decides; only duels of one method count.
METHOD = 2
VERDICTS = ("worse", "better", "failed", "same", "inconclusive", "not available")

Json = dict[str, Any]


def run_one(budget: str | None) -> Json:
    """Duel this interpreter with itself; return what is kept of it."""
    options = () if budget is None else ("--budget", budget)
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "speedgate", "duel", "one=", "other=", "--allow-same"),
                *("--format", "json", "--results", folder, *options),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: Json = json.loads(done.stdout)
    return {
        "commit": commit(),
        "method": METHOD,
        "machine": MACHINE,
        "seconds": found["seconds"],
        "findings": [kept(each) for each in found["findings"]],
    }


def kept(finding: Json) -> Json:
    names = ("name", "verdict", "reason", "bouts")
    ratios = {name: move["ratio"] for name, move in finding["signals"].items() if "ratio" in move}
    return {name: finding[name] for name in names} | {"ratios": ratios}


def read_duels() -> list[Json]:
    if not DUELS_FILE.exists():
        return []
    return [json.loads(line) for line in DUELS_FILE.read_text().splitlines()]


def run(duels: int, at_once: int, budget: str | None) -> None:
    """Measure until there are so many duels of this method and machine."""
    DUELS_FILE.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(at_once) as side_by_side:
        while len(here := [each for each in read_duels() if counts_here(each)]) < duels:
            print(f"duel {len(here) + 1} of {duels}", file=sys.stderr, flush=True)
            for found in side_by_side.map(run_one, [budget] * min(at_once, duels - len(here))):
                line = json.dumps(found | {"at_once": at_once})
                with DUELS_FILE.open("a") as file:
                    file.write(f"{line}\n")


def counts_here(duel: Json) -> bool:
    return duel["machine"] == MACHINE and duel.get("method", 1) == METHOD


def table() -> str:
    """Return the document: a row for each duel, and what was called better or worse."""
    duels = read_duels()
    lines = [
        "# A build against itself",
        "",
        "Made by `python -m evaluation.duels run` and `python -m evaluation.duels table`: duels of "
        "one build with itself over the default selection. The stated error is that at most 1 of "
        "20 duels calls anything better or worse.",
        "",
        f"| commit | machine | cases | minutes | {' | '.join(VERDICTS)} |",
        f"| --- | --- | --- | --- |{' --- |' * len(VERDICTS)}",
    ]
    wrong = []
    for duel in duels:
        counts = Counter(each["verdict"] for each in duel["findings"])
        cells = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
        lines.append(
            f"| {duel['commit']} | {duel['machine']} | {len(duel['findings'])} | "
            f"{duel['seconds'] / 60:.1f} | {cells} |"
        )
        wrong += [each for each in duel["findings"] if each["verdict"] in ("worse", "better")]
    with_wrong = sum(
        any(each["verdict"] in ("worse", "better") for each in duel["findings"]) for duel in duels
    )
    minutes = median(duel["seconds"] / 60 for duel in duels) if duels else 0.0
    lines += [
        "",
        f"{with_wrong} of {len(duels)} duels called anything better or worse; the median duel took "
        f"{minutes:.1f} minutes.",
        *[f"\n- {each['verdict']}: {each['name']}, {each['reason']}" for each in wrong],
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.duels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--duels", type=int, default=DUELS)
    runs.add_argument("--at-once", type=int, default=1, metavar="COUNT")
    runs.add_argument("--budget", metavar="SECONDS", help="default: that of a duel")
    commands.add_parser("table")
    options = parser.parse_args()
    if options.command == "run":
        run(options.duels, options.at_once, options.budget)
    else:
        TABLE_FILE.write_text(table())
        print(f"wrote {TABLE_FILE}")


if __name__ == "__main__":
    main()
