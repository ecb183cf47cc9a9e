"""What `scale` says of a benchmark, whole: the verdicts and the causes, and both at the bounds."""

import math
from dataclasses import replace

import pytest
from helpers.evidence import interval
from test_scale_gate import GROWN, HEALTHY, HOLDING, NO_GIL, UNSAMPLED, estimate

from speedgate.judging.floors import Floors
from speedgate.judging.gate import Verdict
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.scale_gate import (
    HAS_GIL,
    Rule,
    cause,
    contention,
    judge_evidence,
    machine_taken,
    matching,
    rule_for,
    scales,
    why_no_share,
)
from speedgate.judging.scale_gate import (
    NO_GIL as SAYS_NO_GIL,
)
from speedgate.stats.accounting import Shares
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

PASSED, FAILED, UNSURE, NOT = Verdict
FAST, SLOW = "1.95x [1.90, 2.00]", "0.98x [0.93, 1.03]"
NOT_SAMPLED = (
    "the GIL was not sampled; nothing shows that the worker had a core to itself: run it again on "
    "a quieter machine"
)
CONTENDS = (
    "CPU time per work grew 1.80-fold [1.75, 1.85], the control's 1.00-fold, at most {} without a "
    "GIL: the workers contend for something that all of them use"
)
HOLDS, GROWS = Rule(max_gil_held_share=0.1), Rule(max_inflation=1.5)
BOTH = replace(HOLDS, min_speedup=1.5)


def few(count):
    return Estimate(1.5, -math.inf, math.inf, 0.95, count)


@pytest.mark.parametrize(
    ("evidence", "rule", "verdict", "reason"),
    [
        (HEALTHY, Rule(min_speedup=1.5), PASSED, f"{FAST}, needs 1.50x, GIL held 0.02"),
        (HEALTHY, HOLDS, PASSED, f"{FAST}, GIL held 0.02, at most 0.10"),
        (HEALTHY, BOTH, PASSED, f"{FAST}, needs 1.50x, GIL held 0.02, at most 0.10"),
        (HEALTHY, Rule(min_speedup=1.95), UNSURE,
         f"{FAST}, needs 1.95x, GIL held 0.02; the interval holds the threshold"),
        (HOLDING, Rule(min_speedup=1.5), FAILED,
         f"{SLOW}, needs 1.50x, GIL held 0.95; the GIL is held 0.95 of the time"),
        (HOLDING, HOLDS, FAILED,
         f"{SLOW}, GIL held 0.95, at most 0.10: it holds the GIL for longer"),
        (replace(HOLDING, control=estimate(1.0)), Rule(min_speedup=1.5), UNSURE,
         f"{SLOW}, needs 1.50x, GIL held 0.95; the machine was busy: the control reached 1.00x"),
        (replace(HOLDING, process_speedups=(0.9, 1.7)), Rule(min_speedup=1.5), UNSURE,
         f"{SLOW}, needs 1.50x, GIL held 0.95; too low, but not in every process"),
        (UNSAMPLED, HOLDS, NOT, f"{FAST}: {NOT_SAMPLED}"),
        (NO_GIL, HOLDS, NOT, f"{FAST}: {SAYS_NO_GIL}"),
        (NO_GIL, BOTH, PASSED, f"{FAST}, needs 1.50x: {SAYS_NO_GIL}"),
        (UNSAMPLED, replace(BOTH, max_inflation=2.0), NOT,
         f"{FAST}, needs 1.50x: {NOT_SAMPLED}; {HAS_GIL}"),
        (replace(HEALTHY, speedup=None), BOTH, UNSURE,
         "0 pairs of rounds are too few for an interval; raise --budget"),
        (replace(HEALTHY, speedup=few(7)), BOTH, UNSURE,
         "7 pairs of rounds are too few for an interval; raise --budget"),
        (GROWN, Rule(min_speedup=1.2), FAILED, f"{FAST}, needs 1.20x; {CONTENDS.format('1.67')}"),
        (GROWN, GROWS, FAILED, f"{FAST}; {CONTENDS.format('1.50')}"),
        (GROWN, Rule(max_inflation=1.79), UNSURE,
         f"{FAST}; CPU time per call grew 1.80-fold, but not surely"),
        (replace(GROWN, inflation=None), GROWS, UNSURE,
         f"{FAST}; the CPU time of threads cannot be read here"),
        (HEALTHY, GROWS, NOT, f"{FAST}, GIL held 0.02: {HAS_GIL}"),
        (HEALTHY, replace(GROWS, min_speedup=1.5), PASSED,
         f"{FAST}, needs 1.50x, GIL held 0.02: {HAS_GIL}"),
        (HEALTHY, replace(HOLDS, max_inflation=1.5), PASSED,
         f"{FAST}, GIL held 0.02, at most 0.10: {HAS_GIL}"),
        (NO_GIL, replace(HOLDS, max_inflation=1.5), PASSED, f"{FAST}: {SAYS_NO_GIL}"),
        (replace(HEALTHY, gil_held_share=estimate(0.12, 0.05)), HOLDS, UNSURE,
         f"{FAST}, GIL held 0.12, at most 0.10; the samples of the GIL are too few to tell"),
        (replace(HEALTHY, broken="sys.settrace"), BOTH, NOT, "sys.settrace"),
        # Where no speedup is asked for, none is too low.
        (replace(HEALTHY, speedup=estimate(0.98)), HOLDS, PASSED,
         f"{SLOW}, GIL held 0.02, at most 0.10"),
        # What the control grew by is not the benchmark's.
        (replace(GROWN, control_inflation=interval(1.25, 1.2, 1.3)), GROWS, PASSED, FAST),
        # What is just at its limit keeps it.
        (replace(HEALTHY, gil_held_share=interval(0.1, 0.05, 0.15)), HOLDS, PASSED,
         f"{FAST}, GIL held 0.10, at most 0.10"),
        (replace(GROWN, control_inflation=None), Rule(max_inflation=1.8), PASSED, FAST),
        (replace(HEALTHY, speedup=interval(1.6, 1.5, 1.7)), Rule(min_speedup=1.5), PASSED,
         "1.60x [1.50, 1.70], needs 1.50x, GIL held 0.02"),
        (replace(HOLDING, speedup=interval(1.4, 1.3, 1.5), control=interval(2.0, 2.0, 2.0),
                 shares=None), Rule(min_speedup=1.5), UNSURE,
         "1.40x [1.30, 1.50], needs 1.50x, GIL held 0.95; the interval holds the threshold"),
    ],
)  # fmt: skip
def test_the_whole_reason(evidence, rule, verdict, reason):
    assert judge_evidence(evidence, rule, final=True) == (verdict, reason)


def test_the_sampler_says_why_it_did_not_sample():
    named = replace(UNSAMPLED, unsampled="py-spy is not installed")
    assert why_no_share(named) == "the GIL was not sampled; py-spy is not installed"
    assert why_no_share(UNSAMPLED) == NOT_SAMPLED
    assert why_no_share(NO_GIL) == (
        "the GIL held share is not applicable, this Python runs without a GIL"
    )
    assert HAS_GIL == "the inflation is not applicable, this Python has a GIL"


# --- rules


def test_a_rule_asks_nothing_until_it_is_told():
    assert Rule() == Rule(("*",), None, None, None, None, None)
    assert not Rule().asks
    assert Rule(min_speedup=1.0).asks
    assert HOLDS.asks
    assert GROWS.asks
    assert not Rule(min_speedup=1.5, skip="why").asks


@pytest.mark.parametrize(
    ("rule", "workers", "floors"),
    [
        (Rule(), 2, Floors(0.0, 0.0, 2.0, math.inf)),
        (Rule(min_speedup=1.25), 2, Floors(1.25, 0.0, 2.0, 1.6)),
        (Rule(min_speedup=1.25), 4, Floors(1.25, 0.0, 2.0, 3.2)),
        # What just leaves the speedup would be less growth than can be told.
        (Rule(min_speedup=2.0), 2, Floors(2.0, 0.0, 2.0, 1.15)),
        (Rule(min_speedup=1.25, max_gil_held_share=0.3, max_inflation=1.4), 2,
         Floors(1.25, 0.0, 0.3, 1.4)),
    ],
)  # fmt: skip
def test_what_is_not_asked_is_far_off(rule, workers, floors):
    assert rule.floors(workers) == floors


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("sum", "bench.time_sum(1)", True),
        ("sum", "bench.time_dot", False),
        ("*", "bench.time_sum", True),
        ("bench.*", "bench.time_sum", True),
        ("*.time", "bench.time_sum", False),
        ("time_?um", "time_sum", True),
        ("time_?um", "time_plum", False),
        # Brackets are of parameters, and mean themselves.
        ("*[1]", "time_sum[1]", True),
        ("*[1]", "time_sum1", False),
        ("[1]", "time_sum[1]", True),
        ("TIME*", "time_sum", False),
    ],
)
def test_a_pattern_is_a_part_or_has_stars(pattern, name, is_match):
    assert matching(pattern, name) is is_match


def test_the_first_rule_that_covers_decides_and_may_ask_nothing():
    skip, floor = Rule(("sum",), skip="why"), Rule(min_speedup=1.5)
    of_two = replace(floor, threads=2)

    def case(name, workers):
        return Case(name, 1, "threads", workers)

    assert rule_for([skip, floor], case("sum", 2)) is None
    assert rule_for([skip, floor], case("dot", 2)) is floor
    assert rule_for([of_two], case("dot", 4)) is None
    assert rule_for([of_two], case("dot", 2)) is of_two
    assert rule_for([floor], case("dot", 1)) is None
    assert rule_for([], case("dot", 2)) is None
    assert rule_for([Rule(("a", "dot"), 1.5)], case("dot", 2)) is not None


# --- causes

LESS = replace(HEALTHY, speedup=estimate(1.2))
MEMORY = "memory, page faults or caches: CPU time per call grew"
A_LOCK = Classification(GilClass.HOLDS, True, "a lock that is not the GIL; concurrency 1.0")


@pytest.mark.parametrize(
    ("evidence", "kind", "sentence"),
    [
        (HEALTHY, A_LOCK, ""),
        (replace(HEALTHY, speedup=None), A_LOCK, ""),
        (LESS, A_LOCK, "a lock that is not the GIL"),
        (LESS, replace(A_LOCK, kind=GilClass.PARTLY), "not certain"),
        (LESS, replace(A_LOCK, reason="GIL held 0.97"), "not certain"),
        (HOLDING, None, "the GIL is held 0.95 of the time"),
        # A hold that lets no more run at once than were seen to, by three fifths.
        (replace(LESS, gil_held_share=estimate(0.5)), None, "the GIL is held 0.50 of the time"),
        (replace(LESS, gil_held_share=estimate(0.49)), None, "not certain"),
        (replace(LESS, inflation=estimate(1.6)), None,
         f"{MEMORY} 1.60-fold"),
        (replace(LESS, inflation=estimate(1.6), gil_enabled=False), None,
         f"an object that all threads use, {MEMORY} 1.60-fold"),
        (replace(LESS, inflation=estimate(1.15)), None, "not certain"),
        (replace(LESS, inflation=None, shares=None), None, "not certain"),
        (replace(LESS, shares=Shares(0.7, 0.0, 0.02, 0.28)), None,
         "idle 28% of the time: the threads' own states differ in cost"),
        (replace(LESS, shares=Shares(0.85, 0.0, 0.0, 0.15)), None, "not certain"),
        (replace(LESS, shares=Shares(0.7, None, None, None)), None, "not certain"),
        (replace(LESS, shares=Shares(0.6, 0.35, 0.03, 0.02)), None,
         "the machine was busy: 35% waiting for a CPU"),
        (replace(LESS, control=estimate(1.1)), None,
         "the machine was busy: the control reached 1.10x"),
        # Most of what is missing was blocked, or it is not said.
        (replace(LESS, shares=Shares(0.6, 0.0, 0.38, 0.02)), None,
         "blocked 38% of the time: a lock that is not the GIL"),
        (replace(LESS, shares=Shares(0.85, 0.0, 0.15, 0.0)), None, "not certain"),
        (replace(LESS, shares=Shares(0.5, 0.0, 0.25, 0.25)), None,
         "idle 25% of the time: the threads' own states differ in cost"),
        (replace(LESS, shares=Shares(0.5, 0.25, 0.25, 0.0)), None,
         "the machine was busy: 25% waiting for a CPU"),
        (replace(LESS, shares=Shares(0.6, None, 0.4, None)), None,
         "blocked 40% of the time: a lock that is not the GIL"),
        (replace(LESS, shares=Shares(0.6, 0.0, 0.4, 0.0), gil_held_share=None), None,
         "blocked 40% of the time: a lock, or the GIL"),
        (replace(LESS, shares=Shares(0.6, 0.0, 0.4, 0.0), gil_held_share=interval(0.1, 0, 0.2)),
         None, "blocked 40% of the time: a lock that is not the GIL"),
        (replace(LESS, shares=Shares(0.6, 0.0, 0.4, 0.0), gil_held_share=interval(0.1, 0, 0.21)),
         None, "blocked 40% of the time: a lock, or the GIL"),
        (replace(LESS, shares=Shares(0.6, 0.0, 0.4, 0.0), gil_enabled=False), None,
         "blocked 40% of the time: a lock"),
    ],
)  # fmt: skip
def test_the_whole_cause(evidence, kind, sentence):
    assert cause(evidence, kind) == sentence


@pytest.mark.parametrize(
    ("workers", "speedup", "is_enough"), [(2, 1.85, True), (2, 1.84, False), (5, 4.39, False)]
)
def test_what_scales_has_nearly_all_of_its_other_threads(workers, speedup, is_enough):
    assert scales(replace(HEALTHY, workers=workers, speedup=estimate(speedup))) is is_enough


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shares": Shares(0.9, 0.10, 0.0, 0.0)}, ""),
        ({"shares": Shares(0.89, 0.11, 0.0, 0.0)}, "the machine was busy: 11% waiting for a CPU"),
        ({"control": estimate(1.6)}, ""),
        ({"control": estimate(1.59)}, "the machine was busy: the control reached 1.59x"),
        ({"control": None, "shares": None}, ""),
        ({"control": None, "shares": Shares(0.9, None, None, None)}, ""),
    ],
)
def test_what_the_machine_took(changed, words):
    assert machine_taken(replace(HEALTHY, **changed)) == words


@pytest.mark.parametrize(
    ("private", "shared", "is_said"),
    [
        (estimate(1.9), estimate(1.1), True),
        (interval(2.0, 1.5, 2.1), interval(1.0, 0.9, 1.5), False),
        (interval(2.0, 1.6, 2.1), interval(1.0, 0.9, 1.5), True),
        (interval(2.3, 2.2, 2.4), interval(2.0, 1.9, 2.1), True),
        (interval(2.29, 2.2, 2.4), interval(2.0, 1.9, 2.1), False),
        (None, estimate(1.1), False),
        (estimate(1.9), None, False),
        (few(4), estimate(1.1), False),
        (interval(9.0, 8.0, 10.0), few(4), False),
        (Estimate(9.0, 8.0, math.inf, 0.95, 4), estimate(1.1), False),
    ],
)
def test_what_sharing_one_state_costs(private, shared, is_said):
    said = contention(private, shared)
    if is_said:
        assert said == (
            f"{shared.value:.2f}x with one state for all threads: they contend for its objects"
        )
    else:
        assert said == ""
