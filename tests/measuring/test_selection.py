import dataclasses

import pytest
from helpers.made import MadeWorkload

from speedgate.measuring.selection import (
    Declaration,
    OptionError,
    Selection,
    cases,
    parse_floor,
    parse_seconds,
    parse_selection,
    refuse_unknown,
    split,
)
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case

F, G = MadeWorkload(name="f"), MadeWorkload(name="g")
DECLARED = Declaration([F, G], sizes=[1000, 10_000], strategies=["serial", "threads"], workers=[2])


def select(workloads=None, sizes=None, strategies=None, workers=None, oversubscribe=False):
    return parse_selection(workloads, sizes, strategies, workers, 2, oversubscribe)


def chosen(selection, declared=DECLARED):
    return [case.id for _, case in cases(selection, declared)]


def test_nothing_given_leaves_everything_to_the_bench():
    assert select() == Selection(None, None, None, None)


def test_lists_are_read_in_order_without_repetitions():
    selection = select("g, f", "1e4,100,1e4", "threads,serial", "2,1")
    assert selection == Selection(("g", "f"), (10_000, 100), ("threads", "serial"), (2, 1))


@pytest.mark.parametrize("option", ["workloads", "sizes", "strategies", "workers"])
@pytest.mark.parametrize("text", ["", ",", "1,,2", "1,"])
def test_an_empty_entry_is_refused(option, text):
    with pytest.raises(OptionError) as refused:
        select(**{option: text})
    assert f"--{option} '{text}'" in str(refused.value)
    assert "separated by commas" in str(refused.value)


@pytest.mark.parametrize("text", ["1e", "-3", "0", "1.5", "nan", "inf", "1e999", "large"])
def test_a_bad_size_is_refused_by_name(text):
    with pytest.raises(OptionError) as refused:
        select(sizes=f"1e4,{text}")
    assert str(refused.value).startswith("--sizes: ")
    assert f"'{text}'" in str(refused.value)
    assert "such as 1e6" in str(refused.value)


def test_an_unknown_strategy_is_refused_with_those_there_are():
    with pytest.raises(OptionError) as refused:
        select(strategies="threads,fibers")
    assert str(refused.value).startswith("--strategies: 'fibers'")
    assert f"there are {len(STRATEGIES)}, such as serial, threads, " in str(refused.value)
    assert str(refused.value).endswith("; 'speedgate duel --help' lists all")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "²"])
def test_a_bad_number_of_workers_is_refused_by_name(text):
    with pytest.raises(OptionError) as refused:
        select(workers=text)
    assert str(refused.value).startswith("--workers: ")
    assert f"'{text}'" in str(refused.value)
    assert "a whole number from 1 up" in str(refused.value)


def test_more_workers_than_cores_need_to_be_meant():
    with pytest.raises(OptionError) as refused:
        select(workers="3")
    for part in ("--workers", "3 workers", "the 2 usable cores", "--oversubscribe"):
        assert part in str(refused.value)
    assert select(workers="3", oversubscribe=True).workers == (3,)


def test_an_unknown_workload_is_refused_with_those_that_benches_declare():
    with pytest.raises(OptionError) as refused:
        refuse_unknown(Selection(workloads=("g", "h")), ["g", "f", "g"])
    assert str(refused.value) == (
        "--workloads: 'h' is not a workload of these benchmarks; there are f, g"
    )
    refuse_unknown(Selection(workloads=("g",)), ["g", "f"])
    refuse_unknown(Selection(), [])


def test_a_mistyped_workload_or_strategy_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match=r"; did you mean 'g'[?] There are f, g, g_out$"):
        refuse_unknown(Selection(workloads=("gg",)), ["g", "f", "g_out"])
    with pytest.raises(OptionError, match=r"'thread' is not a strategy; did you mean 'threads'[?]"):
        select(strategies="thread")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("add77", "did you mean 'add7'? The same with --collect-only lists all 130"),
        ("zz", "there are 130, such as add0, add1, add10; the same with --collect-only lists all"),
    ],
)
def test_of_many_names_a_message_tells_what_lists_them(name, told):
    known = [f"add{number}" for number in range(130) if number != 77] + ["last"]
    selection = Selection(workloads=(name,))
    with pytest.raises(OptionError) as refused:
        refuse_unknown(selection, known)
    assert str(refused.value).endswith(f"; {told}")
    with pytest.raises(OptionError, match=r"; there are add0, add1, .*, add99, last$"):
        refuse_unknown(selection, known, whole=True)


@pytest.mark.parametrize(
    ("parse", "allowed"),
    [(parse_floor, "above 0, such as 1.2"), (parse_seconds, "seconds above 0")],
)
@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf", "1e999"])
def test_a_bad_number_is_refused_by_name(parse, allowed, text):
    with pytest.raises(OptionError) as refused:
        parse("--option", text)
    assert f"--option '{text}'" in str(refused.value)
    assert allowed in str(refused.value)


@pytest.mark.parametrize("parse", [parse_floor, parse_seconds])
def test_a_good_number_is_read_and_none_stays_none(parse):
    assert parse("--option", "1.5") == 1.5
    assert parse("--option", None) is None


@pytest.mark.parametrize("text", ["1000001", "1e300"])
def test_a_duration_that_no_clock_can_take_is_refused(text):
    with pytest.raises(OptionError, match="up to 1,000,000, such as 150"):
        parse_seconds("--time-limit", text)
    assert parse_seconds("--time-limit", "1e6") == 1e6


def test_split_strips_its_parts():
    assert split("--sizes", " 1e3 ,1e4") == ("1e3", "1e4")
    assert split("--sizes", None) is None


def test_a_declaration_has_its_cases_in_order():
    assert chosen(Selection()) == [
        "f-1e3-serial-1",
        "f-1e3-threads-2",
        "f-1e4-serial-1",
        "f-1e4-threads-2",
        "g-1e3-serial-1",
        "g-1e3-threads-2",
        "g-1e4-serial-1",
        "g-1e4-threads-2",
    ]


def test_each_case_comes_with_its_workload():
    selected = cases(Selection(workloads=("g",), sizes=(7,), strategies=("threads",)), DECLARED)
    assert selected == [(G, Case("g", 7, "threads", 2))]


def test_a_selection_takes_the_place_of_what_is_declared():
    selection = Selection(("g",), (500,), ("threads", "foreach"), (1, 2))
    assert chosen(selection) == [
        "g-500-threads-1",
        "g-500-threads-2",
        "g-500-foreach-1",
        "g-500-foreach-2",
    ]


def test_serial_has_one_case_whatever_the_workers():
    assert chosen(Selection(("g",), (1000,), ("serial",), (1, 2, 4))) == ["g-1e3-serial-1"]


def test_a_fixed_declaration_keeps_its_own_and_only_leaves_out():
    fixed = Declaration([F, G], [1000, 10_000], ["serial", "threads"], [2], fixed=True)
    assert chosen(Selection(sizes=(500,)), fixed) == []
    assert chosen(Selection(sizes=(500, 1000), strategies=("threads", "foreach")), fixed) == [
        "f-1e3-threads-2",
        "g-1e3-threads-2",
    ]
    assert chosen(Selection(workloads=("g",), workers=(4,), sizes=(1000,)), fixed) == [
        "g-1e3-serial-1"
    ]


@dataclasses.dataclass(frozen=True)
class Sized(MadeWorkload):
    sizes: tuple[int, ...] = (10, 100)


@pytest.mark.parametrize(("largest_only", "sizes"), [(False, [10, 100]), (True, [100])])
def test_without_sizes_every_workload_has_its_own(largest_only, sizes):
    declared = Declaration([Sized()], (), ["threads"], [2], largest_only=largest_only)
    assert [case.size for _, case in cases(Selection(), declared)] == sizes


def test_a_selection_takes_the_place_of_a_workloads_own_sizes():
    declared = Declaration([Sized()], (), ["threads"], [2])
    selected = cases(Selection(sizes=(7,)), declared)
    assert [case.size for _, case in selected] == [7]


def test_spawn_is_called_processes():
    assert select(strategies="spawn,fork").strategies == ("processes", "fork")
