"""The command `compare`: runs, environments or folders side by side."""

from __future__ import annotations

import argparse
from typing import Any

from speedgate.commands.arguments import add_format, add_where, columns, count, notify, show_lines
from speedgate.history.format import HistoryError
from speedgate.history.identity import difference_lines
from speedgate.history.sides import open_side
from speedgate.judging.comparison import compare
from speedgate.judging.history_gate import WINDOW_RUNS
from speedgate.measuring.selection import OptionError
from speedgate.report.comparison import (
    comparison_csv,
    comparison_json,
    comparison_markdown,
    comparison_text,
)


def add_compare_command(commands: Any) -> None:
    command = commands.add_parser("compare", help="show runs, environments or folders side by side")
    command.add_argument(
        "sources",
        nargs="+",
        metavar="A",
        help="two or more of: a run's file or name, an environment's name or its beginning, "
        "a folder or an address of other runs",
    )
    add_where(command)
    command.add_argument(
        "--last",
        type=count,
        default=WINDOW_RUNS,
        metavar="RUNS",
        help=f"of an environment, the newest RUNS runs (default {WINDOW_RUNS}; 0: all)",
    )
    add_format(command, "text", "markdown", "json", "csv")
    command.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> int:
    """Compare runs, environments and folders; the first is what the others are compared with."""
    if len(options.sources) < 2:
        raise OptionError("name two or more runs, environments or folders")
    opened = [open_side(text, options.history, options.last, notify) for text in options.sources]
    sides = [side for side, _ in opened]
    if all((environment.get("settings") or {}).get("duel") for _, environment in opened):
        notify(
            "these runs are sides of duels: `report` of one shows the duel's verdicts; here each "
            "run is compared as if it had been measured alone"
        )
    differences = [difference_lines(opened[0][1], other) for _, other in opened[1:]]
    lines = compare(sides)
    if not lines:
        raise HistoryError("nothing to compare: no benchmark of the first side is in another")
    if options.format == "text":
        show_lines(comparison_text(sides, differences, lines, columns()))
    else:
        render = {
            "markdown": comparison_markdown,
            "json": comparison_json,
            "csv": comparison_csv,
        }[options.format]
        print(render(sides, differences, lines))
    return 0
