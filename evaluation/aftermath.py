"""Whether a duel sees what a call costs beside its seconds, on made cases whose truth is known.

python -m evaluation.aftermath        writes docs/aftermath.md, in a quarter of an hour
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from evaluation.made_aftermaths import (
    MADE,
    STARTS_A_THREAD,
    SWITCH,
    TAKES_LONGER,
    write_starting_package,
)
from evaluation.pages import machine_words, write_page
from speedgate.builds.label import BuildLabel
from speedgate.duel.duel import Duel
from speedgate.duel.finding import Finding
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.measuring.aftermath import SERVE
from speedgate.measuring.plan import import_folders
from speedgate.measuring.runner_process import Interpreter, RunnerClient, RunnerProcess
from speedgate.runner.machine import usable_cores
from speedgate.stats.case import Case, Workload
from speedgate.stats.figure import FIGURE
from workloads import CATALOGUE

DOCUMENT = Path("docs/aftermath.md")
# The second duel has little to find, and takes all of its time.
BUDGET_SECONDS, SAME_SECONDS, IMPORT_SECONDS = 40.0, 15.0, 150.0
TIME_LIMIT = 60.0
ON = {SWITCH: "1"}

Variables = Mapping[str, str]


@dataclass(frozen=True)
class KnownCase:
    """A made cost: what it does, the workload that has it, and the figure that must show it."""

    truth: str
    workload: Workload
    key: str
    strategy: str = "threads"
    workers_a_core: int = 1
    seconds: float = BUDGET_SECONDS

    @property
    def entry(self) -> DuelEntry:
        workers = self.workers_a_core * max(2, usable_cores())
        return DuelEntry(self.workload, Case(self.workload.name, 1, self.strategy, workers))


CASES = (
    KnownCase("a thread spins for 0.2 s after each call", MADE["spins"], "cpu_after"),
    KnownCase("1 MB of each call is kept", MADE["keeps"], "kept"),
    KnownCase("each call leaves a thread", MADE["starts_threads"], "threads"),
    KnownCase("each fifth call leaves a thread", MADE["parks_threads"], "threads"),
    KnownCase("each call touches 512 new pages", MADE["faults"], "faults"),
    KnownCase("a pause in 20 pieces, not in one", MADE["pauses"], "switches"),
    KnownCase("the first call takes 0.2 s longer", MADE["slow_first"], "first_call"),
    KnownCase(
        "twice as many threads as cores share one lock", MADE["convoy"], "switches",
        workers_a_core=2,
    ),
    KnownCase(
        "a call takes 10 ms longer in a process that was forked", MADE["slow_after_fork"],
        "seconds", strategy="fork",
    ),
)  # fmt: skip
# What the made import does besides. A call of it takes a tenth of a second.
IMPORTED = {
    TAKES_LONGER: KnownCase(
        "the import of NumPy takes 0.2 s longer", CATALOGUE["import_numpy"], "import_seconds",
        seconds=IMPORT_SECONDS,
    ),
    STARTS_A_THREAD: KnownCase(
        "the import of NumPy starts a thread", CATALOGUE["import_numpy"], "import_threads",
        seconds=IMPORT_SECONDS,
    ),
}  # fmt: skip


def build(label: str, variables: Variables) -> BuildUnderTest:
    def open_runner(entry: DuelEntry) -> RunnerClient:
        folders = import_folders(entry.workload)
        here = Interpreter(variables=variables)
        return RunnerProcess(folders, entry.blas_threads, here, serve=SERVE)

    return BuildUnderTest(BuildLabel(label), open_runner, variables)


def finding_of(known: KnownCase, first: Variables, other: Variables, budget: float) -> Finding:
    """Return what a duel of one case finds between a build with and one without the cost."""
    builds = [build("first", first), build("other", other)]
    duel = Duel([Matchup(known.entry, builds, TIME_LIMIT)], budget)
    duel.run()
    (finding,) = duel.findings()
    return finding


def row(known: KnownCase, switched_on: Variables) -> str:
    """Return the line of a known case: off against on, and on against itself."""
    finding = finding_of(known, {}, switched_on, known.seconds)
    same = finding_of(known, switched_on, switched_on, SAME_SECONDS)
    figure = FIGURE[known.key]
    effect = finding.effects.get(figure.name)
    levels = ["unknown"] * 3
    if effect is not None:
        ends = (effect.first.value, effect.other.value)
        levels = [*map(figure.text, ends), figure.change(effect.change)]
    said = f"{finding.verdict.value} ({finding.decision.word.value or 'no word'})"
    print(known.truth, said, same.verdict.value, finding.reason, file=sys.stderr)
    return (
        f"| {known.truth} | {figure.label} | {' | '.join(levels)} | {said} | {same.verdict.value} |"
    )


def rows() -> Iterator[str]:
    yield from map(partial(row, switched_on=ON), CASES)
    for cost, known in IMPORTED.items():
        with tempfile.TemporaryDirectory() as folder:
            write_starting_package(Path(folder), cost)
            yield row(known, {"PYTHONPATH": folder})


def document() -> str:
    lines = [
        "# Whether a duel sees what a call costs beside its seconds",
        "",
        f"Made by `python -m evaluation.aftermath` on {machine_words()}, Python "
        f"{sys.version.split()[0]}.",
        "",
        "Each row is a duel of one case in two builds that differ by the made cost alone, for at "
        f"most {BUDGET_SECONDS:g} s (an import {IMPORT_SECONDS:g} s), and another one of the "
        "costly build against itself, which must be neither worse nor better. "
        "`evaluation/made_aftermaths.py` has the cases.",
        "",
        "A case stays inconclusive where other work on the machine, or the time, leaves too little "
        "that is certain of its seconds; its figure and the interval are those of all blocks then.",
        "",
        "| made cost | figure | without | with | change | verdict | against itself |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows(),
        "",
        "The first call explains and does not decide: it is one call of a process, which chance "
        "moves by tens of percents. The import's figures decide in the case `import_numpy` alone: "
        "they are the same in every case of a build, and one difference would be asked eighty "
        "times.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    write_page(DOCUMENT, document())


if __name__ == "__main__":
    main()
