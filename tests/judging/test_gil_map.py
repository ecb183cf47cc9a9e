import dataclasses
import math

import pytest
from helpers.evidence import interval
from helpers.made import estimate, row

from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.gil_map import (
    break_even_text,
    broken_promises,
    can_break_promise,
    changes,
    kept_better,
    operations,
)
from speedgate.measuring.measured_row import over_processes
from speedgate.stats.case import Case

RELEASES = Classification(GilClass.RELEASES, True, "GIL held 0.01 [0.00, 0.03]")
HOLDS = Classification(GilClass.HOLDS, True, "GIL held 0.98 [0.95, 0.99]")
PERHAPS = Classification(GilClass.HOLDS, False, "GIL held 0.82 [0.70, 0.90]")
LOW, HIGH = interval(0.02, 0.00, 0.04), interval(0.97, 0.93, 0.99)


def case(size, workload="sort"):
    return Case(workload, size, "threads", 2)


def at(size, value, gil_class=RELEASES, workload="sort", **fields):
    return row(case(size, workload), value, gil_class=gil_class, **fields)


def test_an_operation_has_its_rows_by_size_and_no_others():
    rows = [at(1000, 1.5), row(case(10)), at(500, 0.5), at(500, 0.4, workload="take")]
    first, second = operations(rows)
    assert [at_size.case.size for at_size in first.rows] == [500, 1000]
    assert (first.name, second.name) == ("sort", "take")


def test_threads_pay_from_the_smallest_size_from_which_they_always_win():
    (operation,) = operations([at(500, 0.5), at(1000, 1.2), at(10_000, 1.5)])
    assert operation.break_even == 1000


def test_a_size_that_does_not_win_moves_the_break_even_above_it():
    (operation,) = operations([at(500, 1.5), at(1000, 0.9), at(10_000, 1.5)])
    assert operation.break_even == 10_000


def test_a_win_that_is_not_certain_is_none():
    unsure = row(case(10_000), gil_class=RELEASES)
    unsure = type(unsure)(**{**vars(unsure), "speedup": estimate(1.5, 0.9, 1.8)})
    (operation,) = operations([at(500, 1.5), unsure])
    assert operation.break_even is None


def test_the_break_even_is_told_by_size():
    rows = [at(500, 1.5), at(500, 0.5, workload="take"), at(1000, 1.5, workload="take")]
    rows += [at(500, 0.5, workload="tolist"), at(500, 1.4, workload="fft")]
    rows += [at(500, 0.5, workload="object")]
    assert break_even_text(operations(rows)) == [
        "threads win from 500 on: sort, fft",
        "threads win from 1e3 on: take",
        "threads did not surely win at any size: tolist, object",
    ]


def test_a_class_that_changed_is_reported_with_both():
    (change,) = changes({case(500): at(500, 1.5)}, [at(500, 0.9, HOLDS)])
    assert change.line == (
        "changed: sort-500-threads-2 was 'releases' (GIL held 0.01 [0.00, 0.03]), is 'holds' "
        "(GIL held 0.98 [0.95, 0.99])"
    )


def test_a_class_that_changed_with_the_build_names_the_earlier_one():
    before = at(500, 1.5, build="NumPy 2.3.1")
    (change,) = changes({case(500): before}, [at(500, 0.9, HOLDS)])
    assert "was 'releases' with NumPy 2.3.1" in change.line


NO_GAIN = Classification(GilClass.NOT_WORTH, True, "0.90x; GIL held 0.01 [0.00, 0.03]")


def test_a_gain_that_moved_no_more_than_processes_do_is_no_change():
    def fresh(value, gil_class):
        narrow = at(500, value, gil_class)
        return dataclasses.replace(narrow, speedup=over_processes(narrow.speedup, [value]))

    before = {case(500): fresh(1.6, RELEASES)}
    assert changes(before, [fresh(1.0, NO_GAIN)]) == []
    assert changes(before, [fresh(0.7, NO_GAIN)]) != []


@pytest.mark.parametrize(
    ("before", "now", "is_change"),
    [
        (estimate(1.6, 1.5, 1.7), estimate(1.0, 0.9, 1.1), True),
        (estimate(1.0, 0.9, 1.1), estimate(1.6, 1.5, 1.7), True),
        # They share an end.
        (estimate(1.6, 1.5, 1.7), estimate(1.0, 0.9, 1.5), False),
        (estimate(1.0, 0.9, 1.5), estimate(1.6, 1.5, 1.7), False),
        (None, estimate(1.0, 0.9, 1.1), False),
        (estimate(1.6, 1.5, 1.7), None, False),
    ],
)
def test_a_gain_changed_where_the_intervals_have_nothing_in_common(before, now, is_change):
    one = dataclasses.replace(at(500, 1.5), speedup=before)
    other = dataclasses.replace(at(500, 1.0, NO_GAIN), speedup=now)
    assert bool(changes({case(500): one}, [other])) is is_change


@pytest.mark.parametrize("lacking", ["before", "now"])
def test_a_case_without_a_class_changed_none(lacking):
    classes = {"before": RELEASES, "now": HOLDS} | {lacking: None}
    before = {case(500): at(500, 1.5, classes["before"])}
    assert changes(before, [at(500, 1.5, classes["now"])]) == []


@pytest.mark.parametrize(
    ("certain_before", "certain_now", "is_change"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_a_class_changed_where_both_are_certain(certain_before, certain_now, is_change):
    before = {case(500): at(500, 1.5, dataclasses.replace(RELEASES, certain=certain_before))}
    now = at(500, 0.9, dataclasses.replace(HOLDS, certain=certain_now))
    assert bool(changes(before, [now])) is is_change


def test_several_numbers_of_workers_are_operations_of_their_own():
    four = row(Case("sort", 500, "threads", 4), 2.5, gil_class=RELEASES)
    assert [operation.name for operation in operations([at(500, 1.5), four])] == [
        "sort x2",
        "sort x4",
    ]


def test_a_class_that_is_the_same_or_doubtful_or_new_is_no_change():
    before = {case(500): at(500, 1.5)}
    assert changes(before, [at(500, 1.4)]) == []
    assert changes(before, [at(500, 1.4, PERHAPS)]) == []
    assert changes(before, [at(1000, 0.9, HOLDS)]) == []


def promised(held, gil_class, promise="releases"):
    return at(
        500,
        1.0,
        gil_class,
        gil_held_share=held,
        promise=promise,
        promise_source="sort.c: no Python",
    )


def test_a_promise_is_broken_by_what_surely_holds_the_gil():
    (line,) = broken_promises([promised(HIGH, HOLDS), promised(LOW, RELEASES)])
    assert line == (
        "failed: sort-500-threads-2 is promised to release the GIL (sort.c: no Python), and holds "
        "it: GIL held 0.98 [0.95, 0.99]"
    )


def test_a_lock_of_its_own_breaks_the_promise_as_well():
    locked = Classification(GilClass.HOLDS, True, "a lock that is not the GIL")
    assert len(broken_promises([promised(LOW, locked)])) == 1


def test_what_is_doubtful_or_not_promised_breaks_nothing():
    wide = interval(0.6, 0.4, 0.8)
    partly = Classification(GilClass.PARTLY, True, "GIL held 0.60")
    assert broken_promises([promised(wide, partly)]) == []
    assert broken_promises([promised(HIGH, HOLDS, promise="holds")]) == []
    assert broken_promises([promised(HIGH, HOLDS, promise=None)]) == []


@pytest.mark.parametrize(("low", "is_broken"), [(0.5, False), (0.51, True)])
def test_a_promise_is_broken_beyond_half_of_the_work(low, is_broken):
    partly = Classification(GilClass.PARTLY, True, "GIL held 0.60")
    assert bool(broken_promises([promised(interval(0.6, low, 0.7), partly)])) is is_broken


@pytest.mark.parametrize(
    ("gil_class", "promise", "is_better"),
    [
        (RELEASES, "holds", True),
        (dataclasses.replace(RELEASES, certain=False), "holds", False),
        (RELEASES, "releases", False),
        (None, "holds", False),
        (Classification(GilClass.PARTLY, True, "GIL held 0.50"), "holds", False),
    ],
)
def test_what_surely_releases_is_better_than_its_promise_to_hold(gil_class, promise, is_better):
    assert bool(kept_better([promised(LOW, gil_class, promise)])) is is_better


def test_what_has_no_class_shows_no_promise_kept_or_broken():
    assert not can_break_promise(promised(HIGH, None))
    unknown = Classification(GilClass.UNKNOWN, False, "not measured")
    assert not can_break_promise(promised(HIGH, unknown))
    assert can_break_promise(promised(HIGH, HOLDS))


@pytest.mark.parametrize(
    ("held", "is_certain", "shows"),
    [
        (LOW, False, True),
        (None, True, True),
        (None, False, False),
        (interval(0.02, -math.inf, math.inf), False, False),
    ],
)
def test_a_promise_is_shown_by_a_certain_class_or_a_share_with_its_interval(
    held, is_certain, shows
):
    gil_class = Classification(GilClass.PARTLY, is_certain, "concurrency 1.5")
    assert can_break_promise(promised(held, gil_class)) is shows


def test_a_speedup_of_just_one_is_no_win_and_none_is_none():
    just = dataclasses.replace(at(500, 1.5), speedup=estimate(1.2, 1.0, 1.4))
    lacking = dataclasses.replace(at(500, 1.5), speedup=None)
    assert [operations([one])[0].break_even for one in (just, lacking)] == [None, None]


def test_without_a_sampler_only_a_certain_class_breaks_a_promise():
    assert len(broken_promises([promised(None, HOLDS)])) == 1
    assert broken_promises([promised(None, PERHAPS)]) == []


def test_what_got_better_than_promised_is_said():
    (line,) = kept_better([promised(LOW, RELEASES, promise="holds")])
    assert line == (
        "better than promised: sort-500-threads-2 releases (GIL held 0.01 [0.00, 0.03]), though "
        "sort.c: no Python"
    )
    assert kept_better([promised(HIGH, HOLDS, promise="holds")]) == []
