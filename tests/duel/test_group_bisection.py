"""Many bisections at once: which release is asked about next, and for whom."""

from types import SimpleNamespace

from speedgate.duel.bisection import Answer, Bisection
from speedgate.duel.group_bisection import GroupBisection

VERSIONS = [f"1.{number}" for number in range(1, 8)]


def bisected(*began, missing=()):
    """Bisect cases that began with the releases ``began``; return them, and who was asked what."""
    cases = [Bisection("numpy", "1.0", "1.8", SimpleNamespace(name=one)) for one in began]
    group, steps = GroupBisection(cases, VERSIONS), []
    while (step := group.next_step()) is not None:
        version, asked = step
        steps.append((version, [one.finding.name for one in asked]))
        answers = []
        for one in asked:
            is_bad = version >= one.finding.name
            answer = Answer.BAD if is_bad else Answer.GOOD
            answers.append((Answer.MISSING if version in missing else answer, "made"))
        group.take(version, answers)
    return cases, steps


def test_each_case_has_its_own_answer():
    cases, steps = bisected("1.1", "1.5", "1.5", "1.8")
    assert [one.boundary.first_bad for one in cases] == ["1.1", "1.5", "1.5", "1.8"]
    assert all(one.is_exact for one in cases)
    assert steps[0] == ("1.4", ["1.1", "1.5", "1.5", "1.8"])
    assert steps[1] == ("1.6", ["1.5", "1.5", "1.8"])  # more ask about it than about 1.2
    assert [probe.version for probe in cases[1].probes] == ["1.4", "1.6", "1.5"]


def test_a_release_that_cannot_be_had_is_left_out_for_all():
    cases, _ = bisected("1.4", "1.6", missing=["1.4"])
    assert [one.boundary.first_bad for one in cases] == ["1.5", "1.6"]
    assert cases[0].boundary.between == {"1.4": "made"}
    assert [one.is_exact for one in cases] == [False, True]


def test_ends_that_follow_each_other_leave_nothing_to_ask():
    case = Bisection("numpy", "1.0", "1.1", SimpleNamespace(name="1.1"))
    assert GroupBisection([case], []).next_step() is None
    assert case.boundary.first_bad == "1.1"
