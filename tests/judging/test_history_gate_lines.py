"""What a person reads of each verdict against history, whole, and what is decided at the bounds."""

import math
from dataclasses import replace

import pytest
from helpers.evidence import interval
from test_history_gate import CASE, USUAL, judged

from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import (
    LEAST_RUNS,
    MARGIN,
    WINDOW_RUNS,
    FigureHistory,
    HistoryJudgement,
    Shift,
    confirmed,
    history_confidence,
    judge_history,
    levels_of,
    machine_loss,
)
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import GIL_HELD_SHARE, SECONDS, SPEEDUP

# What a ratio has to change by, as a difference of logarithms.
LOG_MARGIN = -math.log1p(-MARGIN)


def past(**spreads):
    """Six runs around the usual level, by 2% either way or by as much as is told."""
    return [
        {
            name: value if name == "held" else value * math.exp(spreads.get(name, 0.02) * sign)
            for name, value in USUAL.items()
        }
        for sign in (1, -1, 1, -1, 1, -1)
    ]


QUIET = past()
SLOWER = {"speedup": 1.2, "seconds": 0.0016}
LOST = "speedup 1.20x, 37% below 1.90x [26%, 46%]"
LONGER = "seconds a call 0.0016 s, 60% above 0.001 s [37%, 87%]"
WORSE = f"against 6 runs: slower, threads lost; {LOST}, {LONGER}; unmoved: GIL held, CPU per wall"


SEEN = "as in 6 runs before; a change for the worse is seen from: "
LESS = "speedup 1.60x, 16% below 1.90x [-15%, 38%]"
WILD = "speedup (from 96%), seconds a call (from 50-fold)"
BLIND = "this gate sees almost nothing of: "
WHY_BLIND = "; runs differ too much, and more of them on a quieter machine tell more"


@pytest.mark.parametrize(
    ("now", "before", "verdict", "reason"),
    [
        (
            USUAL,
            QUIET,
            Verdict.PASSED,
            f"{SEEN}speedup 19%, seconds a call 23%, GIL held 0.05, CPU per wall 19%",
        ),
        (
            USUAL,
            past(seconds=0.5, speedup=0.4),
            Verdict.PASSED,
            f"{SEEN}GIL held 0.05, CPU per wall 19%; {BLIND}{WILD}{WHY_BLIND}",
        ),
        (
            {"seconds": 0.001},
            past(seconds=0.5),
            Verdict.PASSED,
            f"as in 6 runs before; {BLIND}seconds a call (from 50-fold){WHY_BLIND}",
        ),
        (USUAL | SLOWER, QUIET, Verdict.FAILED, WORSE),
        ({"speedup": 1.2}, QUIET, Verdict.FAILED, f"against 6 runs: threads lost; {LOST}"),
        (
            {"cpu_per_wall": 1.2},
            QUIET,
            Verdict.FAILED,
            "against 6 runs: CPU per wall 1.20, 38% below 1.95 [28%, 47%]",
        ),
        (
            {"speedup": 1.6, "held": 0.02},
            past(speedup=0.04),
            Verdict.INCONCLUSIVE,
            f"against 6 runs: {LESS}; unmoved: GIL held; runs differ by as much",
        ),
    ],
)
def test_the_whole_reason(now, before, verdict, reason):
    judgement = judged(now, before)
    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    assert (judgement.gate, judgement.applies) == ("history", True)
    assert [shift.figure.key for shift in judgement.shifts] == [
        name for name in ("speedup", "seconds", "held", "cpu_per_wall") if name in now
    ]


def test_what_has_no_interval_is_named():
    now = {
        name: Estimate(USUAL[name], -math.inf, math.inf, 0.95, 4) for name in ("speedup", "seconds")
    }
    judgement = judge_history(CASE, levels_of(now, QUIET, 1.0), list("123456"), 4)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == (
        "against 6 runs: too few rounds for an interval of: speedup, seconds a call"
    )
    assert len(judgement.shifts) == 2


@pytest.mark.parametrize(
    ("runs", "since", "broken", "reason"),
    [
        (4, "", None, "1 more run of this environment is missing, it has 4 of 5"),
        (3, "run 7", None,
         "2 more runs of this environment are missing, it has 3 of 5 since run 7 was accepted"),
        (5, "", None, "nothing was measured that can be"),
        (5, "", "coverage was active", "coverage was active"),
    ],
)  # fmt: skip
def test_why_nothing_was_evaluated(runs, since, broken, reason):
    judgement = judge_history(CASE, [], ["run"] * runs, 4, since, broken)
    assert judgement.verdict is Verdict.NOT_EVALUATED
    assert judgement.reason == f"against history: {reason}"
    # A history that is too young is not missed, and all else is.
    assert judgement.is_missing is (runs == LEAST_RUNS)


@pytest.mark.parametrize(
    ("files", "runs", "counted"),
    [(1, 4, "1 file of this environment cannot be read, 4 runs can"),
     (6, 1, "6 files of this environment cannot be read, 1 run can")],
)  # fmt: skip
def test_a_history_that_is_damaged_is_missed(files, runs, counted):
    judgement = judge_history(CASE, [], ["run"] * runs, 4, left_out=files)
    assert judgement.reason == (
        f"against history: {counted}, of the 5 that it takes: 'speedgate check' names them, and "
        "--repair moves them aside"
    )
    assert judgement.is_missing


@pytest.mark.parametrize(
    ("again", "rest"),
    [
        (SLOWER, f"measured again at once: {LOST}, {LONGER}"),
        (
            {"speedup": 1.85, "seconds": 0.00105},
            "measured again at once, it is not certain: speedup 1.85x, seconds a call 0.00105 s",
        ),
    ],
)
def test_what_was_measured_again_is_told_and_kept(again, rest):
    first, second = judged(USUAL | SLOWER, QUIET), judged(USUAL | again, QUIET)
    judgement = confirmed(first, second)
    assert judgement.reason == f"{WORSE}; {rest}"
    assert judgement.again == second.shifts != ()
    assert judgement.as_json()["measured_anew"] == [shift.as_json() for shift in second.shifts]


# --- a shift


def shift(figure=SPEEDUP, value=0.0, low=None, high=None, now=1.0, typical=1.0, hint=None):
    low = value - 0.01 if low is None else low
    worse = Estimate(value, low, value + 0.01 if high is None else high, 0.99, 20)
    return Shift(figure, now, typical, worse, worse if hint is None else hint)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (shift(SPEEDUP, math.log(4 / 3), math.log(1.25), math.log(1.6), 1.5, 2.0),
         "speedup 1.50x, 25% below 2.00x [20%, 38%]"),
        (shift(SPEEDUP, -math.log(1.25), -math.log(1.5), -math.log(1.1), 2.5, 2.0),
         "speedup 2.50x, 25% above 2.00x [10%, 50%]"),
        (shift(SPEEDUP, math.log(4), math.log(2), math.log(5), 0.5, 2.0),
         "speedup 0.50x, 75% below 2.00x [50%, 80%]"),
        (shift(SECONDS, math.log(1.25), math.log(1.1), math.log(1.5), 0.00125, 0.001),
         "seconds a call 0.00125 s, 25% above 0.001 s [10%, 50%]"),
        (shift(SECONDS, -math.log(4 / 3), -math.log(1.6), -math.log(1.25), 0.003, 0.004),
         "seconds a call 0.003 s, 25% below 0.004 s [20%, 38%]"),
        (shift(SECONDS, math.log(2), math.log(1.5), math.log(2.5), 0.002, 0.001),
         "seconds a call 0.002 s, 2.0 times 0.001 s [1.5, 2.5]"),
        (shift(SECONDS, math.log(2.5), math.log(2), math.log(3), 0.0025, 0.001),
         "seconds a call 0.0025 s, 2.5 times 0.001 s [2.0, 3.0]"),
        (shift(SECONDS, math.log(10.7), math.log(9.7), math.log(2000), 0.0107, 0.001),
         "seconds a call 0.0107 s, 11 times 0.001 s [9.7, over 1,000]"),
        (shift(SECONDS, math.log(1000), math.log(9.7), math.log(1000), 1.0, 0.001),
         "seconds a call 1 s, 1,000 times 0.001 s [9.7, 1,000]"),
        (shift(GIL_HELD_SHARE, 0.28, 0.1, 0.4, 0.3, 0.02), "GIL held 0.30, +0.28 from 0.02"),
    ],
)  # fmt: skip
def test_a_shift_as_text(one, text):
    assert one.text == text


def test_a_shift_in_the_file():
    one = shift(SPEEDUP, 0.3, now=1.4, typical=1.9)
    assert one.as_json() == {
        "signal": "speedup",
        "now": 1.4,
        "typical": 1.9,
        "worse": one.worse.as_json(),
        "hint": one.hint.as_json(),
        "is_log_ratio": True,
    }
    assert shift(GIL_HELD_SHARE).as_json()["is_log_ratio"] is False


def test_the_change_is_of_the_figure_itself():
    held = shift(GIL_HELD_SHARE, 0.2, 0.1, 0.4)
    assert held.change == held.worse
    faster = shift(SPEEDUP, -math.log(2), -math.log(3), -math.log(1.5)).change
    assert (faster.value, faster.low, faster.high) == pytest.approx((2.0, 1.5, 3.0))
    assert (faster.confidence, faster.count) == (0.99, 20)


@pytest.mark.parametrize(
    ("figure", "margin"), [(SPEEDUP, LOG_MARGIN), (SECONDS, LOG_MARGIN), (GIL_HELD_SHARE, MARGIN)]
)
def test_what_is_sure_is_beyond_the_margin_and_not_at_it(figure, margin):
    for sign in (1, -1):
        at, beyond = sign * margin, sign * margin * 1.001
        ends = sorted((at, sign * 0.3))
        one = shift(figure, sign * 0.2, *ends)
        assert (one.is_sure, one.is_better) == (False, False)
        ends = sorted((beyond, sign * 0.3))
        one = shift(figure, sign * 0.2, *ends)
        assert (one.is_sure, one.is_better) == (sign > 0, sign < 0)


@pytest.mark.parametrize(
    ("figure", "value", "hint_low", "seems"),
    [
        (SPEEDUP, 0.2, 0.001, True),
        (SPEEDUP, 0.2, 0.0, False),
        (SPEEDUP, LOG_MARGIN, 0.001, False),
        (SPEEDUP, 0.6, -1.0, False),
        # Half gone, or twice as much: too far off to pass.
        (SPEEDUP, math.log(2), -1.0, True),
        (GIL_HELD_SHARE, 0.5, -1.0, True),
        (GIL_HELD_SHARE, 0.49, -1.0, False),
        (GIL_HELD_SHARE, 0.05, 0.001, False),
    ],
)
def test_what_seems_worse_stands_out_and_is_beyond_the_margin(figure, value, hint_low, seems):
    one = shift(figure, value, -2.0, 2.0)
    assert replace(one, hint=replace(one.worse, low=hint_low)).seems is seems


@pytest.mark.parametrize(
    ("figure", "width", "is_blind", "text"),
    [
        (GIL_HELD_SHARE, 0.02, False, "0.07"),
        (GIL_HELD_SHARE, 0.44, False, "0.49"),
        (GIL_HELD_SHARE, 0.45, True, "0.50"),
        (SECONDS, 0.6 - LOG_MARGIN, False, "82%"),
        (SECONDS, 0.7 - LOG_MARGIN, True, "2.0-fold"),
        (SPEEDUP, 0.7 - LOG_MARGIN, True, "50%"),
    ],
)
def test_a_window_that_sees_what_halves_alone_is_blind(figure, width, is_blind, text):
    one = shift(figure, 0.0, -width, width)
    assert (one.is_blind, one.least_seen_text) == (is_blind, text)


# --- what is held against what


def test_what_was_not_told_is_none():
    bare = HistoryJudgement("history", CASE, Verdict.PASSED, "")
    assert (bare.shifts, bare.runs, bare.again) == ((), (), ())
    assert FigureHistory(SPEEDUP, interval(1.0, 0.9, 1.1), []).allowance == 1.0
    assert WINDOW_RUNS == 20


@pytest.mark.parametrize(("cases", "tail"), [(0, 0.01), (1, 0.01), (2, 0.005)])
def test_one_run_in_a_hundred_errs_over_all_cases_and_four_figures(cases, tail):
    assert history_confidence(cases) == pytest.approx(1 - 2 * tail / 4)


@pytest.mark.parametrize(
    ("value", "before"), [(0.0, [0.001] * 5), (0.001, [0.001, 0.0]), (0.001, [-0.001])]
)
def test_a_ratio_to_nothing_is_none(value, before):
    now = {"seconds": Estimate(value, value, 1.0, 0.95, 6)}
    assert levels_of(now, [{"seconds": one} for one in before], 1.0) == []


def test_a_share_may_be_nothing_and_owes_nothing_to_others():
    now = {"held": interval(0.0, 0.0, 0.1), "speedup": interval(1.9, 1.8, 2.0)}
    levels = {level.figure.key: level for level in levels_of(now, [{"held": 0.0}], 1.5)}
    assert (levels["held"].allowance, levels["speedup"].allowance) == (1.0, 1.5)
    assert (levels["held"].before, levels["speedup"].before) == ([0.0], [])


def test_rounds_that_reach_down_to_nothing_have_no_interval():
    now = {"speedup": Estimate(1.9, 0.0, 2.0, 0.95, 6)}
    judgement = judge_history(CASE, levels_of(now, QUIET, 1.0), list("123456"), 4)
    assert judgement.reason == "against 6 runs: too few rounds for an interval of: speedup"


def test_nobody_is_known_to_have_waited_before():
    assert machine_loss(2, None, 0.5, []) == pytest.approx(2.0)
