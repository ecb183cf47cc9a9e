"""Other ways to run: in process, disabled, over xdist, with options of the runner."""

import pytest
from helpers.inner import GATED, GREEN, MISUSED, ONE, RED, SCALING, output, says
from helpers.machine import (
    HOLDS_GIL,
    PAIRS,
    Behaviour,
)

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


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
    says(result, "-n", "leave -n out", "--benchmark-disable")
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
