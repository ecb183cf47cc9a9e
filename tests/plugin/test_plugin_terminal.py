"""What is printed: the table, the first screen, the progress."""

import re

import pytest
from helpers.inner import (
    ARTICLE,
    GATED,
    GREEN,
    ONE,
    PLAIN,
    RED,
    SCALING,
    bench,
    lines_of_summary,
    output,
    says,
)
from helpers.machine import (
    CROWDED,
    HOLDS_GIL,
    SIDE_BY_SIDE,
    Behaviour,
)

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")


def test_the_summary_has_a_row_per_work_and_a_column_per_strategy(checkout, machine):
    machine.behave("g", HOLDS_GIL)
    lines = lines_of_summary(checkout.run(SCALING, "--sizes=1e5,1e6"))
    assert lines[0] == "✗ Failed: 1 of 3 verdicts; 2 passed."
    start = next(n for n, line in enumerate(lines) if line.lstrip().startswith("serial"))
    head, *rows = lines[start : start + 7]
    assert [column.strip() for column in re.split(r"\s{2,}", head.strip())] == [
        "serial",
        "threads 2",
        "processes 2",
        "foreach 2",
    ]
    works = [f"{name} {size}" for name in ("f", "g", "g_out") for size in ("1e5", "1e6")]
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == works
    cells = dict(zip(works, (re.split(r"\s{2,}", row)[1:] for row in rows), strict=True))
    # Of four processes: what such differ by is in the interval.
    assert re.fullmatch(r"0\.95 0\.[78]\d-1\.[012]\d ✗", cells["g 1e6"][1])
    assert re.fullmatch(r"1\.65 1\.[234]\d-[12]\.[09]\d ✓", cells["g_out 1e6"][1])
    assert re.fullmatch(r"0\.95 0\.[78]\d-1\.[012]\d ✓", cells["f 1e5"][1])
    assert re.fullmatch(r"1\.65 1\.[123]\d-2\.[234]\d", cells["g_out 1e6"][2])


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_summary_keeps_to_the_width_of_the_terminal(checkout, machine, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    machine.behave("g", CROWDED)
    machine.behave("g_out", HOLDS_GIL)
    machine.control = 1.05
    result = checkout.run(SCALING, "--sizes=1e5,1e6")
    assert result.ret == RED
    lines = [
        line for line in lines_of_summary(result) if not line.startswith(("saved in", "FAILED"))
    ]
    assert max(lines, key=len) == max((line for line in lines if len(line) <= columns), key=len)


@pytest.mark.parametrize("behaviour", [SIDE_BY_SIDE, HOLDS_GIL, CROWDED])
def test_a_run_of_the_folder_ends_with_what_matters_on_one_screen(
    checkout, machine, monkeypatch, behaviour
):
    monkeypatch.setenv("COLUMNS", "80")
    machine.behave("g", behaviour)
    result = checkout.run("bench/", "--ignore=bench/bench_transfer.py")
    shown = lines_of_summary(result)
    # Its rule above, and a line of the prompt below.
    assert 1 + sum(-(-max(1, len(line)) // 80) for line in shown) + 1 <= 24, shown
    says(result, "more with -v or 'speedgate report': article, blas, contention, gil_map, io")
    assert "speedgate: all figures" not in output(result)
    assert "Legend:" not in output(result)
    assert "the article's table" not in output(result)


def test_the_tables_follow_where_they_are_asked_for(checkout, machine):
    for arguments in ((ARTICLE,), ("bench/", "-v", "-k", "article")):
        result = checkout.run(*arguments)
        says(result, "the article's table")
        says(result, "Legend:")


def test_others_keep_their_tables_where_ours_are_left_out(roots, machine):
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN)
    result = roots.run()
    says(result, "bench_sum ")
    assert "bench_roots[roots-1e3-threads-2] " not in output(result)


@pytest.mark.parametrize("shown", [["bench_roots.py"], ["-v"], []])
def test_a_plain_benchmark_of_a_bench_has_its_table_where_it_is_asked_for(roots, machine, shown):
    plain = "@pytest.mark.speedgate_plain\n        def bench_sum"
    roots.pytester.makepyfile(bench_roots=bench() + PLAIN.replace("def bench_sum", plain))
    result = roots.run(*shown)
    assert ("bench_sum " in output(result).partition("Legend:")[0]) == bool(shown)
    assert ("Legend:" in output(result)) == bool(shown)
    if not shown:
        says(result, "more with -v or 'speedgate report'; with -v alone: roots")


@pytest.mark.parametrize("color", ["yes", "no"])
def test_marks_do_not_depend_on_colour(checkout, machine, color):
    machine.behave("g", HOLDS_GIL)
    result = checkout.run(*ONE, f"--color={color}")
    says(result, "✗ Failed: 1 of 1 verdict.")
    assert ("\x1b[31m" in output(result)) == (color == "yes")


def test_no_color_takes_the_colours_of_the_first_screen_away(checkout, machine, monkeypatch):
    machine.behave("g", HOLDS_GIL)
    for variable in ("NO_COLOR", "PY_COLORS"):  # pytest's own pytester sets the second one
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m" in output(checkout.run(*ONE))
    monkeypatch.setenv("NO_COLOR", "1")
    result = checkout.run(*ONE)
    says(result, "✗ Failed: 1 of 1 verdict.")
    assert "\x1b[31m" not in output(result)


def test_the_summary_says_where_the_run_was_saved(checkout, machine):
    result = checkout.run(*ONE)
    (path,) = checkout.files()
    says(result, "saved in", str(path.relative_to(checkout.folder)))


def test_a_run_that_is_not_saved_claims_nothing(checkout, machine):
    assert checkout.run(*ONE).ret == GREEN
    result = checkout.run(*ONE, "-o", "addopts=")
    assert "saved in" not in output(result)
    assert len(checkout.documents()) == 1


def test_a_speedup_above_the_workers_is_explained(checkout, machine):
    machine.behave("g", Behaviour(speedup=3.0, minor_faults=(2000, 10)))
    result = checkout.run(*ONE)
    says(result, "g-1e6-threads-2: 3.00x", "more than 2 workers can give", "2000 page faults")


def take(monkeypatch, machine, **seconds):
    """Set the seconds of the contender's rounds, by strategy."""

    def pair(runner, behaviour, number):
        made = original(runner, behaviour, number)
        made["contender"]["seconds"] = seconds[runner.case.strategy]
        return made

    original = machine.open()._pair.__func__
    machine.runners.clear()
    monkeypatch.setattr("helpers.machine.MadeRunner._pair", pair)


def test_the_article_explains_a_speedup_above_its_workers_as_well(checkout, machine, monkeypatch):
    """Its "normal" is the main thread, whose allocator alone can make threads look faster."""
    take(monkeypatch, machine, serial=0.9, foreach=0.3, processes=0.5)
    result = checkout.run(ARTICLE)
    assert result.ret == GREEN
    says(result, "2 threads", "3.00x")
    shown = output(result).partition("= speedgate: all figures =")[2]
    assert re.search(r"main thread|page fault|more than 2", shown)


@pytest.mark.parametrize("cores", [1, 2])
def test_the_article_explains_what_one_core_cannot_give(checkout, machine, monkeypatch, cores):
    take(monkeypatch, machine, serial=0.88, foreach=0.5, processes=0.9)
    monkeypatch.setattr("speedgate.runner.machine.usable_cores", lambda: cores)
    result = checkout.run(ARTICLE)
    assert result.ret == GREEN
    says(result, "2 threads", "1.76x")
    words = "more than workers on one core can give: 'normal' is the main thread"
    assert (words in output(result)) == (cores == 1)


def test_the_article_stands_beside_its_own_figures(checkout, machine):
    result = checkout.run(ARTICLE)
    assert result.ret == GREEN
    says(result, "1,000,000 elements", "10,000,000")
    says(result, "g", "100", "f", "10")
    says(result, "normal", "43.50 s", "48.00 s")
    says(result, "2 threads", "31.00 s", "71.50 s")
    says(result, "2 processes", "27.00 s", "31.23 s")


def test_a_log_says_what_runs_and_how_long_is_left(checkout, machine):
    result = checkout.run(*GATED, "--budget=100")
    says(result, "[1/6] f-1e5-threads-2, about", "left")
    assert output(result).count("\nbench/bench_scaling.py ......") == 1
    assert output(result).count("bench/bench_scaling.py ") == 1


def test_verbose_says_each_result_and_the_share_of_timed_rounds(checkout, machine):
    result = checkout.run(*ONE, "-v", "--budget=100")
    says(result, "bench_scaling[g-1e6-threads-2]", "PASSED (1.65x, ", "left)")
    says(result, "% of ", "were timed rounds, control and calibration")


ON_TERMINAL = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.pluginmanager.get_plugin("terminalreporter").isatty = lambda: True
"""


def left_on_screen(raw):
    """The lines of a terminal after these characters, which a carriage return overwrites."""
    lines = []
    for written in raw.split("\n"):
        shown = ""
        for part in written.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_a_live_line_leaves_pytests_own_as_it_is(roots, machine, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    roots.pytester.makeconftest(ON_TERMINAL)
    others = PLAIN + "        def bench_skipped(benchmark): pytest.skip('not here')\n"
    roots.pytester.makepyfile(bench_roots=bench() + others, bench_others=bench())
    roots.run()
    raw = capsys.readouterr().out
    assert re.search(r"\r\[2/4\] roots-1e3-threads-2, about .* left", raw)
    lines = left_on_screen(raw)
    assert not any("about" in line for line in lines)
    assert [line.split() for line in lines if re.match(r"bench_\w+\.py \S+ +\[", line)] == [
        ["bench_others.py", "..", "[", "33%]"],
        ["bench_roots.py", "...s", "[100%]"],
    ]
