"""The plugin and its files: what it finds in a history, what it saves, what it says it could not.

Runners are made up (helpers/machine.py), as in test_plugin_saved.py.
"""

import errno
import json
import os
import sqlite3

import numpy as np  # noqa: F401  # inner runs would load it anew, which one process cannot do twice
import pytest
from helpers.machine import PAIRS, MadeMachine
from helpers.project import ROOT, Project
from helpers.runs import save

from speedgate.history.journal import Journal, read_journal
from speedgate.history.recording import describe_runner
from speedgate.report.exit_code import ExitCode

pytest_plugins = "pytester"
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

GREEN, MISUSED = pytest.ExitCode.OK, pytest.ExitCode.USAGE_ERROR
MACHINE = ExitCode.MACHINE
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
    monkeypatch.setattr("speedgate.plugin.opening.RunnerProcess", made.open)
    monkeypatch.setattr("speedgate.plugin.storage.describe_runner", made.describe)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    monkeypatch.setattr("speedgate.runner.machine.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.runner.machine.available_bytes", lambda: 10**9)
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
    save(first.parent / "numpy.json", odd)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN, output(result)
    assert "INTERNALERROR" not in output(result)
    for name in ("odd0.part", "odd1.part", "odd2.part"):
        says(result, "left alone: ", name, "moves it aside")
    says(result, "left out: ", "nested.json is not a run: it is nested too deeply")
    says(result, "left out: ", "numpy.json is not a whole run (environment: ")
    says(result, "comparing with", first.stem)


def test_a_run_whose_stats_are_not_whole_is_compared_without_them(checkout):
    assert checkout.run(*ONE).ret == GREEN
    (first,) = checkout.files()
    content = json.loads(first.read_text())
    content["benchmarks"][0]["stats"] = {"median": 0.5, "name": 5, "iqr": "wide"}
    save(first, content)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN, output(result)
    says(result, "not shown beside this run: ", "bench_scaling[g-1e6-threads-2]", "not whole")


# --- what it saves, and a disk that is full


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def full_from(number, function):
    """A function that finds the disk full from its call ``number`` on."""
    calls = []

    def write(*arguments):
        calls.append(arguments)
        return full() if len(calls) >= number else function(*arguments)

    return write


def the_table_and_the_verdict(result):
    """Assert that both are there, and no traceback."""
    says(result, "g 1e6  1.65 ", "✓")
    says(result, "passed: g-1e6-threads-2 1.65x [")
    assert "Traceback" not in output(result)
    assert "INTERNALERROR" not in output(result)


def test_a_full_disk_at_the_save_costs_the_file_and_nothing_else(checkout, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("speedgate.files.os.fsync", full)
        result = checkout.run(*ONE)
    the_table_and_the_verdict(result)
    assert result.ret == MACHINE
    (journal,) = checkout.folder.rglob("*.part")
    says(
        result,
        "not saved: ",
        ".json (No space left on device)",
        f"in its journal {journal.relative_to(checkout.folder)}",
    )
    assert not list(checkout.folder.glob("results/*/.speedgate*"))
    assert checkout.files() == []
    # With room again, the next session makes a run of it.
    result = checkout.run(*ONE)
    says(result, "recovered ", journal.stem)
    assert len(checkout.files()) == 2


def test_a_full_disk_for_the_journal_is_no_matter_if_there_is_room_at_the_end(
    checkout, monkeypatch
):
    monkeypatch.setattr("speedgate.history.kept_run.Journal", full)
    result = checkout.run(*ONE)
    the_table_and_the_verdict(result)
    assert result.ret == GREEN
    assert len(checkout.files()) == 1


def test_a_full_disk_for_everything_says_so(checkout, monkeypatch):
    monkeypatch.setattr("speedgate.history.kept_run.Journal", full)
    monkeypatch.setattr("speedgate.files.os.fsync", full)
    result = checkout.run(*ONE)
    the_table_and_the_verdict(result)
    assert result.ret == MACHINE
    says(result, "not saved: ", "nor has it a journal")


@pytest.mark.parametrize("number", [2, 3])
def test_a_full_disk_in_the_middle_of_the_journal(checkout, monkeypatch, number):
    """Of the lines 1 is the head, 2 the benchmark, 3 the judgement."""
    write = full_from(number, Journal._write)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_write", write)
        patch.setattr("speedgate.files.os.fsync", full)
        result = checkout.run(*ONE)
    the_table_and_the_verdict(result)
    assert result.ret == MACHINE
    says(result, "not saved: ", "but for what came when it failed", "No space left on device")


def test_half_a_line_is_taken_back_from_a_journal(tmp_path):
    """What a full disk has taken of a line must not spoil the one after it."""
    journal = Journal(tmp_path / "a.part", {"speedgate": {}})
    whole = journal.path.read_bytes()
    raw = journal._file

    class HalfFull:
        def write(self, data):
            raw.write(bytes(data[:5]))
            full()

        def __getattr__(self, name):
            return getattr(raw, name)

    journal._file = HalfFull()
    with pytest.raises(OSError, match="No space"):
        journal.add_benchmark({"name": "lost"})
    assert journal.path.read_bytes() == whole
    journal._file = raw
    journal.add_benchmark({"name": "kept"})
    journal._file.close()
    document = read_journal(journal.path.read_bytes())
    assert [benchmark["name"] for benchmark in document["benchmarks"]] == ["kept"]


def test_after_half_a_line_that_stays_a_new_one_begins(tmp_path, monkeypatch):
    """Where a disk takes half a line and does not give it back, the lines after it count."""
    journal = Journal(tmp_path / "a.part", {"speedgate": {}})
    with monkeypatch.context() as patch:
        patch.setattr("speedgate.files.write", lambda file, data: file.write(data[:5]) and full())
        patch.setattr("speedgate.files.cut", full)
        with pytest.raises(OSError, match="No space"):
            journal.add_benchmark({"name": "lost"})
    journal.add_benchmark({"name": "kept"})
    journal.close()
    document = read_journal(journal.path.read_bytes())
    assert [benchmark["name"] for benchmark in document["benchmarks"]] == ["kept"]


def test_a_full_disk_below_the_history_elsewhere_is_red(checkout, monkeypatch):
    write = full_from(2, os.fsync)
    monkeypatch.setattr("speedgate.files.os.fsync", write)
    monkeypatch.setattr("speedgate.files.flush_folder", lambda folder: None)
    result = checkout.run(*ONE, "--history=elsewhere")
    the_table_and_the_verdict(result)
    assert result.ret == MACHINE
    (saved,) = checkout.files()
    says(result, "--history: the run could not be written to elsewhere", "No space", "copy")
    says(result, f"saved in {saved.relative_to(checkout.folder)}")


def test_a_full_disk_for_the_file_of_benchmark_json_costs_that_file(checkout, monkeypatch):
    monkeypatch.setattr("pytest_benchmark.session.BenchmarkSession.save_json", full)
    result = checkout.run(*ONE, "--benchmark-json=out.json")
    the_table_and_the_verdict(result)
    assert result.ret == MACHINE
    says(result, "--benchmark-json: not saved: ", "out.json", "No space left on device")
    assert len(checkout.files()) == 1


def test_a_disk_that_is_full_before_the_run_is_told_before_it(checkout, machine, monkeypatch):
    monkeypatch.setattr("speedgate.files.write", full)
    result = checkout.run(*ONE)
    assert result.ret == MACHINE
    says(result, "--benchmark-storage: results cannot be written to", "No space left on device")
    says(result, "make room, then try again")
    assert machine.runners == []


def test_a_folder_that_may_not_be_written_is_refused_before_the_run(checkout, machine, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("speedgate.files.write", refused)
    result = checkout.run(*ONE)
    assert result.ret == MISUSED
    says(result, "(Permission denied); name a folder that can be written")
    assert machine.runners == []


def test_a_history_that_a_broken_disk_hides_is_the_fault_of_the_machine(checkout, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("speedgate.plugin.comparing.open_store", broken)
    result = checkout.run(*ONE, "--history=elsewhere")
    assert result.ret == MACHINE
    says(result, "Input/output error; see to the disk or the share, then try again")


def test_a_cache_that_is_full_costs_the_index_only(checkout, monkeypatch):
    assert checkout.run(*ONE).ret == GREEN
    connect = sqlite3.connect

    def connect_where_there_is_room(path, **options):
        if str(path) != ":memory:":
            raise sqlite3.OperationalError("database or disk is full")
        return connect(path, **options)

    monkeypatch.setattr("speedgate.files.sqlite3.connect", connect_where_there_is_room)
    result = checkout.run(*ONE, "--benchmark-compare")
    assert result.ret == GREEN, output(result)
    says(result, "comparing with")


@pytest.mark.parametrize("where", ["results", "./results", "link"])
def test_a_history_that_is_the_storage_needs_no_second_copy(checkout, where):
    (checkout.folder / "results").mkdir()
    (checkout.folder / "link").symlink_to("results")
    result = checkout.run(*ONE, f"--history={where}")
    assert result.ret == GREEN, output(result)
    assert "could not be written" not in output(result)
    assert len(list((checkout.folder / "results").rglob("*.json"))) == 1


def test_a_setup_that_hangs_before_anything_is_timed_ends_by_the_limit(
    checkout, machine, monkeypatch
):
    monkeypatch.setattr("speedgate.plugin.storage.describe_runner", describe_runner)
    (checkout.folder / "sleeps.py").write_text("import time\ndef sleep():\n    time.sleep(600)\n")
    options = ("--benchmark-compare", "--runner-setup=sleeps:sleep", "--time-limit=2")
    result = checkout.run(*ONE, *options)
    assert result.ret == MISUSED
    says(result, "'sleeps:sleep', which runners call first, does not return", "2 s", "--time-limit")
    assert machine.runners == []


# --- options


@pytest.mark.parametrize("option", ["--time-limit", "--budget"])
@pytest.mark.parametrize("text", ["1e300", "1e999", "nan", "inf", "-1", "0", "1000001", "1e6 s"])
def test_a_duration_that_no_clock_can_take_is_refused(checkout, machine, option, text):
    result = checkout.run(*ONE, f"{option}={text}")
    assert result.ret == MISUSED
    says(result, f"{option} '{text}' is not a duration: seconds above 0 and up to 1,000,000")
    assert machine.runners == []


def test_the_longest_duration_works(checkout):
    assert checkout.run(*ONE, "--time-limit=1e6", "--budget=1e6").ret == GREEN


def test_a_profile_is_made_of_stock_benchmarks_and_ours_say_why_not(checkout):
    plain = "def bench_sum(benchmark):\n    benchmark(sum, [1, 2])\n"
    (checkout.folder / "bench_plain.py").write_text(plain)
    result = checkout.run(*ONE, "bench_plain.py", "--benchmark-cprofile=tottime")
    assert result.ret == GREEN, output(result)
    the_table_and_the_verdict(result)
    says(result, "--benchmark-cprofile: no profile of these benchmarks")
    says(result, "cProfile (time in s)")
    says(result, "bench_plain.py::bench_sum")
