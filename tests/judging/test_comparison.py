"""What is certain of two sides or more: the levels, the ratios, the words and the counts."""

import math
from statistics import NormalDist

import pytest

from speedgate.judging.comparison import Line, Ratio, SideLevel, Source, compare, counts, letter
from speedgate.stats.estimate import Estimate
from speedgate.stats.moments import Moments, across_processes

CONFIDENCE = 0.99


def run(value, spread=0.1, count=6):
    """A run's figure, with an interval that is as wide on either side, as a factor."""
    return Estimate(value, value / (1 + spread), value * (1 + spread), 0.95, count)


def level(*values, spread=0.1):
    return SideLevel.of([run(value, spread) for value in values])


def ratio(one, other, rises=True, confidence=CONFIDENCE):
    return Ratio.of(one, other, confidence, rises)


def of(value, low, high, **more):
    return Ratio(Estimate(value, low, high, 0.95, 4), **{"rises": True} | more)


# --- levels


def test_one_run_is_its_figure_with_what_fresh_processes_differ_by():
    alone = level(2.0)
    assert alone.single == run(2.0)
    assert alone.estimate == across_processes(run(2.0), Moments(1, 0.0, 0.0))
    of_three = SideLevel.of([run(2.0)], Moments(3, 0.7, 0.5))
    assert of_three.estimate == across_processes(run(2.0), Moments(3, 0.7, 0.5))
    assert of_three.estimate != alone.estimate


def test_several_runs_are_their_geometric_mean_with_what_they_differ_by():
    several = level(1.0, 4.0)
    assert several.single is None
    assert several.estimate.value == pytest.approx(2.0)
    # Student's t with one degree of freedom at 95% is 12.706; ln 4 / sqrt 2 is the deviation.
    half = 12.7062 * (math.log(4) / math.sqrt(2)) / math.sqrt(2)
    assert math.log(several.estimate.high) == pytest.approx(math.log(2) + half, rel=1e-4)
    assert math.log(several.estimate.low) == pytest.approx(math.log(2) - half, rel=1e-4)


def test_a_level_is_that_of_several_runs_unless_it_is_told_the_single_one():
    moments = Moments.of([0.0, math.log(4)])
    assert SideLevel(moments) == level(1.0, 4.0)
    assert SideLevel(moments).estimate.value == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("number", "name"), [(0, "A"), (1, "B"), (25, "Z"), (26, "#27"), (27, "#28")]
)
def test_what_a_side_is_called(number, name):
    assert letter(number) == name


def test_a_source_is_complete_and_names_what_either_figure_has():
    source = Source("a", 1, {"f": level(1.0), "g": level(2.0)}, {"g": level(0.1), "h": level(0.2)})
    assert source.complete is True
    assert source.names == ["f", "g", "h"]


# --- ratios


@pytest.mark.parametrize(("one", "other"), [(None, level(1.0)), (level(1.0), None), (None, None)])
@pytest.mark.parametrize("rises", [True, False])
def test_what_a_side_lacks_has_no_ratio(one, other, rises):
    none = ratio(one, other, rises)
    assert (none.estimate, none.rises, none.alone) == (None, rises, False)
    assert (none.certain, none.is_worse, none.word) == (False, None, "")


@pytest.mark.parametrize("rises", [True, False])
def test_of_a_run_on_each_side_nothing_is_certain(rises):
    one, other = level(4.0, spread=0.01), level(1.0, spread=0.2)
    alone = ratio(one, other, rises)
    assert (alone.alone, alone.rises, alone.certain, alone.word) == (True, rises, False, "?")
    assert alone.is_worse is None
    assert alone.estimate.value == pytest.approx(0.25)
    normal = NormalDist()
    widths = [
        math.log(side.estimate.high / side.estimate.low) / 2 / normal.inv_cdf(0.975)
        for side in (one, other)
    ]
    half = normal.inv_cdf(0.995) * math.hypot(*widths)
    assert math.log(alone.estimate.high) == pytest.approx(math.log(0.25) + half)
    assert math.log(alone.estimate.low) == pytest.approx(math.log(0.25) - half)
    assert alone.estimate.count == 2


@pytest.mark.parametrize(
    "unbounded",
    [Estimate(1.0, -math.inf, math.inf, 0.95, 1), Estimate(1.0, 0.0, 3.0, 0.95, 3)],
)
def test_rounds_that_tell_no_interval_leave_the_ratio_open(unbounded):
    one, other = SideLevel.of([unbounded]), level(2.0)
    for ends in (ratio(one, other), ratio(other, one)):
        assert (ends.estimate.low, ends.estimate.high) == (0.0, math.inf)


def test_an_interval_below_one_is_as_good_as_any():
    small = ratio(level(0.02), level(0.01))
    large = ratio(level(2.0), level(1.0))
    assert small.estimate.low == pytest.approx(large.estimate.low)
    assert small.estimate.high == pytest.approx(large.estimate.high)


def test_runs_on_both_sides_are_held_against_each_other():
    several = ratio(level(1.0, 1.01, 0.99), level(2.0, 2.02, 1.98))
    assert several.estimate.value == pytest.approx(2.0)
    assert several.certain
    assert several.alone is False
    assert ratio(level(1.0, 1.01, 0.99), level(2.0, 2.02, 1.98), rises=False).rises is False


def test_a_single_run_is_held_against_the_spread_of_the_others_or_its_own():
    before = level(1.0, 1.02, 0.98)
    close, wide = level(2.0, spread=0.001), level(2.0, spread=5.0)
    narrow = ratio(before, close)
    # Its own rounds scatter far more than the runs do: that is what it is held against.
    assert ratio(before, wide).estimate.high > 2 * narrow.estimate.high
    back = ratio(close, before)
    assert back.estimate.value == pytest.approx(1 / narrow.estimate.value)
    assert back.estimate.low == pytest.approx(1 / narrow.estimate.high)
    assert back.estimate.high == pytest.approx(1 / narrow.estimate.low)
    assert back.estimate.count == narrow.estimate.count == 3
    assert ratio(wide, before).estimate.low < back.estimate.low / 2


@pytest.mark.parametrize(
    "unknown",
    [Estimate(2.0, -math.inf, math.inf, 0.95, 1), Estimate(2.0, 0.0, 4.0, 0.95, 3)],
    ids=["no bounds", "down to zero"],
)
def test_of_rounds_that_tell_no_spread_that_of_the_runs_alone_counts(unknown):
    before = level(1.0, 1.02, 0.98)
    one = ratio(before, SideLevel.of([unknown])).estimate
    assert one == ratio(before, level(2.0, spread=1e-6)).estimate


@pytest.mark.parametrize(
    ("low", "high", "word", "certain"),
    [
        (1.05, 1.5, "?", False),  # the margin itself is not beyond it
        (1.06, 1.5, "better", True),
        (0.5, 1 / 1.05, "?", False),
        (0.5, 0.95, "worse", True),
        (1 / 1.05, 1.05, "same", False),
        (0.95, 1.05, "?", False),
        (0.96, 1.06, "?", False),
        (0.9, 1.0, "?", False),
        (1.0, 1.2, "?", False),
    ],
)
def test_the_word_of_an_interval(low, high, word, certain):
    one = of((low + high) / 2, low, high)
    assert (one.word, one.certain) == (word, certain)
    other = of((low + high) / 2, low, high, rises=False)
    assert other.word == {"better": "worse", "worse": "better"}.get(word, word)


def test_which_direction_is_worse():
    assert of(1.5, 1.2, 1.9).is_worse is False
    assert of(0.5, 0.4, 0.6).is_worse is True
    assert of(1.5, 1.2, 1.9, rises=False).is_worse is True
    assert of(1.0, 0.9, 1.1).is_worse is None
    assert of(1.5, 1.2, 1.9, alone=True).is_worse is None


# --- lines


SAME, ROSE, FELL, OPEN = of(1, 0.99, 1.01), of(2, 1.9, 2.1), of(0.5, 0.4, 0.6), of(1, 0.5, 2)


def seconds_of(one):
    return Ratio(one.estimate, rises=False)


@pytest.mark.parametrize(
    ("seconds", "speedup", "word"),
    [
        (ROSE, SAME, "slower, in serial as well"),
        (FELL, SAME, "faster, in serial as well"),
        (ROSE, OPEN, "slower"),
        (ROSE, FELL, "slower, threads lost"),
        (ROSE, ROSE, "threads gained but slower"),
        (SAME, FELL, "threads lost"),
        (OPEN, OPEN, ""),
    ],
)
def test_a_line_says_what_became_of_seconds_and_threads(seconds, speedup, word):
    line = Line("g", (), (), (speedup, OPEN), (seconds_of(seconds), seconds_of(OPEN)))
    assert [one.value for one in line.words] == [word, ""]


def test_a_line_has_as_many_ratios_of_either_figure():
    with pytest.raises(ValueError, match="argument 2"):
        _ = Line("g", (), (), (SAME, SAME), (SAME,)).words


def source(label, speedups, seconds):
    levels = [{name: level(*values) for name, values in one.items()} for one in (speedups, seconds)]
    return Source(label, 1, *levels)


def test_each_benchmark_that_the_first_and_another_have_gets_a_line():
    first = source("a", {"f": [1.0], "g": [2.0]}, {"g": [0.1], "only here": [1.0]})
    other = source("b", {"g": [1.0], "new": [1.0]}, {"g": [0.2], "f": [0.3]})
    third = source("c", {}, {"f": [0.3]})
    lines = {line.name: line for line in compare([first, other, third])}
    assert list(lines) == ["f", "g"]
    assert [one and one.value for one in lines["g"].speedups] == pytest.approx([2.0, 1.0, None])
    assert [one and one.value for one in lines["g"].seconds] == pytest.approx([0.1, 0.2, None])
    assert [one and one.value for one in lines["f"].seconds] == [
        None, pytest.approx(0.3), pytest.approx(0.3)
    ]  # fmt: skip
    assert lines["g"].speedup_ratios[0].estimate.value == pytest.approx(0.5)
    assert lines["g"].seconds_ratios[0].estimate.value == pytest.approx(2.0)
    assert [one.rises for one in lines["g"].speedup_ratios] == [True, True]
    assert [one.rises for one in lines["g"].seconds_ratios] == [False, False]
    assert lines["f"].seconds_ratios[0].estimate is None


@pytest.mark.parametrize(
    ("names", "others", "confidence"),
    [(1, 1, 0.975), (3, 1, 1 - 0.05 / 6), (1, 2, 0.9875), (3, 2, 1 - 0.05 / 12)],
)
def test_the_error_is_divided_among_all_ratios(names, others, confidence):
    figures = {f"f{number}": [1.0, 1.1] for number in range(names)}
    sources = [source(str(number), figures, figures) for number in range(others + 1)]
    for line in compare(sources):
        for one in (*line.speedup_ratios, *line.seconds_ratios):
            assert one.estimate.confidence == pytest.approx(confidence)


def test_nothing_in_common_is_no_line():
    assert compare([source("a", {"f": [1.0]}, {}), source("b", {"g": [1.0]}, {})]) == []


# --- counts


def lines_of(*ratios, seconds=()):
    return [
        Line("g", (), (), tuple(ratios), tuple(map(seconds_of, seconds))),
        Line("h", (), (), (ROSE,) * bool(ratios), ()),
    ]


def test_counts_name_the_worst_first():
    lines = lines_of(SAME, FELL, FELL, OPEN, OPEN, OPEN, SAME)
    assert counts(lines) == "speedup: 2 worse, 1 better, 2 same, 3 not certain"
    assert counts(lines_of(SAME)) == "speedup: 1 better, 1 same"


def test_without_a_speedup_on_both_sides_the_seconds_are_counted():
    assert counts(lines_of(seconds=[ROSE, FELL, FELL, OPEN])) == (
        "no speedup is on both sides; seconds: 1 worse, 2 better, 1 not certain"
    )
    lacking = Ratio(None, rises=True)
    assert counts([Line("g", (), (), (lacking,), (seconds_of(SAME),))]) == (
        "no speedup is on both sides; seconds: 1 same"
    )
