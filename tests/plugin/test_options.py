"""The names of the options: ours by their prefix always, and the short ones where they are free.

NumPy is imported here, before any inner run does, because it cannot be loaded twice in one process.
"""

import json
import subprocess
import sys
import textwrap

import numpy as np  # noqa: F401  # see above
import pytest
from helpers.inner import PLAIN_WORKLOAD, UNDECIDED
from helpers.project import ROOT, Project

from speedgate.judging.floors import MAX_HELD
from speedgate.measuring.budget import (
    DEFAULT_BUDGET_SECONDS,
    DEFAULT_TIME_LIMIT_SECONDS,
    LEAST_SECONDS,
)
from speedgate.plugin.options import OPTIONS, SETTINGS, with_long_names
from speedgate.runner.strategies import STRATEGIES

pytest_plugins = "pytester"
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

BENCH = """
    import pytest
    from plain_workloads import ROOTS
    from speedgate.judging.gate import Gate

    @pytest.mark.speedgate(
        workloads=[ROOTS], sizes=[1000], strategies=["threads"], workers=[1, 2, 4],
        gates=[Gate("scales", workloads=["roots"], min_size=1)],
    )
    def bench_roots(case, speedgate):
        speedgate(case)

    def test_theirs(pytestconfig):
        assert pytestconfig.getoption("workers") == "many"
"""
DECLARES = """
    def pytest_addoption(parser):
        parser.addoption("--workers", help="theirs")
"""


@pytest.fixture
def project(pytester, monkeypatch, request):
    """A project of others, with a benchmark of ours in it."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("speedgate.runner.machine.usable_cores", lambda: 4)
    installed = request.config.pluginmanager.get_plugin("speedgate")
    made = Project.other(pytester, () if installed else ("-p", "speedgate.plugin.entry"))
    pytester.makepyfile(plain_workloads=PLAIN_WORKLOAD, bench_roots=BENCH)
    return made


def collected(result):
    """The ids of the cases that were collected."""
    lines = result.stdout.str().splitlines()
    return [
        line.partition("bench_roots[")[2].rstrip("]") for line in lines if "bench_roots[" in line
    ]


def output(result):
    return result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("value", [["--workers=2"], ["--workers", "2"]], ids=["joined", "apart"])
@pytest.mark.parametrize("prefix", ["--", "--speedgate-"])
def test_an_option_has_a_long_name_and_a_short_one(project, prefix, value):
    arguments = [value[0].replace("--", prefix, 1), *value[1:]]
    result = project.run("--collect-only", "-q", *arguments)
    assert collected(result) == ["roots-1e3-threads-2"]


def declare_in_conftest(pytester):
    pytester.makeconftest(DECLARES)
    return ()


def declare_in_a_plugin(pytester):
    pytester.makepyfile(their_plugin=DECLARES)
    pytester.syspathinsert()
    return ("-p", "their_plugin")


def declare_in_a_plugin_of_the_conftest(pytester):
    pytester.makepyfile(their_plugin=DECLARES)
    pytester.makeconftest("pytest_plugins = ['their_plugin']")
    return ()


def declare_below(pytester):
    """A conftest that pytest loads only when it collects, unless its folder is named."""
    pytester.mkpydir("below").joinpath("conftest.py").write_text(textwrap.dedent(DECLARES))
    return ("bench_roots.py", "below")


DECLARATIONS = [
    declare_in_conftest,
    declare_in_a_plugin,
    declare_in_a_plugin_of_the_conftest,
    declare_below,
]


@pytest.mark.parametrize("declare", DECLARATIONS)
def test_the_short_name_is_theirs_who_declare_it(project, declare):
    options = declare(project.pytester)
    result = project.run(*options, "--workers", "many", "--speedgate-workers=2", "-k", "theirs")
    assert result.parseoutcomes()["passed"] == 1, output(result)
    result = project.run(*options, "--workers=many", "--speedgate-workers", "2", "--collect-only")
    assert result.ret == 0
    assert "--workers is another plugin's: ours is --speedgate-workers" in output(result)
    result = project.run(*options, "--workers=many", "--speedgate-workers=0", "--collect-only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--speedgate-workers: '0' is not a number of workers" in output(result)


def test_a_conftest_that_is_loaded_late_may_declare_what_is_ours(project):
    declare_below(project.pytester)
    (project.folder / "below" / "test_one.py").write_text("def test_one():\n    pass\n")
    result = project.run("--workers=2", "--collect-only", "-q")
    assert result.ret == 0
    assert collected(result) == ["roots-1e3-threads-2"]


def test_the_value_of_a_short_option_is_no_file_to_collect(project):
    """Which conftest pytest loads depends on the files that are named."""
    ini = project.folder / "tox.ini"
    ini.write_text(ini.read_text() + "\ntestpaths = below\n")
    project.pytester.mkpydir("below").joinpath("conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--theirs')\n"
    )
    result = project.run("--workers", "2", "--theirs=3", "--collect-only", "-q")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED, output(result)


def test_what_follows_two_dashes_is_a_file():
    given = ["-k", "x", "--workers", "2", "--sizes=3", "--", "--budget", "1"]
    assert with_long_names(given, lambda name: name != "--sizes") == [
        "-k", "x", "--speedgate-workers", "2", "--sizes=3", "--", "--budget", "1",
    ]  # fmt: skip


# --- the ini file


@pytest.mark.parametrize("option", SETTINGS, ids=lambda option: option.name)
def test_what_a_project_sets_once_has_a_name_in_the_ini_file(option):
    assert option.dest == f"speedgate_{option.name.replace('-', '_')}"


def set_in_ini(project, *lines):
    ini = project.folder / "tox.ini"
    ini.write_text("\n".join([ini.read_text(), *lines, ""]))


def test_the_ini_file_chooses_what_the_command_line_leaves_open(project):
    set_in_ini(project, "speedgate_workers = 2,4", "speedgate_strategies = threads")
    assert collected(project.run("--collect-only", "-q")) == [
        "roots-1e3-threads-2", "roots-1e3-threads-4",
    ]  # fmt: skip
    assert collected(project.run("--collect-only", "-q", "--workers=2")) == ["roots-1e3-threads-2"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("speedgate_budget = soon", "speedgate_budget in the ini file 'soon' is not a duration"),
        ("speedgate_workers = 0", "speedgate_workers in the ini file: '0' is not a number of"),
        ("speedgate_sizes = 1e", "speedgate_sizes in the ini file: '1e'"),
        ("speedgate_strict_gate = perhaps", "speedgate_strict_gate in the ini file: "),
    ],
)
def test_a_bad_word_in_the_ini_file_is_named(project, line, words):
    set_in_ini(project, line)
    result = project.run("--collect-only", "-k", "roots")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in output(result)
    assert "INTERNALERROR" not in output(result)


def test_a_gate_can_be_required_in_the_ini_file(project):
    set_in_ini(project, "speedgate_require_gate = true")
    arguments = ("--benchmark-disable", "--deselect=bench_roots.py::test_theirs")
    assert project.run(*arguments).ret == UNDECIDED
    assert project.run(*arguments, "-o", "speedgate_require_gate=false").ret == 0


def test_the_help_has_our_options_in_one_group_with_examples(project):
    text = project.run("--help").stdout.str()
    group = text.partition("speedgate: do NumPy's threads run side by side?")[2]
    assert "pytest bench/ --require-gate --strict-gate" in group
    for option in OPTIONS:
        assert option.long in group
    for option in SETTINGS:
        assert option.dest in text
    assert "see --speedgate-" not in text


TYPES = ["bool", "linelist", "paths", "args", "string"]


@pytest.mark.parametrize("their_type", TYPES)
def test_a_name_of_the_ini_file_may_be_theirs_with_another_type(project, their_type):
    project.pytester.makeconftest(
        f"def pytest_addoption(parser):\n"
        f"    parser.addini('min_speedup', 'theirs', type={their_type!r}, default=None)\n"
    )
    ini = project.folder / "tox.ini"
    ini.write_text(ini.read_text() + "\nmin_speedup = yes\nspeedgate_min_speedup = fast\n")
    result = project.run("--collect-only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "speedgate_min_speedup in the ini file 'fast' is not a threshold" in output(result)
    ini.write_text(ini.read_text().replace("fast", "1.5"))
    assert project.run("--collect-only", "--strict-config").ret == 0


def test_the_ini_file_of_a_project_without_benchmarks_of_ours_is_its_own(project):
    project.pytester.makepyfile(bench_roots="def test_one():\n    pass\n")
    ini = project.folder / "tox.ini"
    ini.write_text(ini.read_text() + "\nmin_speedup = fast\nmin_concurrency = 3 4\n")
    assert project.run("--strict-config").ret == 0


def test_the_short_names_of_the_ini_file_are_known_to_a_controller_of_xdist(project):
    pytest.importorskip("xdist", reason="pytest-xdist (extra 'xdist') is not installed")
    ini = project.folder / "tox.ini"
    ini.write_text(ini.read_text() + "\nmin_speedup = 1.1\n")
    (project.folder / "test_one.py").write_text("def test_one():\n    pass\n")
    assert project.run("--strict-config", "-n", "1", "test_one.py").ret == 0


# --- the help


def test_the_help_tells_the_defaults(project):
    words = " ".join(output(project.run("--help")).split())
    assert f"of {', '.join(STRATEGIES)}" in words
    assert f"(default {MAX_HELD:g})" in words
    assert f"(default {DEFAULT_BUDGET_SECONDS:g}, or {LEAST_SECONDS:g} a case" in words
    assert f"(default {DEFAULT_TIME_LIMIT_SECONDS:g})" in words
    assert all(option.long in words for option in OPTIONS)
    assert "--budget is short for --speedgate-budget" in words


# --- what a plain pytest loads

TELL = """
import json, sys

def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def test_a_plain_pytest_loads_nothing_of_ours_but_the_options(project):
    """No NumPy, psutil, msgspec, SQLite or multiprocessing until a benchmark is collected."""
    project.pytester.makepyfile(tell=TELL, bench_roots="")

    def loaded(*options):
        command = [sys.executable, "-m", "pytest", "-p", "tell", "--collect-only", *options]
        subprocess.run(command, cwd=project.folder, check=False, capture_output=True)
        return set(json.loads((project.folder / "modules.json").read_text()))

    without = loaded("-p", "no:speedgate")
    assert not [name for name in without if name.startswith("speedgate")]
    with_ours = loaded("-p", "no:speedgate", "-p", "speedgate.plugin.entry")
    assert with_ours - without == {
        "speedgate",
        "speedgate.plugin",
        "speedgate.plugin.entry",
        "speedgate.plugin.options",
    }
