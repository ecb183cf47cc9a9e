"""Ending: what ends a measurement of many cases early, and costs none of what was measured."""

from __future__ import annotations

from collections.abc import Callable

from speedgate.measuring.machine_limit import told_at_the_limit

# What ended a measurement before its time; ``None`` where nothing did.
Early = KeyboardInterrupt | OSError | MemoryError | None


def ended_early(measure: Callable[[], None]) -> Early:
    """Measure; return what ended it before its time, ``None`` if it came to its end.

    That is a person, or a machine without room, files or processes for more. Any other error is
    raised.
    """
    try:
        with told_at_the_limit():
            measure()
    except (KeyboardInterrupt, OSError, MemoryError) as error:
        return error
    return None
