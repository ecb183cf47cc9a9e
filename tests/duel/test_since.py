"""Since when a difference is there, by duels of several nights."""

from dataclasses import replace

import pytest
from helpers.duels import a_duel, finding

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.finding import NOT_REACHED
from speedgate.duel.since import since_when

WORSE, SAME, BETTER = DuelVerdict.WORSE, DuelVerdict.SAME, DuelVerdict.BETTER
UNSURE, LACKING = DuelVerdict.INCONCLUSIVE, DuelVerdict.NOT_AVAILABLE


def nights(*verdicts, name="g-1e6"):
    """Duels of nights from the newest to the oldest; ``None`` of one that did not look at it."""
    return [
        (f"2026-11-{28 - number}", a_duel(*([finding(name, one, 1.0)] if one else [])))
        for number, one in enumerate(verdicts)
    ]


@pytest.mark.parametrize(
    ("verdicts", "first", "last", "count", "before"),
    [
        ((WORSE, WORSE, SAME, WORSE), "2026-11-27", "2026-11-28", 2, "2026-11-26"),
        # Who did not look, or could not tell, says nothing.
        ((None, WORSE, UNSURE, WORSE, SAME), "2026-11-25", "2026-11-27", 2, "2026-11-24"),
        ((WORSE, BETTER), "2026-11-28", "2026-11-28", 1, "2026-11-27"),
        ((BETTER,), "2026-11-28", "2026-11-28", 1, None),
    ],
)
def test_the_first_in_a_row_is_since_when(verdicts, first, last, count, before):
    (since,) = since_when(nights(*verdicts))
    assert (since.first.time, since.last.time, since.count) == (first, last, count)
    assert (since.before.time if since.before else None) == before


@pytest.mark.parametrize(
    ("verdicts", "unseen", "asked"),
    [
        ((WORSE, SAME), 0, "2026-11-28"),
        ((None, None, WORSE), 2, "2026-11-26"),
        # A duel that looked and could not tell was asked all the same.
        ((None, UNSURE, WORSE, None, WORSE), 2, "2026-11-27"),
    ],
)
def test_duels_that_could_not_tell_are_counted(verdicts, unseen, asked):
    (since,) = since_when(nights(*verdicts))
    assert (since.unseen, since.asked) == (unseen, asked)


@pytest.mark.parametrize("other", ["reference", "build"])
def test_duels_of_other_builds_say_nothing_of_a_case(other):
    (time, newest), *older = nights(None, None, WORSE)
    reference, build = newest.builds
    if other == "reference":
        reference = replace(reference, numpy="2.5.0")
    else:
        build = replace(build, label="numpy 2.6")
    newest = replace(newest, builds=(reference, build))
    (since,) = since_when([(time, newest), *older])
    assert since.unseen == 1


@pytest.mark.parametrize("verdicts", [(SAME, WORSE), (UNSURE, SAME, WORSE), (UNSURE,), ()])
def test_what_no_longer_stands_is_not_told(verdicts):
    assert since_when(nights(*verdicts)) == []


@pytest.mark.parametrize(
    ("verdicts", "incomparable"),
    [
        ((LACKING, WORSE, SAME), "2026-11-28"),
        ((None, LACKING, LACKING, WORSE), "2026-11-27"),
        # It was compared again: that a duel between could not says nothing any more.
        ((WORSE, LACKING, WORSE), None),
        ((UNSURE, LACKING, WORSE), None),
    ],
)
def test_what_the_newest_duel_to_look_could_not_compare_stands_no_more(verdicts, incomparable):
    (since,) = since_when(nights(*verdicts))
    assert (since.incomparable.time if since.incomparable else None) == incomparable
    assert since.last.finding.verdict is WORSE


def test_a_case_that_was_not_reached_was_not_compared():
    (time, newest), *older = nights(UNSURE, LACKING, WORSE)
    not_reached = replace(newest.findings[0], note=NOT_REACHED)
    (since,) = since_when([(time, replace(newest, findings=(not_reached,))), *older])
    assert since.incomparable.time == "2026-11-27"


@pytest.mark.parametrize("verdicts", [(LACKING,), (LACKING, SAME, WORSE), (LACKING, UNSURE)])
def test_what_stood_no_more_is_not_told_because_it_cannot_be_compared(verdicts):
    assert since_when(nights(*verdicts)) == []


def test_what_is_no_longer_comparable_comes_behind_what_stands():
    (gone, _), (later, _), (earlier, _) = nights(WORSE, WORSE, WORSE)
    duels = [
        (gone, a_duel(finding("b", LACKING, 1.0))),
        (later, a_duel(finding("b", WORSE, 1.0))),
        (earlier, a_duel(finding("a", WORSE, 1.0))),
    ]
    assert [since.last.finding.name for since in since_when(duels)] == ["a", "b"]


def test_another_release_to_compare_with_begins_anew_and_the_latest_comes_first():
    (time, newest), older = nights(WORSE, WORSE)
    reference = replace(newest.builds[0], numpy="2.5.0")
    newest = replace(newest, builds=(reference, *newest.builds[1:]))
    sinces = since_when([(time, newest), older])
    assert [since.first.time for since in sinces] == ["2026-11-28", "2026-11-27"]
    assert [since.count for since in sinces] == [1, 1]
