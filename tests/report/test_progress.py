import pytest
from helpers.fakes import FakeClock

from speedgate.commands.progress_line import ProgressLine
from speedgate.report.progress import LOG_EVERY_SECONDS, Progress, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (42.2, "42 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3600, "60 min 0 s"),
    ],
)
def test_a_duration_reads_in_minutes_and_seconds(seconds, text):
    assert duration(seconds) == text


def test_the_live_line_says_what_runs_and_how_long_is_left():
    progress = Progress(2, live=True, now=FakeClock())
    line = progress.start("g-1e6-threads-2", 125, 80)
    assert line == "[1/2] g-1e6-threads-2, about 2 min 5 s left"
    assert progress.start("f-1e6-threads-2", 60, 80).startswith("[2/2] f-1e6-threads-2, ")


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_line_fits_so_that_it_can_be_rewritten_in_place(width):
    progress = Progress(100, live=True, now=FakeClock())
    assert len(progress.start("a_long_name-1e6-threads-2" * 4, 125, width)) < width


def test_a_log_gets_a_line_now_and_then():
    clock = FakeClock()
    progress = Progress(5, live=False, now=clock)
    lines = []
    for _ in range(4):
        lines.append(progress.start("g-1e6-threads-2", 10, 80))
        clock.advance(LOG_EVERY_SECONDS / 2)
    assert [line[:5] for line in lines] == ["[1/5]", "", "[3/5]", ""]


def lines_of(capsys, is_live, monkeypatch, seconds_between):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_live)
    clock = FakeClock()
    progress = ProgressLine(now=clock)
    for number in range(4):
        progress.show(f"[{number}/4] \x1b]0;title\x07")
        clock.advance(seconds_between)
    progress.close()
    return capsys.readouterr().err


def test_the_progress_of_a_command_is_one_line_on_a_terminal(capsys, monkeypatch):
    shown = lines_of(capsys, True, monkeypatch, 1.0)
    assert "\n" not in shown
    assert shown.count("\r") == 4 + 2  # rewritten, and emptied at the end
    assert shown.endswith(" \r")
    assert "\x1b" not in shown


def test_the_progress_of_a_command_is_a_rare_line_in_a_log(capsys, monkeypatch):
    shown = lines_of(capsys, False, monkeypatch, LOG_EVERY_SECONDS / 2)
    assert [line[:5] for line in shown.splitlines()] == ["[0/4]", "[2/4]"]
    assert "\r" not in shown
