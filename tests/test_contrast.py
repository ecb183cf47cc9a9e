"""Two builds side by side: changes, intervals, suspicions, verdicts; how often they are wrong."""

import math
import random
from dataclasses import replace

import pytest

from speedgate.duel.decision import (
    DISSENTS,
    FAMILY_ERROR,
    RATIO_MARGIN,
    SIGNAL,
    SIGNALS,
    Bout,
    Move,
    Suspicion,
    Verdict,
    bouts_to_confirm,
    changes,
    decide,
    moves,
    suspicions,
)
from speedgate.stats.estimate import Estimate
from speedgate.stats.sample import Pair, Round

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
    made = Bout(((one, other),) * 3, (None, None), is_placed)
    undisturbed = made.change(SIGNAL["seconds"], WORKERS, 1, undisturbed=True)
    assert math.exp(undisturbed) == pytest.approx(seconds)
    assert suspected("seconds", 1).agrees(made, WORKERS) is agrees
    speedup = made.change(SIGNAL["speedup"], WORKERS, 1, undisturbed=True)
    serial = made.change(SIGNAL["serial_seconds"], WORKERS, 1, undisturbed=True)
    assert speedup == pytest.approx(serial - undisturbed)


def test_intervals_hold_what_is_found_with_the_waiting_given_back():
    made = [bout(waited(1.0, 0.0), waited(each, 0.2)) for each in (1.25, 1.26, 1.24)]
    found = moves(made, WORKERS, 1)["seconds"].change
    assert found.value == pytest.approx(1.25, abs=0.01)
    assert found.low <= 1.0
    assert not moves(made, WORKERS, 1)["seconds"].is_within_margin
    assert judge(made) is Verdict.INCONCLUSIVE
    assert suspicions(made, WORKERS, 1) == []


def test_equal_seconds_are_not_the_same_where_one_build_waited_and_the_other_did_not():
    made = [bout(waited(1.0, 0.4), waited(1.0, 0.0))] * 4
    assert judge(made) is Verdict.INCONCLUSIVE
    assert judge([bout(waited(1.0, 0.4), waited(1.0, 0.4))] * 4) is Verdict.SAME


def test_the_waiting_is_that_of_the_parallel_rounds():
    made = bout(waited(1.0, 0.1), waited(1.0, 0.3, serial_share=0.2))
    assert [made.waiting(WORKERS, each) for each in (0, 1)] == pytest.approx([0.1, 0.3])
    crowded = replace(made, is_placed=False)
    assert [crowded.waiting(WORKERS, each) for each in (0, 1)] == pytest.approx([0.0, 0.2])


def test_where_nobody_knows_the_waiting_nothing_is_given_back():
    unknown = Pair(Round(2.0, on_cpu=2.0), Round(1.0, on_cpu=2.0))
    made = bout(unknown, Pair(Round(2.0, on_cpu=2.0), Round(1.5, on_cpu=2.0)))
    assert made.waiting(WORKERS, 1) is None
    assert suspected("seconds", 1).agrees(made, WORKERS) is True


# --- verdicts


def judge(made, *confirmed):
    return decide(moves(made, WORKERS, 1), confirmed).verdict


def suspected(name, sign):
    return Suspicion(1, SIGNAL[name], sign)


def test_the_same_is_said_only_within_the_margin():
    assert judge(bouts(pair(), pair(), pair())) is Verdict.SAME
    spread = bouts(pair(contender=1.0), pair(contender=1.3), pair(contender=0.8))
    assert judge(spread) is Verdict.INCONCLUSIVE
    assert judge(bouts(pair())) is Verdict.INCONCLUSIVE, "one bout has no interval"
    assert judge([]) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("name", "sign"), [("speedup", -1), ("seconds", 1), ("held", 1)])
def test_each_deciding_signal_has_its_direction(name, sign):
    made = [bout(pair(), pair(), held=(0.1, 0.1))]
    assert judge(made, suspected(name, sign)) is Verdict.WORSE
    assert judge(made, suspected(name, -sign)) is Verdict.BETTER


def test_what_explains_is_not_even_suspected():
    assert {each.name for each in SIGNALS if each.decides} == {"speedup", "seconds", "held"}


UNSURE = {"slower": (1.3, 0.8, 2.0), "faster": (0.7, 0.4, 1.3), "neither": (1.04, 0.7, 1.5)}


def moved(**signals):
    """Moves with intervals of 1%, unless their bounds are given; what surely moved is confirmed."""
    found = {}
    for name, given in signals.items():
        signal = SIGNAL[name]
        value, low, high = given if isinstance(given, tuple) else (given, given, given)
        change = Estimate(value, low - 0.01, high + 0.01, 0.95, 9)
        found[name] = Move(signal, (change, change), change)
    confirmed = [
        Suspicion(1, move.signal, 1 if move.change.value > (not move.signal.is_share) else -1)
        for move in found.values()
        if move.signal.decides and move.is_beyond_margin
    ]
    return found, confirmed


@pytest.mark.parametrize(
    ("signals", "verdict", "word"),
    [
        pytest.param(
            {"seconds": 0.01, "speedup": 3.55, "serial_seconds": 0.035, "concurrency": 0.6},
            Verdict.BETTER,
            "faster, and the threads gain more",
            id="a hundred times as fast with fewer workers at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.12, "serial_seconds": 1.12}
            | {"concurrency": 1.75, "inflation": 1.25},
            Verdict.SAME,
            "",
            id="the same seconds, however the workers spend them",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 0.67, "concurrency": 1.5, "inflation": 0.5},
            Verdict.WORSE,
            "slower, and the threads gain less",
            id="throughput fell while more workers ran at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 0.7, "serial_seconds": 0.7},
            Verdict.SAME,
            "",
            id="the serial side alone became faster",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 0.86, "serial_seconds": 0.92},
            Verdict.SAME,
            "",
            id="the seconds are the same, whatever made the speedup",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.0, "serial_seconds": 0.5, "held": 0.4},
            Verdict.BETTER,
            "faster, but threads lost",
            id="faster, and more of it holds the GIL",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": 0.4},
            Verdict.WORSE,
            "threads lost",
            id="the GIL is held more for the same seconds",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 1.0, "held": 0.4},
            Verdict.WORSE,
            "threads lost",
            id="the GIL is held more, and no sign that it is faster",
        ),
        pytest.param(
            {"seconds": UNSURE["faster"], "speedup": 1.0, "held": 0.4},
            Verdict.INCONCLUSIVE,
            "",
            id="the GIL is held more, and it may be faster",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": 1.0, "held": -0.4},
            Verdict.INCONCLUSIVE,
            "",
            id="the GIL is held less, and it may be slower",
        ),
        pytest.param(
            {"seconds": 1.4, "speedup": 1.0, "held": -0.4},
            Verdict.WORSE,
            "slower",
            id="the GIL is held less, and it is slower",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 0.7, "held": 0.4},
            Verdict.WORSE,
            "slower, and threads lost",
            id="all at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": -0.4},
            Verdict.BETTER,
            "the GIL is held less",
            id="the GIL is held less for the same seconds",
        ),
        pytest.param(
            {"seconds": 0.6, "speedup": 0.7, "serial_seconds": 0.42},
            Verdict.BETTER,
            "faster, but the threads gain less",
            id="both faster, the serial side more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 1.3, "serial_seconds": 1.95},
            Verdict.WORSE,
            "slower, but the threads gain more",
            id="both slower, the serial side more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 1.0, "serial_seconds": 1.5},
            Verdict.WORSE,
            "slower alike",
            id="slower alike",
        ),
        pytest.param(
            {"seconds": 0.6, "speedup": 1.0, "serial_seconds": 0.6},
            Verdict.BETTER,
            "faster alike",
            id="faster alike",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": (1.0, 0.8, 1.2), "inflation": 1.5},
            Verdict.INCONCLUSIVE,
            "",
            id="inflation alone",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": (0.8, 0.5, 1.2), "concurrency": 0.5},
            Verdict.INCONCLUSIVE,
            "",
            id="concurrency alone, of seconds that nobody knows",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": 0.7, "serial_seconds": (0.95, 0.6, 1.5)},
            Verdict.WORSE,
            "the threads gain less",
            id="a speedup that the serial side does not explain",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 0.7, "serial_seconds": (0.75, 0.5, 1.1)},
            Verdict.INCONCLUSIVE,
            "",
            id="a speedup that the serial side explains, of seconds that nobody knows",
        ),
        pytest.param(
            {"seconds": (1.7, 0.9, 2.5), "speedup": 0.5, "serial_seconds": (0.85, 0.6, 1.2)},
            Verdict.WORSE,
            "the threads gain less",
            id="a speedup of which the serial side explains a little",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 1.4, "held": 0.4},
            Verdict.INCONCLUSIVE,
            "",
            id="the threads gain more with more of the GIL held",
        ),
    ],
)
def test_what_people_pay_decides_and_the_rest_explains(signals, verdict, word):
    decision = decide(*moved(**signals))
    assert decision.verdict is verdict
    assert decision.word == word
    assert all(each.is_worse is (verdict is Verdict.WORSE) for each in decision.because)
    assert bool(decision.because) is (verdict in (Verdict.WORSE, Verdict.BETTER))


def test_seconds_outweigh_all_else():
    mixed = suspected("seconds", -1), suspected("held", 1), suspected("speedup", -1)
    assert judge(bouts(pair()), *mixed) is Verdict.BETTER


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
    assert found == {("speedup", -1), ("seconds", 1)}
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
