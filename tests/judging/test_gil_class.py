import json

import pytest
from helpers.evidence import bounds, interval
from hypothesis import given
from hypothesis import strategies as st

from speedgate.history.format import decode_class
from speedgate.judging.gil_class import (
    HOLDS_FROM,
    LEAST_GAIN,
    RELEASES_UP_TO,
    Classification,
    GilClass,
    classify,
)
from speedgate.stats.estimate import Estimate

FAST = interval(1.70, 1.60, 1.80)
SLOW = interval(0.90, 0.85, 0.95)
QUIET = interval(1.90, 1.85, 1.95)
BUSY = interval(1.20, 1.00, 1.40)
FREE = interval(0.02, 0.00, 0.05)
HALF = interval(0.50, 0.40, 0.60)
FULL = interval(0.97, 0.93, 0.99)
AT_ONCE, ONE_BY_ONE = bounds(1.90, 1.95), bounds(1.02, 1.05)


@pytest.mark.parametrize(
    ("speedup", "held", "concurrency", "control", "kind", "certain"),
    [
        (FAST, FREE, AT_ONCE, QUIET, "releases", True),
        (FAST, HALF, AT_ONCE, QUIET, "partly", True),
        (SLOW, FULL, ONE_BY_ONE, QUIET, "holds", True),
        (SLOW, FULL, ONE_BY_ONE, BUSY, "holds", True),
        (SLOW, FREE, AT_ONCE, QUIET, "not worth it", True),
        (SLOW, HALF, AT_ONCE, QUIET, "partly", True),
        (interval(1.05, 0.95, 1.20), FREE, AT_ONCE, QUIET, "releases", False),
        (interval(1.20, 1.05, 1.40), FREE, AT_ONCE, QUIET, "releases", False),
        (SLOW, interval(0.18, 0.10, 0.27), AT_ONCE, QUIET, "not worth it", False),
        (interval(0.95, 0.80, 1.30), FREE, ONE_BY_ONE, QUIET, "holds", False),
        (SLOW, FREE, bounds(1.20, 1.95), BUSY, "releases", False),
        # Two threads of one core: nobody took anything, and the control gains as little.
        (SLOW, FREE, AT_ONCE, BUSY, "not worth it", True),
        (SLOW, FREE, bounds(1.90), BUSY, "releases", False),
        (SLOW, FREE, AT_ONCE, None, "not worth it", False),
        (SLOW, FREE, ONE_BY_ONE, QUIET, "holds", True),
        (FAST, interval(0.18, 0.10, 0.27), AT_ONCE, QUIET, "releases", False),
        (FAST, interval(0.25, 0.15, 0.35), AT_ONCE, QUIET, "partly", False),
        (FAST, interval(0.84, 0.75, 0.90), AT_ONCE, QUIET, "holds", False),
        (FAST, None, AT_ONCE, QUIET, "releases", True),
        (SLOW, None, ONE_BY_ONE, QUIET, "holds", True),
        (FAST, None, bounds(1.50, 1.60), QUIET, "partly", False),
        (FAST, None, bounds(1.50), QUIET, "partly", False),
        (FAST, None, None, QUIET, "unknown", False),
        (None, FREE, AT_ONCE, QUIET, "unknown", False),
    ],
)
def test_the_class_by_the_evidence(speedup, held, concurrency, control, kind, certain):
    classification = classify(2, speedup, held, concurrency, control)
    assert (classification.kind, classification.certain) == (GilClass(kind), certain)
    assert classification.reason


def test_who_sleeps_is_on_no_cpu_and_gains_all_the_same():
    classification = classify(2, FAST, FREE, bounds(0.05, 0.06), QUIET)
    assert classification.kind is GilClass.RELEASES


def test_a_lock_that_is_not_the_gil_is_named():
    assert "not the GIL" in classify(2, SLOW, FREE, ONE_BY_ONE, QUIET).reason


def test_one_worker_has_no_class():
    assert classify(1, FAST, FREE, AT_ONCE, QUIET).kind is GilClass.UNKNOWN


@pytest.mark.parametrize("workers", [2, 4, 16])
def test_more_workers_must_run_at_once_by_the_same_share(workers):
    all_at_once = bounds(float(workers))
    assert classify(workers, FAST, None, all_at_once, None).kind is GilClass.RELEASES
    alone = bounds(1.02, 1.05)
    slow = interval(0.9, 0.85, 0.95)
    assert classify(workers, slow, None, alone, None).kind is GilClass.HOLDS


@pytest.mark.parametrize(
    ("workers", "at_once", "kind"),
    [
        # A hold of 0.1 lets 10 run at once: that is no lock.
        (32, 9.9, "releases"),
        (128, 9.9, "releases"),
        (8, 7.5, "releases"),
        # One of 0.5 lets two.
        (8, 2.0, "partly"),
        (128, 2.0, "partly"),
        (8, 1.1, "holds"),
        (128, 1.1, "holds"),
    ],
)
def test_the_concurrency_of_many_workers_is_read_as_what_a_hold_allows(workers, at_once, kind):
    classification = classify(workers, FAST, None, bounds(at_once, at_once + 0.02), None)
    assert classification.kind is GilClass(kind)


def test_an_interval_that_is_not_known_decides_nothing_of_the_gain():
    few = Estimate(0.9, float("-inf"), float("inf"), 0.95, 3)
    assert classify(2, few, FREE, AT_ONCE, QUIET).kind is GilClass.RELEASES


@given(
    st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.5, 2.0), st.floats(0, 0.5)
)
def test_a_class_is_certain_only_where_the_whole_interval_says_so(value, below, above, fast, wide):
    held = interval(value, max(0.0, value - below), min(1.0, value + above))
    speedup = interval(fast, fast - wide, fast + wide)
    classification = classify(2, speedup, held, AT_ONCE, QUIET)
    if classification.certain and classification.kind is GilClass.RELEASES:
        assert held.high <= RELEASES_UP_TO
        assert speedup.low >= LEAST_GAIN
    if classification.certain and classification.kind is GilClass.HOLDS:
        assert held.low >= HOLDS_FROM
    if classification.certain and classification.kind is GilClass.NOT_WORTH:
        assert held.high <= RELEASES_UP_TO
    if classification.kind is GilClass.NOT_WORTH:
        assert held.value <= RELEASES_UP_TO
        assert speedup.high < LEAST_GAIN


def test_a_class_is_read_back_as_it_was_written():
    classification = Classification(GilClass.PARTLY, True, "GIL held 0.50 [0.40, 0.60]")
    assert decode_class(json.dumps(classification.as_json())) == classification
