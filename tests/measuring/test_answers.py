"""What a runner answers is taken for an answer only if each part of it is one."""

import copy
import math

import pytest

from evaluation.answers import (
    ANSWERS,
    CELLS,
    DESCRIBED,
    ENVIRONMENT,
    HELD,
    OPENED,
    READY,
    request_kinds,
)
from evaluation.answers import (
    COUNTED as WHOLE,
)
from speedgate.measuring.answers import MAY_BE_NEGATIVE, NotUnderstood, read_answer
from speedgate.measuring.runner_process import answer_of
from speedgate.runner.aftermath_messages import LookAfter
from speedgate.runner.census_messages import (
    CellsListed,
    ListCells,
    ListFunctions,
    LookAtCell,
    OpenCell,
    OpenCensus,
    SampleCells,
)
from speedgate.runner.messages import (
    ASV,
    Calibrate,
    Check,
    Checked,
    Conclude,
    Counted,
    Failure,
    ListBenchmarks,
    OpenCase,
    Probe,
    RunArms,
    RunCalls,
    RunRounds,
    SampleHeld,
)

PAIR = {"baseline": {"seconds": 0.2, "on_cpu": 0.2}, "contender": {"seconds": 0.1, "on_cpu": 0.2}}
ROUNDS = RunRounds(pairs=1, seconds=0.0)
COUNTED = {"timed_seconds": 0.1, "seconds": 0.1, "pairs": [PAIR]}


LOOK, ANOTHER_LOOK = LookAtCell("f", 9, 2, 0.1), LookAtCell("f", 9, 2, 0.1, loops=4)
SAMPLE = SampleCells([("f", 9)], 0.1)


def with_round(**counts):
    return COUNTED | {"pairs": [PAIR | {"contender": PAIR["contender"] | counts}]}


def seen(ready=READY, counted=COUNTED):
    return {"opened": ready, "counted": counted}


def nested(levels):
    return {"deep": nested(levels - 1)} if levels else {}


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
        (ROUNDS, with_round(seconds=-0.1), "nothing counts -0.1 of 'seconds'"),
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
        # In an answer that lies in another.
        (LOOK, seen(counted=COUNTED | {"pairs": []}), "it has no rounds"),
        (LOOK, seen(counted=with_round(seconds=0)), "more than 0 seconds, not 0"),
        (LOOK, seen(counted=with_round(seconds=-0.01)), "nothing counts -0.01 of 'seconds'"),
        (LOOK, seen(counted=with_round(on_cpu=-5)), "nothing counts -5.0 of 'on_cpu'"),
        (LOOK, seen(READY | {"loops": 0}), "at least one task"),
        (LOOK, seen(READY | {"call_seconds": 0.0}), "a call takes more than 0 seconds, not 0.0"),
        (ANOTHER_LOOK, seen(), "it has 3 calls a task where 4 were asked for"),
        (OpenCell("f", 9, loops=4), READY, "it has 3 calls a task where 4 were asked for"),
        (SAMPLE, {"seen": []}, "it has samples of 0 cells of 1"),
        (SAMPLE, {"seen": [HELD, HELD]}, "it has samples of 2 cells of 1"),
        (SAMPLE, {"seen": [HELD | {"held": [9, 3]}]}, "the GIL was held in 9 of 3 samples"),
        (SAMPLE, {"seen": [HELD | {"held": [-1, 3]}]}, "the GIL was held in -1 of 3 samples"),
        (SAMPLE, {"seen": [HELD | {"waiting": -2.0}]}, "nothing counts -2.0 of 'waiting'"),
        (RunArms(["work", "control"]), {"seconds": 0.1}, "no rounds of each of: work, control"),
        (RunArms(["work"]), {"seconds": 0.1, "arms": [{"key": "work"}]}, "no rounds of each of"),
        (RunCalls(9), {"round": {"seconds": 0.0, "on_cpu": 0.0}}, "more than 0 seconds, not 0"),
        (Probe(), {"call_seconds": 0.0}, "a call takes more than 0 seconds"),
        (Probe(), {"call_seconds": -1.0}, "nothing counts -1.0 of 'call_seconds'"),
        (LookAfter(), {"calls": -5}, "nothing counts -5 of 'calls'"),
        (ROUNDS, COUNTED | {"timed_seconds": -1.0}, "nothing counts -1.0 of 'timed_seconds'"),
        # What is listed.
        (ListFunctions("cells", []), {"functions": [{}]}, "path"),
        (ListFunctions("cells", []), {"functions": [5]}, "object"),
        (ListFunctions("cells", []), {"functions": [{"path": ""}]}, "without a name"),
        (ListCells("f"), {"cells": [["f", -5]]}, "no cell has the name 'f' and -5 elements"),
        (ListCells("f"), {"cells": [["", 5]]}, "no cell has the name '' and 5 elements"),
        (ListCells("f"), {"cells": [["\ud800", 5]]}, "surrogates not allowed"),
        (ListCells("f"), CELLS | {"calls": ["a", "b"]}, "it has 2 calls of 1 cells"),
        (ListBenchmarks(ASV, "s", [], []), {"tests": [{"name": "", "argument": ""}]}, "a name"),
        # With what no run could be saved, or be read again.
        (OpenCensus(2, "cells", []), {"environment": {"numpy": 5}}, "numpy"),
        (OpenCensus(2, "cells", []), {"environment": {"cpu": nested(20)}}, "nested too deeply"),
        (OpenCensus(2, "cells", []), {"environment": {"more": 2**54}}, "out of range"),
        (OpenCensus(2, "cells", []), {"environment": {"more": "\ud800"}}, "surrogates"),
        (OpenCensus(2, "cells", []), {"blas": [{"num_threads": "two"}]}, "num_threads"),
        (OpenCensus(2, "cells", []), {"blas": [{"num_threads": -2}]}, "num_threads"),
        (Conclude(), {"described": {"extra_info": 5}}, "extra_info"),
        (Conclude(), {"described": {"group": ["a"]}}, "group"),
    ],
)
def test_what_is_no_answer_is_an_error_that_names_the_request(request_, data, why):
    with pytest.raises(NotUnderstood) as raised:
        read_answer(request_, data)
    text = str(raised.value)
    assert text.startswith(f"the runner's answer to '{request_.do}' cannot be used (")
    assert why in text
    assert "nothing was taken from it" in text


# --- every answer that there is


def places_in(value, place=()):
    """The path to every value within plain data, but for what a benchmark notes as it likes."""
    if place:
        yield place
    if not isinstance(value, dict | list) or place[-1:] == ("extra_info",):
        return
    for name in value if isinstance(value, dict) else range(len(value)):
        yield from places_in(value[name], (*place, name))


def with_other(value, place, other):
    """Plain data with ``other`` in one place, and what was there."""
    changed = copy.deepcopy(value)
    within = changed
    for name in place[:-1]:
        within = within[name]
    before, within[place[-1]] = within[place[-1]], other
    return changed, before


def test_there_is_a_good_answer_to_every_kind_of_request():
    assert [type(request) for request, _ in ANSWERS] == request_kinds()
    for request, answer in ANSWERS:
        assert type(read_answer(request, answer)) is request.answer


@pytest.mark.parametrize(
    ("request_", "answer"), ANSWERS, ids=[type(r).__name__ for r, _ in ANSWERS]
)
def test_no_part_of_an_answer_is_of_another_type_or_counts_less_than_nothing(request_, answer):
    for place in places_in(answer):
        with pytest.raises(NotUnderstood):
            read_answer(request_, with_other(answer, place, [5.5])[0])
        negative, before = with_other(answer, place, -1)
        is_count = isinstance(before, int | float) and not isinstance(before, bool)
        if is_count and place[-1] not in MAY_BE_NEGATIVE:
            with pytest.raises(NotUnderstood):
                read_answer(request_, negative)


def test_a_counter_of_the_kernel_may_step_back():
    assert read_answer(ROUNDS, WHOLE | {"steal": -0.01}).steal == -0.01


def test_what_a_good_runner_lists_is_taken():
    listed = read_answer(ListCells("numpy.sort"), CELLS)
    assert listed == CellsListed([("numpy.sort[d]", 1000)], calls=["1f"])
    opened = read_answer(OpenCensus(2, "cells", []), OPENED | {"described": DESCRIBED})
    assert (opened.environment, opened.described) == (ENVIRONMENT, DESCRIBED)


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
