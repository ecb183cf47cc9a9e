"""In which modules a workload's code is, and whether somebody has edited them."""

import importlib
import sys

import numpy as np  # noqa: F401, loaded before any test: no process can load it twice
import pytest
from helpers.made import MadeWorkload

import workloads
from speedgate.measuring.workload_source import changed_modules, source_of

MADE = {
    "made_workloads/sub/mine.py": (
        "import json, data_of_a_project, numpy\n"
        "from .. import beside\n"
        "from .near import *\n"
        "def work(*_):\n"
        "    from helper_of_a_project import compute\n"
        "    from . import late\n"
    ),
    "made_workloads/__init__.py": "",
    "made_workloads/beside.py": "",
    "made_workloads/unused.py": "",
    "made_workloads/sub/near.py": "def late():\n    from ...... import nowhere\n",
    "made_workloads/sub/late.py": "this is no Python\n",
    "helper_of_a_project.py": "from . import nothing\nimport made_workloads.sub.mine\n",
    # A folder is no source, nor is the checkout of what is loaded from elsewhere.
    "data_of_a_project/table.csv": "1,2\n",
    "numpy/__init__.py": "import json\n",
}


@pytest.fixture(autouse=True)
def leave_no_module():
    """Forget what a test has loaded."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name, text in MADE.items():
        made(tmp_path / name, text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def made(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def loaded(monkeypatch, name, folder):
    """Return the work of a module in a folder, which comes first of all."""
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(name).work


def source():
    work = importlib.import_module("made_workloads.sub.mine").work
    return source_of(MadeWorkload(work, work))


def test_the_modules_are_those_that_the_code_imports_from_its_folders(project):
    assert set(source()) == {
        "helper_of_a_project",
        "made_workloads",
        "made_workloads.beside",
        "made_workloads.sub.late",
        "made_workloads.sub.mine",
        "made_workloads.sub.near",
    }


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("made_workloads/sub/late.py", ["made_workloads.sub.late"]),
        ("helper_of_a_project.py", ["helper_of_a_project"]),
        ("made_workloads/unused.py", []),
    ],
)
def test_an_edited_module_is_another(project, name, changed):
    before = source()
    assert changed_modules(before, source()) == []
    (project / name).write_text("# edited\n")
    assert changed_modules(before, source()) == changed


@pytest.mark.parametrize(
    ("link", "target", "module"),
    [
        ("linked.py", "linked.py", "linked"),
        ("linked", "package", "linked"),
        ("linked", "package", "linked.inner"),
    ],
)
def test_an_edited_module_behind_a_link_is_another(tmp_path, monkeypatch, link, target, module):
    """A project may link what it shares with others into its folder."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    made(shared / "linked.py", "")
    made(shared / "package/__init__.py", "")
    made(shared / "package/inner.py", "")
    made(own / "user_of_a_link.py", f"import {module}\ndef work(*_): pass\n")
    (own / link).symlink_to(shared / target)
    work = loaded(monkeypatch, "user_of_a_link", own)
    before = source_of(MadeWorkload(work, work))
    for path in shared.rglob("*.py"):
        path.write_text("# edited\n")
    assert module in changed_modules(before, source_of(MadeWorkload(work, work)))


def test_of_two_files_of_one_name_the_one_that_is_loaded_is_looked_at(tmp_path, monkeypatch):
    """Also if one folder lies in the other."""
    outer, inner = tmp_path / "outer", tmp_path / "outer/inner"
    made(outer / "in_the_outer_folder.py", "def work(*_): pass\n")
    made(outer / "of_both_folders.py", "")
    made(inner / "in_the_inner_folder.py", "import of_both_folders\ndef work(*_): pass\n")
    made(inner / "of_both_folders.py", "")
    works = loaded(monkeypatch, "in_the_outer_folder", outer)
    prepares = loaded(monkeypatch, "in_the_inner_folder", inner)
    workload = MadeWorkload(works, prepares)
    before = source_of(workload)
    (outer / "of_both_folders.py").write_text("# edited\n")
    assert changed_modules(before, source_of(workload)) == []
    (inner / "of_both_folders.py").write_text("# edited\n")
    assert changed_modules(before, source_of(workload)) == ["of_both_folders"]


def test_a_module_that_came_or_went_has_changed():
    assert changed_modules({"a": "1", "b": "2"}, {"b": "2", "c": "3"}) == ["a", "c"]


def test_the_module_that_declares_a_workload_is_of_it(project):
    (project / "declares_it.py").write_text("import made_workloads.sub.mine\n")
    importlib.import_module("declares_it")
    assert "declares_it" in source_of(MadeWorkload(len, len), "declares_it")


def test_what_is_installed_or_has_no_module_has_no_source():
    assert source_of(MadeWorkload(pytest.main, len)) == {}
    assert source_of(MadeWorkload(object(), object())) == {}


def test_a_workload_of_the_suite_has_the_source_of_the_suite():
    assert {"workloads", workloads.G.function.__module__} <= source_of(workloads.G).keys()
