"""`--python`: another Python is measured, judged and remembered as itself."""

import errno
import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from helpers.free_threaded import build_unsafe_extension, free_threaded_with_numpy_or_skip
from helpers.inner import (
    GREEN,
    MISUSED,
    ONE,
    PLAIN,
    PLAIN_WORKLOAD,
    RED,
    bench,
    output,
    says,
)
from helpers.machine import Behaviour

from speedgate.builds.build import Build
from speedgate.builds.label import BuildLabel
from speedgate.measuring.runner_process import PACKAGE_FOLDER, THIS
from speedgate.report.exit_code import ExitCode

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
OTHER = {
    "python": "3.13.5",
    "implementation": "CPython",
    "compiler": "GCC of the other",
    "free_threaded_build": True,
    "gil_enabled": False,
    "numpy": {"version": "2.3.0"},
    "blas": None,
    "libraries": {"joblib": "0.1"},
    "libc": "glibc 2.99",
}


@pytest.fixture
def another(monkeypatch, machine):
    """A Python elsewhere, which only pretends to be there; what was asked for is kept."""
    asked = []

    def open_build(text, option, *, notify):
        asked.append((text, option))
        variables = {"PYTHONPATH": "", "OMP_WAIT_POLICY": "passive"}
        return Build(BuildLabel("other"), Path("/other/python"), variables, OTHER, "0")

    monkeypatch.setattr("speedgate.plugin.another.open_build", open_build)
    here = machine.describe

    def describe(blas_threads, setup=None, interpreter=THIS, limit_seconds=None):
        if interpreter is THIS:
            return here(blas_threads, setup)
        return {"python": "3.13.5", "gil_enabled": False, "blas": []}

    monkeypatch.setattr(machine, "describe", describe)
    monkeypatch.setattr("speedgate.plugin.storage.describe_runner", describe)
    machine.gil_enabled = False
    machine.asked = asked
    return machine


def test_all_runners_are_of_the_python_that_was_named(checkout, another):
    assert checkout.run(*ONE, "--python=/other/python").ret == GREEN
    assert another.asked == [("/other/python", "--python")]
    assert {runner.interpreter.python for runner in another.runners} == {str(Path("/other/python"))}
    (folder,) = {runner.interpreter.package_folder for runner in another.runners}
    assert folder != PACKAGE_FOLDER
    assert not Path(folder).exists(), "what was lent is gone afterwards"


def test_the_run_is_of_the_environment_that_was_measured(checkout, another):
    result = checkout.run(*ONE, "--python=/other/python")
    says(result, "measuring Python 3.13.5 without GIL, NumPy 2.3.0 (", "python)")
    document = checkout.document()
    environment = document["speedgate"]["environment"]
    assert (environment["python"], environment["gil_enabled"]) == ("3.13.5", False)
    assert environment["libraries"] == {"joblib": "0.1"}
    assert environment["libc"] == "glibc 2.99"
    assert environment["settings"]["variables"] == {"OMP_WAIT_POLICY": "passive"}
    (path,) = checkout.files()
    assert "-python3.13.5t-numpy2.3.0-" in path.parent.name
    machine_info = document["machine_info"]
    assert machine_info["python_version"] == "3.13.5"
    assert machine_info["python_compiler"] == "GCC of the other"
    assert "python_build" not in machine_info


def test_two_pythons_have_two_histories(checkout, another):
    assert checkout.run(*ONE, "--python=/other/python").ret == GREEN
    assert checkout.run(*ONE).ret == GREEN
    first, second = checkout.files()
    assert first.parent != second.parent
    result = checkout.run(*ONE, "--python=/other/python", "--benchmark-compare")
    says(result, f"comparing with {first.parent.name}/{first.stem}")


def test_a_strategy_that_another_python_lacks_is_left_out(checkout, another):
    error = {"type": "NotImplementedError", "message": "joblib is not installed", "traceback": ""}
    another.behave("g", Behaviour(error=error, fails_at="open"))
    result = checkout.run(*ONE, "--python=/other/python")
    assert result.ret == GREEN
    says(result, "not measured", "joblib is not installed")


def test_what_pytest_times_in_its_own_process_is_left_out(roots, another):
    roots.pytester.makepyfile(bench_roots=bench(), bench_plain=dedent(PLAIN))
    result = roots.run("--python=/other/python", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    says(result, "--python names another Python", "speedgate scale --python")


def test_without_benchmarks_of_ours_nothing_is_timed_in_the_wrong_python(roots, another):
    roots.pytester.makepyfile(bench_plain=dedent(PLAIN))
    result = roots.run("--speedgate-python=/other/python", "-rs")
    result.assert_outcomes(skipped=1)
    says(result, "--speedgate-python names another Python")


def test_what_cannot_be_both_is_refused(checkout, another):
    for other in ("--in-process", "--threads=2"):
        result = checkout.run(*ONE, "--python=/other/python", other)
        assert result.ret == MISUSED
        says(result, other.partition("=")[0], "leave out --python")
    assert another.runners == []


def test_a_path_that_is_no_python_is_refused_before_anything_is_measured(checkout, machine):
    result = checkout.run(*ONE, "--python=/nowhere/python")
    assert result.ret == MISUSED
    says(result, "--python: there is no Python at ", "nowhere")
    assert machine.runners == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_a_machine_without_room_for_the_copies_is_at_fault(checkout, another, monkeypatch, number):
    def refuse(build):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("speedgate.plugin.another.interpreter_of", refuse)
    result = checkout.run(*ONE, "--python=/other/python")
    assert result.ret == ExitCode.MACHINE
    said = output(result)
    assert f"cannot be given a copy of speedgate ([Errno {number}] {os.strerror(number)}); " in said
    assert another.runners == []


def test_nothing_is_opened_where_cases_are_only_listed(checkout, another):
    assert checkout.run(*ONE, "--python=/other/python", "--collect-only").ret == GREEN
    assert another.asked == []


def test_the_results_of_another_python_are_compared_really(other):
    """With real runners, of this Python as if it were another."""
    other.pytester.makepyfile(plain_workloads=PLAIN_WORKLOAD, bench_roots=bench())
    result = other.run_really(f"--speedgate-python={sys.executable}", "--benchmark-disable")
    assert result.ret == GREEN, output(result)
    says(result, "measuring Python ", sys.executable)
    result.assert_outcomes(passed=2)


@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has no GIL"
)
def test_a_limit_that_means_nothing_with_a_gil_is_said(checkout, machine):
    result = checkout.run(*ONE, "--max-inflation=2")
    says(result, "--max-inflation: not applicable, this Python has a GIL")
    assert "not applicable" not in output(checkout.run(*ONE))


def test_a_limit_that_means_nothing_without_a_gil_is_said(checkout, another):
    result = checkout.run(*ONE, "--python=/other/python", "--max-gil-held=0.1")
    says(result, "--max-gil-held: not applicable, this Python runs without a GIL")
    result = checkout.run(*ONE, "--python=/other/python")
    assert "not applicable" not in output(result)


# --- a real free-threaded Python

LAZY_WORKLOAD = """
    from typing import NamedTuple

    calls = 0

    def lazy(size):
        global calls
        calls += 1
        if calls > CALLS:
            import old_module
        return size

    def size_only(size, seed):
        return size

    class Workload(NamedTuple):
        name: str = "lazy"
        function: object = lazy
        prepare: object = size_only
        argument_bytes: float = 0.0
        call_bytes: float = 16.0

    ROOTS = Workload()
    NAMELESS = Workload(function=lambda size: size)
"""
GATE = "gates=[__import__('speedgate').Gate('scales', workloads=('lazy',), min_size=1)]"


@pytest.mark.parametrize("calls", [0, 200], ids=["at once", "in mid-run"])
def test_a_module_that_switches_the_gil_on_fails_the_case_by_its_name(other, calls):
    python = free_threaded_with_numpy_or_skip()
    build_unsafe_extension(python, other.folder, "old_module")
    other.pytester.makepyfile(
        plain_workloads=LAZY_WORKLOAD.replace("CALLS", str(calls)), bench_roots=bench(mark=GATE)
    )
    result = other.run_really(f"--speedgate-python={python}", "--speedgate-budget=2")
    assert result.ret == RED, output(result)
    says(result, "GIL back on: old_module switched it on when it was imported")
    says(result, "not evaluated: lazy-1e3-threads-2", "old_module")


def test_a_gil_of_the_shell_is_refused_and_one_of_the_build_is_measured(other, monkeypatch):
    python = free_threaded_with_numpy_or_skip()
    other.pytester.makepyfile(plain_workloads=PLAIN_WORKLOAD, bench_roots=bench())
    monkeypatch.setenv("PYTHON_GIL", "1")
    options = ("--benchmark-disable",)
    result = other.run_really(f"--speedgate-python={python}", *options)
    assert result.ret == MISUSED
    says(result, "--speedgate-python: ", "PYTHON_GIL=1 in the environment keeps it on; unset it")
    result = other.run_really(f"--speedgate-python={python} PYTHON_GIL=1", *options)
    assert result.ret == GREEN, output(result)
    says(result, "measuring Python ", "t with its GIL on")
