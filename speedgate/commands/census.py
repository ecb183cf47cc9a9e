"""The command `census`: every operation of NumPy, found by looking at it, and measured."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from speedgate.builds.build import open_build
from speedgate.builds.runners import interpreter_of
from speedgate.commands.arguments import (
    add_beside_others,
    add_results,
    columns,
    count,
    end_leftovers,
    notify,
    saving_in,
    show_json,
    show_lines,
    take_turn,
    telling_afterwards,
)
from speedgate.commands.early_end import (
    KEPT,
    NOTHING_YET,
    code_of_early_end,
    tell_of_early_end,
)
from speedgate.commands.progress_line import ProgressLine, step_text
from speedgate.history.census_recording import CensusRecording, is_census
from speedgate.history.census_side import cell_names, census_side, only_cells
from speedgate.history.document import Run, read_run
from speedgate.history.earlier_census import EarlierCensus, all_reached, find_earlier
from speedgate.history.identity import differences_besides
from speedgate.history.journal import recover
from speedgate.history.lookup import find_run
from speedgate.history.recording import whole_environment
from speedgate.judging.census_change import compare_censuses
from speedgate.judging.census_sides import (
    CensusComparison,
    called_differently,
    compared_sides,
)
from speedgate.measuring.census import (
    BLAS_THREADS,
    DEFAULT_BUDGET_SECONDS,
    CellListing,
    Census,
    CensusCell,
    census_folders,
    chosen_cells,
    control_batch,
    list_census,
    open_process,
)
from speedgate.measuring.ending import Early, ended_early
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.runner_process import RunnerClient
from speedgate.measuring.selection import OptionError, parse_seconds
from speedgate.measuring.targets import compile_expression
from speedgate.report.census import (
    cell_file,
    cell_records,
    census_lines,
    census_markdown,
    listing_lines,
)
from speedgate.report.census_difference import (
    difference_file,
    difference_markdown,
    difference_record,
    difference_text,
)
from speedgate.report.exit_code import ExitCode
from speedgate.report.table import Table, csv_rows, markdown
from speedgate.stats.figure import GIL_HELD_SHARE

FORMATS = ("text", "markdown", "json", "csv")
DEFAULT_WORKERS = 2
# What has no use for which options: a listing measures nothing, and a saved census asks no NumPy.
MEASURING = ("workers", "budget", "resume")
UNUSED = {"list": MEASURING, "show": (*MEASURING, "python"), "diff": (*MEASURING, "python")}

Json = dict[str, Any]


def add_census_command(commands: Any) -> None:
    command = commands.add_parser(
        "census",
        help="measure every operation of NumPy, or compare two censuses",
        description="Without an option, measures the cells of this NumPy, shows them and saves "
        "them. A cell is a function on a dtype or loop, in a layout.",
    )
    what = command.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the cells, measure nothing")
    what.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="what changed between two saved censuses"
    )
    what.add_argument("--show", metavar="RUN", help="show a saved census again")
    command.add_argument("-k", dest="expression", metavar="EXPR", help="only cells that match")
    command.add_argument("--python", metavar="BUILD", help="another Python, written as for a duel")
    command.add_argument("--workers", type=count, metavar="N", help=f"default: {DEFAULT_WORKERS}")
    command.add_argument(
        "--budget",
        metavar="SECONDS",
        help=f"list and measure for at most this long (default {DEFAULT_BUDGET_SECONDS:g})",
    )
    command.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest census that was cut short or has doubtful cells",
    )
    add_beside_others(command)
    command.add_argument("--details", action="store_true", help="every cell, or every change")
    command.add_argument("--format", choices=FORMATS, default="text")
    add_results(command)
    command.set_defaults(run=run_census)


def run_census(options: argparse.Namespace) -> int:
    """List, measure, show again or compare, as the options ask."""
    refuse_unused(options)
    if options.diff is not None:
        return show_difference(options)
    if options.show is not None:
        run = find_census(options.show, options.results)
        show_run(only_matching([run], options.expression)[0], options)
        return ExitCode.WELL
    options.workers = DEFAULT_WORKERS if options.workers is None else options.workers
    if options.workers < 2:
        raise OptionError("--workers: a census measures threads, so it needs two workers or more")
    budget = parse_seconds("--budget", options.budget) or DEFAULT_BUDGET_SECONDS
    if options.list:
        end_leftovers()
    else:
        take_turn(options)
    build = None
    if options.python is not None:
        build = open_build(options.python, notify=notify)
    with interpreter_of(build) as interpreter:
        folders = census_folders("census")
        opener = partial(open_process, folders, interpreter)
        listing = list_census(opener, folders)
        cells = chosen_cells(listing.cells, options.expression)
        if not cells:
            raise OptionError(nothing_chosen(options, listing))
        if options.list:
            show_listing(listing, cells, options)
            return ExitCode.WELL
        described = {} if build is None else build.environment
        left = max(0.0, budget - listing.seconds)  # one that hung took its share
        return measure(listing, cells, opener, folders, left, described, options)


def refuse_unused(options: argparse.Namespace) -> None:
    """Raise ``OptionError`` for an option that what is asked for would ignore."""
    for asked, others in UNUSED.items():
        for other in others:
            value = getattr(options, other)
            if getattr(options, asked) and value is not None and value is not False:
                raise OptionError(
                    f"--{other}: --{asked} has no use for it; leave one of the two out"
                )


def nothing_chosen(options: argparse.Namespace, listing: CellListing) -> str:
    if not listing.cells:
        return "census: this NumPy has no function that can be called; is it whole?"
    example = listing.cells[0].name
    return none_matches(options.expression, len(listing.cells), example)


def none_matches(expression: str, cells: int, example: str) -> str:
    return f"-k '{expression}' matches none of {cells} cells, such as {example}"


# --- measuring


def measure(
    listing: CellListing,
    cells: Sequence[CensusCell],
    opener: Callable[[], RunnerClient],
    folders: Sequence[str],
    budget: float,
    described: Json,
    options: argparse.Namespace,
) -> int:
    """Measure the cells, save the run and show it."""
    recover(options.results, notify)
    settings = {"census": True, "blas_threads": BLAS_THREADS, "workers": options.workers}
    environment = {**described, **listing.environment}
    earlier = EarlierCensus()
    if options.resume:
        whole = whole_environment(environment, settings)
        earlier = find_earlier(options.results, whole, listing, options.workers, notify)
    left, doubtful = cells_to_measure(cells, earlier, options.expression)
    expressions = earlier.expressions_with(options.expression)
    chosen = {"expressions": expressions, "cell_calls": earlier.calls_of(listing.cells)}
    with saving_in(options.results):
        recording = CensusRecording(
            options.results,
            environment,
            settings,
            listing.as_json() | earlier.told() | chosen,
            earlier.benchmarks.values(),
        )
    line, began = ProgressLine(), time.monotonic()

    def keep(measurements: list[Measurement]) -> None:
        recording.add(measurements)
        recording.tell(earlier.told(census, time.monotonic() - began))

    census = Census(
        left,
        opener,
        folders,
        options.workers,
        control_batch(folders, "census"),
        budget,
        BLAS_THREADS,
        lambda step: line.show(step_text(step)),
        keep,
        again=doubtful,
    )
    early = ended_early(census.run)
    line.close()
    tell_of_early_end(early, KEPT if census.measured or earlier.benchmarks else NOTHING_YET)
    tell_of_failures(census.failed, doubtful)
    told = earlier.told(census, time.monotonic() - began)
    reached = {*earlier.benchmarks, *census.measured, *told["failed"]}
    is_whole = early is None and all_reached(listing.cells, expressions, reached)
    told["cell_calls"] = earlier.calls_of(listing.cells, census.measured)
    return show_what_is_saved(*recording.finish(told, is_whole), early, options)


def show_what_is_saved(
    saved: Path | None, trouble: str, early: Early, options: argparse.Namespace
) -> int:
    """Show the run, or say why there is none; return the exit code."""
    if saved is not None:
        with telling_afterwards([f"saved {saved}"]):
            show_run(read_run(saved), options)
    elif trouble or early is None:
        notify(
            trouble or "nothing was measured: no cell could be called, or the time was too short"
        )
    if early is not None:
        return code_of_early_end(early)
    if trouble:
        return ExitCode.MACHINE
    return ExitCode.WELL if saved is not None else ExitCode.NOT_DONE


def tell_of_failures(failed: Mapping[str, str], again: Sequence[CensusCell]) -> None:
    """Say which cells failed that were measured before: their figures stand, as in one session."""
    for name in {cell.name for cell in again} & failed.keys():
        notify(f"{name} could not be measured again, its earlier figures stand: {failed[name]}")


def cells_to_measure(
    cells: Sequence[CensusCell], earlier: EarlierCensus, expression: str | None
) -> tuple[list[CensusCell], list[CensusCell]]:
    """Return the cells that an earlier census did not measure, what failed there last, and those of
    which it has no certain class, the shortest seen first.

    ``OptionError`` where ``--resume`` finds neither.
    """
    known = earlier.benchmarks
    left = [cell for cell in cells if cell.name not in known]
    doubtful = [cell for cell in cells if cell.name in known and is_doubtful(known[cell.name])]
    if not left and not doubtful:
        chosen = "" if expression is None else f" that -k '{expression}' chooses"
        raise OptionError(
            f"--resume: every cell{chosen} is measured, and its class certain; leave out --resume "
            "to measure anew"
        )
    return (
        sorted(left, key=lambda cell: cell.name in earlier.failed),
        sorted(doubtful, key=lambda cell: how_long_seen(known[cell.name])),
    )


def is_doubtful(benchmark: Json) -> bool:
    """Whether a cell of an earlier census has a class that is not certain."""
    kind = benchmark["extra_info"].get("gil_class")
    return kind is not None and not kind["certain"]


def how_long_seen(benchmark: Json) -> tuple[int, int]:
    """Return the samples and the rounds behind a class: a census that is resumed time and again
    comes to all that is doubtful."""
    held = benchmark["extra_info"].get(GIL_HELD_SHARE.key) or {}
    return held.get("count") or 0, benchmark["stats"]["rounds"]


# --- showing


def show_listing(
    listing: CellListing, cells: Sequence[CensusCell], options: argparse.Namespace
) -> None:
    """Show the cells that were chosen; of all of them what is not called, too."""
    if options.format == "json":
        names = [{"name": cell.name, "size": cell.size} for cell in cells]
        of_all = listing.as_json()
        del of_all["cell_names"], of_all["cell_calls"]
        show_json(of_all | {"cells": names})
    elif options.format == "text":
        chosen = cells if options.expression else None
        show_lines(listing_lines(listing, chosen))
    else:
        rows = tuple((cell.name, str(cell.size)) for cell in cells)
        show_table(Table(("cell", "size"), rows), options.format)


def show_table(table: Table, format_name: str) -> None:
    if format_name == "csv":
        sys.stdout.write(csv_rows((table.columns, *table.rows)))
    else:
        show_lines(markdown(table, code=0).splitlines())


def show_run(run: Run, options: argparse.Namespace) -> None:
    if options.format == "json":
        census = run.section.census
        show_json({"census": msgspec.to_builtins(census), "cells": cell_records(run.rows())})
    elif options.format == "csv":
        show_table(cell_file(run), "csv")
    elif options.format == "markdown":
        show_lines(census_markdown(run).splitlines())
    else:
        show_lines(census_lines(run, columns(), options.details))


def find_census(text: str, results: Path) -> Run:
    run = find_run(text, str(results), is_census, " is a census", notify)
    if not is_census(run):
        raise OptionError(f"'{text}' is not a census; 'speedgate census' makes one")
    return run


def only_matching(runs: Sequence[Run], expression: str | None) -> list[Run]:
    """Return saved censuses with no other cells than ``-k`` selects; ``OptionError`` for none."""
    if expression is None:
        return list(runs)
    matches = compile_expression(expression)
    names = sorted(set().union(*map(cell_names, runs)))
    if not any(map(matches, names)):
        example = names[0] if names else "none, since it has none"
        raise OptionError(none_matches(expression, len(names), example))
    return only_cells(runs, matches)


def show_difference(options: argparse.Namespace) -> int:
    """Show what changed between two saved censuses."""
    found = [find_census(text, options.results) for text in options.diff]
    before, now = only_matching(found, options.expression)
    sides = census_side(before), census_side(now)
    comparison = compared_sides(
        compare_censuses(before.rows(), now.rows(), called_differently(*sides)),
        *sides,
        differences_besides(before.environment, now.environment),
    )
    show_changes(comparison, options.format, options.details)
    return ExitCode.WELL


def show_changes(comparison: CensusComparison, format_name: str, details: bool) -> None:
    """Show what changed, or in a screen of two builds seems to have."""
    if format_name == "json":
        show_json(difference_record(comparison))
    elif format_name == "text":
        show_lines(difference_text(comparison, columns(), details))
    elif format_name == "csv":
        show_table(difference_file(comparison), "csv")
    else:
        show_lines(difference_markdown(comparison).splitlines())
