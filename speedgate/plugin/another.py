"""`--python`: another Python is measured; what can only be timed in this one is left out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import pytest

from speedgate.builds.build import Build, open_build
from speedgate.builds.runners import interpreter_of
from speedgate.measuring.selection import OptionError
from speedgate.plugin.entry import label_of
from speedgate.plugin.session import State, UnderTest
from speedgate.report.summary import python_words

NEEDS_SCALE = (
    "not measured: {option} names another Python, and what uses 'benchmark' is timed in pytest's "
    "own; 'speedgate scale --python' measures it there"
)


def refuse_threads(config: pytest.Config, state: State) -> None:
    """Raise a usage error where the tests of this process were to be measured in another Python."""
    if state.settings.python is not None:
        option = label_of(config)
        raise pytest.UsageError(
            f"{option('threads')} measures the tests that ran in pytest's own Python; leave out "
            f"{option('python')}, or use 'speedgate scale --python'"
        )


def measure_another(config: pytest.Config, state: State, items: Iterable[pytest.Item]) -> None:
    """Find the Python that the options name, and have it measured; ``OptionError`` if it cannot."""
    text = state.settings.python
    if text is None or config.getoption("collectonly"):
        return
    option = label_of(config)("python")
    leave_plain_benchmarks_out(state, items, NEEDS_SCALE.format(option=option))
    if not state.collected.workloads:
        return
    build = open_build(text, option, notify=lambda line: write_now(config, line))
    undoing = contextlib.ExitStack()
    config.add_cleanup(undoing.close)
    try:
        interpreter = undoing.enter_context(interpreter_of(build))
    except OSError as error:
        raise OptionError(
            f"{option}: {build.python} cannot be given a copy of speedgate ({error})"
        ) from error
    state.under_test = UnderTest(build, interpreter)
    state.words.remarks.append(f"measuring {described(build)}")


def leave_plain_benchmarks_out(state: State, items: Iterable[pytest.Item], reason: str) -> None:
    """Skip what pytest-benchmark would time in this process."""
    for item in state.collected.others(items):
        item.add_marker(pytest.mark.skip(reason=reason))


def described(build: Build) -> str:
    """Return ``Python 3.13.5t without GIL, NumPy 2.4.6 (/path/to/python)``."""
    numpy: dict[str, Any] = build.environment.get("numpy") or {}
    return f"{python_words(build.environment)}, NumPy {numpy.get('version')} ({build.python})"


def write_now(config: pytest.Config, line: str) -> None:
    """Show a line at once: what it tells of may take minutes."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(line)
