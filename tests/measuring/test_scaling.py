"""What becomes of a benchmark, with runners that are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from speedgate.measuring.errors import MeasurementError, NoAnswer, RunnerEnded
from speedgate.measuring.plan import Plan
from speedgate.measuring.scaling import ScaleOutcome, outcome_of, scale
from speedgate.measuring.targets import Benchmark
from speedgate.runner.messages import ASV, Target
from speedgate.stats.sample import Pair, Round

Json = dict[str, Any]
BENCHMARK = Benchmark("bench.time_x", "bench.time_x", Target(ASV))
PLAN = Plan(seconds=0.0, processes=2)


def round_of(seconds: float) -> Json:
    return {"seconds": seconds, "on_cpu": seconds, "cpu": seconds, "waiting": 0.0}


def pair(ratio: float) -> Json:
    return {"baseline": round_of(ratio), "contender": round_of(1.0)}


def as_counted(data: Json) -> Pair:
    return Pair(Round(**data["baseline"]), Round(**data["contender"]))


ROUNDS: Json = {
    "pairs": [pair(1.9)] * 4,
    "controls": [],
    "shared": [],
    "timed_seconds": 1.0,
    "seconds": 1.0,
    "steal": None,
    "throttled": None,
    "gil_enabled": True,
    "traced": None,
    "switch_interval": None,
}
REPLIES: Json = {
    "open": {"environment": {"python": "3.13"}, "placed": False, "is_shared": False},
    "probe": {"compared": 2, "call_seconds": 0.002},
    "check": {"tasks": 0},
    "calibrate": {"tasks": 2, "loops": 10, "seconds": 0.1, "call_seconds": 0.002},
    "rounds": ROUNDS,
    "conclude": {"described": None},
}


class FakeRunner:
    """Answers as told; ``fails`` holds an exception or an error by the request that it fails."""

    def __init__(self, log: list[Json], **fails: Any) -> None:
        self.log, self.fails = log, fails

    def ask(self, request: Json, limit_seconds: float) -> Json:
        self.log.append(request)
        failure = self.fails.get(request["do"])
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            kind, text = failure
            return {"error": {"type": kind, "message": text, "traceback": text}}
        reply: Json = REPLIES[request["do"]]
        return reply

    def close(self) -> None:
        self.log.append({"do": "close"})


def runners(*fails: Json) -> tuple[Callable[[], FakeRunner], list[Json]]:
    log: list[Json] = []
    next_failures = iter(fails)
    return lambda: FakeRunner(log, **next(next_failures, {})), log


def test_private_state_is_measured_first_and_both_kinds_then() -> None:
    open_runner, log = runners()
    scaled = scale(BENCHMARK, 2, PLAN, open_runner)
    assert scaled.outcome is ScaleOutcome.MEASURED
    assert [request["both"] for request in log if request["do"] == "open"] == [False, True]
    assert [request["do"] for request in log].count("check") == 2
    assert [request["do"] for request in log].count("conclude") == 2


def test_one_thread_has_nothing_to_share() -> None:
    open_runner, log = runners()
    scale(BENCHMARK, 1, PLAN, open_runner)
    assert [request["both"] for request in log if request["do"] == "open"] == [False, False]


def test_what_is_not_applicable_starts_no_runner() -> None:
    benchmark = Benchmark(
        "bench.track_x", "bench.track_x", Target(ASV), refusal="it measures no time"
    )
    open_runner, log = runners()
    scaled = scale(benchmark, 2, PLAN, open_runner)
    assert (scaled.outcome, scaled.reason) == (ScaleOutcome.NOT_APPLICABLE, "it measures no time")
    assert log == []


@pytest.mark.parametrize(
    ("fails", "outcome", "words"),
    [
        ({"open": ("SkippedBySuite", "skipped")}, ScaleOutcome.NOT_APPLICABLE, "skipped"),
        ({"probe": ("CannotMeasure", "starts threads")}, ScaleOutcome.CANNOT, "starts threads"),
        (
            {"check": ("FailsInThreads", "other result")},
            ScaleOutcome.NOT_THREAD_SAFE,
            "other result",
        ),
        ({"open": RunnerEnded("open", "by signal SIGSEGV")}, ScaleOutcome.CANNOT, "in one thread"),
        (
            {"check": RunnerEnded("check", "by signal SIGSEGV")},
            ScaleOutcome.NOT_THREAD_SAFE,
            "SIGSEGV",
        ),
        ({"check": RunnerEnded("check", "by signal SIGKILL")}, ScaleOutcome.CANNOT, "memory"),
        ({"probe": NoAnswer("probe", 60.0)}, ScaleOutcome.CANNOT, "time limit of 60 s"),
        ({"rounds": NoAnswer("rounds", 60.0)}, ScaleOutcome.NOT_THREAD_SAFE, "deadlock"),
        ({"check": NoAnswer("check", 5.0)}, ScaleOutcome.CANNOT, "5 s were left for the threads"),
        (
            {"conclude": ("FailsInThreads", "its own assertion")},
            ScaleOutcome.NOT_THREAD_SAFE,
            "assert",
        ),
    ],
)
def test_what_fails_says_what_becomes_of_it(fails: Json, outcome: ScaleOutcome, words: str) -> None:
    open_runner, log = runners(fails)
    scaled = scale(BENCHMARK, 2, PLAN, open_runner)
    assert scaled.outcome is outcome
    assert words in scaled.reason
    assert scaled.measurement is None
    assert log[-1] == {"do": "close"}


def test_both_kinds_of_state_are_compared_within_the_processes_that_have_both() -> None:
    first, second = pair(1.9), pair(1.5)
    scaled = scale(BENCHMARK, 1, PLAN, runners()[0])
    assert scaled.measurement is not None
    pairs = [as_counted(first)] * 10, [as_counted(second)] * 10
    scaled.measurement.processes = list(map(list, pairs))
    scaled.measurement.shared = [[], [as_counted(pair(1.1))] * 10]
    private, shared = scaled.beside_shared(0.95), scaled.shared()
    assert private is not None
    assert shared is not None
    assert (private.value, shared.value) == (1.5, 1.1)


def test_what_only_sharing_breaks_is_measured_all_the_same() -> None:
    open_runner, log = runners({}, {"check": ("FailsInThreads", "shared: another result")})
    scaled = scale(BENCHMARK, 2, Plan(seconds=0.0, processes=3), open_runner, lambda _: False)
    assert scaled.outcome is ScaleOutcome.MEASURED
    assert scaled.shared_reason == "another result"
    assert scaled.measurement is not None
    assert [request["both"] for request in log if request["do"] == "open"] == [False, True, False]
    assert len(scaled.measurement.processes) == 2


def test_a_crash_while_sharing_costs_nothing_of_what_is_known_without() -> None:
    open_runner, _ = runners({}, {"rounds": RunnerEnded("rounds", "by signal SIGSEGV")})
    scaled = scale(BENCHMARK, 2, PLAN, open_runner)
    assert scaled.outcome is ScaleOutcome.MEASURED
    assert "SIGSEGV" in (scaled.shared_reason or "")


def test_any_other_error_is_told_as_it_is() -> None:
    assert outcome_of(MeasurementError("no such thing")) == (ScaleOutcome.CANNOT, "no such thing")


def test_the_runners_last_words_are_no_part_of_how_it_ended() -> None:
    error = RunnerEnded("check", "by signal SIGABRT while it measured; it last wrote:\nFatal")
    assert (
        outcome_of(error)[1] == "it ends its process by signal SIGABRT; in one thread it does not"
    )
