"""The decision: from what was measured to a verdict and its reason. Pure; docs/method.md has it as
a table.

A verdict comes from the bounds of intervals, and what cannot be decided says why. A gate has two
floors: the speedup that the user asked for, judged by what the machine could give in the same
stretch of time, and the concurrency, which the GIL decides and a neighbour does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from speedgate.judging.floors import Floors
from speedgate.judging.inflation import GROWN, is_high, why_high
from speedgate.stats.accounting import Concurrency, Shares
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import CONCURRENCY, GIL_HELD_SHARE, INFLATION, SPEEDUP

# A case passes with this share of the concurrency floor: what others took, however little, is
# taken off its lower bound. A GIL that is held for half of the work leaves less.
PASSING_SHARE = 0.88
# f under threads reads 0.8 to 1.05 while there is a GIL; an instrument that reads surely more than
# this shows speedups which are not there.
MAX_SPEEDUP_UNDER_GIL = 1.2
# What fails the negative control where there is no GIL.
WITHOUT_GIL = (
    "; without a GIL what it held back must scale, so this build of Python, or a lock in it, is "
    "at fault"
)
# The probability that any gate of a run errs because of chance in the rounds.
ERROR_RATE = 0.05
# How many cases the gates of this suite's own default run judge.
JUDGED_BY_DEFAULT = 4
# A judged case is measured in up to this many fresh processes, with a look at the evidence after
# each from the second on.
MAX_PROCESSES = 4
MIN_PROCESSES = 2
LOOKS = MAX_PROCESSES - MIN_PROCESSES + 1
# Speedup, concurrency and, with a GIL, the held share, without one the inflation can each fail a
# case, on one side.
JUDGED_FIGURES = 3


# The GIL explains a loss where 1 / held is at most this many times the concurrency that was seen.
GIL_EXPLAINS = 1.5


class Verdict(Enum):
    """What a gate says of a case. The last two always have a reason."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class Gate:
    """Which cases are judged, and what of: that threads scale, or (negative control) do not.

    The negative control is of what the GIL keeps from scaling. Without a GIL it has to scale.
    """

    name: str
    workloads: tuple[str, ...]
    strategy: str = "threads"
    min_size: int = 1_000_000
    max_size: int | None = None
    must_scale: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "workloads", tuple(self.workloads))  # a list would not hash

    def covers(self, case: Case) -> bool:
        return (
            case.workload in self.workloads
            and case.strategy == self.strategy
            and self.min_size <= case.size <= (self.max_size or case.size)
            and case.workers > 1
        )


@dataclass(frozen=True)
class Evidence:
    """What was measured of one case, at the confidence that the gate decides with.

    ``process_speedups`` are the medians of the single processes; ``control`` is the speedup of
    the host control in the same rounds, ``control_inflation`` its own, ``process_inflations`` are
    the medians of the work's; ``throttled`` is the share of the workers' time for which a control
    group had used up its quota; ``broken`` names a premise that did not hold, ``unsampled``
    says why nobody sampled the GIL.
    """

    workers: int
    speedup: Estimate | None
    process_speedups: tuple[float, ...] = ()
    concurrency: Concurrency | None = None
    control: Estimate | None = None
    shares: Shares | None = None
    inflation: Estimate | None = None
    control_inflation: Estimate | None = None
    process_inflations: tuple[float, ...] = ()
    gil_held_share: Estimate | None = None
    throttled: float | None = None
    gil_enabled: bool = True
    broken: str | None = None
    unsampled: str | None = None


@dataclass(frozen=True)
class Judgement:
    """A gate's word on a case, with what it was decided from.

    A gate that does not apply, as the history does before there are runs enough, is not missed
    when it is not evaluated. ``benchmark`` is the full name of what measured the case.
    """

    gate: str
    case: Case
    verdict: Verdict
    reason: str
    at_least: float | None = None
    at_most: float | None = None
    evidence: Evidence | None = None
    applies: bool = True
    benchmark: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether the gate should have been judged and was not."""
        return self.applies and self.verdict is Verdict.NOT_EVALUATED

    def as_json(self) -> dict[str, Any]:
        evidence = self.evidence
        return {
            "gate": self.gate,
            "case": self.case.as_json(),
            "benchmark": self.benchmark,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "speedup": evidence.speedup.as_json() if evidence and evidence.speedup else None,
            "at_least": self.at_least,
            "at_most": self.at_most,
        }

    @property
    def line(self) -> str:
        return f"{self.verdict.value}: {self.case.id} {self.reason}"


def decision_confidence(judged: int) -> float:
    """Return the confidence of each interval so that all gates and looks together err rarely.

    Bonferroni over the ``judged`` cases of a run, the looks at each and the signals that can fail
    it: valid whatever depends on what, and known before the first look, so that a case can stop
    early. An interval errs on either side, and one side fails.
    """
    return 1 - 2 * ERROR_RATE / (max(1, judged) * LOOKS * JUDGED_FIGURES)


def judge(gate: Gate, case: Case, evidence: Evidence, required: Floors, final: bool) -> Judgement:
    """Decide on what there is. Unless it is ``final``, inconclusive means: measure more."""
    if gate.must_scale or not evidence.gil_enabled:
        verdict, reason = _judge_scaling(evidence, required, final)
        if verdict is Verdict.FAILED and not gate.must_scale:
            reason += WITHOUT_GIL
        return Judgement(gate.name, case, verdict, reason, required.speedup, None, evidence)
    verdict, reason = _judge_negative_control(evidence)
    return Judgement(
        gate=gate.name,
        case=case,
        verdict=verdict,
        reason=reason,
        at_most=MAX_SPEEDUP_UNDER_GIL,
        evidence=evidence,
    )


def _judge_scaling(evidence: Evidence, required: Floors, final: bool) -> tuple[Verdict, str]:
    """The rows of the table in docs/method.md, in its order; the first that applies decides."""
    speedup = evidence.speedup
    if evidence.broken is not None:
        return Verdict.NOT_EVALUATED, evidence.broken
    if speedup is None:
        return Verdict.INCONCLUSIVE, too_few(0)
    figures = f"{speedup_figure(speedup)}, needs {SPEEDUP.text(required.speedup)}"
    if required.concurrency > evidence.workers:
        return Verdict.FAILED, (
            f"{figures}; needs concurrency {CONCURRENCY.text(required.concurrency)}: more than "
            f"{evidence.workers} workers can give"
        )
    surely = _why_surely(evidence, required)
    if surely:
        return Verdict.FAILED, f"{figures}; {surely}"
    if not speedup.is_bounded:
        return Verdict.INCONCLUSIVE, too_few(speedup.count)
    if required.speedup > evidence.workers and speedup.high < required.speedup:
        return Verdict.FAILED, f"{figures}: more than {evidence.workers} workers can give"
    if speedup_is_low(evidence, required) and final:
        return Verdict.FAILED, f"{figures}; {_why_slow(evidence, required)}"
    if speedup.low >= required.speedup and concurrency_is_high(evidence, required):
        return (
            Verdict.PASSED,
            f"{figures}{_concurrency_figures(evidence)}, {_held_figure(evidence)}",
        )
    return Verdict.INCONCLUSIVE, f"{figures}; {_why_unsure(evidence, required)}"


def _why_surely(evidence: Evidence, required: Floors) -> str:
    """Say which signal but the wall time is surely bad, at whatever look; "" if none is."""
    if concurrency_is_low(evidence, required):
        return _why_blocked(evidence, required)
    if held_is_high(evidence, required):
        return _why_held(evidence, required)
    if inflation_is_high(evidence, required) and evidence.inflation is not None:
        return why_high(evidence.inflation, evidence.control_inflation, required.inflation)
    return ""


def concurrency_is_low(evidence: Evidence, required: Floors) -> bool:
    """Whether the workers surely could not run at once, even if every wait was the machine's."""
    bounds = evidence.concurrency
    return bounds is not None and bounds.high is not None and (
        bounds.high.high + idle_for_others(evidence) < required.concurrency
    )  # fmt: skip


def idle_for_others(evidence: Evidence) -> float:
    """Return the concurrency that may be lost to workers idle because another had no CPU.

    While one worker waits for a CPU its W - 1 peers may run out of tasks, so of W*T at most
    (W - 1) * waiting can be idle for that. Where more is blocked than idle, a lock explains it.
    """
    shares = evidence.shares
    if shares is None or shares.waiting is None or shares.blocked is None or shares.idle is None:
        return 0.0
    if shares.idle <= shares.blocked:
        return 0.0
    return evidence.workers * min(shares.idle, (evidence.workers - 1) * shares.waiting)


def concurrency_is_high(evidence: Evidence, required: Floors) -> bool:
    """Whether the workers surely ran at once, whatever others took from them."""
    return evidence.concurrency is not None and (
        evidence.concurrency.low.low >= PASSING_SHARE * required.concurrency
    )


def held_is_high(evidence: Evidence, required: Floors) -> bool:
    """Whether the work surely holds the GIL for longer than allowed, even if that is too short
    to cost these few workers anything.

    What the worker waited for in the sampled stretch is taken off already. On a machine that made
    the workers wait, the sampler waits too and sees rather what runs when it gets a CPU: that
    share of the hold may be the machine's.
    """
    if evidence.gil_held_share is None:
        return False
    waiting = 0.0 if evidence.shares is None else evidence.shares.waiting or 0.0
    return evidence.gil_held_share.low * (1 - waiting) > required.gil_held_share


def inflation_is_high(evidence: Evidence, required: Floors) -> bool:
    """Whether the workers surely burn CPU on each other, where no GIL keeps them apart.

    With a GIL it explains, and does not fail: there the held share says what more workers cost.
    """
    return not evidence.gil_enabled and is_high(
        evidence.inflation,
        evidence.control_inflation,
        evidence.process_inflations,
        required.inflation,
    )


def speedup_is_low(evidence: Evidence, required: Floors) -> bool:
    """Whether the speedup is too low in every process, whatever the machine took from it.

    The same code moves by tens of percent between fresh processes (where its pages land), so one
    slow process is no evidence. What the machine took is the larger of two estimates: what the
    control lacked of W, and the share of time that workers waited for a CPU.
    """
    speedup = evidence.speedup
    if speedup is None or len(evidence.process_speedups) < MIN_PROCESSES:
        return False
    if evidence.control is not None and not evidence.control.is_bounded:
        return False
    allowance = machine_allowance(evidence)
    highest = max(speedup.high, *evidence.process_speedups)
    return highest * allowance < required.speedup


def machine_allowance(evidence: Evidence) -> float:
    """Return by what factor the speedup could be higher on a machine with all its cores free."""
    factors = [1.0]
    if evidence.control is not None:
        factors.append(evidence.workers / max(evidence.control.low, 0.01))
    if evidence.shares is not None and evidence.shares.waiting is not None:
        factors.append(1 / max(0.01, 1 - evidence.shares.waiting))
    return max(factors)


def _judge_negative_control(evidence: Evidence) -> tuple[Verdict, str]:
    """What holds the GIL must not speed up while there is one: else the instrument is wrong."""
    speedup = evidence.speedup
    if evidence.broken is not None:
        return Verdict.NOT_EVALUATED, evidence.broken
    if speedup is None or not speedup.is_bounded:
        return Verdict.INCONCLUSIVE, too_few(speedup.count if speedup else 0)
    most = SPEEDUP.text(MAX_SPEEDUP_UNDER_GIL)
    figures = f"{speedup_figure(speedup)}, at most {most} with the GIL on"
    if speedup.low > MAX_SPEEDUP_UNDER_GIL:
        return Verdict.FAILED, (
            f"{figures}: this holds the GIL and cannot speed up, so the measurement is wrong "
            "and no other figure of this run is to be trusted"
        )
    if speedup.high <= MAX_SPEEDUP_UNDER_GIL:
        return Verdict.PASSED, figures
    return Verdict.INCONCLUSIVE, f"{figures}; the interval holds both"


def speedup_figure(speedup: Estimate) -> str:
    """Return ``1.65x [1.60, 1.71] over rounds``: a table has the interval over processes."""
    return f"{SPEEDUP.interval(speedup)}{' over rounds' if speedup.is_bounded else ''}"


def too_few(count: int) -> str:
    """Say that there is no interval; ``count`` pairs count as fewer if neighbours resemble."""
    alike = " or too much alike" if count >= 10 else ""
    return f"{count} pairs of rounds are too few{alike} for an interval"


def _why_blocked(evidence: Evidence, required: Floors) -> str:
    parts = [
        _concurrency_figures(evidence).lstrip(", ")
        + f", needs {CONCURRENCY.text(required.concurrency)}"
    ]
    shares = evidence.shares
    if shares is not None and shares.blocked is not None:
        parts.append(f"blocked {shares.blocked:.0%} (on CPU {shares.on_cpu:.0%})")
    parts.append(_held_figure(evidence))
    return f"{', '.join(parts)}: {_what_blocks(evidence, required)}"


def _what_blocks(evidence: Evidence, required: Floors) -> str:
    """Name what kept the workers from running at once: what the signals bear out, no more.

    The GIL speaks first: a worker that waits for it before its first task, or between two, is in
    no task, and looks as if it had nothing to do.
    """
    if _gil_explains(evidence, required):
        return "it no longer releases the GIL"
    may_be_gil = evidence.gil_enabled and evidence.gil_held_share is None
    if _is_rather_idle(evidence):
        causes = "dispatch, imbalance or the GIL" if may_be_gil else "dispatch or imbalance"
        return f"the workers had nothing to do for most of what is missing: {causes}"
    if may_be_gil:
        return "the GIL or a lock is held"
    return "a lock that is not the GIL is held" if evidence.gil_enabled else "a lock is held"


def _gil_explains(evidence: Evidence, required: Floors) -> bool:
    """Whether the hold explains most of the loss, or would by itself keep C below its floor.

    One worker that holds the GIL for a share h of its work lets 1 / h run at once.
    """
    held, bounds = evidence.gil_held_share, evidence.concurrency
    if held is None or bounds is None:
        return False
    seen = bounds.low.value if bounds.high is None else bounds.high.value
    return held.value * max(seen * GIL_EXPLAINS, required.concurrency) > 1


def _is_rather_idle(evidence: Evidence) -> bool:
    """Whether the workers were in no task for longer than they were blocked; no if unknown."""
    shares = evidence.shares
    if shares is None or shares.blocked is None or shares.idle is None:
        return False
    return shares.idle > shares.blocked


def _held_figure(evidence: Evidence) -> str:
    if evidence.gil_held_share is None:
        if not evidence.gil_enabled:
            return "no GIL"
        why = "" if evidence.unsampled is None else f" ({evidence.unsampled})"
        return f"GIL not sampled{why}"
    return f"GIL held {GIL_HELD_SHARE.text(evidence.gil_held_share.value)}"


def _why_held(evidence: Evidence, required: Floors) -> str:
    held = evidence.gil_held_share
    assert held is not None
    return (
        f"GIL held {GIL_HELD_SHARE.interval(held)} of one worker's work, at most "
        f"{GIL_HELD_SHARE.text(required.gil_held_share)}: no number of threads makes it faster "
        f"than {SPEEDUP.text(1 / held.value)}"
    )


def _why_slow(evidence: Evidence, required: Floors) -> str:
    parts = []
    if evidence.control is not None:
        parts.append(
            f"the control reached {SPEEDUP.text(evidence.control.value)} of {evidence.workers}"
        )
    parts.append(_concurrency_figures(evidence).lstrip(", "))
    cores = 1.0 if evidence.control_inflation is None else evidence.control_inflation.value
    grown = 0.0 if evidence.inflation is None else evidence.inflation.value
    if grown:
        beside = f" (the control's {INFLATION.text(cores)}-fold)" if cores > GROWN else ""
        parts.append(f"CPU time per work grew {INFLATION.text(grown)}-fold{beside}")
    if grown > GROWN * max(1.0, cores):
        shared = "" if evidence.gil_enabled else "an object that all workers use, "
        cause = f"{shared}memory, page faults or BLAS threads"
    elif cores > GROWN and concurrency_is_high(evidence, required):
        cause = "hyperthreads of one core, or a lower clock with more cores busy"
    elif evidence.shares is None or evidence.shares.blocked is None:
        cause = "cause unknown, for this platform does not tell waiting from blocked"
    elif _is_rather_idle(evidence) or concurrency_is_high(evidence, required):
        cause = "dispatch or imbalance"
    else:
        cause = _what_blocks(evidence, required)
    return f"{', '.join(part for part in parts if part)}: {cause}"


def _why_unsure(evidence: Evidence, required: Floors) -> str:
    parts = []
    shares = evidence.shares
    throttled = 0.0
    if evidence.throttled is not None and evidence.throttled > 0.05:
        throttled = evidence.throttled
        parts.append(f"throttled for {throttled:.0%} of the time by a control group's CPU quota")
    if shares is not None and shares.waiting is not None and shares.waiting - throttled > 0.05:
        another = "another " if throttled else ""
        waiting = shares.waiting - throttled
        parts.append(f"waiting for a CPU {another}{waiting:.0%}: others had the cores")
    if evidence.control is not None and evidence.control.value < 0.85 * evidence.workers:
        parts.append(
            f"the control reached {SPEEDUP.text(evidence.control.value)} of {evidence.workers}"
        )
    if not concurrency_is_high(evidence, required):
        figures = _concurrency_figures(evidence).lstrip(", ") or "concurrency unknown"
        needed = CONCURRENCY.text(PASSING_SHARE * required.concurrency)
        parts.append(f"{figures}, needs {needed} to pass")
    parts.append(_why_not_slow(evidence, required))
    return "; ".join(part for part in parts if part)


def _why_not_slow(evidence: Evidence, required: Floors) -> str:
    """Say why a speedup that is not surely high enough is not surely too low either."""
    speedup = evidence.speedup
    if speedup is None or speedup.low >= required.speedup:
        return ""
    if speedup.high >= required.speedup:
        return "the interval holds the threshold"
    if any(alone >= required.speedup for alone in evidence.process_speedups):
        return "too low, but not in every process"
    return "the machine may have taken what is missing"


def _concurrency_figures(evidence: Evidence) -> str:
    bounds = evidence.concurrency
    if bounds is None:
        return ""
    if bounds.high is None or bounds.high.value - bounds.low.value < 0.05:
        return f", concurrency {CONCURRENCY.text(bounds.low.value)}"
    low, high = (CONCURRENCY.text(bound.value) for bound in (bounds.low, bounds.high))
    return f", concurrency {low} to {high}"


def unmet(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return the judgements that are no verdict: inconclusive and not evaluated."""
    return [
        judgement
        for judgement in judgements
        if judgement.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED)
    ]
