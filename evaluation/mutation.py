"""Mutation testing: does a test fail for each small fault in the rules and the formulas?

    python -m evaluation.mutation cover              which tests run which lines: minutes, once
    python -m evaluation.mutation run [gate ...]     the mutants that have no outcome yet
    python -m evaluation.mutation run gate --again   those that live for no known reason
    python -m evaluation.mutation table              docs/mutation.md, from all outcomes so far

Each mutant (``evaluation.mutants``) meets the tests that run its lines, the module's own ones
first, then the rest of those, and dies of the first one that fails. It runs in a fork of a process
that has loaded all that does not depend on the mutated module. Outcomes are appended to a file: a
run can be stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.accuracy_trials import commit
from evaluation.killing import Outcome, Selection, killer_of, lines_of_tests
from evaluation.mutants import Mutant, mutants_of
from evaluation.pages import machine_words, share_text, write_page
from evaluation.survivors import reason_of
from evaluation.trial_file import append_trial, trials_in

OUTCOMES_FILE = Path("evaluation/trials/mutation.jsonl")
# Which tests run which lines: made anew by `cover`, not kept.
LINES_FILE = Path(".mutation/lines.json")
# The tests are compiled for the first mutant, not for each: a mutant itself is never written there.
COMPILED = Path(".mutation/compiled")
PAGE = Path("docs/mutation.md")
FOLDERS = ("speedgate/judging", "speedgate/stats")
# Those that are fast, and are there for the rules: tests of other packages run them as well.
TESTS = ("tests/judging", "tests/stats", "tests/report", "tests/duel")

Json = dict[str, Any]


def modules() -> list[Path]:
    """Return the modules that are mutated."""
    return [
        path
        for folder in FOLDERS
        for path in sorted(Path(folder).glob("*.py"))
        if path.name != "__init__.py"
    ]


def outcomes_of(lines: Sequence[Json]) -> dict[tuple[str, str], Json]:
    """Return the last outcome of each mutant, by its module and key."""
    return {(line["module"], line["key"]): line for line in lines}


def missing(path: Path, known: dict[tuple[str, str], Json], again: bool) -> Iterator[Mutant]:
    """The mutants of a module without an outcome; with ``again`` those that survived, and live for
    no reason that is known."""
    for mutant in mutants_of(path.read_text()):
        seen = known.get((str(path), mutant.key))
        lives = seen is not None and seen["outcome"] == Outcome.SURVIVED.value
        if (lives and reason_of(path.stem, mutant) is None) if again else seen is None:
            yield mutant


def run(names: Sequence[str], again: bool, minutes: float, file: Path, part: int) -> None:
    """Try the mutants of modules, in the order of their names, for at most so many minutes.

    ``part`` takes every so many mutants: a sample, where not all can be tried.
    """
    until = time.monotonic() + 60 * minutes
    tests = Selection(json.loads(LINES_FILE.read_text()))
    known = outcomes_of(trials_in(file))
    at = commit()
    by_name = {path.stem: path for path in modules()}
    for name in names or by_name:
        path = by_name[name]
        todo = list(missing(path, known, again))[::part]
        with killer_of(path, tests.known) as kill:
            for number, mutant in enumerate(todo):
                if time.monotonic() > until:
                    return
                outcome = kill(mutant, tests.of(path, mutant))
                identity = {"module": str(path), "key": mutant.key, "commit": at}
                append_trial(file, identity | outcome)
                print(f"{name} {number + 1} of {len(todo)}: {outcome['outcome']}", file=sys.stderr)
                if outcome["outcome"] == Outcome.SURVIVED.value:
                    print(f"  {mutant.line}: {mutant.before}\n    -> {mutant.after}", flush=True)


# --- the page


def score_text(counts: Counter[str]) -> str:
    """Return killed of all, as a share; ``not measured`` without outcomes."""
    total = sum(counts.values())
    return share_text(1 - counts[Outcome.SURVIVED.value] / total) if total else "not measured"


def survivors_text(path: Path, survivors: Sequence[Mutant]) -> Iterator[str]:
    yield ""
    yield f"### {path.parent.name}/{path.name}"
    yield ""
    yield "| line | in | before | after | why it lives |"
    yield "| --- | --- | --- | --- | --- |"
    for mutant in survivors:
        reason = reason_of(path.stem, mutant)
        told = reason.value if reason else "to be killed"
        cells = (mutant.place or "the module", _code(mutant.before), _code(mutant.after), told)
        yield f"| {mutant.line} | {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Return code for a cell of a table."""
    short = text if len(text) <= 120 else f"{text[:117]}..."
    return f"`{short.replace('|', chr(92) + '|').replace('`', chr(39))}`"


def document(lines: Sequence[Json]) -> str:
    """Return the page: a row for each module, and each survivor with its reason."""
    known = outcomes_of(lines)
    rows, told = [], []
    total: Counter[str] = Counter()
    explained = of_all = 0
    for path in modules():
        mutants = mutants_of(path.read_text())
        seen = {mutant.key: known.get((str(path), mutant.key)) for mutant in mutants}
        counts = Counter(
            line["outcome"] for line in seen.values() if line and line["outcome"] != "invalid"
        )
        survivors = [
            mutant
            for mutant in mutants
            if (line := seen[mutant.key]) and line["outcome"] == Outcome.SURVIVED.value
        ]
        with_reason = sum(reason_of(path.stem, mutant) is not None for mutant in survivors)
        rows.append(
            f"| {path.parent.name}/{path.stem} | {len(mutants)} | {sum(counts.values())} | "
            f"{score_text(counts)} | {len(survivors) - with_reason} | {with_reason} |"
        )
        told += list(survivors_text(path, survivors)) if survivors else []
        total += counts
        explained += with_reason
        of_all += len(mutants)
    open_ = total[Outcome.SURVIVED.value] - explained
    return "\n".join(
        [
            "# Which faults the tests would see",
            "",
            f"Made by `python -m evaluation.mutation run` and `table` on {machine_words()}. Each "
            "mutant is a rule or a formula with one small fault; it is killed if a test fails. "
            f"{sum(total.values()):,} of {of_all:,} mutants were tried. Killed: "
            f"{score_text(total)}. To be killed: {open_}. Live for a reason: {explained}.",
            "",
            "The operators are those of mutmut, also on constants of modules and classes and on "
            "properties, and two more: an `if` takes its other branch, a function returns `None`. "
            "Texts count: each text, and each part of an f-string, is marked once. Not mutated "
            "are docstrings, annotations, decorators, imports, and names for types. The tests "
            f"are those of {', '.join(f'`{folder}`' for folder in TESTS)} that run the lines of a "
            "mutant, and all of the module's own, for a constant is read by others than ran its "
            "line; hypothesis makes 20 examples of each property, not 100.",
            "",
            "| module | mutants | tried | killed | to be killed | live for a reason |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            f"| all | {of_all:,} | {sum(total.values()):,} | {score_text(total)} | {open_} | "
            f"{explained} |",
            "",
            "## Those that live",
            *(told or ["", "None so far."]),
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("do", choices=["cover", "run", "table"])
    parser.add_argument("modules", nargs="*", help="such as gate; all where none is named")
    parser.add_argument("--again", action="store_true", help="those that live for no known reason")
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--part", type=int, default=1, metavar="N", help="every N-th mutant alone")
    parser.add_argument("--file", type=Path, default=OUTCOMES_FILE)
    options = parser.parse_args(words)
    if options.do == "cover":
        LINES_FILE.parent.mkdir(exist_ok=True)
        LINES_FILE.write_text(json.dumps(lines_of_tests(TESTS, FOLDERS)))
    elif options.do == "run":
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(COMPILED.absolute())
        run(options.modules, options.again, options.minutes, options.file, options.part)
    else:
        write_page(PAGE, document(trials_in(options.file)))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    sys.exit(main())
