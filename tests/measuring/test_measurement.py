"""What was measured: the evidence, the seconds, and what made less of it certain."""

import pytest
from helpers.fakes import Bench
from helpers.made import CASE

from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan


def test_the_evidence_is_that_of_the_rounds():
    evidence = Bench(ratio=1.6).measure(Plan(seconds=20, processes=2)).evidence(0.9)
    assert evidence.workers == 2
    assert evidence.speedup.value == pytest.approx(1.6)
    assert evidence.speedup.confidence == evidence.control.confidence == 0.9
    assert evidence.process_speedups == pytest.approx((1.6, 1.6))
    assert evidence.control.value == pytest.approx(1.9)
    assert evidence.concurrency.low.value == pytest.approx(2.0)
    assert evidence.broken is None


def test_timed_seconds_hold_rounds_and_calibration_but_no_start():
    measurement = Bench().measure(Plan(seconds=10, processes=2))
    assert measurement.rounds_seconds == 10
    assert measurement.timed_seconds == 10 + 2 * 0.25


@pytest.mark.parametrize("name", ["steal", "throttled"])
def test_pressure_is_summed_where_it_is_known(name):
    unknown = Bench().measure(Plan(seconds=2, pairs=1))
    assert getattr(unknown, f"{name}_seconds") is None
    known = Bench(replies={"rounds": {name: 0.25}}).measure(Plan(seconds=2, processes=2, pairs=1))
    assert getattr(known, f"{name}_seconds") == 0.5


def test_throttling_is_a_share_of_the_workers_time():
    """Two workers that are stopped for half of the time lose as many seconds as have passed."""
    rounds = {"throttled": 0.75, "controls": []}
    known = Bench(ratio=1.0, pair_seconds=1.0, replies={"rounds": rounds})
    measured = known.measure(Plan(seconds=2, pairs=1))
    (pair,) = measured.sample.pairs
    assert (pair.baseline.seconds, pair.contender.seconds, measured.case.workers) == (0.5, 0.5, 2)
    assert measured.throttled_share() == 0.5


def test_stolen_time_raises_the_upper_bound_of_the_concurrency():
    plan = Plan(seconds=2, pairs=6)
    quiet = Bench(ratio=1.0, pair_seconds=1.0).measure(plan).evidence(0.95).concurrency
    script = {"ratio": 1.0, "pair_seconds": 1.0, "replies": {"rounds": {"steal": 1.2}}}
    stolen = Bench(**script).measure(plan).evidence(0.95).concurrency
    assert stolen.low == quiet.low
    assert stolen.high.value > quiet.high.value


def test_time_stolen_from_others_is_not_the_workers():
    """A lock at 4 of 64 cores: others computed for nearly all that was stolen."""
    plan = Plan(seconds=2, pairs=6)
    rounds = {"steal": 8.0, "busy": 400.0}
    bench = Bench(ratio=1.0, pair_seconds=1.0, replies={"rounds": rounds})
    measured = bench.measure(plan)
    assert measured.steal_rate == pytest.approx(0.02)
    concurrency = measured.evidence(0.95).concurrency
    quiet = Bench(ratio=1.0, pair_seconds=1.0).measure(plan).evidence(0.95).concurrency
    assert concurrency.high.value < 1.05 * quiet.high.value


def test_a_tracer_that_was_active_is_told_as_a_broken_premise():
    bench = Bench(replies={"rounds": {"traced": "sys.settrace"}})
    broken = bench.measure(Plan(seconds=1)).evidence(0.95).broken
    assert broken.startswith("sys.settrace was active")


def test_a_gil_that_was_off_once_was_not_on():
    bench = Bench(replies={"rounds": {"gil_enabled": False}})
    assert bench.measure(Plan(seconds=1)).evidence(0.95).gil_enabled is False


def test_nothing_measured_is_no_evidence():
    evidence = Measurement(CASE).evidence(0.95)
    assert (evidence.speedup, evidence.concurrency, evidence.control) == (None, None, None)
    assert evidence.process_speedups == ()
