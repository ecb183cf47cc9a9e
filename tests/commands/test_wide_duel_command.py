"""``python -m speedgate duel --wide``: with runners that pretend."""

import argparse
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.duel_command import INTERRUPTED, MACHINE, NOT_DONE, TINY, WELL, end_at
from helpers.screens import FakeBuild, cells_of

from speedgate import files
from speedgate.builds.build import BuildError
from speedgate.commands import duel as duel_commands
from speedgate.duel import wide_selection
from speedgate.duel.wide_selection import CANDIDATE_SECONDS
from speedgate.history.document import read_run
from speedgate.measuring.census import CellListing, CensusCell


@pytest.fixture
def wide(environments, monkeypatch):
    """Two cells instead of NumPy, in builds that answer at once."""
    log = []
    listing = CellListing({"libraries": {}}, functions=["numpy.f0"], cells=cells_of(2))
    monkeypatch.setattr(wide_selection, "list_census", lambda *_: listing)
    monkeypatch.setattr("workloads.census.screened.catalogue_cases", list)
    monkeypatch.setattr(wide_selection, "open_process", lambda *_: FakeBuild("any", log))
    return log


def full_for(name, monkeypatch):
    """The disk is full for whole runs with this in their names."""
    write = files.write_whole

    def write_whole(path, data):
        if name in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(files, "write_whole", write_whole)


def test_a_screen_is_saved_and_shown(run, wide):
    done = run("duel", "old", "new", "--wide-only")
    assert done.code == WELL, done.err
    assert done.err.count("saved the screen: ") == 2
    assert "screened 2 of 2 cases" in done.err
    assert "fail in one build alone; none of it is confirmed" in done.err


@pytest.mark.parametrize(
    ("options", "seconds"),
    [(("--wide-only", "--budget", "60"), 38.0), (("--wide-only",), 158.0),
     (("--wide", "100", "--budget", "150"), 78.0), (("--wide-only", "--budget", "20"), 0.0)],
)  # fmt: skip
def test_a_screen_has_the_listing_of_the_cells_in_its_time(
    run, wide, monkeypatch, options, seconds
):
    slow = CellListing({"libraries": {}}, cells=cells_of(2), seconds=11.0)
    monkeypatch.setattr(wide_selection, "list_census", lambda *_: slow)
    made, budgets = wide_selection.WideScreen, []

    def noted(cells, sides, budget, *others):
        budgets.append(budget)
        return made(cells, sides, budget, *others)

    monkeypatch.setattr(wide_selection, "WideScreen", noted)
    words = () if "--wide-only" in options else TINY
    done = run("duel", "old", "new", *options, *words)
    assert done.code == WELL, done.err
    assert budgets == [seconds]
    reached = 2 if seconds else 0
    assert f"screened {reached} of 2 cases" in done.err


def test_a_screen_names_the_cells_that_one_build_alone_lost_when_they_were_listed(
    run, wide, monkeypatch
):
    why = "the interpreter ended by signal SIGSEGV"
    lost = [{"numpy.both[T]-c": why}, {"numpy.both[T]-c": why, "numpy.other[T]-c": why}]
    listings = iter(CellListing({"libraries": {}}, cells=cells_of(2), lost=one) for one in lost)
    monkeypatch.setattr(wide_selection, "list_census", lambda *_: next(listings))
    done = run("duel", "old", "new", "--wide-only")
    (line,) = (line for line in done.err.splitlines() if "fails to list it" in line)
    assert line == "not compared, since new fails to list it: numpy.other[T]-c"


def test_a_screen_before_a_duel_says_how_much_joins_it(run, wide):
    done = run("duel", "old", "new", "--wide", "--candidates", "1", *TINY)
    assert done.code == WELL, done.err
    assert "fail in one build alone; at most 1 of them join a duel" in done.err


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ((), 180.0),
        (("--candidates", "9"), 180.0),
        (("--candidates", "120"), 180.0 + 60 * CANDIDATE_SECONDS),
        (("--candidates", "120", "--budget", "900"), None),
    ],
)
def test_more_candidates_have_more_time_unless_the_budget_says_all(
    run, wide, monkeypatch, options, added
):
    budgets = []

    def measured(entries, builds, budget, *others):
        budgets.append(budget)
        raise BuildError("no more of it")

    monkeypatch.setattr(duel_commands, "measured", measured)
    # The screen takes no time: all of it is left.
    monkeypatch.setattr(duel_commands, "time", SimpleNamespace(monotonic=lambda: 0.0))
    run("duel", "old", "new", "--wide", *TINY, *options)
    plain = duel_commands.DEFAULT_BUDGET_SECONDS
    assert budgets == [900.0 if added is None else plain + added]


# What a screen alone heeds; it refuses every other option of a duel, one that is new as well.
HEEDED = {
    *("--wide", "--wide-only", "--budget", "--from-source", "--beside-others", "--allow-same"),
    *("--details", "--format", "--results", "--help", "--list"),
}


def options_of_a_duel():
    commands = argparse.ArgumentParser().add_subparsers()
    duel_commands.add_duel_command(commands)
    actions = commands.choices["duel"]._actions
    return {one.option_strings[-1]: one.nargs == 0 for one in actions if one.option_strings}


@pytest.mark.parametrize("option", sorted(options_of_a_duel().keys() - HEEDED))
def test_what_a_screen_alone_would_ignore_is_refused(run, wide, option):
    is_flag = options_of_a_duel()[option]
    done = run("duel", "old", "new", "--wide-only", option, *([] if is_flag else ["2"]))
    assert done.code == NOT_DONE
    assert option in done.err
    assert not wide


def test_what_a_screen_alone_heeds_is_an_option():
    assert options_of_a_duel().keys() >= HEEDED


def test_candidates_without_a_screen_are_refused(run, wide):
    done = run("duel", "old", "new", "--candidates", "9", *TINY)
    assert done.code == NOT_DONE
    assert "--candidates chooses among the suspects of a screen; add --wide" in done.err


@pytest.mark.parametrize("option", ["--wide-only", "--wide"])
def test_a_screen_that_cannot_be_saved_is_missing(run, wide, monkeypatch, option):
    full_for("screen-", monkeypatch)
    done = run("duel", "old", "new", option, *(TINY if option == "--wide" else ()))
    assert done.code == MACHINE
    assert done.err.count("not saved: ") == 2
    assert done.err.count("what was measured is in its journal") == 2
    assert done.err.count("saved results") == (2 if option == "--wide" else 0)


@pytest.mark.parametrize(("options", "code"), [((), NOT_DONE), (("--wide",), MACHINE)])
def test_a_duel_that_may_not_be_saved_is_a_result_lost_behind_a_screen_alone(
    run, wide, monkeypatch, options, code
):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(duel_commands, "DuelRecording", refuse)
    done = run("duel", "old", "new", *TINY, *options)
    assert done.code == code
    assert "(Permission denied); name a folder that can be written" in done.err
    assert done.err.count("saved the screen: ") == (2 if options else 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), INTERRUPTED), (OSError(errno.EMFILE, "Too many open files"), MACHINE)],
)
def test_a_screen_that_ends_early_is_shown_and_saved(run, wide, monkeypatch, error, code):
    end_at(2, monkeypatch, error)
    done = run("duel", "old", "new", "--wide", *TINY)
    assert done.code == code
    assert "screened 1 of 2 cases" in done.err
    assert "fail in one build alone; none of it is confirmed" in done.err
    assert "what was measured so far is shown and saved" in done.err
    assert done.err.count("saved the screen: ") == 2
    for file in Path("results").glob("*/*.json"):
        saved = read_run(file)
        assert not saved.is_complete
        assert [row.case.workload for row in saved.rows()] == ["numpy.f0[d]-contiguous"]
        assert saved.section.census.screen.not_reached == ["numpy.f1[d]-contiguous-10000"]


def test_what_a_screen_did_not_reach_comes_early_in_the_next(run, wide, monkeypatch):
    """Of each function one cell comes first all the same."""
    names = [f"numpy.{name}-contiguous" for name in ("f0[d]", "f1[d]", "f0[e]", "f0[f]", "f1[e]")]
    listing = CellListing({"libraries": {}}, cells=[CensusCell(name, 10_000) for name in names])
    monkeypatch.setattr(wide_selection, "list_census", lambda *_: listing)
    with monkeypatch.context() as patched:
        end_at(4, patched, KeyboardInterrupt())
        assert run("duel", "old", "new", "--wide-only").code == INTERRUPTED
    first = list(dict.fromkeys(name for _, name in wide if name in names))
    assert first == [names[0], names[1], names[2]]
    wide.clear()
    done = run("duel", "old", "new", "--wide-only")
    assert done.code == WELL, done.err
    assert "screened early: 2 cells that the screen before did not reach\n" in done.err
    order = list(dict.fromkeys(name for _, name in wide if name in names))
    assert order == [names[0], names[1], names[4], names[3], names[2]]
    assert "screened early" not in run("duel", "old", "new", "--wide-only").err
    assert "screened early" not in run("duel", "old", "other", "--wide-only").err
