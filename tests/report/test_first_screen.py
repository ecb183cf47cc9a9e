"""The first screen: what it says, in which order, and that it fits."""

import math
from dataclasses import replace

import pytest
from helpers.made import row

from speedgate.judging.gate import Verdict
from speedgate.report.first_screen import (
    CUT,
    LINES,
    FirstScreen,
    Notice,
    is_whole,
    remedy,
    screen_lines,
    sentence,
)
from speedgate.report.table import FEW
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate

PASSED, FAILED = Verdict.PASSED, Verdict.FAILED
UNSURE, NOT = Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED
STRATEGIES = ("serial", "threads", "processes", "foreach")
ROWS = [
    row(Case(name, size, strategy, 1 if strategy == "serial" else 2))
    for name in ("f", "g", "g_out")
    for size in (1_000, 10_000, 100_000, 1_000_000)
    for strategy in STRATEGIES
]
G, G_OUT = Case("g", 1_000_000, "threads", 2), Case("g_out", 1_000_000, "threads", 2)
SMALL_F = Case("f", 1_000, "threads", 2)
LONG = (
    "0.95x [0.93, 0.97], needs 1.20x; concurrency 1.01, needs 1.70, blocked 48% (on CPU 51%), "
    "GIL held 0.97: it no longer releases the GIL"
)
SAVED = "saved in results/linux-a-cpu-2-cores/2026_1126_170632-829_00000000_e5931bd1.json"


def finding(verdict, case=G, gate="threads-scale"):
    return Notice(verdict, f"{verdict.value}: {case.id} {LONG}", remedy(gate, verdict))


def screen(*judged, **options):
    findings = [finding(verdict, case) for case, verdict in judged if verdict is not PASSED]
    return FirstScreen(
        rows=ROWS, judged=judged, findings=findings, saved=[SAVED], cases=len(ROWS), **options
    )


def texts(made, width=80, room=LINES):
    return [line for line, _ in screen_lines(made, width, room)]


@pytest.mark.parametrize(
    ("judged", "problems", "words"),
    [
        ([PASSED] * 4, 0, "✓ Passed: all 4 verdicts. What must run side by side does."),
        ([PASSED], 0, "✓ Passed: the one verdict. What must run side by side does."),
        ([PASSED, FAILED], 0, "✗ Failed: 1 of 2 verdicts; 1 passed."),
        ([PASSED, UNSURE, UNSURE], 0, "? Inconclusive: 2 of 3 verdicts; 1 passed."),
        ([FAILED, UNSURE, NOT], 0, "✗ Failed: 1 of 3 verdicts; 1 inconclusive; 1 not evaluated."),
        ([NOT], 0, "- Not evaluated: 1 of 1 verdict."),
        ([PASSED], 1, "✗ Failed: 1 problem beside the gates; 1 passed."),
        ([FAILED], 2, "✗ Failed: 1 of 1 verdict; 2 problems beside the gates."),
        ([], 0, "- Nothing was judged: no gate covers 48 cases."),
    ],
)  # fmt: skip
def test_the_verdict_is_one_sentence(judged, problems, words):
    made = screen(
        *[(G, verdict) for verdict in judged], problems=[Notice(FAILED, "broken")] * problems
    )
    assert sentence(made)[0] == words
    assert texts(made)[0] == words


def test_where_nothing_was_measured_it_says_so():
    assert texts(FirstScreen()) == ["- Nothing was measured."]


def test_the_legend_says_what_the_interval_is_over_and_explains_few():
    made = screen((G, PASSED))
    assert "95% interval over processes" in " ".join(texts(made))
    assert FEW not in " ".join(texts(made))
    unbounded = Estimate(1.5, -math.inf, math.inf, 0.95, 3)
    rows = [*ROWS, replace(row(G_OUT), speedup=unbounded)]
    text = " ".join(" ".join(texts(replace(made, rows=rows), room=40)).split())
    assert "(few)" in text
    assert FEW in text


def test_all_green_shows_the_table_and_where_the_run_is():
    made = screen((G, PASSED), (G_OUT, PASSED))
    lines = texts(made)
    assert len(lines) <= LINES
    assert is_whole(made, 80)
    assert lines[-1] == SAVED
    assert sum(line.startswith(("f ", "g ", "g_out ")) for line in lines) == 12


def test_what_failed_is_said_with_its_reason_and_the_remedy_before_the_table():
    lines = texts(screen((G, FAILED), (G_OUT, PASSED)))
    assert len(lines) <= LINES
    table = next(n for n, line in enumerate(lines) if line.lstrip().startswith("serial"))
    said = " ".join(line.strip() for line in lines[:table])
    assert f"failed: g-1e6-threads-2 {LONG}" in said
    assert "lower --min-speedup" in said


def test_the_table_gives_up_rows_and_keeps_those_that_failed():
    made = screen((SMALL_F, FAILED), (G, PASSED))
    lines = texts(made, room=18)
    assert len(lines) <= 18
    assert not is_whole(made, 80, 18)
    assert any(line.startswith("f 1e3 ") for line in lines)
    assert any("more rows)" in line for line in lines)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_however_much_has_failed_it_fits(count):
    cases = [Case("g", 1_000_000 + number, "threads", 2) for number in range(count)]
    made = screen(*[(case, FAILED) for case in cases], notes=[f"note {n}" for n in range(9)])
    lines = texts(made)
    assert len(lines) <= LINES, lines
    assert "failed: g-1e6-threads-2" in lines[1]
    assert any("lower --min-speedup" in line for line in lines)
    assert lines[-1] == SAVED


def test_what_is_cut_says_where_it_is_whole_and_the_gravest_is_whole_first():
    cases = [Case("g", 1_000_000 + number, "threads", 2) for number in range(5)]
    lines = texts(screen(*[(case, UNSURE) for case in cases], (G_OUT, FAILED)))
    assert len(lines) <= LINES
    assert f"failed: g_out-1e6-threads-2 {LONG}" in " ".join(line.strip() for line in lines)
    cut = [line for line in lines if line.endswith("...")]
    assert cut
    assert lines.count(CUT) == 1
    assert CUT not in texts(screen((G, FAILED)))


def test_the_gravest_comes_first_and_a_remedy_once():
    lines = texts(screen((SMALL_F, UNSURE), (G, FAILED), (G_OUT, FAILED)), room=40)
    starts = [line.partition(":")[0] for line in lines if line.startswith(("failed", "inconc"))]
    assert starts == ["failed", "failed", "inconclusive"]
    assert sum("lower --min-speedup" in line for line in lines) == 1


def test_each_verdict_has_a_remedy_that_fits_its_gate():
    assert "speedgate accept" in remedy("history", FAILED)
    assert "speedgate selftest" in remedy("gil-holds", FAILED, is_control=True)
    assert "--budget" in remedy("threads-scale", UNSURE)
    assert remedy("threads-scale", NOT) == ""


def test_a_width_that_holds_no_table_breaks_lines_and_nothing_else():
    assert max(len(line) for line in texts(screen((G, FAILED)), width=50) if line != SAVED) <= 50
