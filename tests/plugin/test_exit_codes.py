"""The exit codes of docs/exit-codes.md, as a table: each kind of end has a code of its own."""

import errno
import os

import pytest
from helpers.inner import ARTICLE, GATED, GREEN, MACHINE, MISUSED, ONE, RED, UNDECIDED, output, says
from helpers.machine import CRASHING, CROWDED, HOLDS_GIL, SIDE_BY_SIDE
from helpers.project import ROOT

from speedgate.commands.main import main
from speedgate.report.exit_code import MACHINE_ERRORS, ExitCode, code_of

pytest_plugins = ("pytester", "helpers.inner_fixtures")
# pytest-benchmark warns of an inner run that saves nothing in the outer one's name, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

NOTHING = pytest.ExitCode.NO_TESTS_COLLECTED


def as_it_should(machine, monkeypatch):
    machine.behave("g", SIDE_BY_SIDE)


def behind_the_gil(machine, monkeypatch):
    machine.behave("g", HOLDS_GIL)


def with_its_cores_taken(machine, monkeypatch):
    machine.behave("g", CROWDED)
    machine.control = 1.05


def in_a_crash(machine, monkeypatch):
    machine.behave("g", CRASHING)


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def on_a_full_disk(machine, monkeypatch):
    monkeypatch.setattr("speedgate.files.write_whole", full)


def behind_the_gil_on_a_full_disk(machine, monkeypatch):
    behind_the_gil(machine, monkeypatch)
    on_a_full_disk(machine, monkeypatch)


def refusing(error):
    def start(*arguments, **options):
        raise error

    return start


def without_a_runner(error):
    """A machine that lets no runner be started once the session measures."""

    def ends(machine, monkeypatch):
        monkeypatch.setattr("speedgate.plugin.opening.RunnerProcess", refusing(error))

    return ends


def without_a_guard(error):
    """A machine that lets nothing be started as soon as the session begins to measure."""

    def ends(machine, monkeypatch):
        monkeypatch.setattr("speedgate.plugin.session.begin", refusing(error))

    return ends


def without_a_control(error):
    """A machine that cannot import what a session measures beside its cases."""

    def ends(machine, monkeypatch):
        monkeypatch.setattr("speedgate.measuring.suite.find", refusing(error))

    return ends


NO_FILE = OSError(errno.EMFILE, "Too many open files")
NO_PROCESS = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
NO_THREAD = RuntimeError("can't start new thread")
OF_A_PERSON = FileNotFoundError(errno.ENOENT, "no such interpreter")


def with_an_error_of_ours(machine, monkeypatch):
    monkeypatch.setattr("speedgate.plugin.hooks.keep_in_history", lambda state: 1 / 0)


STRICT, REQUIRED = "--strict-gate", "--require-gate"
SESSIONS = [
    (as_it_should, [], GREEN),
    (behind_the_gil, [], RED),
    (in_a_crash, [], RED),
    (in_a_crash, [REQUIRED], RED),
    (with_its_cores_taken, [], GREEN),
    (with_its_cores_taken, [STRICT], UNDECIDED),
    (with_its_cores_taken, [STRICT, "-x"], UNDECIDED),
    (as_it_should, [REQUIRED, "--budget=1e-9"], UNDECIDED),
    (as_it_should, [REQUIRED, "-k", "not gate"], UNDECIDED),
    (behind_the_gil, [STRICT, REQUIRED, "--min-speedup=50"], RED),
    (on_a_full_disk, [], MACHINE),
    (behind_the_gil_on_a_full_disk, [], RED),
    *(
        (ends(error), [], MACHINE)
        for ends in (without_a_runner, without_a_guard, without_a_control)
        for error in (NO_FILE, NO_PROCESS, NO_THREAD)
    ),
    (without_a_runner(MemoryError()), [], MACHINE),
    (without_a_control(MemoryError()), [], MACHINE),
    (without_a_control(OF_A_PERSON), [], MISUSED),
    (without_a_runner(NO_FILE), [REQUIRED], MACHINE),
    (without_a_runner(NO_FILE), ["-x"], MACHINE),
    (without_a_runner(NO_FILE), ["--benchmark-disable"], MACHINE),
    (without_a_runner(OF_A_PERSON), [], RED),
    (with_an_error_of_ours, [], pytest.ExitCode.INTERNAL_ERROR),
    (as_it_should, ["--min-speedup=fast"], MISUSED),
]


@pytest.mark.parametrize(("ends", "options", "code"), SESSIONS)
def test_a_session_ends_with(checkout, machine, monkeypatch, ends, options, code):
    ends(machine, monkeypatch)
    result = checkout.run(*ONE, *options)
    assert result.ret == code, output(result)


def test_what_the_machine_lacked_is_said_with_the_remedy_and_without_a_traceback(
    checkout, machine, monkeypatch
):
    without_a_runner(NO_FILE)(machine, monkeypatch)
    result = checkout.run(*ONE, "-rs")
    says(result, "the machine's fault", "Too many open files", "ulimit -n")
    says(result, "SKIPPED", "was not measured: the machine's fault")
    assert "Traceback" not in output(result)


def give_out(monkeypatch, machine, where):
    """Have the machine open no file any more once an item with ``where`` in its name runs."""

    def start(*arguments, **options):
        if where in os.environ["PYTEST_CURRENT_TEST"]:
            raise NO_FILE
        return machine.open(*arguments, **options)

    monkeypatch.setattr("speedgate.plugin.opening.RunnerProcess", start)


def test_a_machine_that_gives_out_takes_no_failure_back(checkout, machine, monkeypatch):
    machine.behave("g", HOLDS_GIL)
    give_out(monkeypatch, machine, "bench_scaling[g_out-")
    assert checkout.run(*GATED).ret == RED


def test_what_was_measured_is_judged_without_its_cause(checkout, machine, monkeypatch):
    """Its cause is probed in further processes."""
    machine.behave("g", HOLDS_GIL)
    give_out(monkeypatch, machine, "::gate[")
    result = checkout.run(*ONE)
    assert result.ret == RED
    says(result, "failed: g-1e6-threads-2", "its cause cannot be probed", "Too many open files")


def test_a_session_that_judged_nothing_ends_with(checkout, machine):
    assert checkout.run(ARTICLE, REQUIRED).ret == UNDECIDED
    assert checkout.run(ARTICLE, "-k", "no_such_thing").ret == NOTHING


def test_a_session_that_judged_everything_ends_with(checkout, machine):
    assert checkout.run(*GATED, STRICT, REQUIRED).ret == GREEN


def test_no_code_of_ours_is_one_of_pytest():
    ours = {ExitCode.UNDECIDED, ExitCode.MACHINE, ExitCode.INTERRUPTED}
    assert not ours & set(map(int, pytest.ExitCode))


def raising(error):
    def run(options):
        raise error

    return run


def no_space():
    return OSError(errno.ENOSPC, "No space left on device")


COMMANDS = [
    (["report", "--history", "{reference}"], None, ExitCode.WELL),
    (["report", "--history", "nowhere"], None, ExitCode.NOT_DONE),
    (["report", "--nonsense"], None, ExitCode.NOT_DONE),
    (["no-such-command"], None, ExitCode.NOT_DONE),
    (["export", "nowhere.json", "target.json"], None, ExitCode.NOT_DONE),
    (["check", "--history", "{reference}"], None, ExitCode.WELL),
    (["check", "--history", "{broken}"], None, ExitCode.BAD),
    (["report"], no_space(), ExitCode.MACHINE),
    (["report"], OSError(errno.EMFILE, "Too many open files"), ExitCode.MACHINE),
    (["report"], MemoryError(), ExitCode.MACHINE),
    (["report"], FileNotFoundError(errno.ENOENT, "no such file"), ExitCode.NOT_DONE),
    (["report"], PermissionError(errno.EACCES, "not yours"), ExitCode.NOT_DONE),
    (["report"], ZeroDivisionError("ours"), ExitCode.INTERNAL),
    (["report"], KeyboardInterrupt(), ExitCode.INTERRUPTED),
]


@pytest.mark.parametrize(("words", "error", "code"), COMMANDS)
def test_a_command_ends_with(tmp_path, monkeypatch, capfd, words, error, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"speedgate": {')
    places = {"reference": ROOT / "results" / "reference", "broken": "broken"}
    if error is not None:
        monkeypatch.setattr("speedgate.commands.report.run_report", raising(error))
    try:
        ended = main([word.format(**places) for word in words])
    except SystemExit as exit_:
        ended = exit_.code
    assert ended == code, capfd.readouterr()
    told = capfd.readouterr().err
    assert bool(told) == (code != ExitCode.WELL)
    assert ("Traceback" in told) == (code == ExitCode.INTERNAL)


def test_each_kind_has_a_code_of_its_own_and_its_row_on_the_page():
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    assert len(set(ExitCode)) == len(ExitCode.__members__)
    for code in ExitCode:
        assert f"\n| {code:d} " in page, code


def test_what_the_machine_does_is_not_what_a_person_asked_for():
    assert errno.ENOSPC in MACHINE_ERRORS
    assert code_of(no_space()) is ExitCode.MACHINE
    assert code_of(OSError("no number")) is ExitCode.NOT_DONE
