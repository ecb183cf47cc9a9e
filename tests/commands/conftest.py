"""What the tests of commands share: a command that is run, and a machine that pretends."""

from types import SimpleNamespace

import pytest
from helpers.machine import PAIRS, MadeMachine
from helpers.runs import ENVIRONMENT

from speedgate.commands.main import main


@pytest.fixture
def machine(monkeypatch):
    """Two cores, and runners that answer at once."""
    made = MadeMachine()
    monkeypatch.setattr("speedgate.commands.selftest.RunnerProcess", made.open)
    monkeypatch.setattr("speedgate.commands.selftest.usable_cores", lambda: 2)
    monkeypatch.setattr("speedgate.history.lookup.describe_machine", lambda: ENVIRONMENT)
    monkeypatch.setattr("speedgate.commands.advise.describe_machine", lambda: ENVIRONMENT)
    monkeypatch.setattr("speedgate.measuring.measure.MOST_PAIRS", PAIRS)
    monkeypatch.setenv("COLUMNS", "200")
    return made


@pytest.fixture
def run(capsys):
    """Run a command; return its exit code and what it printed."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run
