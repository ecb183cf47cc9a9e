"""``python -m speedgate history|accept``: what is printed, and exit codes."""

import json
import os
import random
import re
import subprocess
import sys

import pytest
from helpers.printed import fits, pages
from helpers.runs import CASE, ENVIRONMENT, NAME, a_run, save, some_nights

from speedgate.history.identity import environment_name

WELL, NOT_DONE = 0, 2


# --- history


def test_the_history_lists_environments_and_cases(run_here, tmp_path):
    some_nights(tmp_path, ENVIRONMENT, 3)
    shown = run_here("history")
    lines = shown.out.splitlines()
    name = lines.index(environment_name(ENVIRONMENT))
    assert lines[name + 1] == "  3 runs, the last 2026-11-03 02:00"
    assert [line for line in lines if len(line) > 80 and " " in line] == []
    assert f"  {NAME}: 3 runs" in shown.out


def test_the_older_name_of_an_option_still_works(run_here, tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
    shown, older = (
        run_here("history", CASE, option, "speedup", "--format", "json")
        for option in ("--figure", "--signal")
    )
    assert (shown.code, older.out) == (WELL, shown.out)
    assert [one["figure"] for one in json.loads(shown.out)["benchmarks"][0]["figures"]] == [
        "speedup"
    ]


def test_the_line_of_a_case_is_plotted_and_its_step_named(run_here, tmp_path):
    pytest.importorskip("plotille", reason="plotille (extra 'history') is missing")
    pytest.importorskip("ruptures", reason="ruptures (extra 'history') is missing")
    numbers = random.Random(6)
    for night in range(40):
        factor = (0.8 if night >= 20 else 1.0) * (1 + numbers.uniform(-0.01, 0.01))
        a_run(tmp_path, night, factor=factor)
    shown = run_here("history", CASE, "--figure", "speedup")
    assert shown.code == WELL, shown.err
    text = pages(shown.out)
    assert "40 runs" in text
    assert "speedup changed its level" in text
    assert "(-20%) between 2026-11-20 02:00" in text
    assert fits(shown.out)


def test_every_run_has_its_point_the_newest_as_well(run_here, tmp_path):
    pytest.importorskip("plotille", reason="plotille (extra 'history') is missing")
    for night in range(3):
        a_run(tmp_path, night, factor=1 + night / 20)
    lines = run_here("history", CASE, "--figure", "speedup").out.splitlines()
    points = [line.rindex("o") for line in lines if re.match(r" *[0-9.]+ \|", line) and "o" in line]
    assert len(points) == 3
    assert points == sorted(points, reverse=True)  # rising from night to night
    assert re.fullmatch(r" *\| 0 +1 +2", lines[-2].rstrip()) or "2" in lines[-2]


def test_without_the_extra_each_run_has_a_line(run_here, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotille", None)
    monkeypatch.setitem(__import__("sys").modules, "ruptures", None)
    some_nights(tmp_path, ENVIRONMENT, 3)
    shown = run_here("history", CASE, "--figure", "speedup")
    assert shown.code == WELL
    assert "pip install 'speedgate[history]'" in pages(shown.out)
    assert shown.out.count("2026-11-0") >= 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "has 'nothing'; 'speedgate history' lists"),
        ([CASE, "--environment", "nowhere"], "--environment 'nowhere'"),
    ],
)
def test_a_case_or_environment_that_is_not_there_is_refused(run_here, tmp_path, arguments, words):
    a_run(tmp_path)
    shown = run_here("history", *arguments)
    assert shown.code == NOT_DONE
    assert words in pages(shown.err)


def test_a_case_that_several_benchmarks_measured_has_a_line_for_each(run_here, tmp_path):
    for night in range(3):
        a_run(tmp_path, night)
        a_run(tmp_path, night + 10, name=f"bench_other[{CASE}]")
    shown = run_here("history", CASE, "--figure", "speedup")
    assert shown.code == WELL, shown.err
    assert pages(shown.out).count("3 runs") == 2
    one = run_here("history", f"bench_other[{CASE}]", "--figure", "speedup")
    assert "bench_other" in one.out
    assert "bench_scaling" not in one.out


def test_a_figure_that_cannot_be_is_left_out_by_name(run_here, tmp_path):
    some_nights(tmp_path, ENVIRONMENT, 3)
    path = a_run(tmp_path, 3)
    content = json.loads(path.read_text())
    content["benchmarks"][0]["extra_info"]["held"] |= {"value": 1.5, "low": 1.4, "high": 1.6}
    save(path, content)
    shown = run_here("history", NAME, "--figure", "held")
    assert shown.code == WELL, shown.err
    assert "left out: GIL held 1.50 of 2026-11-04 02:00" in pages(shown.out)


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    a_run(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "speedgate", "history", "--history", str(tmp_path)],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_empty_history_says_how_to_begin(run_here):
    shown = run_here("history")
    assert shown.code == NOT_DONE
    assert "'pytest bench/' makes one" in shown.err


# --- accept


def test_an_accepted_run_says_so_beside_it(run_here, tmp_path):
    path = a_run(tmp_path, 1, failed=("history",))
    shown = run_here("accept", "night_001", "--why", "NumPy 2.5 trades this for memory")
    assert shown.code == WELL, shown.err
    (beside,) = path.parent.glob("night_001.*.accepted")
    assert json.loads(beside.read_text())["why"] == "NumPy 2.5 trades this for memory"


@pytest.mark.parametrize(
    ("name", "words"), [("none", "no run 'none'"), ("night_002", "never a baseline")]
)
def test_what_cannot_be_accepted_is_refused(run_here, tmp_path, name, words):
    a_run(tmp_path, 2, complete=False)
    shown = run_here("accept", name, "--why", "because")
    assert shown.code == NOT_DONE
    assert words in shown.err
    assert not list(tmp_path.rglob("*.accepted"))


@pytest.mark.parametrize("why", [[], ["--why", " "]])
def test_an_acceptance_without_a_reason_is_refused(run_here, tmp_path, why):
    a_run(tmp_path)
    shown = run_here("accept", "night_000", *why)
    assert shown.code == NOT_DONE
    assert "--why" in shown.err
    assert not list(tmp_path.rglob("*.accepted"))


def test_a_run_of_another_history_is_not_accepted_in_this_one(run_here, tmp_path):
    a_run(tmp_path)
    other = a_run(tmp_path / "elsewhere" / "results")
    (tmp_path / "elsewhere").rename(tmp_path.parent / "elsewhere-results")
    moved = tmp_path.parent / "elsewhere-results" / other.relative_to(tmp_path / "elsewhere")
    shown = run_here("accept", moved, "--why", "because")
    assert shown.code == NOT_DONE
    assert "no run" in shown.err
