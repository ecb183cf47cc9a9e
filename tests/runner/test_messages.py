"""The messages between a runner and its client: the same on both sides of the pipe."""

import ast
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import speedgate
from speedgate.measuring.answers import decoded
from speedgate.runner import messages
from speedgate.runner.aftermath import AftermathRunner
from speedgate.runner.callables.server import CallableRunner
from speedgate.runner.census import CensusRunner
from speedgate.runner.messages import (
    DO,
    ERROR,
    NUMBER,
    Check,
    Close,
    Failure,
    Request,
    encode,
    read_request,
)
from speedgate.runner.server import Runner
from speedgate.stats.sample import Round

PACKAGE = Path(speedgate.__file__).parent
REQUESTS = Request.__subclasses__()
ANSWERS = {request.answer for request in REQUESTS} | {Failure}
PARTS = (messages.Target, messages.AsvEntry, messages.TestEntry, messages.BrokenEntry,
         messages.RoundCounts, messages.PairCounts, messages.BatchRequest)  # fmt: skip
KEYS = {DO, ERROR, NUMBER} | {
    item.name for kind in (*REQUESTS, *ANSWERS, *PARTS) for item in fields(kind)
}
# What answers requests, and what sends them.
SIDES = sorted(
    path
    for pattern in (
        "runner/server.py",
        "runner/baseline.py",
        "runner/worker_pool.py",
        "runner/callables/*.py",
        "measuring/*.py",
        "duel/matchup.py",
        "plugin/scaling.py",
    )
    for path in PACKAGE.glob(pattern)
)
# Keys of other data that read as one of a message does.
OTHERS = {
    "runner/server.py": {"control"},  # the key of a batch
    "runner/callables/server.py": {"control", "shared"},  # keys of the workers' works
    "measuring/aftermath.py": {"cpu_after", "import_seconds", "import_threads"},  # of figures
    "measuring/census.py": {"cells", "functions"},  # of the saved listing
    "measuring/readiness.py": {"error"},  # of what an import prints
    "measuring/measured_row.py": {"baseline", "contender"},  # the sides of a row
}


def sent(data):
    """What comes out of the pipe."""
    return json.loads(json.dumps(data))


def made(kind):
    """Messages of a kind with any values."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{item.name: values(hints[item.name]) for item in fields(kind)})


def values(hint):
    if is_dataclass(hint):
        return made(hint)
    if hint is float:
        return st.floats(allow_nan=False)
    kind, parts = get_origin(hint), get_args(hint)
    if kind is dict:
        return st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    if kind is list:
        return st.lists(values(parts[0]), max_size=2)
    if kind is UnionType:
        return st.one_of(map(values, parts))
    return st.from_type(hint)


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_request_arrives_as_it_was_sent(kind, data):
    request = data.draw(made(kind))
    assert read_request([kind], sent(encode(request))) == request


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_an_answer_arrives_as_it_was_sent(kind, data):
    request, answer = data.draw(made(kind)), data.draw(made(kind.answer))
    assert decoded(request, sent(encode(answer))) == answer


@given(made(Failure))
def test_a_failure_answers_any_request(failure):
    assert decoded(Check(1), sent(encode(failure))) == failure


def test_every_request_is_answered_by_a_runner_with_what_it_says():
    runners = (Runner(), CallableRunner(), CensusRunner(), AftermathRunner())
    assert {kind for runner in runners for kind in runner.handlers()} == set(REQUESTS)
    assert decoded(Close(), Runner().handle(encode(Close()))) == messages.Done()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"do": "probe"}, "knows no 'probe'"),
        ({"do": "check", "task": 3}, "unexpected keyword argument 'task'"),
        ({"do": "rounds", "pairs": 3}, "required positional argument: 'seconds'"),
    ],
)
def test_what_is_no_request_is_refused(asked, words):
    answer = decoded(Check(1), Runner().handle(asked))
    assert isinstance(answer, Failure)
    assert words in answer.message


def test_no_message_uses_a_key_of_the_pipe_itself():
    reserved = {DO, NUMBER, ERROR}
    assert not reserved & {item.name for kind in (*REQUESTS, *ANSWERS) for item in fields(kind)}


def test_the_counts_of_a_round_are_those_that_the_statistics_know():
    assert [(item.name, item.default) for item in fields(messages.RoundCounts)] == [
        (item.name, item.default) for item in fields(Round)
    ]


def literal_keys(tree):
    """Yield what is looked up or written by a text: ``a["x"]``, ``a.get("x")``, ``{"x": 1}``."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                yield key
            case ast.Call(
                func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_]
            ):
                yield key
            case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In() | ast.NotIn()]):
                yield key
            case ast.Dict(keys=keys):
                yield from (key.value for key in keys if isinstance(key, ast.Constant))


@pytest.mark.parametrize("path", SIDES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_key_of_a_message_is_spelled_outside_of_the_messages(path):
    name = str(path.relative_to(PACKAGE))
    assert KEYS & set(literal_keys(ast.parse(path.read_text()))) == OTHERS.get(name, set())


def test_what_the_test_above_would_see():
    seen = set(literal_keys(ast.parse('a["do"]; b.get("tasks"); "error" in c; d = {"pairs": 1}')))
    assert seen == {"do", "tasks", "error", "pairs"}
    assert seen <= KEYS
    assert len(SIDES) > 30
