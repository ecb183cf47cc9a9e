"""The search over versions, and the side of a version between a good and a bad one."""

import pytest
from helpers.builds import CRASHING, PAIR_SECONDS, MadeBuilds

from speedgate.duel.bisection import STEP_BLOCKS, Answer, Boundary, nearer_end, search
from speedgate.duel.candidate import Candidate
from speedgate.stats.figure import FIGURE

VERSIONS = [f"1.{number}" for number in range(20)]
SPEEDUP_FELL = Candidate("b", FIGURE["speedup"], -1)


def probing(first_bad, unknown=(), asked=None):
    def probe(version):
        if asked is not None:
            asked.append(version)
        if version in unknown:
            return Answer.MISSING, "no wheel"
        bad = VERSIONS.index(version) >= VERSIONS.index(first_bad)
        return (Answer.BAD if bad else Answer.GOOD), ""

    return probe


@pytest.mark.parametrize("first_bad", VERSIONS[1:])
def test_the_first_bad_version_is_found_in_few_steps(first_bad):
    asked = []
    outcome = search(VERSIONS, probing(first_bad, asked=asked))
    assert outcome == Boundary(VERSIONS[VERSIONS.index(first_bad) - 1], first_bad)
    assert outcome.is_exact
    assert len(asked) <= 5
    assert len(asked) == len(set(asked))


def test_neighbours_need_no_step():
    assert search(["1", "2"], probing("1.1")).first_bad == "2"


def test_what_cannot_be_told_is_named_only_where_it_matters():
    far = search(VERSIONS, probing("1.4", unknown=("1.9", "1.10")))
    assert far == Boundary("1.3", "1.4")
    near = search(VERSIONS, probing("1.4", unknown=("1.3", "1.2")))
    assert near == Boundary("1.1", "1.4", {"1.2": "no wheel", "1.3": "no wheel"})
    assert not near.is_exact


@pytest.mark.parametrize(
    ("middle", "answer"), [(1.9, Answer.GOOD), (0.9, Answer.BAD), (1.7, Answer.GOOD)]
)
def test_a_version_is_like_the_end_that_it_is_nearer_to(middle, answer):
    made = MadeBuilds({"ratio": 1.9}, {"ratio": middle}, {"ratio": 0.9})
    matchup = made.matchup()
    end, why = nearer_end(matchup, SPEEDUP_FELL)
    assert end is answer
    assert why.endswith("of the way, by speedup")
    assert len(matchup.blocks) == STEP_BLOCKS[0]


def test_an_inconclusive_step_is_repeated_and_then_given_up():
    matchup = MadeBuilds({}, {}, {}).matchup()
    assert nearer_end(matchup, SPEEDUP_FELL)[0] is Answer.UNSURE
    assert len(matchup.blocks) == sum(STEP_BLOCKS)


def test_a_step_beside_neighbours_is_less_sure():
    """By its seconds the middle is like the bad one; with the waiting given back like the good."""
    slow = {"pair_seconds": 2 * PAIR_SECONDS}
    rose = Candidate("b", FIGURE["seconds"], 1)
    quiet = MadeBuilds({}, slow, slow).matchup()
    assert nearer_end(quiet, rose)[0] is Answer.BAD
    beside = MadeBuilds({}, slow | {"waiting": 0.5}, slow).matchup()
    assert nearer_end(beside, rose)[0] is Answer.UNSURE


def test_a_version_that_fails_is_left_out():
    answer, why = nearer_end(MadeBuilds({}, CRASHING, {}).matchup(), SPEEDUP_FELL)
    assert answer is Answer.MISSING
    assert why.startswith("b failed: the runner ended by signal SIGSEGV")
