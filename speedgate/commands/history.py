"""The command `history`: one case over its runs, or what there is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from speedgate.commands.arguments import (
    add_format,
    add_where,
    columns,
    notify,
    show_json,
    show_lines,
)
from speedgate.history.figures import Figures, minute_of
from speedgate.history.format import HistoryError
from speedgate.history.history import History, RunEntry
from speedgate.history.lookup import benchmarks_with
from speedgate.report.line import change_line, plot_lines
from speedgate.report.table import wrapped
from speedgate.stats.changepoints import Change, DriftUnavailable, change_points
from speedgate.stats.figure import WATCHED, Figure
from speedgate.stats.words import number_of

Series = Sequence[tuple[RunEntry, Figures]]


def add_history_command(commands: Any) -> None:
    command = commands.add_parser(
        "history", help="show one case over its runs; without a case, list all"
    )
    command.add_argument("case", nargs="?", help="a case such as g-1e6-threads-2, or a benchmark")
    command.add_argument(
        "--environment", metavar="NAME", help="default: that of the newest run that has the case"
    )
    command.add_argument(
        "--figure",
        "--signal",
        choices=[figure.key for figure in WATCHED],
        help="only this figure; --signal is its older name and still works",
    )
    add_where(command)
    add_format(command, "text", "json")
    command.set_defaults(run=run_history)


def run_history(options: argparse.Namespace) -> int:
    """Plot one case over its runs, or list what there is."""
    wanted = [figure for figure in WATCHED if options.figure in (None, figure.key)]
    with History(options.history, notify) as history:
        if options.case is None:
            return list_history(history, options.format)
        environment, names = benchmarks_with(history, options.case, options.environment)
        series = {name: history.series(environment.digest, name) for name in names}
    if options.format == "json":
        show_json(
            {
                "environment": environment.name,
                "benchmarks": [
                    {"name": name, "figures": [figure_record(figure, runs) for figure in wanted]}
                    for name, runs in series.items()
                ],
            }
        )
        return 0
    for number, (name, runs) in enumerate(series.items()):
        title = f"{name} in {environment.name}, {number_of(len(runs), 'run')}"
        show_lines([*[""] * bool(number), *wrapped(title, columns())])
        for figure in wanted:
            if lines := figure_lines(figure, runs, columns()):
                show_lines(lines)
    return 0


def measured(figure: Figure, series: Series) -> list[tuple[str, float]]:
    """Return the run and the value of each run that knows the figure."""
    return [
        (run.label, value)
        for run, figures in series
        if (value := figures.value(figure)) is not None
    ]


def figure_lines(figure: Figure, series: Series, width: int) -> list[str]:
    """Return the plot of one figure and where its level changed."""
    points = measured(figure, series)
    possible = [(label, value) for label, value in points if figure.is_possible(value)]
    if not points:
        return []
    lines = [""]
    for label, value in points:
        if not figure.is_possible(value):
            lines += wrapped(
                f"left out: {figure.label} {figure.text(value)} of {label} cannot be", width
            )
    names, values = [label for label, _ in possible], [value for _, value in possible]
    lines += plot_lines(figure, values, names, width)
    try:
        changes = change_points(values, not figure.is_share)
    except DriftUnavailable as missing:
        return [*lines, *wrapped(str(missing), width)]
    for change in changes:
        lines += wrapped(change_line(figure, change, names), width)
    return lines


def figure_record(figure: Figure, series: Series) -> dict[str, Any]:
    """Return a figure's values over the runs, and its change points; null if unknown."""
    points = [(run, value) for run, value in measured(figure, series) if figure.is_possible(value)]
    changes: list[Change] | None
    try:
        changes = change_points([value for _, value in points], not figure.is_share)
    except DriftUnavailable:
        changes = None
    return {
        "figure": figure.key,
        "unit": figure.unit,
        "values": [{"run": run, "value": value} for run, value in points],
        "changes": None
        if changes is None
        else [
            {
                "run": points[change.index][0],
                "before": change.before,
                "after": change.after,
                "p_value": change.p_value,
            }
            for change in changes
        ],
    }


def list_history(history: History, form: str) -> int:
    """List the environments, the newest first, and the cases of the first."""
    environments = history.environments()
    if not environments:
        raise HistoryError(f"no run in {history.store.location}; 'pytest bench/' makes one")
    cases = history.benchmarks(environments[0].digest)
    if form == "json":
        show_json(
            {
                "environments": [
                    {"name": environment.name, "runs": environment.runs, "last": environment.last}
                    for environment in environments
                ],
                "cases": [{"name": name, "runs": runs} for name, _, runs in cases],
            }
        )
        return 0
    for environment in environments:
        last = minute_of(environment.last)
        # A name is there to be copied: it has a line of its own, however long it is.
        show_lines([environment.name, f"  {number_of(environment.runs, 'run')}, the last {last}"])
    print("\ncases of the first:" if len(environments) > 1 else "\ncases:")
    show_lines(f"  {name}: {number_of(runs, 'run')}" for name, _, runs in cases)
    return 0
