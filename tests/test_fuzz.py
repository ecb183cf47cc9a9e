"""Hostile files and messages: a sample of what ``python -m evaluation.fuzz`` reads by thousands."""

import json

import pytest
from helpers.project import ROOT
from hypothesis.errors import HypothesisException

from evaluation import fuzz
from evaluation.fuzz import Reader, Tally, fuzz_files, fuzz_messages, read_line
from speedgate.runner.framing import frame


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    """The reference run is found from the repository's folder; the cache's variable stays ours."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SPEEDGATE_CACHE", "")


def test_hostile_files_fool_nobody():
    tally = fuzz_files(80, 1)
    assert sum(tally.outcomes.values()) == 80
    assert {"named and left out", "read: it has no digest"} <= tally.outcomes.keys()


def test_hostile_messages_fool_nobody():
    tally = fuzz_messages(400, 1)
    assert sum(tally.outcomes.values()) == 400
    assert {"a line that is refused", "an answer that is refused"} <= tally.outcomes.keys()


# --- what is looked for would be seen


def test_a_reader_that_checks_no_digest_is_caught(monkeypatch):
    monkeypatch.setattr("speedgate.history.document.is_intact", lambda data: True)
    with pytest.raises((AssertionError, HypothesisException)):
        fuzz_files(400, 1)


def test_a_run_that_is_another_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr("speedgate.history.document.is_intact", lambda data: True)
    reader = Reader(tmp_path, Tally())
    data = reader.good.read_bytes().replace(b'"failed"', b'"passed"', 1)
    with pytest.raises(AssertionError, match="read as another"):
        reader.read(".json", data)


def test_an_error_that_nobody_declared_is_caught(tmp_path, monkeypatch):
    reader = Reader(tmp_path, Tally())
    monkeypatch.setattr("speedgate.history.reading.run_figures", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reader.read(".json", json.dumps(fuzz.small_run()).encode())


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


class Clock:
    """The clocks that are asked: one as it is made up, the others stand still."""

    def __init__(self, name, ticks):
        self.process_time = self.monotonic = lambda: 0.0
        setattr(self, name, ticks)
