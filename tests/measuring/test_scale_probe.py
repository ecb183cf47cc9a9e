"""The probe of a project's benchmark: which arms it has, when it is asked for, what it tells."""

import sys

import pytest

from speedgate.builds.runners import project_runners
from speedgate.judging.contention import Cause, NamedCause, name_cause
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_class import GilClass
from speedgate.measuring import scale_probe
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.measurement import Measurement, round_of
from speedgate.measuring.plan import Plan
from speedgate.measuring.probe import PRIVATE, SHARED
from speedgate.measuring.scale_cause import (
    cause_of,
    class_of,
    probe_scaled,
    sharing_of,
    states_to_probe,
    with_cause_of,
)
from speedgate.measuring.scale_probe import at_once, probe_benchmark
from speedgate.measuring.scaling import Scaled, ScaleOutcome
from speedgate.measuring.targets import Benchmark
from speedgate.runner.messages import PYTEST, Opened, OpenTarget, RoundCounts, Target
from speedgate.stats.estimate import DEFAULT_CONFIDENCE
from speedgate.stats.sample import Pair, Round
from workloads import CONTROL
from workloads.workload import Workload

SUITE = """
import time
def test_it(benchmark):
    own = []
    def call():
        own.append(1)
        time.sleep(0.001)
        own.clear()
    benchmark(call)

def test_taken(benchmark):
    import os
    os.mkdir("taken")
    try:
        benchmark(time.sleep, 0.001)
    finally:
        os.rmdir("taken")
"""
SMALL = Workload("small", CONTROL.function, "stands for large arrays", prepare=CONTROL.prepare)
NAMED = NamedCause(Cause.LOCK, "blocked 48% of the time")


def benchmark_of(folder, test="test_it", **more):
    target = Target(PYTEST, str(folder), f"test_some.py::{test}")
    return Benchmark(test, test, target, **more)


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.setattr(scale_probe, "LEAST_PAIRS", 2)
    monkeypatch.setattr(scale_probe, "MOST_PAIRS", 2)
    (tmp_path / "test_some.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def probed(benchmark, keys, bandwidth=SMALL):
    with project_runners(None) as open_runner:
        plan = Plan(0.0, control=CONTROL)
        return probe_benchmark(benchmark, 2, plan, open_runner, keys, bandwidth)


@pytest.mark.parametrize("keys", [(PRIVATE, SHARED), (SHARED, PRIVATE), (PRIVATE,)])
def test_the_first_state_is_the_work_and_the_others_are_arms_beside_it(suite, keys):
    found = probed(benchmark_of(suite), keys)
    assert (found.private is not None) == (PRIVATE in keys[1:])
    assert (found.shared is not None) == (SHARED in keys[1:])
    assert found.preallocated is None
    arms = (found.work, found.processes, found.bandwidth, found.control)
    for arm in arms:
        assert arm.growth.count == arm.speedup.count == 2
    assert found.gil_enabled == getattr(sys, "_is_gil_enabled", lambda: True)()
    assert name_cause(found).cause is Cause.UNKNOWN  # two pairs have no interval


def test_without_the_yardstick_of_memory_there_are_no_processes(suite):
    found = probed(benchmark_of(suite), (PRIVATE,), bandwidth=None)
    assert found.bandwidth is found.processes is None
    assert found.work.growth.count == 2


def test_what_can_be_open_in_one_process_only_has_no_processes(suite):
    share = benchmark_of(suite, "test_taken")
    with pytest.raises(MeasurementError):
        probed(share, (PRIVATE,))  # not even twice in one


def test_each_process_keeps_to_a_core_of_its_own(suite, monkeypatch):
    """Two workers on one core are never at work at once, and would contend for nothing."""
    opened = []
    ask = scale_probe._Runner.ask

    def asked(runner, request):
        if isinstance(request, OpenTarget):
            opened.append(request)
        return ask(runner, request)

    monkeypatch.setattr(scale_probe._Runner, "ask", asked)
    probed(benchmark_of(suite), (PRIVATE,))
    assert sorted(request.first_worker for request in opened if request.workers == 1) == [0, 1]


def test_rounds_that_began_together_are_one():
    first = Round(seconds=2.0, on_cpu=1.5, cpu=1.6, waiting=0.1, minor_faults=3)
    second = Round(seconds=3.0, on_cpu=2.5, cpu=2.6, waiting=None, minor_faults=4)
    both = at_once([first, second])
    assert (both.seconds, both.on_cpu, both.cpu) == (3.0, 4.0, pytest.approx(4.2))
    assert both.in_task == 5.0
    assert both.waiting is both.minor_faults is None


# --- when a cause is asked for


def a_pair(ratio, cpu=1.0, gil_enabled=True):
    """A pair of two workers, which needs ``cpu`` times as much CPU time in threads."""
    alone = RoundCounts(seconds=1.0, on_cpu=1.0, cpu=1.0, waiting=0.0, in_task=1.0)
    seconds = 1.0 / ratio
    together = RoundCounts(seconds=seconds, on_cpu=cpu, cpu=cpu, waiting=0.0, in_task=2 * seconds)
    return Pair(round_of(alone), round_of(together))


def scaled(ratio=1.9, cpu=1.0, shared=None, gil_enabled=False, **more):
    benchmark = Benchmark("bench.time_x", "bench.time_x", Target(PYTEST), **more)
    measurement = Measurement(benchmark.case(2), gil_enabled=gil_enabled)
    measurement.replies.append(Opened(is_shared=False))
    measurement.processes = [[a_pair(ratio, cpu)] * 20] * 2
    measurement.controls = [[a_pair(1.98)] * 20] * 2
    measurement.shared = [[a_pair(ratio if shared is None else shared)] * 20] * 2
    return Scaled(benchmark, measurement.case, ScaleOutcome.MEASURED, measurement=measurement)


def judged(verdict, made):
    evidence = made.measurement.evidence(DEFAULT_CONFIDENCE)
    return Judgement("scale", made.case, verdict, "why", 1.5, None, evidence)


def test_what_contends_without_a_gil_is_probed_if_there_is_time():
    made = scaled(ratio=1.05, cpu=1.9)
    assert class_of(made).kind is GilClass.CONTENDS
    assert states_to_probe(made, None, has_time=True) == (PRIVATE, SHARED)
    assert states_to_probe(made, None, has_time=False) == ()
    failed = judged(Verdict.FAILED, made)
    assert states_to_probe(made, failed, has_time=False) == (PRIVATE, SHARED)


def test_what_scales_is_not_probed_unless_sharing_costs():
    assert states_to_probe(scaled(), None, has_time=True) == ()
    assert states_to_probe(scaled(shared=1.0), None, has_time=True) == (SHARED, PRIVATE)


def test_what_was_judged_shared_is_probed_so():
    made = scaled(ratio=1.05, cpu=1.9, share=True)
    assert states_to_probe(made, None, has_time=True) == (SHARED, PRIVATE)


def test_what_has_no_figures_is_not_probed():
    made = Scaled(scaled().benchmark, scaled().case, ScaleOutcome.CANNOT, "why")
    assert states_to_probe(made, None, has_time=True) == ()
    assert class_of(made) is None


# --- how it is told


def told(made):
    evidence = made.measurement.evidence(DEFAULT_CONFIDENCE)
    return cause_of(made, evidence, class_of(made))


def test_a_named_cause_takes_the_place_of_what_the_figures_tell():
    made = scaled(ratio=1.05, cpu=1.9)
    assert "an object that all threads use" in told(made)
    made.named, made.probed = NAMED, PRIVATE
    assert told(made) == NAMED.line
    assert class_of(made).cause == "a lock"
    assert "probed: a lock" in with_cause_of(made, judged(Verdict.FAILED, made)).reason


def test_a_cause_that_is_not_certain_comes_behind_it():
    made = scaled(ratio=1.05, cpu=1.9)
    made.named, made.probed = NamedCause(Cause.UNKNOWN, "the intervals are wide"), PRIVATE
    assert "an object that all threads use" in told(made)
    assert told(made).endswith("probed: not certain: the intervals are wide")


def test_the_cause_of_sharing_is_told_of_sharing():
    made = scaled(shared=1.0)
    made.named, made.probed = NAMED, SHARED
    assert sharing_of(made).endswith(
        "they contend for its objects; probed: a lock: " + NAMED.reason
    )
    assert told(made) == ""
    assert with_cause_of(made, judged(Verdict.PASSED, made)).reason == "why"


def test_what_cannot_be_probed_says_why():
    made = scaled(ratio=1.05, cpu=1.9)

    def no_runner():
        raise MeasurementError("no more processes\nand a traceback")

    probe_scaled(made, (PRIVATE,), Plan(0.0), no_runner, lambda: 0.0)
    reason = with_cause_of(made, judged(Verdict.FAILED, made)).reason
    assert reason == "why; its cause cannot be probed: no more processes"
