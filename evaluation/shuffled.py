"""Whether the tests pass in any order: all of them, again and again, each time shuffled anew.

    python -m evaluation.shuffled --times 20          twenty runs more, minutes each
    python -m evaluation.shuffled --seed 7 tests/history -n 0     one order again; nothing is saved
    python -m evaluation.shuffled --times 0           the block of docs/reliability.md alone

A run's order comes from its seed, which is the next number. What each run showed is appended to a
file. The exit code is 1 if a run of this command failed: earlier ones are in the block alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from evaluation.accuracy_trials import commit
from evaluation.pages import out_of, write_block
from evaluation.trial_file import append_trial, trials_in

RUNS_FILE = Path("evaluation/trials/shuffled.jsonl")
PAGE, BLOCK = Path("docs/reliability.md"), "The shuffled tests"
ALL = ("tests", "-n", "auto")
LAST_CHARACTERS = 2000  # of what a test that failed wrote

Json = dict[str, Any]


def shuffled(seed: int, arguments: Sequence[str]) -> Json:
    """Run tests in the order of a seed; return what came out of it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}"]
        # Tests of all folders are mixed, and no run knows what failed in the one before.
        command += ["--random-order-bucket=global", f"--random-order-seed={seed}"]
        began = datetime.now(UTC).isoformat(timespec="seconds")
        code = subprocess.run([*command, "-p", "no:cacheprovider"], check=False).returncode
        run = {"seed": seed, "began": began, "commit": commit(), "code": code}
        return run | (counts_of(report.read_text()) if report.exists() else {"tests": 0})


def counts_of(report: str) -> Json:
    """Return how many tests a JUnit report has, how many were skipped, and which ones failed."""
    cases = list(ET.fromstring(report).iter("testcase"))
    failed = {}
    for case in cases:
        for kind in ("failure", "error"):
            for found in case.iter(kind):
                name = f"{case.get('classname')}::{case.get('name')}"
                # The file of all runs is for every reader: no path of this machine is in it.
                told = (found.text or "").replace(f"{Path.cwd()}/", "")
                failed[name] = told[-LAST_CHARACTERS:]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {"tests": len(cases), "skipped": skipped, "failed": failed}


def block(runs: Sequence[Json]) -> str:
    """Return the text of the page's block."""
    if not runs:
        return "No run has been made so far: `python -m evaluation.shuffled --times 20`."
    lines = [
        "| commit | runs | tests in a run | runs with a failure | what failed |",
        "|" + " - |" * 5,
    ]
    for name in dict.fromkeys(run["commit"] for run in runs):
        of_commit = [run for run in runs if run["commit"] == name]
        bad = [run for run in of_commit if run["code"] != 0]
        tests = sorted({run["tests"] for run in of_commit})
        span = f"{tests[0]:,}" if len(tests) == 1 else f"{tests[0]:,} to {tests[-1]:,}"
        what = "; ".join(dict.fromkeys(_told(run) for run in bad)) or "nothing"
        lines.append(
            f"| {name} | {len(of_commit)} | {span} | {out_of(len(bad), len(of_commit))} | {what} |"
        )
    return "\n".join(lines)


def _told(run: Json) -> str:
    names = ", ".join(f"`{name}`" for name in run.get("failed", {}))
    return f"{names or 'exit code ' + str(run['code'])} (seed {run['seed']})"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=1, help="how many runs more (default 1)")
    parser.add_argument("--seed", type=int, help="run this order once, and save nothing")
    parser.add_argument("--file", type=Path, default=RUNS_FILE)
    options, arguments = parser.parse_known_args(words)
    if options.seed is not None:
        return int(shuffled(options.seed, arguments or ALL)["code"])
    if arguments:
        parser.error("a run that is saved has all tests; choose some of them with --seed")
    codes = []
    for _ in range(options.times):
        seed = max((run["seed"] for run in trials_in(options.file)), default=0) + 1
        run = shuffled(seed, ALL)
        append_trial(options.file, run)
        codes.append(run["code"])
    if options.file == RUNS_FILE:
        write_block(PAGE, BLOCK, block(trials_in(options.file)))
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
