"""The figures of a case, each declared once."""

import pytest
from helpers.made import pair

from speedgate.stats.figure import COMPARED, FIGURE, FIGURES, WATCHED
from speedgate.stats.sample import PairedSample


def test_names_and_keys_are_unique():
    assert len({figure.name for figure in FIGURES}) == len(FIGURES) == len(FIGURE)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("speedup", 1.649, "1.65x"),
        ("seconds", 0.0012345, "0.00123 s"),
        ("held", 0.018, "0.02"),
        ("concurrency", 1.92, "1.92"),
        ("cpu_per_wall", 1.9, "1.90"),
    ],
)
def test_a_value_is_printed_the_same_everywhere(key, value, text):
    assert FIGURE[key].text(value) == text


@pytest.mark.parametrize(
    ("key", "possible", "impossible"),
    [("held", (0.0, 1.0), (-0.1, 1.1)), ("speedup", (0.01, 40.0), (0.0, -1.0))],
)
def test_a_share_lies_between_0_and_1_and_a_ratio_above_0(key, possible, impossible):
    figure = FIGURE[key]
    assert all(map(figure.is_possible, possible))
    assert not any(map(figure.is_possible, impossible))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_but_a_share_is_told_by_the_pairs(figure):
    sample = PairedSample.of([[pair(2.0, 1.0, cpu=2.0) for _ in range(20)]])
    estimate = figure.estimate(sample, workers=2)
    assert (estimate is None) == (figure.is_share or figure.key in UNKNOWN_TO_MADE_PAIRS)
    if figure.key == "speedup":
        assert estimate.value == 2.0
        assert estimate.is_bounded


UNKNOWN_TO_MADE_PAIRS = {"switches"}


def test_nothing_is_told_of_no_pairs():
    assert FIGURE["speedup"].estimate(PairedSample.of([]), workers=2) is None


def test_what_the_history_watches_and_compare_shows_is_declared():
    assert [figure.key for figure in WATCHED] == ["speedup", "seconds", "held", "cpu_per_wall"]
    assert [figure.key for figure in COMPARED] == ["speedup", "seconds"]
