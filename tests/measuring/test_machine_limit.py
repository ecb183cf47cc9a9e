"""A machine that lets no more processes or threads be started: what is said, and what is left."""

import errno
import subprocess
import threading
from types import SimpleNamespace

import pytest
from helpers.project import TESTS_FOLDER

from speedgate.commands import main as command_line
from speedgate.measuring import children
from speedgate.measuring.machine_limit import AT_THE_LIMIT, NO_THREAD, told_at_the_limit
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.report.exit_code import ExitCode, code_of

NO_PROCESS = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def refuse(monkeypatch, owner, name, at, error):
    """Let the call ``at`` of a method fail, and all that come after it."""
    real, calls = getattr(owner, name), []

    def refused(*arguments, **options):
        calls.append(arguments)
        if len(calls) > at:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, refused)


@pytest.fixture
def started(monkeypatch):
    """The processes, and the folders, that runners were given."""
    seen = SimpleNamespace(processes=[], folders=[])
    start, folder = children.start, children.ScratchFolder

    def kept_start(*arguments, **options):
        seen.processes.append(start(*arguments, **options))
        return seen.processes[-1]

    def kept_folder():
        seen.folders.append(folder())
        return seen.folders[-1]

    monkeypatch.setattr(children, "start", kept_start)
    monkeypatch.setattr(children, "ScratchFolder", kept_folder)
    return seen


@pytest.mark.parametrize(
    ("owner", "name", "at", "error", "processes"),
    [
        (threading.Thread, "start", 0, RuntimeError(NO_THREAD), 1),
        (threading.Thread, "start", 1, RuntimeError(NO_THREAD), 1),
        (subprocess, "Popen", 0, NO_PROCESS, 0),
    ],
    ids=["the first thread", "the second thread", "the process"],
)
def test_a_runner_that_gets_no_thread_or_process_is_ended_and_says_so(
    monkeypatch, started, leaves_no_thread, owner, name, at, error, processes
):
    children.begin()  # so that the guard is there
    refuse(monkeypatch, owner, name, at, error)
    with pytest.raises(OSError, match="lets no more processes and threads be started") as raised:
        RunnerProcess((TESTS_FOLDER,), 1)
    assert code_of(raised.value) is ExitCode.MACHINE
    assert "ulimit -u" in str(raised.value)
    assert len(started.processes) == processes
    for process in started.processes:
        assert process.returncode is not None
        assert process.stdin.closed
        assert process.stdout.closed
    (folder,) = started.folders
    assert not folder.path.exists()


@pytest.mark.parametrize("error", [RuntimeError(NO_THREAD), NO_PROCESS], ids=["thread", "process"])
def test_a_command_at_the_limit_of_this_machine_ends_with_the_machines_code(
    monkeypatch, capsys, error
):
    def run(options):
        raise error

    def add_made_command(commands):
        commands.add_parser("made").set_defaults(run=run)

    monkeypatch.setattr(command_line, "COMMANDS", (add_made_command,))
    assert command_line.main(["made"]) == ExitCode.MACHINE
    told = capsys.readouterr().err
    assert told.startswith("speedgate made: ")
    assert AT_THE_LIMIT in told
    assert "Traceback" not in told


@pytest.mark.parametrize("error", [RuntimeError("other"), OSError(errno.ENOSPC, "full")])
def test_what_is_no_such_limit_stays_as_it_is(error):
    with pytest.raises(type(error)) as raised, told_at_the_limit():
        raise error
    assert raised.value is error
