"""What every pytest loads where this is installed: options, and the way to the plugin itself.

The plugin is loaded when the first benchmark of ours is collected, or when one of our options is
given. Until then nothing is imported but this module and the options, and no name is taken that
another plugin or a conftest may want.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from speedgate.plugin.options import (
    BY_SHORT,
    INI_FLOORS,
    OPTIONS,
    add_options,
    with_long_names,
    written,
)

MARKER = "speedgate"
PLAIN_MARKER = "speedgate_plain"
PLUGIN = "speedgate.plugin.hooks"
NEEDS_ONE_PROCESS = "speedgate-needs-one-process"
ONE_PROCESS_MESSAGE = (
    "-n (xdist) would run benchmarks beside each other, so nothing would be measured: "
    "leave -n out to measure, or add --benchmark-disable to run the benchmarks as "
    "correctness tests"
)
# The files of our runs, which pytest-benchmark's own numbers never look like.
RUN_NAME = re.compile(r"\d{4}_\d{4}_\d{6}-\d{3}_.+_[0-9a-f]{8}")
PARSER = pytest.StashKey[pytest.Parser]()
# The short names that were declared to the parser.
DECLARED_SHORT = pytest.StashKey[set[str]]()
# The options that were written with their long names.
WRITTEN_LONG = pytest.StashKey[set[str]]()
# The names of the ini file that are ours without the prefix.
SHORT_INI = pytest.StashKey[frozenset[str]]()
# What --benchmark-compare says, and whether pytest-benchmark still waits for it.
COMPARE = pytest.StashKey[Any]()
IS_HELD_BACK = pytest.StashKey[bool]()


# --- options


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    config = pluginmanager.get_plugin("pytestconfig")
    assert config is not None
    config.stash[PARSER] = parser
    config.stash[DECLARED_SHORT] = set()
    add_options(parser)
    if is_loaded_by_conftest(pluginmanager):
        # pytest reads the arguments next, and asks us no more. What a conftest below declares
        # later must have other names.
        config.stash[DECLARED_SHORT] = set(declare_short(parser))


def declare_short(parser: pytest.Parser) -> Iterator[str]:
    """Declare the short names that nobody has declared; yield which."""
    group = parser.getgroup("speedgate")
    for option in OPTIONS:
        if is_free(parser, option.short):
            group.addoption(option.short, help=argparse.SUPPRESS, **option.attributes)
            yield option.short


def is_loaded_by_conftest(pluginmanager: pytest.PytestPluginManager) -> bool:
    files = (getattr(plugin, "__file__", None) or "" for plugin in pluginmanager.get_plugins())
    return any(Path(file).name == "conftest.py" for file in files)


def is_free(parser: pytest.Parser, name: str) -> bool:
    """Whether no plugin has declared an option of this name so far."""
    argument = f"{name}=1"
    try:
        _, unknown = parser.parse_known_and_unknown_args([argument])
    except pytest.UsageError:  # there is one, which takes no value, or not this one
        return False
    return argument in unknown


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Iterator[None]:
    """Read our short names as the long ones, where nobody has them once all conftests are loaded.

    They are never declared to the parser: a plugin that declares one later does not find it taken.
    """

    def free(name: str) -> bool:
        return is_free(parser, name)

    early_config.stash[WRITTEN_LONG] = set(written(args, {option.long for option in OPTIONS}))
    if written(args, BY_SHORT):
        # Which conftests are loaded depends on the files that are named: the value of an option is
        # none of them.
        known = parser.parse_known_args(with_long_names(args, free))
        early_config.known_args_namespace.file_or_dir = known.file_or_dir
    result = yield
    args[:] = with_long_names(args, free)
    return result


def label_of(config: pytest.Config) -> Callable[[str], str]:
    """Return what says how the user calls an option: ``--workers``, or as it was written."""
    written_long = config.stash.get(WRITTEN_LONG, set())

    def label(name: str) -> str:
        long = f"--speedgate-{name}"
        return long if long in written_long else f"--{name}"

    return label


def taken_by_others(config: pytest.Config) -> list[str]:
    """Return the short names that are another plugin's."""
    candidates = [name for name in BY_SHORT if name not in config.stash[DECLARED_SHORT]]
    return [name for name in candidates if not is_free(config.stash[PARSER], name)]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "speedgate(workloads, sizes, strategies, workers, fixed, sample, gates, report, held, "
        "keeps_promises): give a benchmark its cases",
    )
    config.addinivalue_line(
        "markers",
        f"{PLAIN_MARKER}: a benchmark without cases; pytest-benchmark's table of it is shown with "
        "-v, or where its file is named",
    )
    config.stash[SHORT_INI] = frozenset(claim_short_ini(config))
    # An empty value is refused as well, by the plugin.
    if any(config.getoption(option.dest) not in (None, False) for option in OPTIONS):
        load(config)
    hold_comparing_back(config)


def claim_short_ini(config: pytest.Config) -> Iterator[str]:
    """Declare the names without prefix that nobody has declared; yield which."""
    for name, text in INI_FLOORS.items():
        try:
            config.getini(name)
        except ValueError:
            config.stash[PARSER].addini(name, f"{text}; also speedgate_{name}", default=None)
            yield name


# --- the way to the plugin itself


def load(config: pytest.Config) -> Any:
    """Return the plugin, and have pytest load it if that has not been done yet."""
    plugin = loaded(config)
    if plugin is None:
        config.pluginmanager.import_plugin(PLUGIN)
        plugin = loaded(config)
    if plugin is None:
        raise pytest.UsageError(f"-p no:{PLUGIN} leaves out what measures; use -p no:speedgate")
    return plugin


def loaded(config: pytest.Config) -> ModuleType | None:
    """Return the plugin if this session has loaded it."""
    module = sys.modules.get(PLUGIN)
    is_registered = module is not None and config.pluginmanager.is_registered(module)
    return module if is_registered else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a benchmark that has a ``speedgate`` mark its cases."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is not None:
        load(metafunc.config).give_cases(metafunc, marker)


@pytest.fixture
def speedgate(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., None]:
    """Measure a case: ``speedgate(case)``. The durations in pytest-benchmark's table and JSON are
    the contender's rounds, by the runner's clock.

    ``tasks``, ``loops`` and ``pairs`` fix what is chosen by calibration and budget otherwise;
    ``blas_threads`` takes the place of ``--blas-threads`` (``None`` leaves BLAS alone), and
    ``control=None`` leaves the control out.
    """
    measure: Callable[..., None] = load(request.config).measurer(request, benchmark)
    return measure


# --- xdist


def is_worker(config: pytest.Config) -> bool:
    """Whether this is a process of xdist, and not the one that people see."""
    return hasattr(config, "workerinput")


def is_distributed(config: pytest.Config) -> bool:
    """Whether xdist runs the tests of this session."""
    return is_worker(config) or config.getoption("dist", "no") != "no"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Where xdist runs, its controller stops before anything is scheduled."""
    if any(NEEDS_ONE_PROCESS in nodeid for nodeid in ids):
        raise pytest.UsageError(ONE_PROCESS_MESSAGE)


# --- what is compared with


def hold_comparing_back(config: pytest.Config) -> None:
    """Where there may be benchmarks of ours, have pytest-benchmark wait until they are collected.

    It reads the stored runs while it is configured, and warns where it finds none of its own.
    """
    asked = getattr(config.option, "benchmark_compare", None) or None
    config.stash[COMPARE] = asked
    is_ours = loaded(config) is not None or has_runs_of_ours(storage_folder(config))
    config.stash[IS_HELD_BACK] = asked is not None and is_ours and not is_distributed(config)
    if config.stash[IS_HELD_BACK]:
        config.option.benchmark_compare = []


def storage_folder(config: pytest.Config) -> Path | None:
    """Return the folder of pytest-benchmark's storage, if that is a folder."""
    storage = str(config.getoption("benchmark_storage", "://"))
    if "://" in storage and not storage.startswith("file://"):
        return None
    return Path(storage.removeprefix("file://"))


def has_runs_of_ours(folder: Path | None) -> bool:
    files = folder.glob("*/*.json") if folder is not None else ()
    return any(RUN_NAME.fullmatch(file.stem) for file in files)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if loaded(session.config) is None:
        compare_as_ever(session.config)


def compare_as_ever(config: pytest.Config) -> None:
    """Have pytest-benchmark read what it compares with, if it still waits for that."""
    if config.stash.get(IS_HELD_BACK, False):
        config.stash[IS_HELD_BACK] = False
        session = config._benchmarksession  # type: ignore[attr-defined]  # pytest-benchmark's
        session.compare = config.option.benchmark_compare = config.stash[COMPARE]
        session.handle_loading()
