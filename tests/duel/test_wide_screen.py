"""The screen of two builds, on made-up runners, and what a duel takes from it."""

import argparse

import pytest

from speedgate.duel.wide_screen import MOST_CANDIDATES, WideScreen, candidates
from speedgate.duel.wide_selection import screen_line, screen_seconds, screened_entries
from speedgate.measuring.census import Census, CensusCell
from speedgate.measuring.errors import RunnerEnded
from speedgate.measuring.selection import OptionError
from speedgate.runner import census_messages, messages
from speedgate.runner.messages import HeldSeen, encode


class FakeBuild:
    """Answers as a runner of the census: each cell takes what is said of it, in seconds."""

    def __init__(self, name, log, seconds=None, held=None, dies_at=()):
        self.name, self.log, self.dies_at = name, log, dies_at
        self.seconds, self.held = seconds or {}, held or {}
        self.cell_name = ""

    def ask(self, request, limit_seconds):
        return encode(getattr(self, request["do"])(request))

    def close(self):
        self.log.append(("closed", self.name))

    def open(self, request):
        return messages.Opened()

    def cell(self, request):
        self.cell_name = request["name"]
        self.log.append((self.name, self.cell_name))
        if self.cell_name in self.dies_at:
            raise RunnerEnded("cell", "by signal SIGSEGV")
        return census_messages.CellOpened(0.001, 2, 1)

    def rounds(self, request):
        seconds = self.seconds.get(self.cell_name, 0.02)
        pairs = [
            messages.PairCounts(
                messages.RoundCounts(seconds=2 * seconds + (-1) ** number * 1e-6, on_cpu=seconds),
                messages.RoundCounts(seconds=seconds + (-1) ** number * 1e-6, on_cpu=2 * seconds),
            )
            for number in range(request["pairs"])
        ]
        return messages.Counted(0.1, 0.1, pairs=pairs)

    def drop(self, request):
        return messages.Done()

    def sample(self, request):
        return census_messages.CellsSampled(
            [
                HeldSeen((self.held.get(name, 1), 100), 100, 0.0, 0.05)
                for name, _ in request["cells"]
            ]
        )


def cells_of(count):
    return [CensusCell(f"numpy.f{number}[d]-contiguous", 10_000) for number in range(count)]


def screen_of(cells, first, second, **more):
    log = []
    sides = [
        Census(cells, lambda: FakeBuild("A", log, **first), []),
        Census(cells, lambda: FakeBuild("B", log, **second), []),
    ]
    screen = WideScreen(cells, sides, more.pop("budget", 100.0), **more)
    screen.run()
    return screen, log


def test_two_builds_that_are_the_same_hand_nothing_on():
    screen, log = screen_of(cells_of(3), {}, {})
    difference = screen.difference()
    assert candidates(difference) == []
    assert difference.compared == 3
    assert log.count(("closed", "A")) == log.count(("closed", "B")) == 1


def test_the_builds_take_turns_in_which_is_first():
    cells = cells_of(3)
    _, log = screen_of(cells, {}, {})
    assert [name for name, what in log if what.startswith("numpy")] == list("ABBAAB")


def test_what_holds_the_gil_now_or_takes_longer_is_handed_on():
    cells = cells_of(4)
    slower, holds = cells[1].name, cells[3].name
    screen, _ = screen_of(cells, {}, {"seconds": {slower: 0.026}, "held": {holds: 99}})
    difference = screen.difference()
    assert candidates(difference) == [cells[3], cells[1]]
    line = screen_line(screen, difference)
    assert line == "screened 4 of 4 cells: 2 seem to have changed, 2 of them join the duel"
    # What a duel takes is a cell of this NumPy, whichever it is.
    assert [entry.case.workload for entry in screened_entries(difference)] == [holds, slower]


def test_a_cell_that_ends_one_build_is_not_compared():
    cells = cells_of(3)
    screen, _ = screen_of(cells, {}, {"dies_at": [cells[1].name]})
    difference = screen.difference()
    assert difference.compared == 2
    assert difference.only_before == (f"{cells[1].name}-1e4-threads-2",)


def test_no_more_are_handed_on_than_a_duel_has_time_for():
    cells = cells_of(MOST_CANDIDATES + 5)
    screen, _ = screen_of(cells, {}, {"seconds": {cell.name: 0.03 for cell in cells}})
    difference = screen.difference()
    assert len(difference.changes) == len(cells)
    assert len(candidates(difference)) == MOST_CANDIDATES
    assert f"{MOST_CANDIDATES} of them join" in screen_line(screen, difference)


def test_a_screen_ends_with_its_time():
    ticks = iter(range(1000))
    screen, _ = screen_of(cells_of(50), {}, {}, budget=5.0, now=lambda: float(next(ticks)))
    assert 0 < screen.reached < 50


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, None),
        ({"wide": "180"}, 180.0),
        ({"wide": "60", "wide_only": True}, 60.0),
        ({"wide_only": True}, 180.0),
    ],
)
def test_how_long_a_duel_screens(given, seconds):
    assert screen_seconds(options_of(**given)) == seconds


@pytest.mark.parametrize(
    "given",
    [
        {"wide": "soon"},
        {"wide": "9", "builds": ["a", "b", "c"]},
        {"wide_only": True, "scale": ["tests"]},
    ],
)
def test_what_cannot_be_screened_is_refused(given):
    with pytest.raises(OptionError, match="--wide"):
        screen_seconds(options_of(**given))


def options_of(**given):
    return argparse.Namespace(
        **({"wide": None, "wide_only": False, "builds": ["a", "b"], "scale": None} | given)
    )
