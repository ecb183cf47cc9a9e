"""The decision rule of the gate, row by row: which evidence gets which verdict."""

import math

import pytest
from helpers.evidence import HELD, HELD_A_LITTLE, RELEASED, bounds, evidence, interval, shares

from speedgate.judging.floors import Floors, floors
from speedgate.judging.gate import Evidence, Gate, Verdict, judge
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

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
