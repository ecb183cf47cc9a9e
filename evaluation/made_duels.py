"""How often a duel errs, and what it finds, where the truth is known: duels of made-up blocks.

    python -m evaluation.made_duels               prints the table of docs/duel.md

Rules, waves and budget are those of a real duel; only the blocks are drawn, not measured.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from speedgate.builds.label import BuildLabel
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.duel import Duel
from speedgate.duel.margin import RATIO_MARGIN
from speedgate.stats.case import Case
from speedgate.stats.figure import Figure

CASES = 76
BUDGET_SECONDS = 780.0
# Of a case with interpreters of its own, and of one that shares them with others.
BLOCK_SECONDS, QUICK_BLOCK_SECONDS = 1.0, 0.15
MARGIN = math.log1p(RATIO_MARGIN)
RATIOS = ("seconds", "concurrency", "inflation")

ONE, OTHER = BuildLabel("one"), BuildLabel("other")

Draw = Callable[[random.Random], float]


@dataclass(frozen=True)
class MadeBlock:
    """What a decision asks of a block. A speedup falls by as much as the parallel seconds rise."""

    changes: dict[str, float]
    reference: BuildLabel = ONE

    def change(self, figure: Figure, build: BuildLabel, undisturbed: bool = False) -> float | None:
        return self.changes.get(figure.name)

    def waiting(self, build: BuildLabel) -> float | None:
        return 0.0

    def level(self, figure: Figure, build: BuildLabel) -> float | None:
        change = self.changes.get(figure.name)
        return None if change is None else math.exp(change * (build == OTHER))


@dataclass
class MadeMatchup:
    """What a duel asks of a matchup: blocks drawn around a true change of the parallel seconds.

    ``explaining`` is that of what explains: fewer workers at once, and more CPU. ``draw_others``
    draws what is not the seconds.
    """

    entry: Any
    draw: Draw
    draw_others: Draw
    true_change: float
    explaining: float
    chance: random.Random
    clock: list[float]
    blocks: list[Any] = field(default_factory=list)
    failures: dict[BuildLabel, str] = field(default_factory=dict)
    lacking: dict[BuildLabel, str] = field(default_factory=dict)
    reference: BuildLabel = ONE
    builds: tuple[BuildLabel, ...] = (ONE, OTHER)
    others: tuple[BuildLabel, ...] = (OTHER,)
    contenders: tuple[BuildLabel, ...] = (OTHER,)
    calls: int = 1
    is_quick: bool = False
    gave_up: str = ""

    def is_over(self) -> bool:
        return False

    def run_block(self, is_looked_at: bool = False) -> None:
        self.clock[0] += QUICK_BLOCK_SECONDS if self.is_quick else BLOCK_SECONDS
        changes = {name: self.draw_others(self.chance) for name in RATIOS}
        if self.draw_others is not self.draw:
            changes["seconds"] = self.draw(self.chance)
        changes["seconds"] += self.true_change
        changes["concurrency"] -= self.explaining
        changes["inflation"] += self.explaining
        changes["speedup"] = -changes["seconds"]
        self.blocks.append(MadeBlock(changes))


def normal(deviation: float) -> Draw:
    return lambda chance: chance.gauss(0.0, deviation)


def with_spikes(deviation: float) -> Draw:
    """One block of ten is off by four times as much: a neighbour's burst."""
    return lambda chance: chance.gauss(0.0, deviation * (4 if chance.random() < 0.1 else 1))


def two_levels(chance: random.Random) -> float:
    """A build reads half as fast in one process of four, each for itself."""
    return 0.7 * ((chance.random() < 0.25) - (chance.random() < 0.25)) + chance.gauss(0.0, 0.02)


# Where two thirds of the workers run at once, and take 1.5 times the CPU, for the same seconds.
SAME_SECONDS = "no difference in seconds, 2%, with spikes; a third fewer workers at once"
EXPLAINING = {SAME_SECONDS: math.log(1.5)}


SLOW_PROCESSES = "one process of five 1.6 times as slow, 2%"
SLOWER_PROCESSES = "one process of three 1.6 times as slow, 2%"


def slow_processes(share: float) -> Draw:
    """The second build is 1.6 times as slow in this share of its processes."""
    return lambda chance: math.log(1.6) * (chance.random() < share) + chance.gauss(0.0, 0.02)


# Of each scene: how blocks scatter, the true change of all cases, and of how many besides.
SCENES: dict[str, tuple[Draw, float, dict[float, int]]] = {
    "no difference, 2% from block to block": (normal(0.02), 0.0, {}),
    "no difference, 10%, with spikes": (with_spikes(0.1), 0.0, {}),
    "no difference, two levels": (two_levels, 0.0, {}),
    "all at the margin, 3%": (normal(0.03), MARGIN, {}),
    "all at the margin, 10%": (normal(0.1), MARGIN, {}),
    "all at the margin, two levels": (two_levels, MARGIN, {}),
    SAME_SECONDS: (with_spikes(0.02), 0.0, {}),
    SLOW_PROCESSES: (slow_processes(0.2), 0.0, {}),
    "2%, with spikes; three cases 1.25 times as slow": (with_spikes(0.02), 0.0, {1.25: 3}),
    "10%, with spikes; three cases 1.5 times as slow": (with_spikes(0.1), 0.0, {1.5: 3}),
    "30%, with spikes; three cases 3 times as slow": (with_spikes(0.3), 0.0, {3.0: 3}),
}
# What claims.py and power.py try besides: near the margin, and where "same" may miss something.
MORE_SCENES: dict[str, tuple[Draw, float, dict[float, int]]] = {
    "5%, with spikes; three cases 1.15 times as slow": (with_spikes(0.05), 0.0, {1.15: 3}),
    "10%, with spikes; three cases 1.25 times as slow": (with_spikes(0.1), 0.0, {1.25: 3}),
    SLOWER_PROCESSES: (slow_processes(1 / 3), 0.0, {}),
}
EVERY_SCENE = SCENES | MORE_SCENES


def made_duel(scene: str, chance: random.Random) -> Counter[tuple[bool, DuelVerdict]]:
    """Return how many cases had which verdict: those that differ apart from those that do not."""
    changes = true_changes(scene, "case", CASES)
    verdicts = verdicts_of(scene, changes, chance, BUDGET_SECONDS)
    return Counter((changes[name] > MARGIN, verdict) for name, verdict in verdicts.items())


def true_changes(scene: str, kind: str, count: int) -> dict[str, float]:
    """Return the true changes of that many cases of a scene, by their names."""
    _, change, slower = EVERY_SCENE[scene]
    true = [math.log(ratio) for ratio, differing in slower.items() for _ in range(differing)]
    return {
        f"{kind} {number}": truth
        for number, truth in enumerate(true + [change] * (count - len(true)))
    }


def verdicts_of(
    scene: str,
    changes: Mapping[str, float],
    chance: random.Random,
    budget: float,
    screened: Collection[str] = (),
) -> dict[str, DuelVerdict]:
    """Return what a duel of ``budget`` seconds says of cases, by their names; ``screened`` are
    candidates of a screen."""
    draw = EVERY_SCENE[scene][0]
    clock = [0.0]
    explaining = EXPLAINING.get(scene, 0.0)
    draw_others = normal(0.02) if scene in (SLOW_PROCESSES, SLOWER_PROCESSES) else draw
    matchups: list[Any] = [
        MadeMatchup(
            entry_called(name),
            draw,
            draw_others,
            truth,
            explaining,
            chance,
            clock,
            is_quick=name in screened,
        )
        for name, truth in changes.items()
    ]
    chance.shuffle(matchups)
    duel = Duel(matchups, budget, now=lambda: clock[0], screened=screened)
    duel.run()
    return {finding.name: finding.verdict for finding in duel.findings()}


def entry_called(name: str) -> SimpleNamespace:
    """What a finding asks of a duel's entry."""
    return SimpleNamespace(case=Case(name, 1, "threads", 2), label=name, blas_threads=1)


def row(scene: str, duels: int) -> str:
    chance = random.Random(scene)
    outcomes = [made_duel(scene, chance) for _ in range(duels)]
    wrong = sum(
        bool(outcome[False, DuelVerdict.WORSE] + outcome[False, DuelVerdict.BETTER])
        for outcome in outcomes
    )
    total = sum(outcomes, Counter())
    alike = sum(count for (differs, _), count in total.items() if not differs)
    differing = sum(count for (differs, _), count in total.items() if differs)
    caught = f"{total[True, DuelVerdict.WORSE] / differing:.0%}" if differing else ""
    same = total[False, DuelVerdict.SAME] / alike
    return f"| {scene} | {wrong} of {duels} | {same:.0%} | {caught} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.made_duels", description=__doc__)
    parser.add_argument("--duels", type=int, default=200, help="of each scene")
    duels = parser.parse_args().duels
    print("| scene | duels with a false word | called the same | differences found |")
    print("| --- | --- | --- | --- |")
    for scene in SCENES:
        print(row(scene, duels), flush=True)


if __name__ == "__main__":
    main()
