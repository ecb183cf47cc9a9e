import json
import math
from fractions import Fraction
from itertools import product
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speedgate.stats.estimate import (
    Estimate,
    estimate_median,
    estimate_share,
    rank_below,
    sign_autocorrelation,
)

finite = st.floats(allow_nan=False, allow_infinity=False)

# n: the r of the 95% interval from the r-th smallest to the r-th largest, as printed in tables of
# the sign test (W. J. Conover, Practical Nonparametric Statistics; table A.3 is the binomial).
PRINTED_RANKS = {5: 0, 6: 1, 8: 1, 9: 2, 10: 2, 12: 3, 15: 4, 20: 6, 25: 8, 30: 10, 50: 18, 100: 40}


def exact_rank(count, tail):
    """``rank_below`` by whole numbers: no rounding anywhere."""
    probability, rank = Fraction(0), 0
    while rank < count:
        probability += Fraction(math.comb(count, rank), 2**count)
        if probability > tail:
            break
        rank += 1
    return rank


def test_a_tail_of_just_the_chance_is_allowed():
    """Of one toss none is heads with a chance of 1/2, of two with 1/4."""
    assert (rank_below(1, 0.5), rank_below(2, 0.25)) == (1, 1)


@pytest.mark.parametrize(("count", "rank"), PRINTED_RANKS.items())
def test_the_ranks_are_those_of_the_tables(count, rank):
    assert rank_below(count, 0.025) == rank


@pytest.mark.parametrize("tail", [0.05, 0.025, 0.005, 0.00125, 0.0001])
def test_the_ranks_are_exact(tail):
    counts = (*range(1, 80), 500, 2000)
    assert [rank_below(count, tail) for count in counts] == [
        exact_rank(count, tail) for count in counts
    ]


def test_no_rank_lies_beyond_the_last_observation():
    assert [rank_below(count, 2.0) for count in (0, 1, 3)] == [0, 1, 3]


@pytest.mark.parametrize("count", range(6, 14))
def test_the_interval_covers_the_median_as_often_as_it_says(count):
    """Enumerated: each observation lies below or above the median, with one half each."""
    missed = 0
    for sides in product((-1.0, 1.0), repeat=count):
        estimate = estimate_median(sides, 0.95)
        missed += not estimate.low <= 0 <= estimate.high
    assert missed / 2**count <= 0.05
    # One rank further in would not do: the interval is no wider than it has to be.
    inner = exact_rank(count, 0.025) + 1
    below = sum(math.comb(count, k) for k in range(inner))
    assert 2 * below / 2**count > 0.05


def test_the_bounds_are_observations():
    estimate = estimate_median(list(range(1, 21)), 0.95)
    assert (estimate.value, estimate.low, estimate.high) == (10.5, 6, 15)
    assert (estimate.confidence, estimate.count) == (0.95, 20)
    assert estimate.is_bounded


def test_a_higher_confidence_is_a_wider_interval():
    values = list(range(50))
    wide, narrow = estimate_median(values, 0.999), estimate_median(values, 0.9)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_spikes_in_less_than_half_do_not_move_it():
    quiet = [1.0 + n / 100 for n in range(20)]
    assert estimate_median([*quiet, 500.0, 900.0], 0.95).high < 2


@pytest.mark.parametrize("count", range(1, 6))
def test_too_few_observations_have_no_bounds(count):
    estimate = estimate_median([2.0] * count, 0.95)
    assert (estimate.value, estimate.low, estimate.high) == (2.0, -math.inf, math.inf)
    assert not estimate.is_bounded


def test_nothing_has_no_median():
    assert estimate_median([]) is None


@pytest.mark.parametrize("values", [[math.nan], [1.0] * 20 + [math.nan], [math.nan] + [1.0] * 20])
def test_a_nan_is_refused_wherever_it_stands(values):
    with pytest.raises(
        ValueError, match=r"^a NaN was measured: nothing can be said of its median$"
    ):
        estimate_median(values)


@given(st.lists(finite, min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_the_observations_does_not_matter(values, random):
    turned = random.sample(values, len(values))
    estimate = estimate_median(values)
    assert estimate == estimate_median(turned)
    assert estimate.low <= estimate.value == median(values) <= estimate.high


@pytest.mark.parametrize(
    ("value", "low", "high", "confidence"),
    [
        (1.0, 1.1, 2.0, 0.95),
        (1.0, 0.5, 0.9, 0.95),
        (math.nan, 0.0, 2.0, 0.95),
        (1.0, math.nan, 2.0, 0.95),
        (1.0, 0.5, 2.0, 0.0),
        (1.0, 0.5, 2.0, 1.0),
        (1.0, 0.5, 2.0, 95.0),
    ],
)
def test_an_estimate_that_cannot_be_is_refused(value, low, high, confidence):
    why = "an estimate lies between its bounds: E|a confidence lies between 0 and 1, not [019]"
    with pytest.raises(ValueError, match=f"^({why})"):
        Estimate(value, low, high, confidence, 10)


@pytest.mark.parametrize("trials", range(1, 60))
def test_a_share_has_no_bound_beyond_none_and_all(trials):
    assert estimate_share(trials, trials).high == 1.0
    assert estimate_share(0, trials).low == 0.0


def test_unknown_bounds_are_null_in_json():
    text = json.dumps(estimate_median([2.0]).as_json(), allow_nan=False)
    assert json.loads(text) == {
        "value": 2.0,
        "low": None,
        "high": None,
        "confidence": 0.95,
        "count": 1,
    }


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share_is_the_published_one(hits, trials, low, high):
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    estimate = estimate_share(hits, trials, 0.95)
    assert estimate.value == hits / trials
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0.5, 0.9999))
def test_a_share_and_its_bounds_stay_between_0_and_1(trials, part, confidence):
    hits = round(part * trials)
    estimate = estimate_share(hits, trials, confidence)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    mirrored = estimate_share(trials - hits, trials, confidence)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - estimate.high, 1 - estimate.low))


def test_nothing_tried_has_no_share():
    assert estimate_share(0, 0) is None


def test_values_that_do_not_resemble_their_neighbours_have_no_autocorrelation():
    assert sign_autocorrelation([[1.0, 3.0, 1.0, 3.0]]) == 0.0
    assert sign_autocorrelation([]) == 0.0
    assert sign_autocorrelation([[1.0]]) == 0.0


def test_values_that_stay_on_one_side_are_autocorrelated():
    assert sign_autocorrelation([[1.0, 1.0, 1.0, 3.0, 3.0, 3.0]]) == pytest.approx(3 / 5)
    # The step lies between two processes: they are not neighbours.
    assert sign_autocorrelation([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]]) == 0.9


def test_autocorrelation_widens_the_interval_as_fewer_values_would():
    values = [float(value) for value in range(40)]
    independent = estimate_median(values, 0.95)
    correlated = estimate_median(values, 0.95, autocorrelation=1 / 3)  # 40 count as 20
    assert (independent.low, correlated.low) == (13.0, 11.0)
    assert correlated.value == independent.value


def test_values_that_are_nearly_all_one_decide_nothing():
    assert not estimate_median([1.0] * 20, 0.95, autocorrelation=0.9).is_bounded
