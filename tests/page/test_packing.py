"""Columns as short texts: what was packed comes back, digit for digit."""

import json

import pytest
from helpers.site import PACKABLE, PLAIN
from hypothesis import given
from hypothesis import strategies as st

from speedgate.page.packing import (
    packed_places,
    packed_values,
    unpacked_places,
    unpacked_values,
)


def three_digits(value):
    return None if value is None else float(f"{value:.3g}")


@given(st.lists(st.none() | st.floats(0, 1e12, allow_nan=False, allow_infinity=False)))
def test_values_come_back_with_three_digits(values):
    packed = json.loads(json.dumps(packed_values(values)))
    assert unpacked_values(packed) == [three_digits(value) for value in values]


def test_values_of_one_case_weigh_two_letters_each():
    packed = packed_values(PACKABLE)
    assert len(packed["text"]) == 2 * len(PACKABLE)
    assert unpacked_values(packed) == [three_digits(value) for value in PACKABLE]


@pytest.mark.parametrize("values", PLAIN)
def test_values_that_two_letters_do_not_say_stay_numbers(values):
    assert packed_values(values) == values


@pytest.mark.parametrize("places", [[0], [7], [0, 1, 2], [4, 5, 6], [0, 2, 3], [3, 9]])
def test_places_that_follow_one_another_are_packed_and_come_back(places):
    assert unpacked_places(packed_places(places)) == places
    assert len(packed_places(range(5, 500))) == 2
