"""What each mend of a rule costs or gains: the earlier rule and today's on the same scenes.

    python -m evaluation.power            docs/power.md, in four minutes
    python -m evaluation.power --quick    a tenth of the repeats; prints the tables

The scenes are those of evaluation/claims.py, the truth is known, and both rules get the same random
numbers. The earlier rules are in ``earlier_rules``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluation import claim_nights as nights
from evaluation import earlier_rules as earlier
from evaluation.accuracy_trials import GATE, WORKERS, is_valid, read_trials, stored
from evaluation.blocks import CASE, HEALTHY, deviation, draw, measured, processes_by_machine
from evaluation.claim import Trial
from evaluation.claim_scenes import (
    a_row,
    interval_misses,
    subject_of,
    verdict_after_looks,
)
from evaluation.claim_workers import Machine, allowed_hold_fails, growing, pair_with
from evaluation.made_duels import SLOW_PROCESSES, made_duel
from evaluation.pages import share_text, write_page
from speedgate.duel.decision import DuelVerdict
from speedgate.judging.advice import advise
from speedgate.judging.floors import Floors, floors
from speedgate.judging.gate import Evidence, Verdict, judge
from speedgate.judging.gil_class import GilClass, classify
from speedgate.judging.gil_map import Operation
from speedgate.judging.history_gate import judge_history, levels_of
from speedgate.stats.accounting import Concurrency, Shares
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.speedup import speedup

DOCUMENT = Path("docs/power.md")


@dataclass(frozen=True)
class Comparison:
    """A word of a rule, how often it was said by the earlier one and is said by today's, and
    whether it is right there. A trial returns how often it was said, and could have been."""

    rule: str
    word: str
    scene: str
    is_right: bool
    before: Trial
    after: Trial
    repeats: int

    def row(self, share: float = 1.0) -> str:
        repeats = max(1, round(self.repeats * share))
        shares = []
        for trial in (self.before, self.after):
            played = [trial(self.chance(number)) for number in range(repeats)]
            said, count = (sum(column) for column in zip(*played, strict=True))
            shares.append(said / count)
        truth = "right" if self.is_right else "wrong"
        before, after = map(share_text, shares)
        cells = (self.rule, self.word, self.scene, truth, before, after, f"{count:,}")
        return f"| {' | '.join(cells)} |"

    def chance(self, number: int) -> random.Random:
        return random.Random(f"{self.word} {self.scene} {number}")


# --- the gate and the map


def fails_queue(required: Floors | None) -> Trial:
    return allowed_hold_fails(128, 0.03, required)


def fails(machine: Machine, required: Floors | None = None, all_steal: bool = False) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        measurements = growing(machine, chance)
        if all_steal:
            measurements = earlier.charged_all_steal(measurements)
        return int(verdict_after_looks(measurements, 1, required) is Verdict.FAILED), 1

    return trial


def no_gain_on_smt(is_earlier: bool) -> Trial:
    """Whether the two threads of one core are surely said to gain nothing, where S is 0.6."""

    def trial(chance: random.Random) -> tuple[int, int]:
        measurement = measured(draw(chance, "g", 1, 11, 0.6))
        measurement.controls = [[pair_with(chance, 2, 1.3, 1.9, 1.4) for _ in range(11)]]
        evidence = measurement.evidence(DEFAULT_CONFIDENCE)
        classification = classify(
            2,
            evidence.speedup,
            evidence.gil_held_share,
            None if is_earlier else evidence.concurrency,
            evidence.control,
        )
        return int(classification.kind is GilClass.NOT_WORTH and classification.certain), 1

    return trial


def wins(truth: float, is_earlier: bool) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        row = a_row(chance, truth)
        row = earlier.by_rounds_alone(row) if is_earlier else row
        return int(Operation("g", (row,)).break_even is not None), 1

    return trial


def certainly(truths: Sequence[float], is_earlier: bool) -> Trial:
    """Whether advice is certain of the first of two ways."""

    def trial(chance: random.Random) -> tuple[int, int]:
        rows = [
            a_row(chance, truth, name, "g")
            for truth, name in zip(truths, ("threads", "foreach"), strict=True)
        ]
        rows = [earlier.by_rounds_alone(row) for row in rows] if is_earlier else rows
        return sum(advice.line.endswith("certainly") for advice in advise(rows)), 1

    return trial


def of_the_intervals() -> Iterable[Comparison]:
    for processes, rounds in ((1, 11), (2, None), (4, None)):
        yield Comparison(
            "tables",
            "the 95% interval of S misses",
            f"quiet trials drawn again; fresh processes: {processes}",
            False,
            rounds_alone_miss(processes, rounds),
            interval_misses(0.95, processes, rounds),
            2000,
        )


def rounds_alone_miss(processes: int, rounds: int | None) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        interval = speedup(measured(draw(chance, subject_of(chance), processes, rounds)).sample)
        return int(interval is not None and not interval.low <= 1 <= interval.high), 1

    return trial


def of_the_gate() -> Iterable[Comparison]:
    all_count, of_64 = earlier.uncapped(128), Machine(4, stolen=0.05, others=60)
    a_half, a_few = Machine(128, locked=1 / 64), Machine(128, locked=1 / 8)
    without_gil, slowed = replace(a_half, gil_enabled=False), replace(of_64, locked=0.35)
    lock = "a lock lets 64 of 128 workers run at once"
    for scene, is_right, before, after, repeats in (
        (
            "128 workers queue for a GIL that is held for 0.03, which is allowed",
            False,
            fails_queue(all_count),
            fails_queue(None),
            200,
        ),
        (lock, True, fails(a_half, all_count), fails(a_half), 40),
        (f"{lock}, without a GIL", True, fails(without_gil, all_count), fails(without_gil), 40),
        (
            "a lock lets 8 of 128 workers run at once",
            True,
            fails(a_few, all_count),
            fails(a_few),
            40,
        ),
        (
            "a lock lets 2.9 of 4 workers run at once; 64 cores are busy, a hypervisor has 5%",
            True,
            fails(slowed, all_steal=True),
            fails(slowed),
            400,
        ),
        ("the same without a lock", False, fails(of_64, all_steal=True), fails(of_64), 400),
    ):
        yield Comparison("gate", "failed", scene, is_right, before, after, repeats)
    yield from of_the_map()


def of_the_map() -> Iterable[Comparison]:
    yield Comparison(
        "map",
        "no gain, certain",
        "the two threads of one core, S 0.6, control 1.3",
        True,
        no_gain_on_smt(True),
        no_gain_on_smt(False),
        1000,
    )
    for truth in (1.0, 1.2, 1.4, 1.6):
        yield Comparison(
            "map",
            "threads win",
            f"quiet trials drawn again, one process; S is {truth}",
            truth > 1,
            wins(truth, True),
            wins(truth, False),
            2000,
        )
    for truth in (1.0, 1.3, 1.6):
        yield Comparison(
            "advice", "certainly", f"the same; the first of two ways is {truth} times as fast",
            truth > 1, certainly((1.5 * truth, 1.5), True), certainly((1.5 * truth, 1.5), False),
            2000,
        )  # fmt: skip


# --- the history gate


def seen(factor: float, slow: float, control: float, rule: nights.NightRule) -> Trial:
    missed = nights.step_missed(factor, slow, control, rule)

    def trial(chance: random.Random) -> tuple[int, int]:
        wrong, count = missed(chance)
        return count - wrong, count

    return trial


def few_rounds_fail(is_earlier: bool) -> Trial:
    """A healthy night whose speedup has rounds too few for an interval, and is off by 25%."""

    def trial(chance: random.Random) -> tuple[int, int]:
        case_nights, window = nights.twenty_nights(chance)
        case_nights.turn()
        figures = nights.as_estimates(case_nights.figures())
        value = nights.LEVELS["speedup"] * 1.25 ** chance.gauss(0, 1)
        few = Estimate(value, float("-inf"), float("inf"), DEFAULT_CONFIDENCE, 4)
        figures["speedup"] = earlier.as_exact(few) if is_earlier else few
        runs = [str(number) for number in range(len(window))]
        judgement = judge_history(CASE, levels_of(figures, window, 1.0), runs, 4)
        return int(judgement.verdict is Verdict.FAILED), 1

    return trial


def of_the_history() -> Iterable[Comparison]:
    rule, once, again = "measured again", earlier.measured_once, nights.measured_again
    for cases, slow, repeats in ((4, 0.0, 5), (4, 0.08, 10), (76, 0.08, 1)):
        yield Comparison(
            rule,
            "a red night",
            f"{cases} cases, nights that scatter by 4%, {slow:.0%} slow",
            False,
            nights.red_nights(cases, nights.NIGHTS, slow, rule=once),
            nights.red_nights(cases, nights.NIGHTS, slow, rule=again),
            repeats,
        )
    for factor, slow in ((1.25, 0.0), (1.3, 0.0), (1.5, 0.0), (2.0, 0.08)):
        yield step(rule, factor, slow, nights.CONTROL, once)
    for factor, control in (
        (1.25, nights.CONTROL),
        (1.3, nights.CONTROL),
        (1.5, nights.SMT_CONTROL),
        (1.9, nights.SMT_CONTROL),
    ):
        yield step("granted", factor, 0.0, control, earlier.granted_all)
    yield Comparison(
        "no interval",
        "failed",
        "healthy; too few rounds for an interval, 25% off",
        False,
        few_rounds_fail(True),
        few_rounds_fail(False),
        2000,
    )


def step(
    rule: str, factor: float, slow: float, control: float, before: nights.NightRule
) -> Comparison:
    scene = f"{factor} times as slow; control {control} of 2, {slow:.0%} slow nights"
    today = seen(factor, slow, control, nights.measured_again)
    earlier_one = seen(factor, slow, control, before)
    return Comparison(rule, "failed the first night", scene, True, earlier_one, today, 2000)


# --- the duel


def said(scene: str, words: Sequence[DuelVerdict], of_differing: bool, is_earlier: bool) -> Trial:
    """How many cases, those that differ or the others, a whole duel gives one of the words."""

    def trial(chance: random.Random) -> tuple[int, int]:
        if is_earlier:
            with earlier.all_but_one():
                verdicts = made_duel(scene, chance)
        else:
            verdicts = made_duel(scene, chance)
        cases = [
            (word, count) for (differs, word), count in verdicts.items() if differs is of_differing
        ]
        return sum(count for word, count in cases if word in words), sum(
            count for _, count in cases
        )

    return trial


def of_the_duel() -> Iterable[Comparison]:
    called, same = (DuelVerdict.WORSE, DuelVerdict.BETTER), (DuelVerdict.SAME,)
    for scene, words, right, repeats in (
        ("no difference, two levels", called, False, 30),
        ("all at the margin, 3%", called, False, 30),
        ("5%, with spikes; three cases 1.15 times as slow", called, True, 60),
        ("10%, with spikes; three cases 1.25 times as slow", called, True, 60),
        ("10%, with spikes; three cases 1.5 times as slow", called, True, 30),
        (SLOW_PROCESSES, same, False, 20),
    ):
        yield Comparison(
            "duel", "worse or better" if words is called else "same", scene, right,
            said(scene, words, right, True), said(scene, words, right, False), repeats,
        )  # fmt: skip


# --- healthy trials, judged again


def judge_again(trial: dict[str, Any]) -> Verdict:
    """Return today's verdict on a trial from the figures that were kept of it.

    Of the control there is no interval: it counts as exact, which can only fail more.
    """
    bounds, control = trial["concurrency"], trial["control"]
    evidence = Evidence(
        workers=WORKERS,
        speedup=stored(trial["speedup"]),
        process_speedups=tuple(trial["process_speedups"]),
        concurrency=bounds and Concurrency(stored(bounds["low"]), stored(bounds["high"])),
        control=control and Estimate(control, control, control, DEFAULT_CONFIDENCE, 1),
        shares=trial["shares"] and Shares(**trial["shares"]),
        gil_held_share=stored(trial["held"]),
    )
    return judge(GATE, CASE, evidence, floors(WORKERS), True).verdict


def rejudged() -> str:
    """Say how many quiet and healthy trials were inconclusive, and are by today's rule."""
    trials = [
        trial
        for trial in read_trials()
        if trial["scene"] == "quiet" and is_valid(trial) and trial["subject"] in ("g", "g_out")
    ]
    now = [judge_again(trial) for trial in trials]
    then = sum(trial["verdict"] == Verdict.INCONCLUSIVE.value for trial in trials)
    today = sum(verdict is Verdict.INCONCLUSIVE for verdict in now)
    failed = sum(verdict is Verdict.FAILED for verdict in now)
    return (
        f"Of all {len(trials)} quiet trials of `g` and `g_out` in `evaluation/trials`, by whatever "
        f"code, {then} were inconclusive when measured ({share_text(then / len(trials))}). "
        f"Judged again by today's rule from what was kept of them, {today} are "
        f"({share_text(today / len(trials))}), and {failed} failed."
    )


def spread_between_processes() -> Iterator[str]:
    """Say how far the medians of single processes of one subject lie apart, on each machine."""
    yield (
        "The standard deviation of the logarithms of the medians of single processes, in the quiet "
        "trials. What is drawn again comes from the machine on which they differ most:"
    )
    yield ""
    for machine, by_subject in processes_by_machine().items():
        shown = (
            f"{deviation(by_subject[subject]):.2f} ({subject})"
            for subject in HEALTHY
            if subject in by_subject
        )
        yield f"- {machine}: {', '.join(shown)}"


HEAD = (
    "| rule | word | scene | the word is | before | today | of |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def tables(share: float) -> Iterator[str]:
    for title, comparisons in (
        ("The tables", of_the_intervals()),
        ("The gate, the map and the advice", of_the_gate()),
        ("The history gate", of_the_history()),
        ("The duel", of_the_duel()),
    ):
        yield from ("", f"## {title}", "", *HEAD)
        for comparison in comparisons:
            yield comparison.row(share)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.power", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the repeats, no page")
    options = parser.parse_args()
    lines = [
        "# What each mend of a rule costs or gains",
        "",
        "How often does a rule say a word, before it was mended and today? Each row is a scene "
        "whose truth is known, made up or drawn again from quiet trials; the earlier rule and "
        "today's get the same random numbers. Where the word is right, more is better; where it is "
        "wrong, less is. Made by `python -m evaluation.power`.",
    ]
    for line in tables(0.1 if options.quick else 1.0):
        print(line, flush=True)
        lines.append(line)
    ends = [
        "",
        "## How much processes differ",
        "",
        *spread_between_processes(),
        "",
        "## Healthy trials that stay open",
        "",
        rejudged(),
    ]
    print("\n".join(ends))
    lines += [*ends, ""]
    if not options.quick:
        write_page(DOCUMENT, "\n".join(lines))


if __name__ == "__main__":
    main()
