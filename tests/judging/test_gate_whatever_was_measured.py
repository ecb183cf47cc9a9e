"""What must hold of every verdict of a gate, whatever was measured, NaN included."""

import json
import math

import pytest
from helpers.evidence import bounds, evidence, interval, shares
from hypothesis import assume, given
from hypothesis import strategies as st
from test_gate import FAILED, HOLDS, INCONCLUSIVE, NOT_EVALUATED, PASSED, SCALES, SLOW, TWO, decide

from speedgate.judging.floors import MAX_HELD, Floors, floors
from speedgate.judging.gate import MAX_PROCESSES, PASSING_SHARE, Evidence, machine_allowance
from speedgate.stats.estimate import estimate_median

# --- NaN


def test_a_nan_is_no_estimate():
    for broken in ([math.nan, 1.0, 2.0], [1.0, math.nan, 2.0], [1.0, 1.0, math.nan]):
        with pytest.raises(ValueError, match="between its bounds"):
            interval(*broken)
    with pytest.raises(ValueError, match="NaN"):
        estimate_median([1.0, math.nan, 2.0])


@pytest.mark.parametrize(
    ("changed", "required"),
    [
        pytest.param({}, Floors(math.nan, 1.7), id="floor of the speedup"),
        pytest.param({}, Floors(1.2, math.nan), id="floor of the concurrency"),
        pytest.param({"process_speedups": (math.nan, 0.97), "speedup": SLOW["speedup"]}, TWO,
                     id="a process"),
        pytest.param({**SLOW, "shares": shares(0.9, waiting=math.nan)}, TWO, id="waiting"),
        pytest.param({**SLOW, "gil_enabled": False, "process_inflations": (math.nan, 1.9)},
                     floors(2), id="inflation of a process"),
    ],
)  # fmt: skip
def test_a_nan_never_passes(changed, required):
    for final in (False, True):
        assert decide(evidence(**changed), required, final).verdict is not PASSED


# --- whatever was measured

FIGURE = st.floats(0.05, 20.0)
SHARE = st.floats(0.0, 1.0)


@st.composite
def intervals(draw, figures=FIGURE):
    low, value, high = sorted(draw(st.tuples(figures, figures, figures)))
    return interval(value, low, high)


@st.composite
def evidences(draw, **given_fields):
    """Any evidence at all, but for the fields that are given a strategy."""
    waiting = draw(st.none() | st.floats(0.0, 0.99))
    fields = {
        "workers": st.integers(2, 64),
        "speedup": st.none() | intervals(),
        "process_speedups": st.lists(FIGURE, max_size=MAX_PROCESSES).map(tuple),
        "concurrency": st.none() | st.builds(bounds, FIGURE, st.none() | FIGURE),
        "control": st.none() | intervals(),
        "shares": st.none() | st.just(shares(0.01, waiting, None if waiting is None else 0.0)),
        "inflation": st.none() | intervals(),
        "control_inflation": st.none() | intervals(),
        "process_inflations": st.lists(FIGURE, max_size=MAX_PROCESSES).map(tuple),
        "gil_held_share": st.none() | intervals(SHARE),
        "gil_enabled": st.booleans(),
        "broken": st.none() | st.just("sys.settrace was active"),
    }
    return Evidence(**{name: draw(kind) for name, kind in (fields | given_fields).items()})


REQUIRED = st.builds(Floors, FIGURE, FIGURE, SHARE)


@given(evidences(), REQUIRED, st.booleans())
def test_surely_low_never_passes(drawn, required, final):
    speedup, concurrency = drawn.speedup, drawn.concurrency
    low_speedup = speedup is None or speedup.high < required.speedup
    low_concurrency = (
        concurrency is not None
        and concurrency.high is not None
        and concurrency.high.high < required.concurrency
    )
    assume(low_speedup or low_concurrency)
    assert decide(drawn, required, final).verdict is not PASSED


@given(
    evidences(
        speedup=intervals(st.floats(1.2, 20.0)),
        concurrency=st.builds(bounds, st.floats(1.72, 2.0), st.none() | st.floats(1.72, 2.0)),
        gil_held_share=st.none() | intervals(st.floats(0.0, MAX_HELD)),
    ),
    st.booleans(),
)
def test_surely_high_never_fails(drawn, final):
    assert decide(drawn, TWO, final).verdict in (PASSED, NOT_EVALUATED)


@given(evidences(), REQUIRED)
def test_a_pass_shows_high_speedup_and_concurrency_by_their_lower_bounds(drawn, required):
    if decide(drawn, required).verdict is PASSED:
        assert drawn.speedup.low >= required.speedup
        assert drawn.concurrency.low.low >= PASSING_SHARE * required.concurrency
        assert drawn.broken is None


@given(evidences(), REQUIRED)
def test_a_verdict_is_the_same_at_every_look(drawn, required):
    early = decide(drawn, required, final=False).verdict
    if early is not INCONCLUSIVE:
        assert decide(drawn, required, final=True).verdict is early


@given(evidences(), REQUIRED, st.booleans(), st.sampled_from([SCALES, HOLDS]))
def test_every_judgement_is_plain_json_with_a_reason(drawn, required, final, gate):
    judgement = decide(drawn, required, final, gate)
    assert judgement.reason
    as_json = judgement.as_json()
    assert json.loads(json.dumps(as_json, allow_nan=False)) == as_json


@given(evidences())
def test_a_machine_never_gives_more_than_all_its_cores(drawn):
    assert machine_allowance(drawn) >= 1.0


@given(
    evidences(
        speedup=intervals(st.floats(0.05, 1.19)),
        concurrency=st.builds(bounds, st.floats(0.5, 1.6), st.none() | st.floats(1.72, 2.0)),
        control=intervals(st.floats(0.5, 1.0)),
        gil_held_share=st.none() | intervals(st.floats(0.0, MAX_HELD)),
        process_speedups=st.just((1.1, 1.15)),
        workers=st.just(2),
    ),
    st.booleans(),
)
def test_a_machine_that_gave_one_core_excuses_what_half_a_machine_explains(drawn, final):
    """Nothing but the wall time speaks against it, and twice that would do."""
    assert decide(drawn, TWO, final).verdict is not FAILED
