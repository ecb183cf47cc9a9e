"""Soundness: whether the files of an environment in the cache are those that were installed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path

from speedgate import files
from speedgate.builds.installation import MAKING, builds_folder, python_of
from speedgate.history.store import is_aside

COMPILED = "__pycache__"


def kept_environments() -> list[Path]:
    """Return the environments in the user's cache: neither one that is being made, nor one that
    was moved aside."""
    return [
        path
        for path in files.named(builds_folder())
        if not path.name.startswith(MAKING) and not is_aside(path.name)
    ]


def environments_aside() -> list[Path]:
    """Return the environments in the user's cache that were moved aside."""
    return [path for path in files.named(builds_folder()) if is_aside(path.name)]


def unsound(environment: Path) -> str | None:
    """Return what is wrong with an environment; ``None`` if each file is as its package says.

    What an installer compiled or wrote beside the packages has no digest, and is not looked at.
    """
    if not files.exists(python_of(environment)):
        return f"{environment} has no Python that is there"
    for distribution in _installed(environment):
        for file in distribution.files or ():
            if file.parent.name == COMPILED:
                continue  # NumPy's wheels bring one, with a digest, and the installer makes it anew
            why = _damage_of(file)
            if why is not None:
                return f"{environment}: {file} of {distribution.name} {why}"
    return None


def _installed(environment: Path) -> Iterator[Distribution]:
    of_windows = environment / "Lib" / "site-packages"
    of_others = [folder / "site-packages" for folder in files.named(environment / "lib", "python")]
    for folder in (of_windows, *of_others):
        yield from distributions(path=[str(folder)])


def _damage_of(file: PackagePath) -> str | None:
    if file.hash is None or file.hash.mode not in hashlib.algorithms_available:
        return None
    path = Path(str(file.locate()))
    try:
        digest = hashlib.new(file.hash.mode, files.read(path)).digest()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
        return "has changed since it was installed"
    return None
