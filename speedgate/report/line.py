"""The line of one case over its runs: a plot for the terminal, its values, its changes of level."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from speedgate.report.table import wrapped
from speedgate.report.text import visible
from speedgate.stats.changepoints import Change
from speedgate.stats.figure import Figure

HEIGHT = 10
LEAST_WIDTH = 20
# The columns that the axis and its figures take beside the plot.
AXIS_COLUMNS = 22

MISSING = (
    "plots need plotille; install it with pip install 'speedgate[history]'. The runs, oldest first:"
)


def plot_lines(
    shown: Figure, values: Sequence[float], names: Sequence[str], width: int
) -> list[str]:
    """Return a plot of the values over the runs, the oldest left; where it cannot be drawn for want
    of plotille, a line for each run. The first and the last run are named below."""
    if len(values) < 2:
        return [f"{shown.label} {shown.text(values[0])}: one run makes no line"] if values else []
    try:
        import plotille  # noqa: PLC0415  # an extra
    except ImportError:
        lines = [
            f"{visible(name)}  {shown.text(value)}"
            for name, value in zip(names, values, strict=True)
        ]
        return [*wrapped(MISSING, width), *lines]
    figure = plotille.Figure()
    figure.width, figure.height = max(LEAST_WIDTH, width - AXIS_COLUMNS), HEIGHT
    figure.with_colors = False
    figure.x_label, figure.y_label = "run", shown.label
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    # Half a column to the right of the newest run: plotille leaves out what lies on the limit.
    figure.set_x_limits(0, (len(values) - 1) * (1 + 0.5 / figure.width))
    figure.set_y_limits(low - margin, high + margin)
    figure.x_ticks_fkt = _each_once()
    figure.y_ticks_fkt = lambda value, _: f"{value:.4g}"
    figure.scatter(list(range(len(values))), list(values), marker="o")
    ends = f"run 0: {names[0]}; run {len(names) - 1}: {names[-1]}"
    return [*(line.rstrip() for line in figure.show().splitlines()), *wrapped(ends, width)]


def _each_once() -> Callable[[float, float], str]:
    """The labels of the axis: of few runs several ticks are nearest to one, which has one label."""
    shown: set[str] = set()

    def label(value: float, _: float) -> str:
        text = f"{value:.0f}"
        if text in shown:
            return ""
        shown.add(text)
        return text

    return label


def change_line(figure: Figure, change: Change, names: Sequence[str]) -> str:
    """Say where a level changed, with the runs on both sides."""
    before, after = figure.text(change.before), figure.text(change.after)
    by = change.after / change.before - 1 if change.before else math.inf
    return (
        f"{figure.label} changed its level from {before} to {after} ({by:+.0%}) "
        f"between {names[change.index - 1]} and {names[change.index]} (p {change.p_value:.1g}); "
        "advisory"
    )
