"""The gate of other projects' benchmarks: floors by patterns of names, and verdicts. Pure."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Sequence
from dataclasses import dataclass

from speedgate.judging.floors import Floors as CaseFloors
from speedgate.judging.gate import (
    Evidence,
    Verdict,
    held_is_high,
    inflation_is_high,
    machine_allowance,
    speedup_is_low,
    too_few,
)
from speedgate.judging.gil_class import RELEASES_UP_TO, Classification, GilClass
from speedgate.judging.inflation import GROWN, beyond_control, most_inflation, why_high
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import GIL_HELD_SHARE, INFLATION, SPEEDUP

GATE = "scale"
# A benchmark that reaches this share of its threads scales, whatever else is seen of it.
SCALES_FROM = 0.85
# A share of the threads' time that is worth a word.
LOST = 0.15
# What is advised where there are too few rounds: this gate has no screen that adds it.
RAISE_BUDGET = "raise --budget"
# What is said of a limit to the GIL held share where nothing holds one.
NO_GIL = "the GIL held share is not applicable, this Python runs without a GIL"
# What is said of a limit to the inflation where the GIL keeps threads apart.
HAS_GIL = "the inflation is not applicable, this Python has a GIL"
# A worker that waits for a CPU is seen without the GIL, whatever it does.
TOO_BUSY = "nothing shows that the worker had a core to itself: run it again on a quieter machine"
# Private state is called faster than a shared one from this ratio on.
CONTENTION = 1.15


@dataclass(frozen=True)
class Rule:
    """What is asked of the benchmarks whose names match; ``skip`` says why nothing is.

    ``max_inflation`` is the most that CPU time per call may grow with the threads where there is
    no GIL; without it, as much as just leaves ``min_speedup``.
    """

    patterns: tuple[str, ...] = ("*",)
    min_speedup: float | None = None
    max_gil_held_share: float | None = None
    threads: int | None = None
    skip: str | None = None
    max_inflation: float | None = None

    def covers(self, name: str, threads: int) -> bool:
        if self.threads is not None and self.threads != threads:
            return False
        return threads > 1 and any(matching(pattern, name) for pattern in self.patterns)

    @property
    def asks(self) -> bool:
        floors = self.min_speedup, self.max_gil_held_share, self.max_inflation
        return self.skip is None and floors != (None, None, None)

    def floors(self, workers: int) -> CaseFloors:
        """Return the floors for a number of threads; what is not asked is far off."""
        held, grown = self.max_gil_held_share, self.max_inflation
        if grown is None and self.min_speedup:
            grown = max(GROWN, most_inflation(workers, self.min_speedup))
        return CaseFloors(
            speedup=self.min_speedup or 0.0,
            concurrency=0.0,
            gil_held_share=2.0 if held is None else held,
            inflation=math.inf if grown is None else grown,
        )


def matching(pattern: str, name: str) -> bool:
    """Whether a gate's pattern covers a benchmark: ``*`` and ``?``, or a part of the name.

    Brackets mean themselves: parameters stand in them.
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern in name
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def rule_for(rules: Sequence[Rule], case: Case) -> Rule | None:
    """Return the first rule that covers a benchmark, ``None`` where nothing is asked of it."""
    first = next((rule for rule in rules if rule.covers(case.workload, case.workers)), None)
    return first if first is not None and first.asks else None


def judge_evidence(evidence: Evidence, rule: Rule, final: bool) -> tuple[Verdict, str]:
    """The rules of docs/method.md without a floor of concurrency: here nobody asks for one."""
    speedup = evidence.speedup
    if evidence.broken is not None:
        return Verdict.NOT_EVALUATED, evidence.broken
    if speedup is None:
        return Verdict.INCONCLUSIVE, f"{too_few(0)}; {RAISE_BUDGET}"
    required = rule.floors(evidence.workers)
    figures = _figures(speedup, evidence.gil_held_share, rule)
    surely = _why_surely(evidence, required)
    if surely:
        return Verdict.FAILED, f"{figures}{surely}"
    missing = _why_not_judged(evidence, rule)
    if missing:
        figures = f"{figures}: {missing}"
        if _is_left_open(evidence, rule):
            return Verdict.NOT_EVALUATED, figures
    if not speedup.is_bounded:
        return Verdict.INCONCLUSIVE, f"{too_few(speedup.count)}; {RAISE_BUDGET}"
    if (
        rule.min_speedup is not None
        and speedup.high * machine_allowance(evidence) < rule.min_speedup
    ):
        if speedup_is_low(evidence, required) and final:
            return Verdict.FAILED, f"{figures}; {cause(evidence)}"
        return Verdict.INCONCLUSIVE, f"{figures}; too low, but not in every process"
    keeps_limits = _held_is_low(evidence, rule) and _inflation_is_low(evidence, rule)
    if speedup.low >= (rule.min_speedup or 0.0) and keeps_limits:
        return Verdict.PASSED, figures
    return Verdict.INCONCLUSIVE, f"{figures}; {_why_unsure(evidence, rule)}"


def _why_surely(evidence: Evidence, required: CaseFloors) -> str:
    """Say which signal but the wall time is surely bad, at whatever look; "" if none is."""
    if held_is_high(evidence, required):
        return ": it holds the GIL for longer"
    if inflation_is_high(evidence, required) and evidence.inflation is not None:
        grown = why_high(evidence.inflation, evidence.control_inflation, required.inflation)
        return f"; {grown}"
    return ""


def _why_not_judged(evidence: Evidence, rule: Rule) -> str:
    """Say which limits of the rule cannot be held against this benchmark; "" if all can."""
    parts = []
    if rule.max_gil_held_share is not None and evidence.gil_held_share is None:
        parts.append(why_no_share(evidence))
    if rule.max_inflation is not None and evidence.gil_enabled:
        parts.append(HAS_GIL)
    return "; ".join(parts)


def _is_left_open(evidence: Evidence, rule: Rule) -> bool:
    """Whether what cannot be judged leaves no verdict: a share that nobody sampled, or nothing
    else is asked."""
    asks_share = rule.max_gil_held_share is not None
    if asks_share and evidence.gil_held_share is None and evidence.gil_enabled:
        return True
    asks_other = asks_share if evidence.gil_enabled else rule.max_inflation is not None
    return rule.min_speedup is None and not asks_other


def why_no_share(evidence: Evidence) -> str:
    """Return why a benchmark has no GIL held share, with the remedy if there is one."""
    if not evidence.gil_enabled:
        return NO_GIL
    return f"the GIL was not sampled; {evidence.unsampled or TOO_BUSY}"


def _held_is_low(evidence: Evidence, rule: Rule) -> bool:
    most, share = rule.max_gil_held_share, evidence.gil_held_share
    return most is None or share is None or share.value <= most


def _inflation_is_low(evidence: Evidence, rule: Rule) -> bool:
    """Whether the CPU time per call is seen to keep the limit, where one was given."""
    if rule.max_inflation is None or evidence.gil_enabled:
        return True
    grown = beyond_control(evidence.inflation, evidence.control_inflation)
    return grown is not None and grown.value <= rule.max_inflation


def _why_unsure(evidence: Evidence, rule: Rule) -> str:
    if not _held_is_low(evidence, rule):
        return "the samples of the GIL are too few to tell"
    if not _inflation_is_low(evidence, rule):
        if evidence.inflation is None:
            return "the CPU time of threads cannot be read here"
        grown = INFLATION.text(evidence.inflation.value)
        return f"CPU time per call grew {grown}-fold, but not surely"
    return machine_taken(evidence) or "the interval holds the threshold"


def _figures(speedup: Estimate, held: Estimate | None, rule: Rule) -> str:
    parts = [SPEEDUP.interval(speedup)]
    if rule.min_speedup is not None:
        parts.append(f"needs {SPEEDUP.text(rule.min_speedup)}")
    if held is not None:
        parts.append(f"GIL held {GIL_HELD_SHARE.text(held.value)}")
        if rule.max_gil_held_share is not None:
            parts.append(f"at most {GIL_HELD_SHARE.text(rule.max_gil_held_share)}")
    return ", ".join(parts)


# --- why it does not scale


def scales(evidence: Evidence) -> bool:
    """Whether a benchmark reaches nearly as much as it has threads."""
    speedup = evidence.speedup
    return speedup is not None and speedup.value >= 1 + SCALES_FROM * (evidence.workers - 1)


def cause(evidence: Evidence, kind: Classification | None = None) -> str:
    """Return why a benchmark scales no better, as far as the figures tell; "" where it does."""
    if scales(evidence) or evidence.speedup is None:
        return ""
    if kind is not None and kind.kind is GilClass.HOLDS and "lock" in kind.reason:
        return "a lock that is not the GIL"
    held = evidence.gil_held_share
    if held is not None and held.value * evidence.speedup.value >= 0.6:
        return f"the GIL is held {GIL_HELD_SHARE.text(held.value)} of the time"
    blocked = _blocked(evidence)
    if blocked:
        return blocked
    machine = machine_taken(evidence)
    if machine:
        return machine
    if evidence.inflation is not None and evidence.inflation.value > GROWN:
        grown = INFLATION.text(evidence.inflation.value)
        shared = "" if evidence.gil_enabled else "an object that all threads use, "
        return f"{shared}memory, page faults or caches: CPU time per call grew {grown}-fold"
    if evidence.shares is not None and (evidence.shares.idle or 0.0) > LOST:
        idle = evidence.shares.idle
        return f"idle {idle:.0%} of the time: the threads' own states differ in cost"
    return "not certain"


def _blocked(evidence: Evidence) -> str:
    """Say that most of what is missing was spent blocked, "" where it was not."""
    shares = evidence.shares
    if shares is None or shares.blocked is None:
        return ""
    if shares.blocked <= max(LOST, shares.idle or 0.0, shares.waiting or 0.0):
        return ""
    return f"blocked {shares.blocked:.0%} of the time: {_what_blocks(evidence)}"


def _what_blocks(evidence: Evidence) -> str:
    if not evidence.gil_enabled:
        return "a lock"
    # Beside neighbours a GIL that is held throughout was seen as 0.45 of the time.
    held = evidence.gil_held_share
    is_free = held is not None and held.high <= RELEASES_UP_TO
    return "a lock that is not the GIL" if is_free else "a lock, or the GIL"


def machine_taken(evidence: Evidence) -> str:
    """Say what the machine took, "" where it left the cores free."""
    shares = evidence.shares
    if shares is not None and shares.waiting is not None and shares.waiting > 0.10:
        return f"the machine was busy: {shares.waiting:.0%} waiting for a CPU"
    if evidence.control is not None and evidence.control.value < 0.8 * evidence.workers:
        return f"the machine was busy: the control reached {SPEEDUP.text(evidence.control.value)}"
    return ""


def contention(private: Estimate | None, shared: Estimate | None) -> str:
    """Say what sharing one state costs, "" where nothing to speak of is certain.

    Both are of the same processes, taken in turn: what the machine took is in both.
    """
    if private is None or shared is None or not (private.is_bounded and shared.is_bounded):
        return ""
    if private.low <= shared.high or private.value < CONTENTION * shared.value:
        return ""
    return (
        f"{SPEEDUP.text(shared.value)} with one state for all threads: they contend for its objects"
    )
