"""Every rule in which the number of workers stands, at 2, 8, 32 and 128 of them."""

import pytest
from helpers.evidence import bounds, evidence, interval

from speedgate.judging.contention import Arm, Cause, ContentionProbe, name_cause
from speedgate.judging.floors import floors
from speedgate.judging.free_class import classify_free
from speedgate.judging.gate import idle_for_others, machine_allowance, speedup_is_low
from speedgate.judging.gil_class import classify, others_took_little
from speedgate.judging.history_gate import machine_loss
from speedgate.judging.inflation import GROWN, most_inflation
from speedgate.judging.scale_gate import scales
from speedgate.stats.accounting import Shares, concurrency_of, shares
from speedgate.stats.sample import Round

at_2_8_32_128 = pytest.mark.parametrize("workers", [2, 8, 32, 128])
EVEN = interval(1.02, 1.0, 1.04)
NONE, LITTLE = interval(0.0, 0.0, 0.01), interval(0.02, 0.01, 0.03)


def near(value):
    return interval(value, 0.99 * value, 1.01 * value)


# --- the gate


@at_2_8_32_128
def test_as_many_may_idle_as_one_that_waits_holds_up(workers):
    """One worker waits for half of its time: 0.5 / W of all; its peers may idle as long each."""
    waiting = 0.5 / workers
    idle = 0.5 * (workers - 1) / workers
    held_up = evidence(workers=workers, shares=Shares(1 - waiting - idle, waiting, 0.0, idle))
    assert idle_for_others(held_up) == pytest.approx(workers * idle)
    blocked = evidence(workers=workers, shares=Shares(1 - waiting - idle, waiting, idle, 0.0))
    assert idle_for_others(blocked) == 0.0
    more = evidence(workers=workers, shares=Shares(0.2 - waiting, waiting, 0.0, 0.8))
    assert idle_for_others(more) == pytest.approx(workers * min(0.8, (workers - 1) * waiting))


@at_2_8_32_128
def test_the_allowance_is_what_the_control_lacks_of_the_workers(workers):
    control = interval(0.8 * workers, 0.75 * workers, 0.85 * workers)
    slowed = evidence(workers=workers, control=control, shares=None)
    assert machine_allowance(slowed) == pytest.approx(1 / 0.75)
    required = floors(workers)
    low = 0.7 * required.speedup
    for factor, is_low in ((1.0, True), (1.1, False)):
        judged = evidence(
            workers=workers,
            control=control,
            shares=None,
            speedup=near(factor * low),
            process_speedups=(factor * low, factor * low),
        )
        assert speedup_is_low(judged, required) is is_low


@at_2_8_32_128
def test_the_limit_of_the_inflation_is_what_leaves_the_floor_of_the_speedup(workers):
    required = floors(workers)
    assert required.inflation == pytest.approx(most_inflation(workers, required.speedup))
    assert workers / required.inflation == pytest.approx(required.speedup)
    assert required.inflation > GROWN


@at_2_8_32_128
def test_a_window_that_knows_no_control_grants_what_it_lacks_of_the_workers(workers):
    control = interval(0.5 * workers, 0.5 * workers, 0.5 * workers)
    assert machine_loss(workers, control, None, []) == pytest.approx(2.0)
    window = [{"control": 0.5 * workers}] * 5
    assert machine_loss(workers, control, None, window) == pytest.approx(1.0)


@at_2_8_32_128
def test_what_scales_reaches_most_of_its_threads(workers):
    for share, is_scaling in ((0.9, True), (0.8, False)):
        value = 1 + share * (workers - 1)
        assert scales(evidence(workers=workers, speedup=near(value))) is is_scaling


# --- accounting


@at_2_8_32_128
def test_workers_that_run_at_once_read_as_many_whatever_a_hypervisor_took(workers):
    """It took a tenth of each worker's time; those whose tasks ended first wait for the others."""
    ran = 0.9 * workers
    stolen = 0.1 * workers
    full = Round(seconds=1.0, on_cpu=ran, in_task=float(workers), waiting=0.0)
    assert concurrency_of(full, workers) == pytest.approx(0.9 * workers)
    assert concurrency_of(full, workers, 0.0, stolen) == pytest.approx(workers)


@at_2_8_32_128
def test_what_one_worker_was_robbed_of_may_have_left_its_peers_idle(workers):
    """One worker lost half of its second: its peers ended half-way and had as much to spare."""
    peers = 0.5 * (workers - 1)
    robbed = Round(
        seconds=1.0,
        on_cpu=0.5 * workers,
        in_task=0.5 * workers + 0.5,
        waiting=0.0,
        blocked_tail=peers,
    )
    assert concurrency_of(robbed, workers, 0.0, 0.5) == pytest.approx(workers)


@at_2_8_32_128
def test_the_shares_are_of_all_workers(workers):
    parts = shares(
        Round(seconds=2.0, on_cpu=workers, in_task=1.5 * workers, waiting=0.25 * workers), workers
    )
    assert (parts.on_cpu, parts.waiting) == pytest.approx((0.5, 0.125))
    assert (parts.blocked, parts.idle) == pytest.approx((0.125, 0.25))


# --- classes


@at_2_8_32_128
def test_no_gain_is_certain_where_others_took_little_or_the_control_had_its_cores(workers):
    slow, on_smt = interval(0.9, 0.8, 1.0), near(0.65 * workers)
    at_once = bounds(0.96 * workers, 0.98 * workers)
    waited = bounds(0.6 * workers, 0.98 * workers)
    assert others_took_little(workers, at_once)
    assert not others_took_little(workers, waited)
    for concurrency, control, kind in (
        (at_once, on_smt, "not worth it"),
        (waited, on_smt, "releases"),
        (waited, near(0.9 * workers), "not worth it"),
    ):
        classification = classify(workers, slow, LITTLE, concurrency, control)
        assert classification.kind.value == kind, concurrency
        assert classification.certain is (kind == "not worth it")


@at_2_8_32_128
@pytest.mark.parametrize(
    ("share", "kind", "certain"), [(0.95, "scales", True), (0.8, "contends", True)]
)
def test_workers_that_wait_for_each_other_contend(workers, share, kind, certain):
    at_once = bounds(share * workers - 0.01, share * workers)
    speedup = near(max(1.2, 0.7 * workers))
    classification = classify_free(workers, speedup, at_once, EVEN, EVEN)
    assert (classification.kind.value, classification.certain) == (kind, certain)


@at_2_8_32_128
def test_workers_that_take_turns_are_serialised(workers):
    slow = interval(0.9, 0.8, 1.0)
    taking_turns = classify_free(workers, slow, bounds(1.02, 1.04), EVEN, EVEN)
    assert (taking_turns.kind.value, taking_turns.certain) == ("serialised", True)
    # Two at once of many are not one at a time; of two they are all.
    assert classify_free(workers, slow, bounds(1.98, 1.99), EVEN, EVEN).kind.value != "serialised"


@at_2_8_32_128
def test_without_a_gil_no_more_than_eighteen_are_asked_for_either(workers):
    """Both builds are asked the same, so that they can be compared."""
    assert floors(workers).concurrency == pytest.approx(0.85 * min(workers, 18))


# --- causes


def probe(workers, steal=0.0, speedup=0.5, **work):
    known = {
        "speedup": near(speedup * workers), "growth": EVEN,
        "blocked": NONE, "waiting": NONE, "idle": NONE,
    }  # fmt: skip
    control = Arm(speedup=near(0.98 * workers), growth=EVEN)
    return ContentionProbe(workers, Arm(**known | work), control, gil_enabled=False, steal=steal)


@at_2_8_32_128
def test_what_reaches_most_of_its_workers_lacks_nothing(workers):
    blocked = interval(0.15, 0.14, 0.16)
    assert name_cause(probe(workers, speedup=0.85, blocked=blocked)).cause is Cause.NONE
    assert name_cause(probe(workers, speedup=0.75, blocked=blocked)).cause is Cause.LOCK


@at_2_8_32_128
def test_peers_idle_for_one_that_waits_are_no_dispatch(workers):
    waiting = 0.5 / workers
    held_up = interval((workers - 1) * waiting, (workers - 1) * waiting - 0.01, 0.5)
    waits = interval(waiting, 0.9 * waiting, 1.1 * waiting)
    named = name_cause(probe(workers, idle=held_up, waiting=waits)).cause
    assert named is not Cause.DISPATCH
    nobody_waits = {"idle": interval(0.5, 0.45, 0.55), "waiting": interval(0.0, 0.0, 0.0)}
    assert name_cause(probe(workers, **nobody_waits)).cause is Cause.DISPATCH


@at_2_8_32_128
def test_what_a_hypervisor_took_is_no_lock(workers):
    blocked = interval(0.15, 0.14, 0.16)
    assert name_cause(probe(workers, blocked=blocked, steal=0.1)).cause is not Cause.LOCK
    assert name_cause(probe(workers, blocked=blocked)).cause is Cause.LOCK
