"""A build without a GIL beside one with it: what a case costs, and from where it pays."""

import math
from dataclasses import replace

import pytest
from helpers.duels import a_duel, effect
from helpers.duels import finding as made_finding

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.finding import Finding
from speedgate.duel.findings import BuildSummary, DuelFindings
from speedgate.duel.without_gil import break_evens, build_without_gil, threading_gains
from speedgate.report.duel import duel_markdown, duel_text
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate


def a_finding(
    name="f-1e5-threads-2", speedup=(0.95, 2.0), seconds=0.6, serial=1.2, blas_threads=1
) -> Finding:
    """A case with the speedups in both builds, and the ratios of seconds without over with."""
    with_gil, gained = speedup
    return replace(
        made_finding(name, DuelVerdict.BETTER, 1.0),
        case=Case.parse(name),
        blas_threads=blas_threads,
        effects={
            "speedup": effect("speedup", with_gil, gained),
            "seconds": effect("seconds", 0.5, seconds),
            "serial_seconds": effect("serial_seconds", 1.0, serial),
        },
    )


def against_gil(*findings, with_gil=True, without=False) -> DuelFindings:
    duel = a_duel(*findings)
    first, other = duel.builds
    builds = (replace(first, gil_enabled=with_gil), replace(other, gil_enabled=without))
    return replace(duel, builds=builds)


def test_a_gain_has_the_serial_cost_and_the_speedup_in_each_build():
    [gain] = threading_gains(against_gil(a_finding(speedup=(0.95, 2.0), serial=1.2)))
    assert gain.serial_cost.value == 1.2
    assert gain.with_gil.value == 0.95
    assert gain.without_gil.value == pytest.approx(1.9)


def test_threads_that_lose_with_a_gil_are_not_the_best_it_can_do():
    [gain] = threading_gains(against_gil(a_finding(speedup=(0.5, 2.0), seconds=0.8)))
    assert gain.over_best.value == pytest.approx(1.6)
    assert gain.pays is False
    [gain] = threading_gains(against_gil(a_finding(speedup=(1.9, 1.0), seconds=0.8)))
    assert gain.over_best.value == pytest.approx(0.8)
    assert gain.pays is True


def test_what_the_interval_leaves_open_is_neither():
    [gain] = threading_gains(against_gil(a_finding(speedup=(1.9, 1.0), seconds=1.0)))
    assert gain.pays is None


def test_a_case_with_a_single_block_is_shown_without_an_interval():
    case = a_finding()
    no_bounds = Estimate(0.95, 0.0, math.inf, 0.95, 1)
    effects = {name: replace(one, first=no_bounds) for name, one in case.effects.items()}
    duel = against_gil(replace(case, effects=effects))
    [gain] = threading_gains(duel)
    assert gain.pays is None
    assert "0.95 (few)" in "\n".join(duel_text(duel, 100))


@pytest.mark.parametrize(
    ("with_gil", "without"), [(True, True), (False, False), (False, True), (None, False)]
)
def test_other_duels_have_no_such_table(with_gil, without):
    duel = against_gil(a_finding(), with_gil=with_gil, without=without)
    assert build_without_gil(duel) is None
    assert threading_gains(duel) == []
    assert "over best" not in "\n".join(duel_text(duel, 80))
    assert "over best" not in duel_markdown(duel)


def test_processes_and_what_was_not_measured_are_left_out():
    failed = replace(a_finding(), effects={})
    assert threading_gains(against_gil(a_finding("g-1e4-processes-2"), failed)) == []


def test_a_workload_pays_from_the_smallest_size_above_which_all_pay():
    gains = threading_gains(
        against_gil(
            a_finding("f-1e6-threads-2", seconds=0.6),
            a_finding("f-1e5-threads-2", seconds=0.6),
            a_finding("f-1e4-threads-2", seconds=1.5),
            a_finding("f-1e3-threads-2", seconds=0.6),
        )
    )
    assert [gain.case.size for gain in gains] == [1_000, 10_000, 100_000, 1_000_000]
    [even] = break_evens(gains)
    assert even.at == Case("f", 100_000, "threads", 2)


def test_the_fewest_workers_with_which_it_pays_are_named():
    gains = threading_gains(
        against_gil(
            a_finding("f-1e5-threads-2", seconds=1.5), a_finding("f-1e5-threads-4", seconds=0.5)
        )
    )
    [even] = break_evens(gains)
    assert even.at == Case("f", 100_000, "threads", 4)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.6, "f: pays from 1e5 elements with 2 workers"),
        (1.5, "f: does not pay at the largest size"),
        (0.95, "f: not certain"),
    ],
)
def test_a_line_says_from_where_it_pays(seconds, words):
    duel = against_gil(a_finding(seconds=seconds))
    assert words in "\n".join(duel_text(duel, 80))
    assert f"- {words}" in duel_markdown(duel)


def test_the_table_has_a_row_for_each_case_and_names_its_blas():
    duel = against_gil(a_finding(), a_finding("inv-2500-threads-2", blas_threads=None))
    text = "\n".join(duel_text(duel, 100))
    assert "with a GIL (A) and without it" in text
    assert "f 1e5 x2" in text
    assert "inv/blas-default 2500 x2" in text
    assert "| `f 1e5 x2` | 1.20 1.18-1.22 | 0.95 0.90-1.00 | 1.90 1.85-1.95 |" in duel_markdown(
        duel
    )


def test_whether_a_build_has_a_gil_is_saved_with_the_duel():
    duel = against_gil(a_finding())
    read = DuelFindings.from_json(duel.as_json())
    assert [build.gil_enabled for build in read.builds] == [True, False]
    older = duel.as_json()
    for build in older["builds"]:
        del build["gil_enabled"]
    assert DuelFindings.from_json(older).builds[0] == replace(duel.builds[0], gil_enabled=None)


def test_a_summary_knows_no_gil_unless_it_is_said():
    assert BuildSummary("made", "3.13.5", "2.4.6", ()).gil_enabled is None
