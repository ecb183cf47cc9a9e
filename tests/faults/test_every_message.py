"""Each message between a runner and its client goes wrong once, in every way.

A fault ends in the same measurement, or in a clear error: never in a hang, and never in figures
that nobody measured.
"""

import copy
import json

import pytest
from helpers.machine import MadeMachine
from helpers.project import TESTS_FOLDER
from helpers.runs import judged
from helpers.scripted import FAULTS, SERVE
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.answers import ANSWERS, request_kinds
from speedgate.judging.gate import Verdict
from speedgate.measuring.answers import NotUnderstood, read_answer
from speedgate.measuring.errors import MeasurementError, NoAnswer, RunnerEnded
from speedgate.measuring.measure import LEAST_PAIRS, measure
from speedgate.measuring.plan import Plan
from speedgate.measuring.runner_process import RunnerProcess, answer_of
from speedgate.runner.messages import Done
from speedgate.stats.case import Case
from workloads import CATALOGUE, CONTROL

CASE = Case("g", 1_000_000, "threads", 2)
PLAN = Plan(seconds=0.0, processes=1, pairs=24, held_seconds=0.25, control=CONTROL)
WAITS_SECONDS = 0.3  # for an answer that does not come
ASKED = ("open", "check", "calibrate", "rounds", "held", "close")
# What each fault comes to; the others are not even noticed.
ENDS_IN = {
    "lost": NoAnswer,
    "cut in mid-line": NoAnswer,
    "late": NoAnswer,
    "cut": NotUnderstood,
    "half of it": NotUnderstood,
    "garbage": NotUnderstood,
    "nested": NotUnderstood,
    "no object": NotUnderstood,
    "an empty object": NotUnderstood,
    "without a number": NotUnderstood,
    "of a request to come": NotUnderstood,
    "another message": NotUnderstood,
    "an error of no shape": NotUnderstood,
    "too large": NotUnderstood,
    "endless": NotUnderstood,
    "from a dead process": RunnerEnded,
}


class Recorder:
    """A made-up runner whose answers are kept."""

    def __init__(self, runner, answers):
        self.runner, self.answers = runner, answers

    def ask(self, request, limit_seconds):
        self.answers.append(json.loads(json.dumps(self.runner.ask(request, limit_seconds))))
        return copy.deepcopy(self.answers[-1])

    def close(self):
        self.answers.append({})


def measured(open_runner):
    return measure(CASE, CATALOGUE[CASE.workload], PLAN, open_runner)


@pytest.fixture(scope="session")
def conversation():
    """The answers of a measurement that goes well, and what comes out of it."""
    answers = []
    measurement = measured(lambda: Recorder(MadeMachine().open(), answers))
    assert len(answers) == len(ASKED)
    assert judged(measurement).verdict is Verdict.PASSED
    return answers, measurement


class FaultyPipe(RunnerProcess):
    """A runner process with a scripted runner; its message ``at`` goes wrong.

    A request becomes what ``distort`` makes of it. ``waits`` is how long that answer is waited for,
    in seconds.
    """

    def __init__(self, script, at, waits=60.0, distort=lambda line: line):
        self.at, self.waits, self.distort = at, waits, distort
        super().__init__((TESTS_FOLDER,), 1, serve=script)

    def ask(self, request, limit_seconds):
        is_wrong = self._asked + 1 == self.at
        return super().ask(request, self.waits if is_wrong else 60.0)

    def _send(self, line):
        super()._send(self.distort(line) if self._asked == self.at else line)


@pytest.fixture
def outcome(conversation, tmp_path, monkeypatch, leaves_no_thread, count_faults):
    """What a measurement comes to whose message ``at`` goes wrong: its verdict or its error."""
    monkeypatch.setattr("speedgate.measuring.runner_process.MOST_CHARACTERS", 1 << 20)
    answers, _ = conversation

    def outcome(at, fault="none", expected=None, doubled=False, **distorted):
        # To a request that comes twice there are two answers.
        given = [*answers[:at], *answers[at - 1 : at] * doubled, *answers[at:]]
        path = tmp_path / "answers.json"
        path.write_text(json.dumps(given))
        waits = WAITS_SECONDS if expected is NoAnswer else 60.0
        script = SERVE.format(str(path), fault, at)
        runners = []

        def open_runner():
            runners.append(FaultyPipe(script, at, waits, **distorted))
            return runners[-1]

        count_faults("messages that went wrong one by one", 1)
        try:
            return judged(measured(open_runner))
        except MeasurementError as error:
            return type(error)
        finally:
            assert runners[0]._process.returncode is not None

    return outcome


def some_of(faults, asked, every):
    """All faults of the message that has the rounds; of the others a few, each time others."""
    return one_in(1 if every or asked == "rounds" else 4, faults, ASKED.index(asked))


def one_in(count, faults, at):
    """One fault in so many, each time others."""
    return [fault for position, fault in enumerate(faults) if (position + at) % count == 0]


@pytest.mark.parametrize("asked", ASKED)
def test_an_answer_that_goes_wrong_is_no_measurement(conversation, outcome, asked, all_faults):
    for fault in some_of(FAULTS, asked, all_faults):
        expected = None if asked == "close" else ENDS_IN.get(fault)
        came_to = outcome(ASKED.index(asked) + 1, fault, ENDS_IN.get(fault))
        assert came_to == (expected or judged(conversation[1])), fault


# What a request becomes, and what that comes to.
REQUEST_FAULTS = {
    "lost": (lambda line: "", NoAnswer),
    "cut": (lambda line: line[:10] + "\n", RunnerEnded),
    "garbage": (lambda line: "\x00\ufffd\n", RunnerEnded),
    "no object": (lambda line: "5\n", RunnerEnded),
    "doubled": (lambda line: line * 2, None),
}


@pytest.mark.parametrize("asked", ASKED[:-1])
def test_a_request_that_goes_wrong_is_no_measurement(conversation, outcome, asked, all_faults):
    for fault in some_of(REQUEST_FAULTS, asked, all_faults):
        distort, expected = REQUEST_FAULTS[fault]
        at, is_doubled = ASKED.index(asked) + 1, expected is None
        came_to = outcome(at, expected=expected, doubled=is_doubled, distort=distort)
        assert came_to == (expected or judged(conversation[1])), fault


# --- every kind of message that there is, one asked alone


@pytest.fixture
def came_to(tmp_path, monkeypatch, leaves_no_thread, count_faults):
    """What a request comes to that goes wrong, or its answer: that answer or an error."""
    monkeypatch.setattr("speedgate.measuring.runner_process.MOST_CHARACTERS", 1 << 20)

    def came_to(request, answer, fault="none", expected=None, **distorted):
        path = tmp_path / "answers.json"
        path.write_text(json.dumps([answer, answer]))  # to a request that comes twice
        waits = WAITS_SECONDS if expected is NoAnswer else 60.0
        runner = FaultyPipe(SERVE.format(str(path), fault, 1), 1, waits, **distorted)
        count_faults("messages that went wrong one by one", 1)
        try:
            return answer_of(runner, request, 60.0)
        except MeasurementError as error:
            return type(error)
        finally:
            runner.close()
            assert runner._process.returncode is not None

    return came_to


@pytest.mark.parametrize("kind", request_kinds(), ids=lambda kind: kind.__name__)
def test_no_message_of_any_kind_that_goes_wrong_is_taken_for_an_answer(kind, came_to, all_faults):
    ((request, answer),) = [one for one in ANSWERS if type(one[0]) is kind]
    good, at = read_answer(request, answer), request_kinds().index(kind)
    for fault in one_in(1 if all_faults else 10, FAULTS, at):
        expected = ENDS_IN.get(fault, good)
        if fault == "another message" and kind.answer is Done:  # which has no parts to tell by
            expected = good
        assert came_to(request, answer, fault, expected) == expected, fault
    for fault in one_in(1 if all_faults else 5, REQUEST_FAULTS, at):
        distort, error = REQUEST_FAULTS[fault]
        expected = error or good
        assert came_to(request, answer, expected=expected, distort=distort) == expected, fault


# --- requests that nobody reads

LARGE = "x" * (1 << 21)  # more than any pipe holds


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        ("import time; time.sleep(600)", NoAnswer),
        ("import os, time; os.close(0); time.sleep(600)", RunnerEnded),
        ("import os; os.read(0, 10); os._exit(3)", RunnerEnded),
    ],
    ids=["never", "closed", "dead"],
)
def test_a_request_larger_than_its_pipe_is_given_up_in_time(leaves_no_thread, serve, error):
    """Nobody reads it: a runner that hangs before it listens, or has ended."""
    runner = RunnerProcess((TESTS_FOLDER,), 1, serve=serve)
    with pytest.raises(error):
        runner.ask({"do": "open", "path": LARGE}, WAITS_SECONDS if error is NoAnswer else 60.0)
    assert runner._process.returncode is not None
    runner.close()


# --- answers that can be read, and hold anything

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values),
    max_leaves=5,
)


def places_in(value, place=()):
    """The path to every value within plain data; of a list, to its first and last."""
    yield place
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places_in(part, (*place, name))
    elif isinstance(value, list):
        for index in {0, len(value) - 1} if value else ():
            yield from places_in(value[index], (*place, index))


def with_other(value, place, other):
    """Plain data with ``other`` in one place."""
    if not place:
        return other
    copied = copy.copy(value)
    copied[place[0]] = with_other(value[place[0]], place[1:], other)
    return copied


class Answering:
    """A runner with these answers, and no other."""

    def __init__(self, answers):
        self.answers = iter(answers)

    def ask(self, request, limit_seconds):
        answer = next(self.answers, None)
        if answer is None:
            raise RunnerEnded(request["do"], "with exit code 0")
        return answer

    def close(self):
        pass


def check_an_answer(conversation, number, place, other):
    answers = [*conversation[0][:-1]]
    changed = with_other(answers[number], place, other)
    answers[number] = changed if isinstance(changed, dict) else {}  # or the frame is no object
    try:
        measurement = measured(lambda: Answering(answers))
        judgement = judged(measurement)
    except MeasurementError:
        return
    if judgement.verdict is Verdict.PASSED:
        assert len(measurement.sample.pairs) >= LEAST_PAIRS


def fuzz(conversation, examples):
    places = [
        (number, place)
        for number, answer in enumerate(conversation[0][:-1])
        for place in places_in(answer)
    ]

    @settings(max_examples=examples)
    @given(st.sampled_from(places), ANYTHING)
    def check(where, other):
        check_an_answer(conversation, *where, other)

    check()


def test_an_answer_with_anything_in_it_is_an_error_or_a_measurement(
    conversation, all_faults, count_faults
):
    examples = 10_000 if all_faults else 500
    fuzz(conversation, examples)
    count_faults("answers with anything in them", examples)
