"""What a runner answers is taken for an answer only if each part of it is one."""

import math

import pytest

from speedgate.measuring.answers import NotUnderstood, read_answer
from speedgate.measuring.runner_process import answer_of
from speedgate.runner.messages import (
    Calibrate,
    Check,
    Checked,
    Counted,
    Failure,
    OpenCase,
    RunRounds,
    SampleHeld,
)

PAIR = {"baseline": {"seconds": 0.2, "on_cpu": 0.2}, "contender": {"seconds": 0.1, "on_cpu": 0.2}}
ROUNDS = RunRounds(pairs=1, seconds=0.0)
COUNTED = {"timed_seconds": 0.1, "seconds": 0.1, "pairs": [PAIR]}


def with_round(**counts):
    return COUNTED | {"pairs": [PAIR | {"contender": PAIR["contender"] | counts}]}


def test_what_is_an_answer_is_taken_as_it_is():
    counted = read_answer(ROUNDS, COUNTED)
    assert isinstance(counted, Counted)
    assert counted.pairs[0].contender.seconds == 0.1
    assert read_answer(Check(1), {"tasks": 2}) == Checked(2)
    failure = {"error": {"type": "ValueError", "message": "no"}}
    assert read_answer(Check(1), failure) == Failure("ValueError", "no")


def test_what_a_newer_runner_says_besides_is_left_out():
    assert read_answer(Check(1), {"tasks": 2, "mood": "good"}) == Checked(2)


@pytest.mark.parametrize(
    ("request_", "data", "why"),
    [
        (ROUNDS, {}, "timed_seconds"),
        (ROUNDS, COUNTED | {"pairs": []}, "it has no rounds"),
        (ROUNDS, COUNTED | {"pairs": None}, "pairs"),
        (ROUNDS, COUNTED | {"pairs": [{}]}, "baseline"),
        (ROUNDS, COUNTED | {"steal": math.nan}, "nan is not a number that was measured"),
        (ROUNDS, COUNTED | {"gil_enabled": "no"}, "gil_enabled"),
        (ROUNDS, with_round(seconds="0.1"), "float"),
        (ROUNDS, with_round(seconds=0), "more than 0 seconds, not 0"),
        (ROUNDS, with_round(seconds=-0.1), "more than 0 seconds"),
        (ROUNDS, with_round(seconds=math.inf), "inf is not a number that was measured"),
        (ROUNDS, with_round(waiting=-1), "nothing counts -1.0 of 'waiting'"),
        (ROUNDS, with_round(minor_faults=1.5), "int"),
        (ROUNDS, COUNTED | {"controls": [PAIR | {"baseline": {"seconds": 0, "on_cpu": 0}}]}, "0"),
        (Calibrate(), {"tasks": 0, "loops": 1}, "at least one task"),
        (Calibrate(), {"tasks": "many", "loops": 1}, "int"),
        (Check(1), {"tasks": []}, "int"),
        (Check(1), {"error": 5}, "object"),
        (Check(1), {"error": {}}, "type"),
        (SampleHeld(0.1), {"held": [1], "calls": 1, "waiting": 0, "seconds": 1}, "length 2"),
        (OpenCase("threads", 2), {"environment": [], "pid": "1"}, "environment"),
    ],
)
def test_what_is_no_answer_is_an_error_that_names_the_request(request_, data, why):
    with pytest.raises(NotUnderstood) as raised:
        read_answer(request_, data)
    text = str(raised.value)
    assert text.startswith(f"the runner's answer to '{request_.do}' cannot be used (")
    assert why in text
    assert "nothing was taken from it" in text


class Runner:
    """A runner that answers every request with the same."""

    def __init__(self, answer):
        self.answer = answer

    def ask(self, request, limit_seconds):
        return self.answer

    def close(self):
        pass


def test_whoever_asks_a_runner_has_its_answers_checked():
    assert answer_of(Runner({"tasks": 3}), Check(3), 1.0) == Checked(3)
    with pytest.raises(NotUnderstood):
        answer_of(Runner({"tasks": None}), Check(3), 1.0)
