import json
import math

import pytest
from helpers.made import row

from speedgate.history.document import decode_run
from speedgate.history.format import FORMAT_VERSION
from speedgate.judging.gate import Judgement, Verdict
from speedgate.report.summary import (
    environment_line,
    markdown_run,
    remarks,
    summary_lines,
    text_run,
)
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

G = Case("g", 1_000_000, "threads", 2)
F = Case("f", 100_000, "threads", 2)
STRATEGIES = ("serial", "threads", "processes", "foreach")
EVERYTHING = [
    row(Case(name, size, strategy, 1 if strategy == "serial" else 2))
    for name in ("f", "g", "g_out")
    for size in (1000, 1_000_000)
    for strategy in STRATEGIES
]
LONG_REASON = (
    "1.02x [0.99, 1.05], needs 1.20x; concurrency 1.02, needs 1.70, blocked 49% (on CPU 50%), "
    "GIL held 0.97: it no longer releases the GIL"
)
ENVIRONMENT = {
    "cpu": "A CPU",
    "usable_cores": 2,
    "python": "3.14.0",
    "gil_enabled": True,
    "numpy": {"version": "2.4.6"},
    "blas": [
        {"user_api": "openmp", "internal_api": "openmp"},
        {"user_api": "blas", "internal_api": "openblas", "version": "0.3.30"},
    ],
}


def judgement(case, verdict, reason="because", gate="threads-scale"):
    return Judgement(gate=gate, case=case, verdict=verdict, reason=reason)


def texts(rows, judgements=(), width=80):
    return [line for line, _ in summary_lines(rows, judgements, width)]


def stored(rows, judgements=()):
    """A run as it is read from a file, with the least that a report needs."""
    benchmarks = [
        {
            "name": entry.case.id,
            "extra_info": {
                "case": entry.case.as_json(),
                "speedup": entry.speedup.as_json(),
                "bench": entry.bench,
                "page_faults": entry.page_faults,
            },
            "stats": {"median": 1.0},
        }
        for entry in rows
    ]
    section = {
        "format_version": FORMAT_VERSION,
        "environment": ENVIRONMENT,
        "judgements": [judged.as_json() for judged in judgements],
    }
    document = {"benchmarks": benchmarks, "speedgate": section}
    return decode_run("results/0001.json", json.dumps(document).encode())


def shown(run, width):
    return [line for line, _ in text_run(run, width)]


def test_nothing_measured_and_nothing_judged_is_nothing_to_say():
    assert summary_lines([], [], 80) == []


def test_it_is_the_table_then_what_it_means_then_the_gates_words():
    lines = texts([row(G)], [judgement(G, Verdict.PASSED, "1.65x")])
    assert lines[0].strip() == "threads 2"
    assert lines[1].endswith("✓")
    meaning = next(n for n, line in enumerate(lines) if line.startswith("speedup over"))
    marks = lines.index("gate: ✓ passed")
    assert 1 < meaning < marks < len(lines) - 1
    assert lines[-1] == f"passed: {G.id} 1.65x"


def test_only_the_marks_that_were_used_are_explained():
    judgements = [judgement(G, Verdict.FAILED), judgement(F, Verdict.INCONCLUSIVE)]
    assert "gate: ✗ failed, ? inconclusive" in texts([row(G), row(F)], judgements)


@pytest.mark.parametrize("verdict", Verdict)
def test_each_judgement_comes_with_its_verdict_so_that_it_can_be_coloured(verdict):
    lines = summary_lines([row(G)], [judgement(G, verdict, "why")], 80)
    assert [line for line in lines if line[1] is not None] == [
        (f"{verdict.value}: {G.id} why", verdict)
    ]


def test_a_gate_that_measured_nothing_still_says_so():
    lines = texts([], [judgement(G, Verdict.NOT_EVALUATED, "its benchmark failed")])
    assert lines[-1] == f"not evaluated: {G.id} its benchmark failed"


REMARKABLE = [*EVERYTHING, row(G, 6.92, page_faults=(2148.0, 3.0))]
WORDY = [judgement(G, Verdict.FAILED, LONG_REASON), judgement(F, Verdict.PASSED, LONG_REASON)]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_longer_than_the_terminal(width):
    assert [line for line in texts(REMARKABLE, WORDY, width) if len(line) > width] == []


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_of_a_stored_run_is_longer_than_the_terminal(width):
    lines = shown(stored(REMARKABLE, WORDY), width)
    assert [line for line in lines if len(line) > width] == []


def test_wrapping_loses_no_word():
    lines = texts([row(G)], [judgement(G, Verdict.FAILED, LONG_REASON)], 80)
    assert LONG_REASON in " ".join(" ".join(lines).split())


def test_a_case_that_two_gates_judged_shows_the_one_that_failed():
    for verdicts in ((Verdict.FAILED, Verdict.PASSED), (Verdict.PASSED, Verdict.FAILED)):
        lines = texts([row(G)], [judgement(G, verdict) for verdict in verdicts])
        assert "✗" in lines[1]


def test_a_speedup_above_the_workers_is_never_left_unexplained():
    lines = remarks([row(G, 2.4), row(F, 1.9)])
    assert len(lines) == 1
    assert lines[0].startswith(f"{G.id}: 2.40x is more than 2 workers")
    assert any(lines[0].split(":")[0] in line for line in texts([row(G, 2.4)]))


@pytest.mark.parametrize(
    "unremarkable",
    [row(G, 2.0), row(Case("g", 1000, "serial", 1), 3.0), row(G, 1.0)],
    ids=["as many as workers", "serial", "below"],
)
def test_what_the_workers_can_give_needs_no_remark(unremarkable):
    assert remarks([unremarkable]) == []


def test_too_few_rounds_are_said_in_the_table():
    few = row(G)
    few = type(few)(case=G, speedup=Estimate(1.5, -math.inf, math.inf, 0.95, 3))
    assert texts([few])[1].endswith("1.50 (few)")


def test_the_environment_is_told_in_one_line():
    assert environment_line(ENVIRONMENT) == (
        "A CPU, 2 usable cores; Python 3.14.0; NumPy 2.4.6; openblas 0.3.30"
    )
    assert "Python 3.14.0 without GIL" in environment_line({**ENVIRONMENT, "gil_enabled": False})


def test_an_environment_that_knows_little_is_no_error():
    assert "Python 3.14.0" in environment_line({"python": "3.14.0", "numpy": None, "blas": None})


def test_a_stored_run_reads_as_the_terminal_showed_it():
    rows = [row(G, bench="bench_scaling"), row(F, 0.9, bench="bench_scaling")]
    judgements = [judgement(G, Verdict.FAILED, LONG_REASON)]
    lines = shown(stored(rows, judgements), 80)
    text = "\n".join(lines)
    assert lines[0] == environment_line(ENVIRONMENT)
    assert "0001.json" in lines[1]
    assert "1.65 1.17-2.33 ✗" in text
    assert f"failed: {G.id} {LONG_REASON}" in " ".join(text.split())


def test_each_bench_of_a_stored_run_has_a_table_of_its_own():
    run = stored([row(G, bench="bench_scaling"), row(G, 1.1, bench="bench_article")])
    text = "\n".join(shown(run, 80))
    assert text.count("threads 2") == 2
    assert "1.65 1.17-2.33" in text
    assert "1.10 0.78-1.56" in text


def test_a_stored_run_says_each_verdict_and_the_legend_once():
    rows = [row(G, bench="bench_scaling"), row(F, 0.9, bench="bench_scaling")]
    few = row(G, bench="bench_article")
    few = type(few)(case=G, speedup=Estimate(1.5, -math.inf, math.inf, 0.95, 3), bench=few.bench)
    for verdict in Verdict:
        judgements = [judgement(G, verdict, LONG_REASON), judgement(F, Verdict.PASSED, "fine")]
        text = " ".join(" ".join(shown(stored([*rows, few], judgements), 80)).split())
        assert text.count(f"{verdict.value}: {G.id} {LONG_REASON}") == 1
        assert text.count("speedup over a plain loop") == 1
        assert text.count("too few rounds for an interval") == 1


def test_a_stored_run_in_markdown_has_the_same_figures():
    rows = [row(G, 6.92, page_faults=(2148.0, 3.0), bench="bench_scaling")]
    text = markdown_run(stored(rows, [judgement(G, Verdict.PASSED, "6.92x")]))
    assert text.startswith("### A CPU, 2 usable cores")
    assert "| g 1e6 | 6.92 4.90-9.78 ✓ |" in text
    assert f"- {G.id}: 6.92x is more than 2 workers" in text
    assert f"- passed: {G.id} 6.92x" in text


def test_the_legend_names_what_a_speedup_is_measured_against():
    text = " ".join(texts([row(G)]))
    assert "a plain loop in one worker thread" in text
    assert f"{row(G).speedup.confidence:.0%} interval" in text
