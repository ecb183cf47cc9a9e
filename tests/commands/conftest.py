"""What the tests of commands share: a command that is run, and machines and builds that pretend."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.builds import PAIR_SECONDS
from helpers.fakes import FakeClock, ScriptedRunner
from helpers.github import PULL_REQUEST, REPOSITORY, TOKEN, VARIABLES, name_event, serving
from helpers.machine import PAIRS, MadeMachine
from helpers.runs import CASE, ENVIRONMENT, a_run, document, save

from speedgate.builds.build import Build, BuildError
from speedgate.commands import bisect as bisect_commands
from speedgate.commands import duel as duel_commands
from speedgate.commands.main import main
from speedgate.duel import wide_selection


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


@pytest.fixture
def run_here(run, tmp_path, monkeypatch):
    """Run a command on the history of ``tmp_path``; return its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run_here(command, *arguments):
        where = (
            ()
            if command in ("export", "report", "map", "advise") or "--history" in arguments
            else ("--history", tmp_path)
        )
        return run(command, *arguments, *where)

    return run_here


class MadeEnvironments:
    """Stands in for what installs builds: a build is a text; its runners follow a script."""

    def __init__(self):
        self.scripts = {}
        self.broken = {"missing"}
        self.clock = FakeClock()

    def open(self, texts, *, from_source=False, allow_same=False, needs_numpy=True, notify=None):
        builds = []
        for text in texts:
            words = text.rpartition("=")[2] if "==" in text else text
            if words in self.broken:
                raise BuildError(f"'{text}' does not resolve:\n  no matching distribution")
            numpy = {"version": words}
            environment = {"python": "3.12.1", "numpy": numpy, "blas": None}
            builds.append(Build(words, Path("/python", words), {}, environment, words))
        return builds

    def runner(self, path, blas_threads, interpreter, serve):
        script = self.scripts.get(Path(interpreter.python).name, {})
        return ScriptedRunner(self.clock, **{"pair_seconds": PAIR_SECONDS} | script)


@pytest.fixture
def environments(monkeypatch, tmp_path):
    made = MadeEnvironments()
    for module in (duel_commands, bisect_commands):
        monkeypatch.setattr(module, "open_builds", made.open)
    monkeypatch.setattr(duel_commands, "RunnerProcess", made.runner)
    # No interpreter that is made up imports what is lent to it, and each step would copy it anew.
    for module in (duel_commands, wide_selection):
        monkeypatch.setattr(module, "lent_folder", lambda: nullcontext(tmp_path))
    monkeypatch.setattr("speedgate.duel.matchup.BLOCK_SECONDS", 0.001)
    monkeypatch.setattr("speedgate.duel.matchup.MOST_REPLICATES", 2)
    monkeypatch.setattr("speedgate.duel.selection.usable_cores", lambda: 2)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture(autouse=True)
def outside_of_a_job(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def github(monkeypatch, tmp_path):
    """A job on the fake GitHub, whose event is that of a pull request."""
    with serving() as server:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
        monkeypatch.setenv("GITHUB_API_URL", server.address)
        monkeypatch.setenv("GITHUB_RUN_ID", "42")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
        name_event(monkeypatch, tmp_path, PULL_REQUEST)
        yield server


@pytest.fixture
def green(tmp_path):
    return str(a_run(tmp_path / "green"))


@pytest.fixture
def red(tmp_path):
    return str(a_run(tmp_path / "red", failed=("threads-scale",)))


@pytest.fixture
def inconclusive(tmp_path):
    content = document(MadeMachine(), CASE)
    content["speedgate"]["judgements"][0]["verdict"] = "inconclusive"
    return str(save(tmp_path / "unsure" / "run.json", content))


@pytest.fixture
def november(monkeypatch):
    """The runs of the tests are not dated in the future, whatever the clock says."""
    monkeypatch.setattr("speedgate.commands.comment.latest_time", lambda: "2026-11-20")
