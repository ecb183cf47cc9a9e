"""What is printed: the progress while cases are measured, and the summary at the end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.store import StoreError
from speedgate.judging.gate import (
    Verdict,
)
from speedgate.judging.gil_map import broken_promises, changes, kept_better
from speedgate.plugin.session import STATE, Measured, State
from speedgate.plugin.storage import history_location
from speedgate.report.progress import Progress, duration
from speedgate.report.summary import summary_lines
from speedgate.report.text import encodable, visible
from speedgate.stats.estimate import DEFAULT_CONFIDENCE


class RunReport:
    """What the terminal shows while cases are measured."""

    def __init__(self, state: State, reporter: Any, cases_count: int) -> None:
        self.state = state
        self.reporter = reporter
        self.verbose = reporter.config.get_verbosity() > 0
        self.progress = Progress(cases_count, live=reporter.isatty and not self.verbose)

    def _left_seconds(self) -> float:
        assert self.state.measured.budget is not None
        return self.state.measured.budget.left_seconds()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if nodeid not in self.state.collected.items or self.verbose:
            return
        case = self.state.collected.items[nodeid].case
        line = self.progress.start(case.id, self._left_seconds(), self.reporter._tw.fullwidth)
        if self.progress.live:
            self.reporter.rewrite(line, erase=True)
        elif line:
            self.reporter.ensure_newline()
            self.reporter.write_line(line)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self.progress.live and nodeid in self.state.collected.items:
            self.reporter.rewrite("", erase=True)
            self.reporter.write("\r")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Say the result and the time left in place of a bare PASSED; no dots in a live line."""
        if (
            report.when != "call"
            or not report.passed
            or report.nodeid not in self.state.collected.items
        ):
            return None
        if self.progress.live:
            return "passed", "", ""
        measurement = self.state.measured.measurements.get(report.nodeid)
        estimate = measurement.evidence(DEFAULT_CONFIDENCE).speedup if measurement else None
        figure = f"{estimate.value:.2f}x, " if estimate else ""
        return "passed", ".", f"PASSED ({figure}{duration(self._left_seconds())} left)"


def write_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the one table, the gate's words, and where the run was saved."""
    state = config.stash[STATE]
    if state.words.complaint:
        write(terminalreporter, state.words.complaint, red=True)
    if not (
        state.measured.rows
        or state.judged.judgements
        or state.measured.left_out
        or state.words.notes
    ):
        return
    terminalreporter.section("speedgate")
    write_tables(terminalreporter, state)
    if config.get_verbosity() > 0:
        write(terminalreporter, timed_share(state.measured))
    write_saved(terminalreporter, config, state)
    write_changes(terminalreporter, config, state)


def timed_share(measured: Measured) -> str:
    """Say how much of the session went into what is timed."""
    seconds = time.monotonic() - measured.began
    return (
        f"{measured.timed_seconds / seconds:.0%} of {seconds:.0f} s were timed rounds, control and "
        "calibration"
    )


def write(reporter: Any, line: str, **markup: bool) -> None:
    """Write what acts on no terminal, and what its encoding holds."""
    for each in line.split("\n"):
        reporter.write_line(encodable(visible(each), reporter._tw._file), **markup)


def write_saved(reporter: Any, config: pytest.Config, state: State) -> None:
    """Say where the run is, and what could not be saved."""
    for trouble in state.saving.troubles:
        write(reporter, trouble, red=True)
    if state.saving.recording is None or state.saving.recording.saved is None:
        return
    saved = state.saving.recording.saved
    note = "" if state.is_complete else ", marked incomplete: it is no baseline"
    write(reporter, f"saved in {saved}{note}")
    if state.past.compared is not None:
        command = f"speedgate compare {state.past.compared.name} {saved.stem}"
        where = history_location(config, state)
        write(
            reporter,
            f"side by side: {command}{'' if where == 'results' else f' --history {where}'}",
        )
    if state.saving.kept_in:
        write(reporter, f"and in {state.saving.kept_in}")


def write_tables(reporter: Any, state: State) -> None:
    """Write the common table with the gate's words, then the benches' own tables."""
    common = [
        row
        for bench, rows in state.measured.rows.items()
        if bench.report is None
        for row in rows.values()
    ]
    for line, verdict in summary_lines(common, state.judged.judgements, reporter._tw.fullwidth):
        write(reporter, line, **MARKUP.get(verdict, {}))
    for reason in dict.fromkeys(state.measured.left_out.values()):
        count = sum(each == reason for each in state.measured.left_out.values())
        write(reporter, f"{count} cases not measured: {reason}", yellow=True)
    for note in state.words.notes:
        write(reporter, note, yellow=True)
    for bench, rows in state.measured.rows.items():
        if bench.report is not None:
            write(reporter, "")
            for line in bench.report(list(rows.values()), reporter._tw.fullwidth):
                write(reporter, line)


def write_changes(reporter: Any, config: pytest.Config, state: State) -> None:
    """Say what broke its promise, and what is in another class than when it was last measured."""
    rows = [
        row
        for mine in state.measured.rows.values()
        for row in mine.values()
        if row.gil_class is not None
    ]
    if not state.settings.in_process:
        for line in broken_promises(rows):
            write(reporter, line, red=True)
    if state.measured.environment.get("gil_enabled", True):
        for line in kept_better(rows):
            write(reporter, line, green=True)
    if not rows or state.saving.recording is None or state.saving.recording.saved is None:
        return
    saved = state.saving.recording.saved.relative_to(state.saving.recording.results).as_posix()
    try:
        with History(history_location(config, state)) as history:
            cases = {row.case for row in rows}
            before = history.earlier_classes(state.measured.environment, cases, but=saved)
    except (HistoryError, StoreError, OSError) as error:
        write(reporter, f"not compared with earlier classes: {error}", red=True)
        return
    for change in changes(before, rows):
        write(reporter, change.line, yellow=True)


MARKUP: dict[Verdict | None, dict[str, bool]] = {
    Verdict.PASSED: {"green": True},
    Verdict.FAILED: {"red": True, "bold": True},
    Verdict.INCONCLUSIVE: {"yellow": True},
    Verdict.NOT_EVALUATED: {"yellow": True},
}
