"""Libraries that single strategies need: whether one is there, and what to do if it is not."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def lacks(module: str, extra: str | None = None) -> str | None:
    """Return that a library is missing and how to install it, ``None`` if it is there.

    Without an extra it is a package of the module's own name that is wanted.
    """
    if find_spec(module) is not None:
        return None
    # Another Python that is measured has no Speedgate whose extra could be installed.
    is_ours = extra is not None and _is_installed("speedgate")
    wanted = f"'speedgate[{extra}]'" if is_ours else module
    return f"{module} is not installed: pip install {wanted}"


def _is_installed(name: str) -> bool:
    from importlib import metadata  # takes long, and a runner lacks nothing as a rule

    try:
        return bool(metadata.distribution(name).version)
    except metadata.PackageNotFoundError:
        return False


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
