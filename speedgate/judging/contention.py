"""The cause of contention: why workers do not scale, from a probe of several arms. Pure.

The same work runs as it is declared, on objects that no two workers share, without allocating, and
in processes, all in one stretch of time. What goes away in which arm tells the cause. What the
intervals leave open is "not certain". docs/method.md has the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from speedgate.judging.inflation import GROWN, beyond_control
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import GIL_HELD_SHARE, INFLATION, SPEEDUP

# CPU time per work that surely grows by more than this grows; the control reads 1.02 to 1.04.
LEAST_GROWTH = 1.10
# A share of the workers' time that is a loss: blocked, or runnable without a core.
LOST = 0.10
# Dispatch costs some time in every round.
LOST_IDLE = 0.20
# With this share of what its workers can give a case lacks nothing that has a cause.
SCALES_FROM = 0.80
# Of the time blocked, this share explains it.
MOST_OF = 0.5
# Growth in all arms of one process that is surely less may be where its buffers lie in the caches:
# one process in twenty showed 1.3-fold.
LEAST_OF_LIBRARY = 1.5
# One page fault in a virtual machine, in seconds of CPU: measured 0.25 to 0.7 microseconds.
FAULT_SECONDS = 0.5e-6


class Cause(Enum):
    """What keeps workers from scaling."""

    NONE = "nothing"
    LOCK = "a lock"
    GIL = "the GIL"
    SHARED_OBJECT = "reference counts or another cache line of a shared object"
    ALLOCATOR = "the allocator or page faults"
    BANDWIDTH = "memory bandwidth"
    COLLECTOR = "pauses of the garbage collector"
    CPUS = "CPUs slowed or shared"
    DISPATCH = "dispatch or imbalance"
    UNKNOWN = "not certain"


@dataclass(frozen=True)
class Arm:
    """What one arm of the probe showed; ``None`` for what the platform cannot tell.

    ``growth`` is the inflation; ``blocked``, ``waiting`` and ``idle`` are shares of the workers'
    time, ``stopped`` is blocked and idle together, and ``collecting`` for how much of it the
    collector may have stopped the others.
    ``fault_share`` is what page faults take of the CPU time, by ``FAULT_SECONDS``.
    """

    speedup: Estimate | None = None
    growth: Estimate | None = None
    blocked: Estimate | None = None
    waiting: Estimate | None = None
    idle: Estimate | None = None
    stopped: Estimate | None = None
    collecting: Estimate | None = None
    fault_share: Estimate | None = None


@dataclass(frozen=True)
class ContentionProbe:
    """The arms. ``work`` is the case as it is declared; every other may be missing.

    ``private``: on objects that no two workers share; ``shared``: all workers on one argument;
    ``preallocated``: with nothing to allocate; ``bandwidth``: sums beyond the caches;
    ``control``: the host control. ``steal`` is the share of a worker's time that a hypervisor took.
    """

    workers: int
    work: Arm
    control: Arm
    private: Arm | None = None
    shared: Arm | None = None
    preallocated: Arm | None = None
    processes: Arm | None = None
    bandwidth: Arm | None = None
    gil_held_share: Estimate | None = None
    gil_enabled: bool = True
    steal: float = 0.0


@dataclass(frozen=True)
class NamedCause:
    """A cause with the figures that speak for it; of ``UNKNOWN``, what they leave open."""

    cause: Cause
    reason: str

    @property
    def is_certain(self) -> bool:
        return self.cause is not Cause.UNKNOWN

    @property
    def line(self) -> str:
        return f"{self.cause.value}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        return {"cause": self.cause.value, "reason": self.reason}


@dataclass(frozen=True)
class _Loss:
    """A kind of loss: whether the bounds make it sure, and whether they leave it possible."""

    kind: str
    is_sure: bool
    may_be: bool


def name_cause(probe: ContentionProbe) -> NamedCause:
    """Return the cause that every bound bears out, or that none does."""
    speedup, work = probe.work.speedup, probe.work
    if speedup is None or work.growth is None:
        return NamedCause(Cause.UNKNOWN, "no round of the probe has its CPU time")
    if speedup.low >= SCALES_FROM * probe.workers:
        return NamedCause(
            Cause.NONE, f"it scales, {SPEEDUP.text(speedup.value)} of {probe.workers}"
        )
    losses = {loss.kind: loss for loss in _losses(probe)}
    sure = [loss for loss in losses.values() if loss.is_sure]
    if not sure:
        return _slowed_cpus(probe) or _nothing_sure(losses, speedup)
    # A lock burns CPU as well, in spinning, and a cache line never blocks. Who waits for a core
    # leaves its peers idle.
    kind = next(kind for kind in KINDS if kind in {loss.kind for loss in sure})
    return KINDS[kind](probe)


def _losses(probe: ContentionProbe) -> Iterator[_Loss]:
    collecting = probe.work.collecting
    if collecting is not None:
        yield _Loss("the collector", collecting.low > LOST, collecting.high > LOST)
    grown = growth_of(probe.work, probe)
    if grown is not None:
        yield _Loss("growth", grown.low > LEAST_GROWTH, grown.high > GROWN)
    waiting = probe.work.waiting
    # What a hypervisor took looks blocked, and peers are idle for one that waits for a core.
    spare = 0.0 if waiting is None else (probe.workers - 1) * max(0.0, waiting.high)
    for kind, share, excused, least in (
        ("blocked", probe.work.blocked, probe.steal, LOST),
        ("waiting", waiting, 0.0, LOST),
        ("idle", probe.work.idle, spare, LOST_IDLE),
    ):
        if share is not None:
            yield _Loss(kind, share.low - excused > least, share.high > least)


def _slowed_cpus(probe: ContentionProbe) -> NamedCause | None:
    """Say that the control grows as well: hyperthreads, or a clock that falls. ``None`` if not."""
    control = probe.control.growth
    if control is None or not control.is_bounded or control.low <= GROWN:
        return None
    reason = f"the control's CPU time per work grows {INFLATION.number(control.value)}-fold as well"
    return NamedCause(Cause.CPUS, reason)


def _nothing_sure(losses: Mapping[str, _Loss], speedup: Estimate) -> NamedCause:
    possible = [kind for kind, loss in losses.items() if loss.may_be]
    if not speedup.is_bounded:
        reason = "too few rounds of the probe, or too much alike, for an interval"
    elif possible:
        reason = f"the intervals leave open: {', '.join(possible)}"
    elif not {"growth", "blocked", "waiting"} <= losses.keys():
        reason = "this platform does not tell where the time went"
    else:
        reason = f"{SPEEDUP.text(speedup.value)}, and no loss of any kind is seen"
        return NamedCause(Cause.NONE, reason)
    return NamedCause(Cause.UNKNOWN, reason)


def growth_of(arm: Arm | None, probe: ContentionProbe) -> Estimate | None:
    """Return an arm's inflation beyond that of the control, ``None`` where it has no interval."""
    grown = None if arm is None else beyond_control(arm.growth, probe.control.growth)
    return grown if grown is not None and grown.is_bounded else None


# --- CPU time per work grows


def _of_growth(probe: ContentionProbe) -> NamedCause:
    """Where the growth goes away tells its cause: the first arm that is without it."""
    grown = growth_of(probe.work, probe)
    assert grown is not None
    half = 1 + (grown.low - 1) / 2
    private, processes = (
        _follows(growth_of(arm, probe), half) for arm in (probe.private, probe.processes)
    )
    preallocated = _follows(growth_of(probe.preallocated, probe), half)
    figures = _growth_figures(probe)
    if private is False:
        return NamedCause(Cause.SHARED_OBJECT, f"{figures}: each worker on its own does not pay")
    if processes is True:
        return _of_growth_in_processes(probe, figures)
    if processes is None or (probe.private is not None and private is None):
        return NamedCause(Cause.UNKNOWN, f"{figures}; the intervals leave the cause open")
    if preallocated is False:
        return NamedCause(Cause.ALLOCATOR, f"{figures}: with nothing to allocate it does not grow")
    if preallocated is True and grown.low < LEAST_OF_LIBRARY:
        return NamedCause(
            Cause.UNKNOWN, f"{figures}: an object that all threads use, or where the buffers lie"
        )
    if preallocated is True:
        return NamedCause(
            Cause.SHARED_OBJECT, f"{figures}: an object of Python's or of the library's own"
        )
    faults = probe.work.fault_share
    if faults is not None and faults.low > MOST_OF * (1 - 1 / grown.value):
        share = f"page faults take about {faults.value:.0%} of the CPU time"
        return NamedCause(Cause.ALLOCATOR, f"{figures}; {share}")
    return NamedCause(Cause.UNKNOWN, f"{figures}: the allocator, or an object that all threads use")


def _of_growth_in_processes(probe: ContentionProbe, figures: str) -> NamedCause:
    bandwidth = growth_of(probe.bandwidth, probe)
    if bandwidth is not None and bandwidth.low > LEAST_GROWTH:
        return NamedCause(
            Cause.BANDWIDTH,
            f"{figures}, sums beyond the caches {INFLATION.number(bandwidth.value)}-fold",
        )
    if bandwidth is None or bandwidth.high > LEAST_GROWTH:
        memory = "whether the memory has bandwidth to spare is not certain"
    else:
        memory = "the memory has bandwidth to spare"
    return NamedCause(Cause.UNKNOWN, f"{figures}: in processes, too, and {memory}")


def _follows(arm: Estimate | None, half: float) -> bool | None:
    """Whether an arm has most of the growth of the work; ``None`` where the bounds leave it."""
    if arm is None or arm.low <= half <= arm.high:
        return None
    return arm.low > half


def _growth_figures(probe: ContentionProbe) -> str:
    named = {
        "as it is": probe.work,
        "on private objects": probe.private,
        "all on one argument": probe.shared,
        "preallocated": probe.preallocated,
        "in processes": probe.processes,
    }
    parts = [
        f"{INFLATION.number(arm.growth.value)}-fold {where}"
        for where, arm in named.items()
        if arm is not None and arm.growth is not None
    ]
    return f"CPU time per work grows {', '.join(parts)}"


# --- the workers stand still


def _of_collector(probe: ContentionProbe) -> NamedCause:
    collecting, stopped = probe.work.collecting, probe.work.stopped
    assert collecting is not None
    figures = f"the collector was at work for {collecting.value:.0%} of the others' time"
    if stopped is None or collecting.high < MOST_OF * stopped.value:
        return NamedCause(Cause.UNKNOWN, f"{figures}, and more of it was lost otherwise")
    figures += f", who stood still for {stopped.value:.0%}"
    if collecting.low > MOST_OF * stopped.value:
        return NamedCause(Cause.COLLECTOR, figures)
    return NamedCause(Cause.UNKNOWN, f"{figures}: it, or something else")


def _of_blocked(probe: ContentionProbe) -> NamedCause:
    blocked = probe.work.blocked
    assert blocked is not None
    figures = f"blocked {blocked.value:.0%} of the time"
    held = probe.gil_held_share
    if probe.gil_enabled and held is None:
        return NamedCause(Cause.UNKNOWN, f"{figures}: the GIL or a lock, the GIL was not sampled")
    if held is not None and held.value > MOST_OF:
        return NamedCause(Cause.GIL, f"{figures}, GIL held {GIL_HELD_SHARE.text(held.value)}")
    if held is not None and held.high > blocked.value:
        return NamedCause(
            Cause.UNKNOWN, f"{figures}, GIL held {GIL_HELD_SHARE.text(held.value)}: it or a lock"
        )
    others = {arm: _is_blocked(getattr(probe, arm)) for arm in ("processes", "preallocated")}
    if others["processes"]:
        return NamedCause(Cause.UNKNOWN, f"{figures}, in processes, too: input, output or a file")
    if others["preallocated"] is False:
        return NamedCause(Cause.ALLOCATOR, f"{figures}, and not with nothing to allocate")
    if _is_blocked(probe.private) is False:
        return NamedCause(Cause.LOCK, f"{figures}, and not on private objects")
    return NamedCause(Cause.LOCK, figures)


def _is_blocked(arm: Arm | None) -> bool | None:
    """Whether the workers of an arm were blocked; ``None`` where the bounds leave it open."""
    if arm is None or arm.blocked is None or arm.blocked.low <= LOST <= arm.blocked.high:
        return None
    return arm.blocked.low > LOST


def _of_idle(probe: ContentionProbe) -> NamedCause:
    idle, held = probe.work.idle, probe.gil_held_share
    assert idle is not None
    figures = f"idle {idle.value:.0%} of the time"
    if held is not None and held.value > MOST_OF:
        return NamedCause(Cause.GIL, f"{figures}, GIL held {GIL_HELD_SHARE.text(held.value)}")
    if probe.gil_enabled and held is None:
        return NamedCause(Cause.UNKNOWN, f"{figures}: dispatch or the GIL, which was not sampled")
    return NamedCause(Cause.DISPATCH, figures)


def _of_waiting(probe: ContentionProbe) -> NamedCause:
    waiting = probe.work.waiting
    assert waiting is not None
    return NamedCause(Cause.CPUS, f"{waiting.value:.0%} of the time others had the cores")


# The first that is sure decides.
KINDS: dict[str, Callable[[ContentionProbe], NamedCause]] = {
    "the collector": _of_collector,
    "blocked": _of_blocked,
    "growth": _of_growth,
    "waiting": _of_waiting,
    "idle": _of_idle,
}
