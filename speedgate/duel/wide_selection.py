"""What ``duel --wide`` adds: candidates of a screen of every cell of the census."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from speedgate.builds.build import Build
from speedgate.builds.package_copy import lent_folder
from speedgate.duel.census_selection import workload_of_cell
from speedgate.duel.matchup import DuelEntry
from speedgate.duel.wide_screen import WideScreen
from speedgate.judging.census_change import CensusDifference
from speedgate.measuring.census import (
    SERVE,
    Census,
    CensusStep,
    Open,
    chosen_cells,
    list_census,
)
from speedgate.measuring.plan import import_folders, reference
from speedgate.measuring.runner_process import Interpreter, RunnerClient, RunnerProcess
from speedgate.measuring.selection import OptionError, parse_seconds
from speedgate.measuring.suite import find_workload
from speedgate.runner.task import BatchRequest

DEFAULT_SCREEN_SECONDS = 180.0
BLAS_THREADS = 1
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
        raise OptionError("--wide: a screen sets two builds side by side; name two")
    if options.scale:
        raise OptionError("--wide screens NumPy's own functions; with --scale leave it out")
    return parse_seconds("--wide", options.wide) or DEFAULT_SCREEN_SECONDS


def screened(
    builds: Sequence[Build], seconds: float, on_step: Callable[[CensusStep], None]
) -> WideScreen:
    """Return the screen of two builds, once it is over."""
    folders = import_folders(find_workload("workloads:CONTROL", "--wide"))
    with lent_folder() as lent:
        openers: list[Open] = [
            partial(open_process, folders, build.interpreter(str(lent))) for build in builds
        ]
        cells = chosen_cells(list_census(openers[0], folders).cells, None)
        control = control_batch(folders)
        sides = [Census(cells, opener, folders, WORKERS, control) for opener in openers]
        screen = WideScreen(cells, sides, seconds, on_step)
        screen.run()
    return screen


def screened_entries(screen: WideScreen) -> list[DuelEntry]:
    """Return the entries by which a duel looks at what a screen has found."""
    return [
        DuelEntry(workload_of_cell(cell), cell.case(WORKERS), BLAS_THREADS)
        for cell in screen.candidates()
    ]


def screen_line(screen: WideScreen, difference: CensusDifference) -> str:
    """Say how far the screen came, and what it hands on."""
    return (
        f"screened {screen.reached} of {len(screen.cells)} cells: {len(difference.changes)} seem "
        f"to have changed, {len(screen.candidates())} of them join the duel"
    )


def open_process(folders: Sequence[str], interpreter: Interpreter) -> RunnerClient:
    """Open a runner of the census."""
    return RunnerProcess(folders, BLAS_THREADS, interpreter, serve=SERVE)


def control_batch(folders: Sequence[str]) -> BatchRequest:
    """Return the host control, which is measured beside the cells."""
    control = find_workload("workloads:CONTROL", "census")
    return BatchRequest(
        "control",
        reference(control.function),
        reference(control.prepare),
        size=1,
        seed=0,
        buffers=2,
        path=tuple(folders),
    )
