"""What a wide screen adds to a duel, and what it costs, where the truth is known.

    python -m evaluation.made_screens             prints the table of docs/duel.md
    python -m evaluation.made_screens --crowded   that of releases with hundreds of changes

Screen, candidates, rules, waves and budget are those of a real wide duel; only the looks and the
blocks are drawn, not measured.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from evaluation.made_duels import (
    BUDGET_SECONDS,
    CASES,
    MARGIN,
    SCENES,
    Draw,
    true_changes,
    verdicts_of,
)
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.wide_screen import CANDIDATES, WideScreen
from speedgate.duel.wide_selection import DEFAULT_SCREEN_SECONDS, added_seconds
from speedgate.measuring.census import CensusCell
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.screen_side import WORKERS
from speedgate.stats.case import Case
from speedgate.stats.sample import Pair, Round

CELLS = 2000
# A look takes about that long, and its rounds scatter by that much.
LOOK_SECONDS = 0.025
ROUND_DEVIATION = 0.03
CALLED = (DuelVerdict.WORSE, DuelVerdict.BETTER)
SHOWN = (
    "no difference, 2% from block to block",
    "no difference, 10%, with spikes",
    "no difference, two levels",
    "all at the margin, 3%",
    "all at the margin, 10%",
    "all at the margin, two levels",
    "2%, with spikes; three cases 1.25 times as slow",
    "10%, with spikes; three cases 1.5 times as slow",
    "30%, with spikes; three cases 3 times as slow",
)
# As in a real screen of two releases: more cells differ than a duel can confirm.
CROWDED = SHOWN[-3:]
CROWD = 200
MANY_CANDIDATES = 120
HEAD = (
    "duels with a false word | wide | selection called the same | wide | differences found in the "
    "selection | wide | in the cells"
)


@dataclass
class MadeSide:
    """What a screen asks of a build: looks drawn around the true changes of its cells."""

    draw: Draw
    changes: Mapping[str, float]
    chance: random.Random
    clock: list[float]
    workers: int = WORKERS
    measured: dict[Case, Measurement] = field(default_factory=dict)

    @contextmanager
    def runner(self) -> Iterator[None]:
        yield

    def unseen(self) -> dict[Case, str]:
        return {}

    def look(self, cell: CensusCell, pairs: int, seconds: float) -> bool:
        self.clock[0] += LOOK_SECONDS
        level = self.changes[cell.name] + self.draw(self.chance)
        rounds = [math.exp(self.chance.gauss(level, ROUND_DEVIATION)) for _ in range(pairs)]
        case = cell.case(self.workers)
        known = self.measured.setdefault(case, Measurement(case))
        known.processes.append([Pair(Round(2 * took, 0.0), Round(took, 0.0)) for took in rounds])
        return True


def crowded_cells(scene: str, differing: int) -> dict[str, float]:
    """Return the true changes of the cells of a scene, of which that many differ."""
    cells = true_changes(scene, "cell", CELLS)
    (ratio,) = SCENES[scene][2]
    return cells | dict.fromkeys(list(cells)[:differing], math.log(ratio))


def made_candidates(
    scene: str, changes: Mapping[str, float], chance: random.Random, most: int = CANDIDATES
) -> tuple[list[str], float]:
    """Return the cells that a screen hands on, ``most`` at most, and how long it took."""
    clock = [0.0]
    none = dict.fromkeys(changes, 0.0)
    sides: list[Any] = [
        MadeSide(lambda chance: 0.0, none, chance, clock),
        MadeSide(SCENES[scene][0], changes, chance, clock),
    ]
    cells = [CensusCell(name, 1) for name in changes]
    screen = WideScreen(cells, sides, DEFAULT_SCREEN_SECONDS, now=lambda: clock[0])
    screen.run()
    return [case.workload for case in screen.candidates(most)], screen.seconds


@dataclass
class Outcome:
    """What duels of a scene said: of how many cases of a kind that differ, or not, and how."""

    counts: Counter[tuple[str, bool, DuelVerdict]] = field(default_factory=Counter)
    wrong: int = 0

    def add(self, changes: Mapping[str, float], verdicts: Mapping[str, DuelVerdict]) -> None:
        """Take in a duel; a case that it did not measure counts for none."""
        wrong = [verdicts[name] in CALLED and changes[name] <= MARGIN for name in verdicts]
        self.wrong += any(wrong)
        for name, verdict in verdicts.items():
            self.counts[name.partition(" ")[0], changes[name] > MARGIN, verdict] += 1

    def share(self, kind: str, differ: bool, verdict: DuelVerdict, of: int) -> str:
        return f"{self.counts[kind, differ, verdict] / of:.0%}" if of else ""


def outcomes(
    scene: str, cells: Mapping[str, float], duels: int, most: int = CANDIDATES, more: float = 0.0
) -> tuple[Outcome, Outcome]:
    """Return what duels of the fixed selection said without a screen, and with one of cells.

    Each has its default budget, which is longer where more candidates join; with a screen ``more``
    seconds besides.
    """
    chance = random.Random(scene)
    fixed = true_changes(scene, "case", CASES)
    budget = BUDGET_SECONDS + added_seconds(DEFAULT_SCREEN_SECONDS, most) + more
    before, after = Outcome(), Outcome()
    for _ in range(duels):
        before.add(fixed, verdicts_of(scene, fixed, chance, BUDGET_SECONDS))
        handed_on, took = made_candidates(scene, cells, chance, most)
        both = fixed | {name: cells[name] for name in handed_on}
        after.add(both, verdicts_of(scene, both, chance, budget - took, handed_on))
    return before, after


def selection_columns(scene: str, duels: int, before: Outcome, after: Outcome) -> list[str]:
    """Return what became of the fixed selection: false words, "the same", and what differs."""
    differing = duels * sum(SCENES[scene][2].values())
    alike = duels * CASES - differing
    columns = [f"{one.wrong} of {duels}" for one in (before, after)]
    columns += [one.share("case", False, DuelVerdict.SAME, alike) for one in (before, after)]
    columns += [one.share("case", True, DuelVerdict.WORSE, differing) for one in (before, after)]
    return columns


def row(scene: str, duels: int) -> str:
    """Return the row of a scene: the same fixed selection without a screen and with one."""
    before, after = outcomes(scene, true_changes(scene, "cell", CELLS), duels)
    differing = duels * sum(SCENES[scene][2].values())
    columns = selection_columns(scene, duels, before, after)
    found = after.share("cell", True, DuelVerdict.WORSE, differing)
    return f"| {scene} | {' | '.join(columns)} | {found} |"


def crowded_row(scene: str, most: int, duels: int, more: float) -> str:
    """Return the row of a scene in which ``CROWD`` cells differ, and ``most`` join the duel."""
    before, after = outcomes(scene, crowded_cells(scene, CROWD), duels, most, more)
    columns = selection_columns(scene, duels, before, after)
    found = after.counts["cell", True, DuelVerdict.WORSE] / duels
    return f"| {scene} | {most} | {' | '.join(columns)} | {found:.0f} of {CROWD} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.made_screens", description=__doc__)
    parser.add_argument("--duels", type=int, default=60, help="of each scene")
    parser.add_argument("--crowded", action="store_true", help=f"{CROWD} cells differ")
    parser.add_argument(
        "--more", type=float, default=0.0, help="seconds beyond the default, with --crowded"
    )
    options = parser.parse_args()
    if options.crowded:
        print(f"| scene | candidates | {HEAD} |\n|{' --- |' * 9}")
        for scene, most in product(CROWDED, (CANDIDATES, MANY_CANDIDATES)):
            print(crowded_row(scene, most, options.duels, options.more), flush=True)
        return
    print(f"| scene | {HEAD} |\n|{' --- |' * 8}")
    for scene in SHOWN:
        print(row(scene, options.duels), flush=True)


if __name__ == "__main__":
    main()
