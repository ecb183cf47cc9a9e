"""Advice: which strategy to use for a workload at a size, from what was measured here. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from speedgate.judging.row import Row
from speedgate.stats.case import format_size
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import SPEEDUP, digits

# What every speedup is over: one worker thread that runs the batch as a loop. It needs no strategy,
# and was measured beside every one. The strategy "serial" is another loop, in the main thread.
LOOP = "a plain loop"
# Calibration makes tasks of 5 ms or more. A benchmark that set far shorter ones asked what a
# strategy costs by itself, and not what it does for the work.
LEAST_TASK_SECONDS = 0.001
# Of more rivals than this the summary only gives the number.
MOST_NAMES = 2


@dataclass(frozen=True)
class Choice:
    """A way of running the batch, and its speedup over the plain loop."""

    name: str
    speedup: Estimate


@dataclass(frozen=True)
class Advice:
    """The choices for one workload at one size, the fastest first."""

    workload: str
    size: int
    choices: tuple[Choice, ...]

    @property
    def rivals(self) -> tuple[Choice, ...]:
        """The choices that may be as fast as the first: their intervals overlap its own."""
        first = self.choices[0].speedup
        return tuple(choice for choice in self.choices[1:] if choice.speedup.high >= first.low)

    @property
    def line(self) -> str:
        """``g 1e6: threads 2, 1.85x [1.80, 1.90]; 1.20 times as fast as foreach 2, certainly``."""
        first, *others = self.choices
        is_loop = first.name == LOOP
        speedup = first.speedup
        figures = SPEEDUP.text(speedup.value) if is_loop else SPEEDUP.interval(speedup)
        line = f"{self.workload} {format_size(self.size)}: {first.name}, {figures}"
        if not others:
            return line
        margin = first.speedup.value / others[0].speedup.value
        line += f"; {digits(margin)} times as fast as {others[0].name}"
        if not self.rivals:
            return f"{line}, certainly"
        return (
            f"{line}; not certain: {', '.join(rival.name for rival in self.rivals)} may be as fast"
        )

    @property
    def short(self) -> str:
        """``g 1e6 threads 2 or foreach 2``: the first, and what may be as fast if that is one."""
        names = [self.choices[0].name, *(rival.name for rival in self.rivals)]
        if len(names) > MOST_NAMES:
            names = [f"not certain ({len(names)} may be it)"]
        return f"{self.workload} {format_size(self.size)} {' or '.join(names)}"


def advise(
    rows: Iterable[Row], workload: str | None = None, size: int | None = None
) -> list[Advice]:
    """Return advice for every workload and size (or those named) of which two ways were measured.

    A case whose speedup has no interval is left out: nothing is known of it; so is one of tasks too
    short to be work. Of a case that several benchmarks measured the narrowest interval counts. The
    plain loop is always a choice, too.
    """
    by_operation: dict[tuple[str, int], dict[str, Choice]] = {}
    for row in rows:
        case, speedup = row.case, row.speedup
        if workload not in (None, case.workload) or size not in (None, case.size):
            continue
        if speedup is None or not speedup.is_bounded or row.is_blas_default or _is_short(row):
            continue
        name = f"{case.strategy} {case.workers}" if case.strategy != "serial" else "serial"
        choices = by_operation.setdefault((case.workload, case.size), {})
        if name not in choices or _width(speedup) < _width(choices[name].speedup):
            choices[name] = Choice(name, speedup)
    return [
        Advice(name, elements, _sorted(list(choices.values())))
        for (name, elements), choices in by_operation.items()
        if len(choices) > 1
    ]


def _is_short(row: Row) -> bool:
    """Whether a task takes one worker thread less than ``LEAST_TASK_SECONDS``."""
    if row.loops is None or row.seconds is None or row.speedup is None:
        return False
    return row.loops * row.seconds.value * row.speedup.value < LEAST_TASK_SECONDS


def _width(speedup: Estimate) -> float:
    return speedup.high / speedup.low


def _sorted(choices: list[Choice]) -> tuple[Choice, ...]:
    """The fastest first; the plain loop, being the simplest, before what is only as fast."""
    loop = Choice(LOOP, Estimate(1.0, 1.0, 1.0, 0.95, 1))
    return tuple(sorted([loop, *choices], key=lambda choice: -choice.speedup.value))
