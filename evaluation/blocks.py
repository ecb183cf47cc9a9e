"""Rounds of the committed trials, process by process, to be drawn again: real noise, known truth.

A trial keeps its rounds in one row, and the median of each process. Where one process ends and the
next begins follows from those medians.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median, stdev

from evaluation.trial_file import trials_in
from speedgate.measuring.measurement import HeldStretch, Measurement
from speedgate.runner.messages import Calibrated
from speedgate.stats.case import Case
from speedgate.stats.sample import Pair, Round

TRIALS_FILE = Path(__file__).parent / "trials" / "accuracy.jsonl"
HEALTHY = ("g", "g_out", "GIL held for 10%", "GIL held for 0%")
# Others kept more than this of a core busy: the trial was not quiet.
MOST_OTHERS = 0.1
CASE = Case("g", 1_000_000, "threads", 2)
CALL_SECONDS = 0.01


def split(ratios: Sequence[float], medians: Sequence[float]) -> list[list[float]]:
    """Return the ratios of each process, whose medians are known; ``ValueError`` if none fit."""

    def ends(start: int, number: int) -> list[int] | None:
        for end in range(start + 1, len(ratios) + 1):
            if abs(median(ratios[start:end]) - medians[number]) > 1e-12:
                continue
            if number + 1 == len(medians):
                if end == len(ratios):
                    return [end]
                continue
            rest = ends(end, number + 1)
            if rest is not None:
                return [end, *rest]
        return None

    later_ends = ends(0, 0)
    if later_ends is None:
        raise ValueError("no processes have these medians")
    return [list(ratios[start:end]) for start, end in pairwise([0, *later_ends])]


Processes = dict[str, list[list[float]]]


@functools.cache
def processes_by_machine() -> dict[str, Processes]:
    """Return the pairs' speedups of every process of the quiet trials, by machine and subject."""
    by_machine: dict[str, Processes] = {}
    for trial in trials_in(TRIALS_FILE):
        if trial["scene"] == "quiet" and trial["others"] < MOST_OTHERS:
            ratios = [baseline / contender for baseline, contender in trial["pairs"]]
            processes = by_machine.setdefault(trial["machine"], {}).setdefault(trial["subject"], [])
            processes += split(ratios, trial["process_speedups"])
    return by_machine


def deviation(processes: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation of the logarithms of the medians of processes."""
    return stdev(math.log(median(process)) for process in processes)


@functools.cache
def quiet_processes() -> Processes:
    """Return those of the machine on which fresh processes of healthy subjects differ most.

    Each machine has speedups of its own, and what holds where processes differ most holds on the
    others.
    """

    def spread(by_subject: Processes) -> float:
        return sum(deviation(by_subject[subject]) for subject in HEALTHY if subject in by_subject)

    return max(processes_by_machine().values(), key=spread)


@functools.cache
def true_speedup(subject: str) -> float:
    """Return the median over processes of the median of a process: what a subject is worth."""
    return median(median(process) for process in quiet_processes()[subject])


def draw(
    chance: random.Random, subject: str, processes: int, rounds: int | None, truth: float = 1.0
) -> list[list[float]]:
    """Return the speedups of some processes, drawn with as many neighbouring rounds of each.

    They are scaled so that the subject's true speedup is ``truth``; all rounds where ``rounds`` is
    ``None``.
    """
    scale = truth / true_speedup(subject)
    drawn = []
    for process in chance.choices(quiet_processes()[subject], k=processes):
        count = len(process) if rounds is None else min(rounds, len(process))
        start = chance.randrange(len(process) - count + 1)
        drawn.append([scale * ratio for ratio in process[start : start + count]])
    return drawn


def measured(runs: Sequence[Sequence[float]], held: float = 0.02, case: Case = CASE) -> Measurement:
    """Return a measurement with these speedups, otherwise healthy: both cores were had."""
    measurement = Measurement(case)
    measurement.processes = [[_pair(ratio) for ratio in run] for run in runs]
    measurement.controls = [[_pair(1.93) for _ in run] for run in runs]
    measurement.held_stretches = [HeldStretch(round(400 * held), 400, 400) for _ in runs]
    measurement.replies = [Calibrated(tasks=1, loops=1)]
    return measurement


def _pair(ratio: float) -> Pair:
    seconds = CALL_SECONDS / ratio
    on_cpu = 1.93 * seconds
    contender = Round(seconds, on_cpu, cpu=on_cpu, in_task=1.95 * seconds, waiting=0.0)
    return Pair(Round(CALL_SECONDS, CALL_SECONDS, cpu=CALL_SECONDS), contender)
