"""What is asked where nobody says otherwise: the figures themselves, as the pages tell them."""

import math

import pytest

from speedgate.judging.floors import Floors, floors


def test_two_workers_are_asked_for_what_the_pages_say():
    asked = floors(2)
    assert (asked.speedup, asked.concurrency, asked.gil_held_share) == (1.2, 1.7, 0.05)
    assert asked.inflation == pytest.approx(2 / 1.2)


def test_floors_of_the_speedup_alone_leave_the_most_of_the_gil_and_any_inflation():
    assert Floors(1.2, 1.7) == Floors(1.2, 1.7, gil_held_share=0.05, inflation=math.inf)


@pytest.mark.parametrize(
    ("workers", "speedup", "concurrency"),
    [(3, 1.4, 2.55), (8, 2.4, 6.8), (18, 4.4, 15.3), (19, 4.4, 15.3), (64, 4.4, 15.3)],
)
def test_more_workers_are_asked_for_as_much_again_each_up_to_eighteen(
    workers, speedup, concurrency
):
    asked = floors(workers)
    assert (asked.speedup, asked.concurrency) == pytest.approx((speedup, concurrency))


def test_what_was_given_is_asked_for_whatever_the_workers():
    asked = floors(8, 1.5, 3.0, 0.2, 1.1)
    assert asked == Floors(1.5, 3.0, 0.2, 1.1)
    assert floors(8, 0.0, 0.0, 0.0, 0.0) == Floors(0.0, 0.0, 0.0, 0.0)


def test_a_configured_floor_is_that_of_two_workers():
    asked = floors(4, ini_speedup=1.5, ini_concurrency=1.8)
    assert (asked.speedup, asked.concurrency) == pytest.approx((2.5, 3.6))
