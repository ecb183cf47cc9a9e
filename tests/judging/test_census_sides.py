"""What one of two censuses lacks, and why, on made-up names."""

import pytest

from speedgate.judging.census_change import CensusDifference
from speedgate.judging.census_sides import (
    CensusComparison,
    CensusSide,
    Lacking,
    are_other_calls,
    called_differently,
    compared_sides,
)

SIN, COS, TAN, TRAPZ = (
    f"numpy.{name}[d]-contiguous-1e5" for name in ("sin", "cos", "tan", "trapz")
)
REDUCE = "numpy.trapz.reduce[d]-contiguous-1e5"
FUNCTIONS = ["numpy.sin", "numpy.cos"]


def side(measured, cells=(), failed=None, functions=None):
    return CensusSide(measured, failed or {}, cells, functions)


def compared(before, now):
    difference = CensusDifference(
        (),
        0,
        tuple(name for name in before.measured if name not in now.measured),
        tuple(name for name in now.measured if name not in before.measured),
    )
    return compared_sides(difference, before, now)


def test_what_the_other_has_and_did_not_measure_is_not_gone():
    both = [SIN, COS, TAN]
    before = side([SIN, COS, TAN], both)
    now = side([SIN], both, {COS: "ValueError: no"})
    lacking = compared(before, now).lacking_now
    assert lacking.cells == ()
    assert lacking.failed == {COS: "ValueError: no"}
    assert lacking.unmeasured == (TAN,)
    assert lacking.unknown == ()


def test_what_a_numpy_does_not_have_is_gone_or_new_measured_or_not():
    before = side([SIN], [SIN, TRAPZ, REDUCE], functions=[*FUNCTIONS, "numpy.trapz"])
    now = side([SIN, COS], [SIN, COS, TAN], functions=FUNCTIONS)
    comparison = compared(before, now)
    assert comparison.lacking_now.functions == ("numpy.trapz",)
    assert comparison.lacking_now.cells == (REDUCE, TRAPZ)
    assert comparison.lacking_now.cells_of_others == ()
    assert comparison.lacking_before.functions == ()
    assert comparison.lacking_before.cells == (COS, TAN)
    assert comparison.lacking_before.cells_of_others == (COS, TAN)


def test_a_census_without_lists_does_not_say_what_is_new():
    old, new = side([SIN, TRAPZ], None), side([SIN, COS], [SIN, COS], functions=FUNCTIONS)
    comparison = compared(old, new)
    assert (comparison.lacking_before.unknown, comparison.lacking_before.cells) == ((COS,), ())
    assert comparison.lacking_before.functions == comparison.lacking_now.functions == ()
    assert comparison.lacking_now.cells == (TRAPZ,)  # the new one does say


def test_a_census_without_a_list_knows_what_failed():
    old, new = side([SIN], None, {COS: "MemoryError"}), side([SIN, COS, TAN], None)
    lacking = compared(old, new).lacking_before
    assert lacking == Lacking(failed={COS: "MemoryError"}, unknown=(TAN,))


def test_two_calls_of_one_name_are_called_differently_where_both_are_known():
    before = CensusSide([], calls={SIN: "a", COS: "a", TAN: "a", TRAPZ: ""})
    now = CensusSide([], calls={SIN: "a", COS: "b", TRAPZ: "b"})
    assert called_differently(before, now) == (COS,)
    assert compared(before, now).called_differently == (COS,)


@pytest.mark.parametrize(
    ("one", "other", "are_other"),
    [
        ("2-1a2b3c4d", "2-1a2b3c4d", False),
        ("2-1a2b3c4d", "2-00000000", True),
        ("2-1a2b3c4d", "3-00000000", False),
        ("2-1a2b3c4d", "1a2b3c4d", False),  # by the first rule, of which none was written
        ("1a2b3c4d", "00000000", True),
        ("", "2-1a2b3c4d", False),
        ("1a2b3c4d", "", False),
        ("", "", False),
    ],
)
def test_only_what_one_rule_made_tells_two_calls_apart(one, other, are_other):
    assert are_other_calls(one, other) is are_other
    before, now = CensusSide([], calls={SIN: one}), CensusSide([], calls={SIN: other})
    assert called_differently(before, now) == ((SIN,) if are_other else ())


def test_a_case_of_the_catalogue_is_in_no_list_and_is_not_gone():
    lacking = compared(side(["sort-1e5", SIN], [SIN]), side([SIN], [SIN])).lacking_now
    assert (lacking.cells, lacking.unmeasured) == ((), ("sort-1e5",))


@pytest.mark.parametrize("name", [COS, "numpy.cos[d]-contiguous"])
def test_a_failure_is_known_with_the_size_or_without(name):
    one = side([SIN], [SIN, COS, TAN], {name: "MemoryError"})
    assert one.failure_of(COS) == "MemoryError"
    assert one.failure_of(TAN) is None
    assert one.unmeasured == (TAN,)


def test_without_a_list_nothing_is_known_to_be_left():
    assert side([SIN], None).unmeasured == ()


def test_what_is_not_told_is_empty_or_not_known():
    bare = CensusSide([SIN])
    assert (bare.failed, bare.cells, bare.functions, bare.calls) == ({}, None, None, {})
    assert Lacking() == Lacking((), (), {}, (), ())
    nothing = CensusDifference((), 0, (), ())
    comparison = CensusComparison(nothing, Lacking(), Lacking())
    assert (comparison.notes, comparison.called_differently) == ((), ())
    noted = compared_sides(nothing, bare, bare, ["another BLAS"])
    assert noted.notes == ("another BLAS",)
    assert noted.difference is nothing


@pytest.mark.parametrize(
    ("before", "now"), [(None, FUNCTIONS), (FUNCTIONS, None), (FUNCTIONS, FUNCTIONS)]
)
def test_no_function_is_gone_of_a_census_that_kept_no_names(before, now):
    comparison = compared(side([SIN], functions=before), side([SIN], functions=now))
    assert comparison.lacking_now.functions == comparison.lacking_before.functions == ()


@pytest.mark.parametrize("is_measured", [True, False], ids=["measured", "not measured"])
def test_what_was_lost_when_it_was_listed_is_not_gone(is_measured):
    """It is in no list of cells, and its name has no size."""
    before = side([SIN, COS] if is_measured else [SIN], [SIN, COS])
    now = side([SIN], [SIN], {COS.rpartition("-")[0]: "the interpreter ended"})
    lacking = compared(before, now).lacking_now
    assert lacking.cells == ()
    assert lacking.unmeasured == ()
    assert lacking.failed == ({COS: "the interpreter ended"} if is_measured else {})
