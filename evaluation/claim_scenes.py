"""The scenes of evaluation/claims.py: each returns how often a word was wrong, and how often it
could have been."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from evaluation.blocks import CASE, HEALTHY, draw, measured
from evaluation.coverage import series
from evaluation.made_duels import SLOW_PROCESSES, made_duel
from speedgate.duel.decision import DuelVerdict
from speedgate.judging.advice import advise
from speedgate.judging.comparison import SideLevel, Source, compare
from speedgate.judging.floors import floors
from speedgate.judging.gate import (
    JUDGED_BY_DEFAULT,
    MAX_PROCESSES,
    MIN_PROCESSES,
    Evidence,
    Gate,
    Verdict,
    decision_confidence,
    judge,
)
from speedgate.judging.gil_class import GilClass, classify
from speedgate.judging.gil_map import Operation, changes
from speedgate.judging.history_gate import (
    WINDOW_RUNS,
    HistoryJudgement,
    confirmed,
    judge_history,
    levels_of,
    machine_loss,
)
from speedgate.judging.row import Row
from speedgate.measuring.measured_row import gil_class_of, measured_row, over_processes
from speedgate.stats.accounting import Concurrency
from speedgate.stats.case import Case
from speedgate.stats.changepoints import change_points
from speedgate.stats.estimate import (
    DEFAULT_CONFIDENCE,
    Estimate,
    estimate_median,
    estimate_share,
    sign_autocorrelation,
)
from speedgate.stats.speedup import speedup

Trial = Callable[[random.Random], tuple[int, int]]

WORKERS = (2, 8, 32, 128)
MAP_ROUNDS = 11  # of a case of the GIL map in a default run: the median
NIGHTS = 365
GATE = Gate("claims", ("g",))


def _subject(chance: random.Random) -> str:
    return chance.choice(HEALTHY)


# --- intervals


def interval_misses(confidence: float, processes: int, rounds: int | None) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        runs = draw(chance, _subject(chance), processes, rounds)
        interval = across(runs, confidence)
        return int(interval is not None and not interval.low <= 1 <= interval.high), 1

    return trial


def across(runs: Sequence[Sequence[float]], confidence: float) -> Estimate | None:
    """Return the speedup as a report shows it, at a confidence of our own."""
    measurement = measured(runs)
    of_rounds = speedup(measurement.sample, confidence)
    return over_processes(of_rounds, measurement.evidence(confidence).process_speedups)


def rounds_miss(confidence: float, pairs: int, correlation: float) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        runs = [series(chance, pairs // 2, correlation) for _ in range(2)]
        values = [value for run in runs for value in run]
        estimate = estimate_median(values, confidence, sign_autocorrelation(runs))
        return int(estimate is None or not estimate.low <= 0 <= estimate.high), 1

    return trial


def held_misses(share: float, spread: float, samples: int = 800) -> Trial:
    """Samples of which runs see the same hold: their variance is ``spread`` times as large."""
    stay = (spread - 1) / (spread + 1)

    def trial(chance: random.Random) -> tuple[int, int]:
        hits, held = 0, chance.random() < share
        for _ in range(samples):
            if chance.random() > stay:
                held = chance.random() < share
            hits += held
        estimate = estimate_share(hits / 2, samples // 2)
        assert estimate is not None
        return int(not estimate.low <= share <= estimate.high), 1

    return trial


# --- classes, break-even, advice


def a_row(
    chance: random.Random, truth: float, strategy: str = "threads", subject: str | None = None
) -> Row:
    """Return the row of a case of the map, measured in one process."""
    runs = draw(chance, subject or _subject(chance), 1, MAP_ROUNDS, truth)
    measurement = measured(runs, case=Case("g", 1_000_000, strategy, 2))
    return measured_row(measurement, gil_class=gil_class_of(measurement))


def wins_at(truth: float) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        return int(Operation("g", (a_row(chance, truth),)).break_even is not None), 1

    return trial


def no_gain_at(truth: float) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        classification = a_row(chance, truth).gil_class
        assert classification is not None
        return int(classification.kind is GilClass.NOT_WORTH and classification.certain), 1

    return trial


def changed_at(truth: float) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        subject = _subject(chance)
        one, other = (a_row(chance, truth, subject=subject) for _ in range(2))
        return len(changes({one.case: one}, [other])), 1

    return trial


def certain_among_equals(ways: int) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        subject = _subject(chance)
        names = ("threads", "processes", "foreach", "shared", "loky")[:ways]
        all_advice = advise(a_row(chance, 1.6, name, subject) for name in names)
        return sum(advice.line.endswith("certainly") for advice in all_advice), 1

    return trial


# --- the gate


def verdict_of(runs: Sequence[Sequence[float]]) -> Verdict:
    """Return the gate's verdict on a case with all its looks."""
    confidence, required = decision_confidence(JUDGED_BY_DEFAULT), floors(2)
    for look in range(MIN_PROCESSES, MAX_PROCESSES + 1):
        measurement = measured(runs[:look])
        final = look == MAX_PROCESSES
        evidence = measurement.evidence(confidence)
        verdict = judge(GATE, measurement.case, evidence, required, final).verdict
        if verdict is not Verdict.INCONCLUSIVE:
            break
    return verdict


def healthy_run_fails(chance: random.Random) -> tuple[int, int]:
    drawn = [
        draw(chance, subject, MAX_PROCESSES, None, truth)
        for subject, truth in (("g", 1.5), ("g_out", 1.7)) * 2
    ]
    return int(any(verdict_of(measurement) is Verdict.FAILED for measurement in drawn)), 1


def passes_at(subject: str, truth: float) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        verdict = verdict_of(draw(chance, subject, MAX_PROCESSES, None, truth))
        return int(verdict is Verdict.PASSED), 1

    return trial


# --- more than two cores


def queue_concurrency(chance: random.Random, workers: int, held: float, calls: int = 60) -> float:
    """Return how many workers ran at once that each hold one lock for a share of every call.

    Calls and holds take exponential times; a worker that waits for the lock does not run.
    """
    ready = [chance.expovariate(1 / (1 - held)) for _ in range(workers)]
    free, busy, end = 0.0, sum(ready), 0.0
    for _ in range(workers * calls):
        worker = min(range(workers), key=ready.__getitem__)
        hold = chance.expovariate(1 / held)
        free = max(free, ready[worker]) + hold
        work = chance.expovariate(1 / (1 - held))
        busy += hold + work
        ready[worker] = free + work
        end = free
    late = sum(max(0.0, moment - end) for moment in ready)
    return (busy - late) / end


def allowed_hold_fails(workers: int) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        concurrency = min(workers, queue_concurrency(chance, workers, 0.03, 20))
        evidence = _evidence(workers, concurrency, 0.75 * concurrency, held=0.03)
        required = floors(workers)
        judgement = judge(GATE, Case("g", 1_000_000, "threads", workers), evidence, required, True)
        return int(judgement.verdict is Verdict.FAILED), 1

    return trial


def hold_called_a_lock(workers: int) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        concurrency = min(workers, queue_concurrency(chance, workers, 0.1, 20))
        evidence = _evidence(workers, concurrency, 1.05, held=0.1)
        classification = classify(
            workers,
            evidence.speedup,
            evidence.gil_held_share,
            evidence.concurrency,
            evidence.control,
        )
        return int(classification.kind is GilClass.HOLDS), 1

    return trial


def _evidence(workers: int, concurrency: float, speedup: float, held: float) -> Evidence:
    def near(value: float) -> Estimate:
        return Estimate(value, 0.99 * value, 1.01 * value, 0.99, 40)

    return Evidence(
        workers=workers,
        speedup=near(speedup),
        process_speedups=(speedup, speedup),
        concurrency=Concurrency(near(0.98 * concurrency), near(concurrency)),
        control=near(0.95 * workers),
        gil_held_share=near(held),
    )


# --- the history

SCATTER = {"speedup": 0.04, "seconds": 0.04, "cpu_per_wall": 0.02}
LEVELS = {"speedup": 1.85, "seconds": 0.01, "cpu_per_wall": 1.9}
HELD = 0.02
SLOW_FACTOR = 1.5


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


def judged_night(
    figures: dict[str, float], window: Sequence[dict[str, float]], judged: int
) -> HistoryJudgement:
    control = Estimate(figures["control"], 0.98 * figures["control"], figures["control"], 0.95, 40)
    loss = machine_loss(2, control, figures["waiting"], window)
    levels = levels_of(as_estimates(figures), window, loss)
    return judge_history(CASE, levels, [str(night) for night in range(len(window))], judged)


def night_fails(
    nights: Nights,
    window: list[dict[str, float]],
    judged: int,
    factor: float = 1.0,
    is_confirmed: bool = True,
) -> bool:
    """Judge a case tonight, and keep the run in its window unless it failed.

    Unless it ``is_confirmed`` nothing that fails is measured again, as it was before.
    """
    nights.turn()
    figures = nights.figures(factor)
    judgement = judged_night(figures, window, judged)
    if judgement.verdict is Verdict.FAILED and is_confirmed:
        judgement = confirmed(judgement, judged_night(nights.figures(factor), window, judged))
    if judgement.verdict is not Verdict.FAILED:
        window[:] = [figures, *window][:WINDOW_RUNS]
    return judgement.verdict is Verdict.FAILED


def red_nights(
    cases: int, slow: float = 0.0, correlation: float = 0.0, is_confirmed: bool = True
) -> Trial:
    """A year of nights, after twenty without a judgement."""

    def trial(chance: random.Random) -> tuple[int, int]:
        made = [twenty_nights(chance, slow, correlation) for _ in range(cases)]
        red = sum(
            sum(
                night_fails(nights, window, cases, is_confirmed=is_confirmed)
                for nights, window in made
            )
            > 0
            for _ in range(NIGHTS)
        )
        return red, NIGHTS

    return trial


def step_missed_on_smt(chance: random.Random) -> tuple[int, int]:
    nights, window = twenty_nights(chance, control=1.3)
    return int(not night_fails(nights, window, 4, factor=1.9)), 1


def step_missed(factor: float, slow: float = 0.0) -> Trial:
    """A build that is ``factor`` times as slow from one night to the next, of four cases."""

    def trial(chance: random.Random) -> tuple[int, int]:
        nights, window = twenty_nights(chance, slow)
        return int(not night_fails(nights, window, 4, factor)), 1

    return trial


def twenty_nights(
    chance: random.Random, slow: float = 0.0, correlation: float = 0.0, control: float = 1.93
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


# --- duels

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
