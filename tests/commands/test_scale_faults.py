"""The command ``scale`` where something cannot be used, read, started, saved or shown."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.scale_suites import COMMON, TESTS

from speedgate.commands.main import main
from speedgate.history.document import read_run
from speedgate.measuring import scale_run
from speedgate.report.exit_code import REMEDIES

pytest_plugins = "helpers.scale_fixtures"


def test_a_machine_that_fails_ends_it_with_what_it_has(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = scale_run.Scaling._one

    def no_more(scaling: Any, benchmark: Any, *more: Any) -> Any:
        if scaling.scaled:
            raise OSError(errno.EMFILE, "Too many open files")
        return one(scaling, benchmark, *more)

    monkeypatch.setattr(scale_run.Scaling, "_one", no_more)
    assert main(["scale", "test_some.py", "-k", "healthy or holds"]) == 11
    shown = capsys.readouterr()
    assert "ended by the machine: [Errno 24] Too many open files" in shown.err
    assert "test_healthy" in shown.out
    [file] = tests.glob("results/*/*.json")
    assert not read_run(file).is_complete


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py"], "there is no nowhere.py"),
        (["test_some.py", "--threads", "1000"], "more than the"),
        (["test_some.py", "--threads", "zero"], "--threads"),
        (["test_some.py", "-k", "nothing_like_it"], "matches none of 13"),
        (["test_some.py", "-k", "a and"], "-k 'a and'"),
        (["test_some.py", "--min-speedup", "fast"], "--min-speedup"),
        (["test_some.py", "--max-gil-held", "2"], "--max-gil-held"),
        (["test_some.py", "--max-inflation", "much"], "--max-inflation"),
        (["test_some.py", "--gates", "nowhere.toml"], "--gates"),
        (["test_some.py", "--sample", "none"], "--sample"),
        # Told before the collection, which may take minutes.
        (["test_some.py", "-k", "nothing", "--results", "common.py"], "name a folder that can be"),
        (["common.py"], "no benchmark in common.py"),
        (["test_some.py", "--python", "/nowhere/python"], "--python"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tests: Path, capsys: Any, arguments: list[str], words: str
) -> None:
    assert main(["scale", *arguments]) == 4
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_what_the_machine_cannot_read_or_start_has_its_code_and_a_remedy(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    (tests / "pyproject.toml").write_text("")
    remedy = f"{os.strerror(number)}); {REMEDIES[errno.errorcode[number]]}"
    with monkeypatch.context() as patched:
        patched.setattr("speedgate.files.read", refuse)
        assert main(["scale", "test_some.py", "--gates", "rules.toml"]) == 11
        told = capsys.readouterr().err
        assert told == f"speedgate scale: --gates: rules.toml cannot be read ({remedy}\n"
        assert main(["scale", "test_some.py"]) == 11
        told = capsys.readouterr().err
        assert told == f"speedgate scale: {tests / 'pyproject.toml'} cannot be read ({remedy}\n"
    monkeypatch.setattr("speedgate.measuring.children.run", refuse)
    assert main(["scale", "test_some.py", "--python", sys.executable]) == 11
    told = capsys.readouterr().err
    assert f"--python: {sys.executable} does not start: [Errno {number}] " in told
    assert REMEDIES[errno.errorcode[number]] in told


def test_a_file_that_cannot_be_imported_is_told_with_its_line(tests: Path, capsys: Any) -> None:
    (tests / "test_broken.py").write_text("import nothing_of_this_name\n")
    assert main(["scale", "test_broken.py"]) == 4
    words = capsys.readouterr().err
    assert "test_broken.py:1: ModuleNotFoundError" in words
    assert "nothing_of_this_name" in words


def test_a_run_that_cannot_be_saved_is_shown_all_the_same(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("speedgate.files.write_whole", full)
    assert main(["scale", "test_some.py", "-k", "holds"]) == 11
    shown = capsys.readouterr()
    assert "test_holds" in shown.out
    assert "not saved" in shown.err
    assert "No space left on device" in shown.err
    assert list(tests.glob("results/*/*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_an_output_that_is_full_costs_no_run_of_scale(
    tests: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w", buffering=1) as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        assert main(["scale", "test_some.py", "-k", "holds"]) == 11
    told = capsys.readouterr().err
    assert "speedgate scale: [Errno 28] No space left on device; make room" in told
    [file] = tests.glob("results/*/*.json")
    assert f"saved in {file.relative_to(tests)}" in told
    assert read_run(file).is_complete
    assert not list(tests.glob("results/*/*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupt_loses_nothing(interruptible: None, tests: Path) -> None:
    command = [sys.executable, "-m", "speedgate", "scale", "test_some.py", "-k", "healthy or dies"]
    (tests / "test_some.py").write_text(TESTS.replace("def dies", "def never"))
    (tests / "common.py").write_text(
        COMMON.replace("    if not races():", "    time.sleep(60)\n    if not races():")
    )
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not list(tests.glob("results/*/*.part")) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "test_healthy" in out
    [file] = tests.glob("results/*/*.json")
    assert not read_run(file).is_complete
