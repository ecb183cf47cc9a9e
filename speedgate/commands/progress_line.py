"""The progress of a command, on standard error: one line on a terminal, a rare one in a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

from speedgate.duel.duel import DuelStep
from speedgate.measuring.census import CensusStep
from speedgate.report.progress import LOG_EVERY_SECONDS, duration
from speedgate.report.text import visible


def step_text(step: CensusStep | DuelStep) -> str:
    """Return what starts now, as the progress line shows it."""
    return (
        f"{step.phase}: [{step.number}/{step.total}] {step.name}, "
        f"at most {duration(step.most_seconds_left)} left"
    )


class ProgressLine:
    """The progress of a command: one line that is rewritten on a terminal, a rare one in a log."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._live = sys.stderr.isatty()
        self._now = now
        self._last_line = -LOG_EVERY_SECONDS

    def show(self, text: str) -> None:
        """Show what starts now; a log gets it only if its last line is old enough."""
        text = visible(text)
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{text[:width]:<{width}}", end="", file=sys.stderr, flush=True)
        elif self._now() - self._last_line >= LOG_EVERY_SECONDS:
            self._last_line = self._now()
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave an empty line where the progress was."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{'':<{width}}\r", end="", file=sys.stderr, flush=True)
