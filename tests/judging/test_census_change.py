"""What changed between two censuses, on made-up rows."""

from dataclasses import replace

import pytest

from speedgate.judging.census_change import (
    CLASS,
    COST,
    FAULTS,
    HELD,
    SWITCHES,
    compare_censuses,
)
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.row import Row, Side
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate


def estimate(value, spread=0.05):
    return Estimate(value, value * (1 - spread), value * (1 + spread), 0.95, 6)


def row(name="numpy.f[d]-c", kind=GilClass.RELEASES, certain=True, held=0.1, seconds=0.001):
    return Row(
        case=Case(name, 1000, "threads", 2),
        speedup=estimate(1.8),
        rounds=estimate(1.8),
        gil_class=Classification(kind, certain, ""),
        gil_held_share=None if held is None else estimate(held),
        seconds=None if seconds is None else estimate(seconds),
    )


def only_change(before, now):
    (change,) = compare_censuses([before], [now]).changes
    return change


def test_nothing_changed():
    difference = compare_censuses([row()], [row(held=0.15, seconds=0.0012)])
    assert difference.changes == ()
    assert difference.compared == 1


def test_what_is_not_the_same_call_is_not_compared():
    before, now = row(), row(kind=GilClass.HOLDS)
    difference = compare_censuses([before], [now], [before.case.work])
    assert (difference.changes, difference.compared) == ((), 0)
    assert (difference.only_before, difference.only_now) == ((), ())


def test_a_class_that_is_certain_in_both_is_certain():
    change = only_change(row(), row(kind=GilClass.HOLDS, held=0.95, seconds=0.0005))
    assert (change.kind, change.is_certain, change.is_worse) == (CLASS, True, False)
    assert change.text == (
        "threads lost but faster; releases -> holds; GIL held 0.10 -> 0.95; seconds a call x0.5"
    )
    back = only_change(row(kind=GilClass.HOLDS), row())
    assert not back.is_worse


def test_a_call_that_is_surely_slower_is_worse_also_where_its_threads_gained():
    before, now = row(kind=GilClass.HOLDS, held=0.95), row(seconds=0.192)
    change = only_change(before, now)
    assert (change.kind, change.is_certain, change.is_worse) == (CLASS, True, True)
    assert change.text.startswith("threads gained but slower; holds -> releases; ")
    back = only_change(now, before)
    assert (back.is_worse, back.word.value) == (False, "threads lost but faster")


def test_seconds_decide_as_well_where_a_share_moved():
    before, now = row(kind=GilClass.PARTLY, held=0.7), row(kind=GilClass.PARTLY, held=0.3)
    assert not only_change(before, now).is_worse
    change = only_change(before, replace(now, seconds=estimate(0.002)))
    assert (change.kind, change.is_worse, change.word.value) == (
        HELD,
        True,
        "threads gained but slower",
    )


def perhaps_twice(seconds):
    return Estimate(2 * seconds, seconds / 2, 8 * seconds, 0.95, 6)


@pytest.mark.parametrize("kind", [GilClass.HOLDS, GilClass.RELEASES])
def test_seconds_that_seem_to_have_moved_the_other_way_leave_a_doubt(kind):
    before, now = row(kind=kind, held=0.95), replace(row(), seconds=perhaps_twice(0.001))
    change = only_change(before, now)
    assert change.kind == (CLASS if kind is GilClass.HOLDS else HELD)
    assert (change.is_certain, change.is_worse, change.word.value) == (False, True, "")
    # The same way they leave none.
    lost = only_change(row(), replace(row(kind=GilClass.HOLDS), seconds=perhaps_twice(0.001)))
    assert (lost.is_certain, lost.is_worse, lost.word.value) == (True, True, "threads lost")
    held = only_change(row(held=0.2), replace(row(held=0.9), seconds=perhaps_twice(0.001)))
    assert (held.kind, held.is_certain, held.word.value) == (HELD, True, "threads lost")


def test_sure_seconds_come_before_a_class_that_is_not():
    before, now = row(), row(kind=GilClass.HOLDS, certain=False, held=0.2, seconds=0.002)
    change = only_change(before, now)
    assert (change.kind, change.is_certain, change.is_worse) == (COST, True, True)
    # A share says no more of the threads than the class, and does not come before it.
    share = only_change(before, row(kind=GilClass.PARTLY, certain=False, held=0.6))
    assert (share.kind, share.is_certain) == (CLASS, False)


@pytest.mark.parametrize("certain", [(True, False), (False, True), (False, False)])
def test_a_class_that_is_doubtful_in_either_is_doubtful(certain):
    before, now = certain
    change = only_change(row(certain=before), row(kind=GilClass.HOLDS, certain=now))
    assert not change.is_certain


@pytest.mark.parametrize(
    ("now", "word"),
    [
        ({"seconds": 0.002}, "slower, in serial as well"),
        ({"seconds": 0.0005}, "faster, in serial as well"),
        ({"seconds": 0.002, "speedup": 1.0}, "slower, threads lost"),
        ({"seconds": 0.002, "speedup": 3.0}, "threads gained but slower"),
        ({"seconds": 0.002, "speedup": None}, "slower"),
        ({"kind": GilClass.HOLDS, "held": 0.95}, "threads lost"),
        ({"kind": GilClass.HOLDS, "held": 0.95, "certain": False}, ""),
    ],
)
def test_a_certain_change_has_a_word(now, word):
    now = dict(now)
    value = now.pop("speedup", 1.8)
    speedup = None if value is None else estimate(value)
    change = only_change(row(), replace(row(**now), speedup=speedup))
    assert change.word.value == word
    assert change.text.startswith(word)


def test_an_unknown_class_changes_into_nothing():
    assert compare_censuses([row(kind=GilClass.UNKNOWN)], [row()]).changes == ()


def test_a_share_that_moves_within_a_class_is_a_change():
    change = only_change(row(kind=GilClass.PARTLY, held=0.3), row(kind=GilClass.PARTLY, held=0.7))
    assert (change.kind, change.is_certain, change.is_worse) == (HELD, True, True)


def test_seconds_decide_last_and_only_apart_for_certain():
    change = only_change(row(), row(seconds=0.002))
    assert (change.kind, change.is_certain, change.is_worse) == (COST, True, True)
    assert change.factor == pytest.approx(2.0)
    unbounded = Row(
        case=row().case,
        speedup=None,
        rounds=None,
        gil_class=row().gil_class,
        seconds=Estimate(0.002, float("-inf"), float("inf"), 0.95, 2),
    )
    assert not only_change(row(held=None), unbounded).is_certain


def test_certain_changes_come_first_then_classes_then_the_largest_factor():
    before = [row(f"numpy.f{number}[d]-c") for number in range(4)]
    now = [
        row("numpy.f0[d]-c", seconds=0.002),
        row("numpy.f1[d]-c", kind=GilClass.HOLDS, certain=False),
        row("numpy.f2[d]-c", seconds=0.0001),
        row("numpy.f3[d]-c", kind=GilClass.PARTLY),
    ]
    order = [change.now.case.workload[7] for change in compare_censuses(before, now).changes]
    assert order == ["3", "2", "0", "1"]


def test_cells_of_one_side_only_are_named():
    difference = compare_censuses([row("numpy.gone[d]-c")], [row("numpy.new[d]-c")])
    assert difference.only_before == ("numpy.gone[d]-c-1e3",)
    assert difference.only_now == ("numpy.new[d]-c-1e3",)


def test_a_cell_is_the_same_whatever_number_of_workers_ran_it():
    before, now = row(), row(seconds=0.002)
    now = replace(now, case=replace(now.case, workers=4))
    difference = compare_censuses([before], [now])
    assert (difference.compared, difference.only_before, difference.only_now) == (1, (), ())
    assert difference.changes[0].kind == COST


def counted(switches=0, faults=0, calls=10, **others):
    side = Side(0.001, 0.002, float(switches), 0.0)
    return replace(
        row(**others), sides={"contender": side}, page_faults=(0.0, float(faults)), tasks=1,
        loops=calls,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "kind", "counts"),
    [
        (counted(switches=20), counted(switches=200), SWITCHES, 10.0),
        (counted(faults=4_000), counted(faults=400), FAULTS, 0.1),
        (counted(faults=400), counted(faults=3_200, calls=2), FAULTS, 12.5),
    ],
)
def test_counts_that_moved_far_are_a_change_and_never_certain(before, now, kind, counts):
    change = only_change(before, now)
    assert (change.kind, change.is_certain, change.is_worse) == (kind, False, counts > 1)
    assert change.counts == pytest.approx(counts)
    assert f"{kind} a call x" in change.text


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (counted(switches=1, faults=2), counted(switches=15, faults=200)),  # of no account
        (counted(switches=20), counted(switches=60)),
        (counted(switches=9, faults=90), counted(switches=9, faults=90, calls=1)),
        (row(), counted(switches=900)),  # nobody knows what it was
    ],
)
def test_counts_that_moved_little_are_no_change(before, now):
    assert compare_censuses([before], [now]).changes == ()


def test_seconds_come_before_counts():
    change = only_change(counted(switches=20), counted(switches=200, seconds=0.003))
    assert change.kind == COST
