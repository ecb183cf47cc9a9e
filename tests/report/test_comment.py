"""The Markdown of a comment: what stands first, what is folded, and what no text can do in it."""

import re

import pytest

from speedgate.judging.gate import Verdict
from speedgate.report.comment import (
    MOST_OF_COMMENT,
    Absent,
    CommentedRun,
    comment_markdown,
    quiet,
    title_of,
    worst,
)
from speedgate.report.facts import Headline, RunFacts
from speedgate.report.movement import Movement, Mover
from speedgate.report.table import Table
from speedgate.report.verdicts import Judged, verdict_groups
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE

markdown_it = pytest.importorskip("markdown_it")
SPEEDUP = FIGURE["speedup"]
HOSTILE = (
    "a|b", "`code`", "<script>alert(1)</script>", "@someone", "[x](https://evil.example)",
    "</details>", "![x](https://evil.example/x.png)", "#12", "--> end", "*b* _i_ ~~s~~",
    "a\nb\r\nc", "\\`@someone`", "\\@someone", "\\|", "https://evil.example", "www.evil.example",
    "&lt;b&gt;", "GH-12", "\x1b[2J",
)  # fmt: skip


def rendered(text):
    return markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def judged(name="g-1e6-threads-2", verdict=Verdict.PASSED, reason="1.69x", remedy=""):
    estimate = Estimate(1.69, 1.53, 1.80, 0.99, 40)
    return Judged(name, "threads-scale", verdict, reason, remedy, estimate=estimate, at_least=1.2)


def entry(*verdicts, movement=None, tables=(), where="A CPU", whether="", since=""):
    groups = verdict_groups(verdicts)
    worst = groups[0].verdict if groups else None
    headline = Headline(worst, whether or f"{worst.value if worst else 'nothing'}.", where, since)
    return CommentedRun(RunFacts(headline, groups, movement or Movement("12 earlier runs")), tables)


def mover(name="g-1e6-threads-2", worse=True, certain=True, value=0.82):
    change = Estimate(value, value - 0.08, value + 0.09, 0.99, 12)
    return Mover(name, SPEEDUP, 1.86, 1.52, change, worse, certain)


def test_cases_without_a_verdict_for_one_reason_share_a_line():
    names = [f"case-{number}" for number in range(50)]
    unreached = [judged(name, Verdict.INCONCLUSIVE, "it was not reached") for name in names]
    text = comment_markdown([entry(*unreached)])
    assert text.count("it was not reached") == 1
    assert "`case-39` and 10 more: it was not reached" in text
    failed = [judged(name, Verdict.FAILED, "made") for name in names]
    assert comment_markdown([entry(*failed)]).count(" made") == 50


def test_the_sentence_comes_first_then_what_moved_then_what_failed_then_the_tables():
    movement = Movement("12 earlier runs", (mover(),), 4, (0.09,))
    text = comment_markdown(
        [
            entry(
                judged(verdict=Verdict.FAILED, reason="0.92x, needs 1.20x", remedy="mend it"),
                judged("f-1e6-threads-2"),
                movement=movement,
                tables=[("bench_scaling", Table(("", "threads 2"), (("g 1e6", "0.92"),)))],
                whether="Failed: 1 of 2 verdicts; 1 passed.",
            )
        ]
    )
    places = [
        text.index(part)
        for part in (
            "### ✗ Failed: 1 of 2", "Moved against 12 earlier runs: 1 worse; 4 cases judged.",
            "speedup 1.86x -> 1.52x (-18%) [-26%, -9%]", "✗ **Failed: 1**", "needs 1.20x",
            "What to do: mend it", "<summary>all verdicts: 2 rows<",
            "<summary>bench_scaling: 1 row<",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert text.count("<details>") == text.count("</details>") == 2


def test_what_moved_is_named_with_its_direction():
    movers = (mover(), mover("a", worse=False, value=1.2), mover("b", certain=False))
    text = comment_markdown([entry(judged(), movement=Movement("x", movers, 3))])
    assert "| **worse** | `g-1e6-threads-2` |" in text
    assert "| **better** | `a` |" in text
    assert "| perhaps worse | `b` |" in text


def test_nothing_moved_says_what_would_have_been_seen():
    text = comment_markdown([entry(judged(), movement=Movement("12 runs", (), 4, (0.09, 0.09)))])
    assert "Nothing moved against 12 runs: 4 cases judged; the smallest drop" in text
    assert "could see is 9%" in text


def test_no_green_word_stands_above_a_red_row():
    runs = [entry(judged()), entry(judged(verdict=Verdict.FAILED)), entry(judged())]
    text = comment_markdown(runs)
    assert title_of(runs) == "✗ 1 failed, 2 passed of 3 runs."
    above = text[: text.index("✗ **Failed: 1**")]
    assert "✓" not in above


def test_each_remedy_has_a_paragraph_of_its_own():
    failed = [judged(str(n), Verdict.FAILED, "slow", f"remedy {n}") for n in range(3)]
    html = rendered(comment_markdown([entry(*failed)]))
    assert re.findall(r"<p>What to do: (.*?)</p>", html) == ["remedy 0", "remedy 1", "remedy 2"]


def test_what_is_not_evaluated_is_folded():
    text = comment_markdown([entry(judged(), judged("x", Verdict.NOT_EVALUATED, "too young"))])
    assert "<details><summary>Not evaluated: 1</summary>" in text


def test_nothing_judged_is_neither_green_nor_red():
    text = comment_markdown([entry(whether="Nothing was judged: no gate covers 2 cases.")])
    assert text.startswith("### - Nothing was judged")


MISSED = judged("x", Verdict.NOT_EVALUATED, "was not measured: its benchmark failed")


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        ([entry(judged())], Verdict.PASSED),
        ([entry(judged()), entry(MISSED)], Verdict.NOT_EVALUATED),
        ([entry(judged()), entry(judged(), MISSED)], Verdict.NOT_EVALUATED),
        ([entry(MISSED), entry(judged(verdict=Verdict.INCONCLUSIVE))], Verdict.INCONCLUSIVE),
        ([entry(MISSED), entry(judged(verdict=Verdict.FAILED))], Verdict.FAILED),
        ([entry(judged()), entry()], Verdict.PASSED),  # a map, about which no gate was asked
        ([entry()], Verdict.NOT_EVALUATED),
        ([], Verdict.NOT_EVALUATED),
    ],
)
def test_one_case_without_a_verdict_keeps_all_from_being_passed(runs, verdict):
    assert worst(runs) is verdict


def test_a_run_that_nothing_judged_is_counted_as_that():
    assert title_of([entry(judged()), entry()]) == "✓ 1 passed, 1 not judged of 2 runs."


@pytest.mark.parametrize(
    ("failed", "absent", "runs", "title"),
    [
        (["faults"], [], [entry(judged())], "✗ Job faults failed; 1 passed of 1 run."),
        (["a", "b", "c"], [], [], "✗ Jobs a, b and 1 more failed."),
        (
            ["a", "b"],
            [Absent("c", "it has no run"), Absent("d", "gone", expected=False)],
            [entry(judged())],
            "✗ Jobs a, b failed; no verdict from c; 1 passed of 1 run.",
        ),
        (
            ["a"],
            [],
            [entry(judged(verdict=Verdict.FAILED))],
            "✗ 1 failed of 1 run; job a failed.",
        ),
    ],
)
def test_a_job_that_failed_is_said_before_anything_is_called_passed(failed, absent, runs, title):
    assert title_of(runs, absent, failed) == title


def test_each_job_that_failed_is_named_in_the_open():
    text = comment_markdown([entry(judged())], failed=["faults", "claims"])
    head, names = (
        text.index("✗ **Jobs that failed: 2**"),
        text.index("- `claims` (its log says why)"),
    )
    assert head < names < text.index("#### ✓")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_of_a_run_acts(name):
    table = Table(("", name), ((name, name),))
    movement = Movement(name, (mover(name),), 1, why_not=(name,))
    runs = [
        entry(
            judged(name, Verdict.FAILED, name, name), movement=movement, tables=[(name, table)],
            where=name, whether=name, since=name,
        )
    ] * 2  # fmt: skip
    text = comment_markdown(runs, absent=[Absent(name, name)], failed=[name])
    html = rendered(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert html.count("<details>") == html.count("</details>") == text.count("<details>")
    assert "<em>" not in html
    outside = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    assert not re.search(r"[@#][A-Za-z0-9]|GH-\d|\x1b", outside)
    assert not re.search(r"(?<!\")https?://|www\.", outside)
    for body in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        counts = {len(re.findall("<t[dh][ >]", row)) for row in body.split("<tr>")[1:]}
        assert len(counts) == 1


def test_what_is_code_already_stays_as_it_can_be_copied():
    assert quiet("`a@b` \\`@c") == "`a@b` \\`@\u200bc"


def long_run(number, name="g-1e6-threads-2"):
    rows = tuple((f"{name} {row}", "1.65 1.60-1.71") for row in range(number))
    failed = [judged(f"{name} {row}", Verdict.FAILED, "slow") for row in range(number)]
    return entry(*failed, tables=[("bench", Table(("", "threads 2"), rows))])


@pytest.mark.parametrize("name", ["x", "é" * 100, "@" * 90, "<" * 90, "|" * 500])
@pytest.mark.parametrize("number", [0, 1, 300, 3000])
def test_a_comment_has_room_and_says_what_was_cut(name, number):
    text = comment_markdown([long_run(number, name)], MOST_OF_COMMENT)
    assert len(text.encode()) <= MOST_OF_COMMENT
    assert text.startswith("### ")
    assert text.count("<details>") == text.count("</details>")
    cut = re.search(r"_Cut: (\d+) of (\d+) lines are missing", text)
    assert (cut is not None) == (number == 3000 or (number == 300 and len(name) > 1))
    if cut is not None:
        assert 0 < int(cut[1]) < int(cut[2])


@pytest.mark.parametrize("most", [900, 1200, 2000, 5000])
def test_little_room_leaves_the_sentence(most):
    text = comment_markdown([long_run(50)] * 3, most)
    assert len(text.encode()) <= most
    assert text.startswith("### ✗ 3 failed of 3 runs.")
    assert "_Cut: " in text


def test_whatever_is_cut_nothing_is_closed_that_is_not_open_nor_listed_without_its_head():
    runs = [long_run(5, "é" * 40), long_run(40)]
    whole = comment_markdown(runs)
    for most in range(900, len(whole.encode()), 7):
        text = comment_markdown(runs, most)
        assert text.count("<details>") == text.count("</details>"), most
        head, item = text.find("✗ **Failed: "), text.find("\n- ")
        assert item == -1 or -1 < head < item, most
