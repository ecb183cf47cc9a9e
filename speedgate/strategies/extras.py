"""Whether a library that a strategy needs is there, and what to do if it is not."""

from __future__ import annotations

from importlib.util import find_spec


def lacks(module: str, extra: str) -> str | None:
    """Return that a library is missing and how to install it, ``None`` if it is there."""
    if find_spec(module) is not None:
        return None
    return f"{module} is not installed: pip install 'speedgate[{extra}]'"
