import pytest
from helpers.made import estimate, pair, sample
from hypothesis import given
from hypothesis import strategies as st

from speedgate.stats.sample import PairedSample
from speedgate.stats.speedup import BASELINE, speedup, superlinear_reason

# Whole numbers: ratios that differ do so by more than their rounding, which would make two that
# are the same in one direction differ in the other.
seconds = st.integers(1, 10_000).map(float)


def test_above_1_is_faster():
    assert speedup(sample(*[2.0] * 7)).value == 2.0
    assert speedup(sample(*[0.5] * 7)).value == 0.5


def test_it_is_the_median_of_the_pairs_and_not_the_ratio_of_medians():
    drifting = [(1.0, 0.5), (10.0, 5.0), (100.0, 50.0), (1.0, 0.5), (50.0, 25.0), (3.0, 1.5)]
    assert speedup(PairedSample.of([[pair(*seconds) for seconds in drifting]])).value == 2.0


def test_all_processes_count():
    paired = PairedSample.of([[pair(1.0)] * 3, [pair(2.0)] * 4])
    assert speedup(paired).count == 7
    assert speedup(paired).value == 2.0


def test_the_confidence_is_the_one_that_was_asked_for():
    assert speedup(sample(*range(1, 30)), 0.99).confidence == 0.99


def test_no_pairs_have_no_speedup():
    assert speedup(PairedSample.of([])) is None


@given(st.lists(st.tuples(seconds, seconds), min_size=7, max_size=31))
def test_it_does_not_matter_which_side_is_the_numerator(rounds):
    rounds = rounds[: len(rounds) - 1 + len(rounds) % 2]  # an odd number: it holds exactly
    forward = speedup(PairedSample.of([[pair(one, other) for one, other in rounds]]))
    backward = speedup(PairedSample.of([[pair(other, one) for one, other in rounds]]))
    assert forward.value == pytest.approx(1 / backward.value)
    assert backward.low <= 0 or forward.high == pytest.approx(1 / backward.low)
    assert forward.low <= 0 or forward.low == pytest.approx(1 / backward.high)


def test_page_faults_of_the_baseline_explain_a_speedup_above_the_workers():
    reason = superlinear_reason(estimate(6.92), 2, (2148.0, 3.0))
    for part in ("6.92x", "more than 2 workers", "2148 page faults", "the contender's 3"):
        assert part in reason


@pytest.mark.parametrize("faults", [None, (0.0, 0.0), (100.0, 90.0)])
def test_without_such_faults_the_reader_is_sent_to_the_inflation(faults):
    reason = superlinear_reason(estimate(2.4), 2, faults)
    assert "2.40x is more than 2 workers" in reason
    assert "page faults" not in reason
    assert "inflation" in reason


@pytest.mark.parametrize(
    ("faults", "rest"),
    [
        ((2148.0, 3.0), ": the baseline's rounds took 2148 page faults and the contender's 3"),
        ((7.0, 3.0), ": the baseline's rounds took 7 page faults and the contender's 3"),
        ((6.0, 3.0), ": caches, or cores of unequal speed; look at the inflation"),
        ((3.0, 0.0), ": the baseline's rounds took 3 page faults and the contender's 0"),
        ((2.0, 0.0), ": caches, or cores of unequal speed; look at the inflation"),
        (None, ": caches, or cores of unequal speed; look at the inflation"),
    ],
)
def test_the_whole_reason_of_a_speedup_above_the_workers(faults, rest):
    reason = superlinear_reason(estimate(6.92), 2, faults)
    assert reason == f"6.92x is more than 2 workers can give by themselves{rest}"


def test_what_a_speedup_is_measured_against():
    assert BASELINE == "a plain loop in one worker thread of the same process"


def test_pairs_that_resemble_their_neighbours_count_as_fewer():
    in_turn = [1.0, 2.0] * 15
    in_blocks = [1.0] * 15 + [2.0] * 15
    narrow, wide = (speedup(sample(*ratios)) for ratios in (in_turn, in_blocks))
    assert narrow.is_bounded
    assert not wide.is_bounded
