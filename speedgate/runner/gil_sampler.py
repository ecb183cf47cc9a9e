"""For what share of one worker's work the GIL is held, sampled from outside by py-spy.

Standard library only; py-spy is a program of its own and is run, not imported. It reads the
interpreter's memory without stopping it, so the share is that of undisturbed work.
docs/decisions.md says why it is not gilknocker, docs/signals.md how it does on a known dial.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Samples a second; py-spy needs a seventh to a quarter of a core for them. At 500 a rise by 0.1 was
# seen in half of the trials only.
RATE = 2000
# Of a core: a py-spy as busy as that has taken fewer samples than it was asked for.
MOST_SAMPLER_CPU = 0.8
# A py-spy that hangs costs this much, and the share; not the case.
START_SECONDS = 10.0
END_SECONDS = 10.0
LOOK_SECONDS = 0.005
PR_SET_PTRACER = 0x59616D61  # from linux/prctl.h: who may read this process


class HeldSamples(NamedTuple):
    """``hits`` of ``samples`` found the GIL held."""

    hits: int
    samples: int


def sample_held(py_spy: str, seconds: float) -> HeldSamples | None:
    """Sample this process for ``seconds`` while other threads work; ``None`` if it cannot be.

    py-spy may not be allowed to read us (macOS without root, a sandbox), or not know this Python.
    """
    stacks = sample_stacks(py_spy, lambda: time.sleep(seconds))
    if stacks is None:
        return None
    samples = round(RATE * stacks.seconds) - stacks.errors
    hits = sum(stacks.hits.values())
    return HeldSamples(min(hits, samples), samples) if samples > 0 else None


class HeldStacks(NamedTuple):
    """How often each stack was seen with the GIL in ``seconds`` of sampling at ``RATE``.

    A stack is what py-spy writes: ``function (file:line);...``. ``errors`` samples were not read.
    """

    hits: dict[str, int]
    seconds: float
    errors: int


def sample_stacks(py_spy: str, work: Callable[[], None]) -> HeldStacks | None:
    """Sample which stacks of this process hold the GIL until ``work`` has returned; ``None`` if
    that cannot be told."""
    if os.name != "posix":  # it can only be stopped by an interrupt, which Windows lacks
        return None
    hits: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "samples")
        try:
            recorded = _record(py_spy, output, work)
            for line in output.read_text().splitlines():
                stack, _, count = line.rpartition(" ")
                hits[stack] = hits.get(stack, 0) + int(count)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
    return None if recorded is None else HeldStacks(hits, *recorded)


def _record(py_spy: str, output: Path, work: Callable[[], None]) -> tuple[float, int] | None:
    """Run py-spy while ``work`` runs; return for how many seconds it sampled, and how many samples
    it could not read. ``TimeoutExpired`` if it neither begins nor ends."""
    command = [py_spy, "record", "--gil", "--nonblocking", "--rate", str(RATE)]
    command += ["--format", "raw", "--output", str(output), "--pid", str(os.getpid())]
    # Its words go to a file: of a pipe nobody can read for a limited time only.
    said = output.with_name("said")
    with said.open("wb") as words:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT
        )
    try:
        allow_reading(process.pid)
        if not _begins(process, said):
            return None
        began, spent = time.perf_counter(), _cpu_seconds(process.pid)
        work()
        spent = _cpu_seconds(process.pid) - spent
        process.send_signal(signal.SIGINT)
        elapsed = time.perf_counter() - began
        process.wait(END_SECONDS)
    finally:
        process.kill()
        process.wait()
    rest = said.read_text(errors="replace")
    if spent > MOST_SAMPLER_CPU * elapsed or "behind in sampling" in rest:
        return None
    errors = re.search(r"Errors: (\d+)", rest)
    return elapsed, int(errors[1]) if errors else 0


def _begins(process: subprocess.Popen[bytes], said: Path) -> bool:
    """Wait until py-spy says that it samples; whether it did, and did not end instead."""
    until = time.monotonic() + START_SECONDS
    while "Sampling process" not in said.read_text(errors="replace"):
        if process.poll() is not None:
            return False
        if time.monotonic() > until:
            raise subprocess.TimeoutExpired(process.args, START_SECONDS)
        time.sleep(LOOK_SECONDS)
    return True


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process so far, 0 where ``/proc`` has no figure."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def allow_reading(pid: int) -> None:
    """Let a child read this process where Linux's Yama otherwise allows only the reverse."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, pid, 0, 0, 0)
