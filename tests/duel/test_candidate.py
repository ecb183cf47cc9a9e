"""What is suspected, and what fresh blocks confirm of it; how often a whole duel is wrong."""

import math
import random

import pytest
from helpers.duels import block, blocks, pair, suspected

from speedgate.duel.candidate import (
    FAMILY_ERROR,
    blocks_to_confirm,
    can_confirm,
    candidates_in,
    evidence_for,
)
from speedgate.duel.margin import RATIO_MARGIN

SCREENING = 4


# --- what is suspected, and how many fresh blocks confirm it


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
