"""Why a gate says that a case is slow, or not certain: which of the signals explains it."""

import math

import pytest
from helpers.evidence import HELD, bounds, evidence, interval, shares
from test_gate import LOW_CONCURRENCY, SLOW, decide

from speedgate.judging.floors import Floors
from speedgate.judging.gate import Verdict
from speedgate.stats.accounting import Shares
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import SPEEDUP

FAILED = Verdict.FAILED
FREE = {"gil_enabled": False, "gil_held_share": None}


@pytest.mark.parametrize(
    ("held", "cause"),
    [
        (0.45, "a lock that is not the GIL is held"),
        (0.58, "a lock that is not the GIL is held"),
        (0.60, "it no longer releases the GIL"),
    ],
)
def test_the_gil_explains_a_loss_that_it_would_make_by_itself(held, cause):
    """A hold of h lets 1 / h run at once: 0.59 keeps the concurrency below its floor of 1.7."""
    share = interval(held, held - 0.02, held + 0.02)
    locked = decide(evidence(**LOW_CONCURRENCY | {"gil_held_share": share}), Floors(1.2, 1.7, 0.9))
    assert locked.verdict is FAILED
    assert locked.reason.endswith(f"GIL held {held:.2f}: {cause}")


def test_a_hold_explains_what_is_seen_of_the_concurrency():
    """0.35 lets 2.9 of 8 run at once; 2 were seen, and 1.5 times that is 3."""
    share = interval(0.35, 0.33, 0.37)
    many = {**LOW_CONCURRENCY, "workers": 8, "gil_held_share": share}
    for seen, cause in ((2.0, "it no longer releases the GIL"), (1.8, "a lock that is not")):
        failed = decide(evidence(**many | {"concurrency": bounds(seen, seen)}), Floors(1.2, 2.5))
        assert cause in failed.reason


GREW = "the control reached 1.92x of 2, concurrency 1.92, CPU time per work grew "
MEMORY = "memory, page faults or BLAS threads"
CORES = "hyperthreads of one core, or a lower clock with more cores busy"
ALONE = {"inflation": None, "control": None}


def growing(grown, control=1.01):
    return {
        "inflation": interval(grown, grown - 0.05, grown + 0.05),
        "control_inflation": interval(control, control - 0.05, control + 0.05),
    }


@pytest.mark.parametrize(
    ("changed", "rest"),
    [
        (ALONE | {"concurrency": bounds(1.6), "shares": shares(0.8, 0.01, 0.1)},
         "concurrency 1.60: dispatch or imbalance"),
        (ALONE | {"concurrency": bounds(1.1), "shares": shares(0.5, 0.01, 0.4),
                  "gil_held_share": HELD},
         "concurrency 1.10: it no longer releases the GIL"),
        (growing(1.4, 1.3), f"{GREW}1.40-fold (the control's 1.30-fold): {CORES}"),
        (growing(1.6, 1.3), f"{GREW}1.60-fold (the control's 1.30-fold): {MEMORY}"),
        (growing(1.6) | FREE, f"{GREW}1.60-fold: an object that all workers use, {MEMORY}"),
        # Growth of just 1.15 is none, of the work and of the control.
        (growing(1.15, 1.0), f"{GREW}1.15-fold: dispatch or imbalance"),
        (growing(1.1, 1.15), f"{GREW}1.10-fold: dispatch or imbalance"),
        (growing(1.14, 0.9), f"{GREW}1.14-fold: dispatch or imbalance"),
    ],
)  # fmt: skip
def test_why_it_is_slow(changed, rest):
    allowed = Floors(1.2, 1.7, gil_held_share=1.0, inflation=9.0)
    slow = decide(evidence(**SLOW | changed), allowed)
    assert slow.verdict is FAILED
    assert slow.reason == f"0.97x [0.95, 0.99] over rounds, needs 1.20x; {rest}"


@pytest.mark.parametrize(
    ("changed", "rest"),
    [
        ({"shares": Shares(0.95, 0.05, 0.0, 0.0)}, ""),
        ({"shares": Shares(0.94, 0.06, 0.0, 0.0)}, "waiting for a CPU 6%: others had the cores; "),
        ({"throttled": 0.05}, ""),
        ({"throttled": 0.06}, "throttled for 6% of the time by a control group's CPU quota; "),
        ({"control": interval(1.7, 1.6, 1.8)}, ""),
        ({"control": interval(1.6, 1.5, 1.7)}, "the control reached 1.60x of 2; "),
        ({"control": None, "shares": None, "concurrency": bounds(1.4, 1.8)},
         "concurrency 1.40 to 1.80, needs 1.50 to pass; "),
    ],
)  # fmt: skip
def test_why_it_is_not_certain(changed, rest):
    unsure = decide(evidence(speedup=interval(1.2, 1.1, 1.3), **changed))
    assert unsure.reason == (
        f"1.20x [1.10, 1.30] over rounds, needs 1.20x; {rest}the interval holds the threshold"
    )


@pytest.mark.parametrize(
    ("high", "alone", "why"),
    [
        (1.2, (1.0, 1.1), "the interval holds the threshold"),
        (1.1, (1.0, 1.2), "too low, but not in every process"),
        (1.1, (1.0, 1.1), "the machine may have taken what is missing"),
    ],
)
def test_why_it_is_not_surely_too_low(high, alone, why):
    crowded = evidence(
        speedup=interval(1.05, 1.0, high), process_speedups=alone, control=interval(1.8, 1.0, 1.9)
    )
    assert decide(crowded).reason == (
        f"{SPEEDUP.interval(crowded.speedup)} over rounds, needs 1.20x; {why}"
    )


def test_the_gil_that_nobody_sampled_says_why():
    unsampled = evidence(gil_held_share=None, unsampled="py-spy is not installed")
    assert decide(unsampled).reason.endswith(", GIL not sampled (py-spy is not installed)")


@pytest.mark.parametrize(
    ("low", "high", "figure"), [(1.75, 1.8125, "1.75 to 1.81"), (1.75, 1.78125, "1.75")]
)
def test_bounds_that_are_close_are_one_figure(low, high, figure):
    assert f", concurrency {figure}, " in decide(evidence(concurrency=bounds(low, high))).reason


# --- what blocks

IDLE = "the workers had nothing to do for most of what is missing"
BLOCKED = "1.65x [1.58, 1.72] over rounds, needs 1.20x; concurrency 1.00 to 1.10, needs 1.70"


@pytest.mark.parametrize(
    ("known", "rest"),
    [
        (None, ", GIL held 0.01: a lock that is not the GIL is held"),
        # A platform that tells the one tells the other, too; what it does not tell is not said.
        (Shares(0.5, 0.2, None, 0.3), ", GIL held 0.01: a lock that is not the GIL is held"),
        (
            Shares(0.5, 0.0, 0.25, 0.25),
            ", blocked 25% (on CPU 50%), GIL held 0.01: a lock that is not the GIL is held",
        ),
        (
            Shares(0.5, 0.0, 0.24, 0.26),
            f", blocked 24% (on CPU 50%), GIL held 0.01: {IDLE}: dispatch or imbalance",
        ),
    ],
)
def test_what_the_shares_tell_of_a_low_concurrency(known, rest):
    low = decide(evidence(concurrency=bounds(1.0, 1.1), shares=known))
    assert low.verdict is FAILED
    assert low.reason == BLOCKED + rest


def test_the_most_that_may_have_run_at_once_is_what_the_gil_has_to_explain():
    held = interval(0.55, 0.53, 0.57)
    wide = LOW_CONCURRENCY | {"concurrency": bounds(1.0, 1.6), "gil_held_share": held}
    allowed = Floors(1.2, 1.7, gil_held_share=0.9)
    assert decide(evidence(**wide), allowed).reason.endswith("it no longer releases the GIL")


def test_a_hold_that_leaves_just_the_floor_does_not_explain_it():
    """Half of the work lets two run at once, and two are asked for."""
    held = LOW_CONCURRENCY | {"gil_held_share": interval(0.5, 0.4, 0.6)}
    allowed = Floors(1.2, 2.0, gil_held_share=0.9)
    assert decide(evidence(**held), allowed).reason.endswith("a lock that is not the GIL is held")


def test_a_speedup_without_bounds_has_none_in_the_reason():
    few = Estimate(1.65, -math.inf, math.inf, confidence=0.99, count=4)
    reason = decide(evidence(**LOW_CONCURRENCY | {"speedup": few})).reason
    assert reason.startswith("1.65x [too few pairs], needs 1.20x; concurrency 1.02, needs 1.70")


def test_a_speedup_of_just_its_floor_is_no_reason():
    just = evidence(speedup=interval(1.3, 1.2, 1.4), concurrency=bounds(1.4, 1.9))
    assert decide(just).reason == (
        "1.30x [1.20, 1.40] over rounds, needs 1.20x; concurrency 1.40 to 1.90, needs 1.50 to pass"
    )
