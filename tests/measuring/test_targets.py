"""Which suites a target names, and which benchmarks are chosen of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from speedgate.judging.scale_gate import matching
from speedgate.measuring.scale_run import ScaleRequest, chosen
from speedgate.measuring.selection import OptionError
from speedgate.measuring.targets import (
    Benchmark,
    BenchmarkListing,
    Suite,
    asv_benchmarks,
    compile_expression,
    parse_targets,
    parse_threads,
    pytest_benchmark,
    select,
    spread,
    without_comments,
)
from speedgate.runner.messages import ASV, AsvEntry, BrokenEntry, Listed, Target, TestEntry

CONFIGURATION = """
{
    // a comment, as asv allows it
    "project": "some//project", /* and
    another */
    "benchmark_dir": "suite",
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "asv.conf.json").write_text(CONFIGURATION)
    (tmp_path / "suite").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").touch()
    return tmp_path


@pytest.mark.parametrize("target", ["asv.conf.json", ".", "suite", "asv:suite"])
def test_an_asv_suite_is_known_by_its_configuration(project: Path, target: str) -> None:
    assert parse_targets([target], project) == [Suite("asv", str(project / "suite"))]


def test_a_package_of_time_functions_is_an_asv_suite(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "some.py").write_text("class A:\n    def time_x(self): pass\n")
    assert parse_targets(["bench"], tmp_path) == [Suite("asv", str(folder))]


def test_tests_of_several_targets_are_one_suite(project: Path) -> None:
    suites = parse_targets(["tests", "tests/test_a.py::test_x[1]", "suite"], project)
    assert suites == [
        Suite("asv", str(project / "suite")),
        Suite("pytest", str(project), ("tests", "tests/test_a.py::test_x[1]")),
    ]


@pytest.mark.parametrize("target", ["nowhere", "tests/test_b.py::test_x", "asv:nowhere"])
def test_a_target_that_is_not_there_is_refused(project: Path, target: str) -> None:
    with pytest.raises(OptionError, match="there is no"):
        parse_targets([target], project)


def test_a_configuration_that_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "asv.conf.json").write_text("{")
    with pytest.raises(OptionError, match=r"asv\.conf\.json cannot be read"):
        parse_targets(["."], tmp_path)


def test_a_suite_is_called_as_its_project() -> None:
    assert Suite("asv", "/home/me/numpy/benchmarks/benchmarks").label == "numpy"
    assert Suite("pytest", "/home/me/msgpack").label == "msgpack"


def test_comments_go_and_strings_stay() -> None:
    text = '{"a": "x // y, ]", // z\n "b": [1, 2, ], /* , */ }'
    assert without_comments(text).replace(" ", "") == '{"a":"x//y,]","b":[1,2]}'.replace(
        ',"b"', ',\n"b"'
    ).replace(" ", "")


ENTRY = AsvEntry(
    name="bench.A.time_x",
    type="time",
    raw=False,
    params=[],
    timeout=60.0,
    cache=None,
    cache_timeout=None,
)
SUITE = Suite("asv", "/suite")


def test_each_combination_of_parameters_is_a_benchmark() -> None:
    entry = replace(ENTRY, params=[["1", "2"], ["'a'", "'b'"]])
    benchmarks = list(asv_benchmarks(SUITE, entry))
    assert [benchmark.name for benchmark in benchmarks] == [
        "bench.A.time_x(1, 'a')",
        "bench.A.time_x(1, 'b')",
        "bench.A.time_x(2, 'a')",
        "bench.A.time_x(2, 'b')",
    ]
    assert [benchmark.target.param for benchmark in benchmarks] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("more", "word"), [({"type": "track"}, "track"), ({"raw": True}, "timeraw")]
)
def test_what_measures_no_time_is_not_applicable(more: dict[str, Any], word: str) -> None:
    [benchmark] = asv_benchmarks(SUITE, replace(ENTRY, **more))
    assert benchmark.refusal is not None
    assert word in benchmark.refusal


def test_two_suites_of_one_name_have_two_caches() -> None:
    entry = replace(ENTRY, cache="bench:12")
    [one] = asv_benchmarks(SUITE, entry)
    [other] = asv_benchmarks(Suite("asv", "/other/suite"), entry)
    assert one.target.cache != other.target.cache


def named(*names: str) -> list[Benchmark]:
    return [
        Benchmark(name=name, function=name.partition("(")[0], target=Target(ASV)) for name in names
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sum", ["time_sum(1)", "time_sum(2)"]),
        ("SUM and not (2)", ["time_sum(1)"]),
        ("sort or time_sum(2)", ["time_sum(2)", "time_sort"]),
        ("not sum", ["time_sort"]),
        (None, ["time_sum(1)", "time_sum(2)", "time_sort"]),
    ],
)
def test_names_are_selected_as_by_pytest(expression: str | None, expected: list[str]) -> None:
    benchmarks = named("time_sum(1)", "time_sum(2)", "time_sort")
    assert [benchmark.name for benchmark in select(benchmarks, expression)] == expected


@pytest.mark.parametrize("expression", ["sum and", "(sum", "not", "sum sort"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(OptionError, match="-k"):
        compile_expression(expression)


def test_an_expression_runs_no_code() -> None:
    assert compile_expression("__import__")("__import__ is a word")


def test_one_of_every_function_comes_first() -> None:
    benchmarks = named("a(1)", "a(2)", "a(3)", "b", "c(1)", "c(2)")
    names = [benchmark.name for benchmark in spread(benchmarks)]
    assert names == ["a(3)", "b", "c(2)", "a(2)", "c(1)", "a(1)"]
    assert len(spread(benchmarks, 4)) == 4
    assert [benchmark.name for benchmark in spread(benchmarks, 2)] == ["a(3)", "b"]
    assert [benchmark.name for benchmark in spread(named(*"abcdef"), 2)] == ["a", "d"]


def test_a_sample_is_of_what_measures_time() -> None:
    memory = replace(named("peakmem_a")[0], refusal="it measures memory")
    listing = BenchmarkListing([memory, *named("a", "b")])
    benchmarks = chosen(listing, ScaleRequest(threads=(2,), sample=1))
    assert [benchmark.name for benchmark in benchmarks] == ["a", "peakmem_a"]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("time_sum", "bench.time_sum(1)", True),
        ("bench.*", "bench.time_sum(1)", True),
        ("*sum", "bench.time_sum(1)", False),
        ("test_x[*]", "tests/test_a.py::test_x[1]", False),
        ("*test_x[?]", "tests/test_a.py::test_x[1]", True),
    ],
)
def test_a_pattern_takes_brackets_as_they_are(pattern: str, name: str, expected: bool) -> None:
    assert matching(pattern, name) is expected


def test_threads_are_numbers_up_to_the_cores() -> None:
    assert parse_threads(None, 8, False) == (2,)
    assert parse_threads("1,2,2,4", 8, False) == (1, 2, 4)
    assert parse_threads("16", 8, True) == (16,)
    for text in ("0", "two", "16", "1,,2", "-1"):
        with pytest.raises(OptionError, match="--threads"):
            parse_threads(text, 8, False)


def test_what_cannot_be_imported_is_listed_beside_the_others() -> None:
    listing = BenchmarkListing()
    reply = Listed(asv=[ENTRY], broken=[BrokenEntry("bench_b", "b.py:1: no")])
    listing.add(SUITE, reply, ())
    assert [benchmark.name for benchmark in listing.benchmarks] == ["bench.A.time_x"]
    assert listing.broken == [("bench_b", "b.py:1: no")]


def test_a_benchmark_of_ours_is_left_to_pytest() -> None:
    suite = Suite("pytest", "/project")
    ours = pytest_benchmark(suite, TestEntry("b.py::ours", "b.py::ours", own=True), [])
    # By whatever strategies: it may have no threads.
    assert ours.refusal == "it has the mark speedgate: pytest itself measures it"
    assert pytest_benchmark(suite, TestEntry("b.py::other", "b.py::other"), []).refusal is None
