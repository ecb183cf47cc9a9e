"""What is printed: the progress while cases are measured, and the summary at the end."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.store import StoreError
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_map import broken_promises, changes, kept_better
from speedgate.judging.row import Row
from speedgate.plugin.bench import Bench
from speedgate.plugin.session import STATE, Measured, State
from speedgate.plugin.storage import history_location, results_folder
from speedgate.report.first_screen import (
    LINES,
    STYLES,
    FirstScreen,
    Line,
    Notice,
    is_whole,
    remedy,
    screen_lines,
)
from speedgate.report.progress import Progress, duration
from speedgate.report.summary import summary_lines
from speedgate.report.text import encodable, visible
from speedgate.stats.estimate import DEFAULT_CONFIDENCE
from speedgate.stats.figure import SPEEDUP
from speedgate.stats.words import number_of

NOT_SAVED = "not saved: add --benchmark-autosave --benchmark-storage=file://results"


class RunReport:
    """What the terminal shows while cases are measured.

    A live line stands in place of pytest's own while a case runs. Then pytest's is shown again, and
    goes on where it was.
    """

    def __init__(self, state: State, reporter: Any, cases_count: int) -> None:
        self.state = state
        self.reporter = reporter
        self.verbose = reporter.config.get_verbosity() > 0
        self.progress = Progress(cases_count, live=reporter.isatty and not self.verbose)
        self._covered: str | None = None

    def _left_seconds(self) -> float:
        assert self.state.measured.budget is not None
        return self.state.measured.budget.left_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logstart(self, nodeid: str) -> Iterator[None]:
        line = self._line(nodeid)
        if line and not self.progress.live:
            self.reporter.ensure_newline()
            self.reporter.write(line)  # pytest begins a new line with the file's name
        result = yield
        if line and self.progress.live:
            self._cover(line)
        return result

    def _line(self, nodeid: str) -> str:
        """Return what is shown when this item starts: nothing if it is no case."""
        if nodeid not in self.state.collected.items or self.verbose:
            return ""
        case = self.state.collected.items[nodeid].case
        return self.progress.start(case.id, self._left_seconds(), self.reporter._tw.fullwidth)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "setup" or not report.passed:
            self._uncover()

    def _cover(self, line: str) -> None:
        # The writer counts every character since the last new line, those rewritten as well: after
        # a live line it would take its own for full.
        self._covered = self.reporter._tw._current_line
        self.reporter.rewrite(line, erase=True)

    def _uncover(self) -> None:
        if self._covered is None:
            return
        self.reporter.rewrite("", erase=True)
        self.reporter.rewrite(self._covered)
        self.reporter._tw._current_line, self._covered = self._covered, None

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Say the result and the time left in place of a bare PASSED."""
        if (
            report.when != "call"
            or not report.passed
            or report.nodeid not in self.state.collected.items
        ):
            return None
        measurement = self.state.measured.measurements.get(report.nodeid)
        estimate = measurement.evidence(DEFAULT_CONFIDENCE).speedup if measurement else None
        figure = f"{SPEEDUP.text(estimate.value)}, " if estimate else ""
        return "passed", ".", f"PASSED ({figure}{duration(self._left_seconds())} left)"


def hide_tables(config: pytest.Config) -> None:
    """Have pytest-benchmark leave its tables of our benchmarks out where nobody asks for them.

    Those marked ``speedgate_plain`` are ours, too. Those of other benchmarks, what it finds to have
    regressed and its histograms stay.
    """
    session, state = getattr(config, "_benchmarksession", None), config.stash[STATE]
    if session is None or not session.groups or session.histogram:
        return
    hidden = {
        nodeid for nodeid, item in state.collected.items.items() if not shows(config, item.bench)
    }
    if config.get_verbosity() <= 0:
        hidden |= state.collected.plain.keys()
    groups = [
        (name, [benchmark for benchmark in benchmarks if benchmark["fullname"] not in hidden])
        for name, benchmarks in session.groups
    ]
    kept = [(name, benchmarks) for name, benchmarks in groups if benchmarks]
    if kept:
        session.groups = kept
    else:
        session.quiet = True  # it goes on to tell what has regressed


def shows(config: pytest.Config, bench: Bench) -> bool:
    """Whether the tables of a bench are shown beside the first screen."""
    return config.get_verbosity() > 0 or bench.is_named


def write_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the tables that are asked for, and at last the first screen."""
    state, width = config.stash[STATE], terminalreporter._tw.fullwidth
    measured = state.measured
    if not (measured.rows or state.judged.judgements or measured.left_out or state.words.notes):
        if state.words.complaint:
            write(terminalreporter, state.words.complaint, red=True)
        return
    screen = screen_of(terminalreporter, config, state)
    room = room_of(terminalreporter)
    details = detail_lines(config, state, width, is_whole(screen, width, room))
    if details:
        terminalreporter.section("speedgate: all figures")
        write_lines(terminalreporter, details)
    terminalreporter.section("speedgate")
    write_lines(terminalreporter, screen_lines(screen, width, room))


def room_of(reporter: Any) -> int:
    """Return how many lines are ours beside the rule above, what pytest says below, and the prompt.

    pytest's line of a failure takes two, since it does not count the colours in it.
    """
    lines = max(LINES, shutil.get_terminal_size().lines) if reporter.isatty else LINES
    failed = sum(len(reporter.stats.get(outcome, ())) for outcome in ("failed", "error"))
    return max(LINES // 2, lines - 3 - (1 + 2 * failed if failed else 0))


def timed_share(measured: Measured) -> str:
    """Say how much of the session went into what is timed."""
    seconds = time.monotonic() - measured.began
    return (
        f"{measured.timed_seconds / seconds:.0%} of {seconds:.0f} s were timed rounds, control and "
        "calibration"
    )


def write(reporter: Any, line: str, **markup: bool) -> None:
    """Write what acts on no terminal, and what its encoding holds."""
    for part in line.split("\n"):
        reporter.write_line(encodable(visible(part), reporter._tw._file), **markup)


def write_lines(reporter: Any, lines: Iterable[Line]) -> None:
    for line, verdict in lines:
        write(reporter, line, **dict.fromkeys(STYLES.get(verdict, ()), True))


def screen_of(reporter: Any, config: pytest.Config, state: State) -> FirstScreen:
    """Return what the first screen holds of this session."""
    judgements, benches = state.judged.judgements, state.measured.rows
    findings = [
        notice_of(judgement) for judgement in judgements if judgement.verdict is not Verdict.PASSED
    ]
    return FirstScreen(
        rows=common_rows(benches),
        judged=[(judged.case, judged.verdict) for judged in judgements],
        findings=findings,
        problems=[Notice(Verdict.FAILED, line) for line in problems(reporter, state)],
        notes=[*left_out(state), *state.words.notes, *changed(config, state)],
        saved=list(saved_words(config, state)),
        more=more_words(config, state),
        cases=sum(len(rows) for rows in benches.values()),
    )


def notice_of(judgement: Judgement) -> Notice:
    what_to_do = remedy(judgement.gate, judgement.verdict, judgement.at_most is not None)
    return Notice(judgement.verdict, judgement.line, what_to_do)


def common_rows(benches: Mapping[Bench, Mapping[str, Row]]) -> list[Row]:
    """Return the rows of the benches that have no table of their own."""
    return [row for bench, rows in benches.items() if bench.report is None for row in rows.values()]


def classified(state: State) -> list[Row]:
    """Return the rows that say what the GIL does."""
    rows = (row for rows in state.measured.rows.values() for row in rows.values())
    return [row for row in rows if row.gil_class is not None]


def problems(reporter: Any, state: State) -> Iterator[str]:
    """Yield what fails the run without being a verdict on a case."""
    if state.words.complaint:
        yield state.words.complaint
    yield from state.saving.troubles
    if not state.settings.in_process:
        yield from broken_promises(classified(state))
    reports = [
        report for outcome in ("failed", "error") for report in reporter.stats.get(outcome, ())
    ]
    ended = [report for report in reports if report.nodeid in state.collected.items]
    if ended:
        yield f"failed: {len(ended)} of our benchmarks ended in an error; see above"


def left_out(state: State) -> Iterator[str]:
    measured = state.measured
    words = Counter(
        ("available" if nodeid in measured.unavailable else "measured", reason)
        for nodeid, reason in measured.left_out.items()
    )
    for (word, reason), count in words.items():
        yield f"{number_of(count, 'case')} not {word}: {reason}"


def more_words(config: pytest.Config, state: State) -> str:
    """Name what this screen leaves out, and say how to see it."""
    hidden = [bench for bench in state.measured.rows if not shows(config, bench)]
    tables = _names(bench.name for bench in hidden if bench.report is not None)
    # pytest-benchmark saves what has no cases in a file of its own, which no report shows.
    plain = "" if config.get_verbosity() > 0 else _names(state.collected.plain.values())
    if not hidden:
        return f"more with -v: {plain}" if plain else ""
    words = f"more with -v or 'speedgate report'{f': {tables}' if tables else ''}"
    return f"{words}; with -v alone: {plain}" if plain else words


def _names(benches: Iterable[str]) -> str:
    return ", ".join(name.removeprefix("bench_") for name in dict.fromkeys(benches))


def saved_words(config: pytest.Config, state: State) -> Iterator[str]:
    """Say where the run is, and how to see it beside the one it is compared with."""
    recording = state.saving.recording
    if recording is None or recording.saved is None:
        if state.measured.measurements and results_folder(config) is None:
            yield NOT_SAVED
        return
    note = "" if state.is_complete else ", marked incomplete: it is not a baseline"
    yield f"saved in {recording.saved}{note}"
    if state.past.compared is not None:
        where = history_location(config, state)
        history = "" if where == "results" else f" --history {where}"
        yield (
            f"side by side: speedgate compare {state.past.compared.name} {recording.saved.stem}"
            f"{history}"
        )
    if state.saving.kept_in:
        yield f"and in {state.saving.kept_in}"


def detail_lines(config: pytest.Config, state: State, width: int, has_table: bool) -> list[Line]:
    """Return every figure of the benches that are shown: the table, if the screen cuts it, the
    words of each verdict, and the benches' own tables."""
    benches = {bench: rows for bench, rows in state.measured.rows.items() if shows(config, bench)}
    if not benches:
        return []
    judgements = state.judged.judgements
    lines = summary_lines(common_rows(benches), judgements, width, with_table=not has_table)
    for bench, rows in benches.items():
        if bench.report is not None:
            lines += [("", None), *((line, None) for line in bench.report([*rows.values()], width))]
    if state.measured.environment.get("gil_enabled", True):
        lines += [(line, Verdict.PASSED) for line in kept_better(classified(state))]
    if config.get_verbosity() > 0:
        lines.append((timed_share(state.measured), None))
    return lines


def changed(config: pytest.Config, state: State) -> list[str]:
    """Say what is in another class of the GIL than when it was last measured, and what the history
    that tells it recovers, or leaves alone, as it is opened."""
    rows, recording = classified(state), state.saving.recording
    if not rows or recording is None or recording.saved is None:
        return []
    saved = recording.saved.relative_to(recording.results).as_posix()
    told: list[str] = []
    try:
        with History(history_location(config, state), told.append) as history:
            cases = {row.case for row in rows}
            before = history.earlier_classes(state.measured.environment, cases, but=saved)
    except (HistoryError, StoreError, OSError) as error:
        words = [f"not compared with earlier classes: {error}"]
    else:
        words = [change.line for change in changes(before, rows)]
    # What stands above the first case already is not repeated.
    return [*(line for line in told if line not in state.words.remarks), *words]
