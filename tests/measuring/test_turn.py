"""One run at a time measures on a machine: with real processes, and a real lock."""

import os
import signal
import subprocess
import sys
import tempfile
import threading

import pytest
from helpers.inner import GREEN, MACHINE, ONE, output, says

from speedgate.commands import arguments
from speedgate.commands.main import main
from speedgate.measuring import turn as module
from speedgate.measuring.turn import BESIDE_VARIABLE, FILE, FLAG, MachineTaken, MachineTurn
from speedgate.report.exit_code import ExitCode

pytest_plugins = ("pytester", "helpers.inner_fixtures")
pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks"),
    # pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
    pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning"),
]
HOLDS = """
import sys
from speedgate.measuring.turn import TURN
TURN.take(print)
print("measures", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def machine_of_its_own(monkeypatch, tmp_path):
    """A temporary folder, and so a lock, that no other test has; no test waits for long."""
    monkeypatch.delenv(BESIDE_VARIABLE)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    return tmp_path


@pytest.fixture
def other():
    """A process that measures on this machine."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "measures\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def turn():
    turn = MachineTurn()
    yield turn
    turn.release()


def test_alone_it_says_nothing(turn):
    lines = []
    turn.take(lines.append)
    turn.take(lines.append)  # it has it
    assert lines == []


def test_it_waits_for_the_other_one_and_names_it(turn, other):
    lines = []

    def notify(line):
        lines.append(line)
        threading.Timer(0.1, other.stdin.close).start()

    turn.take(notify, limit_seconds=60)
    (line,) = lines
    assert f"process {other.pid} measures on this machine: waiting" in line
    assert "at most 1 minutes" in line
    assert FLAG in line
    with pytest.raises(MachineTaken, match=f"process {os.getpid()} "):
        MachineTurn().take(lines.append, limit_seconds=0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_killed_gives_its_turn_away(turn, other, number):
    turn.take(lambda line: other.send_signal(number), limit_seconds=60)


def test_after_the_limit_it_gives_up_and_says_what_to_do(turn, other):
    with pytest.raises(MachineTaken) as raised:
        turn.take(lambda line: None, limit_seconds=0.02)
    assert f"process {other.pid} still measures on this machine" in str(raised.value)
    assert f"measure beside it with {FLAG}" in str(raised.value)


def test_beside_others_it_goes_on_and_says_so(turn, other):
    lines = []
    turn.take(lines.append, beside_others=True)
    (line,) = lines
    assert f"process {other.pid} measures on this machine, too" in line


@pytest.mark.parametrize("name", [BESIDE_VARIABLE, "SPEEDGATE_OWNER"])
def test_the_variable_and_a_run_within_a_run_wait_for_nobody(turn, other, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    lines = []
    turn.take(lines.append, limit_seconds=0)
    assert lines == []


def test_a_link_that_somebody_put_there_is_not_followed(turn, tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / FILE).symlink_to(tmp_path / "precious")
    lines = []
    turn.take(lines.append)
    assert (tmp_path / "precious").read_text() == "kept"
    assert "whether others measure here is not known" in lines[0]


def test_a_pipe_that_somebody_put_there_stops_nobody(turn, tmp_path):
    os.mkfifo(tmp_path / FILE)
    lines = []
    turn.take(lines.append, limit_seconds=1)
    assert lines == []


def test_a_session_of_pytest_waits_and_gives_up_with_a_code_of_its_own(
    checkout, machine, other, monkeypatch
):
    monkeypatch.setattr(module.MachineTurn.take, "__defaults__", (False, 0.05))
    result = checkout.run(*ONE)
    assert result.ret == MACHINE
    says(result, f"process {other.pid} measures on this machine: waiting")
    says(result, f"process {other.pid} still measures on this machine")
    assert machine.runners == []
    result = checkout.run(*ONE, FLAG)
    assert result.ret == GREEN, output(result)
    says(result, f"process {other.pid} measures on this machine, too")


def test_a_session_gives_its_turn_away(checkout, machine):
    assert checkout.run(*ONE).ret == GREEN
    MachineTurn().take(pytest.fail, limit_seconds=0)


def test_a_command_gives_up_with_the_code_of_the_machine(other, monkeypatch, capsys):
    monkeypatch.setattr(module.MachineTurn.take, "__defaults__", (False, 0.0))
    monkeypatch.setattr(arguments, "end_leftovers", pytest.fail)
    assert main(["selftest"]) == ExitCode.MACHINE
    assert f"process {other.pid} still measures on this machine" in capsys.readouterr().err
