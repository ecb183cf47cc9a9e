"""The command ``scale``, end to end, on small suites of both kinds with known faults."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from speedgate.commands.main import main
from speedgate.commands.scale import verdict_code
from speedgate.history.document import read_run
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.scale_gate import GATE, Rule
from speedgate.measuring import scale_run, scaling
from speedgate.measuring.scale_run import ScaleRequest
from speedgate.measuring.scaling import ScaleOutcome
from speedgate.stats.case import Case

pytest_plugins = "helpers.scale_fixtures"


Json = dict[str, Any]


def scale(folder: Path, *arguments: str, capsys: Any) -> tuple[int, Json]:
    code = main(["scale", *arguments, "--format", "json", "--results", str(folder / "results")])
    document = json.loads(capsys.readouterr().out)
    return code, document


def by_name(document: Json) -> dict[str, Json]:
    return {
        benchmark["name"].rpartition(".")[2].rpartition("::")[2]: benchmark
        for benchmark in document["benchmarks"]
    }


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


def test_every_benchmark_of_asv_has_its_outcome(
    suite: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second process only narrows the intervals, and measures shared state, as tests show above.
    for module in (scale_run, scaling):
        monkeypatch.setattr(module, "MIN_PROCESSES", 1)
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


def test_what_the_budget_does_not_reach_is_said(tests: Path, capsys: Any) -> None:
    code, document = scale(
        tests, "test_some.py", "-k", "healthy or holds or own", "--budget", "0.1", capsys=capsys
    )
    outcomes = [benchmark["outcome"] for benchmark in document["benchmarks"]]
    # The collection alone takes longer.
    assert code == 1
    assert outcomes == ["not reached"] * 3
    assert "--budget left no time for it" in document["benchmarks"][0]["reason"]


def test_the_report_names_each_outcome(tests: Path, capsys: Any) -> None:
    main(["scale", "test_some.py", "-k", "holds or races or woven", "--results", str(tests / "r")])
    text = capsys.readouterr().out
    assert "3 benchmarks: 1 measured" in text
    assert "not thread-safe (1):" in text
    assert "cannot be measured (1):" in text
    where = ["--results", str(tests / "r")]
    main(["scale", "test_some.py", "-k", "holds", "--format", "markdown", *where])
    assert "| benchmark | threads |" in capsys.readouterr().out
