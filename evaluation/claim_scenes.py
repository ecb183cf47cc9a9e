"""The claims' scenes of a run on two cores: intervals, classes, the advice and the gate.

Each returns how often a word was wrong, and how often it could have been.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from evaluation.blocks import HEALTHY, draw, measured
from evaluation.claim import Trial
from evaluation.coverage import series
from speedgate.judging.advice import advise
from speedgate.judging.floors import Floors, floors
from speedgate.judging.gate import (
    JUDGED_BY_DEFAULT,
    MAX_PROCESSES,
    MIN_PROCESSES,
    Gate,
    Verdict,
    decision_confidence,
    judge,
)
from speedgate.judging.gil_class import GilClass
from speedgate.judging.gil_map import Operation, changes
from speedgate.judging.row import Row
from speedgate.measuring.measured_row import gil_class_of, measured_row, over_processes
from speedgate.measuring.measurement import Measurement
from speedgate.stats.case import Case
from speedgate.stats.estimate import (
    Estimate,
    estimate_median,
    estimate_share,
    sign_autocorrelation,
)
from speedgate.stats.speedup import speedup

# What decides what these scenes say.
CODE = (
    *(f"speedgate/stats/{name}.py" for name in ("accounting", "estimate", "moments")),
    *(f"speedgate/stats/{name}.py" for name in ("sample", "speedup")),
    *(f"speedgate/judging/{name}.py" for name in ("advice", "floors", "gate", "gil_class")),
    *(f"speedgate/judging/{name}.py" for name in ("gil_map", "inflation")),
    *(f"speedgate/measuring/{name}.py" for name in ("measured_row", "measurement")),
    *(f"evaluation/{name}.py" for name in ("blocks", "claim_scenes", "coverage")),
)
# The samples of the GIL were so many times as spread as independent ones (docs/signals.md).
SAMPLES_SPREAD = 1.9
MAP_ROUNDS = 11  # of a case of the GIL map in a default run: the median
GATE = Gate("claims", ("g",))


def subject_of(chance: random.Random) -> str:
    return chance.choice(HEALTHY)


# --- intervals


def interval_misses(confidence: float, processes: int, rounds: int | None) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        runs = draw(chance, subject_of(chance), processes, rounds)
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


def held_misses(share: float, spread: float = SAMPLES_SPREAD, samples: int = 800) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        hits = held_hits(chance, share, samples, spread)
        estimate = estimate_share(hits / 2, samples // 2)
        assert estimate is not None
        return int(not estimate.low <= share <= estimate.high), 1

    return trial


def held_hits(
    chance: random.Random, share: float, samples: int, spread: float = SAMPLES_SPREAD
) -> int:
    """Return in how many samples the GIL was held; neighbours see the same hold, so that the
    variance is ``spread`` times as large."""
    stay = (spread - 1) / (spread + 1)
    hits, held = 0, chance.random() < share
    for _ in range(samples):
        if chance.random() > stay:
            held = chance.random() < share
        hits += held
    return hits


# --- classes, break-even, advice


def a_row(
    chance: random.Random, truth: float, strategy: str = "threads", subject: str | None = None
) -> Row:
    """Return the row of a case of the map, measured in one process."""
    runs = draw(chance, subject or subject_of(chance), 1, MAP_ROUNDS, truth)
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
        subject = subject_of(chance)
        one, other = (a_row(chance, truth, subject=subject) for _ in range(2))
        return len(changes({one.case: one}, [other])), 1

    return trial


def certain_among_equals(ways: int) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        subject = subject_of(chance)
        names = ("threads", "processes", "foreach", "shared", "loky")[:ways]
        all_advice = advise(a_row(chance, 1.6, name, subject) for name in names)
        return sum(advice.line.endswith("certainly") for advice in all_advice), 1

    return trial


# --- the gate


def verdict_after_looks(
    growing: Iterable[Measurement], judged: int, required: Floors | None = None
) -> Verdict:
    """Return the gate's verdict on a case of so many, with a look after each process from the
    second on; ``growing`` yields its measurement after each. Without floors by the default ones."""
    confidence, verdict = decision_confidence(judged), Verdict.INCONCLUSIVE
    for look, measurement in enumerate(growing, start=1):
        if look < MIN_PROCESSES:
            continue
        case, evidence = measurement.case, measurement.evidence(confidence)
        asked, final = required or floors(case.workers), look == MAX_PROCESSES
        verdict = judge(GATE, case, evidence, asked, final).verdict
        if verdict is not Verdict.INCONCLUSIVE:
            break
    return verdict


def verdict_of(runs: Sequence[Sequence[float]]) -> Verdict:
    """Return the gate's verdict on one of four cases with the speedups of these processes."""
    growing = (measured(runs[: count + 1]) for count in range(len(runs)))
    return verdict_after_looks(growing, JUDGED_BY_DEFAULT)


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
