"""What is recorded before anything was measured: how the interpreter describes itself."""

import os

import psutil
import pytest
from helpers.runs import ENVIRONMENT, a_run

from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.recording import describe_runner, nearest
from speedgate.measuring.runner_process import Interpreter

SLEEPS = """
import os, pathlib, time
def sleep():
    pathlib.Path("slept").write_text(str(os.getpid()))
    time.sleep(600)
"""


def test_a_setup_that_hangs_is_ended_by_the_limit_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    with pytest.raises(HistoryError) as raised:
        describe_runner(1, "sleeps:sleep", limit_seconds=5.0)
    assert str(raised.value) == (
        "'sleeps:sleep', which runners call first, does not return within the time limit of 5 s; "
        "mend it, or raise --time-limit"
    )
    slept = tmp_path / "slept"
    assert not slept.exists() or not psutil.pid_exists(int(slept.read_text()))


def test_the_nearest_environment_is_one_of_the_same_kind(tmp_path):
    here = ENVIRONMENT | {"python": "3.13.0"}
    a_run(tmp_path, 1, environment=ENVIRONMENT | {"settings": {"scale": "project"}})
    with History(tmp_path) as history:
        assert list(nearest(history, here)) == []
    a_run(tmp_path, 0)
    with History(tmp_path) as history:
        assert "  python: 3.11.7 -> 3.13.0" in nearest(history, here)


@pytest.mark.skipif(os.name != "posix", reason="a script is a program")
def test_an_interpreter_that_hangs_is_ended_by_the_limit_and_named(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    with pytest.raises(HistoryError, match=f"^{python} does not return within the time limit"):
        describe_runner(1, interpreter=Interpreter(str(python)), limit_seconds=0.2)
