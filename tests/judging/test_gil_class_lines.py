"""What a person reads of each class, whole, and the class at the bounds themselves."""

import pytest
from helpers.evidence import bounds, interval
from test_gil_class import AT_ONCE, BUSY, FAST, FREE, FULL, HALF, ONE_BY_ONE, QUIET, SLOW

from speedgate.judging.gil_class import (
    Classification,
    GilClass,
    classify,
    concurrency_text,
    others_took_little,
    runs_one_at_a_time,
)
from speedgate.stats.accounting import Concurrency
from speedgate.stats.estimate import Estimate

UNSAMPLED = "the GIL could not be sampled"
LITTLE = "GIL held 0.02 [0.00, 0.05]"
A_LOCK = "a lock that is not the GIL; concurrency 1.02"
FEW = Estimate(0.9, float("-inf"), float("inf"), 0.95, 3)


@pytest.mark.parametrize(
    ("speedup", "held", "concurrency", "control", "kind", "certain", "reason"),
    [
        (FAST, FREE, AT_ONCE, QUIET, "releases", True, LITTLE),
        (FAST, HALF, AT_ONCE, QUIET, "partly", True, "GIL held 0.50 [0.40, 0.60]"),
        (SLOW, FULL, ONE_BY_ONE, QUIET, "holds", True, "GIL held 0.97 [0.93, 0.99]"),
        (SLOW, FREE, AT_ONCE, QUIET, "not worth it", True, f"0.90x; {LITTLE}"),
        (SLOW, FREE, AT_ONCE, None, "not worth it", False, f"0.90x; {LITTLE}"),
        (SLOW, FREE, bounds(1.2, 1.95), BUSY, "releases", False, f"{LITTLE}; the machine was busy"),
        (SLOW, FREE, ONE_BY_ONE, QUIET, "holds", True, A_LOCK),
        (FEW, FREE, ONE_BY_ONE, QUIET, "holds", False, A_LOCK),
        (FEW, FREE, AT_ONCE, QUIET, "releases", False, LITTLE),
        (FAST, None, AT_ONCE, QUIET, "releases", True, f"concurrency 1.90; {UNSAMPLED}"),
        (SLOW, None, ONE_BY_ONE, QUIET, "holds", True, f"concurrency 1.02; {UNSAMPLED}"),
        (FAST, None, bounds(1.5), QUIET, "partly", False, f"concurrency 1.50; {UNSAMPLED}"),
        (FAST, None, None, QUIET, "unknown", False,
         f"{UNSAMPLED}, and no CPU clock can be read"),
        (None, FREE, AT_ONCE, QUIET, "unknown", False, "not measured with two threads or more"),
        # A gain of just 1.1 is one, and what may reach it is left open.
        (interval(1.2, 1.1, 1.3), FREE, AT_ONCE, QUIET, "releases", True, LITTLE),
        (interval(1.0, 0.9, 1.1), FREE, AT_ONCE, QUIET, "releases", False, LITTLE),
        (interval(1.1, 1.0, 1.2), FREE, ONE_BY_ONE, QUIET, "releases", False, LITTLE),
        (interval(1.0, 0.9, 1.1), FREE, ONE_BY_ONE, QUIET, "holds", False, A_LOCK),
        # A control of just three quarters of the workers is enough.
        (SLOW, FREE, bounds(1.2, 1.95), interval(1.5, 1.4, 1.6), "not worth it", True,
         f"0.90x; {LITTLE}"),
        # A share of just 0.8 holds, and one of just 0.2 releases.
        (FAST, interval(0.85, 0.8, 0.9), AT_ONCE, QUIET, "holds", True,
         "GIL held 0.85 [0.80, 0.90]"),
        (FAST, interval(0.8, 0.7, 0.9), AT_ONCE, QUIET, "holds", False,
         "GIL held 0.80 [0.70, 0.90]"),
        (FAST, interval(0.1, 0.0, 0.2), AT_ONCE, QUIET, "releases", True,
         "GIL held 0.10 [0.00, 0.20]"),
        (FAST, interval(0.2, 0.1, 0.3), AT_ONCE, QUIET, "releases", False,
         "GIL held 0.20 [0.10, 0.30]"),
        (FAST, interval(0.5, 0.2, 0.7), AT_ONCE, QUIET, "partly", False,
         "GIL held 0.50 [0.20, 0.70]"),
        (FAST, interval(0.5, 0.3, 0.8), AT_ONCE, QUIET, "partly", False,
         "GIL held 0.50 [0.30, 0.80]"),
    ],
)  # fmt: skip
def test_the_whole_classification(speedup, held, concurrency, control, kind, certain, reason):
    assert classify(2, speedup, held, concurrency, control) == Classification(
        GilClass(kind), certain, reason
    )


def test_two_workers_are_enough_for_a_class_and_one_is_not():
    one = classify(1, FAST, FREE, AT_ONCE, QUIET)
    assert one == Classification(GilClass.UNKNOWN, False, "not measured with two threads or more")


def exactly(low, high):
    """Bounds that are known exactly."""
    return Concurrency(interval(low, low, low), interval(high, high, high))


@pytest.mark.parametrize(
    ("workers", "high", "is_alone"),
    [(2, 1.19, True), (2, 1.2, False), (3, 1.24, True), (8, 1.24, True), (8, 1.25, False)],
)
def test_one_runs_at_a_time_where_hardly_more_than_one_did(workers, high, is_alone):
    """A fifth of what the others could, or what a hold of 0.8 leaves."""
    assert runs_one_at_a_time(workers, exactly(1.0, high)) is is_alone
    assert runs_one_at_a_time(workers, None) is False
    assert runs_one_at_a_time(workers, bounds(1.0)) is False


@pytest.mark.parametrize(
    ("workers", "low", "kind"),
    [
        (2, 1.8, GilClass.RELEASES),
        (2, 1.79, GilClass.PARTLY),
        (4, 3.4, GilClass.PARTLY),
        (4, 3.41, GilClass.RELEASES),
        (8, 5.0, GilClass.RELEASES),
        (8, 4.99, GilClass.PARTLY),
    ],
)
def test_most_run_at_once_from_what_a_hold_of_a_fifth_leaves(workers, low, kind):
    """Four fifths of what the others could; of more workers the five that such a hold lets run."""
    assert classify(workers, FAST, None, exactly(low, 2 * low), None).kind is kind


@pytest.mark.parametrize(("high", "is_little"), [(1.25, True), (1.26, False)])
def test_others_took_little_up_to_a_twentieth_of_the_workers_time(high, is_little):
    assert others_took_little(5, exactly(1.0, high)) is is_little
    assert others_took_little(5, bounds(1.0)) is False
    assert others_took_little(5, None) is False


def test_a_concurrency_as_text():
    assert concurrency_text(None) == "concurrency unknown"
    assert concurrency_text(AT_ONCE) == "concurrency 1.90"


def test_a_class_in_the_file_has_its_cause_where_there_is_one():
    plain = Classification(GilClass.HOLDS, True, "why")
    assert plain.as_json() == {"class": "holds", "certain": True, "reason": "why"}
    named = Classification(GilClass.CONTENDS, False, "why", "a lock")
    assert named.as_json() == {
        "class": "contends", "certain": False, "reason": "why", "cause": "a lock",
    }  # fmt: skip


def test_every_class_has_its_word():
    assert [kind.value for kind in GilClass] == [
        "releases", "partly", "holds", "not worth it", "unknown", "scales", "contends",
        "serialised",
    ]  # fmt: skip
