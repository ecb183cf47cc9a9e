"""The cause of contention, from made-up arms: each cause, what hides it, and what is left open."""

import math
from dataclasses import replace

import pytest
from helpers.evidence import interval
from hypothesis import given
from hypothesis import strategies as st

from speedgate.judging.contention import Arm, Cause, ContentionProbe, name_cause
from speedgate.stats.estimate import Estimate

NO_BOUNDS = Estimate(1.0, -math.inf, math.inf, 0.99, 3)


def near(value, width=0.02):
    return interval(value, value - width, value + width)


def arm(growth=1.02, speedup=None, blocked=0.0, waiting=0.01, idle=0.03, collecting=0.0, faults=0):
    """An arm of two workers, whose speedup follows from its losses unless it is given."""
    left = 1 - blocked - waiting - idle
    return Arm(
        speedup=near(2 * left / growth if speedup is None else speedup),
        growth=near(growth),
        blocked=near(blocked),
        waiting=near(waiting),
        idle=near(idle),
        stopped=near(blocked + idle),
        collecting=near(collecting),
        fault_share=near(faults),
    )


QUIET = arm()
NOTHING = ContentionProbe(
    2, QUIET, QUIET, shared=QUIET, processes=QUIET, bandwidth=QUIET, gil_enabled=False
)
GROWN = arm(growth=2.4)
SHARED_ONLY = replace(NOTHING, work=GROWN, private=QUIET, shared=None)
IN_THREADS = replace(NOTHING, work=GROWN)

# name: (the probe, the cause, words of the reason)
TABLE = {
    "nothing": (NOTHING, Cause.NONE, "it scales"),
    "a lock": (
        replace(NOTHING, work=arm(blocked=0.47), private=QUIET),
        Cause.LOCK,
        "blocked 47% of the time, and not on private objects",
    ),
    "a lock that spins": (
        replace(NOTHING, work=arm(blocked=0.25, growth=2.2), private=QUIET),
        Cause.LOCK,
        "blocked 25%",
    ),
    "a lock that all have": (replace(NOTHING, work=arm(blocked=0.47)), Cause.LOCK, "blocked 47%"),
    "blocked in processes as well": (
        replace(NOTHING, work=arm(blocked=0.47), processes=arm(blocked=0.4)),
        Cause.UNKNOWN,
        "in processes, too",
    ),
    "a lock of the allocator": (
        replace(NOTHING, work=arm(blocked=0.3, growth=1.5), preallocated=QUIET),
        Cause.ALLOCATOR,
        "not with nothing to allocate",
    ),
    "the GIL": (
        replace(NOTHING, work=arm(blocked=0.47), gil_enabled=True, gil_held_share=near(0.95)),
        Cause.GIL,
        "GIL held 0.95",
    ),
    "a lock beside a GIL": (
        replace(NOTHING, work=arm(blocked=0.47), gil_enabled=True, gil_held_share=near(0.03)),
        Cause.LOCK,
        "blocked 47%",
    ),
    "a lock or the GIL": (
        replace(NOTHING, work=arm(blocked=0.47), gil_enabled=True, gil_held_share=None),
        Cause.UNKNOWN,
        "the GIL was not sampled",
    ),
    "a shared object": (
        SHARED_ONLY,
        Cause.SHARED_OBJECT,
        "2.40-fold as it is, 1.02-fold on private objects, 1.02-fold in processes",
    ),
    "a shared object, processes not known": (
        replace(SHARED_ONLY, processes=None), Cause.SHARED_OBJECT, "on its own does not pay",
    ),
    "an object of the library": (
        replace(IN_THREADS, preallocated=GROWN), Cause.SHARED_OBJECT, "of the library's own",
    ),
    "growth as small as the place of buffers makes it": (
        replace(NOTHING, work=arm(growth=1.3), preallocated=arm(growth=1.3)),
        Cause.UNKNOWN,
        "where the buffers lie",
    ),
    "the allocator": (
        replace(IN_THREADS, preallocated=QUIET), Cause.ALLOCATOR, "nothing to allocate",
    ),
    "page faults by their number": (
        replace(NOTHING, work=arm(growth=1.5, faults=0.3)), Cause.ALLOCATOR, "about 30%",
    ),
    "few page faults": (
        replace(NOTHING, work=arm(growth=1.5, faults=0.05)),
        Cause.UNKNOWN,
        "the allocator, or an object that all threads use",
    ),
    "memory bandwidth": (
        replace(IN_THREADS, processes=GROWN, bandwidth=arm(growth=1.7)),
        Cause.BANDWIDTH,
        "sums beyond the caches 1.67-fold",
    ),
    "in processes, and the memory has bandwidth": (
        replace(IN_THREADS, processes=GROWN), Cause.UNKNOWN, "the memory has bandwidth to spare",
    ),
    "in processes, no yardstick of the memory": (
        replace(IN_THREADS, processes=GROWN, bandwidth=None),
        Cause.UNKNOWN,
        "whether the memory has bandwidth to spare is not certain",
    ),
    "in processes, a yardstick that leaves it open": (
        replace(
            IN_THREADS, processes=GROWN, bandwidth=replace(QUIET, growth=near(1.05, width=0.3))
        ),
        Cause.UNKNOWN,
        "whether the memory has bandwidth to spare is not certain",
    ),
    "processes not known": (
        replace(IN_THREADS, processes=None), Cause.UNKNOWN, "leave the cause open",
    ),
    "the collector": (
        replace(NOTHING, work=arm(blocked=0.1, idle=0.38, collecting=0.47)),
        Cause.COLLECTOR,
        "at work for 47% of the others' time",
    ),
    "a lock, and the collector a little": (
        replace(NOTHING, work=arm(blocked=0.47, collecting=0.15)),
        Cause.UNKNOWN,
        "more of it was lost otherwise",
    ),
    "shared CPUs": (
        replace(NOTHING, work=arm(waiting=0.4, idle=0.2)), Cause.CPUS, "40% of the time others",
    ),
    "a lock beside a neighbour": (
        replace(NOTHING, work=arm(blocked=0.3, waiting=0.3)), Cause.LOCK, "blocked 30%",
    ),
    "a hypervisor that takes what looks blocked": (
        replace(NOTHING, work=arm(blocked=0.3, waiting=0.3), steal=0.3), Cause.CPUS, "others had",
    ),
    "hyperthreads": (
        replace(NOTHING, work=arm(growth=1.6), control=arm(growth=1.6)),
        Cause.CPUS,
        "control's CPU time per work grows 1.60-fold",
    ),
    "dispatch": (replace(NOTHING, work=arm(idle=0.5)), Cause.DISPATCH, "idle 50%"),
    "idle, and the GIL not known": (
        replace(NOTHING, work=arm(idle=0.5), gil_enabled=True), Cause.UNKNOWN, "was not sampled",
    ),
    "idle before the GIL": (
        replace(NOTHING, work=arm(idle=0.5), gil_enabled=True, gil_held_share=near(0.9)),
        Cause.GIL,
        "GIL held 0.90",
    ),
    "slow for no reason that is seen": (
        replace(NOTHING, work=arm(speedup=1.5)), Cause.NONE, "no loss of any kind",
    ),
    "a platform that tells nothing": (
        replace(NOTHING, work=Arm(speedup=near(1.2), growth=near(1.0))),
        Cause.UNKNOWN,
        "this platform does not tell",
    ),
    "too few rounds": (
        replace(NOTHING, work=replace(QUIET, speedup=NO_BOUNDS)), Cause.UNKNOWN, "too few rounds",
    ),
    "a speedup without bounds, all else with": (
        replace(SHARED_ONLY, work=replace(GROWN, speedup=NO_BOUNDS)), Cause.SHARED_OBJECT, "own",
    ),
    "no CPU clock": (
        replace(NOTHING, work=replace(QUIET, growth=None)), Cause.UNKNOWN, "has its CPU time",
    ),
    "too few of the control": (
        replace(SHARED_ONLY, control=replace(QUIET, growth=NO_BOUNDS)), Cause.UNKNOWN, "leave open",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("probe", "cause", "words"), TABLE.values(), ids=TABLE)
def test_the_cause_is_named_with_its_figures(probe, cause, words):
    named = name_cause(probe)
    assert (named.cause, words in named.line) == (cause, True), named.line
    assert named.is_certain is (cause is not Cause.UNKNOWN)
    assert named.as_json() == {"cause": cause.value, "reason": named.reason}


def wide(probe, name):
    """The probe with bounds of one arm that leave everything open."""
    part = getattr(probe, name)
    return replace(probe, **{name: replace(part, growth=interval(part.growth.value, 0.9, 3.0))})


@pytest.mark.parametrize(
    ("probe", "name"),
    [
        pytest.param(SHARED_ONLY, "private", id="private"),
        pytest.param(replace(IN_THREADS, preallocated=QUIET), "processes", id="processes"),
        pytest.param(
            replace(IN_THREADS, processes=GROWN, bandwidth=GROWN), "bandwidth", id="bandwidth"
        ),
        pytest.param(SHARED_ONLY, "work", id="the work itself"),
    ],
)
def test_an_arm_whose_bounds_leave_it_open_names_nothing(probe, name):
    assert name_cause(probe).is_certain
    assert not name_cause(wide(probe, name)).is_certain


@st.composite
def arms(draw):
    def figure(low, high):
        bounds = sorted(draw(st.tuples(*[st.floats(low, high)] * 3)))
        return interval(bounds[1], bounds[0], bounds[2])

    share = (0.0, 1.0)
    return Arm(figure(0.1, 2.2), figure(0.5, 4.0), *[figure(*share) for _ in range(6)])


OPTIONAL = st.none() | arms()


@given(arms(), arms(), OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, st.booleans())
def test_what_is_named_is_borne_out_by_the_bounds(
    work, control, private, preallocated, processes, bandwidth, gil_enabled
):
    probe = ContentionProbe(
        2, work, control, private, None, preallocated, processes, bandwidth, None, gil_enabled
    )
    cause = name_cause(probe).cause
    if cause is Cause.SHARED_OBJECT:
        assert work.growth.low > 1.1
        assert private is not None or preallocated is not None
    if cause is Cause.BANDWIDTH:
        assert processes.growth.low > 1
        assert bandwidth.growth.low > 1.1
    if cause is Cause.COLLECTOR:
        assert work.collecting.low > 0.1
    if cause is Cause.LOCK:
        assert work.blocked.low > 0.1
        assert not gil_enabled
    if cause is Cause.CPUS:
        assert work.waiting.low > 0.1 or control.growth.low > 1.15
