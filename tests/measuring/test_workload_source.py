"""In which modules a workload's code is, and whether somebody has edited them."""

import importlib
import sys

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


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name, text in MADE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


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
