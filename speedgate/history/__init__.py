"""The files in ``results/``: their format, the index over them, and which run the user named.

Imports ``measuring`` and what lies below it.
"""

from typing import Any

# The names that the module ``speedgate.history`` had, before it became this package. They are
# listed since Python asks for a submodule here, too, before it imports it.
_MOVED = {"EnvironmentEntry", "History", "LOOK_BACK", "RunEntry", "class_row", "run_name"}


def __getattr__(name: str) -> Any:
    """Find a name that has moved to a module of this package."""
    if name not in _MOVED:
        raise AttributeError(f"module 'speedgate.history' has no attribute '{name}'")
    from speedgate._moved import forward

    return forward("history", "history.history")(name)
