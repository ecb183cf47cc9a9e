"""What changed between two censuses, at the bounds and where one of the two knows less."""

from dataclasses import replace

import pytest

from speedgate.judging.census_change import CensusChange, change_of, compare_censuses
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.row import Row, Side
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

UNBOUNDED = Estimate(2.0, float("-inf"), float("inf"), 0.95, 2)


def between(low, high):
    return Estimate((low + high) / 2, low, high, 0.95, 6)


def row(seconds=None, held=None, speedup=None, kind=GilClass.RELEASES, **more):
    return Row(
        case=Case("numpy.f[d]-c", 1000, "threads", 2),
        speedup=speedup,
        rounds=speedup,
        gil_class=None if kind is None else Classification(kind, True, ""),
        gil_held_share=held,
        seconds=seconds,
        **more,
    )


def exactly(value):
    return between(value, value)


def test_a_change_names_what_changed():
    of_class = change_of(row(), row(kind=GilClass.HOLDS))
    of_share = change_of(row(held=exactly(0.1)), row(held=exactly(0.9)))
    of_seconds = change_of(row(exactly(1.0)), row(exactly(2.0)))
    assert [one.kind for one in (of_class, of_share, of_seconds)] == [
        "class",
        "GIL held",
        "seconds",
    ]


@pytest.mark.parametrize(
    ("before", "now", "is_one"),
    [
        (row(exactly(1.0)), row(exactly(1.5)), True),
        (row(exactly(1.0)), row(exactly(1.4375)), False),
        (row(exactly(1.5)), row(exactly(1.0)), True),
        (row(held=exactly(0.25)), row(held=exactly(0.5)), True),
        (row(held=exactly(0.25)), row(held=exactly(0.4375)), False),
    ],
)
def test_the_least_change_that_counts(before, now, is_one):
    assert (change_of(before, now) is not None) is is_one


def counted(faults, tasks=1, loops=1, **more):
    return row(page_faults=(0.0, float(faults)), tasks=tasks, loops=loops, **more)


@pytest.mark.parametrize(
    ("before", "now", "times"),
    [
        (1_000, 4_000, 4.0),
        (4_000, 1_000, 0.25),
        (1_000, 3_900, None),
        (3_900, 1_000, None),
    ],
)
def test_counts_change_from_four_times_on(before, now, times):
    change = change_of(counted(before), counted(now))
    assert (None if change is None else change.counts) == times


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (row(tasks=1, loops=1), counted(9_000)),
        (counted(9_000), row(tasks=1, loops=1)),
        (counted(100), row(page_faults=(0.0, 9_000.0))),
        (row(page_faults=(0.0, 100.0)), counted(9_000)),
    ],
)
def test_what_one_of_the_two_does_not_know_has_not_changed(before, now):
    assert change_of(before, now) is None


def test_counts_tell_by_which_factor_the_seconds_moved_meanwhile():
    change = change_of(counted(1_000, seconds=exactly(1.0)), counted(9_000, seconds=exactly(1.25)))
    assert (change.kind, change.factor, change.counts) == ("page faults", 1.25, 9.0)
    assert change.text == "seconds a call x1.2; page faults a call x9"
    share = change_of(row(exactly(1.0), held=exactly(0.1)), row(exactly(1.25), held=exactly(0.9)))
    assert share.factor == 1.25


@pytest.mark.parametrize(
    ("seconds_before", "seconds_now"),
    [(None, exactly(1.0)), (exactly(1.0), None), (exactly(0.0), exactly(1.0)),
     (exactly(1.0), exactly(0.0)), (exactly(-1.0), exactly(1.0)), (exactly(1.0), exactly(-1.0))],
)  # fmt: skip
def test_seconds_that_no_call_takes_have_no_factor(seconds_before, seconds_now):
    change = change_of(row(seconds_before), row(seconds_now, kind=GilClass.HOLDS))
    assert change.factor is None
    assert change.word.value == "threads lost"
    assert change.text == "threads lost; releases -> holds"


@pytest.mark.parametrize(
    ("one", "two", "is_certain"),
    [
        (between(0.9, 1.0), between(2.0, 2.1), True),
        (between(2.0, 2.1), between(0.9, 1.0), True),
        (between(0.5, 1.5), between(1.5, 2.5), False),  # they share an end
        (between(1.5, 2.5), between(0.5, 1.5), False),
        (between(0.9, 1.0), UNBOUNDED, False),
        (UNBOUNDED, between(4.0, 4.1), False),
        # One end that is known, and far away, is no interval.
        (Estimate(5.0, 4.0, float("inf"), 0.95, 2), between(0.9, 1.0), False),
        (between(4.0, 4.1), Estimate(1.0, float("-inf"), 1.1, 0.95, 2), False),
        (between(0.9, 1.0), Estimate(5.0, 4.0, float("inf"), 0.95, 2), False),
    ],
)
def test_only_intervals_with_nothing_in_common_are_certain(one, two, is_certain):
    change = change_of(row(one), row(two))
    assert change.is_certain is is_certain
    assert (change.word.value != "") is is_certain


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        # The speedup is the same within 1.5 times either way, whichever ends are compared.
        (between(1.0, 1.25), between(1.25, 1.5), "slower, in serial as well"),
        (between(1.25, 1.5), between(1.0, 1.25), "slower, in serial as well"),
        (between(1.0, 1.3), between(1.2, 1.6), "slower"),
        (between(1.2, 1.6), between(1.0, 1.3), "slower"),
        (between(0.5, 0.6), between(0.55, 0.65), "slower, in serial as well"),
        (between(0.0, 1.0), between(0.5, 1.0), "slower"),
        (between(0.5, 1.0), between(0.0, 1.0), "slower"),
        (between(0.9, 1.0), between(0.0, 1.0), "slower"),
        (between(-1.0, 1.0), between(-1.0, 1.0), "slower"),
        (UNBOUNDED, between(1.9, 2.1), "slower"),
        (between(1.9, 2.1), UNBOUNDED, "slower"),
        (None, between(1.9, 2.1), "slower"),
        (between(1.9, 2.1), None, "slower"),
    ],
)
def test_when_the_serial_side_moved_with_the_seconds(before, now, word):
    change = change_of(row(exactly(1.0), speedup=before), row(exactly(3.0), speedup=now))
    assert change.word.value == word


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        (exactly(1.9), exactly(1.0), "slower, threads lost"),
        (exactly(1.0), exactly(1.9), "threads gained but slower"),
    ],
)
def test_a_speedup_that_surely_moved_is_in_the_word(before, now, word):
    change = change_of(row(exactly(1.0), speedup=before), row(exactly(3.0), speedup=now))
    assert change.word.value == word


@pytest.mark.parametrize(
    ("seconds", "word"),
    [
        (1.0, "threads lost"),
        (1.25, "threads lost"),  # the two censuses were at different times
        (0.8, "threads lost"),
        (1.5, "slower, threads lost"),
        (0.5, "threads lost but faster"),
    ],
)
def test_seconds_are_in_the_word_from_the_least_factor_on(seconds, word):
    change = change_of(row(exactly(1.0)), row(exactly(seconds), kind=GilClass.HOLDS))
    assert change.word.value == word


def test_classes_from_what_threads_gain_by_to_what_they_do_not():
    kinds = ("RELEASES", "SCALES", "PARTLY", "NOT_WORTH", "CONTENDS", "HOLDS", "SERIALISED")
    for number, better in enumerate(kinds):
        for worse in kinds[number + 1 :]:
            up, down = row(kind=GilClass[worse]), row(kind=GilClass[better])
            assert change_of(down, up).is_worse
            assert not change_of(up, down).is_worse


def test_no_class_is_no_change_of_class():
    assert change_of(row(kind=None), row()) is None
    assert change_of(row(), row(kind=None)) is None


def test_what_did_not_move_is_no_worse():
    same = row(exactly(1.0), held=exactly(0.5))
    for kind in ("class", "GIL held", "seconds"):
        assert not CensusChange(same, same, kind, True, None).is_worse
        assert not CensusChange(same, same, kind, True, 1.0).is_worse
    assert CensusChange(same, same, "seconds", True, 1.01).is_worse
    assert not CensusChange(same, same, "page faults", True, 1.01, counts=0.5).is_worse


def test_a_share_that_one_census_lacks_is_not_shown():
    before, now = row(held=exactly(0.5)), row(kind=GilClass.HOLDS)
    assert change_of(before, now).text == "threads lost; releases -> holds"
    assert change_of(now, before).text == "threads gained; holds -> releases"


def named(name, **more):
    return replace(row(**more), case=Case(name, 1000, "threads", 2))


def test_the_largest_change_of_a_kind_comes_first_in_either_direction():
    before = [named(name, seconds=exactly(1.0)) for name in "abcd"]
    now = [
        named("a", seconds=exactly(2.0)),
        named("b", seconds=exactly(0.25)),
        named("c", seconds=exactly(3.0)),
        named("d", seconds=None, kind=GilClass.HOLDS),
    ]
    changes = compare_censuses(before, now).changes
    assert [change.now.case.workload for change in changes] == ["d", "b", "c", "a"]
    # An unknown factor comes after every known one, and names decide where all else is alike.
    seconds = {"a": None, "b": exactly(1.25), "c": exactly(1.5)}
    first = [named(name, seconds=exactly(1.0)) for name in seconds]
    now = [named(name, seconds=one, kind=GilClass.HOLDS) for name, one in seconds.items()]
    changes = compare_censuses(first, now).changes
    assert [change.now.case.workload for change in changes] == ["c", "b", "a"]
    alike = [named(name, kind=GilClass.HOLDS) for name in "ba"]
    first = [named(name) for name in "ba"]
    changes = compare_censuses(first, alike).changes
    assert [change.now.case.workload for change in changes] == ["a", "b"]


def test_switches_count_like_faults():
    def switched(count):
        return row(sides={"contender": Side(0.001, 0.002, float(count), 0.0)}, tasks=1, loops=1)

    change = change_of(switched(100), switched(900))
    assert (change.kind, change.counts, change.is_certain) == ("context switches", 9.0, False)
