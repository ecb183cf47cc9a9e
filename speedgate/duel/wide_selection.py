"""What ``duel --wide`` adds: candidates of a screen of every cell of the census."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from speedgate.builds.build import Build
from speedgate.builds.package_copy import lent_folder
from speedgate.duel.census_selection import workload_of_cell
from speedgate.duel.matchup import DuelEntry
from speedgate.duel.wide_screen import MOST_CANDIDATES, WideScreen, candidates
from speedgate.judging.census_change import CensusDifference
from speedgate.measuring.census import (
    BLAS_THREADS,
    Census,
    CensusStep,
    Open,
    census_folders,
    chosen_cells,
    control_batch,
    list_census,
    open_process,
)
from speedgate.measuring.selection import OptionError, parse_seconds

DEFAULT_SCREEN_SECONDS = 180.0
WORKERS = 2


def add_wide_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--wide",
        nargs="?",
        const=str(DEFAULT_SCREEN_SECONDS),
        metavar="SECONDS",
        help="first screen the cells of the census in two builds (default "
        f"{DEFAULT_SCREEN_SECONDS:g} seconds); what seems to have changed joins the duel",
    )
    command.add_argument(
        "--wide-only", action="store_true", help="screen, and show what seems to have changed"
    )


def screen_seconds(options: argparse.Namespace) -> float | None:
    """Return for how long a duel screens, ``None`` if it does not."""
    if options.wide is None and not options.wide_only:
        return None
    if len(options.builds) != 2:
        raise OptionError("--wide: a screen compares two builds; name two")
    if options.scale:
        raise OptionError("--wide screens NumPy's own functions; with --scale leave it out")
    return parse_seconds("--wide", options.wide) or DEFAULT_SCREEN_SECONDS


def screened(
    builds: Sequence[Build], seconds: float, on_step: Callable[[CensusStep], None]
) -> WideScreen:
    """Return the screen of two builds, once it is over."""
    folders = census_folders("--wide")
    with lent_folder() as lent:
        openers: list[Open] = [
            partial(open_process, folders, build.interpreter(str(lent))) for build in builds
        ]
        cells = chosen_cells(list_census(openers[0], folders).cells, None)
        control = control_batch(folders, "--wide")
        sides = [Census(cells, opener, folders, WORKERS, control) for opener in openers]
        screen = WideScreen(cells, sides, seconds, on_step)
        screen.run()
    return screen


def screened_entries(difference: CensusDifference) -> list[DuelEntry]:
    """Return the entries by which a duel looks at what a screen has found."""
    return [
        DuelEntry(workload_of_cell(cell), cell.case(WORKERS), BLAS_THREADS)
        for cell in candidates(difference)
    ]


def screen_line(screen: WideScreen, difference: CensusDifference) -> str:
    """Say how far the screen came, and what it hands on."""
    changed = len(difference.changes)
    return (
        f"screened {screen.reached} of {len(screen.cells)} cells: {changed} seem "
        f"to have changed, {min(changed, MOST_CANDIDATES)} of them join the duel"
    )
