"""Two builds side by side: changes, intervals, candidates, verdicts; how often they are wrong."""

import math
import random
from dataclasses import replace

import pytest

from speedgate.duel.block import Block
from speedgate.duel.candidate import (
    FAMILY_ERROR,
    Candidate,
    blocks_to_confirm,
    can_confirm,
    candidates_in,
    evidence_for,
)
from speedgate.duel.decision import DuelVerdict, decide
from speedgate.duel.effect import Effect, block_changes, effects_of
from speedgate.duel.margin import RATIO_MARGIN
from speedgate.judging.change_word import ChangeWord
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import FIGURE, FIGURES
from speedgate.stats.sample import Pair, Round
from workloads import CATALOGUE

WORKERS = 2
SCREENING = 4


def pair(baseline=2.0, contender=1.0, cpu=2.0, baseline_cpu=2.0, **counted):
    on_cpu = counted.pop("on_cpu", WORKERS * contender)
    return Pair(
        Round(baseline, on_cpu=baseline, cpu=baseline_cpu),
        Round(contender, on_cpu=on_cpu, cpu=cpu, waiting=0.0, **counted),
    )


def block(one, other, held=(None, None), replicates=3, is_placed=True):
    return made([{"A": one, "B": other}] * replicates, held, is_placed)


def made(replicates, held=(None, None), is_placed=True):
    shares = {label: share for label, share in zip("AB", held, strict=True) if share is not None}
    return Block("A", WORKERS, tuple(replicates), shares, is_placed)


def blocks(*others, one=None):
    """A block for each of the other build's pairs, against a build that never block_changes."""
    return [block(one or pair(), other) for other in others]


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


# --- verdicts


def judge(measured, *confirmed):
    return decide(effects_of(measured, "B"), confirmed).verdict


def suspected(name, sign):
    return Candidate("B", FIGURE[name], sign)


def test_the_same_is_said_only_within_the_margin():
    assert judge(blocks(pair(), pair(), pair())) is DuelVerdict.SAME
    spread = blocks(pair(contender=1.0), pair(contender=1.3), pair(contender=0.8))
    assert judge(spread) is DuelVerdict.INCONCLUSIVE
    assert judge(blocks(pair())) is DuelVerdict.INCONCLUSIVE, "one block has no interval"
    assert judge([]) is DuelVerdict.INCONCLUSIVE


@pytest.mark.parametrize(("name", "sign"), [("speedup", -1), ("seconds", 1), ("held", 1)])
def test_each_deciding_signal_has_its_direction(name, sign):
    measured = [block(pair(), pair(), held=(0.1, 0.1))]
    assert judge(measured, suspected(name, sign)) is DuelVerdict.WORSE
    assert judge(measured, suspected(name, -sign)) is DuelVerdict.BETTER


def test_what_explains_is_not_even_suspected():
    deciding = {figure.key for figure in FIGURES if figure.decides}
    assert deciding == {"speedup", "seconds", "held"}
    others_pay = {figure.key for figure in FIGURES if figure.may_decide}
    assert others_pay == {"switches", "faults", "cpu_after", "kept", "threads"}


UNSURE = {"slower": (1.3, 0.8, 2.0), "faster": (0.7, 0.4, 1.3), "neither": (1.04, 0.7, 1.5)}


def moved(**figures):
    """Moves with intervals of 1%, unless their bounds are given; what surely moved is confirmed."""
    effects = {}
    for name, given in figures.items():
        figure = FIGURE[name]
        value, low, high = given if isinstance(given, tuple) else (given, given, given)
        change = Estimate(value, low - 0.01, high + 0.01, 0.95, 9)
        effects[figure.name] = Effect(figure, change, change, change)
    confirmed = [
        Candidate(
            "B", effect.figure, 1 if effect.change.value > (not effect.figure.is_share) else -1
        )
        for effect in effects.values()
        if (effect.figure.decides or effect.figure.may_decide) and effect.is_beyond_margin
    ]
    return effects, confirmed


@pytest.mark.parametrize(
    ("figures", "verdict", "word"),
    [
        pytest.param(
            {"seconds": 0.01, "speedup": 3.55, "serial_seconds": 0.035, "concurrency": 0.6},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_AND_GAINED,
            id="a hundred times as fast with fewer workers at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.12, "serial_seconds": 1.12}
            | {"concurrency": 1.75, "inflation": 1.25},
            DuelVerdict.SAME,
            ChangeWord.SERIAL_SLOWER,
            id="the same seconds, however the workers spend them",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 0.67, "concurrency": 1.5, "inflation": 0.5},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_AND_LOST,
            id="throughput fell while more workers ran at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 0.7, "serial_seconds": 0.7},
            DuelVerdict.SAME,
            ChangeWord.SERIAL_FASTER,
            id="the serial side alone became faster",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.5, "serial_seconds": 1.5},
            DuelVerdict.SAME,
            ChangeWord.SERIAL_SLOWER,
            id="the serial side alone became slower: the threads gain nothing",
        ),
        pytest.param(
            {"seconds": 1.4, "speedup": (1.0, 0.8, 1.2), "serial_seconds": 1.4},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER,
            id="slower, and whether alike is unknown",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 0.86, "serial_seconds": 0.92},
            DuelVerdict.SAME,
            ChangeWord.NONE,
            id="the seconds are the same, whatever made the speedup",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.0, "serial_seconds": 0.5, "held": 0.4},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_BUT_LOST,
            id="faster, and more of it holds the GIL",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": 0.4},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="the GIL is held more for the same seconds",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 1.0, "held": 0.4},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="the GIL is held more, and no sign that it is faster",
        ),
        pytest.param(
            {"seconds": UNSURE["faster"], "speedup": 1.0, "held": 0.4},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="the GIL is held more, and it may be faster",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": 1.0, "held": -0.4},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="the GIL is held less, and it may be slower",
        ),
        pytest.param(
            {"seconds": 1.4, "speedup": 1.0, "held": -0.4},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_BUT_GAINED,
            id="the GIL is held less, and it is slower",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.4, "held": 0.4},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_AND_GAINED,
            id="the GIL is held more, and the threads surely gain more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 0.7, "held": 0.4},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_AND_LOST,
            id="all at once",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": -0.4},
            DuelVerdict.BETTER,
            ChangeWord.GAINED,
            id="the GIL is held less for the same seconds",
        ),
        pytest.param(
            {"seconds": 0.6, "speedup": 0.7, "serial_seconds": 0.42},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_BUT_LOST,
            id="both faster, the serial side more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 1.3, "serial_seconds": 1.95},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_BUT_GAINED,
            id="both slower, the serial side more",
        ),
        pytest.param(
            {"seconds": 1.5, "speedup": 1.0, "serial_seconds": 1.5},
            DuelVerdict.WORSE,
            ChangeWord.SLOWER_IN_SERIAL_TOO,
            id="slower, in serial as well",
        ),
        pytest.param(
            {"seconds": 0.6, "speedup": 1.0, "serial_seconds": 0.6},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_IN_SERIAL_TOO,
            id="faster, in serial as well",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": (1.0, 0.8, 1.2), "inflation": 1.5},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="inflation alone",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": (0.8, 0.5, 1.2), "concurrency": 0.5},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="concurrency alone, of unknown seconds",
        ),
        pytest.param(
            {"seconds": UNSURE["slower"], "speedup": 0.7, "serial_seconds": (0.95, 0.6, 1.5)},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="a speedup that the serial side does not explain",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 0.7, "serial_seconds": (0.75, 0.5, 1.1)},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="a speedup that the serial side explains, of unknown seconds",
        ),
        pytest.param(
            {"seconds": (1.7, 0.9, 2.5), "speedup": 0.5, "serial_seconds": (0.85, 0.6, 1.2)},
            DuelVerdict.WORSE,
            ChangeWord.LOST,
            id="a speedup of which the serial side explains a little",
        ),
        pytest.param(
            {"seconds": UNSURE["neither"], "speedup": 1.4, "held": 0.4},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="the threads gain more with more of the GIL held",
        ),
    ],
)
def test_what_people_pay_decides_and_the_rest_explains(figures, verdict, word):
    decision = decide(*moved(**figures))
    assert decision.verdict is verdict
    assert decision.word is word
    assert all(effect.is_worse is (verdict is DuelVerdict.WORSE) for effect in decision.because)
    assert bool(decision.because) is (verdict in (DuelVerdict.WORSE, DuelVerdict.BETTER))


@pytest.mark.parametrize(
    ("figures", "verdict", "word"),
    [
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "switches": 30.0},
            DuelVerdict.WORSE,
            ChangeWord.COSTS_MORE,
            id="a convoy that nobody waits for yet",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "cpu_after": -0.6},
            DuelVerdict.BETTER,
            ChangeWord.COSTS_LESS,
            id="a BLAS that spins no longer",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "faults": 1.6, "threads": 1.2},
            DuelVerdict.SAME,
            ChangeWord.NONE,
            id="less than twice as many is chance",
        ),
        pytest.param(
            {"seconds": 0.5, "speedup": 1.0, "serial_seconds": 0.5, "kept": 3.0},
            DuelVerdict.BETTER,
            ChangeWord.FASTER_IN_SERIAL_TOO,
            id="the seconds outweigh what others pay",
        ),
        pytest.param(
            {"seconds": 1.0, "speedup": 1.0, "held": -0.4, "switches": 4.0},
            DuelVerdict.BETTER,
            ChangeWord.GAINED,
            id="the GIL outweighs what others pay",
        ),
        pytest.param(
            {"seconds": UNSURE["faster"], "speedup": 1.0, "switches": 4.0},
            DuelVerdict.INCONCLUSIVE,
            ChangeWord.NONE,
            id="more switches, and it may be faster",
        ),
    ],
)
def test_what_others_pay_decides_what_people_pay_leaves_open(figures, verdict, word):
    decision = decide(*moved(**figures))
    assert (decision.verdict, decision.word) == (verdict, word)


def test_a_look_after_the_calls_is_held_against_that_of_the_reference():
    looked = replace(
        block(pair(), pair()),
        left={"A": {"cpu_after": 0.02, "kept": 1.0}, "B": {"cpu_after": 0.62, "kept": 8.0}},
    )
    assert looked.change(FIGURE["cpu_after"], "B") == pytest.approx(0.6)
    assert looked.change(FIGURE["kept"], "B") == pytest.approx(math.log(8))
    assert looked.level(FIGURE["kept"], "B") == 8.0
    assert suspected("kept", 1).agrees(looked) is True
    assert suspected("kept", 1).agrees(block(pair(), pair())) is None
    suspects = {candidate.figure.key for candidate in candidates_in([looked] * 2, "B")}
    assert suspects == {"cpu_after", "kept"}


def test_the_import_is_asked_for_in_one_case_alone():
    looked = replace(
        block(pair(), pair()),
        left={
            "A": {"import_seconds": 0.1, "import_threads": 1.0},
            "B": {"import_seconds": 0.3, "import_threads": 2.0},
        },
    )
    assert candidates_in([looked] * 2, "B", "add") == []
    suspects = candidates_in([looked] * 2, "B", "import_numpy")
    assert {one.figure.key for one in suspects} == {"import_seconds", "import_threads"}
    decision = decide(effects_of([looked] * 2, "B"), suspects)
    assert decision.verdict is DuelVerdict.WORSE
    assert decision.word is ChangeWord.COSTS_MORE


def test_the_case_that_asks_for_the_import_is_one():
    assert {figure.decides_in for figure in FIGURES} - {""} <= CATALOGUE.keys()


def test_seconds_outweigh_all_else():
    mixed = suspected("seconds", -1), suspected("held", 1), suspected("speedup", -1)
    assert judge(blocks(pair()), *mixed) is DuelVerdict.BETTER


def test_a_speedup_that_fell_since_both_sides_gained_is_no_loss():
    both_gained = suspected("seconds", -1), suspected("speedup", -1)
    gained = [pair(baseline=1.0, contender=0.7)] * 3
    assert judge(blocks(*gained), *both_gained) is DuelVerdict.BETTER


@pytest.mark.parametrize(("serial", "sign"), [(4.0, 1), (1.0, -1)])
def test_a_speedup_that_only_the_serial_side_moved_is_neither_gain_nor_loss(serial, sign):
    moved = suspected("speedup", sign)
    measured = blocks(*[pair(baseline=serial, baseline_cpu=serial)] * 3)
    assert judge(measured, moved) is DuelVerdict.SAME
    unsteady = blocks(*(pair(serial, contender=seconds) for seconds in (0.8, 1.0, 1.3)))
    assert judge(unsteady, moved) is DuelVerdict.INCONCLUSIVE
    both = suspected("seconds", -sign)
    assert judge(measured, moved, both) is (DuelVerdict.BETTER if sign > 0 else DuelVerdict.WORSE)
    assert judge(blocks(pair()), suspected("speedup", -1)) is DuelVerdict.WORSE


def test_only_what_decides_is_suspected():
    slower = blocks(*[pair(contender=2.0, cpu=4.0)] * SCREENING)
    suspects = {(candidate.figure.name, candidate.sign) for candidate in candidates_in(slower, "B")}
    assert suspects == {("speedup", -1), ("seconds", 1)}
    assert candidates_in(slower[:1], "B") == []
    assert candidates_in(blocks(*[pair(contender=1.05)] * SCREENING), "B") == []


def test_a_block_that_knows_nothing_neither_agrees_nor_dissents():
    held = suspected("held", 1)
    assert held.agrees(block(pair(), pair())) is None
    assert held.agrees(block(pair(), pair(), held=(0.1, 0.3))) is True
    assert held.agrees(block(pair(), pair(), held=(0.1, 0.19))) is False


@pytest.mark.parametrize(("suspected", "needed"), [(0, 0), (1, 7), (2, 8), (20, 12), (100, 14)])
def test_fresh_blocks_hold_the_error_over_all_that_is_suspected(suspected, needed):
    assert blocks_to_confirm(suspected) == needed
    assert evidence_for(needed, 0) >= suspected / FAMILY_ERROR
    assert not suspected or evidence_for(needed - 1, 0) < suspected / FAMILY_ERROR


@pytest.mark.parametrize(
    ("agreed", "dissented", "won"),
    # The integral of (2p)^a (2 - 2p)^d over p from 1/2 to 1, twice: by hand.
    [(0, 0, 1.0), (1, 0, 1.5), (0, 1, 0.5), (2, 0, 7 / 3), (1, 1, 2 / 3), (3, 0, 15 / 4)],
)
def test_what_a_bet_on_more_than_half_has_won(agreed, dissented, won):
    assert evidence_for(agreed, dissented) == pytest.approx(won)


@pytest.mark.parametrize("agreed", range(6))
@pytest.mark.parametrize("dissented", range(6))
def test_a_fair_coin_wins_nothing_on_average(agreed, dissented):
    after = evidence_for(agreed + 1, dissented), evidence_for(agreed, dissented + 1)
    assert sum(after) / 2 == pytest.approx(evidence_for(agreed, dissented))


def test_a_coin_that_is_looked_at_after_every_toss_confirms_as_rarely_as_it_says():
    chance, confirmed = random.Random(4), 0
    for _ in range(2000):
        agreed = dissented = 0
        while agreed + dissented < 40 and evidence_for(agreed, dissented) < 20:
            heads = chance.random() < 0.5
            agreed, dissented = agreed + heads, dissented + (not heads)
        confirmed += evidence_for(agreed, dissented) >= 20
    assert 0 < confirmed / 2000 <= 0.05


def test_dissenters_can_be_outvoted_and_not_for_ever():
    assert evidence_for(14, 1) < evidence_for(12, 0) <= evidence_for(16, 1)
    assert can_confirm(0, 2, needed=12)
    assert not can_confirm(0, 12, needed=12)
    assert not can_confirm(12, 12, needed=12)


# --- how often a whole duel is wrong


def simulated(chance, deviation, ratio=1.0):
    """A block whose builds differ by ``ratio``, with noise of its own that has heavy tails."""
    spikes = 4 if chance.random() < 0.1 else 1
    seconds = ratio * math.exp(chance.gauss(0, deviation) * spikes)
    return block(pair(), pair(contender=seconds, cpu=2 * seconds), replicates=1)


def confirmed(chance, deviations, ratio):
    """Screen every case of a duel and confirm what is suspected; return what was called."""
    suspects = []
    for deviation in deviations:
        screened = [simulated(chance, deviation, ratio) for _ in range(SCREENING)]
        suspects += [(deviation, candidate) for candidate in candidates_in(screened, "B")]
    needed = blocks_to_confirm(len(suspects))
    # Each gets blocks of its own: figures of one case that share them can only err together.
    return [
        candidate
        for deviation, candidate in suspects
        if is_confirmed(chance, candidate, deviation, ratio, needed)
    ]


def is_confirmed(chance, candidate, deviation, ratio, needed):
    agreed = dissented = 0
    while can_confirm(agreed, dissented, needed):
        agrees = candidate.agrees(simulated(chance, deviation, ratio))
        agreed, dissented = agreed + agrees, dissented + (not agrees)
        if evidence_for(agreed, dissented) >= evidence_for(needed, 0):
            return True
    return False


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
    detections = [bool(confirmed(chance, [deviation], ratio)) for _ in range(100)]
    assert sum(detections) >= 90
