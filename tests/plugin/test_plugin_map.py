"""The GIL map and BLAS: their tables, promises and changes."""

import json
import os
from dataclasses import replace

import pytest
from helpers.inner import BLAS, GREEN, MAP, RED, UNDECIDED, output, says
from helpers.machine import (
    CRASHING,
    HOLDS_GIL,
    SIDE_BY_SIDE,
    raising,
)

from workloads import OPERATIONS

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


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


def test_a_mistyped_workload_is_answered_shortly_and_a_collection_lists_all(checkout, machine):
    answer = output(checkout.run(MAP, "--workloads=sorrt"))
    assert "did you mean 'sort'? The same with --collect-only lists all" in answer
    assert "tolist" not in answer
    listing = output(checkout.run(MAP, "--workloads=sorrt", "--collect-only"))
    assert f"there are {', '.join(sorted(work.name for work in OPERATIONS))}" in listing


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
    says(result, "no case that is promised to release the GIL was selected")


@pytest.mark.parametrize("option", ["--workers=1", "--strategies=processes"])
def test_a_promise_of_what_has_no_class_is_not_kept(checkout, machine, option):
    result = checkout.run(MAP, "--workloads=exp", option, "-rs")
    says(result, "no case that is promised to release the GIL was selected")


# Held for a part of its work, as far as anybody can tell without samples of the GIL.
BUSY = replace(SIDE_BY_SIDE, held=None, concurrency=1.5)
UNSAMPLED = replace(BUSY, unsampled="py-spy may not read this process")
LACKING = raising(NotImplementedError("no such function"), "")
TWO = (MAP, "--workloads=exp,sort", "-rs")
REQUIRED = "--require-gate"


def test_promises_that_are_kept_are_verdicts_enough(checkout, machine):
    assert checkout.run(*TWO, REQUIRED).ret == GREEN


def is_used_up(budget, judged=False):
    return "[sort-1e5" in os.environ["PYTEST_CURRENT_TEST"]


def with_no_sampler(machine, monkeypatch):
    machine.behave("sort", UNSAMPLED)


def with_no_time(machine, monkeypatch):
    monkeypatch.setattr("speedgate.measuring.budget.Budget.is_used_up", is_used_up)


@pytest.mark.parametrize(
    ("lacks", "why"),
    [(with_no_sampler, "the GIL was not sampled"), (with_no_time, "--budget is used up")],
)
def test_a_promise_is_kept_only_if_each_case_shows_it(checkout, machine, monkeypatch, lacks, why):
    """One of two does, which is not enough."""
    lacks(machine, monkeypatch)
    line = "promises[bench_gil_map]: 1 of 2 cases promised to release the GIL do not show it: 1: "
    result = checkout.run(*TWO)
    assert result.ret == GREEN
    says(result, "SKIPPED", f"not evaluated: {line}{why}")
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == UNDECIDED
    says(result, f"not evaluated: {line}{why}")


@pytest.mark.parametrize(
    ("options", "code"),
    [((), GREEN), ((REQUIRED,), GREEN), (("--strict-gate",), UNDECIDED)],
)
def test_what_a_busy_machine_does_not_show_is_inconclusive(checkout, machine, options, code):
    """It was looked at as it should be: another run may show it."""
    machine.behave("sort", BUSY)
    result = checkout.run(*TWO, *options)
    assert result.ret == code
    says(result, "inconclusive: promises[bench_gil_map]: 1 of 2 cases", "on a quieter machine")


def test_beside_a_case_that_nobody_samples_a_busy_one_is_no_excuse(checkout, machine):
    machine.behave("sort", BUSY)
    machine.behave("exp", UNSAMPLED)
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == UNDECIDED
    says(result, "not evaluated: promises[bench_gil_map]: 2 of 2 cases", "py-spy may not read")


def test_where_nobody_knows_who_waited_nobody_was_busy(checkout, machine):
    machine.behave("sort", replace(BUSY, waiting=None))
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == UNDECIDED
    says(result, "not evaluated: promises[bench_gil_map]: 1 of 2 cases")


def test_a_case_that_crashed_keeps_no_promise(checkout, machine):
    machine.behave("sort", CRASHING)
    result = checkout.run(*TWO)
    assert result.ret == RED
    says(result, "SKIPPED", "1 of 2 cases promised", "its benchmark failed or was skipped")


def test_a_promise_that_is_surely_broken_is_no_missing_verdict(checkout, machine):
    machine.behave("exp", HOLDS_GIL)
    machine.behave("sort", UNSAMPLED)
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == RED
    says(result, "failed: exp-1e6-threads-2 is promised to release the GIL")


def test_what_a_build_cannot_have_is_named_and_not_missed(checkout, machine):
    machine.behave("sort", LACKING)
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == GREEN
    says(result, "1 case not available: sort-1e5-threads-2: no such function")
    machine.behave("exp", UNSAMPLED)
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == UNDECIDED
    says(result, "1 of 2 cases", "not available: 1: sort-1e5-threads-2: no such function")


def test_where_nothing_promised_is_available_no_promise_was_kept(checkout, machine):
    machine.behave("sort", LACKING)
    result = checkout.run(MAP, "--workloads=sort", "-rs")
    assert result.ret == GREEN
    says(result, "SKIPPED", "promises[bench_gil_map]: none of 1 case", "no such function")
    assert checkout.run(MAP, "--workloads=sort", REQUIRED).ret == UNDECIDED


def test_without_a_gil_no_promise_about_it_is_missed(checkout, machine):
    machine.gil_enabled = False
    result = checkout.run(*TWO, REQUIRED)
    assert result.ret == GREEN
    says(result, "SKIPPED", "not applicable: this Python runs without a GIL")


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


def test_what_the_history_of_the_classes_recovers_or_leaves_alone_is_told(checkout, machine):
    """A folder that nothing else of the run reads: it is opened for the classes alone."""
    elsewhere = (MAP, "--workloads=sort", "--history=elsewhere")
    assert checkout.run(*elsewhere).ret == GREEN
    (kept,) = (checkout.folder / "elsewhere").rglob("*.json")
    document = json.loads(kept.read_text())
    lines = [document | {"benchmarks": []}]
    lines += [{"benchmark": benchmark} for benchmark in document["benchmarks"]]
    kept.with_suffix(".part").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    kept.unlink()
    (kept.parent / "2026_0101_000000-000_cut_00000000.json").write_text('{"benchmarks": [')
    result = checkout.run(*elsewhere)
    assert result.ret == GREEN
    says(result, "recovered elsewhere", f"{kept.name}: its session was cut short")
    says(result, "2026_0101_000000-000_cut_00000000.json", "left out")


def test_blas_is_measured_in_four_cells(checkout, machine):
    result = checkout.run(BLAS, "--workloads=matmul", "--sizes=1e4")
    assert result.ret == GREEN
    assert [runner.blas_threads for runner in machine.runners] == [1, None]
    assert [len(runner.requests[0]["batches"]) for runner in machine.runners] == [2, 1]
    says(result, "BLAS 1 x1", "BLAS 1 x2", "default x1", "default x2")
    says(result, "matmul 1e4", "1.00 1.0", "1.65")
    says(result, "matmul 1e4 from one Python thread", "does not use all cores by itself")
    asked = [benchmark["extra_info"]["blas_threads_asked"] for benchmark in
             checkout.document()["benchmarks"]]  # fmt: skip
    assert asked == [1, "default"]
