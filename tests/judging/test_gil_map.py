import dataclasses

from helpers.evidence import interval
from helpers.made import estimate, row

from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.gil_map import (
    break_even_text,
    broken_promises,
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
    assert break_even_text(operations(rows)) == [
        "threads win from 500 on: sort, fft",
        "threads win from 1e3 on: take",
        "threads did not surely win at any size: tolist",
    ]


def test_a_class_that_changed_is_reported_with_both():
    (change,) = changes({case(500): at(500, 1.5)}, [at(500, 0.9, HOLDS)])
    assert change.line.startswith("changed: sort-500-threads-2 was 'releases'")
    assert "is 'holds'" in change.line


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
    assert line.startswith("failed: sort-500-threads-2")
    assert "sort.c" in line
    assert "0.98" in line


def test_a_lock_of_its_own_breaks_the_promise_as_well():
    locked = Classification(GilClass.HOLDS, True, "a lock that is not the GIL")
    assert len(broken_promises([promised(LOW, locked)])) == 1


def test_what_is_doubtful_or_not_promised_breaks_nothing():
    wide = interval(0.6, 0.4, 0.8)
    partly = Classification(GilClass.PARTLY, True, "GIL held 0.60")
    assert broken_promises([promised(wide, partly)]) == []
    assert broken_promises([promised(HIGH, HOLDS, promise="holds")]) == []
    assert broken_promises([promised(HIGH, HOLDS, promise=None)]) == []


def test_without_a_sampler_only_a_certain_class_breaks_a_promise():
    assert len(broken_promises([promised(None, HOLDS)])) == 1
    assert broken_promises([promised(None, PERHAPS)]) == []


def test_what_got_better_than_promised_is_said():
    (line,) = kept_better([promised(LOW, RELEASES, promise="holds")])
    assert line.startswith("better than promised: sort-500")
    assert kept_better([promised(HIGH, HOLDS, promise="holds")]) == []
