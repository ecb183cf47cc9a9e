"""A run of ``scale``: benchmarks found by a fresh interpreter, then measured within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from speedgate.judging.gate import Judgement, Verdict, decision_confidence
from speedgate.judging.scale_gate import Rule, rule_for
from speedgate.measuring.budget import DEFAULT_TIME_LIMIT_SECONDS
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measure import HELD_SECONDS
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan, most_processes
from speedgate.measuring.probe import PROBE_SECONDS
from speedgate.measuring.runner_process import RunnerClient, answer_of
from speedgate.measuring.scale_budget import ScaleBudget
from speedgate.measuring.scale_cause import (
    SHORT_PROBE_SECONDS,
    probe_scaled,
    states_to_probe,
    with_cause_of,
)
from speedgate.measuring.scale_rules import judge_scaled
from speedgate.measuring.scaling import MIN_PROCESSES, Scaled, ScaleOutcome, outcome_of, scale
from speedgate.measuring.selection import OptionError
from speedgate.measuring.targets import Benchmark, BenchmarkListing, Suite, select, spread
from speedgate.runner.messages import Failure, MakeCache
from speedgate.stats.case import Workload

# Where runners find what setup_cache made, as speedgate.runner.callables.asv_suite knows it.
CACHES = "SPEEDGATE_CACHES"
SERVE = "from speedgate.runner.callables.server import serve; serve()"
# Of each benchmark, where --budget does not say: two processes with a start, a set-up and rounds.
EACH_SECONDS = 4.0
SHOWN_HELD_SECONDS = 0.2
# Most probes of what has not failed are over by then.
PROBED_SECONDS = 2 * SHORT_PROBE_SECONDS
LIST_SECONDS = 300.0
NO_TIME = "--budget left no time for it; raise it, or select fewer by -k or --sample"
ENDED_EARLY = "the run ended before it was measured"

Open = Callable[[], RunnerClient]


@dataclass(frozen=True)
class ScaleRequest:
    """What the options ask for."""

    threads: tuple[int, ...]
    expression: str | None = None
    sample: int | None = None
    budget: float | None = None
    time_limit: float = DEFAULT_TIME_LIMIT_SECONDS
    share: bool = False
    rules: tuple[Rule, ...] = ()
    pytest_options: tuple[str, ...] = ()


def list_benchmarks(
    suites: Sequence[Suite], open_runner: Open, options: Sequence[str]
) -> BenchmarkListing:
    """Return the benchmarks of the suites, as a fresh interpreter finds them."""
    listing = BenchmarkListing()
    for suite in suites:
        runner = open_runner()
        try:
            request = suite.list_request(options)
            listed = answer_of(runner, request, LIST_SECONDS)
        finally:
            runner.close()
        if isinstance(listed, Failure):
            raise MeasurementError(f"{suite.root}: {listed.message}")
        listing.add(suite, listed, options)
    return listing


def chosen(listing: BenchmarkListing, request: ScaleRequest) -> list[Benchmark]:
    """Return the benchmarks in the order in which they are measured, those that cannot be last."""
    selected = select(listing.benchmarks, request.expression)
    if not selected and listing.benchmarks:
        raise OptionError(
            f"-k '{request.expression}' matches none of {len(listing.benchmarks)} benchmarks, "
            f"such as {listing.benchmarks[0].name}"
        )
    selected = [replace(benchmark, share=request.share) for benchmark in selected]
    applicable = [benchmark for benchmark in selected if benchmark.refusal is None]
    others = [benchmark for benchmark in selected if benchmark.refusal is not None]
    return [*spread(applicable, request.sample), *others]


class Caches:
    """What the suites' ``setup_cache`` made, each once, in a folder that the runners know."""

    def __init__(self, open_runner: Open, time_limit: float) -> None:
        self._open_runner, self._time_limit = open_runner, time_limit
        self._made: dict[str, str | None] = {}

    def make(self, benchmark: Benchmark) -> str | None:
        """Run the ``setup_cache`` of a benchmark, if it has one and nobody has run it.

        Return why it failed, if it did.
        """
        key = benchmark.target.cache
        if key is None or benchmark.refusal is not None:
            return None
        if key not in self._made:
            self._made[key] = self._run(benchmark)
        return self._made[key]

    def _run(self, benchmark: Benchmark) -> str | None:
        runner = self._open_runner()
        limit = benchmark.cache_seconds or self._time_limit
        try:
            answer = answer_of(runner, MakeCache(benchmark.target), limit)
        except MeasurementError as error:
            return f"its setup_cache fails: {outcome_of(error)[1]}"
        finally:
            runner.close()
        return answer.message if isinstance(answer, Failure) else None


@dataclass(frozen=True)
class ScaleStep:
    """The benchmark that starts now, for the progress line. How long the rest takes is known
    only with a budget."""

    number: int
    total: int
    name: str
    most_seconds_left: float | None

    @property
    def place(self) -> str:
        return f"[{self.number}/{self.total}] {self.name}"


@dataclass
class Scaling:
    """A run of ``scale``: benchmarks one after the other, within a budget that ``began`` with the
    collection."""

    benchmarks: Sequence[Benchmark]
    request: ScaleRequest
    open_runner: Open
    caches: Caches
    control: Workload | None = None
    on_step: Callable[[ScaleStep], None] = lambda step: None
    now: Callable[[], float] = time.monotonic
    began: float | None = None
    scaled: list[Scaled] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    is_finished: bool = False
    budget: ScaleBudget = field(init=False)

    @property
    def cases(self) -> list[tuple[Benchmark, int]]:
        return [
            (benchmark, count) for benchmark in self.benchmarks for count in self.request.threads
        ]

    @property
    def judged(self) -> int:
        rules = [
            rule_for(self.request.rules, benchmark.case(count)) for benchmark, count in self.cases
        ]
        return sum(rule is not None for rule in rules)

    def run(self, keep: Callable[[Scaled], None]) -> None:
        """Measure all, give each result to ``keep`` at once. What an early end leaves out is kept
        as not reached, unless nothing was measured at all."""
        try:
            self._measure(keep)
            self.is_finished = True
        finally:
            left = self.cases[len(self.scaled) :] if self.scaled else []
            for benchmark, threads in left:
                scaled = self._left_out(benchmark, threads, ENDED_EARLY)
                self._keep(scaled, self._judged_as(scaled), keep)

    def _measure(self, keep: Callable[[Scaled], None]) -> None:
        cases = self.cases
        count = sum(benchmark.refusal is None for benchmark, _ in cases)
        self.budget = ScaleBudget(self.request.budget, EACH_SECONDS, count, self.began, self.now)
        for number, (benchmark, threads) in enumerate(cases, start=1):
            if benchmark.refusal is None and not self.budget.may_begin():
                scaled = self._left_out(benchmark, threads, NO_TIME)
            else:
                self.on_step(ScaleStep(number, len(cases), benchmark.name, self.budget.left))
                seconds = self.budget.take()
                scaled = self._one(benchmark, threads, seconds)
                self.budget.note(scaled, seconds)
            if benchmark.refusal is None:
                self.budget.one_is_over()
            self._finish(scaled, keep)

    def _left_out(self, benchmark: Benchmark, threads: int, reason: str) -> Scaled:
        case = benchmark.case(threads)
        if benchmark.refusal is not None:
            return Scaled(benchmark, case, ScaleOutcome.NOT_APPLICABLE, benchmark.refusal)
        return Scaled(benchmark, case, ScaleOutcome.NOT_REACHED, reason)

    def _one(self, benchmark: Benchmark, threads: int, seconds: float) -> Scaled:
        case = benchmark.case(threads)
        rule = rule_for(self.request.rules, case)
        reason = self.caches.make(benchmark)
        if reason is not None:
            return Scaled(benchmark, case, ScaleOutcome.CANNOT, reason)
        plan = Plan(
            seconds=seconds,
            processes=MIN_PROCESSES if rule is None else most_processes(judged=True),
            time_limit=max(self.request.time_limit, benchmark.time_limit or 0.0),
            held_seconds=SHOWN_HELD_SECONDS if rule is None else HELD_SECONDS,
            control=self.control,
        )

        def is_decided(measurement: Measurement) -> bool:
            if rule is None or not self.budget.has_time_for(self.budget.process_seconds):
                return True
            so_far = Scaled(benchmark, case, ScaleOutcome.MEASURED, measurement=measurement)
            verdict = judge_scaled(so_far, rule, self._confidence, final=False).verdict
            return verdict is not Verdict.INCONCLUSIVE

        return scale(benchmark, threads, plan, self.open_runner, is_decided, self.now)

    @cached_property
    def _confidence(self) -> float:
        """The same for every case, and of all of them: they are gone through once."""
        return decision_confidence(self.judged)

    def _finish(self, scaled: Scaled, keep: Callable[[Scaled], None]) -> None:
        """Judge it, ask for the cause, and keep both, even if that is interrupted."""
        judgement = self._judged_as(scaled)
        try:
            self._name_cause(scaled, judgement)
        finally:
            self._keep(scaled, judgement, keep)

    def _keep(
        self, scaled: Scaled, judgement: Judgement | None, keep: Callable[[Scaled], None]
    ) -> None:
        self.scaled.append(scaled)
        if judgement is not None:
            self.judgements.append(with_cause_of(scaled, judgement))
        keep(scaled)

    def _judged_as(self, scaled: Scaled) -> Judgement | None:
        rule = rule_for(self.request.rules, scaled.case)
        if rule is None or scaled.outcome is ScaleOutcome.NOT_APPLICABLE:
            return None
        return judge_scaled(scaled, rule, self._confidence)

    def _name_cause(self, scaled: Scaled, judgement: Judgement | None) -> None:
        """Probe what failed, beyond the budget if need be; what else contends if there is time."""
        began = self.now()
        keys = states_to_probe(scaled, judgement, has_time=True)
        if not self.budget.has_time_for(PROBED_SECONDS + len(keys) * self.budget.process_seconds):
            keys = states_to_probe(scaled, judgement, has_time=False)
        if not keys:
            return
        failed = judgement is not None and judgement.verdict is Verdict.FAILED
        plan = Plan(
            seconds=PROBE_SECONDS if failed else SHORT_PROBE_SECONDS,
            time_limit=max(self.request.time_limit, scaled.benchmark.time_limit or 0.0),
            control=self.control,
        )
        try:
            probe_scaled(scaled, keys, plan, self.open_runner, self.now)
        finally:
            if failed or not self.budget.is_asked:
                self.budget.until += self.now() - began
