"""What a runner is asked of the aftermath of calls, and what it answers. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from speedgate.runner.messages import Request


@dataclass(frozen=True)
class LeftBehind:
    """What ``calls`` calls in one worker left behind; ``None`` is what the platform cannot tell.

    ``cpu_after`` are the CPUs that the process kept busy for a tenth of a second after them, in
    whichever thread; ``bytes_kept`` is what it holds more than before them, and
    ``threads_started`` the threads that it has more. ``first_seconds`` took the very first call of
    this interpreter, ``warm_seconds`` one of these; ``import_seconds`` took the import of NumPy,
    which started ``import_threads``.
    """

    calls: int
    cpu_after: float | None = None
    bytes_kept: int | None = None
    threads_started: int | None = None
    first_seconds: float | None = None
    warm_seconds: float | None = None
    import_seconds: float | None = None
    import_threads: int | None = None


@dataclass(frozen=True)
class LookAfter(Request[LeftBehind]):
    """Call a while in one worker, and look at what that leaves behind."""

    do, answer = "after", LeftBehind
