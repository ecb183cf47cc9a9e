"""Every probability that Speedgate states, and what comes out of its own functions.

    python -m evaluation.claims                 docs/claims.md, with enough repeats; an hour or two
    python -m evaluation.claims --minutes 20    the same, with as many of them as fit
    python -m evaluation.claims --quick         two minutes; exits 1 where a claim is exceeded
    python -m evaluation.claims NAME...         only the claims whose name holds one of these words

A claim is a word that may be wrong, where it is stated, how often it may be, and a scene: made-up
nights or blocks, or rounds of the committed trials drawn again, whose truth is known. What is
judged goes through the functions that judge a real run. A claim is exceeded where what came out is
more than stated with 99% confidence.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats

from evaluation import claim_scenes as scenes
from evaluation.pages import out_of, share_text, write_page

DOCUMENT = Path("docs/claims.md")
EXCEEDED_ERROR = 0.01
QUICK_SECONDS = 110.0

Trial = Callable[[random.Random], tuple[int, int]]


@dataclass(frozen=True)
class Claim:
    """A word that is wrong in at most the ``stated`` share of its occasions.

    ``trial`` returns how often it was wrong, and how often it could have been; ``repeats`` of it
    are enough to see twice the stated share. ``weight`` is its share of a quick run.
    """

    name: str
    where: str
    scene: str
    stated: float
    trial: Trial
    repeats: int
    weight: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What came out of a claim."""

    claim: Claim
    wrong: int
    occasions: int

    @property
    def rate(self) -> float:
        return self.wrong / self.occasions if self.occasions else 0.0

    @property
    def least(self) -> float:
        """The rate that is exceeded for certain: a Clopper and Pearson bound from below."""
        if not self.wrong:
            return 0.0
        right = self.occasions - self.wrong
        return float(stats.beta.ppf(EXCEEDED_ERROR, self.wrong, right + 1))

    @property
    def is_exceeded(self) -> bool:
        return self.least > self.claim.stated

    @property
    def row(self) -> str:
        claim = self.claim
        mark = " **exceeded**" if self.is_exceeded else ""
        return (
            f"| {claim.name} | {claim.where} | {claim.scene} | {share_text(claim.stated)} | "
            f"{share_text(self.rate)}{mark} | {out_of(self.wrong, self.occasions)} |"
        )


HEAD = (
    "| word that is wrong | stated in | scene | stated, at most | came out | of |",
    "| --- | --- | --- | --- | --- | --- |",
)


def claims() -> list[Claim]:
    """Return every claim; scenes that differ in one figure are written out by it."""
    return [
        *_of_intervals(),
        *_of_classes(),
        *_of_the_gate(),
        *_of_workers(),
        *_of_red_nights(),
        *_of_steps(),
        *_of_comparisons(),
        *_of_correlated_nights(),
        *_of_duels(),
    ]


def _of_intervals() -> Iterable[Claim]:
    for confidence, stated in ((0.95, 0.05), (0.997, 0.01)):
        for processes, rounds in ((1, 11), (2, None), (4, None)):
            yield Claim(
                f"interval of S misses, {confidence:.1%}, fresh processes: {processes}",
                "method.md, tables",
                "quiet trials drawn again",
                stated,
                scenes.interval_misses(confidence, processes, rounds),
                4000 if confidence == 0.95 else 12000,
            )
    for confidence, stated in ((0.95, 0.09), (0.9972, 0.01)):
        for pairs in (20, 80):
            for correlation in (0.0, 0.5):
                yield Claim(
                    f"interval of the rounds misses, {confidence:.1%}, {pairs} pairs",
                    "method.md",
                    f"rounds that correlate by {correlation}",
                    stated,
                    scenes.rounds_miss(confidence, pairs, correlation),
                    3000,
                )
    yield Claim(
        "held share misses, 95%",
        "method.md",
        "samples 1.9 times as spread as independent ones",
        0.05,
        scenes.held_misses(0.1, 1.9),
        4000,
    )


def _of_classes() -> Iterable[Claim]:
    drawn = "quiet trials drawn again, one process of 11 rounds"
    yield Claim(
        "break-even: threads win",
        "method.md",
        f"{drawn}; S is 1.0",
        0.01,
        scenes.wins_at(1.0),
        6000,
    )
    yield Claim(
        "class 'no gain', certain",
        "method.md",
        f"{drawn}; S is 1.1",
        0.035,
        scenes.no_gain_at(1.1),
        6000,
    )
    for truth in (1.0, 1.3, 1.5):
        yield Claim(
            "changed: a class",
            "method.md",
            f"{drawn}, twice; S is {truth}",
            0.01,
            scenes.changed_at(truth),
            5000,
        )
    yield Claim(
        "advice: certainly",
        "method.md",
        f"{drawn}; four ways that are equal",
        0.05,
        scenes.certain_among_equals(4),
        4000,
    )


def _of_the_gate() -> Iterable[Claim]:
    yield Claim(
        "a healthy gate of a run fails",
        "method.md",
        "four cases, quiet trials of g and g_out drawn again",
        0.05,
        scenes.healthy_run_fails,
        1500,
    )
    for subject, stated in (("g", 0.07), ("g_out", 0.07)):
        yield Claim(
            "passed below its floor of 1.2",
            "method.md",
            f"{subject}, quiet trials drawn again; S is 1.15",
            stated,
            scenes.passes_at(subject, 1.15),
            3000,
        )


def _of_workers() -> Iterable[Claim]:
    for workers in scenes.WORKERS:
        yield Claim(
            f"a gate fails with {workers} workers",
            "method.md",
            "GIL held for 0.03 of the work, which is allowed; queue of workers",
            0.01,
            scenes.allowed_hold_fails(workers),
            200,
        )
        yield Claim(
            f"'another lock' with {workers} workers",
            "method.md",
            "GIL held for 0.1 of the work, no other lock; S limited by memory to 1.05",
            0.01,
            scenes.hold_called_a_lock(workers),
            200,
        )


def _of_red_nights() -> Iterable[Claim]:
    for cases, repeats in ((4, 40), (76, 4), (300, 1)):
        yield Claim(
            f"red night, {cases} cases",
            "method.md",
            "nights that scatter by 4%, independent",
            0.01,
            scenes.red_nights(cases),
            repeats,
        )
    for cases, stated, repeats in ((4, 0.01, 40), (76, 0.13, 4)):
        yield Claim(
            f"red night, {cases} cases",
            "method.md",
            "the same; 8% of a case's nights are 1.5 times as slow",
            stated,
            scenes.red_nights(cases, slow=0.08),
            repeats,
        )
    yield Claim(
        "red night, 4 cases, if no failed one were measured again",
        "method.md",
        "the same; 8% of a case's nights are 1.5 times as slow",
        0.3,
        scenes.red_nights(4, slow=0.08, is_confirmed=False),
        40,
    )
    yield Claim(
        "red night, 4 cases",
        "method.md",
        "nights that correlate by 0.6",
        0.01,
        scenes.red_nights(4, correlation=0.6),
        40,
    )


# By how much a build is slower, the share of slow runs, and how often the first night may miss it.
STEPS = ((1.25, 0.0, 0.55), (1.3, 0.0, 0.25), (1.5, 0.0, 0.01), (2.0, 0.08, 0.25))


def _of_steps() -> Iterable[Claim]:
    for factor, slow, stated in STEPS:
        yield Claim(
            f"step to 1/{factor} of the speedup not seen the first night",
            "method.md",
            f"four cases, nights that scatter by 4%, {slow:.0%} of them slow",
            stated,
            scenes.step_missed(factor, slow),
            500,
        )
    yield Claim(
        "step to half the speedup not seen",
        "method.md",
        "control 1.3 of 2 in every night, as on the two threads of one core",
        0.05,
        scenes.step_missed_on_smt,
        200,
    )
    for correlation, stated in ((0.0, 0.01), (0.6, 0.1)):
        yield Claim(
            "history: a change point within a year, looked at every fifth night",
            "drift.md",
            f"a case whose nights correlate by {correlation}",
            stated,
            scenes.drift_alarm(correlation),
            100,
            2.0,
        )


def _of_comparisons() -> Iterable[Claim]:
    for one, other, correlation, stated in (
        (1, 1, 0.0, 0.0),
        (1, 20, 0.0, 0.05),
        (10, 10, 0.0, 0.05),
    ):
        yield Claim(
            f"compare: anything better or worse, {one} against {other} runs",
            "method.md",
            f"20 cases; nights that correlate by {correlation}",
            stated,
            scenes.comparison_errs(one, other, correlation),
            1000,
        )


def _of_correlated_nights() -> Iterable[Claim]:
    yield Claim(
        "compare: a case better or worse, 10 against 10 runs",
        "method.md",
        "nights that correlate by 0.8",
        0.15,
        scenes.comparison_errs(10, 10, 0.8, by_case=True),
        400,
    )


def _of_duels() -> Iterable[Claim]:
    for scene in scenes.DUEL_SCENES:
        yield Claim(
            "duel: anything better or worse",
            "duel.md",
            scene,
            0.05,
            scenes.duel_errs(scene),
            200,
            3.0,
        )
    yield Claim(
        "duel: 'same' of a case 1.6 times as slow in 20% of processes",
        "duel.md",
        "2% from block to block",
        0.2,
        scenes.same_with_levels,
        40,
        2.0,
    )
    yield Claim(
        "duel: 'same' of a case at the margin",
        "duel.md",
        "3% from block to block",
        0.05,
        scenes.same_at_margin,
        20,
        2.0,
    )


def outcome(claim: Claim, repeats: int, seconds: float) -> Outcome:
    """Repeat a claim's scene until its repeats or seconds are used up; it has a seed of its own."""
    chance = random.Random(f"{claim.name} {claim.scene}")
    end, wrong, occasions = time.monotonic() + seconds, 0, 0
    for _ in range(repeats):
        errors, count = claim.trial(chance)
        wrong, occasions = wrong + errors, occasions + count
        if time.monotonic() > end:
            break
    return Outcome(claim, wrong, occasions)


def document(rows: Sequence[str]) -> str:
    lines = [
        "# What is stated, and what comes out",
        "",
        "Does each probability that the pages state hold on scenes whose truth is known? Made by "
        "`python -m evaluation.claims`. `--quick` makes fewer repeats; a part of a name or of a "
        "scene chooses claims. Each claim goes through the functions that judge a real run. It is "
        "exceeded if more came out than stated, with 99% confidence. Beside none stands the rate "
        "that may hide behind it, with 95% confidence.",
        "",
        *HEAD,
        *rows,
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m evaluation.claims", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="NAME", help="only the claims with this word")
    parser.add_argument("--quick", action="store_true", help="two minutes for all of them")
    parser.add_argument("--minutes", type=float, help="as many repeats as fit into these")
    options = parser.parse_args()
    chosen = [
        claim
        for claim in claims()
        if not options.words
        or any(word in f"{claim.name}, {claim.scene}" for word in options.words)
    ]
    most = QUICK_SECONDS if options.quick else 60 * (options.minutes or float("inf"))
    end = time.monotonic() + most
    print("\n".join(HEAD))
    outcomes = []
    for position, claim in enumerate(chosen):
        # Of what is left: a trial that is longer than its share costs the claims that follow.
        weight = claim.weight / sum(later.weight for later in chosen[position:])
        outcomes.append(outcome(claim, claim.repeats, (end - time.monotonic()) * weight))
        print(outcomes[-1].row, flush=True)
    if not options.words and not options.quick:
        write_page(DOCUMENT, document([result.row for result in outcomes]))
    return int(any(result.is_exceeded for result in outcomes))


if __name__ == "__main__":
    sys.exit(main())
