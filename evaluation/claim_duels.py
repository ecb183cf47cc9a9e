"""The claims' scenes of duels: whole duels of made-up blocks, by the rules of a real one.

Each scene returns how often a word was wrong, and how often it could have been.
"""

from __future__ import annotations

import random

from evaluation.claim import Trial
from evaluation.made_duels import SLOW_PROCESSES, made_duel
from speedgate.duel.decision import DuelVerdict

# What decides what these scenes say.
CODE = (
    *(f"speedgate/duel/{name}.py" for name in ("candidate", "case_state", "decision", "duel")),
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


def same_with_levels(chance: random.Random) -> tuple[int, int]:
    return _called_same(SLOW_PROCESSES, chance)


def _called_same(scene: str, chance: random.Random) -> tuple[int, int]:
    verdicts = made_duel(scene, chance)
    same = sum(count for (_, verdict), count in verdicts.items() if verdict is DuelVerdict.SAME)
    return same, sum(verdicts.values())
