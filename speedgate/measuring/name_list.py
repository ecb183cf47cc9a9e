"""Name list: the names in a message, of many the first and how many more there are. Pure."""

from __future__ import annotations

from collections.abc import Sequence

# Of more names than these a message says what lists them.
FEW = 10


def listed(names: Sequence[str], most: int) -> str:
    """Return names in a row, of more than ``most`` those first and the number of the others.

    >>> listed(["f", "g"], 2), listed(["f", "g", "h", "i"], 2)
    ('f, g', 'f, g and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def one_a_line(names: Sequence[str], otherwise: str) -> str:
    """Return names a line each: the first ten, how many more there are and what to do about those;
    "none" without any."""
    more = [f"and {len(names) - FEW} more; {otherwise}"] if len(names) > FEW else []
    return "\n  ".join([*names[:FEW], *more]) or "none"
