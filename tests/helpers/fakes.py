"""Fakes at the seams: a clock that only moves when a test moves it, and runners with a script."""

from collections.abc import Callable
from typing import Any

from helpers.made import CASE, SQUARE
from speedgate.measuring.measure import measure
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.stats.case import Case


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class ScriptedRunner:
    """Answers like a runner whose rounds all take the same made-up time, on the fake clock.

    ``waiting`` is the share of the workers' time for which others had their cores.

    ``left`` is what its calls leave behind.

    ``replies`` replaces the answer to a request: a mapping, or an exception to raise.
    """

    def __init__(
        self,
        clock: FakeClock,
        ratio: float = 2.0,
        pair_seconds: float = 0.5,
        held: tuple[int, int] | None = (10, 100),
        waiting: float | None = 0.0,
        replies: dict[str, Any] | None = None,
        left: dict[str, float] | None = None,
    ) -> None:
        self.clock = clock
        self.ratio = ratio
        self.pair_seconds = pair_seconds
        self.held_samples = held
        self.waiting = waiting
        self.replies = replies or {}
        self.left = left or {}
        self.requests: list[dict[str, Any]] = []
        self.limits: list[float] = []
        self.is_closed = False

    def ask(self, request: dict[str, Any], limit_seconds: float) -> dict[str, Any]:
        self.requests.append(request)
        self.limits.append(limit_seconds)
        scripted = self.replies.get(request["do"])
        if isinstance(scripted, BaseException):
            raise scripted
        reply: dict[str, Any] = getattr(self, request["do"])(request)
        return reply | (scripted or {})

    def close(self) -> None:
        self.is_closed = True

    def asked(self, name: str) -> list[dict[str, Any]]:
        return [request for request in self.requests if request["do"] == name]

    def open(self, request: dict[str, Any]) -> dict[str, Any]:
        environment = {"python": "3.x"}
        told = {"environment": environment, "start_method": None, "start_seconds": 0.1}
        return told | {"placed": request["placed"]}

    def check(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": request["tasks"]}

    def calibrate(self, request: dict[str, Any]) -> dict[str, Any]:
        tasks, loops = request["tasks"] or 8, request["loops"] or 3
        return {"call_seconds": 0.001, "tasks": tasks, "loops": loops, "seconds": 0.25}

    def rounds(self, request: dict[str, Any]) -> dict[str, Any]:
        began, pairs = self.clock(), []
        while len(pairs) < request["pairs"]:
            if pairs and self.clock() - began >= request["seconds"]:
                break
            self.clock.advance(self.pair_seconds)
            pairs.append(self.pair(self.ratio))
        seconds = self.clock() - began
        return {
            "pairs": pairs,
            "controls": [self.pair(1.9)],
            "timed_seconds": seconds,
            "seconds": seconds,
            "steal": None,
            "throttled": None,
            "gil_enabled": True,
            "switch_interval": None,
            "traced": None,
        }

    def pair(self, ratio: float) -> dict[str, Any]:
        contender = self.pair_seconds / (1 + ratio)
        waiting = None if self.waiting is None else 2 * contender * self.waiting
        return {
            "baseline": {"seconds": ratio * contender, "on_cpu": ratio * contender},
            "contender": {"seconds": contender, "on_cpu": 2 * contender, "waiting": waiting},
        }

    def held(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"held": self.held_samples, "calls": 1000, "waiting": 0.0, "seconds": 0.15}

    def after(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"calls": 12} | self.left


class Bench:
    """Opens scripted runners one after the other and keeps them."""

    def __init__(self, **script: Any) -> None:
        self.clock = FakeClock()
        self.script = script
        self.runners: list[ScriptedRunner] = []

    def open_runner(self) -> ScriptedRunner:
        assert all(runner.is_closed for runner in self.runners), "one runner at a time"
        self.runners.append(ScriptedRunner(self.clock, **self.script))
        return self.runners[-1]

    def measure(
        self,
        plan: Plan,
        is_decided: Callable[[Measurement], bool] = lambda measurement: False,
        case: Case = CASE,
        **options: Any,
    ) -> Measurement:
        return measure(case, SQUARE, plan, self.open_runner, is_decided, now=self.clock, **options)
