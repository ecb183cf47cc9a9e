"""What a block of two builds says: changes, intervals, and what waiting for a core explains."""

import math
from dataclasses import replace

import pytest
from helpers.duels import WORKERS, block, blocks, judge, made, pair, suspected

from speedgate.duel.candidate import candidates_in
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.effect import block_changes, effects_of
from speedgate.stats.figure import FIGURE
from speedgate.stats.sample import Pair, Round

# --- what a block says


def test_a_block_takes_the_median_of_its_replicates():
    drawn = made({"A": pair(), "B": pair(contender=seconds)} for seconds in (1.0, 2.0, 9.0))
    assert drawn.change(FIGURE["seconds"], "B") == pytest.approx(math.log(2))
    assert drawn.change(FIGURE["speedup"], "B") == pytest.approx(-math.log(2))
    assert drawn.level(FIGURE["seconds"], "B") == 2.0


def test_a_share_is_subtracted():
    measured = block(pair(), pair(), held=(0.1, 0.4))
    assert measured.change(FIGURE["held"], "B") == pytest.approx(0.3)
    assert block(pair(), pair(), held=(None, 0.4)).change(FIGURE["held"], "B") is None


def test_what_a_platform_cannot_tell_is_no_signal():
    assert "context_switches" not in effects_of(blocks(pair(), pair()), "B")
    counted = pair(voluntary_switches=3, involuntary_switches=0)
    effects = effects_of([block(counted, counted)] * 2, "B")
    assert effects["context_switches"].change.value == 1.0
    assert "cpu_after" not in effects


def test_a_build_that_failed_has_no_change():
    assert block_changes([made([{"A": pair()}], (0.1, None))], FIGURE["speedup"], "B") == []


def test_an_effect_tells_both_levels_and_their_ratio():
    effect = effects_of(blocks(pair(contender=2.0), pair(contender=2.1)), "B")["speedup"]
    assert effect.first.value == 2.0
    assert effect.other.value == pytest.approx(math.sqrt(1 / 1.05))
    assert effect.change.low < effect.change.value < effect.change.high
    assert effect.change.value == pytest.approx(effect.other.value / effect.first.value)


# --- beside neighbours


def waited(seconds, share, serial=2.0, serial_share=0.0):
    """A pair whose workers waited for a core for such shares of their time."""
    return Pair(
        Round(serial, on_cpu=serial, waiting=serial_share * serial),
        Round(seconds, on_cpu=seconds, waiting=share * WORKERS * seconds),
    )


@pytest.mark.parametrize(
    ("one", "other", "is_placed", "seconds", "agrees"),
    [
        (waited(1.0, 0.0), waited(1.5, 0.0), True, 1.5, True),
        (waited(1.0, 0.0), waited(1.5, 1 / 3), True, 1.0, False),  # others made it slower
        (waited(1.5, 1 / 3), waited(1.5, 0.0), True, 1.5, False),  # it is slower, but not as seen
        (waited(1.5, 1 / 3), waited(2.25, 1 / 3), True, 1.5, True),  # both waited alike
        (waited(1.0, 0.0), waited(1.5, 1 / 3), False, 1.5, True),  # its own threads did
        (waited(1.0, 0.0), waited(1.5, 1 / 3, 3.0, 1 / 3), False, 1.0, False),
        (pair(), waited(9.0, 1.4), True, 0.9, False),  # clocks are not read at once
        (pair(), pair(contender=1.5), True, 1.5, True),
    ],
)
def test_what_waiting_explains_is_not_confirmed(one, other, is_placed, seconds, agrees):
    drawn = block(one, other, is_placed=is_placed)
    undisturbed = drawn.change(FIGURE["seconds"], "B", undisturbed=True)
    assert math.exp(undisturbed) == pytest.approx(seconds)
    assert suspected("seconds", 1).agrees(drawn) is agrees
    speedup = drawn.change(FIGURE["speedup"], "B", undisturbed=True)
    serial = drawn.change(FIGURE["serial_seconds"], "B", undisturbed=True)
    assert speedup == pytest.approx(serial - undisturbed)


def test_intervals_hold_what_is_found_with_the_waiting_given_back():
    measured = [block(waited(1.0, 0.0), waited(seconds, 0.2)) for seconds in (1.25, 1.26, 1.24)]
    change = effects_of(measured, "B")["seconds"].change
    assert change.value == pytest.approx(1.25, abs=0.01)
    assert change.low <= 1.0
    assert not effects_of(measured, "B")["seconds"].is_within_margin
    assert judge(measured) is DuelVerdict.INCONCLUSIVE
    assert candidates_in(measured, "B") == []


def test_equal_seconds_are_not_the_same_where_one_build_waited_and_the_other_did_not():
    measured = [block(waited(1.0, 0.4), waited(1.0, 0.0))] * 4
    assert judge(measured) is DuelVerdict.INCONCLUSIVE
    assert judge([block(waited(1.0, 0.4), waited(1.0, 0.4))] * 4) is DuelVerdict.SAME


def test_the_waiting_is_that_of_the_parallel_rounds():
    measured = block(waited(1.0, 0.1), waited(1.0, 0.3, serial_share=0.2))
    assert [measured.waiting(build) for build in "AB"] == pytest.approx([0.1, 0.3])
    crowded = replace(measured, is_placed=False)
    assert [crowded.waiting(build) for build in "AB"] == pytest.approx([0.0, 0.2])


def test_where_nobody_knows_the_waiting_nothing_is_given_back():
    unknown = Pair(Round(2.0, on_cpu=2.0), Round(1.0, on_cpu=2.0))
    measured = block(unknown, Pair(Round(2.0, on_cpu=2.0), Round(1.5, on_cpu=2.0)))
    assert measured.waiting("B") is None
    assert suspected("seconds", 1).agrees(measured) is True
