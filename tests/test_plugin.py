"""The plugin as a user meets it: ids, options, exit codes, words, files. Two cores, made up.

Where nothing else is said, runners are made up as well (helpers/machine.py): they answer at once,
by a script, so that no verdict here depends on a clock. NumPy and the workloads are imported here,
before any inner run does, because NumPy cannot be loaded twice in one process.
"""

import json
import os
import re
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from helpers.machine import (
    BEHIND_A_LOCK,
    CRASHING,
    CROWDED,
    HOLDS_GIL,
    PAIRS,
    SIDE_BY_SIDE,
    SLOW,
    Behaviour,
    MadeMachine,
    raising,
)
from helpers.project import ROOT, Project

from speedgate.commands.main import main
from speedgate.history.document import read_run
from speedgate.history.format import FORMAT_VERSION
from speedgate.judging.gate import MAX_PROCESSES, MIN_PROCESSES
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case
from workloads import CATALOGUE, OPERATIONS

pytest_plugins = "pytester"
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

GREEN, RED, MISUSED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR
SCALING = "bench/bench_scaling.py"
ARTICLE = "bench/bench_article.py"
THREADS = (SCALING, "--strategies=threads")
ONE = (*THREADS, "--workloads=g", "--sizes=1e6")
MAP = "bench/bench_gil_map.py"
BLAS = "bench/bench_blas.py"
# Something for each of the two gates: g and g_out must scale, f must not.
GATED = (*THREADS, "--sizes=1e5,1e6")


@pytest.fixture
def plugins(request):
    """What loads the plugin in a project that is none of ours: nothing where it is installed."""
    installed = request.config.pluginmanager.get_plugin("speedgate")
    return () if installed else ("-p", "speedgate.plugin.entry")


@pytest.fixture
def quiet_variables(monkeypatch):
    """Leave out what this run of pytest says to its own workers."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    # Inner runs in processes of their own find the package as this one does.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # So wide that no line is broken; how lines are broken has a test of its own.
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def machine(monkeypatch, quiet_variables):
    made = MadeMachine()
    monkeypatch.setattr("speedgate.plugin.fixture.RunnerProcess", made.open)
    monkeypatch.setattr("speedgate.plugin.fixture.InProcess", made.open)
    monkeypatch.setattr("speedgate.plugin.storage.describe_runner", made.describe)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    monkeypatch.setattr("speedgate.runner.machine.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.runner.machine.available_bytes", lambda: 10**9)
    return made


@pytest.fixture
def checkout(pytester, quiet_variables):
    return Project.checkout(pytester)


@pytest.fixture
def xdist():
    pytest.importorskip("xdist", reason="pytest-xdist (extra 'xdist') is not installed")


@pytest.fixture
def other(pytester, plugins, quiet_variables):
    return Project.other(pytester, plugins)


def output(result):
    return result.stdout.str() + result.stderr.str()


def says(result, *words):
    """Assert that one line of the output holds all the words."""
    lines = output(result).splitlines()
    assert any(all(word in line for word in words) for line in lines), (words, lines)


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
        requests = {each["do"]: each for each in runner.requests}
        assert requests["calibrate"]["loops"] == 1
        assert requests["rounds"]["pairs"] == 1


def test_the_article_in_full_has_its_own_size_and_tasks(checkout, machine):
    assert checkout.run(ARTICLE, "--article-full").ret == GREEN
    tasks = {}
    for runner in machine.runners:
        requests = {each["do"]: each for each in runner.requests}
        assert runner.case.size == 10_000_000
        tasks.setdefault(runner.case.workload, set()).add(requests["calibrate"]["tasks"])
    assert tasks == {"g": {100}, "f": {10}}


# --- bad input


BAD_INPUT = {
    "workload": (["--workloads=h"], ["--workloads", "'h'", "f, g, g_out"]),
    "one workload of two": (["--workloads=g,h"], ["--workloads", "'h'", "f, g, g_out"]),
    "strategy": (["--strategies=fibers"], ["--strategies", "'fibers'", ", ".join(STRATEGIES)]),
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
    "held": (["--max-held=some"], ["--max-held", "'some'"]),
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


# --- verdicts and exit codes


def test_a_gate_that_passes_leaves_the_run_green(checkout, machine):
    result = checkout.run(*GATED)
    assert result.ret == GREEN
    says(result, "passed: g-1e6-threads-2 1.65x [1.6", "needs 1.20x", "concurrency 1.9")
    says(result, "passed: f-1e5-threads-2 0.95x [0.9", "at most 1.20x with the GIL on")
    assert checkout.verdicts() == {
        "g-1e6-threads-2": "passed",
        "g_out-1e6-threads-2": "passed",
        "f-1e5-threads-2": "passed",
    }


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [(HOLDS_GIL, "no longer releases the GIL"), (BEHIND_A_LOCK, "a lock that is not the GIL")],
)
def test_a_gate_that_fails_makes_the_run_red_with_a_short_message(
    checkout, machine, behaviour, cause
):
    machine.behave("g", behaviour)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.9", "x [0.9", "needs 1.20x", cause)
    says(result, "gate threads-scale", "--min-speedup", "speedgate report")
    says(result, "FAILED", "gate", "threads-scale", "g-1e6-threads-2]")
    says(result, "passed: g_out-1e6-threads-2")
    text = result.stdout.str()
    message = text.partition("= FAILURES =")[2].partition("benchmark 'f-1e5'")[0]
    assert len(message.splitlines()) <= 8, message
    for word in ("Traceback", "GateFailed", "plugin.py", "def "):
        assert word not in message


def test_a_threshold_that_nothing_reaches_names_every_case(checkout, machine):
    result = checkout.run(*GATED, "--min-speedup=50")
    assert result.ret == RED
    for case in ("g-1e6-threads-2", "g_out-1e6-threads-2"):
        says(result, f"failed: {case} 1.65x", "needs 50.00x", "more than 2 workers can give")
    says(result, "passed: f-1e5-threads-2")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min-speedup=1.9"], ["needs 1.90x"]),
        (["-o", "min_speedup=1.9"], ["needs 1.90x"]),
        (["--min-concurrency=1.99"], ["needs 1.99"]),
        (["-o", "min_concurrency=1.99"], ["needs 1.99"]),
        (["--max-held=0.001"], ["GIL held 0.01", "at most 0.00"]),
    ],
)
def test_each_floor_can_be_raised(checkout, machine, options, words):
    result = checkout.run(*ONE, *options)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 1.65x", *words)


def test_configured_floors_are_for_two_workers_and_grow(checkout, machine):
    machine.behave("g", Behaviour(speedup=3.5, concurrency=3.9))
    machine.control = 3.9
    four = (*ONE, "--workers=4", "--oversubscribe")
    says(checkout.run(*four), "passed: g-1e6-threads-4 3.5", "needs 1.60x")
    says(checkout.run(*four, "-o", "min_speedup=1.5"), "passed: g-1e6-threads-4", "needs 2.50x")
    says(checkout.run(*four, "--min-speedup=1.5"), "passed: g-1e6-threads-4", "needs 1.50x")


def test_slow_in_every_process_fails_and_slow_in_one_does_not(checkout, machine):
    machine.behave("g", SLOW)
    machine.behave("g_out", SLOW, SLOW, SLOW, SIDE_BY_SIDE)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.97x", "1.90-fold", "memory, page faults")
    says(result, "inconclusive: g_out-1e6-threads-2", "in every process")
    assert len(machine.of("g-1e6-threads-2")) == MAX_PROCESSES


def test_a_busy_machine_is_inconclusive_and_said_to_be(checkout, machine):
    machine.behave("g", CROWDED)
    machine.control = 1.05
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(
        result,
        "inconclusive: g-1e6-threads-2",
        "waiting for a CPU 41%: others had the cores",
        "the control reached 1.05x of 2",
    )
    assert checkout.verdicts() == {"g-1e6-threads-2": "inconclusive"}
    assert len(machine.of("g-1e6-threads-2")) == MAX_PROCESSES


def test_a_strict_gate_makes_inconclusive_red(checkout, machine):
    machine.behave("g", CROWDED)
    machine.control = 1.05
    result = checkout.run(*ONE, "--strict-gate")
    assert result.ret == RED
    says(result, "inconclusive: g-1e6-threads-2", "waiting for a CPU 41%")
    says(result, "gate threads-scale", "quiet machine", "--budget")


def test_a_case_is_measured_no_longer_than_its_verdict_needs(checkout, machine):
    assert checkout.run(*THREADS, "--workloads=g", "--sizes=1e5,1e6").ret == GREEN
    assert len(machine.of("g-1e6-threads-2")) == MIN_PROCESSES
    assert len(machine.of("g-1e5-threads-2")) == 1
    assert all(runner.is_closed for runner in machine.runners)


def test_a_tracer_breaks_the_premise(checkout, machine):
    machine.traced = "sys.settrace"
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(result, "not evaluated: g-1e6-threads-2", "sys.settrace was active")
    assert checkout.info("g-1e6-threads-2")["extra_info"]["broken"]


# --- the negative control


def test_a_speedup_that_cannot_be_makes_the_run_red(checkout, machine):
    machine.behave("f", SIDE_BY_SIDE)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: f-1e5-threads-2 1.65x", "at most 1.20x", "the measurement is wrong")
    says(result, "passed: g-1e6-threads-2")


def test_without_the_gil_the_negative_control_is_not_evaluated(checkout, machine):
    machine.behave("f", SIDE_BY_SIDE)
    machine.gil_enabled = False
    result = checkout.run(*GATED)
    assert result.ret == GREEN
    says(result, "not evaluated: f-1e5-threads-2", "without the GIL")
    says(result, "passed: g-1e6-threads-2")


# --- a green run means that the gate ran


def test_where_every_gate_is_judged_require_gate_is_green(checkout, machine):
    assert checkout.run(*GATED, "--require-gate").ret == GREEN


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-k", "not threads"], id="deselected"),
        pytest.param(["-k", "g_out or serial"], id="one gate deselected"),
        pytest.param(["-k", "no_such_thing"], id="all deselected"),
        pytest.param(["--deselect", "bench"], id="all deselected by path"),
        pytest.param(["--sizes=1e3"], id="empty"),
        pytest.param(["--workers=1"], id="one worker"),
        pytest.param(["--benchmark-disable"], id="disabled"),
        pytest.param(["--benchmark-skip"], id="skipped"),
        pytest.param(["--in-process"], id="in process"),
    ],
)
def test_where_a_gate_is_not_judged_require_gate_is_never_green(checkout, machine, options):
    arguments = [*GATED, *options]
    assert checkout.run(*arguments, "--require-gate").ret != GREEN
    machine.runners.clear()
    assert checkout.run(*arguments).ret in (GREEN, pytest.ExitCode.NO_TESTS_COLLECTED)


@pytest.mark.parametrize("behaviour", [CRASHING, raising(ValueError("no"), "ValueError: no")])
def test_a_crashed_gate_is_never_green(checkout, machine, behaviour):
    machine.behave("g", behaviour)
    assert checkout.run(*GATED, "--require-gate").ret == RED
    assert checkout.run(*GATED).ret == RED


def test_a_tracer_is_never_green_where_gates_are_required(checkout, machine):
    machine.traced = "sys.settrace"
    result = checkout.run(*GATED, "--require-gate")
    assert result.ret == RED
    says(result, "not evaluated: g-1e6-threads-2", "sys.settrace was active")


def test_a_run_without_any_gate_is_red_where_gates_are_required(checkout, machine):
    result = checkout.run(ARTICLE, "--require-gate")
    assert result.ret == RED
    says(result, "--require-gate", "no gate was judged")


def test_a_gate_alone_without_its_benchmark_is_never_green_where_it_is_required(checkout, machine):
    """As ``--last-failed`` runs it: a gate that failed, without what was measured for it."""
    assert checkout.run(*ONE, "--min-speedup=50").ret == RED
    assert checkout.run(*ONE, "--last-failed", "--require-gate").ret != GREEN


# --- whatever selects, orders, splits or repeats


def last_failed(checkout):
    path = checkout.folder / ".pytest_cache" / "v" / "cache" / "lastfailed"
    return set(json.loads(path.read_text())) if path.exists() else set()


def fail_a_gate(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    assert checkout.run(*GATED).ret == RED
    machine.runners.clear()


@pytest.mark.parametrize("option", ["--lf", "--ff", "--nf", "--sw", "--lf --nf", "--ff --nf"])
def test_a_gate_that_failed_is_not_green_until_it_has_passed(checkout, machine, option):
    fail_a_gate(checkout, machine)
    for _ in range(2):
        result = checkout.run(*GATED, *option.split())
        assert result.ret == (pytest.ExitCode.INTERRUPTED if option == "--sw" else RED)
        says(result, "failed: g-1e6-threads-2 0.9")
        assert f"{SCALING}::gate[threads-scale-g-1e6-threads-2]" in last_failed(checkout)
    machine.behave("g", SIDE_BY_SIDE)
    result = checkout.run(*GATED, *option.split())
    assert result.ret == GREEN
    says(result, "passed: g-1e6-threads-2 1.6")
    assert last_failed(checkout) == set()


def test_last_failed_runs_the_benchmark_with_its_gate_and_nothing_else(checkout, machine):
    fail_a_gate(checkout, machine)
    result = checkout.run(*GATED, "--lf")
    assert machine.cases == ["g-1e6-threads-2"]
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "skipped": 1, "deselected": 5}


def test_last_failed_takes_the_benchmark_along_beside_a_test_of_its_file(checkout, machine):
    with (checkout.folder / SCALING).open("a") as file:
        file.write("\n\ndef test_that_fails():\n    assert False\n")
    fail_a_gate(checkout, machine)
    assert len(last_failed(checkout)) == 3
    machine.behave("g", SIDE_BY_SIDE)
    assert checkout.run(*GATED, "--lf").parseoutcomes()["failed"] == 1
    assert last_failed(checkout) == {f"{SCALING}::test_that_fails"}


@pytest.mark.parametrize(
    "option", ["--budget=1e-9", "--in-process", "--benchmark-disable", "--benchmark-skip"]
)
def test_a_gate_that_failed_and_is_not_judged_again_stays_red(checkout, machine, option):
    fail_a_gate(checkout, machine)
    result = checkout.run(*GATED, "--lf", option)
    assert result.ret == RED
    says(result, "it failed before", "not green until it was judged again")
    checkout.run(*GATED, option)  # where nobody asks for what failed, it is remembered at least
    assert checkout.run(*GATED, "--lf").ret == RED
    assert machine.cases == ["g-1e6-threads-2"] or option != "--budget=1e-9"


def test_a_gate_that_failed_and_is_inconclusive_is_asked_for_once_more(checkout, machine):
    fail_a_gate(checkout, machine)
    machine.behave("g", CROWDED)
    for _ in range(2):
        machine.runners.clear()
        result = checkout.run(*GATED, "--lf")
        assert result.ret == GREEN
        says(result, "inconclusive: g-1e6-threads-2")
        assert machine.cases == ["g-1e6-threads-2"]


def test_last_failed_runs_what_broke_its_promise(checkout, machine):
    machine.behave("exp", HOLDS_GIL)
    assert checkout.run(MAP, "--workloads=exp,add").ret == RED
    machine.runners.clear()
    assert checkout.run(MAP, "--workloads=exp,add", "--lf").ret == RED
    assert machine.cases == ["exp-1e6-threads-2"]
    machine.behave("exp", SIDE_BY_SIDE)
    assert checkout.run(MAP, "--workloads=exp,add", "--lf").ret == GREEN
    assert last_failed(checkout) == set()


def test_a_gate_that_is_no_more_is_not_asked_for_for_ever(checkout, machine):
    fail_a_gate(checkout, machine)
    text = (checkout.folder / SCALING).read_text()
    (checkout.folder / SCALING).write_text(text.replace("threads-scale", "renamed"))
    machine.behave("g", SIDE_BY_SIDE)
    assert checkout.run(*GATED, "--lf").ret == GREEN
    result = checkout.run(*GATED, "--lf")
    assert result.ret == GREEN
    assert "failed before" not in output(result)


REORDERS = {
    "the items before all others": """
        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
    """,
    "the items after all others": """
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
    """,
    "the items around all others": """
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(items):
            yield
            items.reverse()
    """,
    "what is collected": """
        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(session):
            session.items.reverse()
    """,
    "in a list of its own": """
        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(session):
            session.items = session.items[::-1]
    """,
}


@pytest.mark.parametrize("hooks", REORDERS.values(), ids=list(REORDERS))
def test_no_gate_is_judged_before_its_benchmark_has_run(checkout, machine, hooks):
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(f"{conftest.read_text()}\n\nimport pytest\n{textwrap.dedent(hooks)}")
    assert checkout.run(*GATED, "--require-gate").ret == GREEN
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 0.9")


OWN_LOOPS = {
    "reverses what is about to run": """
        session.items.reverse()
    """,
    "runs the items itself": """
        for item in reversed(session.items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True
    """,
}


@pytest.mark.parametrize("loop", OWN_LOOPS.values(), ids=list(OWN_LOOPS))
def test_where_a_gate_runs_before_its_benchmark_all_the_same_it_fails(checkout, machine, loop):
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(
        f"{conftest.read_text()}\n\nimport pytest\n\n\n@pytest.hookimpl(tryfirst=True)\n"
        f"def pytest_runtestloop(session):\n{textwrap.indent(textwrap.dedent(loop), '    ')}"
    )
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "not judged", "bench_scaling[g-1e6-threads-2] has not run yet", "-p no:NAME")


def test_each_repetition_has_a_verdict_of_its_own(checkout, machine):
    """As pytest-repeat's --count makes them: a parameter more."""
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent("""
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_generate_tests(metafunc):
            metafunc.fixturenames.append("step")
            metafunc.parametrize("step", range(2), indirect=True, ids=["1-2", "2-2"])

        @pytest.fixture
        def step(request):
            return request.param
    """))  # fmt: skip
    # Two processes of a failing case are the first repetition; all after it are the second.
    machine.behave("g", *[HOLDS_GIL] * MIN_PROCESSES, SIDE_BY_SIDE)
    result = checkout.run(*ONE)
    assert result.ret == RED
    says(result, "FAILED", "gate[threads-scale-g-1e6-threads-2-1-2]")
    assert result.parseoutcomes() == {"passed": 3, "failed": 1, "skipped": 1}
    assert f"{SCALING}::gate[threads-scale-g-1e6-threads-2-1-2]" in last_failed(checkout)


def test_two_benches_of_a_module_with_one_gate_have_a_verdict_each(roots, machine):
    mark = "gates=[Gate('scales', workloads=['roots'], min_size=1)],"
    source = bench(mark=mark).replace(
        "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
    )
    again = source.partition("@pytest")[2].replace("def bench_roots", "def bench_again")
    roots.pytester.makepyfile(bench_roots=f"{source}\n        @pytest{again}")
    machine.behave("roots", *[HOLDS_GIL] * MIN_PROCESSES, SIDE_BY_SIDE)
    result = roots.run()
    assert result.ret == RED
    assert last_failed(roots) == {
        "bench_roots.py::bench_roots[roots-1e3-threads-2]",
        "bench_roots.py::gate[scales-bench_roots-roots-1e3-threads-2]",
    }


def test_an_item_that_is_run_again_has_one_verdict(checkout, machine):
    """As pytest-rerunfailures does: the same item, once more."""
    conftest = checkout.folder / "conftest.py"
    conftest.write_text(conftest.read_text() + textwrap.dedent("""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                runtestprotocol(item, nextitem=nextitem, log=True)
            return True
    """))  # fmt: skip
    assert checkout.run(*ONE).ret == GREEN
    assert len(checkout.document()["speedgate"]["judgements"]) == 1


def test_a_budget_that_is_used_up_is_said_and_is_never_green_where_gates_are_required(
    checkout, machine
):
    result = checkout.run(*GATED, "--budget=1e-9")
    assert result.ret == GREEN
    says(result, "not evaluated: g-1e6-threads-2")
    says(result, "--budget is used up")
    assert machine.runners == []
    assert checkout.run(*GATED, "--budget=1e-9", "--require-gate").ret == RED


def test_a_gate_without_a_case_is_named_in_the_summary(checkout, machine):
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(result, "not evaluated", "gil-holds", "no case")


def test_gates_survive_benchmark_only(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*ONE, "--benchmark-only")
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2")


def test_two_benches_may_name_their_gates_alike(other, machine):
    """A gate that another one hides would never fail."""
    for name, workload in (("one", "G"), ("two", "G_OUT")):
        other.pytester.makepyfile(
            **{f"bench_{name}": f"""
                import pytest
                from speedgate.judging.gate import Gate
                from workloads import {workload}

                @pytest.mark.speedgate(
                    workloads=[{workload}], sizes=[1_000_000], strategies=["threads"],
                    gates=[Gate("scales", workloads=({workload}.name,))],
                )
                def bench_{name}(case, speedgate):
                    speedgate(case)
            """}
        )  # fmt: skip
    assert other.run().ret in (GREEN, MISUSED)
    machine.behave("g", HOLDS_GIL)
    assert other.run().ret != GREEN
    machine.behave("g", SIDE_BY_SIDE)
    machine.behave("g_out", HOLDS_GIL)
    assert other.run().ret != GREEN


def test_a_gate_may_be_declared_with_lists(roots, machine):
    mark = "gates=[Gate('scales', workloads=['roots'], min_size=1)],"
    source = bench(mark=mark).replace(
        "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
    )
    roots.pytester.makepyfile(bench_roots=source)
    assert roots.run().ret == GREEN
    assert roots.verdicts() == {"roots-1e3-threads-2": "passed"}


def test_collect_only_shows_the_gates_and_measures_nothing(checkout, machine):
    result = checkout.run(*GATED, "--collect-only")
    assert result.ret == GREEN
    says(result, "gate", "threads-scale", "g-1e6-threads-2]")
    says(result, "gate", "threads-scale", "g_out-1e6-threads-2]")
    says(result, "gate", "gil-holds", "f-1e5-threads-2]")
    assert machine.runners == []
    assert checkout.documents() == []


# --- workloads that fail

TRACEBACK = """Traceback (most recent call last):
  File "workloads/article.py", line 29, in g
    return np.exp(np.ones(size))
ValueError: no room for this"""


@pytest.mark.parametrize("fails_at", ["open", "check", "calibrate", "rounds", "held"])
def test_a_workload_that_raises_fails_its_case_and_no_other(checkout, machine, fails_at):
    behaviour = raising(ValueError("no room for this"), TRACEBACK)
    machine.behave("g", Behaviour(error=behaviour.error, fails_at=fails_at))
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, 'File "workloads/article.py", line 29, in g')
    says(result, "ValueError: no room for this")
    says(result, "FAILED", "bench_scaling[g-1e6-threads-2]")
    for word in ("measure.py", "plugin.py", "During handling"):
        assert word not in output(result)
    says(result, "not evaluated: g-1e6-threads-2", "was not measured")
    says(result, "passed: g_out-1e6-threads-2")
    assert all(runner.is_closed for runner in machine.runners)
    assert "g_out-1e6-threads-2" in json.dumps(checkout.document()["benchmarks"])


def test_a_runner_that_dies_fails_its_case_and_no_other(checkout, machine):
    machine.behave("g", CRASHING)
    result = checkout.run(*GATED)
    assert result.ret == RED
    says(result, "the runner ended by signal SIGSEGV")
    says(result, "not evaluated: g-1e6-threads-2", "was not measured")
    says(result, "passed: g_out-1e6-threads-2")


def test_a_strategy_that_returns_something_else_fails_its_case(checkout, machine):
    mismatch = {"type": "ResultMismatch", "message": "threads returned another", "traceback": ""}
    machine.behave("g", Behaviour(error=mismatch))
    result = checkout.run(*ONE)
    assert result.ret == RED
    says(result, "g-1e6-threads-2: threads returned another")


WRONG_ON_PURPOSE = """
    import threading
    from typing import NamedTuple

    def wrong(size):
        return threading.get_native_id()

    def size_only(size, seed):
        return size

    class Workload(NamedTuple):
        name: str = "wrong"
        function: object = wrong
        prepare: object = size_only
        argument_bytes: float = 0.0
        call_bytes: float = 0.0

    WRONG = Workload()
"""


@pytest.mark.parametrize("option", [(), ("--benchmark-disable",)], ids=["measured", "checked"])
def test_a_workload_that_is_wrong_on_purpose_fails_loudly(other, option):
    """A result that depends on who computes it, in real runners."""
    other.pytester.makepyfile(wrong_workloads=WRONG_ON_PURPOSE)
    source = bench("WRONG").replace("plain_workloads import NAMELESS, ROOTS",
                                    "wrong_workloads import WRONG")  # fmt: skip
    other.pytester.makepyfile(bench_wrong=source)
    result = other.run_really("--strategies=threads", *option)
    assert result.ret == RED
    says(result, "wrong-1e3-threads", "threads returned another result than serial", "4 of 4")
    assert result.parseoutcomes()["failed"] == 1


def test_what_a_build_has_not_is_left_out_with_the_reason(checkout, machine):
    lacking = {"type": "NotImplementedError", "message": "no such function", "traceback": ""}
    machine.behave("sort", Behaviour(error=lacking, fails_at="open"))
    result = checkout.run(MAP, "--workloads=sort,take", "--sizes=1e3", "-rs")
    assert result.ret == GREEN
    says(result, "not available: sort-1e3-threads-2: no such function")
    says(result, "1 cases not measured: sort-1e3-threads-2: no such function")
    assert machine.cases == ["sort-1e3-threads-2", "take-1e3-threads-2"]


# --- the GIL map


def test_a_file_that_is_named_is_measured_whole_and_a_folder_by_a_sample(checkout, machine):
    def maps(*arguments):
        lines = output(checkout.run(*arguments, "--collect-only", "-q")).splitlines()
        return [line for line in lines if "bench_gil_map[" in line and "promises" not in line]

    whole = maps(MAP)
    assert len(whole) == 3 * len(OPERATIONS)
    sample = maps("bench/")
    assert 8 <= len(sample) <= 20
    assert set(sample) < set(whole)
    assert len(maps("bench/", "--workloads=sort")) == 3
    assert len(maps(f"{MAP}::bench_gil_map", "--workloads=sort", "--sizes=1e3,1e4")) == 2


def test_the_map_is_a_table_with_its_break_even(checkout, machine):
    machine.behave("tolist", HOLDS_GIL)
    result = checkout.run(MAP, "--workloads=sort,tolist")
    assert result.ret == GREEN
    says(result, "sort", "500 1.65 releases", "1e5 1.65 releases")
    says(result, "tolist", "holds")
    says(result, "threads win from 500 on: sort")
    says(result, "threads did not surely win at any size: tolist")
    kept = checkout.info("sort-1e5-threads-2")["extra_info"]
    assert kept["gil_class"]["class"] == "releases"
    assert kept["loops"] == 3
    assert kept["promise"]["class"] == "releases"
    assert checkout.info("sort-1e4-threads-2")["extra_info"]["promise"] is None


def test_a_broken_promise_makes_the_run_red(checkout, machine):
    machine.behave("exp", HOLDS_GIL)
    result = checkout.run(MAP, "--workloads=exp,add")
    assert result.ret == RED
    says(result, "FAILED", "promises[bench_gil_map]")
    says(result, "failed: exp-1e6-threads-2 is promised to release the GIL", "ufunc_object.c")
    assert "failed: exp-500" not in output(result)
    assert "failed: add" not in output(result)
    assert result.parseoutcomes()["failed"] == 1


def test_a_promise_that_got_better_is_said(checkout, machine):
    machine.behave("tolist", SIDE_BY_SIDE)
    result = checkout.run(MAP, "--workloads=tolist")
    assert result.ret == GREEN
    says(result, "better than promised: tolist-3e4-threads-2 releases")


def test_promises_that_were_not_measured_are_not_kept(checkout, machine):
    result = checkout.run(MAP, "--workloads=nonzero", "-rs")
    says(result, "not evaluated: nothing that promises to release the GIL was classified")


@pytest.mark.parametrize("option", ["--workers=1", "--strategies=processes"])
def test_a_promise_of_what_has_no_class_is_not_kept(checkout, machine, option):
    result = checkout.run(MAP, "--workloads=exp", option, "-rs")
    says(result, "not evaluated: nothing that promises to release the GIL was classified")


def test_in_process_breaks_no_promise(checkout, machine):
    machine.behave("exp", HOLDS_GIL)
    result = checkout.run(MAP, "--workloads=exp", "--in-process", "-rs")
    assert "is promised to release" not in output(result)


def test_a_class_that_changes_from_one_run_to_the_next_is_reported(checkout, machine):
    assert "changed:" not in output(checkout.run(MAP, "--workloads=sort"))
    assert "changed:" not in output(checkout.run(MAP, "--workloads=sort"))
    machine.behave("sort", HOLDS_GIL)
    result = checkout.run(MAP, "--workloads=sort", "--sizes=1e5")
    says(result, "changed: sort-1e5-threads-2 was 'releases'", "is 'holds'")


def test_a_class_of_another_environment_is_no_change(checkout, machine, monkeypatch):
    checkout.run(MAP, "--workloads=sort")
    monkeypatch.setattr("speedgate.runner.machine.cpu_model", lambda: "another CPU")
    machine.behave("sort", HOLDS_GIL)
    assert "changed:" not in output(checkout.run(MAP, "--workloads=sort"))


def test_blas_is_measured_in_four_cells(checkout, machine):
    result = checkout.run(BLAS, "--workloads=matmul", "--sizes=1e4")
    assert result.ret == GREEN
    assert [runner.blas_threads for runner in machine.runners] == [1, None]
    assert [len(runner.requests[0]["batches"]) for runner in machine.runners] == [2, 1]
    says(result, "BLAS 1 x1", "BLAS 1 x2", "default x1", "default x2")
    says(result, "matmul 1e4", "1.00 1.0", "1.65")
    says(result, "matmul 1e4 from one Python thread", "does not use all cores by itself")
    asked = [each["extra_info"]["blas_threads_asked"] for each in
             checkout.document()["benchmarks"]]  # fmt: skip
    assert asked == [1, "default"]


# --- other ways to run


def test_in_process_judges_nothing_and_says_so(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*ONE, "--in-process")
    assert result.ret == GREEN
    says(result, "not evaluated: g-1e6-threads-2", "in process")
    assert checkout.verdicts() == {"g-1e6-threads-2": "not evaluated"}
    assert checkout.info("g-1e6-threads-2")["stats"]["rounds"] == PAIRS


@pytest.mark.parametrize("option", ["--benchmark-disable", "--benchmark-skip"])
def test_disabled_benchmarks_time_nothing_and_save_nothing(checkout, machine, option):
    result = checkout.run(*GATED, option)
    assert result.ret == GREEN
    asked = {request for runner in machine.runners for request in runner.asked}
    assert asked <= {"open", "check"}
    assert checkout.documents() == []
    assert "passed: g-1e6" not in output(result)


def test_disabled_benchmarks_are_correctness_tests(checkout, machine):
    assert checkout.run(*GATED, "--benchmark-disable").ret == GREEN
    assert all(runner.asked[:2] == ["open", "check"] for runner in machine.runners)
    mismatch = {"type": "ResultMismatch", "message": "threads returned another", "traceback": ""}
    machine.behave("g", Behaviour(error=mismatch))
    assert checkout.run(*GATED, "--benchmark-disable").ret == RED


def test_xdist_that_would_measure_nothing_is_refused(checkout, xdist):
    result = checkout.run(*GATED, "--workers=2", "--oversubscribe", "-n", "2")
    assert result.ret == MISUSED
    says(result, "-n", "leave -n away", "--benchmark-disable")
    assert checkout.documents() == []


def test_xdist_without_workers_measures(checkout, machine, xdist):
    assert checkout.run(*ONE, "-n", "0").ret == GREEN
    assert checkout.verdicts() == {"g-1e6-threads-2": "passed"}


def test_disabled_benchmarks_are_correctness_tests_over_xdist(checkout, xdist):
    """With real runners; nothing is timed."""
    result = checkout.run(
        SCALING, "--benchmark-disable", "-n", "2", "--workloads=g,g_out", "--sizes=1e3",
        "--strategies=threads,processes", "--workers=2", "--oversubscribe",
    )  # fmt: skip
    assert result.ret == GREEN
    assert result.parseoutcomes()["passed"] == 4
    assert checkout.documents() == []


@pytest.mark.parametrize("how", ["option", "variable", "neither"])
def test_a_scheduler_belongs_to_the_environment_however_it_is_named(
    checkout, machine, monkeypatch, how
):
    address = "tcp://127.0.0.1:8786"
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address if how == "variable" else "")
    options = [f"--dask-scheduler={address}"] if how == "option" else []
    assert checkout.run(*ONE, *options).ret == GREEN
    settings = checkout.document()["speedgate"]["environment"]["settings"]
    assert settings.get("dask_scheduler") == (None if how == "neither" else address)


@pytest.mark.parametrize(
    ("option", "threads"), [([], 1), (["--blas-threads=2"], 2), (["--blas-threads=default"], None)]
)
def test_blas_threads_are_set_in_the_runner_and_read_back(checkout, machine, option, threads):
    assert checkout.run(*ONE, *option).ret == GREEN
    assert {runner.blas_threads for runner in machine.runners} == {threads}
    assert checkout.info("g-1e6-threads-2")["extra_info"]["blas_threads"] == (threads or 2)


def test_a_setup_is_run_in_every_runner_which_finds_it_in_the_current_folder(checkout, machine):
    assert checkout.run(*ONE, "--runner-setup=made:setup").ret == GREEN
    for runner in machine.runners:
        assert runner.requests[0]["before"] == "made:setup"
        assert str(checkout.folder) in runner.path


def test_a_runner_is_told_where_its_workload_is_and_what_the_control_is(checkout, machine):
    assert checkout.run(*ONE).ret == GREEN
    work, control = machine.runners[0].requests[0]["batches"]
    assert work["function"] == "workloads.article:g"
    assert work["size"] == 1_000_000
    assert control["function"] == "workloads.control:sha256"
    seeds = [runner.requests[0]["batches"][0]["seed"] for runner in machine.runners]
    assert len(set(seeds)) == len(seeds)


# --- the saved run


@pytest.fixture
def saved(checkout, machine):
    """A run with something of everything in it."""
    machine.behave("g_out", CROWDED)
    result = checkout.run(SCALING, "--sizes=1e5,1e6")
    assert result.ret == GREEN
    return checkout


def calls_of(entry):
    return entry["extra_info"]["tasks"] * entry["extra_info"]["loops"]


def test_what_is_saved_of_a_case(saved, machine):
    entry = saved.info("g-1e6-processes-2")
    info = entry["extra_info"]
    assert info["case"] == {
        "workload": "g", "size": 1_000_000, "strategy": "processes", "workers": 2,
    }  # fmt: skip
    assert info["blas_threads"] == 1
    assert info["start_method"] == "spawn"
    assert info["speedup"]["low"] < info["speedup"]["value"] < info["speedup"]["high"]
    assert info["speedup"]["value"] == pytest.approx(1.65, rel=0.02)
    assert info["speedup"]["confidence"] == 0.95
    assert "one worker thread" in info["speedup"]["baseline"]
    assert len(info["pairs"]) == PAIRS
    assert [contender / calls_of(entry) for _, contender in info["pairs"]] == entry["stats"]["data"]
    assert saved.info("g-1e6-threads-2")["extra_info"]["start_method"] is None


def test_the_durations_are_those_of_the_runner_to_the_last_digit(saved, machine):
    for case in machine.cases:
        stats, calls = saved.info(case)["stats"], calls_of(saved.info(case))
        seconds = [each / calls for each in machine.contender_seconds(case)]
        assert stats["data"] == seconds
        assert (stats["min"], stats["max"]) == (min(seconds), max(seconds))
        assert stats["rounds"] == len(seconds)


def test_what_is_saved_of_the_run(saved):
    section = saved.document()["speedgate"]
    assert section["format_version"] == FORMAT_VERSION
    environment = section["environment"]
    for field in ("cpu", "usable_cores", "kernel", "python", "gil_enabled", "numpy", "blas"):
        assert environment[field] is not None
    judged = {Case(**each["case"]).id: each for each in section["judgements"]}
    assert set(judged) == {"g-1e6-threads-2", "g_out-1e6-threads-2", "f-1e5-threads-2"}
    for each in judged.values():
        assert {"gate", "case", "verdict", "reason", "speedup", "at_least"} <= set(each)
    assert judged["g-1e6-threads-2"]["at_least"] == 1.2
    assert judged["f-1e5-threads-2"]["at_most"] == 1.2


def test_all_that_is_saved_is_plain_json(saved):
    assert "UNSERIALIZABLE" not in json.dumps(saved.document(), allow_nan=False)


def test_a_saved_run_can_be_read_again(saved):
    (path,) = saved.files()
    run = read_run(path)
    assert len(run.rows()) == len(saved.document()["benchmarks"])
    assert len(run.judgements) == 3


def test_pytest_benchmark_compares_saved_runs(saved, machine):
    assert saved.run(SCALING, "--sizes=1e5,1e6").ret == GREEN
    names = [path.stem for path in saved.files()]
    for asked in ([], [str(path) for path in saved.files()]):
        command = ["-m", "pytest_benchmark", "--storage", "file://results", "compare", *asked]
        result = saved.pytester.run(sys.executable, *command)
        assert result.ret == 0
        for name in names:
            says(result, f"bench_scaling[g-1e6-threads-2] ({name[:4]}")


def test_a_run_compares_with_the_one_before(checkout, machine):
    assert checkout.run(*ONE).ret == GREEN
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "g-1e6-threads-2] (NOW)")
    first, _ = checkout.files()
    says(result, f"comparing with {first.parent.name}/{first.stem}")
    when = checkout.documents()[0]["datetime"][5:16].replace("T", " ")
    says(result, f"g-1e6-threads-2] ({when})")
    assert len(checkout.documents()) == 2


def test_a_run_can_be_written_where_it_is_asked_for(checkout, machine):
    assert checkout.run(*ONE, "--benchmark-json=run.json").ret == GREEN
    document = json.loads((checkout.folder / "run.json").read_text())
    assert document["speedgate"] == checkout.document()["speedgate"]
    entry = document["benchmarks"][0]
    seconds = [each / calls_of(entry) for each in machine.contender_seconds(machine.cases[0])]
    assert entry["stats"]["data"] == seconds


def test_a_failed_run_is_saved_as_well(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    assert checkout.run(*GATED).ret == RED
    verdicts = checkout.verdicts()
    assert verdicts["g-1e6-threads-2"] == "failed"
    assert verdicts["g_out-1e6-threads-2"] == "passed"


def test_too_few_pairs_leave_null_bounds(checkout, machine, monkeypatch):
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", 1)
    result = checkout.run(*ONE)
    assert result.ret == GREEN
    says(result, "inconclusive: g-1e6-threads-2", "pairs of rounds are too few", "--budget")
    speedup = checkout.info("g-1e6-threads-2")["extra_info"]["speedup"]
    assert (speedup["low"], speedup["high"]) == (None, None)


# --- what is printed


def lines_of_summary(result):
    lines = result.stdout.str().splitlines()
    start = next(n for n, line in enumerate(lines) if re.fullmatch(r"=+ speedgate =+", line))
    return lines[start + 1 :]


def test_the_summary_has_a_row_per_work_and_a_column_per_strategy(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    lines = lines_of_summary(checkout.run(SCALING, "--sizes=1e5,1e6"))
    assert lines[0] == "✗ Failed: 1 of 3 verdicts; 2 passed."
    start = next(n for n, line in enumerate(lines) if line.lstrip().startswith("serial"))
    head, *rows = lines[start : start + 7]
    assert [column.strip() for column in re.split(r"\s{2,}", head.strip())] == [
        "serial",
        "threads 2",
        "processes 2",
        "foreach 2",
    ]
    works = [f"{name} {size}" for name in ("f", "g", "g_out") for size in ("1e5", "1e6")]
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == works
    cells = dict(zip(works, (re.split(r"\s{2,}", row)[1:] for row in rows), strict=True))
    # Of four processes: what such differ by is in the interval.
    assert re.fullmatch(r"0\.95 0\.[78]\d-1\.[012]\d ✗", cells["g 1e6"][1])
    assert re.fullmatch(r"1\.65 1\.[234]\d-[12]\.[09]\d ✓", cells["g_out 1e6"][1])
    assert re.fullmatch(r"0\.95 0\.[78]\d-1\.[012]\d ✓", cells["f 1e5"][1])
    assert re.fullmatch(r"1\.65 1\.[123]\d-2\.[234]\d", cells["g_out 1e6"][2])


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_summary_keeps_to_the_width_of_the_terminal(checkout, machine, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    machine.behave("g", CROWDED)
    machine.behave("g_out", HOLDS_GIL)
    machine.control = 1.05
    result = checkout.run(SCALING, "--sizes=1e5,1e6")
    assert result.ret == RED
    lines = [
        line for line in lines_of_summary(result) if not line.startswith(("saved in", "FAILED"))
    ]
    assert max(lines, key=len) == max((line for line in lines if len(line) <= columns), key=len)


@pytest.mark.parametrize("behaviour", [SIDE_BY_SIDE, HOLDS_GIL, CROWDED])
def test_a_run_of_the_folder_ends_with_what_matters_on_one_screen(
    checkout, machine, monkeypatch, behaviour
):
    monkeypatch.setenv("COLUMNS", "80")
    machine.behave("g", behaviour)
    result = checkout.run("bench/", "--ignore=bench/bench_transfer.py")
    shown = lines_of_summary(result)
    # Its rule above, and a line of the prompt below.
    assert 1 + sum(-(-max(1, len(line)) // 80) for line in shown) + 1 <= 24, shown
    says(result, "more with -v or 'speedgate report': article, blas, gil_map, io")
    assert "speedgate: all figures" not in output(result)
    assert "Legend:" not in output(result)
    assert "the article's table" not in output(result)


def test_the_tables_follow_where_they_are_asked_for(checkout, machine):
    for arguments in ((ARTICLE,), ("bench/", "-v", "-k", "article")):
        result = checkout.run(*arguments)
        says(result, "the article's table")
        says(result, "Legend:")


def test_others_keep_their_tables_where_ours_are_left_out(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    result = roots.run()
    says(result, "bench_sum ")
    assert "bench_roots[roots-1e3-threads-2] " not in output(result)


@pytest.mark.parametrize("color", ["yes", "no"])
def test_marks_do_not_depend_on_colour(checkout, machine, color):
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*ONE, f"--color={color}")
    says(result, "✗ Failed: 1 of 1 verdict.")
    assert ("\x1b[31m" in output(result)) == (color == "yes")


def test_the_summary_says_where_the_run_was_saved(checkout, machine):
    result = checkout.run(*ONE)
    (path,) = checkout.files()
    says(result, "saved in", str(path.relative_to(checkout.folder)))


def test_a_run_that_is_not_saved_claims_nothing(checkout, machine):
    assert checkout.run(*ONE).ret == GREEN
    result = checkout.run(*ONE, "-o", "addopts=")
    assert "saved in" not in output(result)
    assert len(checkout.documents()) == 1


def test_a_speedup_above_the_workers_is_explained(checkout, machine):
    machine.behave("g", Behaviour(speedup=3.0, minor_faults=(2000, 10)))
    result = checkout.run(*ONE)
    says(result, "g-1e6-threads-2: 3.00x", "more than 2 workers can give", "2000 page faults")


def take(monkeypatch, machine, **seconds):
    """Have the contender's rounds take so long, by strategy."""

    def pair(runner, behaviour, number):
        made = original(runner, behaviour, number)
        made["contender"]["seconds"] = seconds[runner.case.strategy]
        return made

    original = machine.open()._pair.__func__
    machine.runners.clear()
    monkeypatch.setattr("helpers.machine.MadeRunner._pair", pair)


def test_the_article_explains_a_speedup_above_its_workers_as_well(checkout, machine, monkeypatch):
    """Its "normal" is the main thread, whose allocator alone can make threads look faster."""
    take(monkeypatch, machine, serial=0.9, foreach=0.3, processes=0.5)
    result = checkout.run(ARTICLE)
    assert result.ret == GREEN
    says(result, "2 threads", "3.00x")
    shown = output(result).partition("= speedgate: all figures =")[2]
    assert re.search(r"main thread|page fault|more than 2", shown)


@pytest.mark.parametrize("cores", [1, 2])
def test_the_article_explains_what_one_core_cannot_give(checkout, machine, monkeypatch, cores):
    take(monkeypatch, machine, serial=0.88, foreach=0.5, processes=0.9)
    monkeypatch.setattr("speedgate.runner.machine.usable_cores", lambda: cores)
    result = checkout.run(ARTICLE)
    assert result.ret == GREEN
    says(result, "2 threads", "1.76x")
    words = "more than workers on one core can give: 'normal' is the main thread"
    assert (words in output(result)) == (cores == 1)


def test_the_article_stands_beside_its_own_figures(checkout, machine):
    result = checkout.run(ARTICLE)
    assert result.ret == GREEN
    says(result, "1,000,000 elements", "10,000,000")
    says(result, "g", "100", "f", "10")
    says(result, "normal", "43.50 s", "48.00 s")
    says(result, "2 threads", "31.00 s", "71.50 s")
    says(result, "2 processes", "27.00 s", "31.23 s")


def test_a_log_says_what_runs_and_how_long_is_left(checkout, machine):
    result = checkout.run(*GATED, "--budget=100")
    says(result, "[1/6] f-1e5-threads-2, about", "left")


def test_verbose_says_each_result_and_the_share_of_timed_rounds(checkout, machine):
    result = checkout.run(*ONE, "-v", "--budget=100")
    says(result, "bench_scaling[g-1e6-threads-2]", "PASSED (1.65x, ", "left)")
    says(result, "% of ", "were timed rounds, control and calibration")


# --- other projects


def test_a_project_without_marks_is_left_alone(other, machine):
    other.pytester.makepyfile(
        test_plain="""
        def test_one():
            assert True

        def test_two(benchmark):
            assert benchmark.pedantic(sum, [[1, 2]]) == 3
        """
    )
    result = other.run()
    assert result.ret == GREEN
    assert result.parseoutcomes() == {"passed": 2}
    assert "gate" not in result.stdout.str().partition("plugins:")[2].partition("\n")[2]
    assert "speedgate" not in other.document()


def test_a_project_without_marks_is_left_alone_by_xdist_workers(other, xdist):
    other.pytester.makepyfile(
        test_plain="""
        def test_one():
            assert True

        def test_two(benchmark):
            assert benchmark.pedantic(sum, [[1, 2]]) == 3
        """
    )
    result = other.run("-n", "2")
    assert result.ret == GREEN
    assert result.parseoutcomes()["passed"] == 2


PLAIN_WORKLOAD = """
    from typing import NamedTuple

    def roots(size):
        return size ** 0.5

    def size_only(size, seed):
        return size

    class Workload(NamedTuple):
        name: str = "roots"
        function: object = roots
        prepare: object = size_only
        argument_bytes: float = 0.0
        call_bytes: float = 16.0

    ROOTS = Workload()
    NAMELESS = Workload(function=lambda size: size)
"""


def bench(workload="ROOTS", mark="", body="speedgate(case)"):
    return f"""
        import pytest
        from plain_workloads import NAMELESS, ROOTS

        @pytest.mark.speedgate(
            workloads=[{workload}], sizes=[1000], strategies=["serial", "threads"], {mark}
        )
        def bench_roots(case, speedgate):
            {body}
    """


@pytest.fixture
def roots(other, machine):
    other.pytester.makepyfile(plain_workloads=PLAIN_WORKLOAD)
    return other


def test_another_project_brings_a_workload_of_its_own(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench())
    result = roots.run()
    assert result.ret == GREEN
    assert machine.cases == ["roots-1e3-serial-1", "roots-1e3-threads-2"]
    assert str(roots.folder) in machine.runners[0].path
    assert machine.runners[0].requests[0]["batches"][0]["function"] == "plain_workloads:roots"
    says(result, "roots 1e3", "1.65")
    assert roots.document()["speedgate"]["judgements"] == []


def test_a_function_that_no_worker_can_import_is_refused_with_its_name(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench("NAMELESS"))
    result = roots.run()
    assert result.ret == RED
    says(result, "<lambda>", "not at the top level of a module")


PLAIN = """
        def bench_sum(benchmark):
            benchmark.pedantic(sum, [[1, 2]])
"""


def test_benchmarks_of_both_kinds_are_saved_where_each_kind_belongs(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    assert roots.run("--benchmark-json=run.json").ret == GREEN
    names = ["bench_roots[roots-1e3-serial-1]", "bench_roots[roots-1e3-threads-2]", "bench_sum"]
    both = json.loads((roots.folder / "run.json").read_text())
    assert [each["name"] for each in both["benchmarks"]] == names
    theirs, ours = roots.files()
    assert theirs.name.startswith("0001_")
    theirs, ours = roots.documents()
    assert [each["name"] for each in theirs["benchmarks"]] == ["bench_sum"]
    assert "speedgate" not in theirs
    assert [each["name"] for each in ours["benchmarks"]] == names[:2]
    assert [row.case.id for row in read_run(roots.files()[1]).rows()] == machine.cases


def test_benchmarks_of_both_kinds_are_compared_with_their_own(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    assert roots.run().ret == GREEN
    theirs, ours = roots.files()
    result = roots.run("-v", "--benchmark-compare", "--benchmark-compare-fail=median:99999%")
    assert result.ret == GREEN
    says(result, "Comparing against benchmarks from:", theirs.stem)
    says(result, "comparing with ", ours.stem)
    says(result, "bench_sum (NOW)")
    says(result, "bench_sum (0001_")
    says(result, "bench_roots[roots-1e3-threads-2] (NOW)")
    assert len([path for path in roots.files() if path.name.startswith("0002_")]) == 1


def test_others_keep_their_history_when_ours_is_the_first_of_its_kind(roots, machine):
    roots.pytester.makepyfile(bench_plain="import pytest\n" + textwrap.dedent(PLAIN))
    assert roots.run().ret == GREEN
    roots.pytester.makepyfile(bench_roots=bench())
    result = roots.run("--benchmark-compare", "--benchmark-compare-fail=median:99999%")
    assert result.ret == GREEN
    says(result, "bench_sum (0001_")
    says(result, "nothing to compare with: no complete run of this environment")


@pytest.mark.parametrize("asked", ["0001", "ours"])
def test_a_run_that_is_named_is_looked_for_by_both_kinds(roots, machine, asked):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    assert roots.run().ret == GREEN
    ours = roots.files()[1]
    name = f"{ours.parent.name}/{ours.stem}" if asked == "ours" else asked
    result = roots.run("-v", f"--benchmark-compare={name}")
    assert result.ret == GREEN
    shown = {"0001": "bench_sum (NOW)", "ours": "bench_roots[roots-1e3-threads-2] (NOW)"}
    for kind, line in shown.items():
        assert (line in output(result)) == (kind == asked)


def test_a_regression_of_others_hides_nothing_of_ours(roots, machine):
    """pytest-benchmark raises while it prints."""
    mark = "gates=[Gate('scales', workloads=['roots'], min_size=1)],"
    source = bench(mark=mark).replace(
        "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
    )
    roots.pytester.makepyfile(bench_roots=source + PLAIN)
    assert roots.run().ret == GREEN
    theirs, _ = roots.files()
    document = json.loads(theirs.read_text())
    document["benchmarks"][0]["stats"]["median"] = 1e-12
    theirs.write_text(json.dumps(document))
    machine.behave("roots", HOLDS_GIL)
    result = roots.run("--benchmark-compare", "--benchmark-compare-fail=median:50%")
    assert result.ret != GREEN
    says(result, "Performance has regressed")
    says(result, "failed: roots-1e3-threads-2")
    assert len(lines_of_summary(result)) > 5
    says(result, "saved in ")


def test_a_fixed_bench_reports_in_its_own_words(roots, machine):
    mark = "fixed=True, report=lambda rows, width: [f'{len(rows)} rows, {rows[1].case.id} last'],"
    body = "speedgate(case, tasks=3, loops=2, pairs=2)"
    roots.pytester.makepyfile(bench_roots=bench(mark=mark, body=body))
    result = roots.run("-v", "--sizes=1000,5")
    assert result.ret == GREEN
    says(result, "2 rows, roots-1e3-threads-2 last")
    assert "1.65 (few)" not in output(result)
    calibrated = machine.of("roots-1e3-threads-2")[0].requests[2]
    assert (calibrated["do"], calibrated["tasks"], calibrated["loops"]) == ("calibrate", 3, 2)
    assert len(machine.contender_seconds("roots-1e3-threads-2")) == 2


def test_a_bench_may_be_parametrized_further(roots, machine):
    source = bench().replace("(case, speedgate)", "(case, speedgate, again)")
    source = source.replace("@pytest.mark.speedgate", "@pytest.mark.parametrize('again', [1, 2])\n"
                            "        @pytest.mark.speedgate")  # fmt: skip
    roots.pytester.makepyfile(bench_roots=source, bench_more=bench())
    result = roots.run()
    assert result.ret != GREEN or result.parseoutcomes()["passed"] == 6, output(result)


def test_a_marked_bench_that_takes_no_case_does_not_vanish(roots, machine):
    source = bench(body="assert False, 'it ran'").replace("(case, speedgate)", "(benchmark)")
    roots.pytester.makepyfile(bench_roots=source, bench_more=bench())
    assert roots.run().ret != GREEN


def test_a_mark_without_its_workloads_says_what_is_missing(roots, machine):
    source = bench().replace("workloads=[ROOTS], ", "")
    roots.pytester.makepyfile(bench_roots=source)
    result = roots.run()
    assert result.ret != GREEN
    says(result, "workloads")


# --- with real runners; no figure of theirs is asserted


def test_the_gate_is_not_blind(checkout):
    """With ``numpy.exp`` behind one lock nothing passes, however busy or quiet the machine is."""
    (checkout.folder / "one_lock.py").write_text(
        (ROOT / "tests" / "helpers" / "one_lock.py").read_text()
    )
    result = checkout.run_really(
        SCALING, "--workloads=g,g_out", "--sizes=1e6", "--strategies=threads", "--workers=2",
        "--oversubscribe", "--budget=8", "--runner-setup=one_lock:lock_exp", "--strict-gate",
    )  # fmt: skip
    assert result.ret == RED
    verdicts = checkout.verdicts()
    assert set(verdicts) == {"g-1e6-threads-2", "g_out-1e6-threads-2"}
    assert "passed" not in verdicts.values(), output(result)
    for case, verdict in verdicts.items():
        says(result, f"{verdict}: {case}")


def test_a_real_run_writes_a_valid_file(checkout):
    result = checkout.run_really(
        SCALING, "--workloads=g", "--sizes=1e4", "--strategies=threads", "--workers=2",
        "--oversubscribe",
    )  # fmt: skip
    assert result.ret == GREEN
    entry = checkout.info("g-1e4-threads-2")
    info = entry["extra_info"]
    calls = info["tasks"] * info["loops"]
    assert entry["stats"]["data"] == [contender / calls for _, contender in info["pairs"]]
    assert len(info["pairs"]) >= 6
    assert min(entry["stats"]["data"]) > 0
    assert info["blas_threads"] in (1, None)
    environment = checkout.document()["speedgate"]["environment"]
    assert environment["numpy"]["version"] == np.__version__
    (path,) = checkout.files()
    assert [row.case.id for row in read_run(path).rows()] == ["g-1e4-threads-2"]
    assert re.fullmatch(r"\d{4}_\d{4}_\d{6}-\d{3}_unversioned_[0-9a-f]{8}", path.stem)
    assert f"numpy{np.__version__}" in path.parent.name


# --- the history


def days_before(checkout, machine, count):
    """So many sessions, by the machine as it is."""
    for _ in range(count):
        assert checkout.run(*ONE).ret == GREEN


def test_a_case_is_held_to_the_runs_before(checkout, machine):
    days_before(checkout, machine, 5)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "passed: g-1e6-threads-2 as in 5 runs before")
    judged = checkout.documents()[-1]["speedgate"]["judgements"][-1]
    assert judged["gate"] == "history"
    assert len(judged["baseline_runs"]) == 5


def test_a_regression_stays_red_until_it_is_accepted(checkout, machine):
    days_before(checkout, machine, 5)
    # Above the threshold: only the history tells.
    machine.behave("g", replace(SIDE_BY_SIDE, speedup=1.35))
    for _ in range(3):
        result = checkout.run(*ONE, "--benchmark-compare")
        assert result.ret == RED
        says(result, "failed: g-1e6-threads-2 against 5 runs: speedup 1.35x")
    newest = max(checkout.documents(), key=lambda document: document["datetime"])
    name = next(path for path, each in zip(checkout.files(), checkout.documents(), strict=True)
                if each == newest)  # fmt: skip
    assert main(["accept", str(name), "--why", "meant so"]) == 0
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "not evaluated: g-1e6-threads-2 against history: 4 more runs")


def test_what_the_history_fails_is_measured_anew_at_once(checkout, machine):
    days_before(checkout, machine, 5)
    slow = replace(SIDE_BY_SIDE, speedup=1.35)
    machine.processes.clear()
    machine.behave("g", slow, slow, SIDE_BY_SIDE)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "inconclusive: g-1e6-threads-2 against 5 runs: speedup 1.35x")
    says(result, "measured anew at once it is not sure: speedup 1.65x")
    assert len(machine.of("g-1e6-threads-2")) == 5 * 2 + 2 * 2
    # The run counts from now on: its spread is what runs differ by.
    says(checkout.run(*ONE, "--benchmark-compare"), "as in 6 runs before")


def test_a_regression_is_told_with_both_measurements(checkout, machine):
    days_before(checkout, machine, 5)
    machine.behave("g", replace(SIDE_BY_SIDE, speedup=1.35))
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == RED
    says(result, "measured anew at once: speedup 1.35x")
    judged = checkout.documents()[-1]["speedgate"]["judgements"][-1]
    assert len(judged["measured_anew"]) == len(judged["shifts"])


def test_with_too_few_runs_the_history_says_how_many_are_missing(checkout, machine):
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "nothing to compare with: no complete run of this environment in results")
    says(result, "not evaluated: g-1e6-threads-2 against history: 5 more runs")


def test_another_environment_is_compared_with_only_when_it_is_named(checkout, machine):
    days_before(checkout, machine, 1)
    (first,) = checkout.files()
    machine.numpy = "2.5.0"
    result = checkout.run(*ONE, "--benchmark-compare")
    says(result, "nothing to compare with")
    says(result, "numpy.version: 2.4.6 -> 2.5.0")
    result = checkout.run(*ONE, f"--benchmark-compare={first.parent.name}")
    assert result.ret == GREEN
    says(result, "it was another environment:")
    says(result, f"comparing with {first.parent.name}")


def test_what_is_compared_with_and_is_not_there_is_an_error(checkout, machine):
    days_before(checkout, machine, 1)
    result = checkout.run(*ONE, "--benchmark-compare=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "no file, run or environment" in output(result)
    assert machine.cases == ["g-1e6-threads-2"]  # of the first session


def test_a_file_that_is_named_is_compared_with_wherever_it_lies(checkout, machine):
    days_before(checkout, machine, 2)
    first, _ = checkout.files()
    elsewhere = checkout.folder / "elsewhere.json"
    first.rename(elsewhere)
    result = checkout.run(*ONE, f"--benchmark-compare={elsewhere}")
    assert result.ret == GREEN
    says(result, f"comparing with {elsewhere}")
    says(result, f"compare {elsewhere} 20")


def test_an_address_that_cannot_be_opened_is_told_of_before_anything_is_measured(checkout, machine):
    result = checkout.run(*ONE, "--history=nosuch://bucket")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "nosuch://bucket" in output(result)
    assert machine.cases == []


def test_a_session_that_was_killed_is_recovered_by_the_next(checkout, machine):
    days_before(checkout, machine, 1)
    (first,) = checkout.files()
    document = json.loads(first.read_text())
    lines = [document | {"benchmarks": []}]
    lines += [{"benchmark": each} for each in document["benchmarks"]]
    first.with_suffix(".part").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    first.unlink()
    says(checkout.run(*ONE), "its session was cut short")
    assert sorted(each["speedgate"]["complete"] for each in checkout.documents()) == [False, True]


GATED_ROOTS = bench(mark="gates=[Gate('scales', workloads=['roots'], min_size=1)],").replace(
    "import pytest", "import pytest\n        from speedgate.judging.gate import Gate"
)
SLOWER = replace(SIDE_BY_SIDE, speedup=1.35)


def behave_in(machine, where, behaviour):
    """Have the cases of the benchmarks with ``where`` in their ids run another way."""
    usual = machine.behaviour

    def chosen(case):
        is_there = where in os.environ["PYTEST_CURRENT_TEST"]
        return behaviour if is_there and case.workers > 1 else usual(case)

    machine.behaviour = chosen


def failures(result):
    return [line for line in output(result).splitlines() if line.startswith("FAILED")]


def test_each_benchmark_of_a_case_is_held_to_its_own_past(roots, machine):
    """A bench that is parametrized further measures each case more than once."""
    source = GATED_ROOTS.replace("(case, speedgate)", "(case, speedgate, again)", 1).replace(
        "@pytest.mark.speedgate", "@pytest.mark.parametrize('again', ['one', 'two'])\n"
        "        @pytest.mark.speedgate"
    )  # fmt: skip
    roots.pytester.makepyfile(bench_roots=source)
    for _ in range(5):
        assert roots.run().ret == GREEN
    behave_in(machine, "-two]", SLOWER)
    (failed,) = failures(roots.run("--benchmark-compare"))
    assert "history[roots-1e3-threads-2-two]" in failed


def test_two_benches_of_one_name_in_two_files_have_a_past_each(roots, machine):
    roots.pytester.makepyfile(bench_one=GATED_ROOTS, bench_two=GATED_ROOTS)
    behave_in(machine, "bench_two.py", SLOWER)
    for _ in range(5):
        assert roots.run().ret == GREEN
    assert roots.run("--benchmark-compare").ret == GREEN
    behave_in(machine, "bench_one.py", SLOWER)
    (failed,) = failures(roots.run("--benchmark-compare"))
    assert "bench_one.py::history[roots-1e3-threads-2]" in failed


def test_a_gate_that_failed_takes_one_benchmark_out_of_the_past_and_no_other(roots, machine):
    roots.pytester.makepyfile(bench_one=GATED_ROOTS, bench_two=GATED_ROOTS)
    behave_in(machine, "bench_one.py", HOLDS_GIL)
    for _ in range(5):
        assert len(failures(roots.run())) == 1
    result = roots.run("-v", "--benchmark-compare")
    says(result, "5 more runs of this environment are missing")
    says(result, "passed: roots-1e3-threads-2 as in 5 runs before")


def test_runs_of_the_future_judge_nothing_and_are_named(checkout, machine, monkeypatch):
    days_before(checkout, machine, 5)
    (*_, last) = checkout.files()
    document = json.loads(last.read_text())
    last.write_text(json.dumps(document | {"datetime": "2999-01-01T00:00:00+00:00"}))
    assert main(["accept", last.stem, "--why", "meant so"]) == 0
    monkeypatch.setattr("speedgate.history.history.latest_time", lambda: "2998")
    result = checkout.run(*ONE, "--benchmark-compare")
    says(result, "not judged by 1 run dated in the future", last.stem, "of 2999-01-01 00:00")
    says(result, "1 more run of this environment is missing, it has 4 of 5")


def test_the_history_gate_can_be_left_out(checkout, machine):
    days_before(checkout, machine, 5)
    result = checkout.run(*ONE, "--benchmark-compare", "--no-history-gate")
    assert result.ret == GREEN
    assert "history" not in {
        each["gate"] for each in checkout.documents()[-1]["speedgate"]["judgements"]
    }


def test_a_run_that_was_stopped_is_saved_and_marked_incomplete(checkout, machine):
    machine.behave("g", CRASHING)
    result = checkout.run(SCALING, "--sizes=1e6", "--strategies=serial,threads", "-x")
    assert result.ret == RED
    says(result, "marked incomplete")
    assert checkout.document()["speedgate"]["complete"] is False
    assert not list(checkout.folder.rglob("*.part"))


def test_a_run_goes_to_another_place_as_well(checkout, machine):
    days_before(checkout, machine, 1)
    assert checkout.run(*ONE, "--history=elsewhere", "--benchmark-compare").ret == GREEN
    (copy,) = (checkout.folder / "elsewhere").rglob("*.json")
    assert copy.name in {path.name for path in checkout.files()}


def test_a_session_without_our_benchmarks_is_pytest_benchmarks_own(other):
    other.pytester.makepyfile(bench_plain="def bench_plain(benchmark):\n    benchmark(len, 'a')\n")
    assert other.run("bench_plain.py").ret == GREEN
    result = other.run("bench_plain.py", "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "(0001_")
