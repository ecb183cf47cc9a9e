import pytest
from helpers.fakes import FakeClock

from speedgate.measuring.budget import (
    DEFAULT_BUDGET_SECONDS,
    LEAST_SECONDS,
    MOST_SECONDS,
    Budget,
    default_seconds,
)


@pytest.fixture
def clock():
    return FakeClock()


def explicit(seconds, weight, clock):
    return Budget(seconds, weight, explicit=True, now=clock)


def test_equal_cases_get_equal_shares(clock):
    budget = explicit(100, 4, clock)
    shares = []
    for _ in range(4):
        shares.append(budget.take(1))
        clock.advance(shares[-1])
    assert shares == pytest.approx([25] * 4)


def test_a_heavier_case_gets_more(clock):
    budget = explicit(70, 3.5, clock)
    assert budget.take(2.5) == pytest.approx(50)
    clock.advance(50)
    assert budget.take(1) == pytest.approx(20)


def test_what_one_leaves_the_next_may_have(clock):
    budget = explicit(100, 2, clock)
    assert budget.take(1) == pytest.approx(50)
    clock.advance(10)
    assert budget.take(1) == pytest.approx(90)


def test_what_one_takes_too_much_the_next_must_do_without(clock):
    budget = explicit(100, 2, clock)
    budget.take(1)
    clock.advance(80)
    assert budget.take(1) == pytest.approx(20)


def test_a_spent_budget_gives_nothing_and_never_less(clock):
    budget = explicit(10, 2, clock)
    clock.advance(1000)
    assert budget.take(1) == 0
    assert budget.left_seconds() == 0


def test_more_cases_than_were_weighed_still_get_what_is_left(clock):
    budget = explicit(10, 1, clock)
    budget.take(1)
    clock.advance(4)
    assert budget.take(1) == pytest.approx(6)


@pytest.mark.parametrize("weight", [1, 2.5])
def test_without_an_explicit_budget_a_single_case_is_not_measured_for_minutes(clock, weight):
    budget = Budget(150, weight, now=clock)
    assert budget.left_seconds() == MOST_SECONDS * weight
    assert budget.take(weight) == MOST_SECONDS * weight


def test_an_explicit_budget_is_used_whole(clock):
    budget = explicit(150, 1, clock)
    assert budget.left_seconds() == 150
    assert budget.take(1) == 150


def test_the_time_left_falls_as_cases_are_taken(clock):
    budget = Budget(150, 3, now=clock)
    left = [budget.left_seconds()]
    for _ in range(3):
        budget.take(1)
        left.append(budget.left_seconds())
    assert left == [3 * MOST_SECONDS, 2 * MOST_SECONDS, MOST_SECONDS, 0]


# --- what is judged


def judging(seconds, weight, judged, clock, spare=0.0):
    return Budget(seconds, weight, explicit=True, spare=spare, judged=judged, now=clock)


def test_what_is_judged_is_reached_however_long_others_took_before_it(clock):
    budget = judging(100, 10, 5, clock)
    for _ in range(3):
        budget.take(1)
        clock.advance(20)
    assert budget.is_used_up()
    assert not budget.is_used_up(judged=True)
    assert budget.take(5, judged=True) == pytest.approx(40)


def test_where_all_keep_to_their_share_each_has_the_same_as_ever(clock):
    budget = judging(100, 10, 5, clock)
    shares = []
    for weight, judged in [(1, False), (5, True), (1, False), (1, False), (1, False), (1, False)]:
        shares.append(budget.take(weight, judged))
        clock.advance(shares[-1])
    assert shares == pytest.approx([10, 50, 10, 10, 10, 10])


def test_once_what_is_judged_has_begun_the_others_may_have_the_rest(clock):
    budget = judging(100, 10, 5, clock, spare=10)
    clock.advance(60)
    assert budget.is_used_up()
    budget.take(5, judged=True)
    assert not budget.is_used_up()
    assert budget.take(1) == pytest.approx(8)


def test_what_is_over_without_having_taken_its_part_leaves_it_to_the_others(clock):
    budget = judging(100, 10, 5, clock, spare=10)
    clock.advance(60)
    assert budget.is_used_up()
    budget.give_back(5, judged=True)
    budget.give_back(1)
    assert not budget.is_used_up()
    assert budget.take(1) == pytest.approx(10)


def test_one_that_is_judged_and_takes_too_long_does_not_leave_out_the_next(clock):
    budget = judging(100, 10, 10, clock)
    budget.take(5, judged=True)
    clock.advance(120)
    assert not budget.is_used_up(judged=True)
    assert budget.take(5, judged=True) == 0  # the fewest rounds
    assert budget.is_used_up(judged=True)


def test_the_time_of_what_is_judged_has_an_end_too(clock):
    budget = judging(100, 10, 5, clock, spare=10)
    clock.advance(160)
    assert budget.is_used_up(judged=True)


def test_a_run_of_many_cases_takes_longer_by_default():
    assert default_seconds(10) == DEFAULT_BUDGET_SECONDS
    assert default_seconds(1000) == 1000 * LEAST_SECONDS
