"""Two builds side by side: changes, intervals, suspicions, verdicts; how often they are wrong."""

import math
import random

import pytest

from speedgate.contrast import (
    DISSENTS,
    FAMILY_ERROR,
    RATIO_MARGIN,
    SIGNAL,
    Bout,
    Suspicion,
    Verdict,
    bouts_to_confirm,
    changes,
    moves,
    suspicions,
    verdict_of,
)
from speedgate.sample import Pair, Round

WORKERS = 2
SCREENING = 4


def pair(baseline=2.0, contender=1.0, cpu=2.0, baseline_cpu=2.0, **counted):
    on_cpu = counted.pop("on_cpu", WORKERS * contender)
    return Pair(
        Round(baseline, on_cpu=baseline, cpu=baseline_cpu),
        Round(contender, on_cpu=on_cpu, cpu=cpu, waiting=0.0, **counted),
    )


def bout(one, other, held=(None, None), sets=3):
    return Bout(((one, other),) * sets, held)


def bouts(*others, one=None):
    """A bout for each of the other build's pairs, against a build that never changes."""
    return [bout(one or pair(), other) for other in others]


# --- what a bout says


def test_a_bout_takes_the_median_of_its_sets():
    made = Bout(tuple((pair(), pair(contender=each)) for each in (1.0, 2.0, 9.0)), (None, None))
    assert made.change(SIGNAL["seconds"], WORKERS, 1) == pytest.approx(math.log(2))
    assert made.change(SIGNAL["speedup"], WORKERS, 1) == pytest.approx(-math.log(2))
    assert made.level(SIGNAL["seconds"], WORKERS, 1) == 2.0


def test_a_share_is_subtracted():
    made = bout(pair(), pair(), held=(0.1, 0.4))
    assert made.change(SIGNAL["held"], WORKERS, 1) == pytest.approx(0.3)
    assert bout(pair(), pair(), held=(None, 0.4)).change(SIGNAL["held"], WORKERS, 1) is None


def test_what_a_platform_cannot_tell_is_no_signal():
    assert "switches" not in moves(bouts(pair(), pair()), WORKERS, 1)
    counted = pair(voluntary_switches=3, involuntary_switches=0)
    found = moves([bout(counted, counted)] * 2, WORKERS, 1)
    assert found["switches"].change.value == 1.0


def test_a_build_that_failed_has_no_change():
    assert changes([Bout(((pair(), None),), (0.1, None))], SIGNAL["speedup"], WORKERS, 1) == []


def test_a_move_tells_both_levels_and_their_ratio():
    found = moves(bouts(pair(contender=2.0), pair(contender=2.1)), WORKERS, 1)["speedup"]
    assert found.levels[0].value == 2.0
    assert found.levels[1].value == pytest.approx(math.sqrt(1 / 1.05))
    assert found.change.low < found.change.value < found.change.high
    assert found.change.value == pytest.approx(found.levels[1].value / found.levels[0].value)


# --- verdicts


def judge(made, *confirmed):
    return verdict_of(moves(made, WORKERS, 1), confirmed)


def suspected(name, sign):
    return Suspicion(1, SIGNAL[name], sign)


def test_the_same_is_said_only_within_the_margin():
    assert judge(bouts(pair(), pair(), pair())) is Verdict.SAME
    spread = bouts(pair(contender=1.0), pair(contender=1.3), pair(contender=0.8))
    assert judge(spread) is Verdict.INCONCLUSIVE
    assert judge(bouts(pair())) is Verdict.INCONCLUSIVE, "one bout has no interval"
    assert judge([]) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "sign"),
    [("speedup", -1), ("seconds", 1), ("concurrency", -1), ("inflation", 1), ("held", 1)],
)
def test_each_deciding_signal_has_its_direction(name, sign):
    assert judge(bouts(pair()), suspected(name, sign)) is Verdict.WORSE
    assert judge(bouts(pair()), suspected(name, -sign)) is Verdict.BETTER


def test_worse_outweighs_better():
    mixed = suspected("seconds", -1), suspected("held", 1)
    assert judge(bouts(pair()), *mixed) is Verdict.WORSE


def test_a_speedup_that_fell_since_both_sides_gained_is_no_loss():
    both_gained = suspected("seconds", -1), suspected("speedup", -1)
    gained = [pair(baseline=1.0, contender=0.7)] * 3
    assert judge(bouts(*gained), *both_gained) is Verdict.BETTER


@pytest.mark.parametrize(("serial", "sign"), [(4.0, 1), (1.0, -1)])
def test_a_speedup_that_only_the_serial_side_moved_is_neither_gain_nor_loss(serial, sign):
    moved = suspected("speedup", sign)
    made = bouts(*[pair(baseline=serial, baseline_cpu=serial)] * 3)
    assert judge(made, moved) is Verdict.SAME
    unsteady = bouts(*(pair(serial, contender=each) for each in (0.8, 1.0, 1.3)))
    assert judge(unsteady, moved) is Verdict.INCONCLUSIVE
    both = suspected("seconds", -sign)
    assert judge(made, moved, both) is (Verdict.BETTER if sign > 0 else Verdict.WORSE)
    assert judge(bouts(pair()), suspected("speedup", -1)) is Verdict.WORSE


def test_only_what_decides_is_suspected():
    slower = bouts(*[pair(contender=2.0, cpu=4.0)] * SCREENING)
    found = {(each.signal.name, each.sign) for each in suspicions(slower, WORKERS, 1)}
    assert found == {("speedup", -1), ("seconds", 1), ("inflation", 1)}
    assert suspicions(slower[:1], WORKERS, 1) == []
    assert suspicions(bouts(*[pair(contender=1.05)] * SCREENING), WORKERS, 1) == []


def test_a_bout_that_knows_nothing_neither_agrees_nor_dissents():
    held = suspected("held", 1)
    assert held.agrees(bout(pair(), pair()), WORKERS) is None
    assert held.agrees(bout(pair(), pair(), held=(0.1, 0.3)), WORKERS) is True
    assert held.agrees(bout(pair(), pair(), held=(0.1, 0.19)), WORKERS) is False


@pytest.mark.parametrize(("suspected", "needed"), [(0, 0), (1, 8), (2, 9), (20, 13), (100, 15)])
def test_fresh_bouts_hold_the_error_over_all_that_is_suspected(suspected, needed):
    assert bouts_to_confirm(suspected) == needed
    assert suspected * (needed + 1) * 2.0**-needed <= FAMILY_ERROR


# --- how often a whole duel is wrong


def simulated(chance, deviation, ratio=1.0):
    """A bout whose builds differ by ``ratio``, with noise of its own that has heavy tails."""
    spikes = 4 if chance.random() < 0.1 else 1
    seconds = ratio * math.exp(chance.gauss(0, deviation) * spikes)
    return bout(pair(), pair(contender=seconds, cpu=2 * seconds), sets=1)


def confirmed(chance, deviations, ratio):
    """Screen every case of a duel and confirm what is suspected; return what was called."""
    found = []
    for deviation in deviations:
        screened = [simulated(chance, deviation, ratio) for _ in range(SCREENING)]
        found += [(deviation, each) for each in suspicions(screened, WORKERS, 1)]
    needed = bouts_to_confirm(len(found))
    # Each gets bouts of its own: signals of one case that share them can only err together.
    return [
        each
        for deviation, each in found
        if sum(not each.agrees(simulated(chance, deviation, ratio), WORKERS) for _ in range(needed))
        <= DISSENTS
    ]


@pytest.mark.parametrize("ratio", [1.0, 1 + RATIO_MARGIN])
def test_a_duel_of_the_same_errs_no_more_often_than_it_says(ratio):
    """Forty cases, from quiet to wild, no difference beyond the margin: 200 duels in a row."""
    chance = random.Random(7)
    deviations = [0.02, 0.05, 0.1, 0.3] * 10
    duels = 200
    wrong = sum(bool(confirmed(chance, deviations, ratio)) for _ in range(duels))
    # Three standard deviations above the stated error: this never fails by chance of the seed.
    most = duels * FAMILY_ERROR + 3 * math.sqrt(duels * FAMILY_ERROR * (1 - FAMILY_ERROR))
    assert wrong <= most


@pytest.mark.parametrize(("deviation", "ratio"), [(0.02, 1.25), (0.05, 1.5), (0.2, 3.0)])
def test_a_real_difference_is_found(deviation, ratio):
    chance = random.Random(7)
    found = [bool(confirmed(chance, [deviation], ratio)) for _ in range(100)]
    assert sum(found) >= 90
