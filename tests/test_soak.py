"""The soak: what grows is told from what varies, and nothing that was not seen is called steady."""

import random
import re
import statistics
import subprocess
import sys

import pytest

pytest.importorskip("scipy")
pytest.importorskip("resource", reason="the soak counts descriptors, which Windows has none of")

from evaluation import soak
from evaluation.growth import LEAST_TURNS, Answer, growth_of

HEAD = {"soak": "one", "commit": "1234567", "machine": "a made machine"}


def a_turn(number, **changed):
    figures = {watched.key: 5 for watched in soak.WATCHED} | changed.pop("figures", {})
    turn = {"soak": "one", "turn": number, "began": 10.0 * number, "code": 0, "check": 0}
    turn |= {"verdicts": {"passed": 2}, "rounds": {"threads": 7, "processes": 3}}
    return turn | {"figures": figures} | changed


TURNS = [a_turn(number) for number in range(100)]


# --- a slope


def test_what_varies_is_steady():
    chance = random.Random(24)
    growth = growth_of([100 + chance.gauss(0, 0.5) for _ in range(300)])
    assert growth.low < 0 < growth.high
    assert growth.answer(margin=1.0) is Answer.STEADY


def test_what_grows_has_its_slope_in_units_for_a_hundred_turns():
    chance = random.Random(24)
    growth = growth_of([100 + 0.03 * turn + chance.gauss(0, 0.5) for turn in range(300)])
    assert growth.slope == pytest.approx(3.0, abs=0.1)
    assert growth.low < 3.0 < growth.high
    assert growth.answer(margin=1.0) is Answer.GROWS
    assert growth.last - growth.first == pytest.approx(0.03 * 240 * 11 / 12, abs=0.5)


def test_the_interval_holds_the_true_slope_as_often_as_it_says():
    chance = random.Random(24)
    noise = [[chance.gauss(0, 1) for _ in range(240)] for _ in range(300)]
    growths = [growth_of([0.01 * turn + by for turn, by in enumerate(one)]) for one in noise]
    assert statistics.fmean(growth.low < 1.0 < growth.high for growth in growths) > 0.92


def test_one_thread_in_fifty_turns_grows():
    assert growth_of([4 + turn // 50 for turn in range(300)]).answer(1.0) is Answer.GROWS


def test_an_interval_around_the_margin_decides_nothing():
    chance = random.Random(24)
    growth = growth_of([0.01 * turn + chance.gauss(0, 3) for turn in range(LEAST_TURNS)])
    assert growth.low < 1.0 < growth.high
    assert growth.answer(margin=1.0) is Answer.UNDECIDED


def test_the_turns_in_which_everything_warms_up_do_not_count():
    growth = growth_of([*range(60), *[60] * 240])
    assert (growth.slope, growth.first, growth.last) == (0, 60, 60)


def test_few_turns_tell_nothing():
    assert growth_of([1.0] * (LEAST_TURNS - 1)) is None
    assert growth_of([1.0] * LEAST_TURNS).answer(1.0) is Answer.STEADY


# --- the block


def test_the_last_soak_of_a_file_is_told():
    older = [HEAD | {"soak": "none"}, a_turn(1) | {"soak": "none"}]
    assert soak.last_soak([]) == ({}, [])
    assert soak.last_soak([*older, HEAD]) == (HEAD, [])
    assert soak.last_soak([*older, HEAD, *TURNS[:2]]) == (HEAD, TURNS[:2])


def test_the_block_tells_every_figure_and_all_that_went_wrong():
    text = soak.block(HEAD, [*TURNS, a_turn(100, code=1, check=1, verdicts={})])
    assert "at 1234567 on a made machine: 101 turns in 17 minutes" in text
    assert "(1,010 pairs in all)" in text
    assert "Exit codes of the runs other than 0: 1. Checks that found damage: 1." in text
    assert "Turns without a verdict or without pairs: 1. Verdicts: 200 passed." in text
    assert len(re.findall(r"\| steady \|$", text, re.MULTILINE)) == len(soak.WATCHED)
    assert "| session: threads | 5 | 5 | +0.00 [+0.00, +0.00] | 1 | steady |" in text


def test_without_a_soak_the_block_says_so():
    assert "No soak has been measured" in soak.block({}, [])


def test_a_figure_that_is_unknown_once_is_not_steady():
    watched = soak.WATCHED[0]
    unseen = a_turn(100, figures={watched.key: None})
    line, answer = soak.row(watched, [*TURNS, unseen])
    assert answer is Answer.UNDECIDED
    assert line.endswith("| unknown in 1 turns | 1 | not measured |")


@pytest.mark.parametrize(
    "bad",
    [
        a_turn(100, code=1),
        a_turn(100, check=1),
        a_turn(100, figures={"alive": None}),
        a_turn(100, verdicts={}),
        a_turn(100, verdicts={"not evaluated": 2}),
        a_turn(100, rounds={"threads": 7, "processes": 0}),
        a_turn(100, rounds={"threads": 7}),
    ],
)
def test_only_a_soak_in_which_all_went_well_is_clean(bad):
    assert soak.is_clean(TURNS)
    assert not soak.is_clean([*TURNS, bad])
    assert not soak.is_clean(TURNS[: LEAST_TURNS - 1])


# --- what is counted


def test_the_figures_of_a_process_hold_those_of_its_children():
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    inner = "print('ready', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", nested.format(inner=inner)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        figures = soak.tree_figures("made", process.pid)
        process.communicate("\n")
    assert figures["made threads"] == 2
    assert figures["made descriptors"] >= 6
    assert figures["made memory"] > 1


def test_only_processes_with_the_mark_are_counted(monkeypatch):
    monkeypatch.setenv(soak.MARK, "a soak of a test")
    command = [sys.executable, "-c", "print('ready', flush=True); input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        assert soak.marked_processes() == 1
        process.communicate("\n")
    assert soak.marked_processes() == 0


def test_folders_are_counted_with_what_lies_in_them(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"12345")
    assert soak.bytes_below(tmp_path) == 5
    assert soak.entries_of(tmp_path) == 1
    assert soak.entries_of(tmp_path / "none") is None


def test_a_session_that_ended_is_told_with_its_last_words(tmp_path):
    session = soak.Session(tmp_path)
    try:
        with pytest.raises(SystemExit, match=r"gave no answer; it last wrote:(.|\n)*expected str"):
            session.run([{}])
    finally:
        session.close()


def test_a_session_runs_pytest_again_and_again(tmp_path):
    (tmp_path / "test_made.py").write_text("def test_made():\n    assert True\n")
    session = soak.Session(tmp_path)
    try:
        quiet = ["-p", "no:cacheprovider", "-q", "-c", "/dev/null", f"--rootdir={tmp_path}"]
        assert session.run([*quiet, str(tmp_path)]) == 0
        assert session.run([*quiet, str(tmp_path / "none")]) == 4
        assert "file or directory not found" in session.last_words()
    finally:
        session.close()
