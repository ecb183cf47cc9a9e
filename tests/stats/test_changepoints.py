import math
import random
import sys
from importlib.util import find_spec
from itertools import pairwise
from statistics import NormalDist, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speedgate.stats.changepoints import FALSE_ALARMS, LEAST_RUNS, DriftUnavailable, change_points

SPREAD = 0.04


needs_ruptures = pytest.mark.skipif(
    find_spec("ruptures") is None, reason="ruptures (extra 'history') is not installed"
)


def nights(count, seed, level=lambda night: 1.0, correlation=0.0):
    """Speedups about 1.8 times the level of each night, their spread 4%."""
    random_numbers = random.Random(seed)
    noise, values = 0.0, []
    for night in range(count):
        step = random_numbers.gauss(0, math.sqrt(1 - correlation**2))
        noise = correlation * noise + step
        values.append(1.8 * level(night) * math.exp(SPREAD * noise))
    return values


def step_at(place, factor):
    return lambda night: factor if night >= place else 1.0


@needs_ruptures
@pytest.mark.parametrize("value", [1e-9, 1.8, 1e9])
def test_a_series_that_never_moves_has_no_change(value):
    assert change_points([value] * 100) == []


@needs_ruptures
@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1])
@pytest.mark.parametrize("place", [20, 40, 60])
def test_a_clear_step_is_found_where_it_is(place, factor):
    for seed in range(5):
        values = nights(80, seed, step_at(place, factor))
        (change,) = change_points(values)
        assert abs(change.index - place) <= 2
        assert change.before == median(values[: change.index])
        assert change.after == median(values[change.index :])
        assert change.p_value <= FALSE_ALARMS


@needs_ruptures
def test_each_of_two_steps_is_found():
    level = lambda night: 1.0 if night < 40 else 0.85 if night < 70 else 0.95  # noqa: E731
    first, second = change_points(nights(110, 3, level))
    assert abs(first.index - 40) <= 2
    assert abs(second.index - 70) <= 2
    assert first.after == second.before


@needs_ruptures
def test_a_slow_drift_is_found_as_steps_all_one_way():
    for seed in range(5):
        changes = change_points(nights(160, seed, lambda night: 1 - 0.15 * min(1, night / 120)))
        assert changes
        assert all(change.after < change.before for change in changes)


@needs_ruptures
@pytest.mark.parametrize("factor", [0.1, 0.5, 3.0, 100.0])
@pytest.mark.parametrize("place", [0, 30, 59])
def test_a_single_spike_is_no_change(place, factor):
    for seed in range(5):
        values = nights(60, seed)
        values[place] *= factor
        assert change_points(values) == []


@needs_ruptures
def test_a_spike_does_not_hide_a_step():
    values = nights(80, 1, step_at(50, 0.85))
    values[20] *= 20
    values[65] /= 20
    (change,) = change_points(values)
    assert abs(change.index - 50) <= 2


@needs_ruptures
@pytest.mark.parametrize("runs", range(LEAST_RUNS))
def test_too_few_runs_are_no_level(runs):
    assert change_points([2.0] * runs) == []
    assert change_points([2.0] * 40 + [1.0] * runs) == []
    assert change_points([2.0] * runs + [1.0] * 40) == []
    assert change_points([2.0] * (LEAST_RUNS - 1) + [1.0] * (LEAST_RUNS - 1)) == []


@needs_ruptures
def test_a_reversed_series_is_mirrored():
    for seed in range(5):
        values = nights(90, seed, step_at(55, 0.88))
        forward, backward = change_points(values), change_points(values[::-1])
        assert forward
        assert [(change.index, change.before, change.after) for change in forward] == [
            (len(values) - change.index, change.after, change.before)
            for change in reversed(backward)
        ]
        pairs = zip(forward, reversed(backward), strict=True)
        assert all(one.p_value == pytest.approx(other.p_value) for one, other in pairs)


@needs_ruptures
@given(exponent=st.integers(-30, 30), seed=st.integers(0, 20))
def test_the_unit_does_not_matter(exponent, seed):
    values = nights(60, seed, step_at(30, 0.85))
    scaled = [value * 2.0**exponent for value in values]
    assert [point.index for point in change_points(values)] == [
        point.index for point in change_points(scaled)
    ]


@needs_ruptures
def test_a_ratio_and_its_reciprocal_change_at_the_same_runs():
    for seed in range(5):
        values = [value**30 for value in nights(80, seed, step_at(50, 0.9))]
        upright, inverted = change_points(values), change_points([1 / value for value in values])
        assert upright
        assert [change.index for change in upright] == [change.index for change in inverted]


@needs_ruptures
def test_fractions_may_be_zero():
    random_numbers = random.Random(2)
    held = [max(0.0, random_numbers.gauss(0.0, 0.01)) for _ in range(40)]
    (change,) = change_points([*held, *(share + 0.1 for share in held)], is_ratio=False)
    assert abs(change.index - 40) <= 2
    assert change_points(held, is_ratio=False) == []


@needs_ruptures
@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_chance_alone_seldom_makes_a_change(correlation):
    alarms = sum(
        bool(change_points(nights(60, seed, correlation=correlation))) for seed in range(300)
    )
    assert alarms <= 6


@needs_ruptures
def test_neighbours_that_resemble_each_other_count_for_less():
    """The same values on either side of a step, in waves of eight nights, are weaker evidence."""
    independent = nights(120, 0, step_at(60, 0.95))
    phases = sorted(range(60), key=lambda night: math.sin(math.tau * (night + 0.5) / 8))
    in_waves = [0.0] * 120
    for start in (0, 60):
        for night, value in zip(phases, sorted(independent[start : start + 60]), strict=True):
            in_waves[start + night] = value
    (change,) = change_points(independent)
    assert abs(change.index - 60) <= 2
    assert change_points(in_waves) == []


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_ratio_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="a ratio is positive and finite") as refused:
        change_points([1.0, value])
    assert str(refused.value) == (
        f"a ratio is positive and finite, not {value}; leave such a run out"
    )


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_fraction_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="a fraction lies between 0 and 1") as refused:
        change_points([0.5, value], is_ratio=False)
    assert str(refused.value) == (
        f"a fraction lies between 0 and 1, not at {value}; leave such a run out"
    )


def test_without_the_library_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(DriftUnavailable) as refused:
        change_points(nights(40, 0))
    assert str(refused.value) == (
        "change points need ruptures; install it with pip install 'speedgate[history]'"
    )


@needs_ruptures
@pytest.mark.parametrize(
    ("before", "after", "wave", "autocorrelation"),
    [
        (20, 20, 1, 0.2),  # the least that is granted
        (8, 60, 1, 0.2),  # few on a side: by the normal distribution all the same
        # In threes on one side of the median: of neighbours one third stay more often than not.
        (42, 42, 3, None),
    ],
)
def test_the_p_value_is_that_of_mann_and_whitney_corrected(before, after, wave, autocorrelation):
    """All values of a level lie below all of the other's."""

    def level(count, base):
        sides = [(-1) ** (night // wave) for night in range(count)]
        return [base + side * (0.01 + 0.0001 * night) for night, side in enumerate(sides)]

    (change,) = change_points([*level(before, 1.0), *level(after, 2.0)])
    runs, product = before + after, before * after
    deviation = (product / 2 - 0.5) / math.sqrt(product * (runs + 1) / 12)
    if autocorrelation is None:
        signs = [[(-1) ** (night // wave) for night in range(before)]] * 2
        pairs = [one * other for run in signs for one, other in pairwise(run)]
        autocorrelation = math.sin(math.pi / 2 * sum(pairs) / len(pairs))
        assert autocorrelation > 0.4
    deviation *= math.sqrt((1 - autocorrelation) / (1 + autocorrelation))
    expected = runs * 2 * NormalDist().cdf(-deviation)
    assert change.index == before
    assert change.p_value == pytest.approx(expected, rel=1e-6)


@needs_ruptures
def test_a_fraction_may_be_all():
    assert change_points([0.0, 1.0], is_ratio=False) == []
