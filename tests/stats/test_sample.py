import math

import pytest
from helpers.made import pair, sample

from speedgate.stats.sample import FIELDS, Pair, PairedSample, Round


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_round_takes_time(seconds):
    with pytest.raises(ValueError, match="more than 0 seconds") as refused:
        Round(seconds=seconds, on_cpu=0.0)
    assert str(refused.value) == f"a round takes more than 0 seconds, not {seconds}"


def test_what_was_not_told_is_unknown_and_not_0():
    told = Round(seconds=1.0, on_cpu=0.9)
    known = {"seconds": 1.0, "on_cpu": 0.9, "tail": 0.0, "blocked_tail": 0.0}
    assert {name: getattr(told, name) for name in FIELDS} == dict.fromkeys(FIELDS) | known
    assert told.cpu_per_wall is None
    assert Round(seconds=0.5, on_cpu=0.4, cpu=0.75).cpu_per_wall == 1.5


def test_a_ratio_above_1_is_a_faster_contender():
    assert pair(baseline=3.0, contender=1.5).ratio == 2.0
    assert pair(baseline=1.0, contender=2.0).ratio == 0.5


@pytest.mark.parametrize(
    ("baseline", "contender", "inflation"),
    [(2.0, 3.0, 1.5), (None, 3.0, None), (2.0, None, None), (0.0, 3.0, None)],
)
def test_inflation_is_cpu_time_over_that_of_the_baseline(baseline, contender, inflation):
    rounds = Round(1.0, 1.0, cpu=baseline), Round(1.0, 1.0, cpu=contender)
    assert Pair(*rounds).inflation == inflation


def test_processes_stay_apart_and_empty_ones_are_left_out():
    first, second, third = pair(1.0), pair(2.0), pair(3.0)
    paired = PairedSample.of([[first], [], [second, third]])
    assert paired.processes == ((first,), (second, third))
    assert paired.pairs == (first, second, third)


def test_ratios_and_raw_seconds_are_in_the_order_of_measuring():
    paired = sample(2.0, 1.0, 3.0)
    assert paired.ratios == [2.0, 1.0, 3.0]
    assert paired.as_seconds() == [(2.0, 1.0), (1.0, 1.0), (3.0, 1.0)]
