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
    wanted = module if extra is None else f"'speedgate[{extra}]'"
    return f"{module} is not installed: pip install {wanted}"


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
