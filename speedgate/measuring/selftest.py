"""What this machine can tell: A/A, false alarms, the smallest drop that would be seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from speedgate.judging.floors import Floors
from speedgate.judging.gate import (
    JUDGED_BY_DEFAULT,
    MAX_PROCESSES,
    Evidence,
    Gate,
    Judgement,
    Verdict,
    decision_confidence,
    judge,
    machine_allowance,
)
from speedgate.measuring.budget import JUDGED_SECONDS
from speedgate.measuring.measure import HELD_SECONDS, measure
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.runner_process import RunnerClient
from speedgate.stats.case import Case, Workload
from speedgate.stats.estimate import Estimate, estimate_share
from speedgate.stats.figure import CONCURRENCY, GIL_HELD_SHARE, INFLATION, SPEEDUP
from speedgate.stats.speedup import speedup
from speedgate.stats.words import number_of

SIZE = 1_000_000
# A/A compares what the workers do, so its tasks are long against their dispatch.
SAME_TASKS, SAME_LOOPS = 2, 6
# If its rounds do not correlate, A/A errs by chance in one of a thousand runs (python -m
# evaluation.claims A/A). It says nothing where its interval is wider.
SAME_CONFIDENCE = 0.999
MOST_WIDTH = 0.3
# A recommended floor is this share of the lower bounds' median: a machine has worse days.
MARGIN = 0.9


@dataclass(frozen=True)
class Findings:
    """What the self-test measured: one A/A estimate and the judgements of an unchanged workload."""

    same: Estimate | None
    judgements: tuple[Judgement, ...]
    required: Floors

    @property
    def _bounded(self) -> list[tuple[Evidence, Estimate]]:
        """The evidence that has a speedup with an interval."""
        evidences = [
            judgement.evidence for judgement in self.judgements if judgement.evidence is not None
        ]
        return [
            (evidence, evidence.speedup)
            for evidence in evidences
            if evidence.speedup is not None and evidence.speedup.is_bounded
        ]

    @property
    def has_gil(self) -> bool:
        """Whether the Python that was measured runs with a GIL."""
        return all(
            judgement.evidence is None or judgement.evidence.gil_enabled
            for judgement in self.judgements
        )

    def count(self, verdict: Verdict) -> int:
        return sum(judgement.verdict is verdict for judgement in self.judgements)

    def false_alarms(self) -> Estimate | None:
        """The share of gates that failed though nothing had changed."""
        return estimate_share(self.count(Verdict.FAILED), len(self.judgements))

    def same_is_one(self) -> bool:
        """Whether one worker against the baseline reads 1.00 within its interval."""
        return self.same_is_known() and self.same is not None and (
            self.same.low <= 1.0 <= self.same.high
        )  # fmt: skip

    def same_is_known(self) -> bool:
        """Whether A/A has an interval that is narrow enough to say anything."""
        return (
            self.same is not None
            and self.same.is_bounded
            and self.same.high - self.same.low <= MOST_WIDTH
        )

    def recommended_speedup(self) -> float | None:
        """A floor that this machine's healthy runs clear, rounded down to 0.05; at least 1.05.

        ``None`` where even that would not be cleared: the machine is too busy to judge on.
        """
        lows = [estimate.low for _, estimate in self._bounded]
        if not lows:
            return None
        floor = math.floor(MARGIN * median(lows) * 20) / 20
        return floor if floor >= 1.05 else None

    def smallest_drop(self) -> float | None:
        """The relative loss of speedup that the floor calls failed in half of such runs.

        A loss is called failed when even the highest process, with what the machine may have
        taken added, lies below the floor.
        """
        known = self._bounded
        if not known:
            return None
        stretch = median(
            max(estimate.high, *evidence.process_speedups)
            * machine_allowance(evidence)
            / estimate.value
            for evidence, estimate in known
        )
        return 1 - self.required.speedup / stretch / median(estimate.value for _, estimate in known)


def run_selftest(
    workload: Workload,
    control: Workload,
    workers: int,
    required: Floors,
    trials: int,
    open_runner: Callable[[], RunnerClient],
    notify: Callable[[str], None],
) -> Findings:
    """Measure A/A once, then judge the unchanged workload ``trials`` times."""
    same = measure(
        Case(workload.name, SIZE, "threads", 1),
        workload,
        Plan(seconds=JUDGED_SECONDS, processes=2, tasks=SAME_TASKS, loops=SAME_LOOPS),
        open_runner,
    )
    same_estimate = speedup(same.sample, SAME_CONFIDENCE)
    if same_estimate is not None:
        notify(f"one worker against the baseline: {figures(same_estimate)}, expected 1.00")
    judgements = []
    for judgement in _judgements(workload, control, workers, required, trials, open_runner):
        judgements.append(judgement)
        notify(f"{len(judgements)}/{trials} {judgement.line}")
    return Findings(same_estimate, tuple(judgements), required)


def _judgements(
    workload: Workload,
    control: Workload,
    workers: int,
    required: Floors,
    trials: int,
    open_runner: Callable[[], RunnerClient],
) -> Iterator[Judgement]:
    case = Case(workload.name, SIZE, "threads", workers)
    gate = Gate("selftest", (workload.name,))
    confidence = decision_confidence(JUDGED_BY_DEFAULT)

    def judged(measurement: Measurement, final: bool) -> Judgement:
        return judge(gate, case, measurement.evidence(confidence), required, final)

    for number in range(trials):
        plan = Plan(
            seconds=JUDGED_SECONDS,
            processes=MAX_PROCESSES,
            control=control,
            held_seconds=HELD_SECONDS,
            seed=number,
        )
        measurement = measure(
            case,
            workload,
            plan,
            open_runner,
            lambda so_far: judged(so_far, False).verdict is not Verdict.INCONCLUSIVE,
        )
        yield judged(measurement, True)


def figures(estimate: Estimate) -> str:
    """A third decimal: what an A/A tells is how near to 1 it is."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def seen_earlier(findings: Findings) -> str:
    """Say what signals beside the wall time see, with a GIL and without one."""
    required = findings.required
    concurrency = f"concurrency (below {CONCURRENCY.text(required.concurrency)})"
    if findings.has_gil:
        most = GIL_HELD_SHARE.text(required.gil_held_share)
        return (
            f"a lost GIL release is seen earlier by {concurrency} and the GIL held share (above "
            f"{most})"
        )
    most = INFLATION.text(required.inflation)
    return f"a lock is seen earlier by {concurrency}, contention by the inflation (above {most})"


def conclusions(findings: Findings) -> list[str]:
    """Return what the self-test found, in words."""
    lines, required = [], findings.required
    if findings.same is not None:
        state = "reads 1.00, as it must" if findings.same_is_one() else "does not read 1.00"
        if not findings.same_is_known():
            state = f"is known to no better than {MOST_WIDTH:g}: the machine is too busy"
        lines.append(f"A/A: one worker against the baseline {state}: {figures(findings.same)}")
    counts = ", ".join(
        f"{findings.count(verdict)} {verdict.value}"
        for verdict in Verdict
        if findings.count(verdict)
    )
    gates = number_of(len(findings.judgements), "gate")
    lines.append(f"{gates} of an unchanged workload: {counts}")
    alarms = findings.false_alarms()
    if alarms is not None:
        lines.append(
            f"false alarms: {alarms.value:.0%}, surely below {alarms.high:.0%} "
            f"(95%, from {alarms.count} gates)"
        )
    drop = findings.smallest_drop()
    if drop is not None and drop > 0:
        lines.append(
            f"a loss of {drop:.0%} of the speedup would fail the gate at "
            f"{SPEEDUP.text(required.speedup)} by wall time in half of the runs; "
            f"{seen_earlier(findings)}"
        )
    recommended = findings.recommended_speedup()
    if recommended is None:
        lines.append("no threshold can be recommended: the machine is too busy to judge on")
    else:
        lines.append(f"recommended here: --min-speedup {SPEEDUP.number(recommended)}")
    return lines
