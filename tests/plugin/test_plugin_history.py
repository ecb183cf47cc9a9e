"""Runs before: what a run is compared with and held to."""

import errno
import json
import os
from dataclasses import replace

import pytest
from helpers.inner import (
    GREEN,
    ONE,
    RED,
    SCALING,
    bench,
    days_before,
    output,
    says,
)
from helpers.machine import (
    CRASHING,
    HOLDS_GIL,
    SIDE_BY_SIDE,
    raising,
)
from helpers.runs import save

from speedgate.commands.main import main
from speedgate.report.exit_code import ExitCode

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


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
        says(result, "failed: g-1e6-threads-2 against 5 runs: slower, threads lost; speedup 1.35x")
    newest = max(checkout.documents(), key=lambda document: document["datetime"])
    name = next(path for path, document in zip(checkout.files(), checkout.documents(), strict=True)
                if document == newest)  # fmt: skip
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
    says(
        result, "inconclusive: g-1e6-threads-2 against 5 runs: slower, threads lost; speedup 1.35x"
    )
    says(result, "measured again at once, it is not certain: speedup 1.65x")
    assert len(machine.of("g-1e6-threads-2")) == 5 * 2 + 2 * 2
    # The run counts from now on: its spread is what runs differ by.
    says(checkout.run(*ONE, "--benchmark-compare"), "as in 6 runs before")


def test_a_regression_is_told_with_both_measurements(checkout, machine):
    days_before(checkout, machine, 5)
    machine.behave("g", replace(SIDE_BY_SIDE, speedup=1.35))
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == RED
    says(result, "measured again at once: speedup 1.35x")
    judged = checkout.documents()[-1]["speedgate"]["judgements"][-1]
    assert len(judged["measured_anew"]) == len(judged["shifts"])


GONE = raising(NotImplementedError("this build lacks it by now"), "")


@pytest.mark.parametrize(("again", "why"), [(GONE, "lacks it by now"), (CRASHING, "SIGSEGV")])
def test_a_regression_that_cannot_be_measured_again_stays_red(checkout, machine, again, why):
    days_before(checkout, machine, 5)
    slow = replace(SIDE_BY_SIDE, speedup=1.35)
    machine.processes.clear()
    machine.behave("g", slow, slow, again)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 against 5 runs", "could not be measured again: ", why)
    judged = checkout.documents()[-1]["speedgate"]["judgements"][-1]
    assert (judged["gate"], judged["verdict"]) == ("history", "failed")
    # It has not become a part of what the next one is held to.
    machine.behave("g", slow)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2 against 5 runs")


def test_a_machine_that_cannot_measure_again_costs_no_verdict(checkout, machine, monkeypatch):
    days_before(checkout, machine, 5)
    machine.behave("g", replace(SIDE_BY_SIDE, speedup=1.35))

    def start(*arguments, **options):
        if "::history[" in os.environ["PYTEST_CURRENT_TEST"]:
            raise OSError(errno.EMFILE, "Too many open files")
        return machine.open(*arguments, **options)

    monkeypatch.setattr("speedgate.plugin.opening.RunnerProcess", start)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == RED
    says(result, "failed: g-1e6", "could not be measured again: the machine's fault", "ulimit -n")
    judged = checkout.documents()[-1]["speedgate"]["judgements"][-1]
    assert (judged["gate"], judged["verdict"]) == ("history", "failed")


def test_with_too_few_runs_the_history_says_how_many_are_missing(checkout, machine):
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN
    says(result, "nothing to compare with: no complete run of this environment in results")
    says(result, "not evaluated: g-1e6-threads-2 against history: 5 more runs")


def test_a_damaged_history_is_no_young_one(checkout, machine, capsys):
    """A cache that was restored badly: without its runs no regression would be seen.

    Who repairs it has seen the red, and chooses to begin anew; each check names what is missing.
    """
    days_before(checkout, machine, 5)
    for path in checkout.files():
        path.write_bytes(path.read_bytes()[:-30])
    result = checkout.run(*ONE, "--benchmark-compare", "--require-gate")
    assert result.ret == ExitCode.UNDECIDED
    failed = "FAILED bench/bench_scaling.py::history[g-1e6-threads-2]"
    says(result, failed, "5 files of this environment cannot be read")
    check = ["check", "--history", str(checkout.files()[0].parent.parent)]
    assert main([*check, "--repair"]) == 1
    result = checkout.run(*ONE, "--benchmark-compare", "--require-gate")
    assert failed not in output(result)
    why = "4 more runs of this environment are missing, it has 1 of 5; 5 files of it were moved"
    says(result, f"{why} aside: 'speedgate check' names them")
    capsys.readouterr()
    assert main(check) == 0
    assert capsys.readouterr().out.count("moved aside before: ") == 5


def test_what_is_aside_is_told_of_where_runs_are_missing(checkout, machine):
    """And not where there are enough without it."""
    days_before(checkout, machine, 5)
    path = checkout.files()[0]
    path.rename(path.with_name(f"{path.name}.aside1"))
    result = checkout.run(*ONE, "--benchmark-compare")
    why = "1 more run of this environment is missing, it has 4 of 5; 1 file of it was moved aside"
    says(result, f"{why}: 'speedgate check' names it")
    assert "moved aside" not in output(checkout.run(*ONE, "--benchmark-compare"))


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


def test_a_history_that_is_a_file_is_refused_before_anything_is_measured(checkout, machine):
    (checkout.folder / "file").write_text("")
    for more in ([], ["--benchmark-compare"]):
        result = checkout.run(*ONE, "--history=file", *more)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "--history: file is a file; name the folder that the runs are in" in output(result)
    assert machine.cases == []


def test_a_history_that_cannot_be_written_is_refused_before_anything_is_measured(checkout, machine):
    (checkout.folder / "file").write_text("")
    result = checkout.run(*ONE, "--history=file/below")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--history: results cannot be written to file/below" in output(result)
    assert machine.cases == []


def test_a_session_that_was_killed_is_recovered_by_the_next(checkout, machine):
    days_before(checkout, machine, 1)
    (first,) = checkout.files()
    document = json.loads(first.read_text())
    lines = [document | {"benchmarks": []}]
    lines += [{"benchmark": benchmark} for benchmark in document["benchmarks"]]
    first.with_suffix(".part").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    first.unlink()
    says(checkout.run(*ONE), "its session was cut short")
    assert sorted(document["speedgate"]["complete"] for document in checkout.documents()) == [
        False,
        True,
    ]


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
    save(last, document | {"datetime": "2999-01-01T00:00:00+00:00"})
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
        judgement["gate"] for judgement in checkout.documents()[-1]["speedgate"]["judgements"]
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
