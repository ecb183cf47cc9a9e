"""The claims' own arithmetic, and that every scene can be played."""

import random

import pytest

NEEDS_SCIPY = "the bound of a rate comes from scipy, which is not installed"
pytest.importorskip("scipy", reason=NEEDS_SCIPY)

from evaluation.claims import Claim, Outcome, claims, outcome  # noqa: E402  # it needs scipy

# A year of many cases, a year of looks at a curve, a whole duel: played by `make claims`.
LONG = ("76 cases", "300 cases", "change point", "duel")


def claim(stated, trial=lambda chance: (0, 1)):
    return Claim("a word", "README", "a scene", stated, trial, 100)


@pytest.mark.parametrize(
    ("wrong", "occasions", "stated", "is_exceeded"),
    [(0, 10, 0.0, False), (6, 100, 0.05, False), (20, 100, 0.05, True), (1, 1, 0.05, False)],
)
def test_a_claim_is_exceeded_only_beyond_its_own_error(wrong, occasions, stated, is_exceeded):
    counted = Outcome(claim(stated), wrong, occasions)
    assert counted.is_exceeded is is_exceeded
    assert ("**exceeded**" in counted.row) is is_exceeded
    assert f"{wrong:,} of {occasions:,}" in counted.row


def test_the_bound_from_below_is_clopper_and_pearsons():
    # By hand: of one in one, the rate whose own chance of that is 1%.
    assert Outcome(claim(0.05), 1, 1).least == pytest.approx(0.01)
    assert Outcome(claim(0.05), 0, 9).least == 0.0


def test_a_scene_is_played_so_often_or_so_long():
    coin = claim(0.5, lambda chance: (chance.random() < 0.5, 1))
    assert outcome(coin, 100, float("inf")).occasions == 100
    assert outcome(coin, 100, float("inf")).wrong == outcome(coin, 100, float("inf")).wrong
    assert outcome(coin, 100, 0.0).occasions == 1


def test_no_two_claims_are_the_same():
    names = [(made.name, made.scene) for made in claims()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "stated",
    [made for made in claims() if not any(word in made.name for word in LONG)],
    ids=lambda made: f"{made.name}, {made.scene}",
)
def test_every_scene_can_be_played(stated):
    wrong, occasions = stated.trial(random.Random(1))
    assert 0 <= wrong <= occasions
