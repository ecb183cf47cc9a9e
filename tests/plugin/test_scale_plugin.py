"""``pytest --speedgate-threads``: lines for tests that use ``benchmark``, and nothing changed."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from speedgate.measuring import scale_run

pytest_plugins = "pytester"
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

TESTS = """
import hashlib
import pytest

@pytest.fixture
def data():
    return bytes(100_000)

def test_digest(benchmark, data):
    benchmark.extra_info["bytes"] = len(data)
    assert len(benchmark(lambda: hashlib.sha256(data).hexdigest())) == 64

def test_fails(benchmark):
    assert benchmark(int) == 1

def test_without():
    pass
"""
RUN = ("-p", "no:randomly", "--benchmark-min-rounds=2", "--benchmark-max-time=0.01")


@pytest.fixture
def project(pytester: Any, request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project of somebody else, with its tests in a folder below its root."""
    monkeypatch.setattr(scale_run, "EACH_SECONDS", 0.2)
    for name in [variable for variable in os.environ if variable.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)  # these tests may run under xdist, the inner ones do not
    installed = request.config.pluginmanager.get_plugin("speedgate")
    pytester.plugins = [] if installed else ["speedgate.plugin.entry"]
    pytester.makeini("[pytest]\n")
    folder = pytester.mkdir("inner")
    (folder / "test_some.py").write_text(TESTS)
    return pytester


def test_each_test_that_passed_has_its_line(project: Any) -> None:
    result = project.runpytest_inprocess("inner", *RUN, "--speedgate-threads=2")
    result.assert_outcomes(passed=2, failed=1)
    text = result.stdout.str()
    assert "speedgate: benchmarks in threads" in text
    assert "1 benchmark: 1 measured" in text
    assert text.count("inner/test_some.py::test_digest") >= 1


def test_what_pytest_benchmark_saves_is_its_own(project: Any) -> None:
    project.runpytest_inprocess(
        "inner", *RUN, "--speedgate-threads=2", "--benchmark-json=out.json", "-k", "digest"
    )
    document = json.loads((project.path / "out.json").read_text())
    [benchmark] = document["benchmarks"]
    assert benchmark["extra_info"] == {"bytes": 100_000}
    assert benchmark["stats"]["rounds"] >= 2
    assert "speedgate" not in document


def test_without_the_option_nothing_is_measured(project: Any) -> None:
    result = project.runpytest_inprocess("inner", *RUN, "-k", "digest")
    assert "in threads" not in result.stdout.str()
    result = project.runpytest_inprocess("inner", *RUN, "-k", "digest", "--speedgate-threads=0")
    assert "in threads" not in result.stdout.str()


def test_a_number_that_is_none_is_refused(project: Any) -> None:
    result = project.runpytest_inprocess("inner", "--speedgate-threads=two")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--speedgate-threads: 'two' is not a number of threads*"])
