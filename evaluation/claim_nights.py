"""The claims' scenes of nights: the history gate, change points, and the comparison of many runs.

Each scene returns how often a word was wrong, and how often it could have been.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from evaluation.blocks import CASE
from evaluation.claim import Trial
from evaluation.coverage import series
from speedgate.judging.comparison import SideLevel, Source, compare
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import (
    WINDOW_RUNS,
    HistoryJudgement,
    confirmed,
    judge_history,
    levels_of,
    machine_loss,
)
from speedgate.stats.changepoints import change_points
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate

# What decides what these scenes say.
CODE = (
    *(f"speedgate/stats/{name}.py" for name in ("changepoints", "estimate", "figure", "moments")),
    *(f"speedgate/judging/{name}.py" for name in ("comparison", "history_gate")),
    *(f"evaluation/{name}.py" for name in ("claim_nights", "coverage")),
)
NIGHTS = 365
# So many nights are played in one go; where nothing fails for good, a year is several of them.
STRETCH = 30

SCATTER = {"speedup": 0.04, "seconds": 0.04, "cpu_per_wall": 0.02}
LEVELS = {"speedup": 1.85, "seconds": 0.01, "cpu_per_wall": 1.9}
HELD = 0.02
SLOW_FACTOR = 1.5
CONTROL = 1.93  # of two workers
SMT_CONTROL = 1.3  # on the two threads of one core


class Nights:
    """A case's figures night by night; ``slow`` is the share of its runs in a slow process."""

    def __init__(
        self, chance: random.Random, slow: float, correlation: float, control: float
    ) -> None:
        self._chance, self._slow, self._correlation = chance, slow, correlation
        self._control = control
        self._last = chance.gauss(0, 1)

    def turn(self) -> None:
        step = self._chance.gauss(0, math.sqrt(1 - self._correlation**2))
        self._last = self._correlation * self._last + step

    def figures(self, factor: float = 1.0) -> dict[str, float]:
        """Return what a run reads tonight; ``factor`` is how much slower the build became."""
        chance = self._chance
        if chance.random() < self._slow:
            factor *= SLOW_FACTOR
        own = chance.gauss(0, 1)
        common = self._last if self._correlation else own
        return {
            "speedup": LEVELS["speedup"] / factor * math.exp(SCATTER["speedup"] * common),
            "seconds": LEVELS["seconds"] * factor * math.exp(-SCATTER["seconds"] * common),
            "cpu_per_wall": LEVELS["cpu_per_wall"]
            * math.exp(SCATTER["cpu_per_wall"] * chance.gauss(0, 1)),
            "held": min(1.0, max(0.0, HELD + 0.005 * chance.gauss(0, 1))),
            "control": self._control * math.exp(0.01 * chance.gauss(0, 1)),
            "waiting": 0.02,
        }


def as_estimates(figures: dict[str, float]) -> dict[str, Estimate | None]:
    def near(name: str, value: float) -> Estimate:
        half = 0.005 if name == "held" else 0.02 * value
        return Estimate(value, value - half, value + half, DEFAULT_CONFIDENCE, 60)

    return {name: near(name, value) for name, value in figures.items()}


Window = list[dict[str, float]]
# Of a case's nights, its window, how many cases are judged, and how much slower the build became:
# what was read tonight, and whether it fails.
NightRule = Callable[[Nights, Window, int, float], tuple[dict[str, float], bool]]


def judged_night(
    figures: dict[str, float], window: Window, judged: int, known: Window | None = None
) -> HistoryJudgement:
    """Judge a case by today's rule; ``known`` are the nights whose control counts, the window's."""
    control = Estimate(figures["control"], 0.98 * figures["control"], figures["control"], 0.95, 40)
    loss = machine_loss(2, control, figures["waiting"], window if known is None else known)
    levels = levels_of(as_estimates(figures), window, loss)
    return judge_history(CASE, levels, [str(night) for night in range(len(window))], judged)


def measured_again(
    nights: Nights, window: Window, judged: int, factor: float
) -> tuple[dict[str, float], bool]:
    """Return what was read tonight, and whether it fails: today's rule, which measures again."""
    figures = nights.figures(factor)
    judgement = judged_night(figures, window, judged)
    if judgement.verdict is Verdict.FAILED:
        judgement = confirmed(judgement, judged_night(nights.figures(factor), window, judged))
    return figures, judgement.verdict is Verdict.FAILED


def night_fails(
    nights: Nights,
    window: Window,
    judged: int,
    factor: float = 1.0,
    rule: NightRule = measured_again,
) -> bool:
    """Judge a case tonight, and keep the run in its window unless it failed."""
    nights.turn()
    figures, fails = rule(nights, window, judged, factor)
    if not fails:
        window[:] = [figures, *window][:WINDOW_RUNS]
    return fails


def red_nights(
    cases: int,
    nights: int = STRETCH,
    slow: float = 0.0,
    correlation: float = 0.0,
    rule: NightRule = measured_again,
) -> Trial:
    """So many nights, after twenty without a judgement."""

    def trial(chance: random.Random) -> tuple[int, int]:
        made = [twenty_nights(chance, slow, correlation) for _ in range(cases)]
        red = sum(
            sum(night_fails(case, window, cases, rule=rule) for case, window in made) > 0
            for _ in range(nights)
        )
        return red, nights

    return trial


def step_missed(
    factor: float, slow: float = 0.0, control: float = CONTROL, rule: NightRule = measured_again
) -> Trial:
    """A build that is ``factor`` times as slow from one night to the next, of four cases."""

    def trial(chance: random.Random) -> tuple[int, int]:
        nights, window = twenty_nights(chance, slow, control=control)
        return int(not night_fails(nights, window, 4, factor, rule)), 1

    return trial


def twenty_nights(
    chance: random.Random, slow: float = 0.0, correlation: float = 0.0, control: float = CONTROL
) -> tuple[Nights, list[dict[str, float]]]:
    """Return a case's nights, and the window that twenty of them without a judgement make."""
    nights, window = Nights(chance, slow, correlation, control), []
    for _ in range(WINDOW_RUNS):
        nights.turn()
        window.append(nights.figures())
    return nights, window


def drift_alarm(correlation: float) -> Trial:
    """A year of nights after sixty, looked at after every fifth; one reported change is one."""

    def trial(chance: random.Random) -> tuple[int, int]:
        values = [math.exp(0.04 * value) for value in series(chance, 60 + NIGHTS, correlation)]
        looks = range(60, 60 + NIGHTS + 1, 5)
        return int(any(change_points(values[:count]) for count in looks)), 1

    return trial


def change_seen(correlation: float, count: int) -> Trial:
    """So many nights without a change, looked at after the last."""

    def trial(chance: random.Random) -> tuple[int, int]:
        values = [math.exp(0.04 * value) for value in series(chance, count, correlation)]
        return int(bool(change_points(values))), 1

    return trial


# --- comparisons


def comparison_errs(
    one: int, other: int, correlation: float, cases: int = 20, by_case: bool = False
) -> Trial:
    """Whether anything of two equal sides is called better or worse, or how many of the cases."""

    def side(chance: random.Random, runs: int) -> Source:
        figures: dict[str, SideLevel] = {}
        for number in range(cases):
            logs = series(chance, runs, correlation)
            figures[str(number)] = SideLevel.of([_near(math.exp(0.14 * log)) for log in logs])
        return Source("", runs, figures, {})

    def trial(chance: random.Random) -> tuple[int, int]:
        lines = compare([side(chance, one), side(chance, other)])
        words = [ratio.word for line in lines for ratio in line.speedup_ratios]
        wrong = sum(word in ("better", "worse") for word in words)
        return (wrong, cases) if by_case else (int(wrong > 0), 1)

    return trial


def _near(value: float) -> Estimate:
    return Estimate(value, value / 1.04, value * 1.04, DEFAULT_CONFIDENCE, 40)
