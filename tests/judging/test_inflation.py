"""CPU time per work that grows with the workers, beyond what the control's grew by."""

import math

import pytest
from helpers.evidence import interval

from speedgate.judging.inflation import beyond_control, is_high, most_inflation, why_high
from speedgate.stats.estimate import Estimate

UNBOUNDED = Estimate(2.0, -math.inf, math.inf, 0.99, 40)
TWICE, CONTROL = interval(2.0, 1.8, 2.2), interval(1.25, 1.2, 1.5)


def ends(estimate):
    return estimate.value, estimate.low, estimate.high


@pytest.mark.parametrize(("workers", "floor", "most"), [(2, 1.25, 1.6), (8, 2.0, 4.0)])
def test_the_most_that_leaves_a_speedup(workers, floor, most):
    assert most_inflation(workers, floor) == pytest.approx(most)


@pytest.mark.parametrize(
    ("control", "beyond"),
    [
        (None, (2.0, 1.8, 2.2)),
        (interval(0.9, 0.8, 0.95), (2.0, 1.8, 2.2)),
        (CONTROL, (1.6, 1.2, 2.2 / 1.2)),
        (interval(1.25, 0.9, 1.5), (1.6, 1.2, 2.2)),
    ],
)
def test_the_bounds_are_the_widest_that_both_allow(control, beyond):
    one = beyond_control(TWICE, control)
    assert ends(one) == pytest.approx(beyond)
    assert (one.confidence, one.count) == (0.99, 40)


def test_what_is_not_known_stays_so():
    assert beyond_control(None, CONTROL) is None
    assert beyond_control(None, None) is None
    assert not beyond_control(UNBOUNDED, CONTROL).is_bounded
    # Nothing over nothing is no number: the lower bound stays what it is.
    assert ends(beyond_control(UNBOUNDED, UNBOUNDED)) == (1.0, -math.inf, math.inf)
    # A control of too few pairs may have grown by as much.
    open_ended = beyond_control(TWICE, Estimate(1.0, -math.inf, math.inf, 0.99, 3))
    assert ends(open_ended) == (2.0, 0.0, 2.2)


@pytest.mark.parametrize(
    ("inflation", "control", "processes", "most", "is_it"),
    [
        (TWICE, None, (1.9, 2.1), 1.5, True),
        (TWICE, None, (1.9, 2.1), 1.8, False),
        (TWICE, None, (1.9, 2.1), 1.79, True),
        (TWICE, None, (1.5, 2.1), 1.5, False),
        (TWICE, None, (1.9,), 1.5, False),
        (TWICE, None, (), 1.5, False),
        (TWICE, CONTROL, (1.9, 2.1), 1.19, True),
        (TWICE, CONTROL, (1.9, 2.1), 1.2, False),
        # In every process, beyond the most that the control may have grown by.
        (TWICE, CONTROL, (1.65, 2.1), 1.1, False),
        (TWICE, CONTROL, (1.66, 2.1), 1.1, True),
        (TWICE, interval(0.8, 0.7, 0.9), (1.51, 2.1), 1.5, True),
        (UNBOUNDED, None, (1.9, 2.1), 1.5, False),
        (None, None, (1.9, 2.1), 1.5, False),
        (None, CONTROL, (1.9, 2.1), 1.5, False),
    ],
)
def test_it_is_high_surely_and_in_every_process(inflation, control, processes, most, is_it):
    assert is_high(inflation, control, processes, most) is is_it


def test_why_it_is_high():
    grew, rest = "CPU time per work grew 2.00-fold [1.80, 2.20]", (
        "at most 1.50 without a GIL: the workers contend for something that all of them use"
    )  # fmt: skip
    assert why_high(TWICE, None, 1.5) == f"{grew}, {rest}"
    assert why_high(TWICE, CONTROL, 1.5) == f"{grew}, the control's 1.25-fold, {rest}"
