"""The claims' scenes of duels: whole duels of made-up blocks, by the rules of a real one.

Each scene returns how often a word was wrong, and how often it could have been.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from evaluation.claim import Trial
from evaluation.made_duels import made_duel, with_spikes
from speedgate.builds.label import BuildLabel
from speedgate.duel.bisection import Answer, nearer_end
from speedgate.duel.candidate import Candidate
from speedgate.duel.decision import DuelVerdict
from speedgate.stats.figure import SECONDS, Figure

# What decides what these scenes say.
CODE = (
    *(
        f"speedgate/duel/{name}.py"
        for name in ("bisection", "candidate", "case_state", "decision", "duel")
    ),
    *(f"speedgate/duel/{name}.py" for name in ("effect", "margin")),
    *(f"speedgate/stats/{name}.py" for name in ("estimate", "figure", "moments")),
    *(f"evaluation/{name}.py" for name in ("claim_duels", "made_duels")),
)

DUEL_SCENES = (
    "no difference, 10%, with spikes",
    "no difference, two levels",
    "all at the margin, 3%",
    "all at the margin, two levels",
)


def duel_errs(scene: str) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        verdicts = made_duel(scene, chance)
        words = {verdict for differs, verdict in verdicts if not differs}
        return int(bool(words & {DuelVerdict.WORSE, DuelVerdict.BETTER})), 1

    return trial


def same_at_margin(chance: random.Random) -> tuple[int, int]:
    return _called_same("all at the margin, 3%", chance)


def same_with_levels(scene: str) -> Trial:
    """A case that is slow in some processes only; which, the scene says."""

    def trial(chance: random.Random) -> tuple[int, int]:
        return _called_same(scene, chance)

    return trial


def _called_same(scene: str, chance: random.Random) -> tuple[int, int]:
    verdicts = made_duel(scene, chance)
    same = sum(count for (_, verdict), count in verdicts.items() if verdict is DuelVerdict.SAME)
    return same, sum(verdicts.values())


# --- bisection

ENDS = tuple(map(BuildLabel, ("good", "middle", "bad")))


@dataclass(frozen=True)
class StepBlock:
    """What a step of a bisection asks of a block: the change of each build's seconds."""

    changes: dict[BuildLabel, float]

    def change(self, figure: Figure, build: BuildLabel, undisturbed: bool = False) -> float:
        return self.changes[build]


def wrong_step(way: float, deviation: float) -> Trial:
    """A build that has gone this part of the way to one that is 1.5 times as slow; below a half it
    is like the good one."""
    draw = with_spikes(deviation)

    def trial(chance: random.Random) -> tuple[int, int]:
        matchup = StepMatchup(way, draw, chance)
        answer, _ = nearer_end(matchup, Candidate(ENDS[2], SECONDS, 1))  # type: ignore[arg-type]
        return int(answer is Answer.BAD), 1

    return trial


class StepMatchup:
    """What a step asks of a matchup of three builds: blocks drawn around their true changes."""

    builds = remaining = ENDS

    def __init__(self, way: float, draw: Any, chance: random.Random) -> None:
        self._true = {
            build: part * math.log(1.5) for build, part in zip(ENDS, (0, way, 1), strict=True)
        }
        self._draw, self._chance = draw, chance
        self.blocks: list[StepBlock] = []

    def run_block(self, is_looked_at: bool = False) -> None:
        self.blocks.append(
            StepBlock(
                {build: true + self._draw(self._chance) for build, true in self._true.items()}
            )
        )
