"""The command ``scale``, end to end, on small suites of both kinds with known faults."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from speedgate.commands.main import main
from speedgate.commands.scale import verdict_code
from speedgate.history.document import read_run
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.scale_gate import GATE, Rule
from speedgate.measuring import scale_run
from speedgate.measuring.scale_run import ScaleRequest
from speedgate.measuring.scaling import ScaleOutcome
from speedgate.report.exit_code import REMEDIES
from speedgate.stats.case import Case

Json = dict[str, Any]

COMMON = """
import hashlib, threading, time
LOCK, DATA = threading.Lock(), b"x" * 200_000
MEETING, ENTERED = threading.Condition(), []

def hashes():
    return hashlib.sha256(DATA).hexdigest()

def locked():
    with LOCK:
        return hashes()

def holds():
    return sum(range(3000))

def races():
    # Whether nobody enters meanwhile. A loaded machine lets threads start well apart.
    with MEETING:
        ENTERED.append(1)
        number = len(ENTERED)
        MEETING.notify_all()
        return not MEETING.wait_for(lambda: len(ENTERED) > number, 0.1)

def dies():
    if not races():
        import os, signal
        os.kill(os.getpid(), signal.SIGSEGV)
"""

TESTS = """
import pytest
from common import *

@pytest.fixture
def own():
    return []

def test_healthy(benchmark):
    benchmark.group = "hashes"
    benchmark.extra_info["bytes"] = 200_000
    assert len(benchmark(hashes)) == 64

def test_locked(benchmark): benchmark(locked)
def test_holds(benchmark): benchmark(holds)
def test_races(benchmark): benchmark(races)
def test_dies(benchmark): benchmark(dies)
def test_fails(benchmark): assert benchmark(hashes) == "other"
def test_asserts(benchmark): assert benchmark(lambda: [races()]) == [True]

@pytest.mark.parametrize("size", [1000, 300_000])
class TestPedantic:
    def test_sort(self, benchmark, size):
        def setup(): return (list(range(size, 0, -1)),), {}
        benchmark.pedantic(list.sort, setup=setup, rounds=5)

def test_own(benchmark, own):
    def alone():
        own.append(1)
        time.sleep(0.0005)
        return [own.pop(), len(own)]
    assert benchmark(alone) == [1, 0]

def test_counts(benchmark, own):
    benchmark.pedantic(lambda: (own.append(1), hashes()), rounds=1)
    assert own == [1]

def test_woven(benchmark): benchmark.weave("json.dumps")
def test_skipped(benchmark): pytest.skip("not here")
def test_without(): pass
"""

SUITE = """
from .common import *

class Healthy:
    params = ([100_000, 200_000], ["sha256", "sha512"])
    def setup(self, size, name):
        if (size, name) == (100_000, "sha512"):
            raise NotImplementedError
        self.data = b"x" * size
    def time_hash(self, size, name):
        hashlib.new(name, self.data)

class Faulty:
    def time_locked(self): locked()
    def time_holds(self): holds()
    def time_races(self): return races()
    def time_dies(self): dies()

class Cached:
    def setup_cache(self):
        with open("file", "w") as file: file.write("200000")
        return {"bytes": 200_000}
    def time_cached(self, cache): hashlib.sha256(bytes(cache["bytes"]))
    def time_file(self, cache):
        with open("file") as file: assert file.read() == "200000"

class BadCache:
    def setup_cache(self): raise OSError("no data")
    def time_never(self, cache): pass

class Unpicklable:
    def setup_cache(self): return lambda: 1
    def time_never(self, cache): pass

class BadSetup:
    def setup(self): raise ValueError("no set-up")
    def time_never(self): pass

class UsedUp:
    number = 1
    def setup(self): self.left = list(range(300_000))
    def teardown(self): assert len(self.left) == 0
    def time_pop(self):
        while self.left: self.left.pop()

class Others:
    def track_number(self): return 1
    def timeraw_import(self): return "import json"
"""


def scale(folder: Path, *arguments: str, capsys: Any) -> tuple[int, Json]:
    code = main(["scale", *arguments, "--format", "json", "--results", str(folder / "results")])
    document = json.loads(capsys.readouterr().out)
    return code, document


def by_name(document: Json) -> dict[str, Json]:
    return {
        benchmark["name"].rpartition(".")[2].rpartition("::")[2]: benchmark
        for benchmark in document["benchmarks"]
    }


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes take no time to speak of; only figures do, and none is looked at here."""
    monkeypatch.setattr(scale_run, "EACH_SECONDS", 0.2)
    monkeypatch.setattr(scale_run, "HELD_SECONDS", scale_run.SHOWN_HELD_SECONDS)
    monkeypatch.setattr(scale_run, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(scale_run, "SHORT_PROBE_SECONDS", 0.2)
    # Processes beyond these only narrow an interval until a gate is sure.
    monkeypatch.setattr(scale_run, "most_processes", lambda judged: scale_run.MIN_PROCESSES)


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "common.py").write_text(COMMON)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("asv_runner")
    folder = tmp_path / "some_suite"
    folder.mkdir()
    (tmp_path / "asv.conf.json").write_text('{"benchmark_dir": "some_suite", // here\n}')
    (folder / "__init__.py").touch()
    (folder / "common.py").write_text(COMMON)
    (folder / "bench_some.py").write_text(SUITE)
    (folder / "bench_broken.py").write_text("import nothing_of_this_name\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_test_has_its_outcome(tests: Path, capsys: Any) -> None:
    code, document = scale(tests, "test_some.py", capsys=capsys)
    outcomes = {name: benchmark["outcome"] for name, benchmark in by_name(document).items()}
    assert outcomes == {
        "test_healthy": "measured",
        "test_locked": "measured",
        "test_holds": "measured",
        "test_races": "not thread-safe",
        "test_dies": "not thread-safe",
        "test_fails": "cannot be measured",
        "test_asserts": "not thread-safe",
        "test_sort[300000]": "measured",
        "test_sort[1000]": "cannot be measured",
        "test_own": "measured",
        "test_counts": "cannot be measured",
        "test_woven": "cannot be measured",
        "test_skipped": "not applicable",
    }
    assert code == 0
    reasons = {name: benchmark["reason"] for name, benchmark in by_name(document).items()}
    assert "test_some.py" in reasons["test_fails"]
    assert "SIGSEGV" in reasons["test_dies"]
    assert "too short" in reasons["test_sort[1000]"]
    assert "weave" in reasons["test_woven"]
    assert "its own assertion fails after many calls, alone as well" in reasons["test_counts"]
    assert "not here" in reasons["test_skipped"]
    assert by_name(document)["test_own"]["shared_reason"]
    assert_saved(tests)


def assert_saved(folder: Path) -> None:
    [file] = (folder / "results").glob("*/*.json")
    run = read_run(file)
    assert run.is_complete
    benchmarks = {row.case.workload: row for row in run.rows()}
    assert "test_some.py::test_healthy" in benchmarks
    document = json.loads(file.read_text())
    [healthy] = [
        benchmark for benchmark in document["benchmarks"] if "test_healthy" in benchmark["name"]
    ]
    assert healthy["group"] == "hashes"
    assert healthy["extra_info"]["bytes"] == 200_000
    assert len(document["speedgate"]["scale"]) == 13


def test_every_benchmark_of_asv_has_its_outcome(suite: Path, capsys: Any) -> None:
    code, document = scale(suite, ".", capsys=capsys)
    outcomes = {name: benchmark["outcome"] for name, benchmark in by_name(document).items()}
    assert outcomes == {
        "time_hash(100000, 'sha256')": "measured",
        "time_hash(100000, 'sha512')": "not applicable",
        "time_hash(200000, 'sha256')": "measured",
        "time_hash(200000, 'sha512')": "measured",
        "time_locked": "measured",
        "time_holds": "measured",
        "time_races": "not thread-safe",
        "time_dies": "not thread-safe",
        "time_cached": "measured",
        "time_file": "measured",
        "time_never": "cannot be measured",
        "time_pop": "measured",
        "track_number": "not applicable",
        "timeraw_import": "not applicable",
    }
    assert code == 0
    assert len(document["benchmarks"]) == 16  # three are called time_never
    reasons = [
        benchmark["reason"]
        for benchmark in document["benchmarks"]
        if "time_never" in benchmark["name"]
    ]
    assert any("setup_cache fails" in reason and "bench_some.py" in reason for reason in reasons)
    assert any("setup fails" in reason and "ValueError: no set-up" in reason for reason in reasons)
    assert any("cannot be pickled" in reason for reason in reasons)
    [broken] = document["broken"]
    assert "bench_broken.py:1" in broken["reason"]


def test_a_gate_fails_the_run_and_names_what_it_failed(tests: Path, capsys: Any) -> None:
    code, document = scale(
        tests, "test_some.py", "-k", "holds or races", "--min-speedup", "50", capsys=capsys
    )
    assert code == 1
    judged = by_name(document)
    assert judged["test_races"]["judgement"]["verdict"] == "failed"
    assert "not thread-safe" in judged["test_races"]["judgement"]["reason"]


def test_shared_state_alone_is_measured_where_that_is_asked_for(tests: Path, capsys: Any) -> None:
    both = scale(tests, "test_some.py", "-k", "own", capsys=capsys)[1]
    shared = scale(tests, "test_some.py", "-k", "own", "--share", capsys=capsys)[1]
    assert by_name(both)["test_own"]["outcome"] == "measured"
    # One list for all threads: they see what the others put into it.
    assert by_name(shared)["test_own"]["outcome"] == "not thread-safe"


def test_rules_of_the_project_are_read(tests: Path, capsys: Any) -> None:
    (tests / "pyproject.toml").write_text(
        "[[tool.speedgate.scale]]\nmatch = 'test_races'\nmin-speedup = 1.1\n"
    )
    code, document = scale(tests, "test_some.py", "-k", "races or woven", capsys=capsys)
    assert code == 1
    assert by_name(document)["test_woven"]["judgement"] is None


ASKED, SKIPPED = Rule(min_speedup=1.1), Rule(skip="known")
MISSING = "no verdict on 1 of 2 benchmarks that a rule covers"
NOT_IMPORTED = "no verdict on what is in 1 file that cannot be imported"
PASSED, UNSURE, LACKING, FAILED = (
    Verdict.PASSED, Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED, Verdict.FAILED
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "verdicts", "broken", "is_measured", "code", "words"),
    [
        ([ASKED], [PASSED, UNSURE], False, True, 0, ""),
        ([ASKED], [PASSED, LACKING], False, True, 10, MISSING),
        ([ASKED], [FAILED, LACKING], False, True, 1, ""),
        ([ASKED], [LACKING], False, False, 10, "no verdict on 1 of 1 benchmark that"),
        ([ASKED], [PASSED], True, True, 10, NOT_IMPORTED),
        ([ASKED], [FAILED], True, True, 1, ""),
        ([ASKED], [], False, True, 10, "nothing was judged: no rule covers"),
        ([SKIPPED, ASKED], [], False, True, 10, "nothing was judged: no rule covers"),
        ([SKIPPED], [], True, True, 0, ""),
        ([], [], True, True, 0, ""),
        ([], [], False, False, 1, "nothing was measured"),
        ([SKIPPED], [], False, False, 1, "nothing was measured"),
    ],
)
def test_a_verdict_that_is_missing_is_not_green(
    capsys: Any,
    rules: list[Rule],
    verdicts: list[Verdict],
    broken: bool,
    is_measured: bool,
    code: int,
    words: str,
) -> None:
    case = Case("time_x", 1, "threads", 2)
    outcome = ScaleOutcome.MEASURED if is_measured else ScaleOutcome.CANNOT
    scaling: Any = SimpleNamespace(
        request=ScaleRequest((2,), rules=tuple(rules)),
        judgements=[Judgement(GATE, case, verdict, "why") for verdict in verdicts],
        scaled=[SimpleNamespace(outcome=outcome)],
    )
    listing: Any = SimpleNamespace(broken=[("a.py", "why")] if broken else [])
    assert verdict_code(scaling, listing) == code
    told = capsys.readouterr().err
    assert words in told
    assert bool(told) == bool(words)
    assert ("exit code 10" in told) == (code == 10)


def test_what_could_not_be_measured_is_saved_with_its_reason(tests: Path, capsys: Any) -> None:
    asked = ["-k", "fails or woven", "--min-speedup", "1.1"]
    assert main(["scale", "test_some.py", *asked]) == 10
    assert "no verdict on 2 of 2 benchmarks that a rule covers" in capsys.readouterr().err
    [file] = (tests / "results").glob("*/*.json")
    run = read_run(file)
    assert run.is_complete
    assert [(one.name.rpartition("::")[2], one.outcome) for one in run.section.scale] == [
        ("test_fails", "cannot be measured"),
        ("test_woven", "cannot be measured"),
    ]
    assert "test_some.py" in run.section.scale[0].reason
    assert {one.verdict.value for one in run.judgements} == {"not evaluated"}
    for words in (["report", str(file)], ["history"], ["comment", str(file)]):
        assert main(words) == 0, (words, capsys.readouterr())


def test_a_machine_that_fails_ends_it_with_what_it_has(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = scale_run.Scaling._one

    def no_more(scaling: Any, benchmark: Any, *more: Any) -> Any:
        if scaling.scaled:
            raise OSError(errno.EMFILE, "Too many open files")
        return one(scaling, benchmark, *more)

    monkeypatch.setattr(scale_run.Scaling, "_one", no_more)
    assert main(["scale", "test_some.py", "-k", "healthy or holds"]) == 11
    shown = capsys.readouterr()
    assert "ended by the machine: [Errno 24] Too many open files" in shown.err
    assert "test_healthy" in shown.out
    [file] = tests.glob("results/*/*.json")
    assert not read_run(file).is_complete


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py"], "there is no nowhere.py"),
        (["test_some.py", "--threads", "1000"], "more than the"),
        (["test_some.py", "--threads", "zero"], "--threads"),
        (["test_some.py", "-k", "nothing_like_it"], "matches none of 13"),
        (["test_some.py", "-k", "a and"], "-k 'a and'"),
        (["test_some.py", "--min-speedup", "fast"], "--min-speedup"),
        (["test_some.py", "--max-gil-held", "2"], "--max-gil-held"),
        (["test_some.py", "--max-inflation", "much"], "--max-inflation"),
        (["test_some.py", "--gates", "nowhere.toml"], "--gates"),
        (["test_some.py", "--sample", "none"], "--sample"),
        (["common.py"], "no benchmark in common.py"),
        (["test_some.py", "--python", "/nowhere/python"], "--python"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tests: Path, capsys: Any, arguments: list[str], words: str
) -> None:
    assert main(["scale", *arguments]) == 4
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_what_the_machine_cannot_read_or_start_has_its_code_and_a_remedy(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    (tests / "pyproject.toml").write_text("")
    remedy = f"{os.strerror(number)}); {REMEDIES[errno.errorcode[number]]}"
    with monkeypatch.context() as patched:
        patched.setattr("speedgate.files.read", refuse)
        assert main(["scale", "test_some.py", "--gates", "rules.toml"]) == 11
        told = capsys.readouterr().err
        assert told == f"speedgate scale: --gates: rules.toml cannot be read ({remedy}\n"
        assert main(["scale", "test_some.py"]) == 11
        told = capsys.readouterr().err
        assert told == f"speedgate scale: {tests / 'pyproject.toml'} cannot be read ({remedy}\n"
    monkeypatch.setattr("speedgate.measuring.children.run", refuse)
    assert main(["scale", "test_some.py", "--python", sys.executable]) == 11
    told = capsys.readouterr().err
    assert f"--python: {sys.executable} does not start: [Errno {number}] " in told
    assert REMEDIES[errno.errorcode[number]] in told


def test_a_file_that_cannot_be_imported_is_told_with_its_line(tests: Path, capsys: Any) -> None:
    (tests / "test_broken.py").write_text("import nothing_of_this_name\n")
    assert main(["scale", "test_broken.py"]) == 4
    words = capsys.readouterr().err
    assert "test_broken.py:1: ModuleNotFoundError" in words
    assert "nothing_of_this_name" in words


def test_what_the_budget_does_not_reach_is_said(tests: Path, capsys: Any) -> None:
    code, document = scale(
        tests, "test_some.py", "-k", "healthy or holds or own", "--budget", "0.1", capsys=capsys
    )
    outcomes = [benchmark["outcome"] for benchmark in document["benchmarks"]]
    assert code == 0
    assert outcomes.count("not reached") == 2


def test_a_run_that_cannot_be_saved_is_shown_all_the_same(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("speedgate.files.write_whole", full)
    assert main(["scale", "test_some.py", "-k", "holds"]) == 11
    shown = capsys.readouterr()
    assert "test_holds" in shown.out
    assert "not saved" in shown.err
    assert "No space left on device" in shown.err
    assert list(tests.glob("results/*/*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_an_output_that_is_full_costs_no_run_of_scale(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w", buffering=1) as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        assert main(["scale", "test_some.py", "-k", "holds"]) == 11
    told = capsys.readouterr().err
    assert "speedgate scale: [Errno 28] No space left on device; make room" in told
    [file] = tests.glob("results/*/*.json")
    assert f"saved in {file.relative_to(tests)}" in told
    assert read_run(file).is_complete
    assert not list(tests.glob("results/*/*.part"))


def test_the_report_names_each_outcome(tests: Path, capsys: Any) -> None:
    main(["scale", "test_some.py", "-k", "holds or races or woven", "--results", str(tests / "r")])
    text = capsys.readouterr().out
    assert "3 benchmarks: 1 measured" in text
    assert "not thread-safe (1):" in text
    assert "cannot be measured (1):" in text
    where = ["--results", str(tests / "r")]
    main(["scale", "test_some.py", "-k", "holds or woven", "--format", "markdown", *where])
    assert "| benchmark | threads |" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupt_loses_nothing(interruptible: None, tests: Path) -> None:
    command = [sys.executable, "-m", "speedgate", "scale", "test_some.py", "-k", "healthy or dies"]
    (tests / "test_some.py").write_text(TESTS.replace("def dies", "def never"))
    (tests / "common.py").write_text(
        COMMON.replace("    if not races():", "    time.sleep(60)\n    if not races():")
    )
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not list(tests.glob("results/*/*.part")) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "test_healthy" in out
    [file] = tests.glob("results/*/*.json")
    assert not read_run(file).is_complete
