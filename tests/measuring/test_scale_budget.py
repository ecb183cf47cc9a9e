"""The budget of a run of ``scale``, on a clock that only moves when a benchmark takes time."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from helpers.fakes import FakeClock
from helpers.made import pair

from speedgate.judging.gate import Verdict
from speedgate.judging.scale_gate import Rule, rule_for
from speedgate.measuring import scale_run
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.scale_budget import LEAST_SECONDS
from speedgate.measuring.scale_run import Caches, ScaleRequest, Scaling
from speedgate.measuring.scaling import Scaled, ScaleOutcome
from speedgate.measuring.targets import Benchmark
from speedgate.runner.messages import ASV, Target

# What a process of a benchmark takes beside its rounds.
START = 2.0


def no_runner() -> Any:
    raise AssertionError("nothing is opened")


class MadeProject:
    """Benchmarks that take ``START`` for each of two processes, and the seconds of their plan; the
    first may be ``slow_starts``, a start each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.planned: list[float] = []
        self.probed: list[float] = []
        self.went_on: list[bool] = []
        monkeypatch.setattr(scale_run, "scale", self.scale)
        monkeypatch.setattr(scale_run, "states_to_probe", self.states)
        monkeypatch.setattr(scale_run, "probe_scaled", self.probe)
        self.contends = False
        self.slow_starts: list[float] = []

    def scale(
        self, benchmark: Benchmark, threads: int, plan: Plan, opens: Any, decided: Any, now: Any
    ) -> Scaled:
        number = len(self.planned)
        start = self.slow_starts[number] if number < len(self.slow_starts) else START
        self.planned.append(plan.seconds)
        self.clock.advance(2 * start + plan.seconds)
        measurement = Measurement(benchmark.case(threads))
        measurement.processes = [[pair(1.9)], [pair(1.9)]]
        measurement.wall_seconds = 2 * start + plan.seconds
        self.went_on.append(not decided(measurement))
        case = benchmark.case(threads)
        return Scaled(benchmark, case, ScaleOutcome.MEASURED, measurement=measurement)

    def states(self, scaled: Scaled, judgement: Any, has_time: bool) -> tuple[str, ...]:
        return ("private",) if self.contends and has_time else ()

    def probe(self, *_: Any) -> None:
        self.probed.append(self.clock())
        self.clock.advance(3.0)

    def run(
        self, count: int, budget: float | None, collection: float = 0.0, *rules: Rule
    ) -> tuple[float, list[ScaleOutcome]]:
        """Return the seconds that the run took with its collection, and what became of each."""
        began = self.clock()
        scaling = self.scaling(count, budget, collection, *rules)
        scaling.run(lambda scaled: None)
        return self.clock() - began, [one.outcome for one in scaling.scaled]

    def scaling(self, count: int, budget: float | None, collection: float, *rules: Rule) -> Scaling:
        names = [f"bench.time_{number}" for number in range(count)]
        benchmarks = [Benchmark(name, name, Target(ASV)) for name in names]
        began = self.clock()
        self.clock.advance(collection)
        request = ScaleRequest((2,), budget=budget, rules=rules)
        caches = Caches(no_runner, 1.0)
        return Scaling(benchmarks, request, no_runner, caches, now=self.clock, began=began)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> MadeProject:
    return MadeProject(monkeypatch)


def test_an_early_end_names_what_it_left_out(
    project: MadeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody takes the part that was measured for the whole."""

    def interrupted(*arguments: Any) -> Scaled:
        if len(project.planned) == 2:
            raise KeyboardInterrupt
        return project.scale(*arguments)

    monkeypatch.setattr(scale_run, "scale", interrupted)
    kept: list[Scaled] = []
    scaling = project.scaling(4, None, 0.0, Rule(min_speedup=1.5))
    with pytest.raises(KeyboardInterrupt):
        scaling.run(kept.append)
    assert not scaling.is_finished
    assert [one.outcome.value for one in kept] == ["measured"] * 2 + ["not reached"] * 2
    assert kept == scaling.scaled
    assert kept[-1].reason == "the run ended before it was measured"
    assert [one.is_missing for one in scaling.judgements] == [False, False, True, True]
    monkeypatch.setattr(project, "planned", [0.0, 0.0])
    unmeasured = project.scaling(4, None, 0.0)
    with pytest.raises(KeyboardInterrupt):
        unmeasured.run(kept.append)
    assert unmeasured.scaled == []


@pytest.mark.parametrize("ending", ["interrupted", "without time"])
def test_what_is_left_out_costs_the_same_each_however_many_there_are(
    project: MadeProject, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Each went through the rules of all: an interrupted run of 2000 was saved after 26 s."""
    asked = []

    def counted(*arguments: Any) -> Rule | None:
        asked.append(arguments)
        return rule_for(*arguments)

    def interrupted(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scale_run, "rule_for", counted)
    is_interrupted = ending == "interrupted"
    if is_interrupted:
        monkeypatch.setattr(scale_run, "states_to_probe", interrupted)
    scaling = project.scaling(200, None if is_interrupted else 10.0, 1.0, Rule(min_speedup=1.5))
    with contextlib.suppress(KeyboardInterrupt):
        scaling.run(lambda scaled: None)
    assert scaling.is_finished != is_interrupted
    assert [one.outcome for one in scaling.scaled].count(ScaleOutcome.NOT_REACHED) > 190
    assert len(scaling.judgements) == 200
    assert len(asked) <= 4 * 200


@pytest.mark.parametrize("collection", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("count", [1, 2, 5, 100])
@pytest.mark.parametrize("budget", [10.0, 60.0])
def test_what_would_end_after_the_budget_does_not_begin(
    project: MadeProject, budget: float, count: int, collection: float
) -> None:
    seconds, outcomes = project.run(count, budget, collection)
    assert seconds <= budget
    assert ScaleOutcome.MEASURED in outcomes
    assert set(outcomes) <= {ScaleOutcome.MEASURED, ScaleOutcome.NOT_REACHED}


def test_a_collection_that_takes_the_budget_leaves_nothing_to_begin(project: MadeProject) -> None:
    _, outcomes = project.run(3, 10.0, 10.0)
    assert outcomes == [ScaleOutcome.NOT_REACHED] * 3


@pytest.mark.parametrize("slow_starts", [[15.0], [9.0, 9.0], [5.0, 5.0, 5.0, START, 5.0]])
def test_slow_benchmarks_leave_out_none_that_there_is_time_for(
    project: MadeProject, slow_starts: list[float]
) -> None:
    project.slow_starts = slow_starts
    seconds, outcomes = project.run(40, 60.0, 1.0)
    least = 2 * START + LEAST_SECONDS
    assert 60.0 - least <= seconds <= 60.0
    assert outcomes.count(ScaleOutcome.MEASURED) > len(slow_starts)


def test_quick_benchmarks_that_are_few_do_not_begin_what_would_end_after_the_budget(
    project: MadeProject,
) -> None:
    project.slow_starts = [START, *[8.0] * 19]
    seconds, _ = project.run(20, 100.0, 1.0)
    assert seconds <= 100.0


def test_without_a_budget_every_benchmark_begins(project: MadeProject) -> None:
    _, outcomes = project.run(30, None, 100.0)
    assert outcomes == [ScaleOutcome.MEASURED] * 30


def test_a_probe_that_would_end_after_the_budget_is_left_out(project: MadeProject) -> None:
    project.contends = True
    seconds, _ = project.run(2, 11.0, 1.0)
    assert seconds <= 11.0
    assert project.probed == []
    project.run(1, None)
    assert len(project.probed) == 1


def test_a_judged_benchmark_has_no_more_processes_than_the_budget_has_time_for(
    project: MadeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undecided(scaled: Scaled, *_: Any, **__: Any) -> Any:
        return type("Judged", (), {"verdict": Verdict.INCONCLUSIVE})()

    monkeypatch.setattr(scale_run, "judge_scaled", undecided)
    monkeypatch.setattr(scale_run, "with_cause_of", lambda scaled, judgement: judgement)
    rule = Rule(min_speedup=1.5)
    project.run(1, 8.0, 1.5, rule)
    project.run(1, None, 1.5, rule)
    assert project.went_on == [False, True]
