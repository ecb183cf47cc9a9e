"""Environments that are made once, from wheels of a few bytes in a folder."""

import errno
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.wheels import index, make_wheel  # noqa: F401  # a fixture

from speedgate.builds import installation as module
from speedgate.builds.installation import (
    BuildError,
    Order,
    Pip,
    Uv,
    check_requirement,
    find_installer,
    install,
    is_pinned,
    last_lines,
    package_name,
    published_versions,
    python_of,
    releases,
)
from speedgate.history.cache import cache_folder
from speedgate.report.exit_code import ExitCode, code_of

VERSION = ".".join(map(str, sys.version_info[:3]))


def order(*requirements, **options):
    return Order(requirements, Path(sys.executable), VERSION, **options)


def version_in(python, package="made"):
    code = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
    done = subprocess.run([python, "-P", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


# --- environments


def test_an_environment_is_made_once(index, monkeypatch):  # noqa: F811
    make_wheel(index, "made", "1.0")
    told = []
    python = install(order("made==1.0"), told.append)
    assert version_in(python) == "1.0"
    assert python.is_relative_to(cache_folder() / "builds")
    assert told == [f"installing made==1.0 for Python {VERSION}, once"]
    monkeypatch.setattr(module, "run", None)  # nothing more is run
    assert install(order("made==1.0"), told.append) == python
    assert len(told) == 1


@pytest.mark.parametrize("damage", ["no Python", "a dangling link", "a file"])
def test_an_environment_that_is_damaged_is_made_anew(index, damage):  # noqa: F811
    make_wheel(index, "made", "1.0")
    python = install(order("made==1.0"))
    python.unlink()
    if damage == "a dangling link":
        python.symlink_to("/nowhere/python")
    elif damage == "a file":
        shutil.rmtree(python.parent.parent)
        python.parent.parent.write_text("5")
    told = []
    assert install(order("made==1.0"), told.append) == python
    assert version_in(python) == "1.0"
    assert told[0] == f"made anew: {python.parent.parent} has lost its Python"


def test_what_pins_nothing_follows_the_index_and_changes_no_environment(index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    before = install(order("made"))
    make_wheel(index, "made", "1.1")
    after = install(order("made"))
    assert (version_in(before), version_in(after)) == ("1.0", "1.1")
    assert install(order("made<2")) == after


def test_only_the_environment_is_left_in_the_cache(index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    python = install(order("made"))
    with pytest.raises(BuildError):
        install(order("made==7"))
    assert list((cache_folder() / "builds").iterdir()) == [python.parent.parent]


def test_what_nobody_uses_any_more_goes_when_another_is_made(index):  # noqa: F811
    builds = cache_folder() / "builds"
    make_wheel(index, "made", "1.0")
    make_wheel(index, "made", "1.1")
    used, unused = install(order("made==1.0")), builds / "unused"
    half_made, being_made = builds / "making-old", builds / "making-new"
    long_ago = time.time() - module.UNUSED_SECONDS - 60
    for folder in (unused, half_made, being_made):
        (folder / "bin").mkdir(parents=True)
    for folder in (used.parent.parent, unused, half_made):
        os.utime(folder, (long_ago, long_ago))
    install(order("made==1.0"))  # used again
    made = install(order("made==1.1"))
    assert set(builds.iterdir()) == {being_made, used.parent.parent, made.parent.parent}


def test_two_that_make_the_same_at_once_share_one(index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    with ThreadPoolExecutor(2) as pool:
        pythons = set(pool.map(install, [order("made==1.0")] * 2))
    assert len(pythons) == 1
    assert version_in(pythons.pop()) == "1.0"


def test_who_comes_second_takes_the_first_ones(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    module._keep(tmp_path / "second", tmp_path / "first")
    assert [path.name for path in (tmp_path / "first").iterdir()] == ["first"]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(OSError, match="none"):
        module._keep(tmp_path / "new", tmp_path / "none" / "made")


def test_a_requirement_that_does_not_resolve_says_what_pip_says(index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    with pytest.raises(BuildError) as caught:
        install(order("made==7"))
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"'made==7' cannot be installed for Python {VERSION} from wheels "
        "(--from-source builds it otherwise):"
    )
    assert "from versions: 1.0" in lines[1]


def test_an_inherited_path_lends_nothing(index, tmp_path, monkeypatch):  # noqa: F811
    """pip takes what is on PYTHONPATH for installed."""
    make_wheel(tmp_path / "elsewhere", "made", "1.0")
    install_to = tmp_path / "lent"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "-t", str(install_to)]
    subprocess.run([*command, "--find-links", str(tmp_path / "elsewhere"), "made"], check=True)
    monkeypatch.setenv("PYTHONPATH", str(install_to))
    with pytest.raises(BuildError, match=r"'made==1\.0' cannot be installed"):
        install(order("made==1.0"))


# --- what an environment is known by


def test_a_wheel_that_was_built_again_is_another(tmp_path):
    path = make_wheel(tmp_path, "made", "1.0")
    before = order(str(path)).digest([str(path)])
    assert order(str(path)).digest([str(path)]) == before
    make_wheel(tmp_path, "made", "1.0", "CHANGED = True\n")
    assert order(str(path)).digest([str(path)]) != before


@pytest.mark.parametrize(
    "other",
    [
        Order(("made",), Path(sys.executable), "3.99.0"),
        Order(("made",), Path("/another/python"), VERSION),
        Order(("made",), Path(sys.executable), VERSION, from_source=True),
        Order(("made",), Path(sys.executable), VERSION, variables={"PIP_PRE": "1"}),
    ],
)
def test_what_decides_its_contents_makes_another_environment(other):
    assert other.digest(["made==1"]) != order("made").digest(["made==1"])


def test_what_only_an_installer_cares_for_does_not(monkeypatch):
    before = order("made").digest(["made==1"])
    monkeypatch.setenv("PIP_TIMEOUT", "7")
    assert order("made").digest(["made==1"]) == before


# --- requirements


@pytest.mark.parametrize(
    ("requirement", "pinned"),
    [
        ("numpy==2.0.0", True),
        ("numpy===2.0.0", True),
        ("numpy==2.0.*", False),
        ("numpy>=2", False),
        ("numpy", False),
        ("folder/numpy-2.0.0-cp311-cp311-linux_x86_64.whl", True),
        ("numpy @ https://example.org/numpy-2.0.0-cp311-cp311-linux_x86_64.whl", True),
        ("numpy @ git+https://example.org/numpy", False),
    ],
)
def test_what_is_pinned(requirement, pinned):
    assert is_pinned(requirement) is pinned


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("NumPy==2.0.0", "numpy"),
        ("some_thing[extra]>1", "some-thing"),
        ("folder/some_thing-1.0-py3-none-any.whl", "some-thing"),
    ],
)
def test_the_package_of_a_requirement(requirement, name):
    assert package_name(requirement) == name


def test_what_is_no_requirement():
    with pytest.raises(BuildError, match=r"'numpy=>2' is not a requirement \(.*give one such as"):
        check_requirement("numpy=>2")
    with pytest.raises(BuildError, match=r"there is no wheel gone\.whl"):
        check_requirement("gone.whl")


def test_a_commit_stays_pinned_to_it():
    direct = {
        "metadata": {"name": "numpy", "version": "2.5"},
        "is_direct": True,
        "download_info": {
            "url": "https://example.org/numpy",
            "vcs_info": {"vcs": "git", "commit_id": "abc"},
        },
    }
    assert module._pin(direct) == "numpy @ git+https://example.org/numpy@abc"
    del direct["download_info"]["vcs_info"]
    assert module._pin(direct) == "numpy @ https://example.org/numpy"


NO_ROOM = "OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("words", "is_machine"),
    [
        (f"ERROR: Could not install packages due to an {NO_ROOM}", True),
        ("  Caused by: failed to open file: Too many open files (os error 24)", True),
        (f"WARNING: {NO_ROOM}\nERROR: No matching distribution found for made", False),
        ("Could not connect: Connection timed out", False),
    ],
)
def test_what_an_installer_says_of_the_machine_is_its_fault(words, is_machine):
    command = [sys.executable, "-c", f"import sys; sys.exit({words!r})"]
    with pytest.raises(BuildError) as raised:
        module.run(command, order("made"), "'made' cannot be installed")
    assert words.splitlines()[-1] in str(raised.value)
    assert code_of(raised.value) is (ExitCode.MACHINE if is_machine else ExitCode.NOT_DONE)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_an_installer_that_the_machine_cannot_start_is_its_fault(monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.children, "run", refuse)
    with pytest.raises(BuildError, match=r"^'made' cannot be installed: ") as raised:
        module.run(["pip"], order("made"), "'made' cannot be installed")
    assert code_of(raised.value) is ExitCode.MACHINE


def test_warnings_do_not_hide_the_error():
    text = "\n".join(["ERROR: the reason", *["WARNING: this and that"] * 20])
    assert last_lines(text) == "  ERROR: the reason"


# --- installers


@pytest.fixture
def a_uv(tmp_path, monkeypatch):
    """A program of that name, first on the PATH."""
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return str(program)


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
class TestUv:
    def test_it_is_taken_where_it_is(self, index, a_uv, monkeypatch):  # noqa: F811
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        assert isinstance(find_installer(order("made")), Uv)

    def test_pip_is_taken_where_pip_was_told_where_to_look(self, index, a_uv):  # noqa: F811
        assert isinstance(find_installer(order("made")), Pip)

    def test_a_builds_own_variables_are_settings_too(self, index, a_uv, monkeypatch):  # noqa: F811
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        assert isinstance(find_installer(order("made", variables={"PIP_PRE": "1"})), Pip)

    def test_it_stands_in_for_a_pip_that_is_missing(self, a_uv, monkeypatch):
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
        command = module.pip_command(order("made"))
        assert command is not None
        assert command[:3] == [a_uv, "tool", "run"]

    def test_what_it_is_asked(self, tmp_path, monkeypatch):
        asked = []

        def run(command, order, failure, written=None):
            asked.append((command, written))
            return "made==1.0\nother==2.0\n"

        monkeypatch.setattr(module, "run", run)
        uv, place = Uv("uv"), tmp_path / "environment"
        uv.make(place, order("made"))
        assert uv.resolve(place, order("made", "other")) == ("made==1.0", "other==2.0")
        uv.install(place, ("made==1.0",), order("made", from_source=True))
        (make, _), (resolve, written), (fill, _) = asked
        assert make[:2] == ["uv", "venv"]
        assert make[-1] == str(place)
        assert written == "made\nother"
        assert resolve[:5] == ["uv", "pip", "compile", "--python", str(python_of(place))]
        assert "--only-binary" in resolve
        assert "--only-binary" not in fill


@pytest.fixture
def asked(monkeypatch):
    """Each command that is run, and what a base Python says of its GIL and its pip."""
    asked, answers = [], {"free-threaded": "1", "pip": "pip 25.1"}

    def run(command, order, failure, written=None):
        asked.append(command)
        if "-c" in command:
            return answers["free-threaded"]
        if answers["pip"] is None:
            raise BuildError(failure)
        return answers["pip"]

    monkeypatch.setattr(module, "run", run)
    return asked, answers


def with_pip(monkeypatch, version):
    monkeypatch.setattr(module.importlib.metadata, "version", lambda name: version)


def test_an_old_pip_leaves_a_free_threaded_python_to_its_own(monkeypatch, asked):
    with_pip(monkeypatch, "23.2.1")
    base = Path("/python3.13t")
    assert module.pip_command(Order(("made",), base, "3.13.5")) == ["/python3.13t", "-m", "pip"]


@pytest.mark.parametrize(
    ("version", "free_threaded"), [("23.2.1", "None"), ("23.2.1", "0"), ("24.1", "1")]
)
def test_every_other_python_gets_the_pip_of_this_one(monkeypatch, asked, version, free_threaded):
    with_pip(monkeypatch, version)
    asked[1]["free-threaded"] = free_threaded
    assert module.pip_command(order("made")) == [sys.executable, "-m", "pip"]


def test_without_a_pip_that_knows_such_wheels_it_says_so(monkeypatch, asked):
    with_pip(monkeypatch, "23.2.1")
    asked[1]["pip"] = None
    with pytest.raises(BuildError, match=r"finds no wheels for a free-threaded.*upgrade .* 24\.1"):
        module.pip_command(order("made"))


def test_with_no_installer_at_all_it_says_so(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(BuildError, match="has no pip, and there is no uv on the PATH"):
        find_installer(order("made"))
    with pytest.raises(BuildError, match="has no pip to ask for the versions of made"):
        published_versions("made")


# --- versions


def test_versions_are_those_of_the_index_in_order(index):  # noqa: F811
    for version in ("1.10", "1.9", "2.0rc1", "1.2.3"):
        make_wheel(index, "made", version)
    assert published_versions("made") == ["1.2.3", "1.9", "1.10"]
    assert published_versions("made", Path(sys.executable)) == ["1.2.3", "1.9", "1.10"]


def test_pre_releases_are_none_whatever_pip_was_told():
    assert releases(["2.0.dev1", "1.0", "2.0b1", "nonsense", "0.9.post1"]) == ["0.9.post1", "1.0"]


def test_pre_releases_are_asked_for_by_name():
    found = ["2.0.dev0+git20261126", "1.0", "2.0.dev0+git20261125", "nonsense"]
    assert releases(found, with_pre=True) == [
        "1.0", "2.0.dev0+git20261125", "2.0.dev0+git20261126",
    ]  # fmt: skip


def test_a_package_that_the_index_does_not_have(index):  # noqa: F811
    with pytest.raises(BuildError, match="the index has no versions of 'made'"):
        published_versions("made")
