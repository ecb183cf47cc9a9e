"""The figures of one case: what a row knows, and what it says where it knows nothing."""

from dataclasses import fields

import pytest
from helpers.evidence import interval

from speedgate.judging.row import Row, Side
from speedgate.stats.accounting import Shares
from speedgate.stats.case import Case
from speedgate.stats.figure import WATCHED, Figure

CASE = Case("g", 1_000, "threads", 2)
FAST, FASTER, SECONDS = interval(1.8, 1.7, 1.9), interval(2.8, 2.7, 2.9), interval(0.5, 0.4, 0.6)


def test_a_row_knows_nothing_that_it_was_not_told():
    known = {
        "case": CASE, "bench": "", "promise_source": "", "sides": {}, "is_blas_default": False,
        "build": "", "figures": {},
    }  # fmt: skip
    bare = Row(CASE, None)
    unknown = {field.name: None for field in fields(Row)}
    assert {field.name: getattr(bare, field.name) for field in fields(Row)} == unknown | known
    assert (bare.idle, bare.round_seconds, bare.calls) == (None, None, 0)


def test_a_side_knows_its_seconds_alone():
    side = Side(0.5)
    assert (side.cpu, side.voluntary_switches, side.involuntary_switches) == (None, None, None)
    assert (side.switches, side.cpu_per_wall) == (None, None)


@pytest.mark.parametrize(
    ("voluntary", "involuntary", "switches"),
    [(3.0, 4.0, 7.0), (3.0, None, None), (None, 4.0, None), (0.0, 0.0, 0.0)],
)
def test_switches_are_of_both_kinds(voluntary, involuntary, switches):
    assert Side(1.0, None, voluntary, involuntary).switches == switches


@pytest.mark.parametrize(
    ("seconds", "cpu", "per_wall"), [(0.5, 0.75, 1.5), (0.5, None, None), (0.0, 0.75, None)]
)
def test_the_cpus_that_a_side_kept_busy(seconds, cpu, per_wall):
    assert Side(seconds, cpu).cpu_per_wall == per_wall


@pytest.mark.parametrize(
    ("tasks", "loops", "calls", "seconds"),
    [(3, 4, 12, 6.0), (None, 4, 0, 0.0), (3, None, 0, 0.0)],
)
def test_a_round_is_all_of_its_calls(tasks, loops, calls, seconds):
    row = Row(CASE, FAST, seconds=SECONDS, tasks=tasks, loops=loops)
    assert (row.calls, row.round_seconds) == (calls, seconds)


def test_idle_is_the_share_of_it():
    assert Row(CASE, FAST, shares=Shares(0.5, 0.2, 0.1, 0.2)).idle == 0.2


def test_what_is_watched_is_of_the_rounds_and_may_have_no_field():
    held = interval(0.1, 0.0, 0.2)
    row = Row(CASE, FAST, seconds=SECONDS, gil_held_share=held, rounds=FASTER)
    unknown = {"cpu_per_wall": None}
    assert row.watched() == unknown | {"speedup": FASTER, "seconds": SECONDS, "held": held}
    more = Row(CASE, FAST, figures={"preemptions": held}, cpu_per_wall=SECONDS)
    assert more.watched() == {
        "speedup": FAST, "seconds": None, "held": None, "cpu_per_wall": SECONDS,
        "preemptions": held,
    }  # fmt: skip


def test_a_watched_figure_without_a_field_is_not_known_until_it_is_told(monkeypatch):
    added = Figure("preemptions", "preemptions", "preemptions a round", is_watched=True)
    monkeypatch.setattr("speedgate.judging.row.WATCHED", (*WATCHED, added))
    assert Row(CASE, FAST).watched()["preemptions"] is None
    told = Row(CASE, FAST, figures={"preemptions": SECONDS})
    assert told.watched()["preemptions"] == SECONDS
