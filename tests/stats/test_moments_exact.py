"""Student's t, Welch's interval and the rest, against closed forms and printed tables."""

import math
import re

import pytest
from helpers.evidence import interval

from speedgate.stats.estimate import Estimate
from speedgate.stats.moments import (
    Moments,
    across_processes,
    change,
    deviation_of,
    exponential,
    interval_of_mean,
    mean_difference,
    mean_interval,
    student_quantile,
    student_tail,
)

# The t that 2.5% lie above, by degrees of freedom: as any table prints it.
TABLE = {
    1: 12.70620, 2: 4.302653, 3: 3.182446, 4: 2.776445, 5: 2.570582, 10: 2.228139, 11: 2.200985,
    30: 2.042272, 100: 1.983972, 101: 1.983731, 120: 1.979930, 1000: 1.962339,
}  # fmt: skip


def ends(estimate):
    return estimate.value, estimate.low, estimate.high


@pytest.mark.parametrize(("degrees", "quantile"), TABLE.items())
def test_a_quantile_is_that_of_the_tables(degrees, quantile):
    assert student_quantile(0.025, degrees) == pytest.approx(quantile, rel=5e-7)


def test_of_many_degrees_the_tails_far_out_are_exact_as_well():
    for tail, within in ((1e-6, 2e-6), (1e-3, 1e-7), (0.4, 1e-9)):
        assert student_tail(student_quantile(tail, 101), 101) == pytest.approx(tail, rel=within)


@pytest.mark.parametrize(
    ("t", "degrees", "tail"),
    [
        (0.0, 1, 0.5),
        (0.0, 4, 0.5),
        (1.0, 1, 0.25),
        (math.sqrt(2), 2, (1 - math.sqrt(0.5)) / 2),
        (math.sqrt(3), 3, 0.25 - 0.5 / math.pi),
        (2.0, 4, 0.5 - 3 / 8 * math.sqrt(2) * 5 / 6),
    ],
)
def test_a_tail_has_a_closed_form_with_few_degrees(t, degrees, tail):
    assert student_tail(t, degrees) == pytest.approx(tail, abs=1e-14)


def test_half_lies_above_nothing():
    for degrees in (1, 2, 7):
        assert student_quantile(0.5, degrees) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("tail", "degrees"), [(0.0, 5), (-0.1, 5), (0.51, 5), (0.025, 0)])
def test_what_has_no_quantile_is_refused(tail, degrees):
    words = f"no quantile of Student's t for tail {tail}, {degrees} degrees"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        student_quantile(tail, degrees)


def test_the_moments_of_a_few_values():
    assert Moments.of([3.0]) == Moments(1, 3.0, 0.0)
    assert Moments.of([1.0, 3.0]) == Moments(2, 2.0, math.sqrt(2))
    assert Moments.of_sums(2, 4.0, 10.0) == Moments(2, 2.0, math.sqrt(2))
    assert Moments.of_sums(4, 8.0, 20.0) == Moments(4, 2.0, math.sqrt(4 / 3))
    # Rounding may leave less than nothing of a variance.
    assert Moments.of_sums(2, 4.0, 7.999) == Moments(2, 2.0, 0.0)


def test_the_next_value_lies_around_the_mean_of_those_before():
    before = Moments(5, 2.0, 0.1)
    half = TABLE[4] * 0.1 * math.sqrt(1 + 1 / 5)
    one = change(2.5, before, 0.95)
    assert ends(one) == pytest.approx((0.5, 0.5 - half, 0.5 + half), rel=1e-6)
    assert (one.confidence, one.count) == (0.95, 5)
    # What it scatters by itself counts where that is more.
    assert change(2.5, before, 0.95, 0.05) == one
    assert ends(change(2.5, before, 0.95, 0.2)) == pytest.approx(
        (0.5, 0.5 - 2 * half, 0.5 + 2 * half), rel=1e-6
    )


def test_two_values_before_have_a_spread_and_one_has_none():
    half = TABLE[1] * 0.1 * math.sqrt(1.5)
    of_two = change(2.5, Moments(2, 2.0, 0.1), 0.95)
    assert ends(of_two) == pytest.approx((0.5, 0.5 - half, 0.5 + half), rel=1e-6)
    assert change(2.5, Moments(1, 2.0, 0.0), 0.95) == Estimate(0.5, -math.inf, math.inf, 0.95, 1)


def test_the_difference_of_two_means_is_welchs():
    # The degrees of freedom are 10.59, rounded down.
    one, other = Moments(4, 1.0, 1.0), Moments(9, 3.0, 2.0)
    half = TABLE[10] * math.sqrt(1 / 4 + 4 / 9)
    difference = mean_difference(one, other, 0.95)
    assert ends(difference) == pytest.approx((2.0, 2.0 - half, 2.0 + half), rel=1e-6)
    assert (difference.confidence, difference.count) == (0.95, 13)
    back = mean_difference(other, one, 0.95)
    assert ends(back) == pytest.approx((-2.0, -2.0 - half, half - 2.0), rel=1e-6)


def test_the_difference_of_two_means_needs_two_values_on_each_side():
    two, one = Moments(2, 1.0, 1.0), Moments(1, 1.0, 0.0)
    assert mean_difference(two, two, 0.95).count == 4
    assert mean_difference(two, one, 0.95) is mean_difference(one, two, 0.95) is None
    # What does not scatter at all is known exactly; one side alone that does not is as good.
    exact = mean_difference(Moments(3, 1.0, 0.0), Moments(2, 4.0, 0.0), 0.95)
    assert exact == Estimate(3.0, 3.0, 3.0, 0.95, 5)
    half = TABLE[1] * math.sqrt(1 / 2)
    mixed = mean_difference(Moments(2, 1.0, 1.0), Moments(3, 4.0, 0.0), 0.95)
    assert ends(mixed) == pytest.approx((3.0, 3.0 - half, 3.0 + half), rel=1e-5)
    half = TABLE[5] * math.sqrt(4 / 6)
    mixed = mean_difference(Moments(3, 1.0, 0.0), Moments(6, 4.0, 2.0), 0.95)
    assert ends(mixed) == pytest.approx((3.0, 3.0 - half, 3.0 + half), rel=1e-6)


def test_a_mean_has_students_interval():
    half = TABLE[4] * 0.3 / math.sqrt(5)
    mean = interval_of_mean(Moments(5, 2.0, 0.3), 0.95)
    assert ends(mean) == pytest.approx((2.0, 2.0 - half, 2.0 + half), rel=1e-6)
    assert (mean.confidence, mean.count) == (0.95, 5)
    of_two = interval_of_mean(Moments(2, 2.0, 0.3), 0.95)
    half = TABLE[1] * 0.3 / math.sqrt(2)
    assert ends(of_two) == pytest.approx((2.0, 2.0 - half, 2.0 + half), rel=1e-5)
    assert mean_interval([1.0, 3.0], 0.9) == interval_of_mean(Moments.of([1.0, 3.0]), 0.9)
    assert mean_interval([2.0], 0.95) == Estimate(2.0, -math.inf, math.inf, 0.95, 1)
    with pytest.raises(ValueError, match="at least one data point"):
        mean_interval([], 0.95)


def test_the_deviation_that_an_interval_tells():
    one = Estimate(5.0, 5.0 - 1.959964, 5.0 + 1.959964, 0.95, 4)
    assert deviation_of(one) == pytest.approx(1.0, rel=1e-6)
    uneven = Estimate(5.0, 4.0, 5.0 + 2 * 1.644854 - 1.0, 0.9, 4)
    assert deviation_of(uneven) == pytest.approx(1.0, rel=1e-6)
    assert deviation_of(Estimate(5.0, -math.inf, math.inf, 0.95, 1)) == math.inf


@pytest.mark.parametrize(
    ("processes", "between"),
    [
        # 8 degrees of the usual 0.15, and those of the case itself.
        (Moments(1, 0.0, 0.0), 2.306004 * 0.15),
        (Moments(4, 0.7, 0.3), TABLE[11] * math.sqrt((8 * 0.15**2 + 3 * 0.3**2) / 11 / 4)),
        (Moments(3, 0.7, 0.0), TABLE[10] * math.sqrt(8 * 0.15**2 / 10 / 3)),
    ],
)
def test_the_spread_between_processes_is_added_as_variances_are(processes, between):
    one = across_processes(interval(1.5, 1.4, 1.65), processes)
    at_95 = across_processes(Estimate(1.5, 1.4, 1.65, 0.95, 40), processes)
    assert math.log(1.5 / at_95.low) == pytest.approx(
        math.hypot(math.log(1.5 / 1.4), between), rel=1e-5
    )
    assert math.log(at_95.high / 1.5) == pytest.approx(math.hypot(math.log(1.1), between), rel=1e-5)
    assert (at_95.value, at_95.confidence, at_95.count) == (1.5, 0.95, 40)
    assert one.low < at_95.low
    assert one.high > at_95.high


@pytest.mark.parametrize(
    ("low", "high", "is_known"),
    [(0.0, 2.0, (False, True)), (1.0, math.inf, (True, False)), (0.001, 1e9, (True, True))],
)
def test_an_end_that_is_not_known_or_reaches_nothing_stays_so(low, high, is_known):
    one = across_processes(Estimate(1.5, low, high, 0.95, 3), Moments(2, 0.0, 0.1))
    assert (math.isfinite(one.low), math.isfinite(one.high)) == is_known


def test_a_ratio_is_what_its_logarithm_says():
    one = exponential(Estimate(0.0, -math.log(2), math.log(3), 0.9, 7))
    assert ends(one) == pytest.approx((1.0, 0.5, 3.0))
    assert (one.confidence, one.count) == (0.9, 7)
    wide = exponential(Estimate(0.0, -math.inf, 1000.0, 0.9, 7))
    assert (wide.low, wide.high) == (0.0, math.inf)
