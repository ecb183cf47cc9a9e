"""The GIL that came back on in a free-threaded build, and who did it."""

import os
import subprocess
import sys
import warnings
from importlib.machinery import ExtensionFileLoader, ModuleSpec

import pytest
from helpers.free_threaded import build_unsafe_extension, free_threaded_or_skip

from speedgate.measuring.runner_process import PACKAGE_FOLDER, runner_variables
from speedgate.runner import gil as module
from speedgate.runner.gil import gil_enabled

WARNING = (
    "The global interpreter lock (GIL) has been enabled to load module 'old_module', which has not "
    "declared that it can run safely without the GIL."
)


def test_an_interpreter_that_cannot_turn_its_gil_off_has_it_on(monkeypatch):
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    assert gil_enabled() is True


@pytest.mark.parametrize("state", [True, False])
def test_the_gil_is_asked_for_at_this_moment(monkeypatch, state):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: state, raising=False)
    assert gil_enabled() is state


# --- as far as can be told without a free-threaded build


@pytest.fixture
def free_threaded(monkeypatch):
    """A free-threaded build whose GIL is on, as far as can be told from here."""
    monkeypatch.setattr(module, "is_free_threaded", lambda: True)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    monkeypatch.setattr(module, "_enablers", [])
    monkeypatch.delenv("PYTHON_GIL", raising=False)
    monkeypatch.setattr(warnings, "showwarning", lambda *_, **__: None)
    monkeypatch.setattr(ExtensionFileLoader, "create_module", lambda self, spec: object())


def test_a_gil_that_came_back_is_said_with_the_module_that_did_it(free_threaded):
    assert "a module that Python did not name" in module.gil_came_back()
    module.watch_gil()
    warnings.showwarning(RuntimeWarning(WARNING), RuntimeWarning, "file.py", 1)
    warnings.showwarning(UserWarning("something else"), UserWarning, "file.py", 1)
    assert "GIL back on: old_module switched it on" in module.gil_came_back()
    assert "'PATH PYTHON_GIL=1'" in module.gil_came_back()


def load(monkeypatch, name, *, warns=False, raises=False):
    """Load an extension that switches the GIL on, with or without its warning."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False)

    def create(self, spec):
        monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True)
        if warns:
            warnings.showwarning(RuntimeWarning(WARNING), RuntimeWarning, "file.py", 1)
        if raises:
            raise RuntimeWarning(WARNING)
        return object()

    monkeypatch.setattr(ExtensionFileLoader, "create_module", create)
    module.watch_gil()
    ExtensionFileLoader(name, "x.so").create_module(ModuleSpec(name, None))


def test_a_filter_that_hides_the_warning_does_not_hide_the_module(free_threaded, monkeypatch):
    load(monkeypatch, "package._core")
    assert "package._core switched it on" in module.gil_came_back()


def test_a_warning_that_is_an_error_leaves_the_module_named(free_threaded, monkeypatch):
    with pytest.raises(RuntimeWarning):
        load(monkeypatch, "package._core", raises=True)
    assert "package._core switched it on" in module.gil_came_back()


def test_the_warning_knows_better_which_of_two_it_was(free_threaded, monkeypatch):
    load(monkeypatch, "that_loads_old_module", warns=True)
    assert module.enablers() == ["old_module"]


def test_a_gil_that_somebody_keeps_on_is_said_with_what_keeps_it_on(free_threaded, monkeypatch):
    monkeypatch.setenv("PYTHON_GIL", "1")
    assert "PYTHON_GIL=1 in the environment keeps it on; unset it" in module.gil_came_back()
    monkeypatch.setitem(sys._xoptions, "gil", "1")
    assert "-X gil=1 keeps it on" in module.gil_came_back()


def test_a_gil_that_is_off_is_no_error(free_threaded, monkeypatch):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False)
    assert module.gil_came_back() is None


def test_a_build_that_names_its_gil_is_meant_to_have_it(free_threaded, monkeypatch):
    inherited = runner_variables({"PYTHON_GIL": "1"}, (), 1)
    assert module.MEANT not in inherited
    named = runner_variables({}, (), 1, {"PYTHON_GIL": "1"})
    monkeypatch.setenv(module.MEANT, named[module.MEANT])
    assert module.gil_came_back() is None


def test_a_build_with_a_gil_may_have_it_on():
    if not module.is_free_threaded():
        assert module.gil_came_back() is None


# --- in a real one

TELL = "from speedgate.runner import gil; gil.watch_gil(); {}; print(gil.gil_came_back())"


def told(python, folder, statement, **variables):
    """What a real free-threaded Python says after a statement."""
    path = os.pathsep.join((str(folder), PACKAGE_FOLDER))
    done = subprocess.run(
        [python, "-c", TELL.format(statement)],
        env={"PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def python():
    return free_threaded_or_skip()


def test_a_real_module_that_says_nothing_is_named(python, tmp_path):
    build_unsafe_extension(python, tmp_path, "old_module")
    assert told(python, tmp_path, "import math") == "None"
    assert "old_module switched it on" in told(python, tmp_path, "import old_module")
    hidden = "import warnings; warnings.simplefilter('ignore'); import old_module"
    assert "old_module switched it on" in told(python, tmp_path, hidden)
    assert told(python, tmp_path, "import old_module", PYTHON_GIL="0") == "None"


def test_a_real_gil_that_is_kept_on_is_told(python, tmp_path):
    assert "PYTHON_GIL=1 in the environment" in told(python, tmp_path, "pass", PYTHON_GIL="1")
    meant = {"PYTHON_GIL": "1", module.MEANT: "1"}
    assert told(python, tmp_path, "pass", **meant) == "None"
