"""Mutation testing: does a test fail for each small fault in the rules and the formulas?

    python -m evaluation.mutation cover              which tests run which lines: minutes, once
    python -m evaluation.mutation run [gate ...]     the mutants that have no outcome yet
    python -m evaluation.mutation run gate --again   those that live for no known reason
    python -m evaluation.mutation table              docs/mutation.md, from all outcomes so far

``run`` ends with 1 where a mutant of its modules lives for no known reason. A test that runs no
mutant (``tests/test_mutation.py``) fails where one has no outcome, or the page is not of today.

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
from dataclasses import dataclass
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


def recorded_lines() -> Selection:
    """Return which tests run which lines; ``SystemExit`` where ``cover`` has not told."""
    try:
        return Selection(json.loads(LINES_FILE.read_text()))
    except (OSError, ValueError, KeyError):
        raise SystemExit(
            f"{LINES_FILE} is missing or cut off: `python -m evaluation.mutation cover` makes it"
        ) from None


def run(
    chosen: Sequence[Path], again: bool, minutes: float, file: Path, part: int
) -> list[ModuleOutcomes]:
    """Try the mutants of modules, one module after the other, for at most so many minutes.

    ``part`` takes every so many mutants: a sample, where not all can be tried. Return what became
    of them, with what was known before.
    """
    until = time.monotonic() + 60 * minutes
    tests = recorded_lines()
    known = outcomes_of(trials_in(file))
    at = commit()
    for path in chosen:
        todo = list(missing(path, known, again))[::part]
        if not todo or time.monotonic() > until:
            continue
        with killer_of(path, tests.known) as kill:
            for number, mutant in enumerate(todo):
                if time.monotonic() > until:
                    break
                outcome = kill(mutant, tests.of(path, mutant))
                identity = {"module": str(path), "key": mutant.key, "commit": at}
                append_trial(file, identity | outcome)
                step = f"{path.stem} {number + 1} of {len(todo)}"
                print(f"{step}: {outcome['outcome']}", file=sys.stderr)
                if outcome["outcome"] == Outcome.SURVIVED.value:
                    print(f"  {mutant.line}: {mutant.before}\n    -> {mutant.after}", flush=True)
    return outcomes_by_module(trials_in(file), chosen)


# --- what became of them


@dataclass(frozen=True)
class ModuleOutcomes:
    """What became of the ``mutants`` of a module: how many had which outcome, and who lives.

    ``untried`` are those of today's code without an outcome; one that is no Python is not counted.
    """

    path: Path
    mutants: int
    untried: int
    counts: Counter[str]
    survivors: tuple[Mutant, ...]

    @property
    def tried(self) -> int:
        return sum(self.counts.values())

    @property
    def unexplained(self) -> list[Mutant]:
        """Those that live for no known reason."""
        return [one for one in self.survivors if reason_of(self.path.stem, one) is None]

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong here, with the commands that mend it."""
        ours, name = "python -m evaluation.mutation", self.path.stem
        if self.untried:
            yield (
                f"{self.path}: {self.untried} of {self.mutants} mutants have no outcome; run "
                f"`{ours} cover`, `{ours} run {name}` and `{ours} table`"
            )
        if self.unexplained:
            lives = "; ".join(f"{one.line}: {one.after}" for one in self.unexplained)
            yield (
                f"{self.path}: {len(self.unexplained)} mutants live for no known reason ({lives}); "
                f"let a test fail for them and run `{ours} cover` and `{ours} run {name} --again`, "
                f"or give the reason in evaluation/survivors.py; then run `{ours} table`"
            )


def outcomes_by_module(
    lines: Sequence[Json], chosen: Sequence[Path] | None = None
) -> list[ModuleOutcomes]:
    """Return what became of the mutants of modules, all of them where none is chosen."""
    known = outcomes_of(lines)
    return [_outcomes_of(path, known) for path in (modules() if chosen is None else chosen)]


def _outcomes_of(path: Path, known: dict[tuple[str, str], Json]) -> ModuleOutcomes:
    mutants = mutants_of(path.read_text())
    seen = [(mutant, known.get((str(path), mutant.key))) for mutant in mutants]
    outcomes = [(mutant, line["outcome"]) for mutant, line in seen if line is not None]
    return ModuleOutcomes(
        path,
        len(mutants),
        len(mutants) - len(outcomes),
        Counter(outcome for _, outcome in outcomes if outcome != Outcome.INVALID.value),
        tuple(mutant for mutant, outcome in outcomes if outcome == Outcome.SURVIVED.value),
    )


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


def document(all_outcomes: Sequence[ModuleOutcomes]) -> str:
    """Return the page: a row for each module, and each survivor with its reason."""
    rows, told = [], []
    total: Counter[str] = Counter()
    open_ = explained = of_all = 0
    for one in all_outcomes:
        unexplained = len(one.unexplained)
        with_reason = len(one.survivors) - unexplained
        rows.append(
            f"| {one.path.parent.name}/{one.path.stem} | {one.mutants} | {one.tried} | "
            f"{score_text(one.counts)} | {unexplained} | {with_reason} |"
        )
        told += list(survivors_text(one.path, one.survivors)) if one.survivors else []
        total += one.counts
        open_ += unexplained
        explained += with_reason
        of_all += one.mutants
    return "\n".join(
        [
            "# Which faults the tests would see",
            "",
            f"Made by `python -m evaluation.mutation run` and `table` on {machine_words()}. Each "
            "mutant is a rule or a formula with one small fault; it is killed if a test fails. "
            f"{sum(total.values()):,} of {of_all:,} mutants were tried. Killed: "
            f"{score_text(total)}. To be killed: {open_}. Live for a reason: {explained}. A test "
            "fails where the code has changed and this page has not.",
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


def modules_named(names: Sequence[str]) -> list[Path]:
    """Return modules by their names, all where none is named; ``SystemExit`` for an unknown one."""
    by_name = {path.stem: path for path in modules()}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise SystemExit(f"no module '{unknown[0]}' is mutated; name one of {', '.join(by_name)}")
    return [by_name[name] for name in names or by_name]


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
        chosen = modules_named(options.modules)
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(COMPILED.absolute())
        done = run(chosen, options.again, options.minutes, options.file, options.part)
        print(*(text for one in done for text in one.complaints()), sep="\n", file=sys.stderr)
        return 1 if any(one.unexplained for one in done) else 0
    else:
        write_page(PAGE, document(outcomes_by_module(trials_in(options.file))))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    sys.exit(main())
