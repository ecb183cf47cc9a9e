"""``--speedgate-threads``: for every test that uses ``benchmark``, its speedup in threads.

The tests run as ever. Afterwards each that passed is measured as ``speedgate scale`` does it, in
fresh interpreters: nothing of that is in what pytest-benchmark measures, shows or saves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from speedgate.builds.runners import project_runners
from speedgate.history.scale_recording import entry_of
from speedgate.measuring.scale_run import Caches, ScaleRequest, ScaleStep, Scaling
from speedgate.measuring.selection import OptionError
from speedgate.measuring.suite import find_workload
from speedgate.measuring.targets import Suite, parse_threads, pytest_benchmark
from speedgate.plugin.session import Collected
from speedgate.report.scale import scale_text
from speedgate.runner.machine import usable_cores
from speedgate.runner.messages import PYTEST, TestEntry

OFF = "0"
NEEDS_ONE_PROCESS = "not measured in threads: -n (xdist) runs tests beside each other; leave -n out"


def asked_for(config: pytest.Config) -> tuple[int, ...] | None:
    """Return the numbers of threads, ``None`` where nobody asks; a usage error for what is none."""
    text = config.getoption("speedgate_threads")
    if text is None or text == OFF:
        return None
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
        self._used: dict[str, pytest.Item] = {}
        self._passed: list[str] = []
        self._scaling: Scaling | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._used |= {item.nodeid: item for item in self._collected.others(items)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed and report.nodeid in self._used:
            self._passed.append(report.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        result = yield
        if self._passed and not self._is_distributed():
            self._measure()
        return result

    def _is_distributed(self) -> bool:
        is_controller = self._config.getoption("dist", "no") != "no"
        return is_controller or hasattr(self._config, "workerinput")

    def _measure(self) -> None:
        folder = Path(self._config.invocation_params.dir)
        suite = Suite(PYTEST, str(folder))
        options = self._options()
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
                find_workload("workloads:CONTROL", "control"),
                self._show_step,
            )
            self._scaling.run(lambda scaled: None)

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

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._is_distributed():
            terminalreporter.write_line(NEEDS_ONE_PROCESS, yellow=True)
        if self._scaling is None:
            return
        terminalreporter.section("speedgate: benchmarks in threads")
        entries = [entry_of(scaled) for scaled in self._scaling.scaled]
        for line in scale_text(entries, {}, terminalreporter._tw.fullwidth):
            terminalreporter.write_line(line)
