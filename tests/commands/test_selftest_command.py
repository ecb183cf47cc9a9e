"""``python -m speedgate selftest``: what it prints, and its exit codes."""

import json

import pytest
from helpers.machine import CRASHING, CROWDED, HOLDS_GIL, Behaviour, raising

from speedgate.commands.selftest import QUICK_TRIALS, SELFTEST_TRIALS
from speedgate.measuring.budget import JUDGED_SECONDS

WELL, BAD, NOT_DONE, UNDECIDED = 0, 1, 2, 10


def test_the_selftest_of_a_healthy_machine(run, machine):
    shown = run("selftest", "--quick")
    assert shown.code == WELL
    assert "A/A: one worker against the baseline reads 1.00, as it must" in shown.out
    assert f"{QUICK_TRIALS} gates of an unchanged workload: {QUICK_TRIALS} passed" in shown.out
    assert "false alarms: 0%" in shown.out
    assert "recommended here: --min-speedup 1.4" in shown.out
    assert f"{QUICK_TRIALS}/{QUICK_TRIALS} passed: g_out-1e6-threads-2" in shown.out
    assert set(machine.cases) == {"g_out-1e6-threads-1", "g_out-1e6-threads-2"}
    assert all(runner.is_closed for runner in machine.runners)


def test_no_line_is_wider_than_the_terminal(run, machine, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    machine.behave("g_out", HOLDS_GIL)
    lines = run("selftest", "--quick").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\n".join(lines).count("failed: g_out-1e6-threads-2") == QUICK_TRIALS


def test_more_trials_without_quick(run, machine):
    shown = run("selftest")
    assert shown.code == WELL
    assert f"{SELFTEST_TRIALS} gates of an unchanged workload" in shown.out


def test_the_selftest_plans_no_more_than_it_promises():
    """A trial may take JUDGED_SECONDS, and so may A/A; what that costs beside them is a tenth."""
    assert 1.1 * JUDGED_SECONDS * (QUICK_TRIALS + 1) < 60
    assert 1.1 * JUDGED_SECONDS * (SELFTEST_TRIALS + 1) < 300


def test_an_instrument_that_is_wrong_is_told_by_the_exit_code(run, machine):
    machine.alone = Behaviour(speedup=1.3, concurrency=1.0)
    shown = run("selftest", "--quick")
    assert shown.code == BAD
    assert "does not read 1.00: 1.300" in shown.out


def test_a_machine_that_is_too_busy_to_tell_is_no_bad_instrument(run, machine):
    machine.alone = Behaviour(speedup=1.0, concurrency=1.0, spread=1.5)
    shown = run("selftest", "--quick")
    assert shown.code == UNDECIDED
    assert "the machine is too busy" in shown.out


def test_where_no_gate_can_be_judged_the_machine_is_too_busy(run, machine):
    """One worker may well read as itself there."""
    machine.behave("g_out", CROWDED)
    shown = run("selftest", "--quick")
    assert shown.code == UNDECIDED
    assert "reads 1.00" in shown.out
    assert f"{QUICK_TRIALS} inconclusive" in shown.out


def test_false_alarms_are_counted(run, machine):
    machine.behave("g_out", HOLDS_GIL)
    shown = run("selftest", "--quick")
    assert f"{QUICK_TRIALS} failed" in shown.out
    assert "false alarms: 100%" in shown.out
    assert "no threshold can be recommended" in shown.out


def test_another_workload_can_be_named(run, machine):
    assert run("selftest", "--quick", "--workload", "workloads:G").code == WELL
    assert machine.cases[0] == "g-1e6-threads-1"


@pytest.mark.parametrize(
    "reference", ["workloads", "workloads:NOBODY", "no_such_module:G", "", ":", "workloads:"]
)
def test_a_workload_that_cannot_be_found_is_refused(run, machine, reference):
    shown = run("selftest", "--workload", reference)
    assert shown.code == NOT_DONE
    assert "--workload" in shown.err
    assert f"'{reference}'" in shown.err
    assert "module:name" in shown.err
    assert machine.runners == []


def test_the_selftest_needs_two_cores(run, machine, monkeypatch):
    monkeypatch.setattr("speedgate.commands.selftest.usable_cores", lambda: 1)
    shown = run("selftest")
    assert shown.code == NOT_DONE
    assert "two usable cores" in shown.err
    assert machine.runners == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (CRASHING, "the runner ended by signal SIGSEGV"),
        (raising(ValueError("no room"), "Traceback ...\nValueError: no room"), "ValueError"),
    ],
)
def test_a_selftest_that_cannot_be_done_says_why(run, machine, behaviour, words):
    machine.alone = behaviour
    shown = run("selftest", "--quick")
    assert shown.code == NOT_DONE
    assert shown.err.startswith("speedgate selftest: ")
    assert words in shown.err
    assert all(runner.is_closed for runner in machine.runners)


def test_an_interrupt_ends_the_selftest_and_its_runners(run, machine, monkeypatch):
    def interrupt(runner, request):
        raise KeyboardInterrupt

    monkeypatch.setattr("helpers.machine.MadeRunner.rounds", interrupt)
    shown = run("selftest")
    assert shown.code == 130
    assert "interrupted" in shown.err
    assert all(runner.is_closed for runner in machine.runners)


def test_the_selftest_as_json_prints_nothing_else_on_standard_output(run, machine):
    shown = run("selftest", "--quick", "--format", "json")
    findings = json.loads(shown.out)
    assert findings["same"]["low"] <= 1 <= findings["same"]["high"]
    assert sum(findings["verdicts"].values()) > 0
