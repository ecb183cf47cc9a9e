"""Targets: the suites that a user names, and the benchmarks that are found in them."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from speedgate.measuring.plan import Plan
from speedgate.measuring.selection import OptionError
from speedgate.runner.messages import (
    ASV,
    PYTEST,
    AsvEntry,
    ListBenchmarks,
    Listed,
    OpenTarget,
    Target,
    TestEntry,
)
from speedgate.runner.task import BatchRequest
from speedgate.stats.case import Case

ASV_CONFIGURATION = "asv.conf.json"
DEFAULT_BENCHMARK_FOLDER = "benchmarks"
STRATEGY = "threads"
OWN = "it has the mark speedgate: pytest itself measures it"

Json = dict[str, Any]


@dataclass(frozen=True)
class Suite:
    """Where benchmarks are found: an asv suite's folder, or what pytest is to collect.

    ``root`` is absolute: the folder of an asv suite, or the one in which pytest is started.
    """

    kind: str
    root: str
    targets: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name of the project, as far as folders tell it."""
        folder = Path(self.root)
        generic = ("benchmarks", "asv_bench", "bench", "benches", "tests", "test")
        while folder.name in generic and folder.parent != folder:
            folder = folder.parent
        return folder.name or "suite"

    def list_request(self, options: Sequence[str]) -> ListBenchmarks:
        return ListBenchmarks(self.kind, self.root, list(self.targets), list(options))


def parse_targets(texts: Sequence[str], folder: Path) -> list[Suite]:
    """Return the suites that ``texts`` name, seen from ``folder``; ``OptionError`` for none.

    What pytest collects is one suite. ``asv:PATH`` and ``pytest:PATH`` say which it is.
    """
    suites: list[Suite] = []
    tests: list[str] = []
    for text in texts:
        suite = _asv_suite(text, folder)
        if suite is None:
            tests.append(_test_target(text.removeprefix("pytest:"), folder))
        elif suite not in suites:
            suites.append(suite)
    if tests:
        suites.append(Suite(PYTEST, str(folder.resolve()), tuple(tests)))
    return suites


def _asv_suite(text: str, folder: Path) -> Suite | None:
    """Return the asv suite that a target names, ``None`` if it names tests."""
    is_asked_for = text.startswith("asv:")
    path = (folder / text.removeprefix("asv:")).resolve()
    if text.startswith("pytest:") or "::" in text:
        return None
    if path.is_file() and path.suffix == ".json":
        return Suite(ASV, str(_benchmark_folder(path)))
    if (path / ASV_CONFIGURATION).is_file():
        return Suite(ASV, str(_benchmark_folder(path / ASV_CONFIGURATION)))
    beside = path.parent / ASV_CONFIGURATION
    if beside.is_file() and _benchmark_folder(beside) == path:
        return Suite(ASV, str(path))
    if is_asked_for and not path.is_dir():
        raise OptionError(f"'{text}': there is no folder {path}")
    if is_asked_for or (path.is_dir() and _looks_like_asv(path)):
        return Suite(ASV, str(path))
    return None


def _looks_like_asv(folder: Path) -> bool:
    """Whether a folder is a package whose files hold ``time_*``, and has no tests."""
    if not (folder / "__init__.py").is_file() or any(folder.glob("test_*.py")):
        return False
    pattern = re.compile(r"^\s*def (time|timeraw|peakmem|mem|track)_\w", re.MULTILINE)
    return any(pattern.search(file.read_text(errors="replace")) for file in folder.glob("*.py"))


def _benchmark_folder(configuration: Path) -> Path:
    """Return the folder of benchmarks that ``asv.conf.json`` names."""
    try:
        settings: Json = json.loads(without_comments(configuration.read_text(encoding="utf-8")))
    except ValueError as error:
        raise OptionError(
            f"{configuration} cannot be read: {error}; fix it, or name the benchmarks' folder"
        ) from None
    root = configuration.parent / settings.get("benchmark_dir", DEFAULT_BENCHMARK_FOLDER)
    if not root.is_dir():
        raise OptionError(f"{configuration}: its benchmark_dir {root} is not a folder")
    return Path(root).resolve()


def without_comments(text: str) -> str:
    """Return asv's JSON, with comments and a comma after the last member, as plain JSON."""
    quoted = r'("(?:\\.|[^"\\])*")'
    plain = re.sub(
        rf"{quoted}|//[^\n]*|/\*.*?\*/", lambda match: match[1] or "", text, flags=re.DOTALL
    )
    return re.sub(rf"{quoted}|,(?=\s*[}}\]])", lambda match: match[1] or "", plain)


def _test_target(text: str, folder: Path) -> str:
    path = Path(text.partition("::")[0])
    if not (folder / path).exists():
        raise OptionError(
            f"'{text}': there is no {path}; give a folder or file of tests, a test's node id, an "
            "asv.conf.json, or asv:FOLDER"
        )
    return text


@dataclass(frozen=True, eq=False)
class Benchmark:
    """One benchmark with one set of parameters, measured as a workload is.

    ``function`` is its name without parameters. ``refusal`` says why it is not applicable. ``both``
    measures it with private and with shared state, ``share`` with shared state only.
    """

    name: str
    function: str
    target: Target
    time_limit: float | None = None
    cache_seconds: float | None = None
    refusal: str | None = None
    both: bool = False
    share: bool = False

    def case(self, threads: int) -> Case:
        return Case(self.name, 1, STRATEGY, threads)

    def open_request(
        self, case: Case, plan: Plan, number: int, control: BatchRequest | None
    ) -> OpenTarget:
        """Return the request that opens it in the ``number``-th process."""
        return OpenTarget(
            workers=case.workers,
            target=self.target,
            both=self.both,
            share=self.share,
            rehearse=number == 0,
            placed=plan.placed,
            control=control,
        )


@dataclass
class BenchmarkListing:
    """What was found in the suites: benchmarks, and what cannot be imported, with the reason."""

    benchmarks: list[Benchmark] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)

    def add(self, suite: Suite, listed: Listed, options: Sequence[str]) -> None:
        """Take in a runner's answer."""
        for asv_entry in listed.asv:
            self.benchmarks += asv_benchmarks(suite, asv_entry)
        self.benchmarks += [pytest_benchmark(suite, test, options) for test in listed.tests]
        self.broken += [(entry.name, entry.reason) for entry in listed.broken]


def asv_benchmarks(suite: Suite, entry: AsvEntry) -> Iterator[Benchmark]:
    """Yield a benchmark of asv's with each combination of its parameters, as asv names it."""
    cache = None if entry.cache is None else scratch_name(f"{suite.root}-{entry.cache}")
    target = Target(ASV, suite.root, entry.name, cache=cache)
    refusal = None
    if entry.type != "time":
        refusal = f"it measures {entry.type}, not time"
    elif entry.raw:
        refusal = (
            "timeraw times a fresh process; threads of one process cannot repeat what it does first"
        )
    plain = Benchmark(
        name=entry.name,
        function=entry.name,
        target=target,
        time_limit=entry.timeout,
        cache_seconds=entry.cache_timeout,
        refusal=refusal,
    )
    if not entry.params:
        yield plain
        return
    for number, values in enumerate(itertools.product(*entry.params)):
        name = f"{entry.name}({', '.join(values)})"
        yield replace(plain, name=name, target=replace(target, param=number))


def pytest_benchmark(suite: Suite, test: TestEntry, options: Sequence[str]) -> Benchmark:
    target = Target(PYTEST, suite.root, test.argument, arguments=list(options))
    return Benchmark(
        name=test.name,
        function=test.name.partition("[")[0],
        target=target,
        refusal=OWN if test.own else None,
    )


def select(benchmarks: Iterable[Benchmark], expression: str | None) -> list[Benchmark]:
    """Return those whose name matches ``-k``: words, ``and``, ``or``, ``not`` and brackets."""
    if expression is None:
        return list(benchmarks)
    matches = compile_expression(expression)
    return [benchmark for benchmark in benchmarks if matches(benchmark.name)]


def compile_expression(text: str) -> Any:
    """Return a predicate of names; ``OptionError`` for what is no expression, as pytest's -k."""
    # A bracket right behind a word is of the name: time_sum(2).
    tokens = re.findall(r"[()]|[^\s()]+(?:\([^\s()]*\))?", text)
    words = [token for token in tokens if token not in ("(", ")", "and", "or", "not")]
    shape = " ".join("True" if token in words else token for token in tokens)
    try:
        compile(shape, "-k", "eval")
    except SyntaxError:
        raise OptionError(
            f"-k '{text}': not an expression; join words by and, or, not, "
            "as in -k 'sum and not object'"
        ) from None

    def matches(name: str) -> bool:
        low = name.lower()
        terms = [str(token.lower() in low) if token in words else token for token in tokens]
        # Nothing but True, False, and, or, not and brackets is left.
        return bool(eval(" ".join(terms), {"__builtins__": {}}))

    return matches


def spread(benchmarks: Sequence[Benchmark], most: int | None = None) -> list[Benchmark]:
    """Return them with one of each function first, then another of each, and so on.

    A time that does not suffice for all then suffices for some of every function. Of the
    parameters, which mostly ascend, the last come first.
    """
    by_function: dict[str, list[Benchmark]] = {}
    for benchmark in benchmarks:
        by_function.setdefault(benchmark.function, []).append(benchmark)
    turns = itertools.zip_longest(*(reversed(benchmark) for benchmark in by_function.values()))
    ordered = [benchmark for turn in turns for benchmark in turn if benchmark is not None]
    if most is None or most >= len(by_function):
        return ordered[:most]
    # Not enough for one of each: every so-manieth function, so that no file is left out.
    return [ordered[number * len(by_function) // most] for number in range(most)]


def parse_threads(
    text: str | None, cores: int, oversubscribe: bool, option: str = "--threads"
) -> tuple[int, ...]:
    """Return the numbers of threads that an option asks for; 2 without it."""
    if text is None:
        return (2,)
    counts = []
    for part in (part.strip() for part in text.split(",")):
        if not (part.isascii() and part.isdigit()) or int(part) < 1:
            raise OptionError(f"{option}: '{part}' is not a number of threads from 1 up")
        if int(part) > cores and not oversubscribe:
            raise OptionError(
                f"{option}: {part} threads are more than the {cores} usable cores; add "
                "--oversubscribe to measure that"
            )
        counts.append(int(part))
    return tuple(dict.fromkeys(counts))


def scratch_name(key: str) -> str:
    """Return a folder's name for a ``setup_cache``."""
    return re.sub(r"\W+", "_", key.replace(os.sep, "_"))[-80:]
