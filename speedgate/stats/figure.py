"""Figure: the declaration of every figure of a case (speedup, GIL held share, seconds and so on):
its name, unit, direction and how it is read and printed. Each is declared here and nowhere else.

The columns of the index, the entries of a run's file, the history gate, ``compare``, the duel and
the tables are made from these declarations. Adding a figure is one more of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from speedgate.stats.accounting import concurrency_of
from speedgate.stats.estimate import Estimate, estimate_median
from speedgate.stats.sample import Pair, PairedSample

# The workload that imports NumPy in a fresh interpreter.
IMPORTING = "import_numpy"

# A figure of one pair, for a number of workers; ``None`` where the platform cannot tell.
OfPair = Callable[[Pair, int], float | None]


def digits(value: float) -> str:
    """Return a ratio or a share with two or three digits: ``0.95``, ``1.65``, ``12.3``, ``123``."""
    decimals = next((n for n, limit in ((2, 9.995), (1, 99.95)) if abs(value) < limit), 0)
    return f"{value:.{decimals}f}"


def signed(difference: float) -> str:
    """Return a difference of two shares: ``+0.31``, ``-0.02``."""
    return f"{'-' if difference < 0 else '+'}{digits(abs(difference))}"


@dataclass(frozen=True)
class Figure:
    """A figure: its names, its direction, how a pair tells it, and who looks at it.

    ``key`` is its name in files, in the index and on the command line; ``label`` that in a
    sentence; ``unit`` stands behind its value. It ``rises`` where more is better. A share changes
    by differences, every other figure by ratios. A share is sampled once in a process, and what
    ``is_looked_at`` seen once; the pairs tell every other figure.

    ``is_watched``: the history gate holds it to the runs before, and the index keeps it.
    ``is_compared``: ``compare`` sets it side by side, and the index keeps its level.
    ``decides``: people pay for it, and it decides a duel.
    ``may_decide``: others on the machine pay for it; it decides what those above leave open.
    ``decides_in``: as those, but in this workload alone: it is the same in every case of a build.
    ``is_looked_at``: a look after some calls tells it, once in a process, and no pair does.
    ``margin``: how far it moves before that is a difference: 0.10 is 10%, or 0.10 of a share.
    ``is_relative``: it is measured against the serial side, and moves with that.
    ``holds_waiting``: what others had of the cores makes it longer or shorter.
    """

    name: str
    key: str
    label: str
    unit: str = ""
    rises: bool = False
    is_share: bool = False
    of_pair: OfPair | None = None
    is_watched: bool = False
    is_compared: bool = False
    decides: bool = False
    may_decide: bool = False
    decides_in: str = ""
    is_looked_at: bool = False
    margin: float = 0.10
    is_relative: bool = False
    holds_waiting: bool = False

    def number(self, value: float) -> str:
        """Return a value without its unit, as in a column: ``1.65``, ``0.00123``."""
        return f"{value:.3g}" if self.unit == "s" else digits(value)

    def text(self, value: float) -> str:
        """Return a value as a sentence shows it: ``1.65x``, ``0.00123 s``, ``0.02``."""
        space = " " if self.unit not in ("", "x") else ""
        return f"{self.number(value)}{space}{self.unit}"

    def interval(self, estimate: Estimate) -> str:
        """Return ``1.65x [1.60, 1.71]``; where there is no interval, ``1.65x [too few pairs]``."""
        value = self.text(estimate.value)
        if not estimate.is_bounded:
            return f"{value} [too few pairs]"
        return f"{value} [{self.number(estimate.low)}, {self.number(estimate.high)}]"

    def change(self, change: Estimate) -> str:
        """Return a ratio ``0.43 [0.38, 0.49]``, or of a share a difference ``+0.31 [...]``."""
        shown = signed if self.is_share else digits
        if not change.is_bounded:
            return shown(change.value)
        return f"{shown(change.value)} [{shown(change.low)}, {shown(change.high)}]"

    def is_asked_in(self, workload: str) -> bool:
        """Whether a duel asks in a case of this workload if it moved: it decides, or may."""
        return self.decides or self.may_decide or (self.decides_in == workload != "")

    def is_possible(self, value: float) -> bool:
        """Whether the figure can have this value at all."""
        return 0 <= value <= 1 if self.is_share else value > 0

    def estimate(self, sample: PairedSample, workers: int) -> Estimate | None:
        """Return the median over the pairs; ``None`` where they do not tell the figure."""
        of_pair = self.of_pair
        values = [of_pair(pair, workers) for pair in sample.pairs] if of_pair else []
        known = [value for value in values if value is not None]
        return estimate_median(known) if known and len(known) == len(values) else None


def _concurrency(pair: Pair, workers: int) -> float | None:
    # Time on a run queue counts as running: another process had the core.
    return concurrency_of(pair.contender, workers, pair.contender.waiting or 0.0)


def _cpu_per_wall(pair: Pair, workers: int) -> float | None:
    return None if pair.contender.cpu is None else pair.contender.cpu / pair.contender.seconds


def _context_switches(pair: Pair, workers: int) -> float | None:
    contender = pair.contender
    if contender.voluntary_switches is None or contender.involuntary_switches is None:
        return None
    switches = contender.voluntary_switches + contender.involuntary_switches
    return float(max(LEAST_SWITCHES, switches))


def _page_faults(pair: Pair, workers: int) -> float | None:
    faults = pair.contender.minor_faults
    return None if faults is None else float(max(LEAST_FAULTS, faults))


# Less in a round is dispatch, and the heap of the interpreter: nobody's loss, and 1 MB of pages.
LEAST_SWITCHES, LEAST_FAULTS = 16, 256
# Counts differ by tens of percents from process to process, and cost little each: twice as many is
# the least that is more than chance and is felt.
TWICE = 1.0

# What people pay comes first: the order is that of every list and message.
FIGURES = (
    Figure(
        "speedup", "speedup", "speedup", unit="x", rises=True,
        of_pair=lambda pair, workers: pair.ratio,
        is_watched=True, is_compared=True, decides=True, is_relative=True, holds_waiting=True,
    ),
    Figure(
        "seconds", "seconds", "seconds a call", unit="s",
        of_pair=lambda pair, workers: pair.contender.seconds,
        is_watched=True, is_compared=True, decides=True, holds_waiting=True,
    ),
    Figure(
        "gil_held_share", "held", "GIL held", is_share=True,
        is_watched=True, decides=True,
    ),
    Figure("concurrency", "concurrency", "workers at once", rises=True, of_pair=_concurrency),
    Figure(
        "inflation", "inflation", "inflation", is_relative=True,
        of_pair=lambda pair, workers: pair.inflation,
    ),
    Figure(
        "serial_seconds", "serial_seconds", "serial seconds a call", unit="s",
        of_pair=lambda pair, workers: pair.baseline.seconds, holds_waiting=True,
    ),
    Figure(
        "cpu_per_wall", "cpu_per_wall", "CPU per wall", rises=True, of_pair=_cpu_per_wall,
        is_watched=True,
    ),
    Figure(
        "context_switches", "switches", "context switches", of_pair=_context_switches,
        may_decide=True, margin=TWICE,
    ),
    Figure(
        "page_faults", "faults", "page faults", of_pair=_page_faults,
        may_decide=True, margin=TWICE,
    ),
    # A tenth of a core that nobody works on: threads spin, or go on with something.
    Figure(
        "cpu_after", "cpu_after", "CPU after the calls", is_share=True,
        may_decide=True, is_looked_at=True,
    ),
    Figure(
        "memory_kept", "kept", "memory not given back", unit="MB",
        may_decide=True, is_looked_at=True, margin=TWICE,
    ),
    # With the thread that calls: one more is twice as many.
    Figure(
        "threads_left", "threads", "threads left, the caller's included",
        may_decide=True, is_looked_at=True, margin=0.5,
    ),
    # It is one call of each process: chance moves it by tens of percents.
    Figure(
        "first_call", "first_call", "first call over a warm one", unit="x",
        is_looked_at=True, margin=TWICE,
    ),
    # An import is as long as the disk is busy: less than half as much more is chance. Of threads
    # one more counts.
    Figure(
        "import_seconds", "import_seconds", "import of NumPy", unit="s",
        decides_in=IMPORTING, is_looked_at=True, margin=0.5,
    ),
    Figure(
        "import_threads", "import_threads", "threads after the import",
        decides_in=IMPORTING, is_looked_at=True, margin=0.5,
    ),
)  # fmt: skip
FIGURE = {figure.key: figure for figure in FIGURES}
SPEEDUP, SECONDS = FIGURE["speedup"], FIGURE["seconds"]
# The key of a file's entry is the older, shorter name: files outlive a spelling.
GIL_HELD_SHARE = FIGURE["held"]
CONCURRENCY, INFLATION = FIGURE["concurrency"], FIGURE["inflation"]
CPU_PER_WALL = FIGURE["cpu_per_wall"]
CONTEXT_SWITCHES, PAGE_FAULTS = FIGURE["switches"], FIGURE["faults"]
WATCHED = tuple(figure for figure in FIGURES if figure.is_watched)
COMPARED = tuple(figure for figure in FIGURES if figure.is_compared)
