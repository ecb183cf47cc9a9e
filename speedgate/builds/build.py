"""Build: an interpreter, its NumPy and BLAS, and the variables that they are measured with."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.builds.fault import fault_told_in
from speedgate.builds.installation import (
    INSTALLER_PREFIXES,
    BuildError,
    Order,
    check_requirement,
    install,
    last_lines,
    package_name,
    published_versions,
    python_of,
)
from speedgate.builds.label import BuildLabel
from speedgate.builds.package_copy import lent_folder
from speedgate.history.identity import TELLING_BLAS_FIELDS, build_of
from speedgate.history.redaction import shown_variables, without_credentials
from speedgate.measuring import children
from speedgate.measuring.runner_process import THIS, Interpreter, runner_variables
from speedgate.measuring.selection import OptionError
from speedgate.runner.framing import last_record

__all__ = ["Build", "BuildError", "BuildSpec", "open_build", "open_builds", "parse_build"]

OLDEST_PYTHON = (3, 11)
START_SECONDS = 120.0
LONGEST_LABEL = 40
DESCRIBE = "from speedgate.runner.fingerprint import print_build; print_build()"
# Python 2 must understand this, too.
ASK_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
# What these do is seen in what is loaded or told, so that a folder without a BLAS, or a core type
# that this OpenBLAS does not know, is not taken for a difference.
SEEN_VARIABLES = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHON_GIL",
    "OPENBLAS_CORETYPE",
)

# How Linux and macOS refuse a program that was built for another processor.
# What to do about a path that is no Python.
REMEDY = "give the path of one, or the folder of an environment"
OF_ANOTHER_MACHINE = (errno.ENOEXEC, getattr(errno, "EBADARCH", None))

_LABEL = re.compile(r"([a-z][a-z0-9_.+-]*)=(?!=)")
_VARIABLE = re.compile(r"([A-Z_][A-Z0-9_]*)=")
_PYTHON = re.compile(r"python(\d+(\.\d+t?)?)?(\.exe)?")
_BARE_VERSION = re.compile(r"\d+(\.\d+)*|newest|previous")
_BARE_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NAMED_VERSION = re.compile(r"(?P<package>[A-Za-z0-9._-]+)==(?P<which>newest|previous)")

Json = dict[str, Any]


@dataclass(frozen=True)
class BuildSpec:
    """A build as the command line asks for it.

    ``python`` is a path or a name such as ``python3.12``, ``None`` for this interpreter; it is the
    base of an environment where there are ``requirements``.
    """

    text: str
    label: str | None = None
    python: str | None = None
    requirements: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Build:
    """A build that can be measured: everything it needs is there.

    ``label`` is unique among the builds of a duel; ``python`` is absolute; ``variables`` are set
    for its runners; ``environment`` is what ``describe_build`` says in it. Two builds have
    the same ``fingerprint`` where nothing differs that could make one faster.
    """

    label: BuildLabel
    python: Path
    variables: Mapping[str, str]
    environment: Json
    fingerprint: str

    def interpreter(self, lent: str) -> Interpreter:
        """Return where its runners run; ``lent`` is the folder with the copies of this package."""
        return Interpreter(str(self.python), self.variables, lent)


def parse_build(text: str) -> BuildSpec:
    """Read ``[label=]WORDS``: a Python, requirements, and ``NAME=value`` for variables.

    Words are split as a shell does. ``BuildError`` for what cannot be meant.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BuildError(f"the build {text!r} cannot be read: {error}") from None
    label = None
    if words and (named := _LABEL.match(words[0])):
        label, rest = named[1], words[0][named.end() :]
        words = [*([rest] if rest else []), *words[1:]]
        if re.fullmatch(r"\d[\d.]*", rest):
            raise BuildError(f"'{text}': a version takes two equals signs, {label}=={rest}")
    elif not words:
        raise BuildError("a build is empty; give a Python, requirements, or NAME=value")
    variables, pythons, requirements = {}, [], []
    for word in words:
        if variable := _VARIABLE.match(word):
            variables[variable[1]] = word[variable.end() :]
        elif _is_python(word):
            pythons.append(word)
        else:
            requirements.append(word)
    if len(pythons) > 1:
        raise BuildError(f"'{text}' names more than one Python: {' and '.join(pythons)}")
    _check_requirements(requirements)
    if not pythons:
        _refuse_a_bare_name(requirements)
    return BuildSpec(text, label, next(iter(pythons), None), tuple(requirements), variables)


def _is_python(word: str) -> bool:
    """A path, or a name such as ``python3.12``; a wheel and an address are requirements."""
    if word.endswith(".whl") or "://" in word or " @ " in word:
        return False
    return bool(_PYTHON.fullmatch(word)) or "/" in word or os.sep in word


def _refuse_a_bare_name(requirements: Sequence[str]) -> None:
    """A mistyped path must not install the package that somebody has published under that name."""
    names = [name for name in requirements if name != "numpy" and _BARE_NAME.fullmatch(name)]
    if len(requirements) == len(names) == 1:
        [name] = names
        raise BuildError(
            f"'{name}' is not a Python, and no release of a package: give ./{name} for an "
            f"environment in this folder, or {name}==newest"
        )


def _check_requirements(requirements: Iterable[str]) -> None:
    for requirement in requirements:
        if _BARE_VERSION.fullmatch(requirement):
            raise BuildError(f"'{requirement}' is a version of what? Give numpy=={requirement}")
        if not _NAMED_VERSION.fullmatch(requirement):
            check_requirement(requirement)


def open_builds(
    texts: Sequence[str],
    *,
    from_source: bool = False,
    allow_same: bool = False,
    needs_numpy: bool = True,
    notify: Callable[[str], None] = lambda line: None,
) -> list[Build]:
    """Return the builds that ``texts`` ask for, installed and started once.

    ``BuildError`` says which cannot be measured and why, or which two are the same, unless
    ``allow_same``. ``notify`` is given a line for what takes long.
    """
    specs = [parse_build(text) for text in texts]
    _refuse_same_labels(specs)
    bases = [_find_base(spec) for spec in specs]
    specs = [
        replace(spec, requirements=tuple(_named_versions(spec, base, from_source)))
        for spec, (base, _) in zip(specs, bases, strict=True)
    ]
    packages = sorted({package_name(wanted) for spec in specs for wanted in spec.requirements})
    with lent_folder() as lent:
        builds = []
        labels = _labels(specs, [version for _, version in bases])
        for spec, label, (base, version) in zip(specs, labels, bases, strict=True):
            python = _install(spec, base, version, from_source, notify)
            builds.append(_describe(spec, label, python, packages, lent, needs_numpy))
    if not allow_same:
        _refuse_same_builds(builds, specs)
    return builds


def open_build(
    text: str,
    option: str = "--python",
    *,
    needs_numpy: bool = True,
    notify: Callable[[str], None] = lambda line: None,
) -> Build:
    """Return the build that an option names; ``OptionError`` says why it cannot be measured."""
    try:
        [build] = open_builds([text], needs_numpy=needs_numpy, notify=notify)
    except BuildError as error:
        raise OptionError(f"{option}: {error}") from error
    return build


@contextmanager
def find_interpreter(
    text: str | None, notify: Callable[[str], None] = lambda line: None
) -> Iterator[Interpreter]:
    """Yield where processes of a build run, which is installed and not asked what it is.

    Without a build, this Python. ``OptionError`` says why there is none.
    """
    if text is None:
        yield THIS
        return
    try:
        spec = parse_build(text)
        base, version = _find_base(spec)
        spec = replace(spec, requirements=tuple(_named_versions(spec, base, False)))
        python = _install(spec, base, version, False, notify)
    except BuildError as error:
        raise OptionError(f"--python: {error}") from error
    with lent_folder() as lent:
        yield Interpreter(str(python), _runner_variables_of(spec), str(lent))


def _refuse_same_labels(specs: Sequence[BuildSpec]) -> None:
    for one, other in combinations(specs, 2):
        if one.label is not None and one.label == other.label:
            raise BuildError(
                f"two builds are called '{one.label}': '{one.text}' and '{other.text}'; "
                "give each a name of its own before the ="
            )


def _refuse_same_builds(builds: Sequence[Build], specs: Sequence[BuildSpec]) -> None:
    for (one, mine), (other, yours) in combinations(zip(builds, specs, strict=True), 2):
        if one.fingerprint == other.fingerprint:
            raise BuildError(
                f"'{mine.text}' and '{yours.text}' are the same build, to the byte: "
                f"{build_of(one.environment)}; change one, or measure it against itself with "
                "--allow-same"
            )


def _labels(specs: Sequence[BuildSpec], versions: Sequence[str]) -> list[BuildLabel]:
    """Return a name for each: the one that was given, or else what was asked for."""
    taken = {spec.label for spec in specs if spec.label is not None}
    labels = []
    for spec, version in zip(specs, versions, strict=True):
        label = spec.label or _unlike(_made_label(spec, version), taken)
        taken.add(label)
        labels.append(BuildLabel(label))
    return labels


def _made_label(spec: BuildSpec, version: str) -> str:
    words = [] if spec.python is None else [_short_python(spec.python, version)]
    words += [_last_part(without_credentials(wanted)) for wanted in spec.requirements]
    shown = shown_variables(spec.variables)
    words += [f"{name}={_last_part(value)}" for name, value in shown.items()]
    label = " ".join(words) or "this"
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 3]}..."


def _last_part(text: str) -> str:
    """The end of a path or an address tells it from others; all else is left as it is."""
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _short_python(python: str, version: str) -> str:
    """The folder of an environment, for a Python in one; else ``python3.12``."""
    folder = _environment_folder(Path(python).expanduser())
    return f"python{version.rpartition('.')[0]}" if folder is None else folder.name


def _environment_folder(python: Path) -> Path | None:
    for folder in (python, python.parent.parent):
        if files.is_file(folder / "pyvenv.cfg") or files.is_folder(folder / "conda-meta"):
            return folder
    return None


def _unlike(label: str, taken: set[str]) -> str:
    """The label, numbered where it is taken: a build may be measured against itself."""
    number, numbered = 1, label
    while numbered in taken:
        number += 1
        numbered = f"{label} ({number})"
    return numbered


def _find_base(spec: BuildSpec) -> tuple[Path, str]:
    """Return the interpreter that is named, or this one, and its version; it has been started."""
    python = Path(sys.executable) if spec.python is None else _locate(spec.python)
    # What a build sets for a BLAS may break an interpreter, too: it is started with that.
    variables = runner_variables(os.environ, (), None, spec.variables)
    version = _start(spec, [str(python), "-ES", "-c", ASK_VERSION], variables, python).strip()
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise BuildError(
            f"{_called(spec, python)} says '{version[:80]}' when asked for its version; "
            "give the path of a Python"
        )
    if tuple(map(int, version.split(".")[:2])) < OLDEST_PYTHON:
        raise BuildError(
            f"{_called(spec, python)} is Python {version}; 3.11 or newer is needed, name such a one"
        )
    return python, version


def _locate(text: str) -> Path:
    """Return the absolute path of a Python; a folder stands for the environment in it."""
    if _PYTHON.fullmatch(text) and not files.is_file(Path(text)):
        on_path = shutil.which(text)
        if on_path is None:
            raise BuildError(f"there is no {text} on the PATH; install it, or give its path")
        return Path(on_path)
    # Not resolved: the interpreter of an environment is a link, and knows itself by its place.
    path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100
    if files.is_folder(path):
        path = python_of(path)
    if not files.exists(path):
        raise BuildError(f"there is no Python at {path}; {REMEDY}")
    return path


def _start(spec: BuildSpec, command: list[str], variables: Mapping[str, str], python: Path) -> str:
    """Return what an interpreter prints; ``BuildError`` if it does not start."""
    try:
        done = children.run(command, variables, timeout=START_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{_called(spec, python)} does not start: {_why_not(error)}") from error
    if done.returncode != 0:
        words = last_lines(done.stderr) or f"  exit code {done.returncode}"
        raise BuildError(
            f"{_called(spec, python)} does not start as a Python; {REMEDY}; it wrote:\n{words}"
        ) from fault_told_in(words)
    return done.stdout


def _why_not(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in OF_ANOTHER_MACHINE:
        return (
            f"it is not a program for this machine ({platform.machine()}); give the path of a "
            "Python that was built for it"
        )
    if isinstance(error, PermissionError):
        return f"it may not be run; {REMEDY}"
    return str(error)


def _called(spec: BuildSpec, python: Path) -> str:
    """Return how an error names an interpreter: by what was asked for, too, where that differs."""
    return str(python) if spec.text == str(python) else f"'{spec.text}': {python}"


def _named_versions(spec: BuildSpec, base: Path, from_source: bool) -> Iterator[str]:
    """Yield the requirements with ``==newest`` and ``==previous`` as the releases they are now."""
    for requirement in spec.requirements:
        named = _NAMED_VERSION.fullmatch(requirement)
        if named is None:
            yield requirement
            continue
        back = 1 if named["which"] == "newest" else 2
        versions = published_versions(
            named["package"], base, from_source, _installer_variables_of(spec)
        )
        if len(versions) < back:
            raise BuildError(f"'{requirement}': the index has only {len(versions)} release of it")
        yield f"{named['package']}=={versions[-back]}"


def _install(
    spec: BuildSpec, base: Path, version: str, from_source: bool, notify: Callable[[str], None]
) -> Path:
    if not spec.requirements:
        return base
    requirements = tuple(map(_absolute, spec.requirements))
    order = Order(requirements, base, version, from_source, _installer_variables_of(spec))
    return install(order, notify)


def _absolute(requirement: str) -> str:
    """The path of a wheel means the same wherever an installer is started."""
    is_file = requirement.endswith(".whl") and files.is_file(Path(requirement))
    return str(Path(requirement).resolve()) if is_file else requirement


def _describe(
    spec: BuildSpec,
    label: BuildLabel,
    python: Path,
    packages: Sequence[str],
    lent: Path,
    needs_numpy: bool,
) -> Build:
    """Start the build as its runners will be started, and ask it what it is."""
    own = _runner_variables_of(spec)
    variables = runner_variables(os.environ, (), None, own, str(lent))
    command = [str(python), "-P", "-c", DESCRIBE, *packages]
    told = last_record(_start(spec, command, variables, python))
    if told is None:
        raise BuildError(f"{_called(spec, python)} ended before it said what it is; name another")
    if told["environment"] is None or (needs_numpy and told["numpy_error"] is not None):
        raise BuildError(
            f"{_called(spec, python)} has no NumPy that can be imported "
            f"({told['numpy_error'].strip().splitlines()[0]}); add it to the requirements, "
            "such as numpy==2.3.0, or install it there"
        ) from fault_told_in(told["numpy_error"])
    if told["gil_came_back"] is not None:
        raise BuildError(f"'{spec.text}': {told['gil_came_back']}")
    return Build(label, python, own, told["environment"], _fingerprint(told, own))


def _installer_variables_of(spec: BuildSpec) -> dict[str, str]:
    """Return what a build tells its installer, such as PIP_EXTRA_INDEX_URL and PIP_PRE."""
    return {
        name: value for name, value in spec.variables.items() if name.startswith(INSTALLER_PREFIXES)
    }


def _runner_variables_of(spec: BuildSpec) -> dict[str, str]:
    """Return the variables of a build's runners: not the installer's.

    A PYTHONPATH that this process has would bring its packages to another interpreter, and a
    PYTHONHOME its standard library.
    """
    own = {
        name: value
        for name, value in spec.variables.items()
        if not name.startswith(INSTALLER_PREFIXES)
    }
    is_another = spec.python is not None or spec.requirements
    for name in ("PYTHONPATH", "PYTHONHOME"):
        if is_another and name in os.environ:
            own.setdefault(name, "")  # Python takes an empty one for none
    return own


def _fingerprint(told: Json, variables: Mapping[str, str]) -> str:
    """Return a digest of what was loaded, how BLAS adapted to the CPU, and what is set."""
    blas = [
        [library.get(name) for name in TELLING_BLAS_FIELDS]
        for library in told["environment"]["blas"] or ()
    ]
    unseen = {name: value for name, value in variables.items() if name not in SEEN_VARIABLES}
    gil = told["environment"]["gil_enabled"]
    parts = [told["loaded"], told["packages"], blas, gil, unseen]
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()
