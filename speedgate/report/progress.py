"""The progress line: what is running, and how long is left."""

from __future__ import annotations

import time
from collections.abc import Callable

# In a log, where a line cannot be rewritten, one line in half a minute is enough.
LOG_EVERY_SECONDS = 30.0


def duration(seconds: float) -> str:
    """Return ``42 s`` or ``2 min 5 s``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


class Progress:
    """Counts cases; ``live`` says that the line is rewritten in place on a terminal."""

    def __init__(self, total: int, live: bool, now: Callable[[], float] = time.monotonic) -> None:
        self.live = live
        self._total = total
        self._started = 0
        self._now = now
        self._last_line = -LOG_EVERY_SECONDS

    def start(self, case_id: str, left_seconds: float, width: int) -> str:
        """Return the line for the case that starts now, empty if none is due."""
        self._started += 1
        if not self.live and self._now() - self._last_line < LOG_EVERY_SECONDS:
            return ""
        self._last_line = self._now()
        line = f"[{self._started}/{self._total}] {case_id}, about {duration(left_seconds)} left"
        return line[: width - 1]
