"""Hostile files and messages: a sample of what ``python -m evaluation.fuzz`` reads by thousands."""

import contextlib
import json
import os
import subprocess
import threading

import pytest
from helpers.project import ROOT
from hypothesis.errors import HypothesisException

from evaluation import fuzz, fuzz_commands
from evaluation.fuzz import Reader, Tally, fuzz_files, fuzz_messages, read_line
from evaluation.fuzz_commands import NO_FILES, Commander
from evaluation.surroundings import PLANTED, Surroundings
from evaluation.valid_files import good_files, old_run
from speedgate.runner.framing import frame


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    """The reference run is found from the repository's folder; the cache's variable stays ours."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SPEEDGATE_CACHE", "")


def test_hostile_files_fool_nobody():
    tally = fuzz_files(160, 1)
    assert sum(tally.outcomes.values()) == 160
    assert {"named and left out", "read: it has no digest"} <= tally.outcomes.keys()


def test_hostile_messages_fool_nobody():
    tally = fuzz_messages(400, 1)
    assert sum(tally.outcomes.values()) == 400
    assert {"a line that is refused", "an answer that is refused"} <= tally.outcomes.keys()


# --- commands, and what lies around a history

HAS_ALARM = pytest.mark.skipif(os.name != "posix", reason="Windows has no alarm")
HAS_PIPES = pytest.mark.skipif(os.name != "posix", reason="Windows has other pipes, and no alarm")


@HAS_PIPES
def test_commands_over_hostile_files_run_and_change_nothing():
    tally = fuzz.fuzz_commands(600, 1)
    assert sum(tally.outcomes.values()) == 6
    assert len(tally.outcomes) == 2


@HAS_PIPES
@pytest.mark.parametrize("place", ["hostile.json", "hostile.part", "since.jsonl", "index"])
@pytest.mark.parametrize("kind", NO_FILES)
def test_commands_over_what_is_no_file_run_and_change_nothing(tmp_path, kind, place):
    Commander(tmp_path, good_files()).over_no_file(kind, place)


@pytest.fixture
def surroundings(tmp_path):
    made = Surroundings(tmp_path)
    made.check()
    return made


def test_a_command_that_a_file_holds_and_that_is_run_is_caught(surroundings):
    held = surroundings.planted(f"$({PLANTED})".encode()).decode()
    subprocess.run(held.removeprefix("$(").removesuffix(")"), shell=True, check=True)
    with pytest.raises(AssertionError, match="what a file held was run"):
        surroundings.check()


@pytest.mark.parametrize("name", ["text.txt", "precious.sqlite", "new"])
def test_a_change_outside_is_caught(surroundings, name):
    (surroundings.outside / name).write_text("ours")
    with pytest.raises(AssertionError, match="what lies outside has changed"):
        surroundings.check()


def test_a_file_beside_the_history_is_caught(surroundings):
    (surroundings.root / "new.json").write_text("ours")
    with pytest.raises(AssertionError, match=r"beside the history there is now: new\.json"):
        surroundings.check()


@HAS_PIPES
@pytest.mark.parametrize(
    ("code", "told", "error"),
    [(3, "", "it ends with 3"), (0, "Traceback", "Traceback"), (0, "\x1b[31m", "acts on the")],
)
def test_a_command_that_ends_as_none_may_is_caught(tmp_path, monkeypatch, code, told, error):
    monkeypatch.setattr(fuzz_commands, "ended", lambda words, cache: (code, told))
    with pytest.raises(AssertionError, match=error):
        Commander(tmp_path, {"good/good.json": b"{}"}).over_file("hostile.json", b"{}")


# --- what is looked for would be seen


def test_a_reader_that_checks_no_digest_is_caught(monkeypatch):
    monkeypatch.setattr("speedgate.history.document.is_intact", lambda data: True)
    with pytest.raises((AssertionError, HypothesisException)):
        fuzz_files(400, 1)


def test_a_run_that_is_another_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.history.document.is_intact", lambda data: True)
    reader = Reader(tmp_path, Tally())
    data = reader.good["good/good.json"].replace(b'"failed"', b'"passed"', 1)
    with pytest.raises(AssertionError, match="read as another"):
        reader.read("hostile.json", data)


def test_a_line_of_a_journal_that_is_another_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.history.journal.is_intact", lambda data: True)
    reader = Reader(tmp_path, Tally())
    journals = [data for name, data in reader.valid if name.endswith(".part")]
    (data,) = [one for one in journals if b'"judgement"' in one and fuzz.SEALED in one]
    with pytest.raises(AssertionError, match="a verdict of a journal has changed"):
        reader.read("hostile.part", data.replace(b'"failed"', b'"passed"'))


@pytest.mark.parametrize("name", ["good/good.json", "duels/good.json"])
def test_a_good_run_that_is_gone_is_caught(tmp_path, name):
    reader = Reader(tmp_path, Tally())
    (reader.folder / name).unlink()
    with pytest.raises(AssertionError, match="a good run is gone"):
        reader.read("hostile.json", b"{}")


def test_an_error_that_nobody_declared_is_caught(tmp_path, monkeypatch):
    reader = Reader(tmp_path, Tally())
    monkeypatch.setattr("speedgate.history.reading.run_figures", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reader.read("hostile.json", json.dumps(old_run()).encode())


def test_a_line_that_is_taken_for_another_is_caught():
    with pytest.raises(AssertionError, match="was taken for"):
        read_line(Tally(), {"number": 1}, frame({"number": 2}))


@pytest.mark.parametrize(
    ("clock", "seconds"), [("process_time", (0.0, 1.5)), ("monotonic", (0.0, 31.5))]
)
def test_what_takes_longer_than_a_second_or_waits_for_ever_is_caught(monkeypatch, clock, seconds):
    ticks = iter(seconds)
    monkeypatch.setattr(fuzz, "time", Clock(clock, lambda: next(ticks)))
    with pytest.raises(AssertionError, match=rf"it took {seconds[1]} s"), Tally().timed():
        pass


@HAS_ALARM
@pytest.mark.parametrize("is_swallowed", [False, True])
def test_what_waits_for_ever_is_given_up(monkeypatch, is_swallowed):
    monkeypatch.setattr(fuzz, "MOST_WALL_SECONDS", 0.05)
    with (
        pytest.raises(AssertionError, match=r"it waits for more than 0\.05 s"),
        Tally().timed(),
        contextlib.suppress(AssertionError if is_swallowed else ()),
    ):
        threading.Event().wait()


class Clock:
    """The clocks that are asked: one as it is made up, the others stand still."""

    def __init__(self, name, ticks):
        self.process_time = self.monotonic = lambda: 0.0
        setattr(self, name, ticks)
