"""The gates of f, and of a build without a GIL: what holds the GIL, and what contends."""

import math

import pytest
from helpers.evidence import HELD, bounds, evidence, interval
from test_gate import (
    FAILED,
    HOLDS,
    INCONCLUSIVE,
    LOW_CONCURRENCY,
    NOT_EVALUATED,
    PASSED,
    SCALES,
    SLOW,
    TOO_FEW,
    decide,
)

from speedgate.judging.floors import floors
from speedgate.judging.gate import MAX_SPEEDUP_UNDER_GIL
from speedgate.judging.inflation import GROWN
from speedgate.stats.estimate import Estimate

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
