"""What a gate asks of which case and how surely, and what a judgement says in the file."""

import random

import pytest
from helpers.evidence import bounds, evidence, interval
from hypothesis import given
from hypothesis import strategies as st
from test_gate import (
    CASE,
    CROWDED,
    FAILED,
    HOLDS,
    INCONCLUSIVE,
    LOW_CONCURRENCY,
    NOT_EVALUATED,
    PASSED,
    SCALES,
    TOO_FEW,
    decide,
)

from evaluation.claim_workers import queue_concurrency
from speedgate.judging.floors import MAX_HELD, Floors, floors
from speedgate.judging.gate import (
    ERROR_RATE,
    JUDGED_FIGURES,
    LOOKS,
    MAX_PROCESSES,
    MIN_PROCESSES,
    Judgement,
    Verdict,
    decision_confidence,
    judge,
    unmet,
)
from speedgate.stats.case import Case
from speedgate.stats.figure import SPEEDUP

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
