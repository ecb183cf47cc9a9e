"""The gate of other projects' benchmarks: rules, verdicts, causes."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from speedgate.judging.gate import Evidence, Verdict
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.scale_gate import (
    Rule,
    cause,
    contention,
    judge_evidence,
    rule_for,
)
from speedgate.measuring.scale_rules import judge_scaled, read_rules
from speedgate.measuring.scaling import Scaled, ScaleOutcome
from speedgate.measuring.selection import OptionError
from speedgate.measuring.targets import Benchmark
from speedgate.report.exit_code import ExitCode, code_of
from speedgate.runner.messages import ASV, Target
from speedgate.stats.accounting import Shares
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate


def estimate(value: float, width: float = 0.05) -> Estimate:
    return Estimate(value, value - width, value + width, 0.95, 50)


HEALTHY = Evidence(
    workers=2,
    speedup=estimate(1.95),
    process_speedups=(1.94, 1.96),
    control=estimate(1.97),
    shares=Shares(0.97, 0.01, 0.01, 0.01),
    inflation=estimate(1.01),
    gil_held_share=estimate(0.02, 0.01),
)
UNSURE = Verdict.INCONCLUSIVE
UNSAMPLED = replace(HEALTHY, gil_held_share=None)
NO_GIL = replace(UNSAMPLED, gil_enabled=False)
HOLDING = replace(
    HEALTHY, speedup=estimate(0.98), process_speedups=(0.97, 0.99), gil_held_share=estimate(0.95)
)


@pytest.mark.parametrize(
    ("evidence", "rule", "expected"),
    [
        (HEALTHY, Rule(min_speedup=1.5), Verdict.PASSED),
        (HEALTHY, Rule(max_gil_held_share=0.1), Verdict.PASSED),
        (HEALTHY, Rule(min_speedup=1.95), Verdict.INCONCLUSIVE),
        (HOLDING, Rule(min_speedup=1.5), Verdict.FAILED),
        (HOLDING, Rule(max_gil_held_share=0.1), Verdict.FAILED),
        (HOLDING, Rule(min_speedup=0.5), Verdict.PASSED),
        (replace(HOLDING, control=estimate(1.0)), Rule(min_speedup=1.5), Verdict.INCONCLUSIVE),
        (replace(HOLDING, process_speedups=(0.9, 1.7)), Rule(min_speedup=1.5), UNSURE),
        (UNSAMPLED, Rule(max_gil_held_share=0.1), Verdict.NOT_EVALUATED),
        (NO_GIL, Rule(max_gil_held_share=0.1), Verdict.NOT_EVALUATED),
        (NO_GIL, Rule(min_speedup=1.5, max_gil_held_share=0.1), Verdict.PASSED),
        (NO_GIL, Rule(min_speedup=1.95, max_gil_held_share=0.1), Verdict.INCONCLUSIVE),
        (replace(HEALTHY, speedup=None), Rule(min_speedup=1.5), Verdict.INCONCLUSIVE),
        (replace(HEALTHY, broken="sys.settrace"), Rule(min_speedup=1.5), Verdict.NOT_EVALUATED),
    ],
)  # fmt: skip
def test_a_verdict_comes_from_intervals(evidence: Evidence, rule: Rule, expected: Verdict) -> None:
    assert judge_evidence(evidence, rule, final=True)[0] is expected


GROWN = replace(
    NO_GIL,
    inflation=estimate(1.8),
    control_inflation=estimate(1.0, 0.01),
    process_inflations=(1.79, 1.81),
)
# A neighbour on the cores makes the speedup low, too: only the CPU time tells.
BUSY = replace(GROWN, speedup=estimate(0.9), process_speedups=(0.8, 1.0), control=estimate(0.9))


@pytest.mark.parametrize(
    ("evidence", "rule", "expected"),
    [
        (GROWN, Rule(min_speedup=1.2), Verdict.FAILED),
        (BUSY, Rule(min_speedup=1.2), Verdict.FAILED),
        (replace(BUSY, gil_enabled=True), Rule(min_speedup=1.2), Verdict.INCONCLUSIVE),
        (GROWN, Rule(min_speedup=1.05), Verdict.PASSED),
        (GROWN, Rule(min_speedup=1.2, max_inflation=3.0), Verdict.PASSED),
        (GROWN, Rule(max_inflation=1.5), Verdict.FAILED),
        (GROWN, Rule(max_inflation=1.79), Verdict.INCONCLUSIVE),
        (GROWN, Rule(max_inflation=1.9), Verdict.PASSED),
        (replace(GROWN, process_inflations=(1.2, 2.4)), Rule(max_inflation=1.5), UNSURE),
        (replace(GROWN, inflation=None), Rule(max_inflation=1.5), Verdict.INCONCLUSIVE),
        (NO_GIL, Rule(max_inflation=1.5), Verdict.PASSED),
        (NO_GIL, Rule(max_gil_held_share=0.1, max_inflation=1.5), Verdict.PASSED),
        (HEALTHY, Rule(max_inflation=1.5), Verdict.NOT_EVALUATED),
        (HEALTHY, Rule(max_gil_held_share=0.1, max_inflation=1.5), Verdict.PASSED),
        (UNSAMPLED, Rule(max_gil_held_share=0.1, max_inflation=1.5), Verdict.NOT_EVALUATED),
    ],
)  # fmt: skip
def test_without_a_gil_cpu_time_that_grows_with_the_threads_fails(
    evidence: Evidence, rule: Rule, expected: Verdict
) -> None:
    assert judge_evidence(evidence, rule, final=True)[0] is expected


def test_the_figures_of_the_inflation_are_said() -> None:
    _, reason = judge_evidence(GROWN, Rule(min_speedup=1.2), final=True)
    assert "CPU time per work grew 1.80-fold" in reason
    assert "at most 1.67" in reason
    _, reason = judge_evidence(HEALTHY, Rule(max_inflation=1.5), final=True)
    assert reason.endswith("the inflation is not applicable, this Python has a GIL")
    _, reason = judge_evidence(GROWN, Rule(max_inflation=1.79), final=True)
    assert reason.endswith("CPU time per call grew 1.80-fold, but not surely")


@pytest.mark.parametrize("floor", [None, 1.5, 1.95])
def test_a_limit_that_means_nothing_without_a_gil_is_said(floor: float | None) -> None:
    rule = Rule(min_speedup=floor, max_gil_held_share=0.1)
    assert "not applicable" in judge_evidence(NO_GIL, rule, final=True)[1]


def test_why_nobody_sampled_the_gil_is_said() -> None:
    evidence = replace(UNSAMPLED, unsampled="py-spy cannot read a free-threaded build")
    _, reason = judge_evidence(evidence, Rule(max_gil_held_share=0.1), final=True)
    assert reason.endswith("not sampled; py-spy cannot read a free-threaded build")


def test_a_worker_that_waited_for_a_cpu_is_no_reason_to_install_a_sampler() -> None:
    _, reason = judge_evidence(UNSAMPLED, Rule(max_gil_held_share=0.1), final=True)
    assert "quieter machine" in reason
    assert "install" not in reason


def test_a_slow_benchmark_fails_at_the_last_look_only() -> None:
    rule = Rule(min_speedup=1.5)
    assert judge_evidence(HOLDING, rule, final=False)[0] is Verdict.INCONCLUSIVE


def scaled(outcome: ScaleOutcome) -> Scaled:
    case = Case("bench.time_x", 1, "threads", 2)
    return Scaled(Benchmark("bench.time_x", "bench.time_x", Target(ASV)), case, outcome, "why")


def test_not_thread_safe_fails_where_something_is_asked() -> None:
    judged = judge_scaled(scaled(ScaleOutcome.NOT_THREAD_SAFE), Rule(min_speedup=1.1), 0.95)
    assert (judged.gate, judged.verdict) == ("scale", Verdict.FAILED)
    assert "not thread-safe: why" in judged.reason


@pytest.mark.parametrize("outcome", [ScaleOutcome.CANNOT, ScaleOutcome.NOT_REACHED])
def test_what_has_no_figures_is_not_evaluated(outcome: ScaleOutcome) -> None:
    assert judge_scaled(scaled(outcome), Rule(), 0.95).verdict is Verdict.NOT_EVALUATED


@pytest.mark.parametrize(
    ("evidence", "kind", "words"),
    [
        (HEALTHY, None, ""),
        (HOLDING, None, "the GIL is held 0.95"),
        (
            replace(HEALTHY, speedup=estimate(1.0)),
            Classification(GilClass.HOLDS, True, "a lock that is not the GIL; concurrency 1.0"),
            "a lock that is not the GIL",
        ),
        (
            replace(HEALTHY, speedup=estimate(1.2), inflation=estimate(1.6)),
            None,
            "CPU time per call grew",
        ),
        (
            replace(HEALTHY, speedup=estimate(1.2), shares=Shares(0.6, 0.35, 0.03, 0.02)),
            None,
            "the machine was busy",
        ),
        (replace(HEALTHY, speedup=estimate(1.2), control=estimate(1.1)), None, "control reached"),
        (
            replace(HEALTHY, speedup=estimate(1.2), shares=Shares(0.6, 0.0, 0.38, 0.02)),
            None,
            "blocked 38% of the time: a lock that is not the GIL",
        ),
        (
            replace(HOLDING, gil_held_share=estimate(0.45), shares=Shares(0.5, 0.20, 0.28, 0.02)),
            None,
            "blocked 28% of the time: a lock, or the GIL",
        ),
        (
            replace(HOLDING, gil_held_share=None, shares=Shares(0.5, 0.20, 0.28, 0.02)),
            None,
            "blocked 28% of the time: a lock, or the GIL",
        ),
        (
            replace(HEALTHY, speedup=estimate(1.4), shares=Shares(0.7, 0.0, 0.02, 0.28)),
            None,
            "idle 28%",
        ),
        (replace(HEALTHY, speedup=estimate(1.6)), None, "not certain"),
    ],
)
def test_the_cause_is_what_the_figures_bear_out(
    evidence: Evidence, kind: Classification | None, words: str
) -> None:
    sentence = cause(evidence, kind)
    assert words in sentence
    assert bool(words) == bool(sentence)


def test_without_a_gil_no_cause_is_the_gil_and_a_shared_object_is_one() -> None:
    without = replace(HEALTHY, speedup=estimate(1.2), gil_held_share=None, gil_enabled=False)
    blocked = replace(without, shares=Shares(0.6, 0.0, 0.38, 0.02))
    assert cause(blocked) == "blocked 38% of the time: a lock"
    grown = cause(replace(without, inflation=estimate(1.6)))
    assert grown.startswith("an object that all threads use, memory")


def test_contention_is_told_where_the_intervals_lie_apart() -> None:
    assert "1.10x with one state" in contention(estimate(1.9), estimate(1.1))
    assert contention(estimate(1.9), estimate(1.85)) == ""
    assert contention(estimate(1.9, 0.6), estimate(1.4, 0.2)) == ""
    assert contention(estimate(1.9), None) == ""


GATES = """
[[scale]]
match = ["time_sum", "bench_linalg.*"]
min-speedup = 1.5
threads = 2

[[scale]]
match = "*object*"
skip = "objects hold the GIL"

[[scale]]
max-gil-held = 0.2
"""


def test_the_first_rule_that_covers_a_benchmark_counts(tmp_path: Path) -> None:
    file = tmp_path / "gates.toml"
    file.write_text(GATES)
    rules = read_rules(file)

    def rule(name: str, threads: int = 2) -> Rule | None:
        return rule_for(rules, Case(name, 1, "threads", threads))

    assert rule("bench.time_sum(1)") == rules[0]
    assert rule("bench_linalg.time_dot") == rules[0]
    assert rule("bench_linalg.time_dot", threads=4) == rules[2]
    assert rule("bench.time_object") is None
    assert rule("bench.time_sum(1)", threads=1) is None


def test_rules_may_stand_in_pyproject(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(GATES.replace("[[scale]]", "[[tool.speedgate.scale]]"))
    assert len(read_rules(file)) == 3
    file.write_text("[project]\nname = 'x'\n")
    assert read_rules(file) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[scale]]\nmin-speed = 2", "'min-speed' is not one of"),
        ("[[scale]]\nmin-speedup = 'two'", "min-speedup must be a number"),
        ("[[scale]]\nmatch = 3", "match must be a pattern"),
        ("scale = 3", "must be tables"),
        ("[[scale]", "is not TOML"),
    ],
)
def test_rules_that_cannot_be_used_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "gates.toml"
    file.write_text(text)
    with pytest.raises(OptionError, match=words):
        read_rules(file)


def test_a_gates_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.toml"
    with pytest.raises(OptionError, match=f"^--gates: {re.escape(str(nowhere))} cannot be read"):
        read_rules(nowhere, "--gates")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.EIO])
def test_rules_that_the_machine_cannot_read_now_are_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def read(path: Path) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("speedgate.files.read", read)
    nobody_named = tmp_path / "pyproject.toml"
    with pytest.raises(OptionError) as raised:
        read_rules(nobody_named)
    assert str(raised.value) == f"{nobody_named} cannot be read ({os.strerror(number)})"
    assert code_of(raised.value) is ExitCode.MACHINE
