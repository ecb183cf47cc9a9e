"""The screen of two builds, on made-up runners, and what a duel takes from it."""

import argparse
import json
from types import SimpleNamespace

import pytest
from helpers.screens import FakeBuild, cells_of

from speedgate.duel.findings import ScreenSummary
from speedgate.duel.screen_recording import ScreenRecording
from speedgate.duel.suspicion import of_each_function_in_turn, suspicion_of
from speedgate.duel.wide_screen import CANDIDATES, WideScreen
from speedgate.duel.wide_selection import (
    add_wide_selection,
    functions_only_in,
    screen_difference,
    screen_line,
    screen_seconds,
    screen_summary,
    screened_cells,
    screened_entries,
)
from speedgate.history.census_recording import is_census
from speedgate.history.census_side import census_side
from speedgate.history.document import read_run
from speedgate.measuring.census import CellListing, CensusCell, called_differently
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.screen_side import ScreenSide
from speedgate.measuring.selection import OptionError
from speedgate.stats.case import Case
from speedgate.stats.sample import Pair, Round

BUDGET = 780.0


def screen_of(cells, first, second, **more):
    log = []
    sides = [
        ScreenSide(lambda: FakeBuild("A", log, **first), []),
        ScreenSide(lambda: FakeBuild("B", log, **second), []),
    ]
    screen = WideScreen(cells, sides, more.pop("budget", 100.0), **more)
    screen.run()
    return screen, log


def suspected(screen):
    return [suspicion.case.workload for suspicion in screen.suspicions()]


def test_two_builds_that_are_the_same_hand_nothing_on():
    screen, log = screen_of(cells_of(3), {}, {})
    assert suspected(screen) == []
    assert screen_difference(screen).difference.compared == 3
    assert log.count(("closed", "A")) == log.count(("closed", "B")) == 1  # nothing to see again


class Lying(FakeBuild):
    """Answers to a look at one cell what nothing can have taken."""

    def __init__(self, log, name, **lies):
        super().__init__("B", log)
        self.at, self.lies = name, lies

    def ask(self, request, limit_seconds):
        answer = super().ask(request, limit_seconds)
        if request.get("name") == self.at:
            for part, lie in self.lies.items():
                answer[part] = answer[part] | lie
        return answer


AT_ONCE, BACKWARDS = ({"seconds": seconds, "on_cpu": 0.0} for seconds in (0.0, -0.01))


@pytest.mark.parametrize(
    "lies",
    [
        {"opened": {"loops": 0}},
        {"opened": {"call_seconds": -1.0}},
        {"counted": {"pairs": []}},
        {"counted": {"pairs": 3 * [{"baseline": AT_ONCE, "contender": AT_ONCE}]}},
        {"counted": {"pairs": 3 * [{"baseline": BACKWARDS, "contender": BACKWARDS}]}},
    ],
    ids=["no loops", "a call before it began", "no rounds", "no time", "time runs back"],
)
def test_a_look_that_cannot_be_costs_its_case_alone(lies):
    cells, log = cells_of(3), []
    name = cells[1].name
    sides = [
        ScreenSide(lambda: FakeBuild("A", log), []),
        ScreenSide(lambda: Lying(log, name, **lies), []),
    ]
    screen = WideScreen(cells, sides, 100.0)
    screen.run()
    assert screen.reached == 3
    assert suspected(screen) == []
    assert [case.workload for case in screen.failed_in_one()] == [name]
    (why,) = sides[1].unseen().values()
    assert why.startswith("the runner's answer to 'look' cannot be used (")


def test_the_builds_take_turns_in_which_is_first():
    _, log = screen_of(cells_of(3), {}, {})
    assert [name for name, what in log if what.startswith("numpy")] == list("ABBAAB")


def test_what_takes_longer_is_seen_again_in_fresh_processes_and_handed_on():
    cells = cells_of(4)
    slower, much_slower = cells[1].name, cells[3].name
    screen, log = screen_of(cells, {}, {"seconds": {slower: 0.026, much_slower: 0.05}})
    assert suspected(screen) == [much_slower, slower]
    assert log.count(("B", slower)) == 2
    assert log.index(("closed", "B")) < len(log) - 1 - log[::-1].index(("B", slower))
    line = screen_line(screen)
    assert line.startswith("screened 4 of 4 cases in ")
    assert "2 of them twice: 2 seem to have changed" in line
    changes = screen_difference(screen).difference.changes
    assert [change.factor for change in changes] == pytest.approx([2.5, 1.3], rel=1e-3)
    assert not any(change.is_certain for change in changes)
    # What a duel takes is a cell of this NumPy, whichever it is.
    assert [entry.case.workload for entry in screened_entries(screen)] == [much_slower, slower]


def test_what_a_second_look_does_not_show_again_is_dropped():
    cells = cells_of(2)
    screen, log = screen_of(cells, {}, {"once": [cells[0].name]})
    assert log.count(("B", cells[0].name)) == 2
    assert suspected(screen) == []


def test_a_cell_that_ends_one_build_is_the_first_that_a_duel_looks_at():
    cells = cells_of(4)
    first = {"dies_at": [cells[2].name]}
    second = {"dies_at": [cell.name for cell in cells[1:3]], "seconds": {cells[0].name: 0.05}}
    screen, _ = screen_of(cells, first, second)
    comparison = screen_difference(screen)
    assert comparison.difference.compared == 2
    lacking = comparison.lacking_now
    assert lacking.failed == {f"{cells[1].name}-1e4": "the interpreter ended by signal SIGSEGV"}
    assert (lacking.cells, lacking.unmeasured, lacking.unknown) == ((), (), ())
    handed_on = [entry.case.workload for entry in screened_entries(screen)]
    assert handed_on == [cells[1].name, cells[0].name]
    assert "1 seem to have changed, 1 fail in one build alone" in screen_line(screen)
    assert screen_summary(screen) == ScreenSummary(4, 4, suspected=1, failed_in_one=1)


def test_functions_that_only_one_build_has_are_told():
    cells = cells_of(3)
    assert functions_only_in(CellListing(cells=cells), CellListing(cells=cells[1:])) == ["numpy.f0"]
    assert functions_only_in(CellListing(cells=cells[1:]), CellListing(cells=cells)) == []


def test_no_more_are_handed_on_than_a_duel_has_time_for():
    cells = cells_of(CANDIDATES + 5)
    screen, _ = screen_of(cells, {}, {"seconds": {cell.name: 0.03 for cell in cells}})
    assert len(suspected(screen)) == len(cells)
    assert len(screened_entries(screen)) == CANDIDATES
    assert len(screened_entries(screen, most=2)) == 2
    line = screen_line(screen, most=2)
    assert line.endswith(
        "65 seem to have changed, 0 fail in one build alone; at most 2 of them join a duel"
    )


def test_of_each_function_the_first_case_comes_first():
    names = ["a[d]", "a[f]", "a[l]", "a.reduce[d]", "b[d]"]
    cases = [Case(name, 10, "threads", 2) for name in names]
    ordered = [case.workload for case in of_each_function_in_turn(cases)]
    assert ordered == ["a[d]", "a.reduce[d]", "b[d]", "a[f]", "a[l]"]


def test_of_each_function_the_surest_case_is_handed_on_first():
    times = {"a[d]": 0.05, "a[f]": 0.07, "a[l]": 0.06, "b[d]": 0.04}
    cells = [CensusCell(name, 10) for name in times]
    screen, _ = screen_of(cells, {}, {"seconds": times})
    assert [case.workload for case in screen.candidates()] == ["a[f]", "b[d]", "a[l]", "a[d]"]


def test_what_fails_is_handed_on_in_the_order_of_the_screen_one_of_each_function_first():
    functions = [f"numpy.f{number}" for number in range(9)]
    names = [f"{function}[{dtype}]" for function in functions for dtype in "df"]
    first = {"dies_at": names[2:4]}
    screen, _ = screen_of([CensusCell(name, 10) for name in names], first, {"dies_at": names[4:]})
    assert [case.workload for case in screen.failed_in_one()] == names[2:]
    assert [case.workload for case in screen.candidates()] == names[2::2] + names[3::2]


@pytest.mark.parametrize(
    ("most", "changed", "failed"), [(6, 9, 3), (5, 9, 3), (1, 9, 1), (6, 1, 5), (99, 9, 20)]
)
def test_what_fails_leaves_half_the_places_to_what_changed(most, changed, failed):
    cells = cells_of(20 + changed)
    second = {
        "dies_at": [cell.name for cell in cells[:20]],
        "seconds": {cell.name: 0.03 for cell in cells[20:]},
    }
    screen, _ = screen_of(cells, {}, second)
    handed_on = [case.workload for case in screen.candidates(most)]
    assert handed_on[:failed] == second["dies_at"][:failed]
    assert set(handed_on[failed:]) <= second["seconds"].keys()
    assert len(handed_on) == min(most, len(cells))


def test_a_screen_ends_with_its_time_and_says_what_it_did_not_reach():
    ticks = iter(range(1000))
    cells = cells_of(50)
    screen, _ = screen_of(cells, {}, {}, budget=5.0, now=lambda: float(next(ticks)))
    assert 0 < screen.reached < 50
    assert screen.not_reached == cells[screen.reached :]
    assert f"not reached, from {cells[screen.reached].name} on" in screen_line(screen)


def test_a_case_with_a_size_is_screened_at_each():
    cells = [CensusCell("sort", 500), CensusCell("sort", 100_000)]
    screen, _ = screen_of(cells, {}, {})
    assert len(screen.sides[0].measured) == 2


def test_a_screen_has_the_catalogue_at_all_its_sizes_and_the_cells_of_both_builds():
    cells = cells_of(3)
    cases = screened_cells([CellListing(cells=cells), CellListing(cells=cells[1:])])
    assert [cell for cell in cases if cell.name.startswith("numpy.")] == cells[1:]
    assert {cell.size for cell in cases if cell.name == "sort"} == {500, 10_000, 100_000}
    # A duel's own sizes are no other ones.
    assert {cell.size for cell in cases if cell.name == "svd"} == {16, 2_500, 22_500, 40_000}


def test_a_cell_that_the_two_call_differently_is_not_screened():
    names = [f"numpy.f{number}[d]-contiguous" for number in range(5)]
    # Of the last two one is not known; the one before them is of another rule.
    calls = [("a", "a"), ("a", "b"), ("2-a", "b"), ("", "b"), ("a", "")]
    one, other = (
        CellListing(
            cells=[CensusCell(name, 10, of[side]) for name, of in zip(names, calls, strict=True)]
        )
        for side in (0, 1)
    )
    assert [cell.name for cell in called_differently(one, other)] == [names[1]]
    screened = [cell.name for cell in screened_cells([one, other])]
    assert [name for name in screened if name in names] == [names[0], *names[2:]]


@pytest.mark.parametrize(
    ("one", "two", "is_one"),
    [
        ([1.0, 1.0, 1.0], [1.2, 1.2, 1.2], True),
        ([1.0, 1.0, 1.0], [1.05, 1.05, 1.05], False),  # within the margin
        ([1.0, 1.0, 1.0], [0.8, 0.8, 0.8], True),
    ],
)
def test_what_lies_beyond_the_margin_is_suspected(one, two, is_one):
    assert suspicion_of(looked(one), looked(two)).is_one is is_one


def test_what_scatters_weighs_less_and_what_was_seen_once_comes_last():
    steady = suspicion_of(looked([1, 1, 1]), looked([1.3, 1.3, 1.3]))
    restless = suspicion_of(looked([0.9, 1, 1.1]), looked([1.2, 1.3, 1.4]))
    assert steady.rank < restless.rank
    twice = suspicion_of(looked([1, 1, 1], [1, 1]), looked([1.2] * 3, [1.2, 1.2]))
    assert twice.rank < steady.rank
    assert suspicion_of(looked([]), looked([1, 1])) is None


def looked(*processes):
    measurement = Measurement(Case("numpy.sort[d]-contiguous", 100, "threads", 2))
    measurement.processes = [
        [Pair(Round(2.0 * seconds, 0.0), Round(float(seconds), 0.0)) for seconds in process]
        for process in processes
    ]
    return measurement


def test_a_screen_is_saved_as_a_short_census_of_each_build(tmp_path):
    cells = cells_of(3)
    slower = cells[1].name
    screen, _ = screen_of(cells[:2], {}, {"seconds": {slower: 0.03}})
    screen.cells = cells  # of which the last was not reached
    builds = [
        SimpleNamespace(label=label, environment={"libraries": {}}, variables={})
        for label in ("one", "other")
    ]
    recording = ScreenRecording(builds, [CellListing(), CellListing()], screen.sides, tmp_path)
    recording.add(cells)
    # In the second build another case had no look that saw anything.
    screen.sides[1].failed[cells[2].case(2)] = "MemoryError"
    failed = [{}, {f"{cells[2].name}-1e4": "MemoryError"}]
    files, troubles = recording.finish(screen, is_over=True)
    assert not troubles
    for file in files:
        run = read_run(file)
        assert is_census(run)
        assert not run.is_complete
        assert len(run.rows()) == 2
        assert census_side(run).failed == failed.pop(0)
        kept = run.section.census.screen
        assert kept.builds == ["one", "other"]
        assert kept.not_reached == [f"{cells[2].name}-10000"]
        (suspect,) = kept.suspected
        assert suspect.factors == pytest.approx([1.5, 1.5], rel=1e-3)
    assert {json.loads(file.read_text())["speedgate"]["environment"]["settings"]["build"]
            for file in files} == {"one", "other"}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, None),
        ({"wide": "180"}, 180.0),
        ({"wide": "60", "wide_only": True}, 60.0),
        ({"wide_only": True}, 180.0),
        ({"wide": "900", "wide_only": True}, 900.0),
        ({"wide_only": True, "budget": "60"}, 60.0),
        ({"wide": "900", "wide_only": True, "budget": "60"}, 60.0),
        ({"wide": "40", "wide_only": True, "budget": "60"}, 40.0),
        ({"wide": "40", "budget": "60"}, 40.0),
    ],
)
def test_how_long_a_duel_screens(given, seconds):
    budget = float(given.get("budget", BUDGET))
    assert screen_seconds(options_of(**given), budget) == seconds


@pytest.mark.parametrize(
    "given",
    [
        {"wide": "soon"},
        {"wide": "9", "builds": ["a", "b", "c"]},
        {"wide": "780", "budget": "780"},
        {"wide_only": True, "scale": ["tests"]},
    ],
)
def test_what_cannot_be_screened_is_refused(given):
    with pytest.raises(OptionError, match="--wide"):
        screen_seconds(options_of(**given), BUDGET)


def options_of(**given):
    return argparse.Namespace(
        **(
            {"wide": None, "wide_only": False, "builds": ["a", "b"], "scale": None, "budget": None}
            | given
        )
    )


def test_a_build_behind_wide_is_not_taken_for_its_seconds(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("builds", nargs="*")
    add_wide_selection(parser)
    assert parser.parse_args(["old", "new", "--wide"]).wide == "180.0"
    assert parser.parse_args(["--wide", "60", "old", "new"]).wide == "60"
    with pytest.raises(SystemExit):
        parser.parse_args(["--wide", "numpy==2.3.5", "numpy==2.4.6"])
    said = capsys.readouterr().err
    assert "'numpy==2.3.5' is not a duration; name the builds before --wide" in said
