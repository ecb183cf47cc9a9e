"""The aftermath of a case: what its calls leave behind, as figures, asked of an open runner."""

from __future__ import annotations

from collections.abc import Mapping

from speedgate.measuring.measure import Session
from speedgate.runner.aftermath_messages import LeftBehind, LookAfter

# What opens a runner that can be asked.
SERVE = "from speedgate.runner.aftermath import serve; serve()"
# What the allocator keeps or gives back by its own lights is less than this.
LEAST_KEPT_MEGABYTES = 1.0


def look_after(session: Session) -> Mapping[str, float]:
    """Return the looked-at figures of an open case by their keys, as far as they are known."""
    return figures_of(session.ask(LookAfter()))


def figures_of(left: LeftBehind) -> Mapping[str, float]:
    """Return what was seen as the figures that ``stats.figure`` declares.

    All but the CPU are divided between builds, so that none has a value to divide by, too: a
    megabyte, or the one thread that called or imported.
    """
    kept, threads = left.bytes_kept, left.threads_started
    known = {
        "cpu_after": None if left.cpu_after is None else min(1.0, max(0.0, left.cpu_after)),
        "kept": None if kept is None else max(LEAST_KEPT_MEGABYTES, kept / 1e6),
        "threads": None if threads is None else 1.0 + threads,
        "first_call": _ratio(left.first_seconds, left.warm_seconds),
        "import_seconds": left.import_seconds,
        "import_threads": None if left.import_threads is None else 1.0 + left.import_threads,
    }
    return {key: value for key, value in known.items() if value is not None}


def _ratio(first: float | None, warm: float | None) -> float | None:
    return first / warm if first and warm else None
