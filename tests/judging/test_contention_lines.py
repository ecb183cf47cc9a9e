"""What a person reads of each cause of contention, whole."""

from dataclasses import fields, replace

import pytest
from helpers.evidence import interval
from test_contention import IN_THREADS, NO_BOUNDS, NOTHING, QUIET, SHARED_ONLY, TABLE, arm, near

from speedgate.judging.contention import (
    FAULT_SECONDS,
    Arm,
    Cause,
    ContentionProbe,
    growth_of,
    name_cause,
)

# By the name of the probe in the table of causes.
LINES = {
    "nothing": ("nothing: it scales, 1.88x of 2"),
    "a lock": ("a lock: blocked 47% of the time, and not on private objects"),
    "a lock that spins": ("a lock: blocked 25% of the time, and not on private objects"),
    "a lock that all have": ("a lock: blocked 47% of the time"),
    "blocked in processes as well": (
        "not certain: blocked 47% of the time, in processes, too: input, output or a file"
    ),
    "a lock of the allocator": (
        "the allocator or page faults: blocked 30% of the time, and not with nothing to allocate"
    ),
    "the GIL": ("the GIL: blocked 47% of the time, GIL held 0.95"),
    "a lock beside a GIL": ("a lock: blocked 47% of the time"),
    "a lock or the GIL": (
        "not certain: blocked 47% of the time: the GIL or a lock, the GIL was not sampled"
    ),
    "a shared object": (
        "reference counts or another cache line of a shared object: CPU time per work "
        "grows 2.40-fold as it is, 1.02-fold on private objects, 1.02-fold in processes: "
        "each worker on its own does not pay"
    ),
    "a shared object, processes not known": (
        "reference counts or another cache line of a shared object: CPU time per work "
        "grows 2.40-fold as it is, 1.02-fold on private objects: each worker on its own "
        "does not pay"
    ),
    "an object of the library": (
        "reference counts or another cache line of a shared object: CPU time per work "
        "grows 2.40-fold as it is, 1.02-fold all on one argument, 2.40-fold preallocated, "
        "1.02-fold in processes: an object of Python's or of the library's own"
    ),
    "growth as small as the place of buffers makes it": (
        "not certain: CPU time per work grows 1.30-fold as it is, 1.02-fold all on one "
        "argument, 1.30-fold preallocated, 1.02-fold in processes: an object that all "
        "threads use, or where the buffers lie"
    ),
    "the allocator": (
        "the allocator or page faults: CPU time per work grows 2.40-fold as it is, "
        "1.02-fold all on one argument, 1.02-fold preallocated, 1.02-fold in processes: "
        "with nothing to allocate it does not grow"
    ),
    "page faults by their number": (
        "the allocator or page faults: CPU time per work grows 1.50-fold as it is, "
        "1.02-fold all on one argument, 1.02-fold in processes; page faults take about 30% "
        "of the CPU time"
    ),
    "few page faults": (
        "not certain: CPU time per work grows 1.50-fold as it is, 1.02-fold all on one "
        "argument, 1.02-fold in processes: the allocator, or an object that all threads use"
    ),
    "memory bandwidth": (
        "memory bandwidth: CPU time per work grows 2.40-fold as it is, 1.02-fold all on "
        "one argument, 2.40-fold in processes, sums beyond the caches 1.67-fold"
    ),
    "in processes, and the memory has bandwidth": (
        "not certain: CPU time per work grows 2.40-fold as it is, 1.02-fold all on one "
        "argument, 2.40-fold in processes: in processes, too, and the memory has bandwidth "
        "to spare"
    ),
    "processes not known": (
        "not certain: CPU time per work grows 2.40-fold as it is, 1.02-fold all on one "
        "argument; the intervals leave the cause open"
    ),
    "the collector": (
        "pauses of the garbage collector: the collector was at work for 47% of the others' "
        "time, who stood still for 48%"
    ),
    "a lock, and the collector a little": (
        "not certain: the collector was at work for 15% of the others' time, and more of "
        "it was lost otherwise"
    ),
    "shared CPUs": ("CPUs slowed or shared: 40% of the time others had the cores"),
    "a lock beside a neighbour": ("a lock: blocked 30% of the time"),
    "a hypervisor that takes what looks blocked": (
        "CPUs slowed or shared: 30% of the time others had the cores"
    ),
    "hyperthreads": (
        "CPUs slowed or shared: the control's CPU time per work grows 1.60-fold as well"
    ),
    "dispatch": ("dispatch or imbalance: idle 50% of the time"),
    "idle, and the GIL not known": (
        "not certain: idle 50% of the time: dispatch or the GIL, which was not sampled"
    ),
    "idle before the GIL": ("the GIL: idle 50% of the time, GIL held 0.90"),
    "slow for no reason that is seen": ("nothing: 1.50x, and no loss of any kind is seen"),
    "a platform that tells nothing": (
        "not certain: this platform does not tell where the time went"
    ),
    "too few rounds": (
        "not certain: too few rounds of the probe, or too much alike, for an interval"
    ),
    "a speedup without bounds, all else with": (
        "reference counts or another cache line of a shared object: CPU time per work "
        "grows 2.40-fold as it is, 1.02-fold on private objects, 1.02-fold in processes: "
        "each worker on its own does not pay"
    ),
    "no CPU clock": ("not certain: no round of the probe has its CPU time"),
    "too few of the control": ("not certain: the intervals leave open: growth"),
}


@pytest.mark.parametrize(("name", "line"), LINES.items(), ids=LINES)
def test_the_whole_line(name, line):
    assert name_cause(TABLE[name][0]).line == line


def test_a_collector_that_may_be_half_of_it_is_not_named():
    work = replace(arm(blocked=0.3, collecting=0.25), collecting=near(0.25, 0.1))
    assert name_cause(replace(NOTHING, work=replace(work, stopped=near(0.5)))).line == (
        "not certain: the collector was at work for 25% of the others' time, who stood still for "
        "50%: it, or something else"
    )


def test_a_gil_that_may_be_as_much_as_was_blocked_is_not_told_from_a_lock():
    probe = replace(NOTHING, work=arm(blocked=0.3), gil_enabled=True, gil_held_share=near(0.3))
    assert (
        name_cause(probe).line
        == "not certain: blocked 30% of the time, GIL held 0.30: it or a lock"
    )


def test_all_that_the_bounds_leave_open_is_named():
    work = replace(arm(speedup=1.5), blocked=near(0.1, 0.08), idle=near(0.2, 0.15))
    assert name_cause(replace(NOTHING, work=work)).line == (
        "not certain: the intervals leave open: blocked, idle"
    )


def test_what_was_not_probed_is_not_known():
    assert {getattr(Arm(), field.name) for field in fields(Arm)} == {None}
    probe = ContentionProbe(2, QUIET, QUIET)
    arms = ("private", "shared", "preallocated", "processes", "bandwidth", "gil_held_share")
    assert [getattr(probe, name) for name in arms] == [None] * 6
    assert (probe.gil_enabled, probe.steal) == (True, 0.0)


@pytest.mark.parametrize(
    ("speedup", "cause"),
    [(1.5, Cause.UNKNOWN), (1.9, Cause.NONE)],
)
def test_two_workers_scale_from_close_to_two_on(speedup, cause):
    work = replace(Arm(), speedup=near(speedup), growth=near(1.0))
    assert name_cause(replace(NOTHING, work=work)).cause is cause


def test_each_other_worker_that_waits_for_a_core_excuses_idle_ones():
    idle = arm(idle=0.35, waiting=0.08)
    of_three = replace(NOTHING, workers=3, work=idle, gil_enabled=False)
    of_two = replace(of_three, workers=2)
    assert name_cause(of_two).cause is Cause.DISPATCH
    # Three workers: two peers of one that waits are idle meanwhile.
    assert name_cause(of_three).cause is not Cause.DISPATCH


def test_idle_workers_are_excused_by_nothing_where_waiting_is_not_known():
    work = replace(arm(idle=0.5), waiting=None)
    assert name_cause(replace(NOTHING, work=work)).cause is Cause.DISPATCH


def test_an_arm_follows_the_work_from_half_of_its_growth_on():
    # The work grows 2.38-fold at least: half of that growth is 1.69.
    for growth, cause in ((1.6, Cause.SHARED_OBJECT), (1.8, Cause.UNKNOWN)):
        assert name_cause(replace(SHARED_ONLY, private=arm(growth=growth))).cause is cause


def test_a_private_arm_that_leaves_it_open_leaves_the_cause_open():
    open_arm = replace(QUIET, growth=near(1.7, 0.3))
    probe = replace(IN_THREADS, private=open_arm, preallocated=QUIET)
    assert name_cause(probe).line.endswith("; the intervals leave the cause open")
    paid = replace(IN_THREADS, private=arm(growth=2.4), preallocated=QUIET)
    assert name_cause(paid).cause is Cause.ALLOCATOR


# --- at the bounds: a loss is more than its limit, and what follows the work has more than half

# With this control the growth of an arm is its inflation.
SAME_CLOCK = replace(QUIET, growth=near(1.0, 0.0))
SLOW = replace(arm(speedup=1.5), growth=near(1.0, 0.0), waiting=near(0.0, 0.0))
NO_LOSS = "nothing: 1.50x, and no loss of any kind is seen"


@pytest.mark.parametrize(
    ("name", "limit", "kind"),
    [
        ("collecting", 0.10, "the collector"),
        ("blocked", 0.10, "blocked"),
        ("waiting", 0.10, "waiting"),
    ],
)
def test_a_loss_is_more_than_its_limit(name, limit, kind):
    probe = replace(NOTHING, control=SAME_CLOCK)
    sure = replace(SLOW, **{name: interval(0.3, limit, 0.4)})
    assert name_cause(replace(probe, work=sure)).line == (
        f"not certain: the intervals leave open: {kind}"
    )
    possible = replace(SLOW, **{name: interval(0.05, 0.0, limit)})
    assert name_cause(replace(probe, work=possible)).line == NO_LOSS


@pytest.mark.parametrize(
    ("name", "bounds", "line"),
    [
        ("idle", (0.3, 0.20, 0.4), "not certain: the intervals leave open: idle"),
        ("idle", (0.1, 0.00, 0.20), NO_LOSS),
        ("growth", (1.2, 1.10, 1.3), "not certain: the intervals leave open: growth"),
        ("growth", (1.1, 1.00, 1.15), NO_LOSS),
    ],
)
def test_idle_and_growth_have_limits_of_their_own(name, bounds, line):
    work = replace(SLOW, **{name: interval(*bounds)})
    assert name_cause(replace(NOTHING, control=SAME_CLOCK, work=work)).line == line


def test_a_case_scales_from_four_fifths_of_its_workers_on():
    work = replace(arm(blocked=0.3), speedup=interval(1.7, 1.6, 1.8))
    assert name_cause(replace(NOTHING, work=work)).cause is Cause.NONE


def test_a_control_that_may_have_grown_little_is_not_slowed():
    for growth in (None, interval(1.3, 1.15, 1.4)):
        probe = replace(NOTHING, control=replace(QUIET, growth=growth), work=SLOW)
        assert name_cause(probe).cause is Cause.NONE


def test_growth_blocked_and_waiting_are_enough_to_say_that_nothing_was_lost():
    work = replace(SLOW, idle=None, collecting=None, stopped=None)
    assert name_cause(replace(NOTHING, work=work)).line == NO_LOSS


def test_an_arm_without_an_interval_has_no_growth():
    assert growth_of(replace(QUIET, growth=NO_BOUNDS), NOTHING) is None
    assert growth_of(replace(QUIET, growth=None), NOTHING) is None
    assert growth_of(None, NOTHING) is None


def growing(low, private=None, **more):
    """A probe whose work grows by twice, at least ``low``."""
    work = replace(SLOW, growth=interval(2.0, low, 2.5))
    return replace(NOTHING, control=SAME_CLOCK, work=work, private=private, shared=None, **more)


@pytest.mark.parametrize(
    ("probe", "cause"),
    [
        # Half of a growth of 2 is 1.5: an arm that holds just that is neither.
        (growing(2.0, replace(QUIET, growth=interval(1.7, 1.5, 1.9))), Cause.UNKNOWN),
        (growing(2.0, replace(QUIET, growth=interval(1.4, 1.2, 1.5))), Cause.UNKNOWN),
        (growing(2.0, replace(QUIET, growth=interval(1.4, 1.2, 1.49))), Cause.SHARED_OBJECT),
        # From one half more on it is no matter of where the buffers lie.
        (growing(1.5, preallocated=arm(growth=1.5)), Cause.SHARED_OBJECT),
        (growing(1.49, preallocated=arm(growth=1.5)), Cause.UNKNOWN),
    ],
)
def test_what_follows_the_work_has_more_than_half_of_its_growth(probe, cause):
    assert name_cause(probe).cause is cause


@pytest.mark.parametrize(("low", "cause"), [(0.25, Cause.UNKNOWN), (0.26, Cause.ALLOCATOR)])
def test_page_faults_explain_what_they_take_more_than_half_of(low, cause):
    probe = growing(1.9)
    work = replace(probe.work, fault_share=interval(0.3, low, 0.35))
    assert name_cause(replace(probe, work=work)).cause is cause


TO_SPARE = "the memory has bandwidth to spare"


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (1.11, 1.9, ", sums beyond the caches 1.11-fold"),
        (1.10, 1.9, f": in processes, too, and whether {TO_SPARE} is not certain"),
        (1.0, 1.11, f": in processes, too, and whether {TO_SPARE} is not certain"),
        (1.0, 1.10, f": in processes, too, and {TO_SPARE}"),
    ],
)  # fmt: skip
def test_the_bandwidth_is_short_where_sums_grow_surely(low, high, end):
    sums = replace(QUIET, growth=interval(max(low, 1.1), low, high))
    probe = growing(1.9, processes=arm(growth=2.0), bandwidth=sums)
    assert name_cause(probe).line.endswith(end)


def test_a_page_fault_takes_what_was_measured():
    assert 0.25e-6 < FAULT_SECONDS < 0.7e-6


# --- what stands still


def blocked(low, high):
    return replace(QUIET, blocked=interval((low + high) / 2, low, high))


@pytest.mark.parametrize(
    ("collecting", "end"),
    [
        (interval(0.2, 0.15, 0.24), "20% of the others' time, and more of it was lost otherwise"),
        (interval(0.2, 0.15, 0.25), "who stood still for 50%: it, or something else"),
        (interval(0.3, 0.25, 0.35), "who stood still for 50%: it, or something else"),
        (interval(0.3, 0.26, 0.35), "who stood still for 50%"),
    ],
)
def test_a_collector_explains_more_than_half_of_the_standing_still(collecting, end):
    work = replace(arm(blocked=0.3), collecting=collecting, stopped=near(0.5))
    assert name_cause(replace(NOTHING, work=work)).line.endswith(end)


@pytest.mark.parametrize(
    ("work", "held", "cause"),
    [
        (arm(blocked=0.47), near(0.5), Cause.UNKNOWN),
        (arm(blocked=0.47), near(0.51), Cause.GIL),
        (arm(idle=0.5), near(0.5), Cause.DISPATCH),
        (arm(idle=0.5), near(0.51), Cause.GIL),
        (arm(blocked=0.3), interval(0.2, 0.1, 0.3), Cause.LOCK),
        (arm(blocked=0.3), interval(0.2, 0.1, 0.31), Cause.UNKNOWN),
    ],
)
def test_the_gil_explains_what_it_is_held_for_more_than_half_of(work, held, cause):
    probe = replace(NOTHING, work=work, gil_enabled=True, gil_held_share=held)
    assert name_cause(probe).cause is cause


@pytest.mark.parametrize(
    ("private", "line"),
    [
        (blocked(0.0, 0.09), "a lock: blocked 47% of the time, and not on private objects"),
        (blocked(0.0, 0.10), "a lock: blocked 47% of the time"),
        (blocked(0.10, 0.3), "a lock: blocked 47% of the time"),
        (replace(QUIET, blocked=None), "a lock: blocked 47% of the time"),
    ],
)
def test_an_arm_that_may_be_blocked_is_not_called_free(private, line):
    assert name_cause(replace(NOTHING, work=arm(blocked=0.47), private=private)).line == line
