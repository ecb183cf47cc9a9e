"""What calls leave behind, asked of a runner in this process; no test asserts a time."""

import threading

import pytest

from speedgate.measuring.aftermath import figures_of
from speedgate.measuring.answers import read_answer
from speedgate.runner import aftermath, messages
from speedgate.runner.aftermath import AftermathRunner
from speedgate.runner.aftermath_messages import LeftBehind, LookAfter
from speedgate.runner.messages import encode
from speedgate.runner.task import BatchRequest

STARTED = threading.Event()
KEPT = []
MEGABYTE = 1_000_000
CALLS = 4


def prepare(size, seed):
    return size


def start_a_thread(size):
    threading.Thread(target=STARTED.wait, daemon=True).start()


def keep_a_megabyte(size):
    KEPT.append(b"x" * MEGABYTE)


def look(function):
    """Open a case of a function with one call a task, and look at what the calls leave."""
    runner = AftermathRunner()
    here = f"{__name__}:"
    batch = BatchRequest("work", here + function.__name__, here + "prepare", 1, 0, 2)
    opened = runner.handle(encode(messages.OpenCase("threads", 1, [batch])))
    assert "error" not in opened, opened
    runner.handle(encode(messages.Calibrate(tasks=2, loops=1)))
    try:
        answer = read_answer(LookAfter(), runner.handle(encode(LookAfter())))
    finally:
        runner.handle(encode(messages.Close()))
    assert isinstance(answer, LeftBehind)
    return answer


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(aftermath, "AFTER_SECONDS", 0.001)
    monkeypatch.setattr(AftermathRunner, "_call_seconds", lambda self, baseline, key: 0.01)


def test_threads_that_calls_start_are_counted():
    if aftermath.thread_count() is None:
        pytest.skip("this platform does not count the threads of a process")
    try:
        assert look(start_a_thread).threads_started == CALLS
    finally:
        STARTED.set()


def test_memory_that_calls_keep_is_counted():
    if aftermath.resident_bytes() is None:
        pytest.skip("this platform does not tell the memory of a process")
    try:
        left = look(keep_a_megabyte)
    finally:
        KEPT.clear()
    assert left.calls == CALLS
    assert left.bytes_kept >= 3 * MEGABYTE


def test_the_first_call_is_told_beside_a_warm_one():
    left = look(prepare_nothing)
    assert left.first_seconds > 0
    assert left.warm_seconds > 0
    assert left.cpu_after >= 0


def prepare_nothing(size):
    return sum(range(100))


def test_what_the_platform_cannot_tell_is_no_figure():
    assert figures_of(LeftBehind(calls=3)) == {}
    figures = figures_of(LeftBehind(3, 0.5, 500_000, 2, 0.3, 0.1))
    assert figures == {
        "cpu_after": 0.5,
        "kept": 1.0,
        "threads": 3.0,
        "first_call": pytest.approx(3.0),
    }


def test_where_there_is_no_proc_nothing_is_counted(monkeypatch):
    def refuse(*arguments):
        raise OSError

    monkeypatch.setattr(aftermath.os, "listdir", refuse)
    monkeypatch.setattr(aftermath.Path, "read_text", refuse)
    assert aftermath.thread_count() is None
    assert aftermath.resident_bytes() is None
