"""The decision rule, row by row, and what must hold whatever was measured."""

import json
import math
import random

import pytest
from helpers.evidence import (
    HELD,
    HELD_A_LITTLE,
    RELEASED,
    bounds,
    evidence,
    interval,
    shares,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from evaluation.claim_workers import queue_concurrency
from speedgate.judging.floors import MAX_HELD, Floors, floors
from speedgate.judging.gate import (
    ERROR_RATE,
    JUDGED_FIGURES,
    LOOKS,
    MAX_PROCESSES,
    MAX_SPEEDUP_UNDER_GIL,
    MIN_PROCESSES,
    PASSING_SHARE,
    Evidence,
    Gate,
    Judgement,
    Verdict,
    decision_confidence,
    judge,
    machine_allowance,
    unmet,
)
from speedgate.judging.inflation import GROWN
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate, estimate_median
from speedgate.stats.figure import SPEEDUP

CASE = Case("g", 1_000_000, "threads", 2)
SCALES = Gate("threads-scale", workloads=("g", "g_out"))
HOLDS = Gate("gil-holds", workloads=("f",), min_size=10_000, max_size=100_000, must_scale=False)
TWO = Floors(speedup=1.2, concurrency=1.7)

PASSED, FAILED = Verdict.PASSED, Verdict.FAILED
INCONCLUSIVE, NOT_EVALUATED = Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED


def decide(drawn: Evidence, required: Floors = TWO, final: bool = True, gate: Gate = SCALES):
    return judge(gate, CASE, drawn, required, final)


# --- the table

SLOW = {"speedup": interval(0.97, 0.95, 0.99), "process_speedups": (0.96, 0.98)}
LOW_CONCURRENCY = {**SLOW, "concurrency": bounds(1.02, 1.03), "shares": shares(0.51, 0.0, 0.48)}
CROWDED = {
    "speedup": interval(0.93, 0.71, 1.31),
    "process_speedups": (0.90, 0.95),
    "concurrency": bounds(1.15, 1.96),
    "control": interval(1.05, 1.00, 1.12),
    "shares": shares(0.58, waiting=0.41),
}
SLOW_IN_ONE = {"speedup": interval(1.05, 1.00, 1.10), "process_speedups": (0.97, 1.62)}
TOO_FEW = Estimate(1.65, -math.inf, math.inf, confidence=0.99, count=4)

# name: (what differs from a healthy case, floors, verdict, words of the reason)
TABLE = {
    "healthy": ({}, TWO, PASSED, ["1.65x [1.58, 1.72]", "needs 1.20x", "concurrency 1.92"]),
    "healthy, more workers": (
        {"workers": 8, "speedup": interval(6.1, 5.8, 6.4), "concurrency": bounds(7.6, 7.7)},
        floors(8),
        PASSED,
        ["6.10x [5.80, 6.40]", "needs 2.40x", "concurrency 7.6"],
    ),
    "exactly at both floors": (
        {"speedup": interval(1.3, 1.2, 1.4), "concurrency": bounds(1.71, 1.75)},
        TWO,
        PASSED,
        ["1.30x [1.20, 1.40]"],
    ),
    "GIL not known, all else well": (
        {"gil_held_share": None},
        TWO,
        PASSED,
        ["1.65x", "GIL not sampled"],
    ),
    "a concurrency that no workers have": (
        {},
        Floors(speedup=1.2, concurrency=2.5),
        FAILED,
        ["needs concurrency 2.50", "more than 2 workers can give"],
    ),
    "idle for most of what is missing": (
        {**LOW_CONCURRENCY, "shares": shares(0.51, 0.0, 0.04), "gil_held_share": RELEASED},
        TWO,
        FAILED,
        ["dispatch or imbalance"],
    ),
    "idle before the first task, and the GIL is held": (
        {**LOW_CONCURRENCY, "shares": shares(0.50, 0.02, 0.23), "gil_held_share": HELD},
        TWO,
        FAILED,
        ["blocked 23% (on CPU 50%)", "GIL held 0.97: it no longer releases the GIL"],
    ),
    "idle, blocked, and a hold that alone keeps it below the floor": (
        {
            **SLOW,
            "concurrency": bounds(0.60, 0.61),
            "shares": shares(0.30, 0.0, 0.30),
            "gil_held_share": interval(0.70, 0.66, 0.74),
        },
        TWO,
        FAILED,
        ["GIL held 0.70: it no longer releases the GIL"],
    ),
    "idle for most of what is missing, the GIL not known": (
        {**LOW_CONCURRENCY, "shares": shares(0.50, 0.02, 0.23), "gil_held_share": None},
        TWO,
        FAILED,
        ["GIL not sampled", "dispatch, imbalance or the GIL"],
    ),
    "idle for most of what is missing, without a GIL": (
        {
            **LOW_CONCURRENCY,
            "shares": shares(0.50, 0.02, 0.23),
            "gil_held_share": None,
            "gil_enabled": False,
        },
        TWO,
        FAILED,
        [", no GIL: ", "dispatch or imbalance"],
    ),
    "blocked without a GIL": (
        {**LOW_CONCURRENCY, "gil_held_share": None, "gil_enabled": False},
        TWO,
        FAILED,
        ["blocked 48%", ", no GIL: a lock is held"],
    ),
    "a lock that leaves the floor of the concurrency open": (
        {**SLOW, "concurrency": bounds(1.49, 1.70), "shares": shares(0.75, 0.05, 0.17)},
        TWO,
        FAILED,
        ["concurrency 1.49 to 1.70", ": a lock that is not the GIL is held"],
    ),
    "a hold too small for what is missing": (
        {**LOW_CONCURRENCY, "gil_held_share": HELD_A_LITTLE},
        TWO,
        FAILED,
        ["a lock that is not the GIL"],
    ),
    "throttled": (
        {**CROWDED, "throttled": 0.3},
        TWO,
        INCONCLUSIVE,
        [
            "throttled for 30% of the time by a control group's CPU quota",
            "waiting for a CPU another 11%: others had the cores",
        ],
    ),
    "throttled, and nothing else": (
        {**CROWDED, "throttled": 0.39},
        TWO,
        INCONCLUSIVE,
        ["throttled for 39% of the time by a control group's CPU quota; the control reached 1.05x"],
    ),
    "slow beside a control that has no interval": (
        {**SLOW, "control": Estimate(1.92, -math.inf, math.inf, confidence=0.99, count=1)},
        TWO,
        INCONCLUSIVE,
        ["0.97x"],
    ),
    "release lost, GIL held": (
        {**LOW_CONCURRENCY, "gil_held_share": HELD},
        TWO,
        FAILED,
        [
            "0.97x [0.95, 0.99]",
            "needs 1.20x",
            "concurrency 1.02",
            "needs 1.70",
            "blocked 48% (on CPU 51%)",
            "GIL held 0.97",
            "no longer releases the GIL",
        ],
    ),
    "another lock": (
        {**LOW_CONCURRENCY, "gil_held_share": RELEASED},
        TWO,
        FAILED,
        ["blocked 48%", "GIL held 0.01", "a lock that is not the GIL"],
    ),
    "a lock, which one is not known": (
        {**LOW_CONCURRENCY, "gil_held_share": None},
        TWO,
        FAILED,
        ["blocked 48%", "the GIL or a lock"],
    ),
    "release lost, seen through a crowd": (
        {**LOW_CONCURRENCY, "concurrency": bounds(1.01, 1.60), "shares": shares(0.5, 0.3, 0.19)},
        TWO,
        FAILED,
        ["concurrency 1.01 to 1.60", "blocked 19%"],
    ),
    "idle for another that waited for a CPU": (
        {**SLOW, "concurrency": bounds(0.95, 1.52), "shares": shares(0.42, 0.40, 0.0)},
        TWO,
        INCONCLUSIVE,
        ["concurrency 0.95 to 1.52", "waiting for a CPU 40%"],
    ),
    "more idle than another's waiting explains": (
        {**SLOW, "concurrency": bounds(0.95, 1.15), "shares": shares(0.42, 0.10, 0.0)},
        TWO,
        FAILED,
        ["concurrency 0.95 to 1.15", "dispatch or imbalance"],
    ),
    "release lost, the speedup does not show it": (
        {"concurrency": bounds(1.3, 1.35)},
        TWO,
        FAILED,
        ["1.65x", "concurrency 1.30", "needs 1.70"],
    ),
    "the cores were taken": (
        CROWDED,
        TWO,
        INCONCLUSIVE,
        [
            "0.93x [0.71, 1.31]",
            "waiting for a CPU 41%: others had the cores",
            "the control reached 1.05x of 2",
            "concurrency 1.15 to 1.96",
        ],
    ),
    "straddling the floor of the concurrency": (
        {"concurrency": bounds(1.5, 1.9), "shares": shares(0.75, waiting=0.2)},
        TWO,
        INCONCLUSIVE,
        ["concurrency 1.50 to 1.90, needs 1.50 to pass", "waiting for a CPU 20%"],
    ),
    "the interval of the upper bound holds the floor": (
        {**SLOW_IN_ONE, "concurrency": bounds(1.4, 1.705)},
        TWO,
        INCONCLUSIVE,
        ["concurrency 1.40 to 1.71, needs 1.50 to pass"],
    ),
    "the interval of the lower bound holds the floor": (
        {"concurrency": bounds(1.5, 1.75)},
        TWO,
        INCONCLUSIVE,
        ["1.65x", "concurrency 1.5", "needs 1.50 to pass"],
    ),
    "slow, and the control is slow, too": (
        {**SLOW, "control": interval(1.10, 1.05, 1.15)},
        TWO,
        INCONCLUSIVE,
        ["the control reached 1.10x of 2"],
    ),
    "the interval holds the threshold": (
        {"speedup": interval(1.25, 1.10, 1.40), "process_speedups": (1.2, 1.3)},
        TWO,
        INCONCLUSIVE,
        ["1.25x [1.10, 1.40]", "the interval holds the threshold"],
    ),
    "slow in every process, quiet": (
        {**SLOW, "inflation": interval(1.9, 1.8, 2.0)},
        TWO,
        FAILED,
        [
            "0.97x",
            "the control reached 1.92x of 2",
            "concurrency 1.92",
            "CPU time per work grew 1.90-fold",
            "memory, page faults or BLAS threads",
        ],
    ),
    "slow in every process, no more CPU time": (
        SLOW,
        TWO,
        FAILED,
        ["the control reached 1.92x of 2", "dispatch or imbalance"],
    ),
    "slow in one process only": (
        SLOW_IN_ONE,
        TWO,
        INCONCLUSIVE,
        ["1.05x [1.00, 1.10]", "in every process"],
    ),
    "slow, one process so far": (
        {**SLOW, "process_speedups": (0.97,)},
        TWO,
        INCONCLUSIVE,
        ["0.97x"],
    ),
    "GIL held a little, all else well": (
        {"gil_held_share": HELD_A_LITTLE},
        TWO,
        FAILED,
        ["GIL held 0.10 [0.07, 0.14]", "at most 0.05", "10.0x"],
    ),
    "GIL held a little, less than the waiting of a busy machine explains": (
        {"gil_held_share": interval(0.14, 0.057, 0.17), "shares": shares(0.75, 0.15, 0.0)},
        TWO,
        PASSED,
        ["GIL held 0.14"],
    ),
    "GIL held a little, more than the waiting of a busy machine explains": (
        {"gil_held_share": HELD_A_LITTLE, "shares": shares(0.75, 0.15, 0.0)},
        TWO,
        FAILED,
        ["GIL held 0.10 [0.07, 0.14]"],
    ),
    "GIL held, the interval holds the limit": (
        {"gil_held_share": interval(0.06, 0.04, 0.09)},
        TWO,
        PASSED,
        ["1.65x"],
    ),
    "GIL held no more than the limit that was set": (
        {"gil_held_share": HELD_A_LITTLE},
        Floors(1.2, 1.7, gil_held_share=0.2),
        PASSED,
        ["1.65x"],
    ),
    "threshold above the number of workers": (
        {},
        Floors(50.0, 1.7),
        FAILED,
        ["1.65x", "needs 50.0x", "more than 2 workers can give"],
    ),
    "no interval yet": (
        {"speedup": TOO_FEW},
        TWO,
        INCONCLUSIVE,
        ["4 pairs of rounds are too few for an interval"],
    ),
    "no pairs": ({"speedup": None}, TWO, INCONCLUSIVE, ["0 pairs of rounds"]),
    "premise broken": (
        {"broken": "sys.settrace was active"},
        TWO,
        NOT_EVALUATED,
        ["sys.settrace was active"],
    ),
    "premise broken, and release lost": (
        {**LOW_CONCURRENCY, "gil_held_share": HELD, "broken": "sys.settrace was active"},
        TWO,
        NOT_EVALUATED,
        ["sys.settrace was active"],
    ),
    "no run-queue delays, healthy": (
        {"concurrency": bounds(1.92), "shares": shares(0.96, waiting=None, blocked=None)},
        TWO,
        PASSED,
        ["1.65x", "concurrency 1.92"],
    ),
    "no run-queue delays, fast but not at once": (
        {"concurrency": bounds(1.30), "shares": shares(0.65, waiting=None, blocked=None)},
        TWO,
        INCONCLUSIVE,
        ["concurrency 1.30", "needs 1.50 to pass"],
    ),
    "no run-queue delays, release lost, control well": (
        {**SLOW, "concurrency": bounds(1.02), "shares": shares(0.51, None, None)},
        TWO,
        FAILED,
        ["0.97x", "the control reached 1.92x of 2", "cause unknown"],
    ),
    "no counters at all": (
        {"concurrency": None, "shares": None, "inflation": None, "gil_held_share": None},
        TWO,
        INCONCLUSIVE,
        ["1.65x"],
    ),
    "no control, slow in every process": ({**SLOW, "control": None}, TWO, FAILED, ["0.97x"]),
    "control without an interval": (
        {**SLOW, "control": Estimate(1.1, -math.inf, math.inf, 0.99, 3)},
        TWO,
        INCONCLUSIVE,
        ["the control reached 1.10x of 2"],
    ),
}


@pytest.mark.parametrize(
    ("changed", "required", "verdict", "words"), TABLE.values(), ids=list(TABLE)
)
def test_the_evidence_decides(changed, required, verdict, words):
    judgement = decide(evidence(**changed), required)
    assert judgement.verdict is verdict, judgement.line
    for word in words:
        assert word in judgement.reason
    assert judgement.line == f"{verdict.value}: g-1e6-threads-2 {judgement.reason}"


@pytest.mark.parametrize("name", TABLE)
def test_every_reason_is_one_line_without_gaps(name):
    changed, required, _, _ = TABLE[name]
    reason = decide(evidence(**changed), required).reason
    assert reason.strip(" ;,") == reason
    for gap in ("\n", "  ", "; ;", "; ,", ", ,", ", ;", ": ;", ": ,", "None", "nan", "inf"):
        assert gap not in reason


@pytest.mark.parametrize(
    "changed",
    [{"control": interval(1.10, 1.05, 1.15)}, {"shares": shares(0.7, waiting=0.29)}],
    ids=["control", "waiting"],
)
def test_what_was_slow_in_every_process_is_not_said_to_be_fast_in_one(changed):
    judgement = decide(evidence(**{**SLOW, "process_speedups": (0.96, 0.97, 0.98)} | changed))
    assert judgement.verdict is INCONCLUSIVE
    assert "in every process" not in judgement.reason


@pytest.mark.parametrize("inflation", [1.0, 1.9])
def test_slow_by_wall_time_fails_at_the_last_look_only(inflation):
    slow = evidence(**SLOW, inflation=interval(inflation, inflation, inflation))
    assert decide(slow, final=False).verdict is INCONCLUSIVE
    assert decide(slow, final=True).verdict is FAILED


@pytest.mark.parametrize(
    "changed",
    [LOW_CONCURRENCY, {"gil_held_share": HELD_A_LITTLE}, {}],
    ids=["lock", "held", "healthy"],
)
def test_what_the_first_look_decides_stands(changed):
    first, last = (decide(evidence(**changed), final=final) for final in (False, True))
    assert first.verdict is last.verdict
    assert first.verdict is not INCONCLUSIVE


# --- the negative control


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        pytest.param(
            {"speedup": interval(0.95, 0.93, 0.97)},
            PASSED,
            ["0.95x [0.93, 0.97]", "at most 1.20x with the GIL on"],
            id="no speedup",
        ),
        pytest.param(
            {"speedup": interval(1.65, 1.58, 1.72)},
            FAILED,
            ["1.65x", "cannot speed up", "the measurement is wrong", "no other figure"],
            id="a speedup that cannot be",
        ),
        pytest.param(
            {"speedup": interval(1.1, 0.9, 1.3)},
            INCONCLUSIVE,
            ["1.10x [0.90, 1.30]", "the interval holds both"],
            id="unsure",
        ),
        pytest.param(
            {"speedup": interval(1.25, 1.15, 1.35)},
            INCONCLUSIVE,
            ["1.25x [1.15, 1.35]", "the interval holds both"],
            id="too high, not surely",
        ),
        pytest.param({"speedup": TOO_FEW}, INCONCLUSIVE, ["4 pairs"], id="few pairs"),
        pytest.param({"speedup": None}, INCONCLUSIVE, ["0 pairs"], id="no pairs"),
        pytest.param(
            {"broken": "sys.setprofile was active"},
            NOT_EVALUATED,
            ["sys.setprofile"],
            id="premise broken",
        ),
    ],
)
def test_the_negative_control(changed, verdict, words):
    control_evidence = evidence(
        **{"concurrency": bounds(1.02, 1.03), "gil_held_share": HELD} | changed
    )
    judgement = decide(control_evidence, gate=HOLDS)
    assert judgement.verdict is verdict
    for word in words:
        assert word in judgement.reason
    assert (judgement.at_least, judgement.at_most) == (None, MAX_SPEEDUP_UNDER_GIL)


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        pytest.param(
            {}, PASSED, ["1.65x [1.58, 1.72] over rounds, needs 1.20x", "no GIL"], id="scales"
        ),
        pytest.param(
            LOW_CONCURRENCY, FAILED, ["a lock is held", "this build of Python, or a lock"],
            id="a lock",
        ),
        pytest.param(
            {**SLOW, "inflation": interval(1.9, 1.8, 2.0), "process_inflations": (1.8, 2.0)},
            FAILED, ["grew 1.90-fold", "all of them use", "this build of Python, or a lock"],
            id="contention",
        ),
        pytest.param({"speedup": interval(1.2, 1.1, 1.3)}, INCONCLUSIVE, ["holds the threshold"],
                     id="unsure"),
    ],
)  # fmt: skip
def test_without_a_gil_the_negative_control_has_to_scale(changed, verdict, words):
    free = evidence(**{"gil_enabled": False, "gil_held_share": None} | changed)
    judgement = decide(free, floors(2), gate=HOLDS)
    assert judgement.verdict is verdict
    for word in words:
        assert word in judgement.reason
    assert (judgement.at_least, judgement.at_most) == (floors(2).speedup, None)


# --- without a GIL

CONTENDED = {
    "gil_enabled": False,
    "gil_held_share": None,
    "speedup": interval(0.9, 0.7, 1.4),
    "inflation": interval(2.1, 1.9, 2.3),
    "process_inflations": (2.0, 2.2),
}


@pytest.mark.parametrize(
    ("changed", "required", "verdict"),
    [
        pytest.param({}, floors(2), FAILED, id="grown"),
        pytest.param({"gil_enabled": True}, floors(2), INCONCLUSIVE, id="with a GIL it explains"),
        pytest.param({"inflation": interval(1.9, 1.5, 2.3)}, floors(2), INCONCLUSIVE,
                     id="perhaps less"),
        pytest.param({"control_inflation": interval(1.3, 1.2, 1.4)}, floors(2), INCONCLUSIVE,
                     id="the control grew as well"),
        pytest.param({"control_inflation": interval(1.05, 1.0, 1.1)}, floors(2), FAILED,
                     id="the control hardly grew"),
        pytest.param({"control_inflation": Estimate(1.0, -math.inf, math.inf, 0.99, 3)}, floors(2),
                     INCONCLUSIVE, id="too few of the control"),
        pytest.param({"control_inflation": None}, floors(2), FAILED, id="no control"),
        pytest.param({"process_inflations": (1.1, 2.2)}, floors(2), INCONCLUSIVE,
                     id="not in every process"),
        pytest.param({"process_inflations": (2.2,)}, floors(2), INCONCLUSIVE, id="one process"),
        pytest.param({"inflation": None, "process_inflations": ()}, floors(2), INCONCLUSIVE,
                     id="no CPU clock"),
        pytest.param({}, floors(2, max_inflation=3.0), INCONCLUSIVE, id="allowed"),
        pytest.param({"workers": 8, "concurrency": bounds(7.6, 7.7)}, floors(8),
                     INCONCLUSIVE, id="eight may grow more"),
    ],
)  # fmt: skip
def test_cpu_time_that_grows_fails_without_a_gil(changed, required, verdict):
    """The wall time leaves it open, as beside a neighbour."""
    for final in (False, True):
        assert decide(evidence(**CONTENDED | changed), required, final).verdict is verdict


def test_cpu_time_that_grows_is_told_with_its_bounds_and_the_control():
    reason = decide(evidence(**CONTENDED), floors(2)).reason
    assert "grew 2.10-fold [1.90, 2.30], the control's 1.01-fold, at most 1.67" in reason


@pytest.mark.parametrize(("workers", "most"), [(2, 2 / 1.2), (4, 2.5), (8, 8 / 2.4)])
def test_the_most_inflation_is_the_floor_of_the_speedup_in_cpu_seconds(workers, most):
    assert floors(workers).inflation == pytest.approx(most)
    assert floors(workers, max_inflation=1.3).inflation == 1.3
    assert floors(workers, min_speedup=2.0 * workers).inflation == GROWN


def test_f_that_holds_the_gil_never_fails_as_if_it_had_to_scale():
    holds = evidence(
        speedup=interval(0.95, 0.93, 0.97), concurrency=bounds(1.0, 1.0), gil_held_share=HELD
    )
    assert decide(holds, gate=HOLDS).verdict is PASSED
    assert decide(holds, gate=SCALES).verdict is FAILED


# --- NaN


def test_a_nan_is_no_estimate():
    for broken in ([math.nan, 1.0, 2.0], [1.0, math.nan, 2.0], [1.0, 1.0, math.nan]):
        with pytest.raises(ValueError, match="between its bounds"):
            interval(*broken)
    with pytest.raises(ValueError, match="NaN"):
        estimate_median([1.0, math.nan, 2.0])


@pytest.mark.parametrize(
    ("changed", "required"),
    [
        pytest.param({}, Floors(math.nan, 1.7), id="floor of the speedup"),
        pytest.param({}, Floors(1.2, math.nan), id="floor of the concurrency"),
        pytest.param({"process_speedups": (math.nan, 0.97), "speedup": SLOW["speedup"]}, TWO,
                     id="a process"),
        pytest.param({**SLOW, "shares": shares(0.9, waiting=math.nan)}, TWO, id="waiting"),
        pytest.param({**SLOW, "gil_enabled": False, "process_inflations": (math.nan, 1.9)},
                     floors(2), id="inflation of a process"),
    ],
)  # fmt: skip
def test_a_nan_never_passes(changed, required):
    for final in (False, True):
        assert decide(evidence(**changed), required, final).verdict is not PASSED


# --- whatever was measured

FIGURE = st.floats(0.05, 20.0)
SHARE = st.floats(0.0, 1.0)


@st.composite
def intervals(draw, figures=FIGURE):
    low, value, high = sorted(draw(st.tuples(figures, figures, figures)))
    return interval(value, low, high)


@st.composite
def evidences(draw, **given_fields):
    """Any evidence at all, but for the fields that are given a strategy."""
    waiting = draw(st.none() | st.floats(0.0, 0.99))
    fields = {
        "workers": st.integers(2, 64),
        "speedup": st.none() | intervals(),
        "process_speedups": st.lists(FIGURE, max_size=MAX_PROCESSES).map(tuple),
        "concurrency": st.none() | st.builds(bounds, FIGURE, st.none() | FIGURE),
        "control": st.none() | intervals(),
        "shares": st.none() | st.just(shares(0.01, waiting, None if waiting is None else 0.0)),
        "inflation": st.none() | intervals(),
        "control_inflation": st.none() | intervals(),
        "process_inflations": st.lists(FIGURE, max_size=MAX_PROCESSES).map(tuple),
        "gil_held_share": st.none() | intervals(SHARE),
        "gil_enabled": st.booleans(),
        "broken": st.none() | st.just("sys.settrace was active"),
    }
    return Evidence(**{name: draw(kind) for name, kind in (fields | given_fields).items()})


REQUIRED = st.builds(Floors, FIGURE, FIGURE, SHARE)


@given(evidences(), REQUIRED, st.booleans())
def test_surely_low_never_passes(drawn, required, final):
    speedup, concurrency = drawn.speedup, drawn.concurrency
    low_speedup = speedup is None or speedup.high < required.speedup
    low_concurrency = (
        concurrency is not None
        and concurrency.high is not None
        and concurrency.high.high < required.concurrency
    )
    assume(low_speedup or low_concurrency)
    assert decide(drawn, required, final).verdict is not PASSED


@given(
    evidences(
        speedup=intervals(st.floats(1.2, 20.0)),
        concurrency=st.builds(bounds, st.floats(1.72, 2.0), st.none() | st.floats(1.72, 2.0)),
        gil_held_share=st.none() | intervals(st.floats(0.0, MAX_HELD)),
    ),
    st.booleans(),
)
def test_surely_high_never_fails(drawn, final):
    assert decide(drawn, TWO, final).verdict in (PASSED, NOT_EVALUATED)


@given(evidences(), REQUIRED)
def test_a_pass_shows_high_speedup_and_concurrency_by_their_lower_bounds(drawn, required):
    if decide(drawn, required).verdict is PASSED:
        assert drawn.speedup.low >= required.speedup
        assert drawn.concurrency.low.low >= PASSING_SHARE * required.concurrency
        assert drawn.broken is None


@given(evidences(), REQUIRED)
def test_a_verdict_is_the_same_at_every_look(drawn, required):
    early = decide(drawn, required, final=False).verdict
    if early is not INCONCLUSIVE:
        assert decide(drawn, required, final=True).verdict is early


@given(evidences(), REQUIRED, st.booleans(), st.sampled_from([SCALES, HOLDS]))
def test_every_judgement_is_plain_json_with_a_reason(drawn, required, final, gate):
    judgement = decide(drawn, required, final, gate)
    assert judgement.reason
    as_json = judgement.as_json()
    assert json.loads(json.dumps(as_json, allow_nan=False)) == as_json


@given(evidences())
def test_a_machine_never_gives_more_than_all_its_cores(drawn):
    assert machine_allowance(drawn) >= 1.0


@given(
    evidences(
        speedup=intervals(st.floats(0.05, 1.19)),
        concurrency=st.builds(bounds, st.floats(0.5, 1.6), st.none() | st.floats(1.72, 2.0)),
        control=intervals(st.floats(0.5, 1.0)),
        gil_held_share=st.none() | intervals(st.floats(0.0, MAX_HELD)),
        process_speedups=st.just((1.1, 1.15)),
        workers=st.just(2),
    ),
    st.booleans(),
)
def test_a_machine_that_gave_one_core_excuses_what_half_a_machine_explains(drawn, final):
    """Nothing but the wall time speaks against it, and twice that would do."""
    assert decide(drawn, TWO, final).verdict is not FAILED


# --- judgements


def test_a_judgement_in_the_file():
    assert decide(evidence()).as_json() == {
        "gate": "threads-scale",
        "case": {"workload": "g", "size": 1_000_000, "strategy": "threads", "workers": 2},
        "benchmark": "",
        "verdict": "passed",
        "reason": "1.65x [1.58, 1.72] over rounds, needs 1.20x, concurrency 1.92, GIL held 0.01",
        "speedup": {"value": 1.65, "low": 1.58, "high": 1.72, "confidence": 0.99, "count": 40},
        "at_least": 1.2,
        "at_most": None,
    }


def test_what_was_not_measured_has_null_figures():
    judgement = Judgement("threads-scale", CASE, NOT_EVALUATED, "was not measured")
    assert judgement.as_json()["speedup"] is None
    few = decide(evidence(speedup=TOO_FEW)).as_json()["speedup"]
    assert (few["low"], few["high"]) == (None, None)


def test_figures_are_written_with_their_interval():
    assert SPEEDUP.interval(interval(1.654, 1.6, 1.709)) == "1.65x [1.60, 1.71]"


@pytest.mark.parametrize(
    ("changed", "gate", "missing"),
    [
        pytest.param({}, SCALES, False, id="passed"),
        pytest.param(LOW_CONCURRENCY, SCALES, False, id="failed"),
        pytest.param(CROWDED, SCALES, False, id="inconclusive"),
        pytest.param({"broken": "sys.settrace was active"}, SCALES, True, id="premise broken"),
        pytest.param({"gil_enabled": False}, SCALES, False, id="scaling without the GIL"),
        pytest.param({"gil_enabled": False}, HOLDS, False, id="no GIL, so it has to scale"),
        pytest.param({"broken": "sys.settrace was active"}, HOLDS, True, id="control broken"),
    ],
)
def test_a_gate_is_missing_where_it_applies_and_was_not_evaluated(changed, gate, missing):
    assert decide(evidence(**changed), gate=gate).is_missing is missing


def test_what_was_not_measured_is_missing():
    assert Judgement("threads-scale", CASE, NOT_EVALUATED, "was not measured").is_missing


def test_what_is_no_verdict_is_unmet():
    judgements = [Judgement("gate", CASE, verdict, "reason") for verdict in Verdict]
    assert [judgement.verdict for judgement in unmet(judgements)] == [INCONCLUSIVE, NOT_EVALUATED]


# --- which cases, what is asked of them, how surely


@pytest.mark.parametrize(
    ("case", "covered"),
    [
        ("g-1e6-threads-2", True),
        ("g-1e7-threads-2", True),
        ("g_out-1e6-threads-4", True),
        ("g-1e6-threads-1", False),
        ("g-999999-threads-2", False),
        ("g-1e6-processes-2", False),
        ("g-1e6-foreach-2", False),
        ("f-1e6-threads-2", False),
    ],
)
def test_a_gate_covers_its_workloads_from_its_size_up(case, covered):
    assert SCALES.covers(Case.parse(case)) is covered


@pytest.mark.parametrize(
    ("size", "covered"), [("9999", False), ("1e4", True), ("1e5", True), ("100001", False)]
)
def test_a_gate_with_a_largest_size(size, covered):
    assert HOLDS.covers(Case.parse(f"f-{size}-threads-2")) is covered


@pytest.mark.parametrize(
    ("workers", "speedup", "concurrency"),
    [
        (2, 1.2, 1.7),
        (4, 1.6, 3.4),
        (8, 2.4, 6.8),
        # A hold of 0.05, which is allowed, lets 20 run at once at most.
        (32, 4.4, 15.3),
        (128, 4.4, 15.3),
    ],
)
def test_the_floors_grow_with_the_workers(workers, speedup, concurrency):
    required = floors(workers)
    assert required.speedup == pytest.approx(speedup)
    assert required.concurrency == pytest.approx(concurrency)
    assert required.gil_held_share == MAX_HELD


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_floor_from_the_command_line_is_taken_as_it_is(workers):
    given_floors = floors(workers, min_speedup=1.5, min_concurrency=1.9, max_gil_held_share=0.3)
    assert given_floors == Floors(1.5, 1.9, 0.3, workers / 1.5)
    assert floors(workers, min_speedup=1.5).concurrency == floors(workers).concurrency


@pytest.mark.parametrize(("workers", "speedup"), [(2, 1.5), (4, 2.5), (8, 4.5)])
def test_a_configured_floor_is_meant_for_two_workers(workers, speedup):
    configured = floors(workers, ini_speedup=1.5, ini_concurrency=1.8)
    assert configured.speedup == pytest.approx(speedup)
    assert configured.concurrency == pytest.approx(0.9 * workers)


@given(st.integers(2, 512))
def test_no_default_floor_asks_for_more_than_the_workers(workers):
    required = floors(workers)
    assert required.speedup < workers
    assert required.concurrency < workers


@pytest.mark.parametrize("workers", [2, 8, 32, 128])
@pytest.mark.parametrize("hold", [0.01, 0.03, 0.05])
def test_a_hold_that_is_allowed_fails_no_gate(workers, hold):
    """Workers that queue for the GIL in no order: the seed is fixed."""
    at_once = queue_concurrency(random.Random(workers), workers, hold, calls=20)
    holding = evidence(
        workers=workers,
        speedup=interval(0.7 * at_once, 0.68 * at_once, 0.72 * at_once),
        process_speedups=(0.7 * at_once,) * 2,
        concurrency=bounds(0.98 * at_once, at_once),
        control=interval(0.95 * workers, 0.94 * workers, 0.96 * workers),
        gil_held_share=interval(hold, 0.5 * hold, hold + 0.01),
    )
    assert judge(SCALES, CASE, holding, floors(workers), final=True).verdict is PASSED


@pytest.mark.parametrize("workers", [2, 8, 32, 128])
def test_a_lock_fails_whatever_the_number_of_workers(workers):
    locked = evidence(
        workers=workers,
        speedup=interval(0.95, 0.9, 1.0),
        concurrency=bounds(1.05, 1.1),
        control=interval(0.95 * workers, 0.94 * workers, 0.96 * workers),
    )
    assert judge(SCALES, CASE, locked, floors(workers), final=True).verdict is FAILED


@pytest.mark.parametrize(
    ("inflation", "control", "words"),
    [
        (1.4, 1.02, "memory, page faults or BLAS threads"),
        (1.4, 1.38, "hyperthreads of one core, or a lower clock"),
        (1.9, 1.4, "memory, page faults or BLAS threads"),
        (1.4, None, "memory, page faults or BLAS threads"),
    ],
)
def test_cpu_time_that_the_control_needs_as_well_is_of_the_cores(inflation, control, words):
    inflated = evidence(
        speedup=interval(0.9, 0.85, 0.95),
        process_speedups=(0.9, 0.9),
        inflation=interval(inflation, inflation - 0.02, inflation + 0.02),
        control_inflation=None if control is None else interval(control, control, control),
    )
    judged = judge(SCALES, CASE, inflated, floors(2), final=True)
    assert judged.verdict is FAILED
    assert words in judged.reason


@pytest.mark.parametrize("judged", [1, 2, 3, 40])
def test_all_gates_and_looks_together_err_rarely(judged):
    one_side = (1 - decision_confidence(judged)) / 2
    assert one_side * judged * LOOKS * JUDGED_FIGURES == pytest.approx(ERROR_RATE)


def test_without_a_judged_case_there_is_a_confidence_all_the_same():
    assert decision_confidence(0) == decision_confidence(1)


def test_a_case_is_looked_at_after_each_process_from_the_second_on():
    assert MIN_PROCESSES + LOOKS - 1 == MAX_PROCESSES
