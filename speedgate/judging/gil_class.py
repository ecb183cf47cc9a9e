"""Classification: what an operation does with the GIL at a size, from what was measured. Pure.

docs/gil-map.md explains the classes to the reader of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from speedgate.stats.accounting import Concurrency
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import CONCURRENCY, GIL_HELD_SHARE, SPEEDUP

# Shares of one worker's time with the GIL. A hold of 0.8 lets no threads be faster than 1.25x, one
# of 0.2 lets five threads run at once: what lies between is neither.
HOLDS_FROM = 0.8
RELEASES_UP_TO = 0.2
# A speedup that is surely below this is not worth the threads.
LEAST_GAIN = 1.1
# The control must reach this share of the workers before a lack of gain is the operation's own.
LEAST_CONTROL = 0.75
# Or others took no more than this share of the workers' time: then the machine has no more to give,
# as two hyperthreads of one core.
MOST_TAKEN = 0.05


class GilClass(Enum):
    RELEASES = "releases"
    PARTLY = "partly"
    HOLDS = "holds"
    NOT_WORTH = "not worth it"
    UNKNOWN = "unknown"
    # Without a GIL, see ``free_class``.
    SCALES = "scales"
    CONTENDS = "contends"
    SERIALISED = "serialised"


@dataclass(frozen=True)
class Classification:
    """A class, whether the intervals leave no other, and the figures that decided.

    ``cause`` names why workers contend, where a probe was sure of it; else "".
    """

    kind: GilClass
    certain: bool
    reason: str
    cause: str = ""

    def as_json(self) -> dict[str, Any]:
        plain = {"class": self.kind.value, "certain": self.certain, "reason": self.reason}
        return plain | {"cause": self.cause} if self.cause else plain


def classify(
    workers: int,
    speedup: Estimate | None,
    held: Estimate | None,
    concurrency: Concurrency | None,
    control: Estimate | None,
) -> Classification:
    """Return the class of a case with ``workers`` threads.

    First what holds the GIL, or a lock of its own, for nearly all of its work: no size and no
    machine helps it. Then what releases it but is not faster in threads: too small, or limited by
    memory. The share of the work that holds the GIL tells the rest apart. ``free_class`` is for
    builds without a GIL.
    """
    if workers < 2 or speedup is None:
        return Classification(GilClass.UNKNOWN, False, "not measured with two threads or more")
    if held is not None:
        by_gil = _by_held(held)
    else:
        by_gil = _by_concurrency(workers, concurrency, "the GIL could not be sampled")
    if by_gil.kind is GilClass.HOLDS:
        return by_gil
    # Who sleeps or reads is not on a CPU either, and gains all the same.
    if speedup.value < LEAST_GAIN and runs_one_at_a_time(workers, concurrency):
        surely = speedup.is_bounded and speedup.high < LEAST_GAIN
        reason = f"a lock that is not the GIL; {concurrency_text(concurrency)}"
        return Classification(GilClass.HOLDS, surely, reason)
    if by_gil.kind is GilClass.RELEASES:
        had_cores = others_took_little(workers, concurrency)
        return _by_gain(workers, speedup, control, by_gil, had_cores)
    return by_gil


def _by_gain(
    workers: int,
    speedup: Estimate,
    control: Estimate | None,
    by_gil: Classification,
    had_cores: bool,
) -> Classification:
    """The class of what releases the GIL: it is worth its threads, or not."""
    if not speedup.is_bounded or speedup.low < LEAST_GAIN <= speedup.high:
        return Classification(by_gil.kind, False, by_gil.reason)
    if speedup.low >= LEAST_GAIN:
        return by_gil
    if control is None or had_cores or control.value >= LEAST_CONTROL * workers:
        certain = control is not None and by_gil.certain
        reason = f"{SPEEDUP.text(speedup.value)}; {by_gil.reason}"
        return Classification(GilClass.NOT_WORTH, certain, reason)
    return Classification(by_gil.kind, False, f"{by_gil.reason}; the machine was busy")


def _by_held(held: Estimate) -> Classification:
    """The class by the share of one worker's time that it held the GIL."""
    reason = f"GIL held {GIL_HELD_SHARE.interval(held)}"
    if held.value >= HOLDS_FROM:
        return Classification(GilClass.HOLDS, held.low >= HOLDS_FROM, reason)
    if held.value <= RELEASES_UP_TO:
        return Classification(GilClass.RELEASES, held.high <= RELEASES_UP_TO, reason)
    certain = held.low > RELEASES_UP_TO and held.high < HOLDS_FROM
    return Classification(GilClass.PARTLY, certain, reason)


def _by_concurrency(workers: int, concurrency: Concurrency | None, why: str) -> Classification:
    """The class where no GIL was sampled: certain only at either end."""
    if concurrency is None:
        return Classification(GilClass.UNKNOWN, False, f"{why}, and no CPU clock can be read")
    reason = f"{concurrency_text(concurrency)}; {why}"
    if runs_one_at_a_time(workers, concurrency):
        return Classification(GilClass.HOLDS, True, reason)
    # Who holds the GIL for a share h lets 1 / h run at once, however many workers there are.
    if concurrency.low.low >= min(_shared(workers, HOLDS_FROM), 1 / RELEASES_UP_TO):
        return Classification(GilClass.RELEASES, True, reason)
    return Classification(GilClass.PARTLY, False, reason)


def runs_one_at_a_time(workers: int, concurrency: Concurrency | None) -> bool:
    return (
        concurrency is not None
        and concurrency.high is not None
        and concurrency.high.high < min(_shared(workers, RELEASES_UP_TO), 1 / HOLDS_FROM)
    )


def others_took_little(workers: int, concurrency: Concurrency | None) -> bool:
    """Whether the workers had the cores: little was waited for, or stolen, between the bounds."""
    if concurrency is None or concurrency.high is None:
        return False
    return concurrency.high.value - concurrency.low.value <= MOST_TAKEN * workers


def _shared(workers: int, share: float) -> float:
    """The concurrency of workers that run at once for ``share`` of what they could."""
    return 1 + share * (workers - 1)


def concurrency_text(concurrency: Concurrency | None) -> str:
    if concurrency is None:
        return "concurrency unknown"
    return f"concurrency {CONCURRENCY.text(concurrency.low.value)}"
