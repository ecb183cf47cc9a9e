"""The command `map`: which operations release the GIL, and from which size threads pay."""

from __future__ import annotations

import argparse
from typing import Any

from speedgate.builds.build import open_build
from speedgate.commands.arguments import (
    add_format,
    add_run,
    columns,
    notify,
    show_json,
    show_lines,
)
from speedgate.history.census_recording import is_census
from speedgate.history.format import HistoryError
from speedgate.history.identity import build_of, same_python
from speedgate.history.lookup import find_run
from speedgate.judging.gil_map import operations
from speedgate.report.map import map_lines, markdown_map
from speedgate.report.records import map_record
from speedgate.report.scale import is_scale
from speedgate.report.summary import environment_line, origin_lines
from speedgate.report.table import wrapped


def add_map_command(commands: Any) -> None:
    command = commands.add_parser(
        "map", help="show which operations release the GIL, and where threads pay"
    )
    add_run(command)
    add_format(command)
    command.add_argument(
        "--python", metavar="BUILD", help="the newest map of another Python, written as for a duel"
    )
    command.add_argument("--details", action="store_true", help="every figure of every case")
    command.set_defaults(run=run_map)


def run_map(options: argparse.Namespace) -> int:
    """Show the map of a run; of a folder, the newest run that has one."""
    build = None if options.python is None else open_build(options.python, notify=notify)
    of_it = "" if build is None else f" of {build_of(build.environment)}"
    maker = "" if build is None else " --python ..."
    run = find_run(
        options.source,
        options.history,
        lambda run: (
            bool(operations(run.rows()))
            and not is_census(run)
            and not is_scale(run)
            and (build is None or same_python(run.environment, build.environment))
        ),
        f" has a map{of_it}; 'pytest bench/bench_gil_map.py{maker}' makes one",
        notify,
    )
    if is_scale(run):
        raise HistoryError(
            f"{run.name} is a run of `speedgate scale`, whose benchmarks have no size: "
            f"`speedgate report {run.name}` shows it"
        )
    line, width = environment_line(run.environment), columns()
    if options.format == "json":
        show_json(map_record(run, operations(run.rows())))
    elif options.format == "markdown":
        print(markdown_map(run, line))
    else:
        head = [*wrapped(line, width), *origin_lines(run, width), ""]
        show_lines([*head, *map_lines(run.rows(), width, options.details)])
    return 0
