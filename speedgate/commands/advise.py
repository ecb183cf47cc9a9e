"""The command `advise`: which strategy is the fastest for a workload and a size here."""

from __future__ import annotations

import argparse
from typing import Any

from speedgate.commands.arguments import (
    add_format,
    add_run,
    columns,
    notify,
    show_json,
    show_lines,
)
from speedgate.history.document import Run
from speedgate.history.format import HistoryError
from speedgate.history.identity import same_machine
from speedgate.history.lookup import find_run, this_machine_first
from speedgate.judging.advice import Advice, advise
from speedgate.measuring.selection import OptionError
from speedgate.report.records import advice_record
from speedgate.report.summary import environment_line, origin_lines
from speedgate.report.table import wrapped
from speedgate.runner.machine import describe_machine
from speedgate.stats.case import parse_size

REFERENCE = "x: over a plain loop in one worker thread; serial is a loop in the main thread"


def add_advise_command(commands: Any) -> None:
    command = commands.add_parser(
        "advise", help="name the fastest strategy for a workload and a size here"
    )
    add_run(command)
    add_format(command, "text", "json")
    command.add_argument("--workload", metavar="NAME", help="only this workload, such as g")
    command.add_argument("--size", metavar="ELEMENTS", help="only this size, such as 1e6")
    command.set_defaults(run=run_advise)


def run_advise(options: argparse.Namespace) -> int:
    """Say which strategy is the fastest, from the newest run that compares what is asked for."""
    try:
        size = None if options.size is None else parse_size(options.size)
    except ValueError as error:
        raise OptionError(f"--size: {error}") from None
    what = " ".join(filter(None, (options.workload, options.size))) or "any workload"
    run = find_run(
        options.source,
        options.history,
        lambda run: bool(advise(run.rows(), options.workload, size)),
        f" has two strategies of {what}; '{command_that_measures(options)}' measures them",
        notify,
        this_machine_first,
    )
    advices = advise(run.rows(), options.workload, size)
    if not advices:
        raise HistoryError(f"{run.name} does not have two strategies of {what}")
    if options.format == "json":
        show_json({"run": run.name, "advice": [advice_record(advice) for advice in advices]})
    else:
        show_lines(advice_lines(run, advices, columns()))
    return 0


def command_that_measures(options: argparse.Namespace) -> str:
    """Return the command that measures the strategies which are missing."""
    workload = f" --workloads {options.workload}" if options.workload else ""
    size = f" --sizes {options.size}" if options.size else ""
    return f"pytest bench/bench_strategies.py{workload}{size}"


def advice_lines(run: Run, advices: list[Advice], width: int) -> list[str]:
    line = environment_line(run.environment)
    if not same_machine(run.environment, describe_machine()):
        line = f"measured on another machine: {line}"
    head = [*wrapped(line, width), *origin_lines(run, width), *wrapped(REFERENCE, width), ""]
    return head + [line for advice in advices for line in wrapped(advice.line, width)]
