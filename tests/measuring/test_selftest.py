"""The self-test's arithmetic, and what it measures on a made-up machine."""

import math

import pytest
from helpers.evidence import bounds, evidence, interval, shares
from helpers.machine import CROWDED, HOLDS_GIL, PAIRS, Behaviour, MadeMachine

from speedgate.judging.floors import Floors
from speedgate.judging.gate import MAX_PROCESSES, MIN_PROCESSES, Gate, Judgement, Verdict, judge
from speedgate.measuring.selftest import SIZE, Findings, conclusions, figures, run_selftest
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from workloads import CONTROL, G_OUT

TWO = Floors(speedup=1.2, concurrency=1.7)
G_OUT_CASE = Case("g_out", SIZE, "threads", 2)
SAME = interval(1.002, 0.995, 1.009)
TOO_FEW = Estimate(1.65, -math.inf, math.inf, confidence=0.99, count=4)


def judgement(**changed):
    gate = Gate("selftest", ("g_out",))
    return judge(gate, G_OUT_CASE, evidence(**changed), TWO, final=True)


def findings(*judgements, same=SAME, required=TWO):
    return Findings(same, judgements, required)


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    return MadeMachine()


@pytest.fixture
def said():
    return []


def selftest(machine, trials=3, notify=print):
    return run_selftest(G_OUT, CONTROL, 2, TWO, trials, machine.open, notify)


# --- A/A


@pytest.mark.parametrize(
    ("same", "is_one"),
    [
        pytest.param(SAME, True, id="around one"),
        pytest.param(interval(1.0, 1.0, 1.0), True, id="one"),
        pytest.param(interval(1.0, 0.8, 1.2), False, id="too wide to say"),
        pytest.param(interval(1.1, 1.0, 1.2), True, id="from one up"),
        pytest.param(interval(1.05, 1.01, 1.09), False, id="above"),
        pytest.param(interval(0.95, 0.91, 0.99), False, id="below"),
        pytest.param(None, False, id="nothing measured"),
        pytest.param(TOO_FEW, False, id="too few rounds to tell"),
    ],
)
def test_one_worker_against_the_baseline_must_read_one(same, is_one):
    assert findings(same=same).same_is_one() is is_one


def test_figures_of_a_a_have_three_digits():
    assert figures(SAME) == "1.002 [0.995, 1.009]"


# --- false alarms


@pytest.mark.parametrize(("failed", "share"), [(0, 0.0), (1, 0.25), (4, 1.0)])
def test_false_alarms_are_the_share_of_failed_gates(failed, share):
    slow = {"concurrency": bounds(1.0, 1.0)}
    judgements = [judgement(**(slow if number < failed else {})) for number in range(4)]
    alarms = findings(*judgements).false_alarms()
    assert alarms.value == share
    assert alarms.count == 4
    assert alarms.high > 0


def test_more_trials_without_an_alarm_say_more():
    few, many = (findings(*[judgement()] * count).false_alarms() for count in (7, 40))
    assert few.value == many.value == 0
    assert many.high < few.high


def test_without_trials_nothing_is_said_of_false_alarms():
    assert findings().false_alarms() is None
    assert "false alarms" not in "\n".join(conclusions(findings()))


# --- the recommended floor


@pytest.mark.parametrize(
    ("lows", "floor"),
    [
        ([1.58, 1.58, 1.58], 1.40),
        ([1.50, 1.60, 1.70], 1.40),
        ([1.90], 1.70),
        ([1.17], 1.05),
        ([1.10], None),
        ([0.9, 0.9, 1.9], None),
    ],
)
def test_the_recommended_floor_lies_below_what_is_seen(lows, floor):
    judgements = [judgement(speedup=interval(low + 0.05, low, low + 0.1)) for low in lows]
    recommended = findings(*judgements).recommended_speedup()
    assert recommended == (None if floor is None else pytest.approx(floor))


def test_what_was_not_measured_recommends_nothing():
    case, verdict = G_OUT_CASE, Verdict.NOT_EVALUATED
    assert findings().recommended_speedup() is None
    assert findings(Judgement("selftest", case, verdict, "crashed")).recommended_speedup() is None
    assert findings(judgement(speedup=None)).recommended_speedup() is None


def test_too_few_rounds_recommend_nothing():
    assert findings(judgement(speedup=TOO_FEW)).recommended_speedup() is None
    assert "no threshold" in "\n".join(conclusions(findings(judgement(speedup=TOO_FEW))))


# --- the smallest drop


def test_the_smallest_drop_is_down_to_where_even_the_best_process_is_below_the_floor():
    """Speedup 1.8, every figure of it exact, on a machine that gives all: 1.2 is a loss of 1/3."""
    exact = interval(1.8, 1.8, 1.8)
    quiet = {"control": interval(2.0, 2.0, 2.0), "shares": shares(1.0, 0.0, 0.0)}
    healthy = judgement(speedup=exact, process_speedups=(1.8, 1.8), **quiet)
    assert findings(healthy).smallest_drop() == pytest.approx(1 / 3)


def test_a_machine_that_is_busy_hides_a_larger_drop():
    quiet = findings(judgement(control=interval(2.0, 2.0, 2.0))).smallest_drop()
    busy = findings(judgement(control=interval(1.5, 1.4, 1.6))).smallest_drop()
    spread = findings(judgement(process_speedups=(1.5, 1.95))).smallest_drop()
    assert quiet < busy
    assert quiet < spread


def test_what_was_not_measured_has_no_smallest_drop():
    assert findings().smallest_drop() is None
    assert findings(judgement(speedup=None)).smallest_drop() is None


def test_too_few_rounds_have_no_smallest_drop():
    assert findings(judgement(speedup=TOO_FEW)).smallest_drop() is None


# --- in words


def test_the_conclusions_of_a_healthy_machine():
    lines = conclusions(findings(judgement(), judgement(), judgement(concurrency=bounds(1.5, 1.9))))
    assert lines[0] == (
        "A/A: one worker against the baseline reads 1.00, as it must: 1.002 [0.995, 1.009]"
    )
    assert lines[1] == "3 gates of an unchanged workload: 2 passed, 1 inconclusive"
    assert lines[2].startswith("false alarms: 0%, surely below ")
    assert "from 3 gates" in lines[2]
    assert "of the speedup would fail the gate" in lines[3]
    assert "1.20x" in lines[3]
    assert lines[-1] == "recommended here: --min-speedup 1.40"


def test_what_sees_earlier_is_told_for_a_build_without_a_gil():
    with_gil = "\n".join(conclusions(findings(judgement())))
    assert "a lost GIL release is seen earlier" in with_gil
    free = judgement(gil_enabled=False, gil_held_share=None)
    text = "\n".join(conclusions(findings(free, required=Floors(1.2, 1.7, 0.05, 1.67))))
    assert "GIL" not in text
    assert "contention by the inflation (above 1.67)" in text


def test_the_conclusions_of_a_machine_that_cannot_judge():
    busy = judgement(speedup=interval(0.95, 0.8, 1.1), control=interval(1.05, 1.0, 1.1))
    lines = conclusions(findings(busy, same=interval(1.2, 1.1, 1.3)))
    assert "does not read 1.00" in lines[0]
    wide = conclusions(findings(busy, same=interval(1.0, 0.8, 1.2)))
    assert "known to no better than 0.3: the machine is too busy" in wide[0]
    assert lines[-1].startswith("no threshold can be recommended")


# --- what is measured


def test_a_a_is_one_worker_in_two_processes_then_each_trial_is_a_gate(machine, said):
    seen = selftest(machine, trials=3, notify=said.append)
    sessions = [(runner.case.workers, runner.case.size) for runner in machine.runners]
    assert sessions == [(1, SIZE)] * 2 + [(2, SIZE)] * 3 * MIN_PROCESSES
    assert all(runner.is_closed for runner in machine.runners)
    assert seen.same_is_one()
    assert [trial.verdict for trial in seen.judgements] == [Verdict.PASSED] * 3
    assert len(said) == 4
    assert said[0].startswith("one worker against the baseline: 1.0")
    assert said[0].endswith("expected 1.00")
    assert [line.partition(" ")[0] for line in said[1:]] == ["1/3", "2/3", "3/3"]


def test_a_gate_of_the_selftest_is_measured_as_in_a_run(machine):
    """The control in the same rounds, the GIL sampled, other arguments in each trial."""
    selftest(machine, trials=2)
    gates = [runner for runner in machine.runners if runner.case.workers == 2]
    for runner in gates:
        assert [request["key"] for request in runner.requests[0]["batches"]] == ["work", "control"]
        assert "held" in runner.asked
    assert len({runner.requests[0]["batches"][0]["seed"] for runner in gates}) > 1


def test_an_inconclusive_trial_takes_all_its_processes(machine):
    machine.behave("g_out", CROWDED)
    machine.control = 1.05
    seen = selftest(machine, trials=1)
    assert [trial.verdict for trial in seen.judgements] == [Verdict.INCONCLUSIVE]
    assert len(machine.of("g_out-1e6-threads-2")) == MAX_PROCESSES


def test_a_workload_that_does_not_scale_shows_as_false_alarms(machine):
    machine.behave("g_out", HOLDS_GIL)
    seen = selftest(machine, trials=2)
    assert seen.count(Verdict.FAILED) == 2
    assert seen.false_alarms().value == 1.0


def test_an_instrument_that_is_wrong_is_seen_by_a_a(machine):
    machine.alone = Behaviour(speedup=0.9, concurrency=1.0)
    assert not selftest(machine, trials=1).same_is_one()
