"""What a person reads of each verdict of a gate, whole, and what is decided at the bounds."""

import math
from dataclasses import fields, replace

import pytest
from helpers.evidence import HELD, HELD_A_LITTLE, bounds, evidence, interval
from test_gate import CASE, HOLDS, LOW_CONCURRENCY, TABLE, TWO, decide

from speedgate.judging.floors import Floors
from speedgate.judging.gate import (
    JUDGED_BY_DEFAULT,
    MAX_SPEEDUP_UNDER_GIL,
    PASSING_SHARE,
    Evidence,
    Gate,
    Judgement,
    Verdict,
    decision_confidence,
    idle_for_others,
    machine_allowance,
)
from speedgate.stats.accounting import Concurrency, Shares
from speedgate.stats.estimate import Estimate

PASSED, FAILED, INCONCLUSIVE, _ = Verdict
FREE = {"gil_enabled": False, "gil_held_share": None}

# By the name of the evidence in the table of verdicts.
LINES = {
    "healthy": "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL held 0.01",
    "healthy, more workers": (
        "6.10x [5.80, 6.40] over rounds, needs 2.40x, concurrency 7.60 to 7.70, GIL held 0.01"
    ),
    "exactly at both floors": (
        "1.30x [1.20, 1.40] over rounds, needs 1.20x, concurrency 1.71, GIL held 0.01"
    ),
    "GIL not known, all else well": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL not sampled"
    ),
    "a concurrency that no workers have": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; needs concurrency 2.50: more than 2 "
        "workers can give"
    ),
    "idle for most of what is missing": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "4% (on CPU 51%), GIL held 0.01: the workers had nothing to do for most of what is "
        "missing: dispatch or imbalance"
    ),
    "idle before the first task, and the GIL is held": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "23% (on CPU 50%), GIL held 0.97: it no longer releases the GIL"
    ),
    "idle, blocked, and a hold that alone keeps it below the floor": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 0.60, needs 1.70, blocked "
        "30% (on CPU 30%), GIL held 0.70: it no longer releases the GIL"
    ),
    "idle for most of what is missing, the GIL not known": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "23% (on CPU 50%), GIL not sampled: the workers had nothing to do for most of what is"
        " missing: dispatch, imbalance or the GIL"
    ),
    "idle for most of what is missing, without a GIL": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "23% (on CPU 50%), no GIL: the workers had nothing to do for most of what is missing:"
        " dispatch or imbalance"
    ),
    "blocked without a GIL": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "48% (on CPU 51%), no GIL: a lock is held"
    ),
    "a lock that leaves the floor of the concurrency open": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the control reached 1.92x of 2, "
        "concurrency 1.49 to 1.70, CPU time per work grew 1.05-fold: a lock that is not the "
        "GIL is held"
    ),
    "a hold too small for what is missing": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "48% (on CPU 51%), GIL held 0.10: a lock that is not the GIL is held"
    ),
    "throttled": (
        "0.93x [0.71, 1.31] over rounds, needs 1.20x; throttled for 30% of the time by a "
        "control group's CPU quota; waiting for a CPU another 11%: others had the cores; the "
        "control reached 1.05x of 2; concurrency 1.15 to 1.96, needs 1.50 to pass; the "
        "interval holds the threshold"
    ),
    "throttled, and nothing else": (
        "0.93x [0.71, 1.31] over rounds, needs 1.20x; throttled for 39% of the time by a "
        "control group's CPU quota; the control reached 1.05x of 2; concurrency 1.15 to 1.96,"
        " needs 1.50 to pass; the interval holds the threshold"
    ),
    "slow beside a control that has no interval": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the machine may have taken what is missing"
    ),
    "release lost, GIL held": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "48% (on CPU 51%), GIL held 0.97: it no longer releases the GIL"
    ),
    "another lock": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "48% (on CPU 51%), GIL held 0.01: a lock that is not the GIL is held"
    ),
    "a lock, which one is not known": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked "
        "48% (on CPU 51%), GIL not sampled: the GIL or a lock is held"
    ),
    "release lost, seen through a crowd": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.01 to 1.60, needs 1.70, "
        "blocked 19% (on CPU 50%), GIL held 0.01: a lock that is not the GIL is held"
    ),
    "idle for another that waited for a CPU": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; waiting for a CPU 40%: others had the "
        "cores; concurrency 0.95 to 1.52, needs 1.50 to pass; the machine may have taken what"
        " is missing"
    ),
    "more idle than another's waiting explains": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 0.95 to 1.15, needs 1.70, "
        "blocked 0% (on CPU 42%), GIL held 0.01: the workers had nothing to do for most of "
        "what is missing: dispatch or imbalance"
    ),
    "release lost, the speedup does not show it": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; concurrency 1.30 to 1.35, needs 1.70, "
        "blocked 1% (on CPU 96%), GIL held 0.01: the workers had nothing to do for most of "
        "what is missing: dispatch or imbalance"
    ),
    "the cores were taken": (
        "0.93x [0.71, 1.31] over rounds, needs 1.20x; waiting for a CPU 41%: others had the "
        "cores; the control reached 1.05x of 2; concurrency 1.15 to 1.96, needs 1.50 to pass;"
        " the interval holds the threshold"
    ),
    "straddling the floor of the concurrency": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; waiting for a CPU 20%: others had the "
        "cores; concurrency 1.50 to 1.90, needs 1.50 to pass"
    ),
    "the interval of the upper bound holds the floor": (
        "1.05x [1.00, 1.10] over rounds, needs 1.20x; concurrency 1.40 to 1.71, needs 1.50 to"
        " pass; too low, but not in every process"
    ),
    "the interval of the lower bound holds the floor": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; concurrency 1.50 to 1.75, needs 1.50 to pass"
    ),
    "slow, and the control is slow, too": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the control reached 1.10x of 2; the "
        "machine may have taken what is missing"
    ),
    "the interval holds the threshold": (
        "1.25x [1.10, 1.40] over rounds, needs 1.20x; the interval holds the threshold"
    ),
    "slow in every process, quiet": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the control reached 1.92x of 2, "
        "concurrency 1.92, CPU time per work grew 1.90-fold: memory, page faults or BLAS "
        "threads"
    ),
    "slow in every process, no more CPU time": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the control reached 1.92x of 2, "
        "concurrency 1.92, CPU time per work grew 1.05-fold: dispatch or imbalance"
    ),
    "slow in one process only": (
        "1.05x [1.00, 1.10] over rounds, needs 1.20x; too low, but not in every process"
    ),
    "slow, one process so far": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the machine may have taken what is missing"
    ),
    "GIL held a little, all else well": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; GIL held 0.10 [0.07, 0.14] of one "
        "worker's work, at most 0.05: no number of threads makes it faster than 10.0x"
    ),
    "GIL held a little, less than the waiting of a busy machine explains": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL held 0.14"
    ),
    "GIL held a little, more than the waiting of a busy machine explains": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; GIL held 0.10 [0.07, 0.14] of one "
        "worker's work, at most 0.05: no number of threads makes it faster than 10.0x"
    ),
    "GIL held, the interval holds the limit": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL held 0.06"
    ),
    "GIL held no more than the limit that was set": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL held 0.10"
    ),
    "threshold above the number of workers": (
        "1.65x [1.58, 1.72] over rounds, needs 50.0x: more than 2 workers can give"
    ),
    "no interval yet": "4 pairs of rounds are too few for an interval",
    "no pairs": "0 pairs of rounds are too few for an interval",
    "premise broken": "sys.settrace was active",
    "premise broken, and release lost": "sys.settrace was active",
    "no run-queue delays, healthy": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL held 0.01"
    ),
    "no run-queue delays, fast but not at once": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; concurrency 1.30, needs 1.50 to pass"
    ),
    "no run-queue delays, release lost, control well": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the control reached 1.92x of 2, "
        "concurrency 1.02, CPU time per work grew 1.05-fold: cause unknown, for this platform"
        " does not tell waiting from blocked"
    ),
    "no counters at all": (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x; concurrency unknown, needs 1.50 to pass"
    ),
    "no control, slow in every process": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.92, CPU time per work "
        "grew 1.05-fold: dispatch or imbalance"
    ),
    "control without an interval": (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; the control reached 1.10x of 2; the "
        "machine may have taken what is missing"
    ),
}


@pytest.mark.parametrize(("name", "reason"), LINES.items(), ids=LINES)
def test_the_whole_reason(name, reason):
    assert LINES.keys() == TABLE.keys()
    changed, required, _, _ = TABLE[name]
    assert decide(evidence(**changed), required).reason == reason


def test_where_no_gil_keeps_it_from_scaling_a_failed_control_says_what_is_at_fault():
    failed = decide(evidence(**LOW_CONCURRENCY | FREE), gate=HOLDS)
    assert failed.reason == (
        "0.97x [0.95, 0.99] over rounds, needs 1.20x; concurrency 1.02, needs 1.70, blocked 48% "
        "(on CPU 51%), no GIL: a lock is held; without a GIL what it held back must scale, so "
        "this build of Python, or a lock in it, is at fault"
    )
    passed = decide(evidence(**FREE), gate=HOLDS)
    assert passed.reason == (
        "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, no GIL"
    )


WITH_THE_GIL = "over rounds, at most 1.20x with the GIL on"
WRONG = (
    ": this holds the GIL and cannot speed up, so the measurement is wrong and no other figure of "
    "this run is to be trusted"
)


def unbounded(count):
    return Estimate(1.0, -math.inf, math.inf, 0.99, count)


@pytest.mark.parametrize(
    ("speedup", "verdict", "reason"),
    [
        (interval(0.95, 0.93, 0.97), PASSED, f"0.95x [0.93, 0.97] {WITH_THE_GIL}"),
        (interval(1.1, 1.0, 1.2), PASSED, f"1.10x [1.00, 1.20] {WITH_THE_GIL}"),
        (
            interval(1.3, 1.2, 1.4),
            INCONCLUSIVE,
            f"1.30x [1.20, 1.40] {WITH_THE_GIL}; the interval holds both",
        ),
        (interval(1.4, 1.3, 1.5), FAILED, f"1.40x [1.30, 1.50] {WITH_THE_GIL}{WRONG}"),
        (None, INCONCLUSIVE, "0 pairs of rounds are too few for an interval"),
        (unbounded(9), INCONCLUSIVE, "9 pairs of rounds are too few for an interval"),
        (
            unbounded(10),
            INCONCLUSIVE,
            "10 pairs of rounds are too few or too much alike for an interval",
        ),
    ],
)
def test_the_whole_judgement_of_the_negative_control(speedup, verdict, reason):
    holding = evidence(speedup=speedup, gil_held_share=HELD)
    assert decide(holding, gate=HOLDS) == Judgement(
        "gil-holds", CASE, verdict, reason, None, MAX_SPEEDUP_UNDER_GIL, holding
    )


# --- what was not measured, and how surely is decided


def test_what_was_not_measured_is_not_known():
    bare = Evidence(2, None)
    known = {"workers": 2, "gil_enabled": True, "process_speedups": (), "process_inflations": ()}
    assert {field.name: getattr(bare, field.name) for field in fields(bare)} == (
        dict.fromkeys([field.name for field in fields(bare)]) | known
    )
    judgement = Judgement("gate", CASE, PASSED, "")
    assert (judgement.at_least, judgement.at_most, judgement.evidence) == (None, None, None)
    assert (judgement.applies, judgement.benchmark) == (True, "")


def test_a_gate_is_of_threads_from_a_million_elements_up():
    gate = Gate("gate", ["g"])
    assert gate == Gate("gate", ("g",), "threads", 1_000_000, None, must_scale=True)
    assert len({gate, Gate("gate", ("g",))}) == 1


@pytest.mark.parametrize(
    ("judged", "confidence"), [(1, 1 - 0.1 / 9), (JUDGED_BY_DEFAULT, 1 - 0.1 / 36)]
)
def test_one_in_twenty_runs_errs_over_three_looks_at_three_figures(judged, confidence):
    assert decision_confidence(judged) == pytest.approx(confidence)


# --- at the bounds


def test_a_floor_as_high_as_the_workers_can_reach_is_no_mistake():
    at_once = evidence(concurrency=bounds(1.99, 2.0))
    assert decide(at_once, Floors(1.2, 2.0)).verdict is PASSED
    assert decide(at_once, Floors(2.0, 1.7), final=False).verdict is INCONCLUSIVE
    reaches = evidence(speedup=interval(2.4, 2.2, 2.5))
    assert decide(reaches, Floors(2.5, 1.7)).reason == (
        "2.40x [2.20, 2.50] over rounds, needs 2.50x; the interval holds the threshold"
    )


def test_a_concurrency_that_may_reach_its_floor_is_not_low():
    reaches = Concurrency(interval(1.4, 1.3, 1.5), interval(1.65, 1.6, 1.7))
    assert decide(evidence(concurrency=reaches, shares=None)).verdict is INCONCLUSIVE


def test_a_concurrency_of_just_the_passing_share_passes():
    just = PASSING_SHARE * TWO.concurrency
    reaches = Concurrency(interval(1.6, just, 1.7), interval(1.8, 1.7, 1.9))
    assert decide(evidence(concurrency=reaches)).verdict is PASSED
    below = replace(reaches, low=interval(1.6, 0.999 * just, 1.7))
    assert decide(evidence(concurrency=below)).verdict is INCONCLUSIVE


@pytest.mark.parametrize("lacking", ["waiting", "blocked", "idle"])
def test_nobody_is_idle_for_others_where_the_shares_are_not_known(lacking):
    known = replace(Shares(0.5, 0.2, 0.1, 0.2), **{lacking: None})
    assert idle_for_others(evidence(shares=known)) == 0.0


def test_idle_for_others_is_at_most_what_peers_waited():
    assert idle_for_others(evidence(shares=None)) == 0.0
    assert idle_for_others(evidence(shares=Shares(0.5, 0.1, 0.1, 0.3))) == pytest.approx(0.2)
    assert idle_for_others(evidence(shares=Shares(0.3, 0.4, 0.1, 0.2))) == pytest.approx(0.4)
    of_three = evidence(workers=3, shares=Shares(0.4, 0.1, 0.1, 0.4))
    assert idle_for_others(of_three) == pytest.approx(0.6)
    assert idle_for_others(evidence(shares=Shares(0.4, 0.1, 0.3, 0.2))) == 0.0


@pytest.mark.parametrize(
    "known", [None, Shares(0.96, None, None, None), Shares(1.0, 0.0, 0.0, 0.0)]
)
def test_without_waiting_all_of_the_hold_is_the_works(known):
    held = evidence(gil_held_share=HELD_A_LITTLE, shares=known)
    assert decide(held).verdict is FAILED
    at_the_limit = evidence(gil_held_share=interval(0.06, 0.05, 0.09), shares=known)
    assert decide(at_the_limit).verdict is PASSED


@pytest.mark.parametrize(
    ("changed", "allowance"),
    [
        ({"control": None, "shares": None}, 1.0),
        ({"control": interval(1.9, 1.6, 2.0), "shares": None}, 1.25),
        ({"control": interval(0.5, 0.0, 1.0), "shares": None}, 200.0),
        ({"control": None, "shares": Shares(0.5, 0.5, 0.0, 0.0)}, 2.0),
        ({"control": None, "shares": Shares(0.0, 1.0, 0.0, 0.0)}, 100.0),
        ({"control": None, "shares": Shares(0.5, None, None, None)}, 1.0),
        ({"control": interval(1.9, 1.6, 2.0), "shares": Shares(0.5, 0.5, 0.0, 0.0)}, 2.0),
        ({"control": interval(1.0, 0.8, 1.1), "shares": Shares(0.5, 0.5, 0.0, 0.0)}, 2.5),
        ({"control": interval(4.0, 3.0, 5.0), "shares": None}, 1.0),
    ],
)
def test_the_machine_took_the_larger_of_two_estimates(changed, allowance):
    assert machine_allowance(evidence(**changed)) == pytest.approx(allowance)


@pytest.mark.parametrize(
    ("high", "alone", "verdict"),
    [
        (1.19, (1.0, 1.1), FAILED),
        (1.2, (1.0, 1.1), INCONCLUSIVE),
        (1.1, (1.0, 1.2), INCONCLUSIVE),
        (1.1, (1.0,), INCONCLUSIVE),
    ],
)
def test_a_speedup_is_too_low_below_its_floor_alone(high, alone, verdict):
    """The control says that the machine took nothing."""
    slow = evidence(
        speedup=interval(1.05, 1.0, high),
        process_speedups=alone,
        control=interval(2.0, 2.0, 2.0),
        shares=Shares(1.0, 0.0, 0.0, 0.0),
    )
    assert decide(slow).verdict is verdict
