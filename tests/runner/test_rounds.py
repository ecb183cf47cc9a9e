"""The order, the rotation and the control's share of a runner's pairs, with scripted rounds."""

from types import SimpleNamespace

import pytest
from helpers.fakes import FakeClock

from speedgate.runner import server as module
from speedgate.runner.load import Load
from speedgate.runner.messages import RoundCounts, RunRounds
from speedgate.runner.server import CONTROL_SHARE, Runner


class Side:
    """A pool or a baseline whose rounds take made-up times, and that notes who ran when."""

    def __init__(self, name, seconds, log, clock):
        self.name, self.seconds, self.log, self.clock = name, seconds, log, clock
        self.workers = 2

    def round(self, key, load, rotation):
        self.log.append((key, self.name, rotation))
        self.clock.advance(self.seconds[key])
        return RoundCounts(self.seconds[key], 0.0)

    def close(self):
        pass


@pytest.fixture
def script(monkeypatch):
    """Make a runner whose pairs take (work, control) seconds on a fake clock."""
    clock = FakeClock()
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))

    def make(work, control=None):
        log, runner = [], Runner()
        seconds = {"work": work / 2, "control": (control or 0) / 2}
        runner.baseline = Side("baseline", seconds, log, clock)
        runner.worker_pool = Side("contender", seconds, log, clock)
        runner.keys = ["work", "control"] if control else ["work"]
        runner.work, runner.control = Load(8, 1), Load(8, 1) if control else None
        return runner, log

    return make


def pairs_of(log, key):
    """The pairs of a batch as (who was first, rotation); both sides of a pair rotate alike."""
    turns = [(name, rotation) for logged, name, rotation in log if logged == key]
    pairs = list(zip(turns[::2], turns[1::2], strict=True))
    for (one, turned), (other, also_turned) in pairs:
        assert {one, other} == {"baseline", "contender"}
        assert turned == also_turned
    return [first for first, _ in pairs]


@pytest.mark.parametrize("control", [None, 0.1, 1.0, 10.0])
def test_each_side_is_first_in_every_other_pair(script, control):
    runner, log = script(work=1.0, control=control)
    runner.rounds(RunRounds(60, 1e9))
    for key in runner.keys:
        first = [name for name, _ in pairs_of(log, key)]
        assert len(first) >= 2
        assert set(first[::2]).isdisjoint(first[1::2]), f"{key}: {first}"


@pytest.mark.parametrize("control", [None, 0.1, 1.0, 10.0])
def test_every_buffer_is_the_first_of_some_round(script, control):
    runner, log = script(work=1.0, control=control)
    runner.rounds(RunRounds(32, 1e9))
    assert {rotation % 4 for _, rotation in pairs_of(log, "work")} == {0, 1, 2, 3}


def test_the_alternation_goes_on_from_request_to_request(script):
    runner, log = script(work=1.0)
    for _ in range(4):
        runner.rounds(RunRounds(1, 1e9))
    first = [name for name, _ in pairs_of(log, "work")]
    assert first == ["baseline", "contender"] * 2


@pytest.mark.parametrize("control", [0.01, 0.1, 1.0, 10.0])
def test_the_control_keeps_to_its_share_from_the_first_pair_on(script, control):
    runner, log = script(work=1.0, control=control)
    reply = runner.rounds(RunRounds(100, 1e9))
    assert len(reply.pairs) == 100
    spent = {"work": 0.0, "control": 0.0}
    for key, _, _ in log:
        spent[key] += control / 2 if key == "control" else 0.5
        # Never more than one pair above its share.
        assert spent["control"] <= CONTROL_SHARE * sum(spent.values()) + control
    assert [key for key, _, _ in log[:4]] == ["work", "work", "control", "control"]
    if control <= 1.0:  # and not less than its share, or one pair for each of the work
        due = min(CONTROL_SHARE * sum(spent.values()), 100 * control)
        assert spent["control"] >= due - control


def test_without_a_control_there_are_no_control_pairs(script):
    runner, log = script(work=1.0)
    assert runner.rounds(RunRounds(5, 1e9)).controls == []
    assert {key for key, _, _ in log} == {"work"}


@pytest.mark.parametrize(
    ("request_", "pairs"),
    [
        ({"pairs": 100, "seconds": 10}, 10),
        ({"pairs": 4, "seconds": 10}, 4),
        ({"pairs": 100, "seconds": 0}, 1),
        ({"pairs": 100, "seconds": 0, "at_least": 6}, 6),
    ],
)
def test_rounds_end_by_number_or_by_time(script, request_, pairs):
    runner, _ = script(work=1.0)
    reply = runner.rounds(RunRounds(**request_))
    assert len(reply.pairs) == pairs
    assert reply.timed_seconds == pytest.approx(pairs)
