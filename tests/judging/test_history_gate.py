"""The second gate, and the arithmetic below it."""

import json
import math
import random
import re
from dataclasses import astuple

import pytest
from helpers.evidence import interval

from speedgate.history.identity import difference_lines, environment_digest, environment_name
from speedgate.judging.change_word import ChangeWord
from speedgate.judging.comparison import Ratio, SideLevel, Source, compare
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import (
    ERROR_RATE,
    LEAST_RUNS,
    MARGIN,
    Shift,
    confirmed,
    history_confidence,
    judge_history,
    levels_of,
    machine_loss,
)
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import Figure
from speedgate.stats.moments import Moments, change, mean_difference, student_quantile, student_tail

CASE = Case("g", 1_000_000, "threads", 2)
ENVIRONMENT = {
    "system": "Linux", "cpu": "AMD EPYC (R) 7763 CPU @ 2.4GHz", "usable_cores": 2,
    "python": "3.14.0", "free_threaded_build": True, "gil_enabled": False,
    "numpy": {"version": "2.4.6"},
    "blas": [
        {"user_api": "blas", "internal_api": "openblas", "version": "0.3.31", "num_threads": 1}
    ],
    "kernel": "6.1", "available_bytes": 5,
}  # fmt: skip


def before(spread=0.02, count=20, **levels):
    noise = random.Random(7)
    usual = {"speedup": 1.9, "held": 0.02, "cpu_per_wall": 1.95, "seconds": 0.001} | levels
    return [
        {
            name: value * math.exp(noise.gauss(0, spread)) if name != "held" else value
            for name, value in usual.items()
        }
        for _ in range(count)
    ]


def judged(now, past=None, allowance=1.0, cases=4):
    figures = {
        name: None if value is None else interval(value, value * 0.99, value * 1.01)
        for name, value in now.items()
    }
    past = before() if past is None else past
    levels = levels_of(figures, past, allowance)
    return judge_history(CASE, levels, [str(number) for number in range(len(past))], cases)


USUAL = {"speedup": 1.9, "held": 0.02, "cpu_per_wall": 1.95, "seconds": 0.001}


def test_as_before_passes_and_says_what_would_have_been_seen():
    judgement = judged(USUAL)
    assert judgement.verdict is Verdict.PASSED
    assert "as in 20 runs before" in judgement.reason
    assert "speedup 1" in judgement.reason  # per cent


@pytest.mark.parametrize(
    ("now", "word"),
    [
        ({"speedup": 1.2}, "threads lost"),
        ({"speedup": 1.2, "seconds": 0.0016}, "slower, threads lost"),
        ({"speedup": 2.9, "seconds": 0.0016}, "threads gained but slower"),
        ({"speedup": 1.2, "seconds": 0.0006}, "threads lost but faster"),
        ({"seconds": 0.0016}, "slower"),
        ({"held": 0.6}, "threads lost"),
    ],
)
def test_what_surely_moved_is_said_in_a_word(now, word):
    judgement = judged(USUAL | now)
    assert judgement.verdict is Verdict.FAILED
    assert judgement.reason.startswith(f"against 20 runs: {word}; ")


def wild(spread, count=LEAST_RUNS):
    """Runs whose seconds differ by ``spread``, and nothing else does."""
    logs = [spread * (number % 2 - 0.5) for number in range(count)]
    return [USUAL | {"seconds": 0.001 * math.exp(log)} for log in logs]


@pytest.mark.parametrize(
    ("worse_is_more", "least", "text"),
    [
        (True, math.log(1.25), "25%"),
        (True, math.log(49.0), "49-fold"),
        (True, math.log(2.0), "2.0-fold"),
        (True, math.inf, "over 1,000-fold"),
        (False, -math.log(0.75), "25%"),
        (False, math.log(49.0), "98%"),
        (False, math.inf, "over 99%"),
    ],
)
def test_the_least_that_is_seen_is_told_in_the_way_that_the_signal_moves(
    worse_is_more, least, text
):
    figure = Figure("made", "made", "made", rises=not worse_is_more)
    margin = -math.log1p(-MARGIN)
    worse = Estimate(0.0, margin - least, least - margin, 0.95, 20)
    assert Shift(figure, 1.0, 1.0, worse, worse).least_seen_text == text


def test_a_gate_that_sees_almost_nothing_says_so():
    judgement = judged(USUAL, wild(spread=0.5))
    assert judgement.verdict is Verdict.PASSED
    assert re.search(
        r"sees almost nothing of: seconds a call \(from \d+-fold\); runs differ too much",
        judgement.reason,
    )
    assert "is seen from: speedup" in judgement.reason
    assert "almost nothing" not in judged(USUAL).reason


def test_no_case_three_times_as_slow_passes():
    judgement = judged(USUAL | {"seconds": 0.00309}, wild(spread=1.2))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert re.search(r"seconds a call 0\.00309 s, 3\.\d times 0\.00\d+ s \[", judgement.reason)
    assert "runs differ by as much" in judgement.reason


@pytest.mark.parametrize(
    ("name", "now", "past"),
    [
        ("speedup", 0.8, (1.0, 4.0, 1.0, 4.0, 1.0)),
        ("cpu_per_wall", 0.8, (1.0, 4.0, 1.0, 4.0, 1.0)),
        ("held", 0.8, (0.0, 0.6, 0.0, 0.0, 0.6)),
    ],
)
def test_what_is_half_gone_is_no_pass_however_much_runs_differ(name, now, past):
    judgement = judged(USUAL | {name: now}, [USUAL | {name: value} for value in past])
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_too_few_runs_are_not_evaluated_and_say_how_many_are_missing():
    judgement = judged(USUAL | {"speedup": 0.5}, before(count=LEAST_RUNS - 2))
    assert judgement.verdict is Verdict.NOT_EVALUATED
    assert not judgement.is_missing, "--require-gate does not miss a history that is too young"
    assert "2 more runs" in judgement.reason


def test_runs_that_cannot_be_read_are_no_young_history():
    judgement = judge_history(CASE, [], ["1", "2"], 4, left_out=6)
    assert judgement.verdict is Verdict.NOT_EVALUATED
    assert judgement.is_missing, "--require-gate misses what is damaged"
    assert "6 files of this environment cannot be read, 2 runs can, of the 5" in judgement.reason
    assert "speedgate check" in judgement.reason


def test_what_is_left_of_a_damaged_history_judges_if_it_is_enough():
    levels = levels_of(
        {name: interval(value, value, value) for name, value in USUAL.items()}, before(), 1.0
    )
    runs = [str(number) for number in range(20)]
    assert judge_history(CASE, levels, runs, 4, left_out=3).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("signal", "value", "text"),
    [
        ("speedup", 1.5, "21% below 1.9"),
        ("seconds", 0.0015, "above 0.001"),
        ("cpu_per_wall", 1.2, "CPU per wall 1.20"),
        ("held", 0.3, "+0.28 from 0.02"),
    ],
)
def test_a_signal_that_got_surely_worse_fails_and_is_named(signal, value, text):
    judgement = judged(USUAL | {signal: value})
    assert judgement.verdict is Verdict.FAILED
    assert text in judgement.reason
    assert "unmoved:" in judgement.reason
    moved = [
        shift["signal"] for shift in judgement.as_json()["shifts"] if shift["worse"]["low"] > 0.05
    ]
    assert moved == [signal]


def test_better_is_never_failed():
    better = {"speedup": 3.9, "held": 0.0, "cpu_per_wall": 3.9, "seconds": 0.0004}
    assert judged(better).verdict is Verdict.PASSED


def test_what_the_machine_may_have_taken_is_given_back():
    assert judged(USUAL | {"speedup": 1.5}, allowance=1.3).verdict is not Verdict.FAILED


def test_a_change_that_runs_differ_by_is_no_failure():
    judgement = judged(USUAL | {"speedup": 1.6}, before(spread=0.07))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "runs differ by as much" in judgement.reason


def test_a_signal_that_is_not_known_is_left_out():
    judgement = judged(USUAL | {"held": None})
    assert [shift.figure.key for shift in judgement.shifts] == [
        "speedup",
        "seconds",
        "cpu_per_wall",
    ]


def test_a_healthy_run_fails_no_more_often_than_stated():
    noise, cases, failed, trials = random.Random(11), 10, 0, 400
    for _ in range(trials):
        verdicts = []
        for _ in range(cases):
            values = [{"speedup": math.exp(noise.gauss(0.6, 0.05))} for _ in range(9)]
            value = math.exp(noise.gauss(0.6, 0.05))
            figures = {"speedup": interval(value, value * 0.99, value * 1.01)}
            levels = levels_of(figures, values[1:], 1.0)
            verdicts.append(judge_history(CASE, levels, list("12345678"), cases).verdict)
        failed += Verdict.FAILED in verdicts
    assert failed <= 3 * ERROR_RATE * trials


def test_the_error_is_shared_by_all_cases_and_signals():
    assert history_confidence(10) == pytest.approx(1 - 2 * ERROR_RATE / 40)


# --- the arithmetic


@pytest.mark.parametrize("degrees", [1, 2, 7, 100, 101, 999])
@pytest.mark.parametrize("tail", [0.4, 0.025, 1e-3, 1e-6])
def test_a_quantile_has_its_tail_beyond_it_with_few_degrees_and_with_many(degrees, tail):
    assert student_tail(student_quantile(tail, degrees), degrees) == pytest.approx(tail, rel=1e-5)


def test_the_quantiles_are_students():
    stats = pytest.importorskip("scipy.stats", reason="scipy (extra 'evaluation') is missing")
    for degrees in (1, 2, 3, 4, 7, 19, 100):
        for tail in (0.4, 0.05, 0.0125, 1e-3, 1e-5):
            expected = stats.t.isf(tail, degrees)
            assert student_quantile(tail, degrees) == pytest.approx(expected, rel=1e-6)


def test_the_interval_holds_the_next_value_as_often_as_stated():
    noise, inside = random.Random(3), 0
    for _ in range(4000):
        *values, now = (noise.gauss(5, 2) for _ in range(7))
        expected = change(now, Moments.of(values), 0.9)
        inside += expected.low <= 0 <= expected.high
    assert 0.88 < inside / 4000 < 0.92


def test_the_difference_of_means_is_welchs():
    stats = pytest.importorskip("scipy.stats", reason="scipy (extra 'evaluation') is missing")
    one, other = [1.0, 2.0, 3.0, 4.5, 2.2], [2.0, 2.1, 2.2, 2.05, 2.3, 2.4]
    difference = mean_difference(Moments.of(one), Moments.of(other), 0.95)
    expected = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.95)
    assert difference.low == pytest.approx(expected.low, rel=0.05)
    assert difference.high == pytest.approx(expected.high, rel=0.5)
    assert mean_difference(Moments.of([1.0]), Moments.of(other), 0.95) is None


# --- which environment


def test_an_environment_has_a_name_to_read():
    name = environment_name(ENVIRONMENT)
    assert name.startswith("linux-amd-epyc-7763-2-cores-python3.14.0t-numpy2.4.6-openblas0.3.31-")
    assert name.endswith(environment_digest(ENVIRONMENT))
    assert "3.14.0t-gil-" in environment_name(ENVIRONMENT | {"gil_enabled": True})
    assert environment_name({}).startswith(
        "unknown-system-unknown-cpu-unknown-cores-python-no-numpy"
    )


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"kernel": "6.2", "available_bytes": 9}, True),
        ({"cpu": "another"}, False),
        ({"numpy": {"version": "2.4.7"}}, False),
        ({"gil_enabled": True}, False),
        ({"settings": {"runner_setup": "a:b"}}, False),
        ({"variables": {"OPENBLAS_NUM_THREADS": "1"}}, True),
        ({"variables": {"OPENBLAS_CORETYPE": "Haswell"}}, False),
        ({"blas": [ENVIRONMENT["blas"][0] | {"num_threads": 8}]}, True),
        ({"blas": [ENVIRONMENT["blas"][0] | {"version": "0.3.32"}]}, False),
    ],
)
def test_what_matters_to_a_comparison_makes_another_environment(changed, same):
    other = ENVIRONMENT | changed
    assert (environment_digest(other) == environment_digest(ENVIRONMENT)) is same
    if not same:
        assert len(difference_lines(ENVIRONMENT, other)) == 1


@pytest.mark.parametrize("broken", ["coverage was active", None])
def test_what_a_premise_did_not_hold_for_is_not_evaluated(broken):
    judgement = judge_history(CASE, [], ["run"] * LEAST_RUNS, 1, broken=broken)
    assert judgement.verdict is Verdict.NOT_EVALUATED
    assert (broken or "nothing was measured") in judgement.reason


@pytest.mark.parametrize("value", [1.45, 1.9, 0.5])
def test_what_has_no_interval_is_not_judged_as_exact(value):
    past = [USUAL | {"speedup": speedup} for speedup in (1.89, 1.90, 1.91, 1.92, 1.90)]
    now = {"speedup": Estimate(value, -math.inf, math.inf, 0.95, 4)}
    judgement = judge_history(CASE, levels_of(now, past, 1.0), list("12345"), 4)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    json.dumps(judgement.as_json(), allow_nan=False)
    if value > 0.9:
        assert "too few rounds for an interval of: speedup" in judgement.reason


def test_one_signal_without_an_interval_hides_no_other():
    now = {
        "speedup": Estimate(1.9, -math.inf, math.inf, 0.95, 4),
        "held": interval(0.9, 0.85, 0.95),
    }
    judgement = judge_history(CASE, levels_of(now, before(), 1.0), [str(n) for n in range(20)], 4)
    assert judgement.verdict is Verdict.FAILED


def with_control(control, waiting=0.0):
    return [{"control": control, "waiting": waiting}] * LEAST_RUNS


@pytest.mark.parametrize(
    ("control", "waiting", "window", "loss"),
    [
        # Two threads of one core, tonight as ever.
        (1.3, 0.0, with_control(1.3), 1.02),
        (1.0, 0.0, with_control(1.3), 1.33),
        (1.92, 0.0, with_control(1.92), 1.02),
        # Better than ever: nothing was taken.
        (1.92, 0.0, with_control(1.3), 1.0),
        # Nobody kept the control: all that it lacks.
        (1.3, 0.0, [{"control": None}] * 20, 1.57),
        (None, 0.5, with_control(None, 0.0), 2.0),
        (None, 0.5, with_control(None, 0.5), 1.0),
        (None, None, [], 1.0),
    ],
)
def test_only_what_the_machine_took_more_than_usual_is_given_back(control, waiting, window, loss):
    now = None if control is None else interval(control, 0.98 * control, control)
    assert machine_loss(2, now, waiting, window) == pytest.approx(loss, abs=0.01)


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        ({"speedup": 1.3}, Verdict.FAILED),
        ({"speedup": 1.9}, Verdict.INCONCLUSIVE),
        # Another signal is another thing.
        ({"seconds": 0.002}, Verdict.INCONCLUSIVE),
        ({"speedup": 1.3, "seconds": 0.002}, Verdict.FAILED),
    ],
)
def test_a_case_fails_only_if_it_does_again_in_the_same_signal(again, verdict):
    first = judged(USUAL | {"speedup": 1.3})
    assert first.verdict is Verdict.FAILED
    judgement = confirmed(first, judged(USUAL | again))
    assert judgement.verdict is verdict
    assert "measured again at once" in judgement.reason
    assert judgement.shifts == first.shifts


def test_a_second_measurement_that_tells_nothing_confirms_nothing():
    first = judged(USUAL | {"speedup": 1.3})
    broken = judge_history(CASE, [], ["run"] * LEAST_RUNS, 1, broken="coverage was active")
    judgement = confirmed(first, broken)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "coverage was active" in judgement.reason


# --- comparisons


def source(*speedups, spread=0.02):
    figures = [interval(value, value * (1 - spread), value * (1 + spread)) for value in speedups]
    level = {"g": SideLevel.of(figures)}
    return Source("made", len(speedups), level, level)


def test_a_difference_beyond_chance_is_certain_and_has_a_direction():
    (line,) = compare([source(1.9, 1.92, 1.88, 1.9), source(1.5, 1.52, 1.49, 1.5)])
    assert line.speedup_ratios[0].word == "worse"
    assert line.seconds_ratios[0].word == "better"
    assert line.speedup_ratios[0].estimate.value == pytest.approx(1.5 / 1.9, rel=0.01)
    assert line.words == (ChangeWord.FASTER_BUT_LOST,)


def test_little_difference_is_the_same_and_much_spread_is_not_certain():
    (line,) = compare([source(*[1.9, 1.91, 1.9, 1.89] * 3), source(*[1.91, 1.9, 1.9, 1.9] * 3)])
    assert line.speedup_ratios[0].word == "same"
    (line,) = compare([source(1.9, 1.0, 1.4), source(1.2, 1.9, 0.9)])
    assert line.speedup_ratios[0].word == "?"


@pytest.mark.parametrize("single", ["one", "other"])
def test_a_single_run_beside_many_is_held_against_their_spread(single):
    # Of the same level all: at 95% the interval leaves 1 out in about 5 of 100, either way round.
    numbers, held = random.Random(6), 0
    for _ in range(400):
        alone, *many = ([interval(v, v * 0.999, v * 1.001)] for v in lognormal(numbers, 21))
        many = [run for (run,) in many]
        sides = (alone, many) if single == "one" else (many, alone)
        estimate = Ratio.of(*map(SideLevel.of, sides), 0.95, rises=True).estimate
        held += estimate.low <= 1 <= estimate.high
    assert 365 <= held <= 395


def lognormal(numbers, count):
    return [math.exp(numbers.gauss(0.5, 0.2)) for _ in range(count)]


def test_a_single_run_without_an_interval_is_compared_with_many_and_not_with_one():
    bare = SideLevel.of([Estimate(1.0, -math.inf, math.inf, 0.95, 1)])
    many = SideLevel.of([interval(v, v, v) for v in (1.9, 1.91, 1.88, 1.9, 1.92)])
    assert Ratio.of(many, bare, 0.95, rises=True).estimate.high < 0.6
    assert Ratio.of(bare, bare, 0.95, rises=True).estimate.low == 0.0
    assert Ratio.of(bare, bare, 0.95, rises=True).estimate.high == math.inf


def test_two_runs_that_differ_much_bound_nothing():
    wild = SideLevel.of([interval(value, value, value) for value in (0.01, 100.0)])
    assert Ratio.of(wild, wild, 0.99999, rises=True).estimate.high == math.inf


def test_moments_from_sums_are_those_of_the_values():
    values = [math.log(seconds) for seconds in (1.9e-6, 2.0e-6, 1.8e-6)]
    moments = Moments.of_sums(3, sum(values), sum(value**2 for value in values))
    assert astuple(moments) == pytest.approx(astuple(Moments.of(values)), rel=1e-6)
    assert Moments.of_sums(1, 2.0, 4.0) == Moments(1, 2.0, 0.0)


@pytest.mark.parametrize("other", [0.2, 1.5, 1.9, 3.0])
def test_of_a_run_against_a_run_nothing_is_certain(other):
    (line,) = compare([source(1.9), source(other)])
    assert [line.speedup_ratios[0].word, line.seconds_ratios[0].word] == ["?", "?"]
    assert not line.speedup_ratios[0].certain
    assert line.words == (ChangeWord.NONE,)


def test_a_single_run_has_the_interval_of_fresh_processes():
    # At 99% Student's t of 8 degrees of freedom is 3.36, times 0.15: a factor of 1.65 either way.
    (line,) = compare([source(1.9, spread=0.001), source(1.9, spread=0.001)])
    assert line.speedups[0].low == pytest.approx(1.9 / 1.65, rel=0.01)
    assert line.speedups[0].high == pytest.approx(1.9 * 1.65, rel=0.01)
