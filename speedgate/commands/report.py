"""The command `report`: show a saved run again."""

from __future__ import annotations

import argparse
from typing import Any

from speedgate.commands.arguments import (
    add_format,
    add_run,
    columns,
    notify,
    show_json,
    show_marked,
)
from speedgate.history.lookup import find_run
from speedgate.report.records import run_record
from speedgate.report.summary import markdown_run, text_run


def add_report_command(commands: Any) -> None:
    command = commands.add_parser("report", help="show a saved run again")
    add_run(command)
    add_format(command)
    command.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> int:
    run = find_run(
        options.source,
        options.history,
        lambda run: True,
        "; 'pytest bench/' makes one",
        notify,
    )
    if options.format == "json":
        show_json(run_record(run))
    elif options.format == "markdown":
        print(markdown_run(run))
    else:
        show_marked(text_run(run, columns()))
    return 0
