"""A build without a GIL beside one with it: what it costs, and from where its threads pay."""

from __future__ import annotations

from collections.abc import Sequence

from speedgate.duel.findings import DuelFindings
from speedgate.duel.without_gil import BreakEven, ThreadingGain, break_evens, threading_gains
from speedgate.report.table import Table, markdown, plain, short, wrapped
from speedgate.report.text import markdown_text
from speedgate.stats.case import format_size

HEAD = "with a GIL (A) and without it"
LEGEND = (
    "serial: seconds of a call in one thread, without over with a GIL; with, without: speedup of "
    "the threads in each build; over best: seconds of a call in threads without a GIL over the "
    "least that the build with a GIL needs, serial or in threads, with its 95% interval; it pays "
    "where that is surely below 1"
)
WORDS = {True: "yes", False: "no", None: "?"}


def without_gil_lines(duel: DuelFindings, width: int) -> list[str]:
    """Return the table as lines of the terminal; none where no build has, or lacks, a GIL."""
    gains = threading_gains(duel)
    if not gains:
        return []
    texts = (LEGEND, *map(_break_even_line, break_evens(gains)))
    told = [line for text in texts for line in wrapped(text, width)]
    return [f"{HEAD}:", "", *plain(without_gil_table(gains), width), "", *told, ""]


def without_gil_markdown(duel: DuelFindings) -> list[str]:
    """Return the table in Markdown, and a line for each workload."""
    gains = threading_gains(duel)
    if not gains:
        return []
    lines = [f"- {markdown_text(_break_even_line(even))}" for even in break_evens(gains)]
    return [markdown(without_gil_table(gains), code=0), "", f"{LEGEND}.", "", *lines, ""]


def without_gil_table(gains: Sequence[ThreadingGain]) -> Table:
    """Return a row for each case."""
    rows = tuple(
        (
            f"{_name(gain)} {format_size(gain.case.size)} x{gain.case.workers}",
            "unknown" if gain.serial_cost is None else short(gain.serial_cost),
            short(gain.with_gil),
            short(gain.without_gil),
            short(gain.over_best),
            WORDS[gain.pays],
        )
        for gain in gains
    )
    return Table(("case", "serial", "with", "without", "over best", "pays"), rows)


def _break_even_line(even: BreakEven) -> str:
    name = _name(even)
    if even.at is None:
        return f"{name}: {'not certain' if even.is_open else 'does not pay at the largest size'}"
    workers = f"{even.at.workers} workers"
    return f"{name}: pays from {format_size(even.at.size)} elements with {workers}"


def _name(of: ThreadingGain | BreakEven) -> str:
    """Return the name of a workload, and whether BLAS has threads of its own beside it."""
    if of.blas_threads == 1:
        return of.workload
    return f"{of.workload}/blas-{of.blas_threads or 'default'}"
