"""The GIL held share by Python's own sampler, `profiling.sampling` of 3.15 and later.

Standard library only. It reads processes of its own version alone, so it is run by the interpreter
that is measured. Its rate is its own: of how many samples it took it says at its end.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from speedgate.runner.gil_sampler import HeldSamples, allow_reading

MODULE = "profiling.sampling"
FIRST_VERSION = (3, 15)
# It takes whole seconds; what it needs to start and to write comes on top.
MORE_SECONDS = 20.0
# A sampler that missed as many of its samples was starved: it sees rather what runs when it does.
MOST_MISSED = 0.2
_CAPTURED = re.compile(r"Captured ([\d,]+) samples in")
_ERRORS = re.compile(r"Error rate: ([\d.]+)%")
_MISSED = re.compile(r"missed [\d,]+ samples[^()]*\(([\d.]+)%\)")


def has_standard_sampler() -> bool:
    """Return whether this Python brings a sampler along."""
    if sys.version_info < FIRST_VERSION or find_spec("profiling") is None:
        return False
    return find_spec(MODULE) is not None


def sample_by_standard(seconds: float, python: str = sys.executable) -> HeldSamples | None:
    """Sample this process for ``seconds``, rounded up to whole ones, while other threads work.

    ``None`` if it cannot be: the sampler is not allowed to read us, or missed too much.
    """
    whole = max(1, math.ceil(seconds))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "samples")
        command = [python, "-P", "-m", MODULE, "attach", "--mode=gil", "--all-threads"]
        command += ["--duration", str(whole), "--collapsed", "--output", str(output)]
        try:
            said = _run([*command, str(os.getpid())], whole + MORE_SECONDS)
            lines = output.read_text(errors="replace").splitlines() if output.exists() else []
            hits = sum(int(line.rpartition(" ")[2]) for line in lines if line.strip())
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
    samples = None if said is None else _samples_of(said)
    return None if not samples else HeldSamples(min(hits, samples), samples)


def _run(command: list[str], limit_seconds: float) -> str | None:
    """Return what the sampler says, ``None`` where it failed."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        allow_reading(process.pid)
        said, _ = process.communicate(timeout=limit_seconds)
    finally:
        process.kill()
        process.wait()
    return said if process.returncode == 0 else None


def _samples_of(said: str) -> int | None:
    """Return of how many samples it knows who held the GIL; ``None`` for none that counts."""
    captured, errors, missed = _CAPTURED.search(said), _ERRORS.search(said), _MISSED.search(said)
    if captured is None or (missed is not None and float(missed[1]) > 100 * MOST_MISSED):
        return None
    failed = 0.0 if errors is None else float(errors[1]) / 100
    return round(int(captured[1].replace(",", "")) * (1 - failed)) or None
