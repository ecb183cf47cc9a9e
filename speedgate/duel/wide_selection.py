"""What ``duel --wide`` adds: candidates of a screen of every cell, and of the whole catalogue."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp

from speedgate.builds.build import Build
from speedgate.builds.package_copy import lent_folder
from speedgate.duel.census_selection import workload_of_cell
from speedgate.duel.findings import ScreenSummary
from speedgate.duel.matchup import DuelEntry
from speedgate.duel.screen_recording import ScreenRecording, sized_name
from speedgate.duel.wide_screen import CANDIDATES, WideScreen
from speedgate.judging.census_change import COST, CensusChange, CensusDifference
from speedgate.judging.census_sides import CensusComparison, CensusSide, compared_sides
from speedgate.measuring.census import (
    BLAS_THREADS,
    CellListing,
    CensusCell,
    CensusStep,
    Open,
    called_differently,
    census_folders,
    chosen_cells,
    list_census,
    open_process,
)
from speedgate.measuring.ending import Early, ended_early
from speedgate.measuring.measured_row import measured_row
from speedgate.measuring.name_list import listed
from speedgate.measuring.screen_side import ScreenSide
from speedgate.measuring.selection import OptionError, parse_seconds
from speedgate.measuring.suite import find_workload
from speedgate.stats.case import Workload


@dataclass(frozen=True)
class Screened:
    """A screen, what ended it ``early``, and the ``troubles`` of saving it, in words."""

    screen: WideScreen
    early: Early
    troubles: list[str]


OpenScreenRecording = Callable[[Sequence[CellListing], Sequence[ScreenSide]], ScreenRecording]

DEFAULT_SCREEN_SECONDS = 180.0
# What a duel takes for a candidate of the screen: four blocks, and those that confirm it.
CANDIDATE_SECONDS = 4.0
# What chooses the cases of a duel, bounds it or judges it: a screen alone would ignore it.
OF_THE_DUEL = (
    *("workloads", "sizes", "strategies", "workers", "oversubscribe", "blas_threads"),
    *("candidates", "time_limit", "fail_on_worse"),
)
# Of the functions that only one build has, and of the cells that two call differently.
NAMED = 6


def add_wide_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--wide",
        nargs="?",
        type=seconds_and_no_build,
        const=str(DEFAULT_SCREEN_SECONDS),
        metavar="SECONDS",
        help="first screen the catalogue and the cells of the census in two builds, as many as "
        f"there is time to list and look at (default {DEFAULT_SCREEN_SECONDS:g} seconds, part of "
        "what --budget says: roughly half to two thirds of them on two cores); what seems to have "
        "changed joins the duel",
    )
    command.add_argument(
        "--candidates",
        metavar="COUNT",
        help=f"how many of the suspects of a screen join the duel (default {CANDIDATES}); each "
        f"beyond those adds {CANDIDATE_SECONDS:g} seconds, unless --budget says all",
    )
    command.add_argument(
        "--wide-only",
        action="store_true",
        help="screen, for no longer than --budget with the listing of the cells, and show what "
        "seems to have changed",
    )


def seconds_and_no_build(text: str) -> str:
    """Refuse a build that stands behind ``--wide``: it would be taken for the seconds."""
    if not text[:1].isdigit() and not text.startswith(("-", ".")):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a duration; name the builds before --wide, or write --wide=SECONDS"
        )
    return text


def refuse_useless_wide(options: argparse.Namespace) -> None:
    """Raise ``OptionError`` for an option that a screen alone, or a duel without one, ignores."""
    for name in OF_THE_DUEL if options.wide_only else ():
        if getattr(options, name) not in (None, False):
            raise OptionError(
                f"--{name.replace('_', '-')} is for the duel, which --wide-only ends before; "
                "leave out one of them"
            )
    if options.candidates is not None and options.wide is None:
        raise OptionError("--candidates chooses among the suspects of a screen; add --wide")


def screen_seconds(options: argparse.Namespace, budget: float) -> float | None:
    """Return for how long a duel of ``budget`` seconds screens, ``None`` if it does not."""
    if options.wide is None and not options.wide_only:
        return None
    if len(options.builds) != 2:
        raise OptionError("--wide: a screen compares two builds; name two")
    if options.scale:
        raise OptionError("--wide screens NumPy's own functions; with --scale leave it out")
    seconds = parse_seconds("--wide", options.wide) or DEFAULT_SCREEN_SECONDS
    if options.budget is None:
        return seconds
    if options.wide_only:
        return min(seconds, budget)
    if seconds >= budget:
        raise OptionError(
            f"--wide: of --budget {budget:g} nothing is left after {seconds:g} s to confirm "
            "anything; raise --budget, or screen with --wide-only"
        )
    return seconds


def added_seconds(screening: float, most: int) -> float:
    """Return by how much a screen and its ``most`` candidates lengthen a duel's default budget."""
    return screening + CANDIDATE_SECONDS * max(0, most - CANDIDATES)


def screened(
    builds: Sequence[Build],
    seconds: float,
    open_recording: OpenScreenRecording,
    waiting: Sequence[str],
    on_step: Callable[[CensusStep], None],
    notify: Callable[[str], None],
) -> Screened:
    """Return the screen of two builds once it is over, and saved as far as there is room. It takes
    ``seconds``, with the listing of their cells.

    ``waiting`` are the cells that the screen before did not reach, by their sized names.
    """
    folders = census_folders("--wide")
    with lent_folder() as lent:
        openers: list[Open] = [
            partial(open_process, folders, build.interpreter(str(lent))) for build in builds
        ]
        listings = [list_census(opener, folders) for opener in openers]
        sides = [ScreenSide(opener, folders) for opener in openers]
        for build, listing, other in zip(builds, listings, listings[::-1], strict=True):
            if paths := functions_only_in(listing, other):
                notify(f"only {build.label} has {listed(paths, NAMED)}")
            if lost := [name for name in listing.lost if name not in other.lost]:
                notify(f"not compared, since {build.label} fails to list it: {listed(lost, NAMED)}")
        if cells := called_differently(*listings):
            names = listed([cell.name for cell in cells], NAMED)
            notify(f"not compared, since the two call it differently: {names}")
        recording = open_recording(listings, sides)
        cells = screened_cells(listings, waiting)
        left = max(0.0, seconds - sum(listing.seconds for listing in listings))
        screen = WideScreen(cells, sides, left, on_step, recording.add)
        early = ended_early(screen.run)
    saved, troubles = recording.finish(screen, is_over=early is None)
    for line in [*(f"saved the screen: {path}" for path in saved), *troubles]:
        notify(line)
    return Screened(screen, early, troubles)


def screened_cells(
    listings: Sequence[CellListing], waiting: Sequence[str] = ()
) -> list[CensusCell]:
    """Return the cases of the catalogue, then the cells that both builds have and call alike: one
    of each function, then those that are ``waiting``, then the rest."""
    cases: Callable[[], list[tuple[str, int]]] = find_workload(
        "workloads.census.screened:catalogue_cases", "--wide"
    )
    common = set.intersection(*(set(listing.cells) for listing in listings))
    common -= set(called_differently(*listings))
    cells = chosen_cells([cell for cell in listings[0].cells if cell in common], None)
    functions = len({cell.path for cell in cells})
    turns = {name: turn for turn, name in enumerate(waiting)}
    rest = sorted(cells[functions:], key=lambda cell: turns.get(sized_name(cell), len(turns)))
    return [*(CensusCell(name, size) for name, size in cases()), *cells[:functions], *rest]


def functions_only_in(listing: CellListing, other: CellListing) -> list[str]:
    """Return the functions that have cells in one build and none in the other one."""
    theirs = {cell.path for cell in other.cells}
    return list(dict.fromkeys(cell.path for cell in listing.cells if cell.path not in theirs))


def screened_entries(screen: WideScreen, most: int = CANDIDATES) -> list[DuelEntry]:
    """Return the entries by which a duel looks at ``most`` of what a screen has found."""
    catalogue: dict[str, Workload] = find_workload("workloads:CATALOGUE", "--wide")
    return [
        DuelEntry(
            catalogue.get(case.workload) or workload_of_cell(CensusCell(case.workload, case.size)),
            case,
            BLAS_THREADS,
        )
        for case in screen.candidates(most)
    ]


def screen_difference(screen: WideScreen) -> CensusComparison:
    """Return what seems to have changed, of which none is certain, and what one build failed at."""
    first, other = (side.measured for side in screen.sides)
    changes = [
        CensusChange(
            measured_row(first[one.case]),
            measured_row(other[one.case]),
            COST,
            is_certain=False,
            factor=exp(one.changes[-1]),  # what was chosen for its first look exaggerates there
        )
        for one in screen.suspicions()
    ]
    one_only, other_only = (
        tuple(case.work for case in side if case not in against)
        for side, against in ((first, other), (other, first))
    )
    compared = len(first.keys() & other.keys())
    difference = CensusDifference(tuple(changes), compared, one_only, other_only)
    before, now = (_side(side, screen.cells) for side in screen.sides)
    return compared_sides(difference, before, now)


def _side(side: ScreenSide, cells: Sequence[CensusCell]) -> CensusSide:
    """What a build says of the cells of a screen, which both builds have."""
    return CensusSide(
        {case.work for case in side.measured},
        {case.work: why for case, why in side.unseen().items()},
        {cell.work for cell in cells},
    )


def screen_summary(screen: WideScreen) -> ScreenSummary:
    """Return what a duel keeps of its screen."""
    return ScreenSummary(
        len(screen.cells), screen.reached, len(screen.suspicions()), len(screen.failed_in_one())
    )


def screen_line(screen: WideScreen, most: int = CANDIDATES) -> str:
    """Say how far the screen came, and that at most ``most`` of what it found join a duel."""
    changed, failed = len(screen.suspicions()), len(screen.failed_in_one())
    left = len(screen.not_reached)
    rest = f"; {left} were not reached, from {screen.not_reached[0].name} on" if left else ""
    joining = f"at most {most} of them join a duel" if most else "none of it is confirmed"
    return (
        f"screened {screen.reached} of {len(screen.cells)} cases in {screen.seconds:.0f} s, "
        f"{screen.again} of them twice{rest}: {changed} seem to have changed, {failed} fail in one "
        f"build alone; {joining}"
    )
