"""Which judgements ask for a cause, and how they tell it."""

import pytest
from helpers.evidence import evidence, interval

from speedgate.judging.contention import Cause, NamedCause
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.probing import (
    CONTENDING,
    asks_for_cause,
    class_with_cause,
    with_cause,
    with_remark,
)
from speedgate.stats.case import Case

NAMED = NamedCause(Cause.LOCK, "blocked 48% of the time")
LOW = evidence(speedup=interval(1.1, 1.0, 1.2))


def judged(verdict, at_least=1.2, found=LOW):
    return Judgement("any", Case("g", 1, "threads", 2), verdict, "why", at_least, None, found)


@pytest.mark.parametrize("has_time", [True, False])
@pytest.mark.parametrize("at_least", [1.2, None])
def test_what_failed_asks_for_its_cause_whatever_time_is_left(at_least, has_time):
    assert asks_for_cause(judged(Verdict.FAILED, at_least), has_time)


def test_what_may_be_too_slow_asks_if_there_is_time():
    assert asks_for_cause(judged(Verdict.INCONCLUSIVE), has_time=True)
    assert not asks_for_cause(judged(Verdict.INCONCLUSIVE), has_time=False)
    assert not asks_for_cause(judged(Verdict.INCONCLUSIVE, found=evidence()), has_time=True)


@pytest.mark.parametrize(
    ("floor", "low", "asks"), [(1.2, 1.19, True), (1.2, 1.2, False), (2.0, 1.9, True)]
)
def test_what_reaches_its_floor_is_not_slow_and_one_of_all_workers_can_be_reached(floor, low, asks):
    found = evidence(speedup=interval(2.0, low, 2.1))
    assert asks_for_cause(judged(Verdict.INCONCLUSIVE, floor, found), has_time=True) is asks


def test_what_has_no_floor_or_no_speedup_is_not_known_to_be_slow():
    assert not asks_for_cause(judged(Verdict.INCONCLUSIVE, None), has_time=True)
    unknown = judged(Verdict.INCONCLUSIVE, found=evidence(speedup=None))
    assert not asks_for_cause(unknown, has_time=True)


@pytest.mark.parametrize(
    "judgement",
    [
        judged(Verdict.PASSED),
        judged(Verdict.NOT_EVALUATED),
        judged(Verdict.FAILED, at_least=50.0),
        judged(Verdict.FAILED, found=None),
    ],
)
def test_what_has_no_cause_to_ask_for(judgement):
    assert not asks_for_cause(judgement, has_time=True)


def test_a_cause_and_a_remark_come_behind_the_reason():
    named = with_cause(judged(Verdict.FAILED), NAMED)
    assert named.reason == "why; probed: a lock: blocked 48% of the time"
    assert (
        with_remark(judged(Verdict.FAILED), "it cannot be probed").reason
        == "why; it cannot be probed"
    )


def test_what_contends_without_a_gil():
    assert CONTENDING == (GilClass.CONTENDS, GilClass.SERIALISED)


def test_a_class_keeps_the_cause_by_itself_as_well():
    named = class_with_cause(Classification(GilClass.CONTENDS, True, "slow"), NAMED)
    assert named.cause == "a lock"
    assert named.reason == "slow; probed: a lock: blocked 48% of the time"
