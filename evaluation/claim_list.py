"""The list of the claims: every probability that the pages state, and the scene that tries it."""

from __future__ import annotations

from collections.abc import Iterable

from evaluation import claim_duels as duels
from evaluation import claim_nights as nights
from evaluation import claim_scenes as scenes
from evaluation import claim_workers as workers
from evaluation.claim import Claim
from evaluation.made_duels import SLOW_PROCESSES, SLOWER_PROCESSES

# Of a scene that costs little: where none came out, less may hide behind it.
MANY = 4000


def claims() -> list[Claim]:
    """Return every claim; scenes that differ in one figure are written out by it."""
    return [
        *_of_intervals(),
        *_of_classes(),
        *_of_the_gate(),
        *_of_gates_with_workers(),
        *_of_words_with_workers(),
        *_of_steps(),
        *_of_comparisons(),
        *_of_bisections(),
        # What takes long stands last, so that a quick run has the others.
        *_of_changes(),
        *_of_red_nights(),
        *_of_slow_nights(),
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
                MANY if confidence == 0.95 else 3 * MANY,
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
                    MANY,
                )
    yield Claim(
        "A/A of a self-test does not read 1.00",
        "selftest",
        "80 rounds that do not correlate",
        0.001,
        scenes.rounds_miss(0.999, 80, 0.0),
        MANY,
    )
    yield Claim(
        "held share misses, 95%",
        "method.md",
        "samples 1.9 times as spread as independent ones",
        0.05,
        scenes.held_misses(0.1),
        MANY,
    )


def _of_classes() -> Iterable[Claim]:
    drawn = "quiet trials drawn again, one process of 11 rounds"
    yield Claim(
        "break-even: threads win",
        "method.md",
        f"{drawn}; S is 1.0",
        0.01,
        scenes.wins_at(1.0),
        MANY,
    )
    yield Claim(
        "class 'no gain', certain",
        "method.md",
        f"{drawn}; S is 1.1",
        0.035,
        scenes.no_gain_at(1.1),
        MANY,
    )
    for truth in (1.0, 1.3, 1.5):
        yield Claim(
            "changed: a class",
            "method.md",
            f"{drawn}, twice; S is {truth}",
            0.01,
            scenes.changed_at(truth),
            MANY,
        )
    yield Claim(
        "advice: certainly",
        "method.md",
        f"{drawn}; four ways that are equal",
        0.05,
        scenes.certain_among_equals(4),
        MANY,
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
    for subject in ("g", "g_out"):
        yield Claim(
            "passed below its floor of 1.2",
            "method.md",
            f"{subject}, quiet trials drawn again; S is 1.15",
            0.07,
            scenes.passes_at(subject, 1.15),
            3000,
        )


def _of_gates_with_workers() -> Iterable[Claim]:
    for count in workers.WORKERS:
        name = f"a healthy gate fails with {count} workers"
        for gil_enabled in (True, False):
            what = "S, C and hold" if gil_enabled else "S, C and inflation, without a GIL,"
            yield Claim(
                name,
                "method.md",
                f"{what} at their floors; S of quiet trials drawn again",
                0.06,
                workers.at_floors_fails(count, gil_enabled),
                1500,
            )
        for scene in workers.MACHINES:
            yield Claim(name, "method.md", scene, 0.05, workers.healthy_fails(scene, count))
        for held in (0.03, 0.05):
            yield Claim(
                name,
                "method.md",
                f"GIL held for {held} of the work, which is allowed; queue of workers",
                0.01,
                workers.allowed_hold_fails(count, held),
            )


def _of_words_with_workers() -> Iterable[Claim]:
    for count in workers.WORKERS:
        yield Claim(
            f"'another lock' with {count} workers",
            "method.md",
            "GIL held for 0.1 of the work, no other lock; S limited by memory to 1.05",
            0.01,
            workers.hold_called_a_lock(count),
        )
        yield Claim(
            f"class 'contends' or 'serialised', certain, with {count} workers",
            "method.md",
            "C at 0.85 W, and inflation at 1.15 over the control's 1.2; without a GIL",
            0.05,
            workers.contends_at_bounds(count),
            1000,
        )
        cause = f"a cause in the work is named with {count} workers"
        for scene in workers.MACHINES:
            yield Claim(cause, "method.md", scene, 0.03, workers.wrong_cause(scene, count))
        yield Claim(
            cause,
            "method.md",
            "blocked and waiting for 0.1 of the time, CPU time grown by 1.1, each at its bound",
            0.03,
            workers.cause_at_bounds(count),
        )


SCATTER = "nights that scatter by 4%, independent"
SLOW = "the same; 8% of a case's nights are 1.5 times as slow"


def _of_red_nights() -> Iterable[Claim]:
    for cases in (4, 76, 300):
        yield Claim(
            f"red night, {cases} cases", "method.md", SCATTER, 0.01, nights.red_nights(cases)
        )
    yield Claim(
        "red night, 4 cases",
        "method.md",
        "nights that correlate by 0.6",
        0.01,
        nights.red_nights(4, correlation=0.6),
    )


def _of_slow_nights() -> Iterable[Claim]:
    for cases, stated in ((4, 0.01), (76, 0.13), (300, 0.4)):
        yield Claim(
            f"red night, {cases} cases",
            "method.md",
            SLOW,
            stated,
            nights.red_nights(cases, slow=0.08),
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
            nights.step_missed(factor, slow),
            MANY,
        )
    yield Claim(
        "step to half the speedup not seen",
        "method.md",
        "control 1.3 of 2 in every night, as on the two threads of one core",
        0.05,
        nights.step_missed(1.9, control=nights.SMT_CONTROL),
        MANY,
    )


def _of_changes() -> Iterable[Claim]:
    for correlation, stated in ((0.0, 0.01), (0.6, 0.1)):
        yield Claim(
            "history: a change point within a year, looked at every fifth night",
            "drift.md",
            f"a case whose nights correlate by {correlation}",
            stated,
            nights.drift_alarm(correlation),
        )

    yield Claim(
        "history: a change point after 60 nights",
        "drift.md",
        "a case whose nights correlate by 0.3",
        0.01,
        nights.change_seen(0.3, 60),
    )


def _of_comparisons() -> Iterable[Claim]:
    for one, other, stated in ((1, 1, 0.0), (1, 20, 0.05), (10, 10, 0.05)):
        yield Claim(
            f"compare: anything better or worse, {one} against {other} runs",
            "method.md",
            "20 cases; nights that do not correlate",
            stated,
            nights.comparison_errs(one, other, 0.0),
            1000,
        )
    yield Claim(
        "compare: a case better or worse, 10 against 10 runs",
        "method.md",
        "nights that correlate by 0.8",
        0.15,
        nights.comparison_errs(10, 10, 0.8, by_case=True),
        2 * MANY,
    )


def _of_duels() -> Iterable[Claim]:
    for scene in duels.DUEL_SCENES:
        yield Claim(
            "duel: anything better or worse", "duel.md", scene, 0.05, duels.duel_errs(scene)
        )
    for scene, stated in ((SLOW_PROCESSES, 0.2), (SLOWER_PROCESSES, 0.05)):
        yield Claim(
            "duel: 'same' of a case that is slow in some processes",
            "duel.md, 'same'",
            scene,
            stated,
            duels.same_with_levels(scene),
            1500,
        )
    yield Claim(
        "duel: 'same' of a case at the margin",
        "duel.md",
        "3% from block to block",
        0.05,
        duels.same_at_margin,
        1500,
    )


def _of_bisections() -> Iterable[Claim]:
    for way in (0.0, 0.25, 0.45):
        yield Claim(
            "bisect: a step to the wrong side",
            "duel.md",
            f"{way:.0%} of the way to 1.5 times the seconds; 10%, with spikes",
            0.01,
            duels.wrong_step(way, 0.1),
        )
