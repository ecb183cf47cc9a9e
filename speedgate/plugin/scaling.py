"""``--speedgate-threads``: for every test that uses ``benchmark``, its speedup in threads.

The tests run as ever. Afterwards each that passed is measured and kept as ``speedgate scale`` does
it, in fresh interpreters: nothing of that is in what pytest-benchmark measures, shows or saves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from speedgate.builds.runners import project_runners
from speedgate.history.journal import recover
from speedgate.history.scale_recording import BLAS_THREADS, ScaleRecording, entry_of
from speedgate.measuring.ending import ended_early
from speedgate.measuring.scale_run import Caches, ScaleRequest, ScaleStep, Scaling
from speedgate.measuring.scaling import ScaleOutcome
from speedgate.measuring.selection import OptionError
from speedgate.measuring.suite import find_control
from speedgate.measuring.targets import Suite, parse_threads, pytest_benchmark
from speedgate.measuring.turn import MachineTaken
from speedgate.plugin.entry import is_distributed, label_of
from speedgate.plugin.options import BY_SHORT
from speedgate.plugin.session import Collected, prepare_to_measure
from speedgate.plugin.storage import refusal, refuse_unwritable
from speedgate.report.exit_code import ExitCode, code_of, with_remedy
from speedgate.report.scale import scale_text
from speedgate.report.text import visible
from speedgate.runner.gil import gil_enabled
from speedgate.runner.machine import usable_cores
from speedgate.runner.messages import PYTEST, TestEntry

OFF = "0"
# Where ``speedgate scale`` keeps its runs, too: pytest-benchmark would take them for its own.
RESULTS = "results"
# They judge what has a gate; a run of nothing but other tests would be green in their name.
FLOORS = ("min-speedup", "min-concurrency", "max-gil-held", "max-inflation")
NEEDS_ONE_PROCESS = (
    "{option} measures nothing under -n (xdist), which runs tests beside each other: leave out one "
    "of the two"
)


def asked_for(config: pytest.Config) -> tuple[int, ...] | None:
    """Return the numbers of threads, ``None`` where nobody asks; a usage error for what is none."""
    text = config.getoption("speedgate_threads")
    if text is None or text == OFF:
        return None
    if is_distributed(config):
        option = label_of(config)("threads")
        raise pytest.UsageError(NEEDS_ONE_PROCESS.format(option=option))
    oversubscribe = bool(config.getoption("speedgate_oversubscribe"))
    try:
        return parse_threads(text, usable_cores(), oversubscribe, "--speedgate-threads")
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None


class ThreadsAfterwards:
    """Notes which tests use the fixture, and measures them when all have run."""

    def __init__(
        self, config: pytest.Config, threads: tuple[int, ...], collected: Collected
    ) -> None:
        self._config, self._threads, self._collected = config, threads, collected
        self._has_begun = True
        self._folder = Path(config.invocation_params.dir)
        self._used: dict[str, pytest.Item] = {}
        self._passed: list[str] = []
        self._scaling: Scaling | None = None
        # What there is to say beside the figures, and what of it the machine is to blame for.
        self._words: list[str] = []
        self._faults: list[str] = []
        # Why nothing could be measured, where it is not the machine's fault.
        self._refused: Exception | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what will be measured, once everybody has selected and the gates have their items;
        where it could not be saved, refuse it before it is run."""
        if not self._collected.is_whole:  # it is called after an error, too
            return
        self._used |= {item.nodeid: item for item in self._collected.others(session.items)}
        if not self._used or self._config.getoption("collectonly"):
            return
        try:
            self._refuse_what_nothing_judges()
            refuse_unwritable(label_of(self._config)("threads"), self._folder / RESULTS)
        except OptionError as error:
            self._has_begun = False
            raise refusal(error) from None

    def _refuse_what_nothing_judges(self) -> None:
        """Raise ``OptionError`` for a floor where no selected benchmark has a gate with floors."""
        gates = [gate for gates in self._collected.judged.values() for gate in gates]
        # A negative control has a limit of its own instead, as long as there is a GIL.
        if any(gate.must_scale or not gil_enabled() for gate in gates):
            return
        label = label_of(self._config)
        for short in FLOORS:
            if self._config.getoption(BY_SHORT[f"--{short}"].dest) is not None:
                raise OptionError(
                    f"{label(short)} judges nothing that {label('threads')} measures, and no "
                    "selected benchmark has a gate that it applies to; leave it out, select one "
                    "that has, or use 'speedgate scale', whose floors are --min-speedup, "
                    "--max-gil-held and --max-inflation"
                )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed and report.nodeid in self._used:
            self._passed.append(report.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        result = yield
        if self._passed:
            self._measure_and_keep()
        return result

    def _measure_and_keep(self) -> None:
        """Measure in this run's turn; whatever ends that, what was measured is kept."""
        folder = self._folder
        suite = Suite(PYTEST, str(folder))
        settings = {"scale": suite.label, "blas_threads": BLAS_THREADS}
        recording = ScaleRecording(folder / RESULTS, settings)
        try:
            early = ended_early(lambda: self._measure(suite, recording))
        except (OptionError, MachineTaken) as error:
            if code_of(error) is ExitCode.MACHINE:
                self._faults.append(with_remedy(error))
            else:
                self._refused = error
            return
        is_whole = self._scaling is not None and self._scaling.is_finished
        saved, trouble = recording.finish((), is_whole)
        if saved is not None:
            self._words.append(f"saved in {saved}")
        if trouble:
            self._faults.append(trouble)
        if isinstance(early, KeyboardInterrupt):
            raise early
        if early is not None:
            self._faults.append(f"ended by the machine: {with_remedy(early)}")

    def _measure(self, suite: Suite, recording: ScaleRecording) -> None:
        """Give each result to the recording at once.

        ``OptionError`` where the control cannot be imported, ``MachineTaken`` where another run
        keeps the turn.
        """
        folder, options = Path(suite.root), self._options()
        # Not before the tests, which run as ever: this imports modules, and lengthens their path.
        control = find_control()
        self._words += prepare_to_measure(self._config)
        recover(folder / RESULTS, self._words.append)
        benchmarks = [
            pytest_benchmark(suite, self._entry(nodeid, folder), options) for nodeid in self._passed
        ]
        request = ScaleRequest(self._threads)
        with project_runners(None) as open_runner:
            self._scaling = Scaling(
                benchmarks,
                request,
                open_runner,
                Caches(open_runner, request.time_limit),
                control,
                self._show_step,
            )
            self._scaling.run(recording.add)

    def _entry(self, nodeid: str, folder: Path) -> TestEntry:
        path, _, rest = nodeid.partition("::")
        file = os.path.relpath(self._used[nodeid].path, folder)
        return TestEntry(nodeid, f"{file}::{rest}" if rest else path)

    def _options(self) -> list[str]:
        """The options that decide which configuration a test is run with."""
        options = [f"--rootdir={self._config.rootpath}"]
        return options if self._config.inipath is None else [*options, f"-c{self._config.inipath}"]

    def _show_step(self, step: ScaleStep) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self._config.get_verbosity() < 0:
            return
        line = f"in threads: {step.place}"
        if reporter.isatty:
            reporter.rewrite(line[: reporter._tw.fullwidth - 1], erase=True)
        elif step.number == 1:
            reporter.ensure_newline()
            reporter.write_line(line)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Where all else is well, say by the code that what was asked for is missing."""
        result = yield
        if session.exitstatus == pytest.ExitCode.OK and not self._config.getoption("collectonly"):
            session.exitstatus = self._code()
        return result

    def _code(self) -> ExitCode:
        if self._faults:
            return ExitCode.MACHINE
        if self._refused is not None:
            return ExitCode.UNUSABLE
        return ExitCode.BAD if self._lacks() else ExitCode.WELL

    def _lacks(self) -> str:
        """Say that nothing was measured, "" where something was."""
        option = label_of(self._config)("threads")
        if self._refused is not None:
            return f"{option}: nothing was measured: {self._refused}"
        if not self._passed:
            return f"{option}: nothing was measured: no test passed that uses the fixture benchmark"
        scaled = [] if self._scaling is None else self._scaling.scaled
        if any(one.outcome is ScaleOutcome.MEASURED for one in scaled):
            return ""
        return f"{option}: nothing was measured: each benchmark has its reason above"

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._config.getoption("collectonly") or not self._has_begun:
            return
        terminalreporter.section("speedgate: benchmarks in threads")
        scaled = [] if self._scaling is None else self._scaling.scaled
        if scaled:
            entries = [entry_of(one) for one in scaled]
            for line in scale_text(entries, {}, terminalreporter._tw.fullwidth):
                terminalreporter.write_line(line)
        for line in self._words:
            terminalreporter.write_line(visible(line))
        faults = self._faults or [self._lacks()]
        for line in filter(None, faults):
            terminalreporter.write_line(visible(line), red=True)
