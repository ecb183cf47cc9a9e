"""Which packages switch the GIL back on: told by fresh interpreters, shown, and the exit code."""

import json
import os
import sys
from pathlib import PurePosixPath

import pytest
from helpers.free_threaded import build_unsafe_extension, free_threaded_or_skip

from speedgate.commands.main import main
from speedgate.measuring.readiness import Readiness, ReadyState, describe_packages, readiness_of
from speedgate.measuring.runner_process import THIS, Interpreter
from speedgate.report.readiness import readiness_lines
from speedgate.runner.framing import frame
from speedgate.runner.ready import PARTS_BEGIN, extension_modules, import_package, top_modules

a_script = pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
ANSWER = {
    "version": "1.0",
    "extensions": 3,
    "error": None,
    "left_out": ["made._alone"],
    "enablers": ["made._core"],
    "by_parts": [],
}
# As CPython 3.13 writes it with -v.
VERBOSE = """
import 'made' # <_frozen_importlib_external.SourceFileLoader object at 0x7f>
# loading module 'made._core', which requires the GIL
# loading module 'made._second', which requires the GIL
{parts}
# loading module 'made._lazy', which requires the GIL
# loading module 'made._core', which requires the GIL
"""


def script(path, answer, words, ending="exit 0"):
    """An interpreter that answers so, whatever it is asked."""
    answers, said = path.with_suffix(".answer"), path.with_suffix(".said")
    answers.write_text("" if answer is None else f"noise\n{frame(answer)}")
    said.write_text(words)
    path.write_text(f"#!/bin/sh\ncat {answers}\ncat {said} >&2\n{ending}\n")
    path.chmod(0o755)
    return Interpreter(str(path))


class Distribution:
    """One that is installed, as far as its files tell."""

    def __init__(self, *files):
        self.files = [PurePosixPath(file) for file in files]


# --- what belongs to a package


def test_the_extensions_of_a_package_are_all_but_those_of_its_tests():
    found = Distribution(
        "made/__init__.py",
        "made/_core.so",
        "made/part/_more.so",
        "made/_core_tests.so",
        "made/tests/_t.so",
        "made.libs/libblas.so",
        "../../../bin/made",
        "made-1.0.dist-info/RECORD",
    )
    assert list(extension_modules(found)) == ["made._core", "made.part._more"]
    assert list(top_modules(found)) == ["made"]


def test_a_package_may_be_imported_by_several_names():
    found = Distribution("one.py", "two/__init__.py", "two/three.py", "_private.py", "four.so")
    assert list(top_modules(found)) == ["four", "one", "two"]


# --- what is told of it


@a_script
def test_all_that_require_the_gil_are_named_not_only_the_first(tmp_path):
    words = VERBOSE.format(parts=PARTS_BEGIN)
    found = readiness_of("made", script(tmp_path / "python", ANSWER, words))
    assert found.state is ReadyState.SWITCHES_ON
    assert found.modules == ("made._core", "made._second")
    assert found.parts == ("made._lazy",)
    assert found.left_out == ("made._alone",)


@a_script
def test_an_import_that_crashes_is_told_with_what_it_had_done(tmp_path):
    found = readiness_of("made", script(tmp_path / "python", None, "", "kill -SEGV $$"))
    assert found.state is ReadyState.FAILS
    assert found.error == "the interpreter crashed (SIGSEGV)"
    words = "# loading module 'made._core', which requires the GIL\n"
    found = readiness_of("made", script(tmp_path / "python", None, words, "exit 3"))
    assert (found.state, found.modules) == (ReadyState.SWITCHES_ON, ("made._core",))
    assert found.error == "the interpreter ended with exit code 3"


@pytest.mark.parametrize(
    ("text", "state", "error"),
    [
        ("x = 1", ReadyState.READY, None),
        ("raise OSError('no library')", ReadyState.FAILS, "OSError: no library"),
        ("import nothing_of_this_name", ReadyState.FAILS, "No module named 'nothing_of_this_name'"),
    ],
)
def test_a_module_is_imported_really(tmp_path, text, state, error):
    (tmp_path / "made_module.py").write_text(f"print('half', end='')\n{text}\n")
    path = os.pathsep.join((str(tmp_path), THIS.package_folder))
    found = readiness_of("made_module", Interpreter(variables={"PYTHONPATH": path}))
    assert found.state is state
    assert (error or "") in (found.error or "")


def test_what_is_installed_here_with_extensions_is_listed():
    told = describe_packages(THIS)
    assert told["python"] == sys.version.split()[0]
    assert "numpy" in told["packages"]
    assert "pytest" not in told["packages"]


def test_a_distribution_is_known_by_its_own_name():
    answer = import_package("pytest-benchmark")
    assert answer["error"] is None
    assert answer["version"] is not None


# --- what is shown


def test_what_is_not_ready_comes_first_and_is_counted():
    modules = tuple(f"bad._{number}" for number in range(8))
    found = [
        Readiness("good", "1.0", 1),
        Readiness("bad", "2.0", 8, modules, ("bad._late",)),
        Readiness("gone", error="ModuleNotFoundError: No module named 'gone'"),
    ]
    assert readiness_lines(found, 300) == [
        (
            "switches the GIL on: bad 2.0 (8 extension modules); "
            "when it is imported, by bad._0, bad._1, bad._2, bad._3, bad._4, bad._5 and 2 more; "
            "when a part of it is imported: bad._late"
        ),
        "cannot be imported: gone; ModuleNotFoundError: No module named 'gone'",
        "ready: good 1.0 (1 extension module)",
        "switches the GIL on: 1, cannot be imported: 1, ready: 1",
    ]
    assert max(map(len, readiness_lines(found, 80))) <= 80


# --- the command


@pytest.fixture
def free(monkeypatch):
    """This Python as if it were free-threaded, with packages as a test says."""
    states = {}
    described = {"python": "3.13.5", "free_threaded": True, "packages": ["one", "two"]}
    monkeypatch.setattr("speedgate.commands.ready.describe_packages", lambda _: described)
    monkeypatch.setattr("speedgate.commands.ready.readiness_of", lambda name, _: states[name])
    return states


@pytest.mark.parametrize(
    ("two", "code"),
    [
        (Readiness("two"), 0),
        (Readiness("two", modules=("two._x",)), 1),
        (Readiness("two", parts=("two._x",)), 1),
        (Readiness("two", error="no"), 1),
    ],
)
def test_the_exit_code_says_whether_all_are_ready(free, capsys, two, code):
    free |= {"one": Readiness("one"), "two": two}
    assert main(["ready"]) == code
    assert main(["ready", "one"]) == 0
    capsys.readouterr()
    assert main(["ready", "two", "--format", "json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["packages"] == [two.as_json()]


def test_a_python_with_a_gil_is_never_a_silent_pass(monkeypatch, capsys):
    described = {"python": "3.12.1", "free_threaded": False, "packages": []}
    monkeypatch.setattr("speedgate.commands.ready.describe_packages", lambda _: described)
    assert main(["ready"]) == 2
    assert "not applicable: Python 3.12.1" in capsys.readouterr().err


def test_a_python_that_is_not_there_is_told(capsys):
    assert main(["ready", "--python", "/nowhere/python"]) == 2
    assert "--python: there is no Python at " in capsys.readouterr().err


def test_a_python_where_nothing_has_extensions_has_nothing_to_tell(monkeypatch, capsys):
    described = {"python": "3.13.5", "free_threaded": True, "packages": []}
    monkeypatch.setattr("speedgate.commands.ready.describe_packages", lambda _: described)
    assert main(["ready"]) == 0
    assert "no package of Python 3.13.5" in capsys.readouterr().out


def test_a_real_free_threaded_python_names_both_modules(tmp_path, capsys, monkeypatch):
    python = free_threaded_or_skip()
    folder = tmp_path / "installed"
    build_unsafe_extension(python, folder, "first_old")
    build_unsafe_extension(python, folder, "second_old")
    (folder / "made.py").write_text("import first_old, second_old\n")
    monkeypatch.setenv("PYTHON_GIL", "1")  # of the shell: each import decides for itself
    build = f"{python} PYTHONPATH={folder}"
    assert main(["ready", "made", "json", "--python", build, "--format", "json"]) == 1
    made, standard = json.loads(capsys.readouterr().out)["packages"]
    assert made["modules"] == ["first_old", "second_old"]
    assert standard["state"] == "ready"
