"""The plugin and its files: what it finds in a history, what it saves, what it says it could not.

Runners are made up (helpers/machine.py), as in test_plugin.py.
"""

import json

import pytest
from helpers.machine import PAIRS, MadeMachine
from helpers.project import ROOT, Project

pytest_plugins = "pytester"
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

GREEN, RED, MISUSED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR
ONE = (
    "bench/bench_scaling.py",
    "--strategies=threads",
    "--workloads=g",
    "--sizes=1e6",
)


@pytest.fixture
def machine(monkeypatch):
    made = MadeMachine()
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("speedgate.plugin.hooks.RunnerProcess", made.open)
    monkeypatch.setattr("speedgate.plugin.hooks.describe_runner", made.describe)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    monkeypatch.setattr("speedgate.runner.interpreter.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.runner.interpreter.available_bytes", lambda: 10**9)
    return made


@pytest.fixture
def checkout(pytester, machine):
    return Project.checkout(pytester)


def output(result):
    return result.stdout.str() + result.stderr.str()


def says(result, *words):
    """Assert that one line of the output holds all the words."""
    lines = output(result).splitlines()
    assert any(all(word in line for word in words) for line in lines), (words, lines)


# --- what it finds


ODD_JOURNALS = ('{"speedgate": {}}\n{"benchmark": 5}\n', "5\n[]\n", "[" * 100_000)


def test_odd_files_are_named_and_take_nothing_down(checkout):
    assert checkout.run(*ONE).ret == GREEN
    (first,) = checkout.files()
    for number, text in enumerate(ODD_JOURNALS):
        (first.parent / f"odd{number}.part").write_text(text)
    (first.parent / "nested.json").write_text("[" * 100_000)
    odd = json.loads(first.read_text())
    odd["speedgate"]["environment"]["numpy"] = "2.4"
    (first.parent / "numpy.json").write_text(json.dumps(odd))
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN, output(result)
    assert "INTERNALERROR" not in output(result)
    for name in ("odd0.part", "odd1.part", "odd2.part"):
        says(result, "left alone: ", name, "no journal of speedgate")
    says(result, "left out: ", "nested.json is not a run: it is nested too deeply")
    says(result, "left out: ", "numpy.json is not a whole run (environment: ")
    says(result, "comparing with", first.stem)


def test_a_run_whose_stats_are_not_whole_is_compared_without_them(checkout):
    assert checkout.run(*ONE).ret == GREEN
    (first,) = checkout.files()
    content = json.loads(first.read_text())
    content["benchmarks"][0]["stats"] = {"median": 0.5, "name": 5, "iqr": "wide"}
    first.write_text(json.dumps(content))
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN, output(result)
    says(result, "not shown beside this run: ", "bench_scaling[g-1e6-threads-2]", "not whole")
