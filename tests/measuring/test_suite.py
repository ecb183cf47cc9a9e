import errno
import os
import subprocess
import sys

import pytest
from helpers import made
from helpers.project import ROOT

from speedgate.measuring import suite
from speedgate.measuring.selection import OptionError
from speedgate.measuring.suite import find_workload
from speedgate.report.exit_code import REMEDIES, ExitCode, code_of, with_remedy


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_workload_is_found_by_module_and_name():
    assert find_workload("helpers.made:CASE") is made.CASE


def test_the_current_folder_is_looked_at(tmp_path, monkeypatch):
    (tmp_path / "workload_of_the_user.py").write_text("MINE = object()\n")
    monkeypatch.chdir(tmp_path)
    workload = find_workload("workload_of_the_user:MINE")
    assert workload is sys.modules.pop("workload_of_the_user").MINE


def test_what_the_package_brings_along_comes_last(tmp_path, monkeypatch):
    for folder, value in (("current", 1), ("bundled", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "workload_in_both.py").write_text(f"VALUE = {value}\n")
    (tmp_path / "bundled" / "workload_in_one.py").write_text("VALUE = 3\n")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setattr(suite, "BUNDLED_FOLDER", tmp_path / "bundled")
    values = [find_workload(f"workload_in_{name}:VALUE") for name in ("both", "one")]
    for name in ("workload_in_both", "workload_in_one"):
        del sys.modules[name]
    assert values == [1, 3]


def found(project, reference):
    """What a command finds that is started in a project's folder, which Python looks at first."""
    code = (
        "from speedgate.measuring.suite import find_workload\n"
        f"print(find_workload({reference!r}, '--workloads').__class__.__name__)\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=project, env=variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("file", ["workloads.py", "workloads/__init__.py"])
def test_a_projects_own_package_of_that_name_does_not_hide_the_suite(tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("MINE = object()\n")
    done = found(tmp_path, "workloads:G")
    assert (done.returncode, done.stdout) == (0, "Workload\n"), done.stderr
    refused = found(tmp_path, "workloads:MINE").stderr
    name = tmp_path / file.partition("/")[0]
    assert f"'workloads' is Speedgate's own package: give {name} another name" in refused


@pytest.mark.parametrize(
    "text", ["", ":", "no_such_module:G", "helpers.made:NOTHING", "helpers.made"]
)
def test_what_cannot_be_imported_is_refused_by_option_and_value(text):
    with pytest.raises(OptionError) as refused:
        find_workload(text, "--some-option")
    assert str(refused.value).startswith(f"--some-option '{text}'")
    assert "give module:name" in str(refused.value)


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        (f"OSError({errno.EMFILE}, 'Too many open files')", "EMFILE"),
        ("MemoryError", "ENOMEM"),
        ('RuntimeError("can\'t start new thread")', None),
    ],
)
def test_a_module_that_the_machine_cannot_import_is_its_fault(tmp_path, monkeypatch, raised, name):
    (tmp_path / "workload_without_room.py").write_text(f"raise {raised}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError) as refused:
        find_workload("workload_without_room:MINE", "--some-option")
    told = with_remedy(refused.value)
    assert code_of(refused.value) == ExitCode.MACHINE
    assert told.startswith("--some-option 'workload_without_room:MINE' cannot be imported (")
    assert told.endswith(f"); {REMEDIES[name]}") if name else "(ulimit -u" in told
    assert "give module:name" not in told


def test_what_a_module_does_not_find_is_no_fault_of_the_machine(tmp_path, monkeypatch):
    (tmp_path / "workload_without_data.py").write_text("open('nowhere.npy')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"nowhere\.npy") as refused:
        find_workload("workload_without_data:MINE")
    assert code_of(refused.value) == ExitCode.NOT_DONE
