"""The command `ready`: which packages switch the GIL of a free-threaded Python back on."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from speedgate.builds.build import find_interpreter
from speedgate.commands.arguments import (
    add_format,
    columns,
    end_leftovers,
    notify,
    show_json,
    show_lines,
)
from speedgate.measuring.readiness import ReadyState, describe_packages, readiness_of
from speedgate.report.exit_code import ExitCode
from speedgate.report.readiness import readiness_lines


def add_ready_command(commands: Any) -> None:
    command = commands.add_parser(
        "ready",
        help="list packages that switch the GIL of free-threaded Python on",
        description="Imports each PACKAGE in a fresh interpreter, with all its extension modules, "
        "and lists those that have not declared themselves safe without the GIL.",
    )
    command.add_argument(
        "packages",
        nargs="*",
        metavar="PACKAGE",
        help="a distribution or a module (default: all with extension modules)",
    )
    command.add_argument(
        "--python", metavar="BUILD", help="a free-threaded Python, written as for a duel"
    )
    add_format(command, "text", "json")
    command.set_defaults(run=run_ready)


def run_ready(options: argparse.Namespace) -> int:
    """Import the packages one by one and show what each does; 1 if one is not ready."""
    end_leftovers()
    with find_interpreter(options.python, notify) as interpreter:
        there = describe_packages(interpreter)
        where = f"Python {there['python']} ({interpreter.python})"
        if not there["free_threaded"]:
            notify(
                f"speedgate ready: not applicable: {where} has a GIL that is never off; name a "
                "free-threaded one with --python"
            )
            return ExitCode.NOT_DONE
        results = []
        packages = list(dict.fromkeys(options.packages or there["packages"]))
        for number, package in enumerate(packages, start=1):
            if sys.stderr.isatty():
                notify(f"[{number}/{len(packages)}] {package}")
            results.append(readiness_of(package, interpreter))
    if options.format == "json":
        listed = [readiness.as_json() for readiness in results]
        show_json({"python": there["python"], "path": interpreter.python, "packages": listed})
    elif not results:
        show_lines([f"no package of {where} has an extension module"])
    else:
        show_lines([where, *readiness_lines(results, columns())])
    return ExitCode.WELL if all(one.state is ReadyState.READY for one in results) else ExitCode.BAD
