"""What a person reads of each class without a GIL, whole, and the class at the bounds."""

import pytest
from helpers.evidence import bounds, interval
from test_free_class import AT_ONCE, EVEN, FAST, GROWN, ONE, SLOW

from speedgate.judging.free_class import classify_free
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.stats.accounting import Concurrency
from speedgate.stats.estimate import Estimate

FEW = Estimate(0.9, float("-inf"), float("inf"), 0.99, 3)
ALIKE = interval(1.0, 1.0, 1.0)


def upper(high):
    """A concurrency whose upper bound is known exactly."""
    return Concurrency(interval(1.3, 1.3, 1.3), interval(high, high, high))


@pytest.mark.parametrize(
    ("speedup", "concurrency", "inflation", "kind", "certain", "reason"),
    [
        (None, AT_ONCE, EVEN, "unknown", False, "not measured with two threads or more"),
        (SLOW, ONE, EVEN, "serialised", True, "concurrency 1.02"),
        (FEW, ONE, EVEN, "serialised", False, "concurrency 1.02"),
        (interval(1.0, 0.9, 1.1), ONE, EVEN, "serialised", False, "concurrency 1.02"),
        (interval(1.1, 1.0, 1.2), ONE, EVEN, "contends", True, "concurrency 1.02"),
        (SLOW, AT_ONCE, GROWN, "contends", True, "CPU time per work grows 2.40-fold"),
        (FAST, AT_ONCE, interval(1.16, 1.15, 1.2), "contends", False,
         "CPU time per work grows 1.16-fold"),
        (FAST, AT_ONCE, interval(1.15, 1.1, 1.2), "scales", False, "1.80x"),
        (FAST, AT_ONCE, interval(1.1, 1.0, 1.15), "scales", True, "1.80x"),
        (FAST, AT_ONCE, None, "scales", False, "1.80x"),
        (interval(1.2, 1.1, 1.3), AT_ONCE, EVEN, "scales", True, "1.20x"),
        (interval(1.1, 1.0, 1.2), AT_ONCE, EVEN, "scales", False, "1.10x"),
        (SLOW, AT_ONCE, EVEN, "unknown", False,
         "0.90x, and nothing of the workers' explains it"),
        # Fewer than 0.85 of the workers surely ran at once.
        (FAST, upper(1.69), EVEN, "contends", True, "concurrency 1.30"),
        (FAST, upper(1.7), EVEN, "scales", True, "1.80x"),
        (FAST, None, EVEN, "scales", True, "1.80x"),
        (FAST, bounds(1.0), EVEN, "scales", True, "1.80x"),
    ],
)  # fmt: skip
def test_the_whole_classification(speedup, concurrency, inflation, kind, certain, reason):
    assert classify_free(2, speedup, concurrency, inflation, ALIKE) == Classification(
        GilClass(kind), certain, reason
    )


def test_one_thread_is_not_enough():
    assert classify_free(1, FAST, AT_ONCE, EVEN, EVEN) == Classification(
        GilClass.UNKNOWN, False, "not measured with two threads or more"
    )
