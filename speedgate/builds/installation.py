"""Installation: environments with what a build requires, made once and kept in the user's cache.

An environment is never changed after it was made: requirements that pin nothing are resolved
first, and what they come to has an environment of its own. So no duel loses its NumPy to another's.
One that is pinned keeps what its package required when it was made: no index is asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from speedgate import files
from speedgate.builds.fault import fault_told_in
from speedgate.history.cache import cache_folder
from speedgate.history.redaction import without_credentials
from speedgate.measuring import children
from speedgate.measuring.leftovers import remove_stale_folders
from speedgate.measuring.runner_process import NO_VARIABLES

VERSION = 1  # of how an environment is made: another one is made anew
# Settings of pip that choose what is installed. uv reads none of them.
CHOOSING_OPTIONS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "pre",
    "constraint",
    "no-binary",
    "config-settings",
)
INSTALLER_PREFIXES = ("PIP_", "UV_")
# The first pip that tells the wheels of a free-threaded Python from those of one with a GIL.
FREE_THREADED_PIP = Version("24.1")
ASK_FREE_THREADED = (
    "-ES",
    "-c",
    "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED'))",
)
ERROR_LINES = 6
INSTALL_SECONDS = 3600.0  # a NumPy from source takes many minutes
# An environment that no duel has used for this long goes when another is made: a nightly build
# makes one every night.
UNUSED_SECONDS = 60 * 24 * 3600.0
# An environment that was begun this long ago and is not ready was given up.
STALE_SECONDS = 24 * 3600.0
MAKING = "making-"


class BuildError(Exception):
    """A build cannot be measured; the text says what is wrong with it, and what to do.

    No text of it holds credentials, wherever it comes from: installers repeat their arguments.
    """

    def __init__(self, text: str) -> None:
        super().__init__(without_credentials(text))


@dataclass(frozen=True)
class Order:
    """What to install: ``requirements`` for the Python ``base``, an absolute path.

    ``variables`` are an installer's (``PIP_PRE=1``), over those of this process. Without
    ``from_source`` only wheels are taken.
    """

    requirements: tuple[str, ...]
    base: Path
    base_version: str
    from_source: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def digest(self, resolved: Sequence[str]) -> str:
        """Return what names the environment: all that decides what will be in it."""
        chosen = {
            name: value
            for name, value in self.environment().items()
            if name.startswith(INSTALLER_PREFIXES)
            and name.partition("_")[2].lower().replace("_", "-") in CHOOSING_OPTIONS
        }
        parts = [
            VERSION,
            [_with_content(requirement) for requirement in resolved],
            str(self.base.resolve()),
            self.base_version,
            self.from_source,
            chosen,
        ]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

    def environment(self) -> dict[str, str]:
        """Return an installer's variables; on this path lie packages of ours, not of the build."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        }
        return inherited | dict(self.variables)


def builds_folder() -> Path:
    """Return the folder of the user's cache in which the environments lie."""
    return cache_folder() / "builds"


def install(order: Order, notify: Callable[[str], None] = lambda line: None) -> Path:
    """Return the Python of an environment with what is ordered; it is made if there is none.

    ``BuildError`` with the installer's last lines if it cannot be made. Two processes may make the
    same one at once: the second takes the first's.
    """
    builds = builds_folder()
    pinned = all(map(is_pinned, order.requirements))
    if pinned and _is_whole(made := builds / order.digest(order.requirements), notify):
        return _used(made)
    files.make_folder(builds)
    _remove_unused(builds)
    with children.scratch_folder(MAKING, builds) as scratch:
        new = scratch / "environment"
        installer = find_installer(order)
        installer.make(new, order)
        requirements = order.requirements if pinned else installer.resolve(new, order)
        made = builds / order.digest(requirements)
        if not _is_whole(made, notify):
            wanted = without_credentials(" ".join(order.requirements))
            notify(f"installing {wanted} for Python {order.base_version}, once")
            installer.install(new, requirements, order)
            _keep(new, made)
    return _used(made)


def _is_whole(environment: Path, notify: Callable[[str], None]) -> bool:
    """Whether an environment is there; a damaged one, as after its base Python went, is removed."""
    if files.exists(python_of(environment)):
        return True
    if files.exists(environment) or files.is_link(environment):
        notify(f"made anew: {environment} has lost its Python")
        _remove(environment)
    return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if files.is_folder(path) and not files.is_link(path):
            files.remove_tree(path)
        else:
            files.remove(path)


def _used(environment: Path) -> Path:
    """Return the Python of an environment, and note that it is used."""
    with contextlib.suppress(OSError):  # a cache that others own
        files.touch(environment)
    return python_of(environment)


def _remove_unused(builds: Path) -> None:
    """Remove what nobody has used for long, and what a killed process left half made."""
    remove_stale_folders(builds, MAKING)
    for folder in files.named(builds):
        limit = STALE_SECONDS if folder.name.startswith(MAKING) else UNUSED_SECONDS
        with contextlib.suppress(OSError):
            if time.time() - files.status(folder).st_mtime > limit:
                files.remove_tree(folder)


def _keep(new: Path, made: Path) -> None:
    """Put a whole environment in its place, unless another process was first."""
    try:
        files.rename(new, made)
    except OSError:
        if not files.is_folder(made):
            raise


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment, whether or not it is there."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def is_pinned(requirement: str) -> bool:
    """Return whether the requirement can be met in one way only: ``==`` a version, or a wheel."""
    if requirement.endswith(".whl"):
        return True
    parsed = Requirement(requirement)
    if parsed.url is not None:
        return parsed.url.endswith(".whl")
    return any(
        specifier.operator in ("==", "===") and not specifier.version.endswith(".*")
        for specifier in parsed.specifier
    )


def check_requirement(text: str) -> None:
    """Raise ``BuildError`` for what pip would not understand."""
    if text.endswith(".whl"):
        if "://" not in text and not files.is_file(Path(text)):
            raise BuildError(f"there is no wheel {text}")
        return
    try:
        Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise BuildError(
            f"'{text}' is not a requirement ({reason}); give one such as numpy==2.3.0, a wheel, "
            "the path of a Python, or NAME=VALUE for an environment variable"
        ) from None


def package_name(requirement: str) -> str:
    """Return the normal name of what is required, ``numpy`` for a wheel of it."""
    if requirement.endswith(".whl"):
        name = requirement.replace("\\", "/").rpartition("/")[2].partition("-")[0]
    else:
        name = Requirement(requirement).name
    return re.sub(r"[-_.]+", "-", name).lower()


def _with_content(requirement: str) -> str:
    """A wheel that is built again has the same name, and is another."""
    path = Path(requirement)
    if not requirement.endswith(".whl") or not files.is_file(path):
        return requirement
    return hashlib.blake2b(files.read(path)).hexdigest()


class Pip:
    """Makes environments with ``venv`` and fills them with the pip of this interpreter."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)

    def make(self, environment: Path, order: Order) -> None:
        """Make an empty environment: it needs no pip, and Debian's Python has none to give."""
        command = [str(order.base), "-m", "venv", "--without-pip", str(environment)]
        run(command, order, f"{order.base} cannot make a virtual environment")

    def resolve(self, environment: Path, order: Order) -> tuple[str, ...]:
        """Return what the requirements come to now, each a requirement that is pinned."""
        # In a file: to its output others print, too, such as a sitecustomize.
        report = environment.with_name("report.json")
        options = ("--dry-run", "--ignore-installed", "--report", str(report))
        self._install(environment, [*options, *order.requirements], order)
        items = json.loads(files.read(report))["install"]
        return tuple(map(_pin, items))

    def install(self, environment: Path, requirements: Sequence[str], order: Order) -> None:
        self._install(environment, requirements, order)

    def _install(self, environment: Path, arguments: Sequence[str], order: Order) -> str:
        wheels = () if order.from_source else ("--only-binary", ":all:")
        command = [*self._command, "--python", str(python_of(environment)), "install", "-q"]
        quiet = ("--no-input", "--disable-pip-version-check")
        return run([*command, *quiet, *wheels, *arguments], order, failure_of(order))


def _pin(item: dict[str, Any]) -> str:
    """Return the requirement that an item of pip's report is the only answer to."""
    name, version = item["metadata"]["name"], item["metadata"]["version"]
    if not item["is_direct"]:
        return f"{name}=={version}"
    download = item["download_info"]
    if "vcs_info" in download:
        source = download["vcs_info"]
        return f"{name} @ {source['vcs']}+{download['url']}@{source['commit_id']}"
    return f"{name} @ {download['url']}"


class Uv:
    """Makes and fills environments with uv."""

    def __init__(self, program: str) -> None:
        self._program = program

    def make(self, environment: Path, order: Order) -> None:
        command = [self._program, "venv", "-q", "--no-project", "--python", str(order.base)]
        run([*command, str(environment)], order, f"uv makes no environment of {order.base}")

    def resolve(self, environment: Path, order: Order) -> tuple[str, ...]:
        options = ("-q", "--no-header", "--no-annotate", "-")
        return tuple(
            self._pip("compile", environment, options, order, "\n".join(order.requirements))
            .strip()
            .splitlines()
        )

    def install(self, environment: Path, requirements: Sequence[str], order: Order) -> None:
        self._pip("install", environment, ("-q", *requirements), order)

    def _pip(
        self,
        verb: str,
        environment: Path,
        arguments: Sequence[str],
        order: Order,
        written: str | None = None,
    ) -> str:
        wheels = () if order.from_source else ("--only-binary", ":all:")
        command = [self._program, "pip", verb, "--python", str(python_of(environment))]
        return run([*command, *wheels, *arguments], order, failure_of(order), written)


def find_installer(order: Order) -> Pip | Uv:
    """Return uv where it is on the PATH, but pip where its settings say where to look: uv reads no
    settings of pip, and would find other packages."""
    uv = shutil.which("uv")
    pip = pip_command(order)
    if uv is not None and (pip is None or not _is_told_where(pip, order)):
        return Uv(uv)
    if pip is None:
        raise BuildError(
            f"{sys.executable} has no pip, and there is no uv on the PATH: install one of them"
        )
    return Pip(pip)


def pip_command(order: Order) -> list[str] | None:
    """Return how pip is started: this interpreter's, or else one that uv brings along.

    An old pip takes for a free-threaded Python the wheels of one with a GIL. There it is the pip of
    that Python, and ``BuildError`` if it has none.
    """
    if importlib.util.find_spec("pip") is not None:
        if _knows_wheels_of(order.base, order):
            return [sys.executable, "-m", "pip"]
        return _pip_of(order.base, order)
    uv = shutil.which("uv")
    return None if uv is None else [uv, "tool", "run", "-q", "--python", sys.executable, "pip"]


def _knows_wheels_of(base: Path, order: Order) -> bool:
    """Whether the pip of this interpreter takes the right wheels for another one."""
    if Version(importlib.metadata.version("pip")) >= FREE_THREADED_PIP:
        return True
    return run([str(base), *ASK_FREE_THREADED], order, f"{base} does not start").strip() != "1"


def _pip_of(base: Path, order: Order) -> list[str]:
    command = [str(base), "-m", "pip"]
    run(
        [*command, "--version"],
        order,
        f"the pip of {sys.executable} finds no wheels for a free-threaded Python, and {base} has "
        f"none; upgrade one to {FREE_THREADED_PIP} or newer",
    )
    return command


def _is_told_where(pip: Sequence[str], order: Order) -> bool:
    settings = run([*pip, "config", "list"], order, "pip cannot list its settings")
    options = [line.partition("=")[0].rpartition(".")[2] for line in settings.splitlines()]
    return any(option in CHOOSING_OPTIONS for option in options)


def failure_of(order: Order) -> str:
    """Return what failed, for the error that an installer's last words are put into."""
    wanted = " ".join(order.requirements)
    source = "" if order.from_source else " from wheels (--from-source builds it otherwise)"
    return f"'{wanted}' cannot be installed for Python {order.base_version}{source}"


def run(command: Sequence[str], order: Order, failure: str, written: str | None = None) -> str:
    """Return what the command prints; ``BuildError`` with its last lines if it fails.

    Where the machine is at fault, the error was raised from an ``OSError``.
    """
    try:
        done = children.run(command, order.environment(), written, INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{failure}: {error}") from error
    if done.returncode != 0:
        words = last_lines(done.stderr or done.stdout)
        raise BuildError(f"{failure}:\n{words}") from fault_told_in(words)
    return done.stdout


def last_lines(text: str) -> str:
    """Return the end of an installer's words, indented; warnings are many and explain nothing."""
    lines = [line for line in text.strip().splitlines() if not line.startswith("WARNING")]
    return "\n".join(f"  {line}" for line in lines[-ERROR_LINES:])


def published_versions(
    package: str,
    python: Path | None = None,
    from_source: bool = False,
    variables: Mapping[str, str] = NO_VARIABLES,
) -> list[str]:
    """Return the releases of a package that ``python`` (this one) can install, oldest first.

    As ``pip index versions`` gives them, yanked ones among them; without pre-releases, unless the
    ``variables`` ask for them by ``PIP_PRE``.
    """
    order = Order((package,), python or Path(sys.executable), "", from_source, variables)
    pip = pip_command(order)
    if pip is None:
        raise BuildError(f"{sys.executable} has no pip to ask for the versions of {package}")
    of_python = () if python is None else ("--python", str(python))
    wheels = () if from_source else ("--only-binary", ":all:")
    text = run(
        [*pip, *of_python, "index", "versions", "--disable-pip-version-check", *wheels, package],
        order,
        f"the index has no versions of '{package}'",
    )
    listed = re.search(r"^Available versions: (.*)$", text, re.MULTILINE)
    if listed is None:
        raise BuildError(f"pip finds no versions of '{package}': {text.strip()[:200]}")
    with_pre = variables.get("PIP_PRE", "0").lower() in ("1", "true", "yes", "on")
    return releases(listed[1].split(", "), with_pre)


def releases(versions: Sequence[str], with_pre: bool = False) -> list[str]:
    """Return the versions oldest first, without what is no version, and pre-releases only
    ``with_pre``."""
    known = {}
    for text in versions:
        try:
            known[Version(text.strip())] = text.strip()
        except InvalidVersion:
            continue
    return [known[version] for version in sorted(known) if with_pre or not version.is_prerelease]
