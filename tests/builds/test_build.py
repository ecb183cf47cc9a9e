"""Builds: how they are asked for, what is refused, and what tells one from another."""

import errno
import os
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import pytest
from helpers.wheels import NUMPY, index, make_wheel  # noqa: F401  # a fixture

from speedgate.builds import build as module
from speedgate.builds.build import (
    REMEDY,
    BuildError,
    BuildSpec,
    find_interpreter,
    open_build,
    open_builds,
    parse_build,
)
from speedgate.builds.installation import published_versions
from speedgate.history.recording import describe_runner
from speedgate.measuring.selection import OptionError
from speedgate.report.exit_code import ExitCode, code_of, with_remedy
from speedgate.runner import fingerprint

HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"
a_script = pytest.mark.skipif(os.name == "nt", reason="a script is no program there")


# --- what is asked for


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy==2.0.0", {"requirements": ("numpy==2.0.0",)}),
        ("numpy>=2 scipy", {"requirements": ("numpy>=2", "scipy")}),
        ("old=numpy==2.0.0", {"label": "old", "requirements": ("numpy==2.0.0",)}),
        ("numpy==newest", {"requirements": ("numpy==newest",)}),
        ("/usr/bin/python3", {"python": "/usr/bin/python3"}),
        ("~/env", {"python": "~/env"}),
        ("python3.12 numpy", {"python": "python3.12", "requirements": ("numpy",)}),
        ("python3.13t numpy", {"python": "python3.13t", "requirements": ("numpy",)}),
        ("OMP_NUM_THREADS=1", {"variables": {"OMP_NUM_THREADS": "1"}}),
        ("one=OMP_NUM_THREADS=1", {"label": "one", "variables": {"OMP_NUM_THREADS": "1"}}),
        ("X='a b' Y=", {"variables": {"X": "a b", "Y": ""}}),
        ("this=", {"label": "this"}),
        ("numpy@https://a.org/n-1.whl", {"requirements": ("numpy@https://a.org/n-1.whl",)}),
        ("'n @ git+https://a.org/n'", {"requirements": ("n @ git+https://a.org/n",)}),
    ],
)
def test_a_build_is_read_from_words(text, expected):
    assert parse_build(text) == BuildSpec(text, **expected)


def test_a_wheel_is_a_requirement_though_it_has_a_slash(tmp_path):
    wheel = str(make_wheel(tmp_path, "made", "1.0"))
    assert parse_build(wheel).requirements == (wheel,)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nowhere", "'nowhere' is not a Python, and no release of a package: give ./nowhere for"),
        ("one=scipy", "or scipy==newest"),
        ("", "a build is empty; give a Python, requirements, or NAME=value"),
        ("numpy 'x", 'the build "numpy \'x" cannot be read: No closing quotation'),
        ("/a/python /b/python", "names more than one Python: /a/python and /b/python"),
        ("numpy=2.0", "'numpy=2.0': a version takes two equals signs, numpy==2.0"),
        ("numpy==", "'numpy==' is not a requirement"),
        ("2.3.5", "'2.3.5' is a version of what? Give numpy==2.3.5"),
        ("newest", "'newest' is a version of what? Give numpy==newest"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, error):
    with pytest.raises(BuildError) as caught:
        parse_build(text)
    assert error in str(caught.value)


# --- labels


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["numpy==2.0", "new=numpy==2.1"], ["numpy==2.0", "new"]),
        (["numpy==2.0", "numpy==2.0"], ["numpy==2.0", "numpy==2.0 (2)"]),
        (["/x/python3", "OMP_NUM_THREADS=1"], [HERE, "OMP_NUM_THREADS=1"]),
        (["LD_LIBRARY_PATH=/lib/blis/"], ["LD_LIBRARY_PATH=blis"]),
        (["LONG=" + 50 * "x"], ["LONG=" + 32 * "x" + "..."]),
        (["x/made-1.0-py3-none-any.whl"], ["made-1.0-py3-none-any.whl"]),
    ],
)
def test_labels_are_short_and_tell_builds_apart(texts, labels, monkeypatch):
    monkeypatch.setattr(module, "check_requirement", lambda text: None)
    version = ".".join(map(str, sys.version_info[:3]))
    assert module._labels(list(map(parse_build, texts)), [version] * len(texts)) == labels


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_the_python_of_an_environment_is_called_as_its_folder(mark, tmp_path):
    folder = tmp_path / "trial"
    (folder / mark).parent.mkdir(parents=True)
    (folder / mark).touch()
    assert module._short_python(str(folder), "3.12.1") == "trial"
    assert module._short_python(str(folder / "bin" / "python"), "3.12.1") == "trial"


def test_two_builds_of_one_name_are_refused():
    with pytest.raises(BuildError, match=r"two builds are called 'a': 'a=X=1' and 'a=X=2'"):
        open_builds(["a=X=1", "a=X=2"])


# --- builds that are there


def test_this_interpreter_with_a_variable():
    one, other = open_builds(["this=", "OMP_NUM_THREADS=1"])
    assert one.python == other.python == Path(sys.executable)
    assert (one.variables, other.variables) == ({}, {"OMP_NUM_THREADS": "1"})
    assert other.environment["variables"]["OMP_NUM_THREADS"] == "1"
    assert one.environment["numpy"] == other.environment["numpy"]
    assert one.fingerprint != other.fingerprint


def test_two_that_are_the_same_are_refused_and_named():
    texts = ["this=", f"other={sys.executable}"]
    with pytest.raises(BuildError) as caught:
        open_builds(texts)
    assert f"'this=' and 'other={sys.executable}' are the same build" in str(caught.value)
    assert "--allow-same" in str(caught.value)
    one, other = open_builds(texts, allow_same=True)
    assert one.fingerprint == other.fingerprint
    assert one.label != other.label


@pytest.mark.parametrize(
    "variable", ["LD_LIBRARY_PATH=/nowhere", "PYTHONPATH=/nowhere", "PYTHON_GIL=1"]
)
def test_a_variable_that_changes_nothing_makes_no_other_build(variable):
    with pytest.raises(BuildError, match="are the same build"):
        open_builds(["this=", variable])


def test_environments_are_made_of_requirements(index):  # noqa: F811
    """Neither pytest nor Speedgate is installed in them, nor a pip."""
    for version in ("1.0", "1.1"):
        make_wheel(index, "numpy", version, NUMPY)
    told = []
    old, new, same = open_builds(
        ["numpy==previous", "numpy==newest", "again=numpy"], allow_same=True, notify=told.append
    )
    assert [build.environment["numpy"]["version"] for build in (old, new, same)] == [
        "1.0",
        "1.1",
        "1.1",
    ]
    assert [build.label for build in (old, new, same)] == ["numpy==1.0", "numpy==1.1", "again"]
    assert old.fingerprint != new.fingerprint == same.fingerprint
    assert len(told) == 2
    names = {path.name for path in _packages_of(new).iterdir()} - {"__pycache__"}
    assert names == {"numpy", "numpy-1.1.dist-info"}


def _packages_of(build):
    paths = {"base": str(build.python.parent.parent), "platbase": str(build.python.parent.parent)}
    return Path(sysconfig.get_path("purelib", "venv", vars=paths))


def test_another_package_makes_another_build(index):  # noqa: F811
    make_wheel(index, "numpy", "1.0", NUMPY)
    for version in ("1", "2"):
        make_wheel(index, "made", version, requires=["numpy"])
    one, other = open_builds(["numpy made==1", "numpy made==2"])
    assert one.fingerprint != other.fingerprint


def test_an_installers_variables_are_not_the_runners(index, monkeypatch):  # noqa: F811
    make_wheel(index, "numpy", "1.0", NUMPY)
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (build,) = open_builds([f"numpy==newest PIP_FIND_LINKS={index} OMP_NUM_THREADS=1"])
    assert build.environment["numpy"]["version"] == "1.0"
    assert build.variables == {"OMP_NUM_THREADS": "1"}


def test_an_inherited_path_reaches_this_interpreter_only(index, monkeypatch):  # noqa: F811
    make_wheel(index, "numpy", "1.0", NUMPY)
    monkeypatch.setenv("PYTHONPATH", "/ours")
    this, other = open_builds(["this=", "numpy==1.0"])
    assert this.variables == {}
    assert other.variables == {"PYTHONPATH": ""}


# --- builds that cannot be measured


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@a_script
@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "echo broken >&2; exit 3",
            f"does not start as a Python; {REMEDY}; it wrote:\n  broken",
        ),
        (
            "exit 3",
            f"does not start as a Python; {REMEDY}; it wrote:\n  exit code 3",
        ),
        ("echo 3.10.4", "is Python 3.10.4; 3.11 or newer is needed, name such a one"),
        ("echo hello", "says 'hello' when asked for its version; give the path of a Python"),
        ("exit 0", "says '' when asked for its version; give the path of a Python"),
    ],
)
def test_an_interpreter_that_will_not_do(text, error, tmp_path):
    path = script(tmp_path / "python", text)
    with pytest.raises(BuildError) as caught:
        open_builds(["this=", path])
    assert str(caught.value).startswith(f"{path} {error}")


def test_an_interpreter_that_prints_as_it_starts_and_ends_is_understood(tmp_path, monkeypatch):
    noise = "import atexit; print('half', end='', flush=True); atexit.register(print, 'bye')"
    (tmp_path / "sitecustomize.py").write_text(noise)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (build,) = open_builds(["this="])
    assert build.environment["python"] == describe_runner(1)["python"]


def test_an_interpreter_that_is_not_there(tmp_path):
    with pytest.raises(BuildError, match="there is no Python at "):
        open_builds([str(tmp_path / "gone")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BuildError, match=r"there is no Python at .*empty"):
        open_builds([str(tmp_path / "empty")])
    with pytest.raises(BuildError, match=r"there is no python3\.98 on the PATH; install it, or "):
        open_builds(["python3.98 numpy"])


def test_an_interpreter_that_cannot_be_started(tmp_path):
    path = tmp_path / "python"
    path.touch()
    with pytest.raises(
        BuildError, match="python does not start: it may not be run; give the path of one"
    ):
        open_builds([str(path)])


@a_script
def test_a_program_of_another_machine_is_called_that(tmp_path):
    path = tmp_path / "python"
    path.write_bytes(b"\x7fELF" + bytes(60))
    path.chmod(0o755)
    with pytest.raises(BuildError, match="it is not a program for this machine"):
        open_builds([str(path)])


def test_a_build_that_needs_no_numpy_is_described_without(index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    (build,) = open_builds(["made==1.0"], needs_numpy=False)
    assert build.environment["numpy"] is None
    assert build.environment["python"] == describe_runner(1)["python"]


def test_a_build_tells_the_libraries_that_are_installed_there_and_not_here(index):  # noqa: F811
    make_wheel(index, "numpy", "1.0", NUMPY)
    make_wheel(index, "joblib", "0.1")
    (build,) = open_builds(["numpy joblib"])
    assert build.environment["libraries"] == {"joblib": "0.1"}


def test_the_home_and_the_path_of_this_python_are_not_anothers(index, monkeypatch):  # noqa: F811
    make_wheel(index, "numpy", "1.0", NUMPY)
    monkeypatch.setenv("PYTHONHOME", sys.prefix if os.name == "nt" else sys.base_prefix)
    monkeypatch.setenv("PYTHONPATH", "/of/this/process")
    (build,) = open_builds(["numpy"])
    assert build.variables == {"PYTHONHOME": "", "PYTHONPATH": ""}


def test_an_option_that_names_no_build_says_which_option(tmp_path):
    with pytest.raises(OptionError, match=r"^--python: there is no Python at "):
        open_build(str(tmp_path / "gone"))


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOSPC])
def test_an_interpreter_that_the_machine_cannot_start_is_its_fault(monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("speedgate.measuring.children.run", refuse)
    for opened in (lambda: open_builds(["this="]), lambda: open_build("this=")):
        with pytest.raises((BuildError, OptionError), match="does not start: ") as raised:
            opened()
        assert code_of(raised.value) is ExitCode.MACHINE
        assert f"{os.strerror(number)}; " in with_remedy(raised.value)
    with (
        pytest.raises(OptionError, match=r"^--python: .* does not start") as raised,
        find_interpreter("X=1"),
    ):
        pass
    assert code_of(raised.value) is ExitCode.MACHINE


@a_script
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_what_an_interpreter_says_of_the_machine_is_its_fault(tmp_path, number):
    path = script(tmp_path / "python", f"echo 'OSError: {os.strerror(number)}' >&2; exit 1")
    with pytest.raises(BuildError, match="does not start as a Python") as raised:
        open_builds(["this=", path])
    assert code_of(raised.value) is ExitCode.MACHINE


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_a_numpy_that_the_machine_cannot_load_is_its_fault(index, number):  # noqa: F811
    error = f"raise OSError({number}, {os.strerror(number)!r})\n"
    make_wheel(index, "numpy", "1.0", {"numpy/__init__.py": error})
    with pytest.raises(BuildError, match="has no NumPy that can be imported") as raised:
        open_builds(["numpy"])
    assert code_of(raised.value) is ExitCode.MACHINE


def test_a_build_without_numpy(index):  # noqa: F811
    make_wheel(index, "made", "1.0")
    with pytest.raises(BuildError) as caught:
        open_builds(["made==1.0"])
    assert str(caught.value).startswith("'made==1.0': ")
    assert "has no NumPy that can be imported (ModuleNotFoundError: " in str(caught.value)


def test_a_numpy_that_is_broken_says_how(index):  # noqa: F811
    make_wheel(index, "numpy", "1.0", {"numpy/__init__.py": "raise OSError('libblas is gone')\n"})
    with pytest.raises(BuildError, match=r"\(OSError: libblas is gone\)"):
        open_builds(["numpy"])


def test_what_was_never_released(index):  # noqa: F811
    make_wheel(index, "numpy", "1.0", NUMPY)
    assert published_versions("numpy") == ["1.0"]
    with pytest.raises(BuildError, match="'numpy==previous': the index has only 1 release of it"):
        open_builds(["numpy==previous"])


# --- fingerprints


def test_a_digest_is_of_contents_wherever_they_lie(tmp_path):
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    a, b, c = (str(tmp_path / name) for name in "abc")
    assert fingerprint.digest_files([a]) == fingerprint.digest_files([b])
    assert fingerprint.digest_files([a, b]) == fingerprint.digest_files([b])
    assert fingerprint.digest_files([a, c]) != fingerprint.digest_files([a])
    assert fingerprint.digest_files([str(tmp_path / "gone")])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what is mapped")
def test_what_is_mapped_is_the_program_and_the_blas():
    code = (
        "import numpy.linalg, speedgate.runner.fingerprint as f; "
        "print(*f.mapped_files(), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    paths = set(done.stdout.split())
    assert any(Path(path).samefile(sys.executable) for path in paths)
    assert any("_umath_linalg" in path for path in paths)
    assert any("blas" in path for path in paths)


def test_elsewhere_threadpoolctl_tells_the_blas(monkeypatch):
    class Nowhere(type(Path())):
        def read_text(self, *_):
            raise FileNotFoundError

    import_module("numpy.linalg")
    monkeypatch.setattr(fingerprint, "Path", Nowhere)
    mapped = list(fingerprint.mapped_files())
    assert Path(mapped[0]) == Path(sys.executable).resolve()
    assert any("blas" in path for path in mapped[1:])


def test_a_package_is_known_by_its_files_not_by_who_installed_it():
    assert fingerprint.digest_package("no-such-package") is None
    assert fingerprint.digest_package("pytest") == fingerprint.digest_package("pytest")
    assert fingerprint.digest_package("pytest") != fingerprint.digest_package("msgspec")
