import math

import pytest
from helpers.made import contenders, pair
from hypothesis import given
from hypothesis import strategies as st

from speedgate.stats.accounting import (
    Shares,
    concurrency,
    inflation,
    median_of,
    median_shares,
    page_faults,
    shares,
)
from speedgate.stats.sample import Pair, PairedSample, Round

# Rounds of one second with two workers, as they come out of a machine.
SIDE_BY_SIDE = Round(seconds=1.0, on_cpu=1.94, in_task=1.98, waiting=0.04)  # like g
UNDER_THE_GIL = Round(seconds=1.0, on_cpu=0.98, in_task=1.98, waiting=0.02)  # like f
SLEEPING = Round(seconds=1.0, on_cpu=0.01, in_task=1.96, waiting=0.01)
NOTHING_TO_DO = Round(seconds=1.0, on_cpu=0.02, in_task=0.03, waiting=0.01)  # like noop
CROWDED_OUT = Round(seconds=1.0, on_cpu=1.2, in_task=1.98, waiting=0.76)

amount = st.floats(0.0, 10.0)


@given(st.floats(1e-6, 10.0), amount, amount, amount, st.integers(1, 64))
def test_shares_sum_to_1_and_are_never_negative(seconds, on_cpu, in_task, waiting, workers):
    split = shares(Round(seconds, on_cpu, in_task=in_task, waiting=waiting), workers)
    parts = split.as_json().values()
    assert math.isclose(sum(parts), 1.0)
    assert all(part >= 0 for part in parts)


@pytest.mark.parametrize("unknown", [{"in_task": None}, {"waiting": None}])
def test_an_unknown_share_is_none_and_not_0(unknown):
    known = {"in_task": 1.0, "waiting": 0.1}
    split = shares(Round(1.0, 0.5, **known | unknown), 2)
    assert split == Shares(on_cpu=0.25, waiting=None, blocked=None, idle=None)


@pytest.mark.parametrize(
    ("contender", "expected"),
    [
        (SIDE_BY_SIDE, Shares(0.97, 0.02, 0.0, 0.01)),
        (UNDER_THE_GIL, Shares(0.49, 0.01, 0.49, 0.01)),
        (SLEEPING, Shares(0.005, 0.005, 0.97, 0.02)),
        (NOTHING_TO_DO, Shares(0.01, 0.005, 0.0, 0.985)),
        (CROWDED_OUT, Shares(0.6, 0.38, 0.01, 0.01)),
    ],
)
def test_each_kind_of_round_shows_where_its_time_went(contender, expected):
    assert vars(shares(contender, 2)) == pytest.approx(vars(expected))


def test_a_share_below_0_is_taken_as_0():
    split = shares(Round(seconds=1.0, on_cpu=1.9, in_task=1.8, waiting=0.05), 2)
    assert split.blocked == 0.0
    assert split.on_cpu == pytest.approx(0.95)


def test_shares_of_more_than_all_are_scaled_to_all():
    split = shares(Round(seconds=1.0, on_cpu=1.9, in_task=2.4, waiting=0.1), 2)
    expected = Shares(0.95 / 1.2, 0.05 / 1.2, 0.2 / 1.2, 0.0)
    assert vars(split) == pytest.approx(vars(expected))


def test_longer_rounds_weigh_more():
    short = Round(seconds=1.0, on_cpu=2.0, in_task=2.0, waiting=0.0)
    long = Round(seconds=3.0, on_cpu=0.0, in_task=6.0, waiting=0.0)
    split = median_shares(contenders(short, long), 2)
    assert vars(split) == pytest.approx(vars(Shares(0.25, 0.0, 0.75, 0.0)))


def test_one_round_that_does_not_know_leaves_all_unknown():
    split = median_shares(contenders(SIDE_BY_SIDE, Round(1.0, 1.9, in_task=1.9)), 2)
    assert (split.waiting, split.blocked, split.idle) == (None, None, None)
    assert split.on_cpu == pytest.approx((1.94 + 1.9) / 4)


def test_no_rounds_have_no_shares_and_no_concurrency():
    assert median_shares(PairedSample.of([]), 2) is None
    assert concurrency(PairedSample.of([]), 2) is None


@pytest.mark.parametrize(
    ("contender", "low", "high"),
    [
        (SIDE_BY_SIDE, 1.94, 1.98),
        (UNDER_THE_GIL, 0.98, 1.00),
        (SLEEPING, 0.01, 0.02),
        (NOTHING_TO_DO, 0.02, 0.03),
        (CROWDED_OUT, 1.2, 1.96),
    ],
)
def test_concurrency_lies_between_running_and_runnable(contender, low, high):
    bounds = concurrency(contenders(*[contender] * 7), 2)
    assert bounds.low.value == pytest.approx(low)
    assert bounds.high.value == pytest.approx(high)
    assert bounds.low.is_bounded
    assert bounds.high.is_bounded


def test_the_tail_is_no_time_in_which_a_worker_could_have_run():
    """Three tasks of a second on two workers: both always ran while there was something to run."""
    uneven = Round(seconds=2.0, on_cpu=3.0, in_task=3.0, waiting=0.0, tail=1.0)
    assert concurrency(contenders(uneven), 2).low.value == 2.0


# Two workers with a call of 30 ms each under one lock: the first ends half-way.
LOCKED = Round(seconds=0.06, on_cpu=0.06, in_task=0.09, waiting=0.0, blocked_tail=0.03)


def test_a_tail_that_a_lock_made_is_blocked_and_no_idleness():
    assert vars(shares(LOCKED, 2)) == pytest.approx(vars(Shares(0.5, 0.0, 0.5, 0.0)))
    assert median_shares(contenders(LOCKED, LOCKED), 2) == shares(LOCKED, 2)


def test_one_lock_around_a_long_call_lets_one_run_at_once():
    bounds = concurrency(contenders(LOCKED), 2)
    assert (bounds.low.value, bounds.high.value) == pytest.approx((1.0, 1.0))


def test_a_tail_beside_a_worker_whose_core_was_stolen_may_be_for_that():
    """Of 0.03 s blocked a hypervisor took all, or half: the other worker spared as much for it."""
    whole, half = (
        concurrency(contenders(LOCKED), 2, steal_rate=stolen / LOCKED.on_cpu).high.value
        for stolen in (0.03, 0.015)
    )
    assert whole == pytest.approx(2.0)
    assert half == pytest.approx(2 * 0.075 / (0.12 - 0.015))


def test_waiting_that_is_not_known_leaves_no_upper_bound():
    unknown = Round(seconds=1.0, on_cpu=1.9)
    assert concurrency(contenders(unknown, unknown), 2).high is None
    assert concurrency(contenders(SIDE_BY_SIDE, unknown), 2).high is None


def test_stolen_time_can_only_raise_the_upper_bound():
    quiet, stolen = (
        concurrency(contenders(UNDER_THE_GIL), 2, steal_rate=rate) for rate in (0.0, 0.25)
    )
    assert stolen.low == quiet.low
    ran = UNDER_THE_GIL.on_cpu / UNDER_THE_GIL.seconds
    assert stolen.high.value == pytest.approx(quiet.high.value + 0.25 * ran)


def test_concurrency_keeps_to_the_confidence():
    bounds = concurrency(contenders(*[SIDE_BY_SIDE] * 20), 2, confidence=0.99)
    assert (bounds.low.confidence, bounds.high.confidence) == (0.99, 0.99)


def test_concurrency_as_json_says_null_for_an_unknown_bound():
    data = concurrency(contenders(Round(1.0, 1.9)), 2).as_json()
    assert data["low"]["value"] == pytest.approx(1.9)
    assert data["high"] is None


def test_concurrency_tells_both_of_its_bounds():
    bounds = concurrency(contenders(*[SIDE_BY_SIDE] * 7), 2)
    assert bounds.values == pytest.approx((1.94, 1.98))
    assert bounds.as_json() == {"low": bounds.low.as_json(), "high": bounds.high.as_json()}
    unknown = concurrency(contenders(Round(1.0, 1.9)), 2)
    assert unknown.values == (pytest.approx(1.9), None)


def test_pairs_that_resemble_their_neighbours_count_as_fewer():
    grown, even = pair(1.0, cpu=2.0), pair(1.0, cpu=1.0)
    in_turn = inflation(PairedSample.of([[grown, even] * 15]))
    in_blocks = inflation(PairedSample.of([[grown] * 15 + [even] * 15]))
    assert (in_turn.is_bounded, in_blocks.is_bounded) == (True, False)


def test_inflation_is_the_median_over_the_pairs():
    pairs = [pair(1.0, cpu=grown) for grown in (1.0, 1.5, 9.0)]
    few = inflation(PairedSample.of([pairs]))
    assert few is not None
    assert (few.value, few.is_bounded) == (1.5, False)
    enough = inflation(PairedSample.of([pairs * 8]), 0.95)
    assert enough is not None
    assert (enough.low, enough.value) == (1.0, 1.5)
    surer = inflation(PairedSample.of([pairs * 8]), 0.999)
    assert (enough.confidence, surer.confidence) == (0.95, 0.999)


def test_a_figure_that_one_pair_does_not_know_is_unknown():
    assert inflation(PairedSample.of([[pair(1.0, cpu=1.0), pair(1.0)]])) is None
    assert median_of(PairedSample.of([]), lambda one_pair: 1.0) is None


def test_page_faults_are_medians_of_both_sides():
    def faulting(baseline, contender):
        return Pair(Round(1.0, 1.0, minor_faults=baseline), Round(1.0, 1.0, minor_faults=contender))

    pairs = [faulting(2000, 1), faulting(2200, 3), faulting(2100, 2)]
    assert page_faults(PairedSample.of([pairs])) == (2100, 2)
    assert page_faults(PairedSample.of([[*pairs, faulting(2000, None)]])) is None
    assert page_faults(PairedSample.of([[*pairs, faulting(None, 2)]])) is None
