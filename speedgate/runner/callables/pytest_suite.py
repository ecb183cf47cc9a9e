"""Tests that use pytest-benchmark's fixture: pytest runs one, and its callable is measured.

A closure cannot travel by name. So the runner collects and runs the one test itself; when the test
calls ``benchmark(...)``, what it hands over is the worker's work, and the test waits there, its
fixtures alive, until the measurement is over. Then it gets a result and goes on to its assertions.
Each worker runs the test in its own thread, so that each has fixtures and a closure of its own.

Standard library, and pytest with pytest-benchmark of the interpreter that measures.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from speedgate.runner.callables.asv_suite import MOST_INSTANCES
from speedgate.runner.callables.refusals import SkippedBySuite, refuse_unfinished
from speedgate.runner.callables.worker import Fresh, Work, Worker
from speedgate.runner.messages import INSTALLED_FIRST, BrokenEntry, Listed, Target, TestEntry
from speedgate.runner.strategies import CannotMeasure
from speedgate.runner.strategies.extras import installed

INSTALL = "{} is not installed in this Python; pip install pytest pytest-benchmark there"
WEAVE = "it uses benchmark.weave, which hands over no callable; let it call benchmark(function)"
# The modules of the plugins whose fixture is called ``benchmark``.
FIXTURES = ("pytest_benchmark.fixture", "pytest_codspeed.plugin")
HYPOTHESIS = "hypothesispytest"
MARK = "speedgate"
# What other plugins do to a test is switched off where they are installed: they would run it in
# other processes or threads, trace it, or end it in the middle.
SWITCHED_OFF = {
    "pytest_benchmark": ("--benchmark-disable",),
    "xdist": ("-n0",),
    "pytest_cov": ("--no-cov",),
    "pytest_timeout": ("--timeout=0",),
    "pytest_run_parallel": ("--parallel-threads=1",),
    "pytest_randomly": ("--randomly-dont-reorganize",),
    "pytest_rerunfailures": ("--reruns=0",),
}

Json = dict[str, Any]

_patched: list[Any] = []
_used: list[Any] = []
_takers: dict[int, Callable[..., Any]] = {}


def pytest_module() -> Any:
    """Return pytest; ``CannotMeasure`` with the remedy where it, or a fixture, is missing."""
    if importlib.util.find_spec("pytest") is None:
        raise CannotMeasure(INSTALL.format("pytest"))
    if not any(importlib.util.find_spec(fixture.partition(".")[0]) for fixture in FIXTURES):
        raise CannotMeasure(INSTALL.format("pytest-benchmark"))
    return importlib.import_module("pytest")


class Patching:
    """A plugin that has the fixtures hand over what they are called with, once those are loaded.

    Who imported them before pytest does would be warned of, and some projects make that an error.
    """

    def pytest_configure(self) -> None:
        for name in FIXTURES:
            module = sys.modules.get(name)
            if module is not None:
                _patch_fixture(module.BenchmarkFixture)

    def pytest_sessionfinish(self, session: Any) -> None:
        """Hypothesis is imported whole for the summary, also where no test uses it: most of a
        second in each runner, for words that nobody reads."""
        plugins = session.config.pluginmanager
        if "hypothesis" not in sys.modules and plugins.has_plugin(HYPOTHESIS):
            plugins.unregister(name=HYPOTHESIS)


def _patch_fixture(fixture: Any) -> None:
    """Have the public methods of a fixture hand over to what runs the test in this thread."""
    if fixture in _patched:
        return
    _patched.append(fixture)
    called, pedantic = fixture.__call__, fixture.pedantic

    def plain(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        take = _takers.get(threading.get_ident())
        if take is None:
            return called(self, function, *args, **kwargs)
        return take(self, "benchmark(...)", function, args, kwargs, None, None)

    def with_options(
        self: Any,
        target: Any,
        args: Any = (),
        kwargs: Any = None,
        setup: Any = None,
        teardown: Any = None,
        **options: Any,
    ) -> Any:
        take = _takers.get(threading.get_ident())
        if take is None:
            return pedantic(self, target, args, kwargs or {}, setup, teardown, **options)
        return take(self, "benchmark.pedantic(...)", target, args, kwargs or {}, setup, teardown)

    def weave(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise CannotMeasure(WEAVE)

    fixture.__call__, fixture.pedantic = plain, with_options
    fixture.weave = fixture.patch = weave


def arguments(own: Sequence[str]) -> list[str]:
    """Return pytest's arguments: a target's ``own`` options first, so that ours win."""
    options = [*own, "--capture=no", "-q"]
    for module, switches in SWITCHED_OFF.items():
        if importlib.util.find_spec(module) is not None:
            options += switches
    if installed("speedgate") is not None:
        options.append("--speedgate-threads=0")  # it may stand in their addopts
    return options


class Reports(Patching):
    """A plugin that keeps what became of the test."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.skipped: list[str] = []
        self.passed = False
        self.benchmark: Any = None

    def pytest_internalerror(self, excrepr: Any) -> None:
        self.failed.append(f"pytest itself fails: {str(excrepr).strip().splitlines()[-1]}")

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(_crash(report))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(_crash(report))
        elif report.skipped:
            self.skipped.append(_why_skipped(report))
        elif report.when == "call":
            self.passed = True


def _crash(report: Any) -> str:
    """Return ``file:line: the error`` of a failed report, or the end of its text."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        text = crash.message.strip().partition("\n")[0]
        return f"{crash.path}:{crash.lineno}: {text}"
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return f"{_place(lines) or report.nodeid}: {(errors or lines or ['it failed'])[-1]}"


def _place(lines: Sequence[str]) -> str | None:
    """Return ``file:line`` of an error that a module raises when it is imported.

    pytest writes ``test_a.py:2: in <module>`` for each frame. A syntax error has no frame in the
    file; Python writes ``File "test_a.py", line 1`` of it.
    """
    syntax = re.findall(r'^E\s+File "(.+)", line (\d+)$', "\n".join(lines), re.MULTILINE)
    frames = re.findall(r"^(\S.*?):(\d+): in ", "\n".join(lines), re.MULTILINE)
    places = syntax or frames
    return ":".join(places[-1]) if places else None


def _why_skipped(report: Any) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(getattr(report, "wasxfail", "")) or "it is skipped"


class TestListing(Patching):
    """A plugin that notes every test that uses the fixture, and runs none."""

    def __init__(self) -> None:
        self.items: list[TestEntry] = []
        self.broken: list[BrokenEntry] = []

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.broken.append(BrokenEntry(report.nodeid, _crash(report)))

    def pytest_collection_finish(self, session: Any) -> None:
        for item in session.items:
            if "benchmark" in getattr(item, "fixturenames", ()):
                # A node id starts at the root of the project, an argument from where we are.
                _, colons, rest = item.nodeid.partition("::")
                argument = f"{os.path.relpath(item.path)}{colons}{rest}"
                own = item.get_closest_marker(MARK) is not None
                self.items.append(TestEntry(item.nodeid, argument, own))


def list_tests(root: str, targets: list[str], options: list[str]) -> Listed:
    """Return the tests below targets that use the benchmark fixture."""
    pytest = pytest_module()
    _go(root, INSTALLED_FIRST in options)
    listing, words = TestListing(), io.StringIO()
    options = [*arguments(options), "--continue-on-collection-errors"]
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        code = pytest.main([*targets, *options, "--collect-only"], plugins=[listing])
    is_stopped = code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR)
    if is_stopped and not listing.items and not listing.broken:
        raise CannotMeasure(_why_not_started(int(code), words.getvalue()))
    return Listed(tests=listing.items, broken=listing.broken)


def _why_not_started(code: int, words: str) -> str:
    """Return the last words of a pytest that collected nothing."""
    lines = [line.removeprefix("INTERNALERROR> ") for line in words.splitlines() if line.strip()]
    last = "\n".join(f"  {line}" for line in lines[-5:])
    return f"pytest cannot collect (exit code {code}); it wrote:\n{last}"


def _go(root: str, is_installed_first: bool) -> None:
    os.chdir(root)
    if root in sys.path:
        return
    if is_installed_first:
        sys.path.append(root)
    else:  # as python -m pytest does it
        sys.path.insert(0, root)


def prepare(target: Target, rehearse: bool) -> None:
    """Go where pytest would be started, and ``rehearse``: what fails by itself is not measured."""
    pytest_module()
    _go(target.root, INSTALLED_FIRST in target.arguments)
    if rehearse:
        _rehearse(target)


def _rehearse(target: Target) -> None:
    """Run the test once, plainly."""
    reports = Reports()

    def take(
        fixture: Any, mode: str, function: Any, args: Any, kwargs: Any, setup: Any, teardown: Any
    ) -> Any:
        _use(fixture, mode)
        reports.benchmark = fixture
        if setup is not None and (made := setup()):
            args, kwargs = made
        began = time.perf_counter()
        result = function(*args, **kwargs)
        _give_stats(fixture, time.perf_counter() - began)
        refuse_unfinished(result)
        if teardown is not None:
            teardown(*args, **kwargs)
        return result

    _run(target, take, reports)
    raise_unless_passed(reports)


def raise_unless_passed(reports: Reports) -> None:
    if reports.failed:
        text = reports.failed[0]
        if "CannotMeasure" in text:
            raise CannotMeasure(text.partition("CannotMeasure: ")[2])
        raise CannotMeasure(f"its test fails by itself: {text}")
    if reports.skipped:
        raise SkippedBySuite(f"pytest skips it: {reports.skipped[0]}")
    if not reports.passed or reports.benchmark is None:
        raise CannotMeasure("its test does not call benchmark")


def _run(target: Target, take: Callable[..., Any], reports: Reports) -> None:
    pytest = pytest_module()
    ident = threading.get_ident()
    before = _takers.get(ident)
    _takers[ident] = take
    try:
        code = pytest.main([target.name, *arguments(target.arguments)], plugins=[reports])
        if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR):
            reports.failed.append(f"pytest cannot run it (exit code {int(code)})")
    finally:
        if before is None:
            _takers.pop(ident, None)
        else:
            _takers[ident] = before


def opener(target: Target) -> Callable[[Worker], None]:
    """Return what a worker runs: the test, which waits in ``benchmark(...)`` meanwhile."""

    def open_work(worker: Worker) -> None:
        reports = Reports()

        def take(
            fixture: Any,
            mode: str,
            function: Any,
            args: Any,
            kwargs: Any,
            setup: Any,
            teardown: Any,
        ) -> Any:
            _use(fixture, mode)
            reports.benchmark = fixture
            work = make_work(function, tuple(args), dict(kwargs), setup, teardown)
            work.described = partial(describe, fixture)
            result = worker.serve(work)
            _give_stats(fixture, 1.0)
            return result

        _run(target, take, reports)
        raise_unless_passed(reports)

    return open_work


def make_work(function: Any, args: Any, kwargs: Any, setup: Any, teardown: Any) -> Work:
    """Return what pytest-benchmark would call, with a set-up before each call if one is given."""
    if setup is None and teardown is None:
        call = partial(function, *args, **kwargs) if args or kwargs else function
        return Work(call=call)

    def renew() -> Fresh:
        made = setup() if setup is not None else None
        mine, named = made or (args, kwargs)
        if not made:
            work.many = 1  # it resets what all calls share
        finish = partial(teardown, *mine, **named) if teardown is not None else lambda: None
        return Fresh(partial(function, *mine, **named), finish)

    work = Work(call=function, renew=renew, many=MOST_INSTANCES, must_renew=True)
    return work


def describe(fixture: Any) -> Json:
    """Return what a test says of itself: its group and what it notes; plain JSON."""
    extra = {}
    for name, value in getattr(fixture, "extra_info", {}).items():
        with contextlib.suppress(TypeError, ValueError):
            json.dumps(value)
            extra[str(name)] = value
    return {"group": getattr(fixture, "group", None), "extra_info": extra}


def _use(fixture: Any, mode: str) -> None:
    """Mark the fixture as used, once, as it does itself."""
    if fixture in _used:
        raise RuntimeError("the benchmark fixture can only be used once in a test")
    _used.append(fixture)
    if hasattr(fixture, "_mode"):  # it would warn that it was not used
        fixture._mode = mode


def _give_stats(fixture: Any, seconds: float) -> None:
    """Give the fixture statistics of one call: some tests assert on them afterwards."""
    if hasattr(fixture, "_make_stats"):
        fixture._add_stats = lambda stats: None
        fixture._make_stats(1).update(seconds)
