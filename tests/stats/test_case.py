from dataclasses import dataclass, field

import pytest
from helpers import loads
from helpers.made import MadeWorkload
from hypothesis import given
from hypothesis import strategies as st

from speedgate.stats.case import (
    Case,
    bytes_needed,
    format_size,
    has_other_marks,
    is_repeatable,
    parse_size,
    peers_of,
    preallocated_of,
    private_of,
    promise_of,
    sizes_of,
)

# Every whole number up to here is a float of its own; no array has more elements.
MOST_ELEMENTS = 2**53
names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1)
sizes = st.one_of(
    st.integers(1, MOST_ELEMENTS),
    st.builds(lambda digits, zeros: digits * 10**zeros, st.integers(1, 999), st.integers(0, 12)),
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1"),
        (500, "500"),
        (1000, "1e3"),
        (1536, "1536"),
        (1_000_000, "1e6"),
        (500_000, "5e5"),
        (2_500_000, "2.5e6"),
        (1_234_567, "1234567"),
        (10_000_000, "1e7"),
        (25_000, "2.5e4"),  # as long as its digits
    ],
)
def test_sizes_are_written_as_people_write_them(size, text):
    assert format_size(size) == text
    assert parse_size(text) == size


@given(sizes)
def test_a_written_size_reads_back(size):
    assert parse_size(format_size(size)) == size


@given(sizes)
def test_a_written_size_is_never_longer_than_its_digits(size):
    assert len(format_size(size)) <= len(str(size))


@given(st.builds(Case, names, sizes, names, st.integers(1, 1024)))
def test_a_case_reads_back_from_its_id(case):
    assert Case.parse(case.id) == case


def test_the_id_names_all_parts():
    case = Case("g_out", 10_000, "processes", 4)
    assert case.id == "g_out-1e4-processes-4"
    assert case.work == "g_out-1e4"


def test_a_case_is_rebuilt_from_its_json():
    case = Case("g", 1_000_000, "threads", 2)
    assert Case(**case.as_json()) == case


@pytest.mark.parametrize(
    "text", ["1e", "-3", "0", "0.5", "1.5", "1e-3", "", "many", "nan", "inf", "-inf", "1e999"]
)
def test_what_is_not_a_size_is_refused_with_what_would_be_one(text):
    with pytest.raises(ValueError, match="whole number of elements, such as 1e6") as refused:
        parse_size(text)
    assert str(refused.value).startswith(f"'{text}' is not a size: ")
    assert str(refused.value).endswith("such as 1e6 or 4096")


@pytest.mark.parametrize(
    "text", ["", "g", "g-1e6-threads", "g-1e6-threads-two", "g-1e6-threads-2-3", "g-1e-3-threads-2"]
)
def test_what_is_not_an_id_is_refused_with_its_form(text):
    with pytest.raises(ValueError, match="is not a case") as refused:
        Case.parse(text)
    assert str(refused.value) == f"'{text}' is not a case: it reads workload-size-strategy-workers"


def test_an_id_with_a_bad_size_names_the_size():
    with pytest.raises(ValueError, match=r"'1\.5' is not a size"):
        Case.parse("g-1.5-threads-2")


@pytest.mark.parametrize(
    ("workload", "size", "strategy", "workers"),
    [
        ("g", 0, "threads", 2),
        ("g", 1, "threads", 0),
        ("g-out", 1, "threads", 2),
        ("g", 1, "warm-threads", 2),
    ],
)
def test_a_case_that_has_no_id_is_refused(workload, size, strategy, workers):
    with pytest.raises(ValueError, match=r"at least 1|must not hold '-'"):
        Case(workload, size, strategy, workers)


def test_a_case_that_has_no_id_says_why():
    with pytest.raises(ValueError, match="needs a size") as refused:
        Case("g", 0, "threads", 2)
    assert str(refused.value) == (
        "a case needs a size and workers of at least 1, not "
        "Case(workload='g', size=0, strategy='threads', workers=2)"
    )
    with pytest.raises(ValueError, match="must not hold") as refused:
        Case("g-out", 1, "threads", 2)
    assert str(refused.value) == (
        "a workload's or strategy's name must not hold '-': "
        "Case(workload='g-out', size=1, strategy='threads', workers=2)"
    )


@pytest.mark.parametrize(
    ("name", "is_other"),
    [("g", False), ("g_out", False), ("a.b", True), ("a::b", True), ("a(1)", True), ("aXb", False)],
)
def test_names_of_other_projects_have_marks(name, is_other):
    assert has_other_marks(name) is is_other


@pytest.mark.parametrize("name", ["bench.time_x(-1)", "tests/test-a.py::test_x", "time_x(-1)"])
def test_the_names_of_other_projects_may_hold_a_dash(name):
    assert Case(name, 1, "threads", 2).id == f"{name}-1-threads-2"


def test_threads_share_the_arguments_and_each_runs_a_call():
    workload = MadeWorkload(argument_bytes=16, call_bytes=8)
    case = Case("made", 1000, "threads", 2)
    assert bytes_needed(workload, case, buffers=4, processes=False) == 1000 * (4 * 16 + 2 * 8)


def test_each_worker_process_has_arguments_of_its_own_beside_the_baseline():
    workload = MadeWorkload(argument_bytes=16, call_bytes=8)
    case = Case("made", 1000, "processes", 2)
    assert bytes_needed(workload, case, buffers=4, processes=True) == 1000 * (3 * 4 * 16 + 2 * 8)


# --- what a workload may have more


PRIVATE, PREALLOCATED = MadeWorkload(name="private"), MadeWorkload(name="preallocated")


@dataclass(frozen=True)
class Telling(MadeWorkload):
    """A workload that says all that it may."""

    sizes: tuple[int, ...] = (1_000, 10_000)
    expect: str = "releases"
    source: str = "the documentation"
    repeatable: bool = False
    peers: dict = field(default_factory=lambda: {"numba": loads.nothing})
    private: MadeWorkload = PRIVATE
    preallocated: MadeWorkload = PREALLOCATED


def test_a_workload_need_not_say_more():
    silent = MadeWorkload()
    assert (sizes_of(silent), is_repeatable(silent), peers_of(silent)) == ((), True, {})
    assert private_of(silent) is preallocated_of(silent) is promise_of(silent, 1) is None


def test_a_workload_may_say_more():
    telling = Telling()
    assert (sizes_of(telling), is_repeatable(telling)) == ((1_000, 10_000), False)
    assert peers_of(telling) == {"numba": loads.nothing}
    assert private_of(telling) is PRIVATE
    assert preallocated_of(telling) is PREALLOCATED


@pytest.mark.parametrize(("size", "is_promised"), [(9_999, False), (10_000, True), (10**6, True)])
def test_a_promise_is_of_the_largest_size(size, is_promised):
    promise = {"class": "releases", "source": "the documentation"}
    assert promise_of(Telling(), size) == (promise if is_promised else None)


def test_a_promise_needs_sizes_and_may_lack_its_source():
    assert promise_of(Telling(sizes=()), 10**6) is None

    class Nameless(MadeWorkload):
        sizes, expect = (10,), "holds"

    assert promise_of(Nameless(), 10) == {"class": "holds", "source": ""}
