"""What else runs on the machine while a trial is measured."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A neighbour that computes for a mean time, pauses for another unless that is 0, and ends after so
# many seconds, or with the process that started it.
NEIGHBOUR = """
import os, random, sys, time
parent = os.getppid()
busy, pause, ends = (float(argument) for argument in sys.argv[1:4])
end = time.monotonic() + ends
while time.monotonic() < end and os.getppid() == parent:
    until = min(end, time.monotonic() + (random.expovariate(1 / busy) if pause else busy))
    while time.monotonic() < until and os.getppid() == parent:
        pass
    if pause:
        time.sleep(random.expovariate(1 / pause))
"""
ALWAYS = 3600.0

# name: (mean seconds busy, mean seconds of pause, seconds until it ends), None for no neighbour
SCENES: dict[str, tuple[float, float, float] | None] = {
    "quiet": None,
    "neighbour": (ALWAYS, 0.0, ALWAYS),
    "bursts": (0.4, 0.4, ALWAYS),
    "first half": (ALWAYS, 0.0, 2.0),
}


@contextmanager
def scene(name: str, seed: int) -> Iterator[None]:
    """Run the neighbour of a scene, on one core, as long as the block lasts."""
    settings = SCENES[name]
    if settings is None:
        yield
        return
    arguments = [str(setting) for setting in settings]
    neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, *arguments])
    try:
        if hasattr(os, "sched_setaffinity"):
            core = random.Random(seed).choice(sorted(os.sched_getaffinity(0)))
            os.sched_setaffinity(neighbour.pid, {core})
        yield
    finally:
        neighbour.kill()
        neighbour.wait()
