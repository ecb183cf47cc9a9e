"""What another interpreter is lent: enough to measure, and nothing of this one's."""

import errno
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from speedgate.builds.package_copy import FALLBACK_FOLDER, lent_folder
from speedgate.report.exit_code import ExitCode, code_of
from speedgate.runner.strategies import STRATEGIES


@pytest.fixture
def bundled(tmp_path):
    """What a wheel brings along."""
    folder = tmp_path / "_suite"
    (folder / "workloads").mkdir(parents=True)
    (folder / "workloads" / "__init__.py").write_text("HERE = True\n")
    return folder


def test_it_holds_what_measures_and_nothing_else(tmp_path):
    with lent_folder(tmp_path / "none") as folder:
        lent = sorted(path.name for path in folder.iterdir())
        # The workloads are beside a checkout only, asv_runner where it is installed.
        assert set(lent) - {"workloads", FALLBACK_FOLDER} == {"speedgate", "threadpoolctl.py"}
        assert (FALLBACK_FOLDER in lent) == (find_spec("asv_runner") is not None)
        assert (folder / "speedgate" / "runner" / "server.py").is_file()
        assert not list(folder.rglob("__pycache__"))
        assert not [path for path in folder.rglob("*") if path.is_symlink()]
    assert not folder.exists()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
@pytest.mark.parametrize("name", ["server.py", "threadpoolctl.py"])
def test_a_copy_that_the_machine_has_no_room_for_is_its_fault(monkeypatch, number, name):
    copy = shutil.copyfile

    def refuse(source, target, **options):
        if Path(source).name == name:
            raise OSError(number, os.strerror(number), str(target))
        return copy(source, target, **options)

    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(OSError, match=os.strerror(number)) as raised, lent_folder():
        pass
    assert code_of(raised.value) is ExitCode.MACHINE


def test_a_file_that_may_not_be_copied_is_named(monkeypatch):
    def refuse(source, target, **options):
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(source))

    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(OSError, match=r"Permission denied: '.*\.py'$") as raised, lent_folder():
        pass
    assert code_of(raised.value) is ExitCode.NOT_DONE


def test_the_workloads_that_a_wheel_brings_are_lent_too(bundled):
    with lent_folder(bundled) as folder:
        assert (folder / "workloads" / "__init__.py").is_file()
        assert not (folder / "speedgate" / "_suite").exists()


def test_it_is_gone_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), lent_folder(tmp_path / "none") as folder:
        raise RuntimeError
    assert not folder.exists()


def test_a_python_with_no_package_at_all_serves_from_it(bundled):
    """``-S`` leaves out site-packages: whatever is imported beyond the standard library is lent."""
    code = (
        "import json, sys, speedgate.runner.server, speedgate.runner.fingerprint; "
        "import threadpoolctl, workloads; "
        "from speedgate.runner.strategies import STRATEGIES; "
        "print(json.dumps([speedgate.runner.server.__file__, sorted(STRATEGIES)]))"
    )
    with lent_folder(bundled) as folder:
        done = subprocess.run(
            [sys.executable, "-S", "-P", "-c", code],
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        assert str(folder) in done.stdout
    assert all(name in done.stdout for name in STRATEGIES)
