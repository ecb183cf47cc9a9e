"""Verdicts and exit codes; a green run means that the gate ran."""

from dataclasses import replace

import pytest
from helpers.inner import ARTICLE, GATED, GREEN, ONE, RED, THREADS, UNDECIDED, says
from helpers.machine import (
    BEHIND_A_LOCK,
    CRASHING,
    CROWDED,
    HOLDS_GIL,
    SIDE_BY_SIDE,
    SLOW,
    Behaviour,
    raising,
)

from speedgate.judging.gate import MAX_PROCESSES, MIN_PROCESSES

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


# --- verdicts and exit codes


def test_a_gate_that_passes_leaves_the_run_green(checkout, machine):
    result = checkout.run(*GATED)
    assert result.ret == GREEN
    says(result, "passed: g-1e6-threads-2 1.65x [1.6", "needs 1.20x", "concurrency 1.9")
    says(result, "passed: f-1e5-threads-2 0.95x [0.9", "at most 1.20x with the GIL on")
    assert checkout.verdicts() == {
        "g-1e6-threads-2": "passed",
        "g_out-1e6-threads-2": "passed",
        "f-1e5-threads-2": "passed",
    }


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [(HOLDS_GIL, "no longer releases the GIL"), (BEHIND_A_LOCK, "a lock that is not the GIL")],
)
def test_a_gate_that_fails_makes_the_run_red_with_a_short_message(
    checkout, machine, behaviour, cause
):
    machine.behave("g", behaviour)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.9", "x [0.9", "needs 1.20x", cause)
    says(result, "gate threads-scale", "--min-speedup", "speedgate report")
    says(result, "FAILED", "gate", "threads-scale", "g-1e6-threads-2]")
    says(result, "passed: g_out-1e6-threads-2")
    text = result.stdout.str()
    message = text.partition("= FAILURES =")[2].partition("benchmark 'f-1e5'")[0]
    assert len(message.splitlines()) <= 8, message
    for word in ("Traceback", "GateFailed", "plugin.py", "def "):
        assert word not in message


def test_a_threshold_that_nothing_reaches_names_every_case(checkout, machine):
    result = checkout.run(*GATED, "--min-speedup=50")
    assert result.ret == RED
    for case in ("g-1e6-threads-2", "g_out-1e6-threads-2"):
        says(result, f"failed: {case} 1.65x", "needs 50.0x", "more than 2 workers can give")
    says(result, "passed: f-1e5-threads-2")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min-speedup=1.9"], ["needs 1.90x"]),
        (["-o", "min_speedup=1.9"], ["needs 1.90x"]),
        (["--min-concurrency=1.99"], ["needs 1.99"]),
        (["-o", "min_concurrency=1.99"], ["needs 1.99"]),
        (["--max-gil-held=0.001"], ["GIL held 0.01", "at most 0.00"]),
    ],
)
def test_each_floor_can_be_raised(checkout, machine, options, words):
    result = checkout.run(*ONE, *options)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 1.65x", *words)


def test_configured_floors_are_for_two_workers_and_grow(checkout, machine):
    machine.behave("g", Behaviour(speedup=3.5, concurrency=3.9))
    machine.control = 3.9
    four = (*ONE, "--workers=4", "--oversubscribe")
    says(checkout.run(*four), "passed: g-1e6-threads-4 3.5", "needs 1.60x")
    says(checkout.run(*four, "-o", "min_speedup=1.5"), "passed: g-1e6-threads-4", "needs 2.50x")
    says(checkout.run(*four, "--min-speedup=1.5"), "passed: g-1e6-threads-4", "needs 1.50x")


def test_slow_in_every_process_fails_and_slow_in_one_does_not(checkout, machine):
    machine.behave("g", SLOW)
    machine.behave("g_out", SLOW, SLOW, SLOW, SIDE_BY_SIDE)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.97x", "1.90-fold", "memory, page faults")
    says(result, "inconclusive: g_out-1e6-threads-2", "in every process")
    assert len(machine.of("g-1e6-threads-2")) == MAX_PROCESSES


def test_a_busy_machine_is_inconclusive_and_said_to_be(checkout, machine):
    machine.behave("g", CROWDED)
    machine.control = 1.05
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(
        result,
        "inconclusive: g-1e6-threads-2",
        "waiting for a CPU 41%: others had the cores",
        "the control reached 1.05x of 2",
    )
    assert checkout.verdicts() == {"g-1e6-threads-2": "inconclusive"}
    assert len(machine.of("g-1e6-threads-2")) == MAX_PROCESSES


def test_a_strict_gate_makes_inconclusive_red(checkout, machine):
    machine.behave("g", CROWDED)
    machine.control = 1.05
    result = checkout.run(*ONE, "--strict-gate")
    assert result.ret == UNDECIDED
    says(result, "inconclusive: g-1e6-threads-2", "waiting for a CPU 41%")
    says(result, "gate threads-scale", "quiet machine", "--budget")


def test_a_case_is_measured_no_longer_than_its_verdict_needs(checkout, machine):
    assert checkout.run(*THREADS, "--workloads=g", "--sizes=1e5,1e6").ret == GREEN
    assert len(machine.of("g-1e6-threads-2")) == MIN_PROCESSES
    assert len(machine.of("g-1e5-threads-2")) == 1
    assert all(runner.is_closed for runner in machine.runners)


def test_a_tracer_breaks_the_premise(checkout, machine):
    machine.traced = "sys.settrace"
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(result, "not evaluated: g-1e6-threads-2", "sys.settrace was active")
    assert checkout.info("g-1e6-threads-2")["extra_info"]["broken"]


# --- the negative control


def test_a_speedup_that_cannot_be_makes_the_run_red(checkout, machine):
    machine.behave("f", SIDE_BY_SIDE)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: f-1e5-threads-2 1.65x", "at most 1.20x", "the measurement is wrong")
    says(result, "passed: g-1e6-threads-2")


def test_without_the_gil_the_negative_control_has_to_scale(checkout, machine):
    machine.behave("f", SIDE_BY_SIDE)
    machine.gil_enabled = False
    result = checkout.run(*GATED, "--require-gate")
    assert result.ret == GREEN
    says(result, "passed: f-1e5-threads-2 1.65x", "needs 1.20x")


def test_without_the_gil_a_negative_control_behind_a_lock_makes_the_run_red(checkout, machine):
    machine.behave("f", BEHIND_A_LOCK)
    machine.gil_enabled = False
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: f-1e5-threads-2 0.94x", "a lock is held", "this build of Python")


def test_without_the_gil_cpu_time_that_grows_makes_the_run_red(checkout, machine):
    machine.behave("g", SLOW)
    machine.behave("f", SIDE_BY_SIDE)
    machine.gil_enabled = False
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.97x", "grew 1.90-fold", "at most 1.67")
    assert checkout.run(*GATED, "--max-inflation=3", "--min-speedup=0.5").ret == GREEN


# --- the cause of contention


def test_a_case_that_fails_is_probed_and_its_cause_is_named(checkout, machine):
    machine.behave("g", SLOW)
    machine.behave("f", SIDE_BY_SIDE)
    machine.gil_enabled = False
    machine.probed = {"preallocated": SIDE_BY_SIDE, "processes": SIDE_BY_SIDE}
    result = checkout.run(*GATED)
    assert result.ret == RED
    assert machine.probes == ["g-1e6-threads-2", "g-1e6-processes-2"]
    says(result, "failed: g-1e6-threads-2", "; probed: ", "1.90-fold as it is")


def test_what_passes_is_not_probed(checkout, machine):
    assert checkout.run(*GATED).ret == GREEN
    assert machine.probes == []


@pytest.mark.parametrize(
    ("options", "probed"), [((), True), (("--min-speedup=50",), False), (("--budget=1e-9",), False)]
)
def test_what_is_inconclusive_for_its_speed_is_probed_if_there_is_time(
    checkout, machine, options, probed
):
    machine.behave("g", SLOW, SLOW, SLOW, SIDE_BY_SIDE)
    checkout.run(*ONE, *options)
    assert bool(machine.probes) is probed


def test_a_probe_that_fails_leaves_the_verdict(checkout, machine):
    machine.behave("g", *[SLOW] * 4, replace(SLOW, error={"type": "OSError", "message": "no room"},
                                             fails_at="arms"))  # fmt: skip
    result = checkout.run(*ONE)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2", "its cause cannot be probed: ", "raised OSError")


# --- a green run means that the gate ran


def test_where_every_gate_is_judged_require_gate_is_green(checkout, machine):
    assert checkout.run(*GATED, "--require-gate").ret == GREEN


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-k", "not threads"], id="deselected"),
        pytest.param(["-k", "g_out or serial"], id="one gate deselected"),
        pytest.param(["-k", "no_such_thing"], id="all deselected"),
        pytest.param(["--deselect", "bench"], id="all deselected by path"),
        pytest.param(["--sizes=1e3"], id="empty"),
        pytest.param(["--workers=1"], id="one worker"),
        pytest.param(["--benchmark-disable"], id="disabled"),
        pytest.param(["--benchmark-skip"], id="skipped"),
        pytest.param(["--in-process"], id="in process"),
    ],
)
def test_where_a_gate_is_not_judged_require_gate_is_never_green(checkout, machine, options):
    arguments = [*GATED, *options]
    assert checkout.run(*arguments, "--require-gate").ret != GREEN
    machine.runners.clear()
    assert checkout.run(*arguments).ret in (GREEN, pytest.ExitCode.NO_TESTS_COLLECTED)


@pytest.mark.parametrize("behaviour", [CRASHING, raising(ValueError("no"), "ValueError: no")])
def test_a_crashed_gate_is_never_green(checkout, machine, behaviour):
    machine.behave("g", behaviour)
    assert checkout.run(*GATED, "--require-gate").ret == RED
    assert checkout.run(*GATED).ret == RED


def test_a_tracer_is_never_green_where_gates_are_required(checkout, machine):
    machine.traced = "sys.settrace"
    result = checkout.run(*GATED, "--require-gate")
    assert result.ret == UNDECIDED
    says(result, "not evaluated: g-1e6-threads-2", "sys.settrace was active")


def test_a_run_without_any_gate_is_red_where_gates_are_required(checkout, machine):
    result = checkout.run(ARTICLE, "--require-gate")
    assert result.ret == UNDECIDED
    says(result, "--require-gate", "no gate was judged")


def test_a_gate_alone_without_its_benchmark_is_never_green_where_it_is_required(checkout, machine):
    """As ``--last-failed`` runs it: a gate that failed, without what was measured for it."""
    assert checkout.run(*ONE, "--min-speedup=50").ret == RED
    assert checkout.run(*ONE, "--last-failed", "--require-gate").ret != GREEN
