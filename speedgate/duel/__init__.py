"""Two builds measured in turn: the decision between them, bisection.

Imports ``builds`` and what lies below it.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Find a name that the module ``speedgate.duel`` had, before it became this package."""
    from speedgate._moved import forward

    return forward("duel", "duel.duel")(name)
