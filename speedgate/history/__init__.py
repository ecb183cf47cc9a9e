"""The files in ``results/``: their format, the index over them, and which run the user named.

Imports ``measuring`` and what lies below it.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Find a name that the module ``speedgate.history`` had, before it became this package."""
    from speedgate._moved import forward

    return forward("history", "history.history")(name)
