"""How a mutant meets its tests: in a fork, with the fewest modules to load and the likeliest first.

The parent loads every module that does not depend on the mutated one. A child gets the mutant in
place of the module as it imports it, runs the tests, and tells which one failed. POSIX only.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import grimp
import pytest

from evaluation.mutants import Mutant

# A mutant that loops is ended by the time that it computes, whatever else the machine does.
CPU_SECONDS, WALL_SECONDS = 20, 300
MOST_MEMORY = 8 << 30
EXAMPLES = 20
# Of tests that are not the module's own: so many seconds together, as they took alone.
OTHERS_SECONDS = 3.0
# What the tests load beside the package: once in the parent.
PRELOADED = (
    "hypothesis", "hypothesis.strategies", "jsonschema", "numpy", "psutil", "pytest_benchmark",
    "scipy.stats", "ruptures", "speedgate.plugin.hooks", "speedgate.commands.main",
)  # fmt: skip
OPTIONS = (
    "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-o", "addopts=",
    "-W", "ignore",
)  # fmt: skip

# One folder that each child empties: else pytest keeps those of three and looks for older ones.
BASE_FOLDER = f"--basetemp={tempfile.gettempdir()}/mutants-{os.getpid()}"

Json = dict[str, Any]
Kill = Callable[[Mutant, Sequence[Sequence[str]]], Json]


class Outcome(Enum):
    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    INVALID = "invalid"


# --- which tests concern which lines


class _Recorder:
    """A plugin of pytest: each test's lines and seconds."""

    def __init__(self, coverage: Any) -> None:
        self._coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self.failed.add(report.nodeid)


def lines_of_tests(tests: Sequence[str], folders: Sequence[str]) -> Json:
    """Run tests; return the seconds of each, and by file and line the numbers of those that ran it.

    A test that is skipped or fails without a fault kills nobody, and is left out.
    """
    from coverage import Coverage

    coverage = Coverage(data_file=None, source=list(folders), config_file=False)
    coverage.start()
    recorder = _Recorder(coverage)
    pytest.main([*OPTIONS[1:], *tests], plugins=[recorder])
    coverage.stop()
    names = sorted(set(recorder.seconds) - recorder.failed)
    numbers = {name: number for number, name in enumerate(names)}
    data = coverage.get_data()
    files: dict[str, dict[int, list[int]]] = {}
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        files[str(Path(file).relative_to(Path.cwd()))] = {
            line: sorted(numbers[name] for name in names if name in numbers)
            for line, names in by_line.items()
        }
    return {"tests": [[name, recorder.seconds[name]] for name in names], "files": files}


def is_own(path: Path, test: str) -> bool:
    """Whether a test is in a file of the module's own: its name begins as the module's does."""
    return Path(test.partition("::")[0]).name.startswith(f"test_{path.stem}")


class Selection:
    """The tests that concern a mutant, the likeliest to kill it first."""

    def __init__(self, recorded: Json) -> None:
        self._tests: list[tuple[str, float]] = recorded["tests"]
        self._files: Json = recorded["files"]

    def of(self, path: Path, mutant: Mutant) -> tuple[list[str], list[str], list[str]]:
        """Return, in the order in which they are asked:

        - the module's own tests that run its lines, and its own files: what was written in them
          since is asked as well;
        - others that run its lines, the fastest first, as long as they take few seconds together;
        - the rest of its own tests. A constant is read by tests that did not import it first.

        Its own are the files whose name begins as the module's does. Of a line that no test runs,
        those that run any line of the module are asked.
        """
        by_line = self._files.get(str(path), {})
        lines = range(mutant.line, mutant.last_line + 1)
        numbers = {number for line in lines for number in by_line.get(str(line), ())}
        if not numbers:
            numbers = {number for tests in by_line.values() for number in tests}
        own, others, left = [], [], OTHERS_SECONDS
        for number in sorted(numbers, key=lambda number: self._tests[number][1]):
            name, seconds = self._tests[number]
            if is_own(path, name):
                own.append(name)
            elif (left := left - seconds) > 0:
                others.append(name)
        files = [str(file) for file in sorted(Path("tests").rglob(f"test_{path.stem}*.py"))]
        rest = [name for name, _ in self._tests if is_own(path, name) and name not in own]
        return own + files, others, rest

    @property
    def known(self) -> frozenset[str]:
        """The tests that were recorded."""
        return frozenset(name for name, _ in self._tests)


# --- the fork


class _MutantLoader(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._mutant = code

    def get_code(self, fullname: str) -> CodeType:
        return self._mutant


class _MutantFinder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name = name
        self._loader = _MutantLoader(name, str(path), code)

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_loader(name, self._loader)


class _Chosen:
    """A plugin of pytest: these tests alone, in this order; the first that failed.

    A file stands for those of its tests that are not known.
    """

    def __init__(self, names: Sequence[str], known: frozenset[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._known = known
        self.first: str | None = None
        self.count = 0

    def pytest_sessionstart(self) -> None:
        from hypothesis import settings

        settings.register_profile(
            "mutants", max_examples=EXAMPLES, deadline=None, derandomize=True, database=None
        )
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        every = ((self._place(item.nodeid), item) for item in items)
        placed = [(place, item) for place, item in every if place is not None]
        items[:] = [item for _, item in sorted(placed, key=lambda entry: entry[0])]

    def _place(self, name: str) -> int | None:
        if name in self._known:
            return self._places.get(name)
        return self._places.get(name, self._places.get(name.partition("::")[0]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.count += report.when == "call"
        if report.failed and self.first is None:
            self.first = report.nodeid


def run_here(names: Sequence[str], known: frozenset[str]) -> Json:
    """Run tests in this process; return pytest's code, the first that failed, and how many ran."""
    # Without those that were renamed since: pytest would refuse them, as if a test had failed.
    files = [
        file
        for file in dict.fromkeys(name.partition("::")[0] for name in names)
        if Path(file).exists()
    ]
    if not files:
        return {"code": 0, "by": None, "tests": 0}
    chosen = _Chosen(names, known)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = int(pytest.main([*OPTIONS, BASE_FOLDER, *files], plugins=[chosen]))
    # Where there is no test to run, none has failed.
    code = 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code
    return {"code": code, "by": chosen.first, "tests": chosen.count}


@contextlib.contextmanager
def killer_of(path: Path, known: frozenset[str]) -> Iterator[Kill]:
    """Yield what tries a mutant of a module; this process has all loaded that is not mutated."""
    name = ".".join(path.with_suffix("").parts)
    for preloaded in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(preloaded)
    forget({name, *grimp.build_graph("speedgate").find_downstream_modules(name)})
    # A child then neither looks at what is loaded, nor copies it.
    gc.collect()
    gc.freeze()
    yield lambda mutant, groups: tried(name, path, mutant, groups, known)


def forget(names: set[str]) -> None:
    """Have modules loaded anew by whoever imports them next."""
    for name in names:
        sys.modules.pop(name, None)
        parent, _, child = name.rpartition(".")
        package = sys.modules.get(parent)
        if package is not None and hasattr(package, child):
            delattr(package, child)


def tried(
    name: str,
    path: Path,
    mutant: Mutant,
    groups: Sequence[Sequence[str]],
    known: frozenset[str] = frozenset(),
) -> Json:
    """Return what became of a mutant: its outcome, the test that killed it, the CPU seconds.

    It meets a group of tests after the other, each in a fork of its own, until it is killed.
    """
    try:
        code = compile(mutant.source, str(path), "exec", dont_inherit=True)
    except SyntaxError:
        return {"outcome": Outcome.INVALID.value}
    count, before = 0, _seconds_of_children()
    outcome, by = Outcome.SURVIVED, None
    for names in filter(None, groups):
        answer = in_a_fork(partial(_with, name, path, code, names, known))
        if answer is None:
            outcome = Outcome.TIMEOUT
            break
        count += answer["tests"]
        if answer["code"] != 0:
            outcome, by = Outcome.KILLED, answer["by"]
            break
    seconds = round(_seconds_of_children() - before, 2)
    return {"outcome": outcome.value, "by": by, "tests": count, "seconds": seconds}


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _with(
    name: str, path: Path, code: CodeType, names: Sequence[str], known: frozenset[str]
) -> Json:
    sys.meta_path.insert(0, _MutantFinder(name, path, code))
    return run_here(names, known)


def in_a_fork(work: Callable[[], Json]) -> Json | None:
    """Return what some work in a child answers; ``None`` if it took too long or died."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(WALL_SECONDS)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    signal.alarm(0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(told) if told else None
