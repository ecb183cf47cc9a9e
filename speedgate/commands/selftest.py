"""The command `selftest`: what this machine and this build can tell."""

from __future__ import annotations

import argparse
from typing import Any

from speedgate.builds.build import open_build
from speedgate.builds.runners import interpreter_of
from speedgate.commands.arguments import (
    add_beside_others,
    add_format,
    columns,
    notify,
    show_json,
    take_turn,
)
from speedgate.history.identity import build_of
from speedgate.judging.floors import floors
from speedgate.judging.gate import Verdict
from speedgate.measuring.plan import import_folders
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.measuring.selection import OptionError
from speedgate.measuring.selftest import Findings, conclusions, run_selftest
from speedgate.measuring.suite import find_control, find_workload
from speedgate.report.exit_code import ExitCode
from speedgate.report.records import estimate_record
from speedgate.report.table import wrapped
from speedgate.runner.machine import usable_cores

SELFTEST_TRIALS = 32
QUICK_TRIALS = 5


def add_selftest_command(commands: Any) -> None:
    command = commands.add_parser(
        "selftest",
        help="check this machine (A/A): false alarms, the smallest drop seen",
    )
    command.add_argument("--quick", action="store_true", help="take less than a minute")
    command.add_argument(
        "--workload",
        metavar="MODULE:NAME",
        default="workloads:G_OUT",
        help="a workload that is known to scale (default: workloads:G_OUT)",
    )
    command.add_argument(
        "--python", metavar="BUILD", help="test another Python, written as for a duel"
    )
    add_beside_others(command)
    add_format(command, "text", "json")
    command.set_defaults(run=run_the_selftest)


def run_the_selftest(options: argparse.Namespace) -> int:
    workers = usable_cores()
    if workers < 2:
        raise OptionError("selftest needs two usable cores; this process may use one")
    take_turn(options)
    workload: Any = find_workload(options.workload)
    as_json = options.format == "json"
    show = notify if as_json else show_wrapped
    build = None if options.python is None else open_build(options.python, notify=notify)
    if build is not None:
        show(f"measuring {build_of(build.environment)} ({build.python})")
    with interpreter_of(build) as interpreter:
        findings = run_selftest(
            workload,
            find_control(),
            workers,
            floors(workers),
            QUICK_TRIALS if options.quick else SELFTEST_TRIALS,
            lambda: RunnerProcess(import_folders(workload), 1, interpreter),
            show,
        )
    if as_json:
        show_json(findings_record(findings))
    else:
        print()
        for line in conclusions(findings):
            show_wrapped(line)
    return code_of_findings(findings)


def show_wrapped(text: str) -> None:
    """Print a text at once, in lines of the terminal's width."""
    for line in wrapped(text, columns()):
        print(line, flush=True)


def code_of_findings(findings: Findings) -> ExitCode:
    """Return whether one worker reads as itself, ``UNDECIDED`` on a machine that cannot tell that,
    or on which no gate could be judged."""
    if not findings.same_is_known():
        return ExitCode.UNDECIDED
    if not findings.same_is_one():
        return ExitCode.BAD
    undecided = findings.count(Verdict.INCONCLUSIVE)
    return ExitCode.UNDECIDED if undecided == len(findings.judgements) else ExitCode.WELL


def findings_record(findings: Findings) -> dict[str, Any]:
    """Return what the self-test found as plain values; null is what it could not tell."""
    return {
        "same": estimate_record(findings.same),
        "verdicts": {verdict.value: findings.count(verdict) for verdict in Verdict},
        "false_alarms": estimate_record(findings.false_alarms()),
        "smallest_drop": findings.smallest_drop(),
        "recommended_min_speedup": findings.recommended_speedup(),
        "conclusions": conclusions(findings),
    }
