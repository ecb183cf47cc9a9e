"""The commands: ``python -m speedgate report|map|advise|selftest``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from speedgate.advice import advise
from speedgate.case import parse_size
from speedgate.environment import usable_cores
from speedgate.gate import floors
from speedgate.gil_map import operations
from speedgate.history import HistoryError, Run, latest_run, read_run, runs_newest_first
from speedgate.measure import MeasurementError, RunnerProcess, import_folders
from speedgate.report.map import map_lines, markdown_map
from speedgate.report.summary import environment_line, markdown_run, text_run
from speedgate.report.table import wrapped
from speedgate.selection import OptionError
from speedgate.selftest import conclusions, run_selftest
from speedgate.suite import find_workload

SELFTEST_TRIALS = 32
QUICK_TRIALS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 well, 1 the answer is bad, 2 it could not be done."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (HistoryError, MeasurementError, OptionError) as error:
        print(f"speedgate {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"speedgate {options.command}: interrupted", file=sys.stderr)
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m speedgate", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="show a run of results/ again")
    add_source(report)
    report.set_defaults(run=run_report)
    gil_map = commands.add_parser(
        "map", help="show which operations release the GIL, and from where"
    )
    add_source(gil_map)
    gil_map.add_argument("--details", action="store_true", help="every signal of every case")
    gil_map.set_defaults(run=run_map)
    advice = commands.add_parser(
        "advise", help="which strategy is the fastest for a workload and a size here"
    )
    add_runs(advice)
    advice.add_argument("--workload", metavar="NAME", help="only this workload, such as g")
    advice.add_argument("--size", metavar="ELEMENTS", help="only this size, such as 1e6")
    advice.set_defaults(run=run_advise)
    selftest = commands.add_parser(
        "selftest", help="A/A on this machine: false alarms, smallest drop, a threshold"
    )
    selftest.add_argument("--quick", action="store_true", help="under a minute")
    selftest.add_argument(
        "--workload",
        metavar="MODULE:NAME",
        default="workloads:G_OUT",
        help="a workload that is known to scale (default: workloads:G_OUT)",
    )
    selftest.set_defaults(run=run_the_selftest)
    return top


def add_source(command: argparse.ArgumentParser) -> None:
    add_runs(command)
    command.add_argument("--format", choices=("text", "markdown"), default="text")


def add_runs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "source",
        nargs="?",
        type=Path,
        default=Path("results"),
        help="a run's file, or a folder whose newest run is shown (default: results)",
    )


def run_map(options: argparse.Namespace) -> int:
    """Show the map of a run; of a folder, the newest run that has one."""
    run = newest_with(
        options.source,
        lambda run: bool(operations(run.rows())),
        "has a map; 'pytest bench/bench_gil_map.py' makes one",
    )
    if options.format == "markdown":
        print(markdown_map(run, environment_line(run.environment)))
        return 0
    width = shutil.get_terminal_size().columns
    print(*wrapped(environment_line(run.environment), width), f"from {run.path}", "", sep="\n")
    print("\n".join(map_lines(run.rows(), width, options.details)))
    return 0


def run_advise(options: argparse.Namespace) -> int:
    """Say which strategy is the fastest, from the newest run that compares what is asked for."""
    try:
        size = None if options.size is None else parse_size(options.size)
    except ValueError as error:
        raise OptionError(f"--size: {error}") from None
    what = " ".join(filter(None, (options.workload, options.size)))
    run = newest_with(
        options.source,
        lambda run: bool(advise(run.rows(), options.workload, size)),
        f"has two strategies of {what or 'any workload'}; 'pytest bench/bench_strategies.py"
        f"{f' --workloads {options.workload}' if options.workload else ''}"
        f"{f' --sizes {options.size}' if options.size else ''}' measures them",
    )
    found = advise(run.rows(), options.workload, size)
    if not found:
        raise HistoryError(f"{run.path} has no two strategies of {what or 'any workload'}")
    width = shutil.get_terminal_size().columns
    print(*wrapped(environment_line(run.environment), width), f"from {run.path}", "", sep="\n")
    for advice in found:
        print(*wrapped(advice.line, width), sep="\n")
    return 0


def newest_with(source: Path, has: Callable[[Run], bool], wanted: str) -> Run:
    """Return the run in a file, or the newest of a folder that ``has`` what is wanted."""
    if not source.is_dir():
        return read_run(source)
    run = next((each for each in runs_newest_first(source) if has(each)), None)
    if run is None:
        raise HistoryError(f"no run in {source} {wanted}")
    return run


def run_report(options: argparse.Namespace) -> int:
    run = open_run(options.source)
    if options.format == "markdown":
        print(markdown_run(run))
    else:
        print("\n".join(text_run(run, shutil.get_terminal_size().columns)))
    return 0


def open_run(source: Path) -> Run:
    return latest_run(source) if source.is_dir() else read_run(source)


def run_the_selftest(options: argparse.Namespace) -> int:
    workers = usable_cores()
    if workers < 2:
        raise OptionError("selftest needs two usable cores; this process may use one")
    workload: Any = find_workload(options.workload)
    findings = run_selftest(
        workload,
        find_workload("workloads:CONTROL"),
        workers,
        floors(workers),
        QUICK_TRIALS if options.quick else SELFTEST_TRIALS,
        lambda: RunnerProcess(import_folders(workload), blas_threads=1),
        lambda line: print(line, flush=True),
    )
    print("", *conclusions(findings), sep="\n")
    return 0 if findings.same_is_one() else 1


if __name__ == "__main__":
    sys.exit(main())
