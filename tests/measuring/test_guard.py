"""The guard: a process that could not be started once is started by the next who needs it."""

import atexit
import errno
import subprocess

import pytest
from helpers.project import TESTS_FOLDER

from speedgate.measuring import children, guard
from speedgate.measuring.guard import Guarded
from speedgate.measuring.runner_process import RunnerProcess


@pytest.fixture
def guarded(monkeypatch):
    """A process that has started nothing yet, as far as its guard is concerned."""
    made = Guarded()
    monkeypatch.setattr(guard, "GUARDED", made)
    monkeypatch.setattr(children, "GUARDED", made)
    yield made
    made.end()
    atexit.unregister(made.end)


@pytest.fixture(params=[errno.EAGAIN, errno.EMFILE], ids=["no process", "no file"])
def refused_once(request, monkeypatch):
    """The machine refuses the first process; return what was started behind it."""
    start, asked, started = subprocess.Popen, [], []

    def refuse_the_first(*arguments, **options):
        asked.append(arguments)
        if len(asked) == 1:
            raise OSError(request.param, "refused")
        started.append(start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(guard.subprocess, "Popen", refuse_the_first)
    return started


def test_after_a_guard_that_could_not_start_the_next_call_starts_one(guarded, refused_once):
    with pytest.raises(OSError, match="refused"):
        guarded.begin()
    assert refused_once == []
    guarded.begin()
    guarded.add("folder /nowhere")
    (process,) = refused_once
    assert process.poll() is None
    guarded.begin()
    assert len(refused_once) == 1, "once in a process"
    guarded.end()
    assert process.returncode == 0


def test_after_a_guard_that_could_not_start_the_next_runner_measures(guarded, refused_once):
    with pytest.raises(OSError, match=r"refused|no more processes and threads"):
        RunnerProcess((TESTS_FOLDER,), 1)
    runner = RunnerProcess((TESTS_FOLDER,), 1)
    try:
        assert len(refused_once) == 2, "the guard and the runner"
    finally:
        runner.close()


def test_what_the_sweep_has_to_tell_is_not_lost_with_a_guard_that_could_not_start(
    guarded, refused_once, monkeypatch
):
    left = ["ended what was left"]
    monkeypatch.setattr(guard, "sweep", lambda: [left.pop()] if left else [])
    with pytest.raises(OSError, match="refused"):
        guarded.begin()
    assert guarded.begin() == ["ended what was left"]
