"""Libraries that single strategies need: whether one is there, and what to do if it is not."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution


def lacks(module: str, extra: str | None = None) -> str | None:
    """Return that a library is missing and how to install it, ``None`` if it is there.

    Without an extra it is a package of the module's own name that is wanted.
    """
    if find_spec(module) is not None:
        return None
    # Another Python that is measured has no Speedgate whose extra could be installed.
    ours = None if extra is None else installed("speedgate")
    wanted = f"'speedgate[{extra}]'" if ours is not None and is_whole(ours) else module
    return f"{module} is not installed: pip install {wanted}"


def installed(name: str) -> Distribution | None:
    """Return the distribution of a name, ``None`` where none is installed; a copy on the path is
    not. What half an uninstallation left has no version, and pytest loads its plugins."""
    from importlib import metadata  # takes long, and a runner lacks nothing as a rule

    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def is_whole(distribution: Distribution) -> bool:
    """Whether it has its metadata: ``metadata`` itself raises, warns or is empty without it, by the
    Python and by whether some package has loaded the backport."""
    return any(map(distribution.read_text, ("METADATA", "PKG-INFO")))


def load(module: str) -> Any:
    """Import a library that is installed; ``NotImplementedError`` where it does not load.

    That may be for a library of its own, or for a NumPy that is newer than it knows.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise NotImplementedError(
            f"{module} is installed and does not load ({error}): "
            "install a version of it that fits, or leave its strategy out with --strategies"
        ) from error
