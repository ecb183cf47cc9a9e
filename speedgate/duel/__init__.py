"""Two builds measured in turn: the blocks, the decision between the builds, and the bisection.

Imports ``builds`` and what lies below it.
"""

from typing import Any

# The names that the module ``speedgate.duel`` had, before it became this package. They are listed
# since Python asks for a submodule here, too, before it imports it.
_MOVED = {"CONFIRMING_AT_ONCE", "Duel", "SCREENING_SHARE", "WAVES"}


def __getattr__(name: str) -> Any:
    """Find a name that has moved to a module of this package."""
    if name not in _MOVED:
        raise AttributeError(f"module 'speedgate.duel' has no attribute '{name}'")
    from speedgate._moved import forward

    return forward("duel", "duel.duel")(name)
