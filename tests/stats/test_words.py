"""A number with its noun."""

import pytest

from speedgate.stats.words import number_of


@pytest.mark.parametrize(("count", "text"), [(0, "0 runs"), (1, "1 run"), (12, "12 runs")])
def test_a_number_has_its_noun(count, text):
    assert number_of(count, "run") == text
