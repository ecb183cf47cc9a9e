"""Which cases a run has: ids, options, and what is refused."""

import pytest
from helpers.inner import ARTICLE, GREEN, MISUSED, ONE, SCALING, output, says
from helpers.machine import (
    Behaviour,
)

from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case
from workloads import CATALOGUE

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


# --- ids and selection


def test_ids_say_what_is_measured(checkout, machine):
    result = checkout.run("bench", "--collect-only", "-q")
    assert result.ret == GREEN
    for case in ("g-1e6-threads-2", "f-1e3-serial-1", "g_out-1e5-processes-2", "g-1e4-foreach-2"):
        says(result, f"{SCALING}::bench_scaling[{case}]")
    says(result, f"{ARTICLE}::bench_article[g-1e6-foreach-2]")
    assert machine.runners == []


@pytest.mark.parametrize(
    ("options", "cases"),
    [
        (
            ["--workloads=g", "--sizes=1e3", "--strategies=serial,threads"],
            ["g-1e3-serial-1", "g-1e3-threads-2"],
        ),
        (
            ["--workloads=f,g_out", "--sizes=2.5e4", "--strategies=threads"],
            ["f-2.5e4-threads-2", "g_out-2.5e4-threads-2"],
        ),
        (
            ["--workloads=g", "--sizes=1e3,500", "--strategies=processes"],
            ["g-1e3-processes-2", "g-500-processes-2"],
        ),
        (
            ["--workloads=g", "--sizes=1e3", "--strategies=serial,threads", "--workers=1,2"],
            ["g-1e3-serial-1", "g-1e3-threads-1", "g-1e3-threads-2"],
        ),
        (
            ["--workloads=g", "--sizes=1e3", "--strategies=threads", "--workers=4",
             "--oversubscribe"],
            ["g-1e3-threads-4"],
        ),
        (
            ["--workloads=g", "--sizes=1e3", "-k", "foreach or serial"],
            ["g-1e3-serial-1", "g-1e3-foreach-2"],
        ),
    ],
)  # fmt: skip
def test_options_choose_the_cases(checkout, machine, options, cases):
    assert checkout.run(SCALING, *options).ret == GREEN
    assert machine.cases == cases


def test_by_default_f_and_g_are_measured_under_every_strategy_from_1e3_to_1e6(checkout, machine):
    result = checkout.run(SCALING)
    assert result.ret == GREEN
    measured = {Case.parse(case) for case in machine.cases}
    assert {"f", "g", "g_out"} <= {case.workload for case in measured} <= set(CATALOGUE)
    assert {case.strategy for case in measured} == {"serial", "threads", "processes", "foreach"}
    assert {case.size for case in measured} >= {1_000, 1_000_000}
    assert {case.workers for case in measured if STRATEGIES[case.strategy].is_parallel} == {2}


def test_a_selection_leaves_a_fixed_bench_its_own_sizes(checkout, machine):
    assert checkout.run(ARTICLE, "--workloads=g", "--strategies=serial,foreach").ret == GREEN
    assert machine.cases == ["g-1e6-serial-1", "g-1e6-foreach-2"]
    for runner in machine.runners:
        requests = {request["do"]: request for request in runner.requests}
        assert requests["calibrate"]["loops"] == 1
        assert requests["rounds"]["pairs"] == 1


def test_the_article_in_full_has_its_own_size_and_tasks(checkout, machine):
    assert checkout.run(ARTICLE, "--article-full").ret == GREEN
    tasks = {}
    for runner in machine.runners:
        requests = {request["do"]: request for request in runner.requests}
        assert runner.case.size == 10_000_000
        tasks.setdefault(runner.case.workload, set()).add(requests["calibrate"]["tasks"])
    assert tasks == {"g": {100}, "f": {10}}


# --- bad input


BAD_INPUT = {
    "workload": (["--workloads=h"], ["--workloads", "'h'", "f, g, g_out"]),
    "one workload of two": (["--workloads=g,h"], ["--workloads", "'h'", "f, g, g_out"]),
    "strategy": (["--strategies=fibers"], ["--strategies", "'fibers'", "lists all"]),
    "size 1e": (["--sizes=1e"], ["--sizes", "'1e'", "1e6"]),
    "size -3": (["--sizes", "-3"], ["--sizes", "'-3'", "1e6"]),
    "size 0": (["--sizes=0"], ["--sizes", "'0'", "1e6"]),
    "size 1.5": (["--sizes=1e3,1.5"], ["--sizes", "'1.5'", "1e6"]),
    "size nan": (["--sizes=nan"], ["--sizes", "'nan'", "1e6"]),
    "no size": (["--sizes="], ["--sizes", "empty"]),
    "workers above the cores": (
        ["--workers=3"],
        ["--workers", "3 workers", "2 usable cores", "--oversubscribe"],
    ),
    "workers 0": (["--workers=0"], ["--workers", "'0'", "from 1 up"]),
    "workers two": (["--workers=two"], ["--workers", "'two'", "whole number"]),
    "speedup": (["--min-speedup=fast"], ["--min-speedup", "'fast'", "1.2"]),
    "speedup nan": (["--min-speedup=nan"], ["--min-speedup", "'nan'", "above 0"]),
    "speedup inf": (["--min-speedup=inf"], ["--min-speedup", "'inf'", "above 0"]),
    "speedup 0": (["--min-speedup=0"], ["--min-speedup", "'0'", "above 0"]),
    "concurrency": (["--min-concurrency=all"], ["--min-concurrency", "'all'", "above 0"]),
    "held": (["--max-gil-held=some"], ["--max-gil-held", "'some'"]),
    "configured speedup": (["-o", "min_speedup=fast"], ["min_speedup", "'fast'", "above 0"]),
    "configured concurrency": (["-o", "min_concurrency=x"], ["min_concurrency", "'x'", "above 0"]),
    "configured control": (["-o", "speedgate_control=no:C"], ["speedgate_control", "'no:C'"]),
    "budget": (["--budget=soon"], ["--budget", "'soon'", "seconds"]),
    "budget 0": (["--budget=0"], ["--budget", "'0'", "seconds"]),
    "time limit": (["--time-limit=-1"], ["--time-limit", "'-1'", "seconds"]),
    "BLAS threads": (["--blas-threads=0"], ["--blas-threads", "'0'", "'default'"]),
    "results below a file": (
        ["--benchmark-storage=file://pyproject.toml/results"],
        ["--benchmark-storage", "pyproject.toml/results", "can be written"],
    ),
    "memory": (
        ["--workloads=g", "--sizes=1e3,1e9", "--strategies=threads"],
        ["g-1e9-threads-2", "32,000,000,000 bytes", "1,000,000,000", "--sizes"],
    ),
}


@pytest.mark.parametrize(("options", "words"), BAD_INPUT.values(), ids=list(BAD_INPUT))
def test_bad_input_is_refused_before_anything_is_measured(checkout, machine, options, words):
    result = checkout.run(SCALING, *options)
    assert result.ret == MISUSED
    says(result, "ERROR", *words)
    assert "Traceback" not in output(result)
    assert machine.runners == []
    assert checkout.documents() == []


def test_the_memory_of_worker_processes_is_counted_for_each(checkout, machine):
    """g_out holds 16 bytes an element in each buffer; 4 buffers, here and in 2 processes."""
    result = checkout.run(
        SCALING, "--workloads=g_out", "--sizes=1e7", "--strategies=threads,processes"
    )
    assert result.ret == MISUSED
    says(result, "g_out-1e7-processes-2", f"{16 * 4 * 3 * 10**7:,} bytes", "1,000,000,000")


def test_more_workers_than_cores_can_be_asked_for(checkout, machine):
    machine.behave("g", Behaviour(speedup=2.7, concurrency=2.9))
    assert checkout.run(*ONE, "--workers=3", "--oversubscribe").ret == GREEN
    assert machine.cases == ["g-1e6-threads-3"]
