"""A machine that is made up: its runners answer at once, by a script, whatever the clock says."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.runner_process import THIS, Interpreter
from speedgate.stats.case import Case

# Every process of a case answers with as many pairs, so that no figure depends on a clock.
PAIRS = 24
BASELINE_SECONDS = 0.010

Json = dict[str, Any]


@dataclass(frozen=True)
class Behaviour:
    """How a case runs: what its rounds, the counters beside them and the GIL's samples read.

    ``concurrency`` is how many workers are on a CPU at once, ``waiting`` the share of their time
    that others had the cores, ``unsampled`` why nobody samples the GIL, ``spread`` how far the
    rounds lie apart. ``error`` is what ``fails_at`` answers; with ``crashes`` nobody answers any
    more.
    """

    speedup: float = 1.65
    concurrency: float = 1.92
    waiting: float | None = 0.02
    inflation: float = 1.05
    held: tuple[int, int] | None = (2, 175)
    unsampled: str | None = None
    spread: float = 0.02
    minor_faults: tuple[int, int] = (0, 0)
    error: Json | None = None
    fails_at: str = "check"
    crashes: bool = False


SIDE_BY_SIDE = Behaviour()
HOLDS_GIL = Behaviour(speedup=0.95, concurrency=1.01, waiting=0.0, held=(170, 175))
BEHIND_A_LOCK = Behaviour(speedup=0.94, concurrency=1.02, waiting=0.0)
SLOW = Behaviour(speedup=0.97, inflation=1.9)
CROWDED = Behaviour(speedup=1.0, concurrency=1.15, waiting=0.41, spread=0.6)
ALONE = Behaviour(speedup=1.0, concurrency=1.0, waiting=0.0)


def raising(error: BaseException, traceback: str) -> Behaviour:
    """A workload that raises: what its runner answers."""
    name = type(error).__name__
    return Behaviour(error={"type": name, "message": str(error), "traceback": traceback})


CRASHING = Behaviour(crashes=True)


@dataclass
class MadeMachine:
    """Where made-up runners run; a test says beforehand how each workload does.

    ``behave("g", SLOW, SIDE_BY_SIDE)`` makes the first process of every parallel case of g slow
    and all further ones fast. ``alone`` is how one worker does, whatever the workload; ``control``
    is what the host control reaches.
    """

    alone: Behaviour = ALONE
    control: float = 1.92
    gil_enabled: bool = True
    numpy: str = "2.4.6"
    traced: str | None = None
    runners: list["MadeRunner"] = field(default_factory=list)
    behaviours: dict[str, Sequence[Behaviour]] = field(default_factory=dict)
    processes: Counter = field(default_factory=Counter)
    probed: dict[str, Behaviour] = field(default_factory=dict)

    def behave(self, workload: str, *processes: Behaviour) -> None:
        self.behaviours[workload] = processes

    def behaviour(self, case: Case) -> Behaviour:
        """How the next process of a case runs."""
        if case.workers == 1:
            return self.alone
        usual = HOLDS_GIL if case.workload == "f" and case.strategy != "processes" else SIDE_BY_SIDE
        processes = self.behaviours.get(case.workload, [usual])
        number = self.processes[case]
        self.processes[case] += 1
        return processes[min(number, len(processes) - 1)]

    def open(
        self,
        path: Sequence[str] = (),
        blas_threads: int | None = 1,
        interpreter: Interpreter = THIS,
    ) -> "MadeRunner":
        """What stands in for ``RunnerProcess``."""
        self.runners.append(MadeRunner(self, tuple(path), blas_threads, interpreter))
        return self.runners[-1]

    @property
    def cases(self) -> list[str]:
        """The ids of all cases that were measured, in order, each once."""
        return list(dict.fromkeys(runner.case.id for runner in self._measuring))

    def of(self, case_id: str) -> list["MadeRunner"]:
        return [runner for runner in self._measuring if runner.case.id == case_id]

    @property
    def _measuring(self) -> list["MadeRunner"]:
        """The runners that opened a case; those of a probe are no part of its measurement."""
        return [runner for runner in self.runners if runner.case and not runner.is_probed]

    @property
    def probes(self) -> list[str]:
        """The ids of the cases that were probed, each arm's runner by itself."""
        return [runner.case.id for runner in self.runners if runner.case and runner.is_probed]

    def describe(
        self,
        blas_threads: int | None,
        setup: str | None = None,
        interpreter: Interpreter = THIS,
        limit_seconds: float = 120.0,
    ) -> Json:
        """What its runners say of their interpreter."""
        return {
            "python": "3.11.7",
            "gil_enabled": self.gil_enabled,
            "numpy": {"version": self.numpy},
            "blas": [
                {"user_api": "blas", "internal_api": "openblas", "version": "0.3.30",
                 "num_threads": blas_threads or 2},
            ],
        }  # fmt: skip

    def contender_seconds(self, case_id: str) -> list[float]:
        """The rounds of a case's contender, in order, over all its processes."""
        return [seconds for runner in self.of(case_id) for seconds in runner.contender_seconds]


class MadeRunner:
    """Answers like a runner. Everything that it was asked is kept."""

    def __init__(
        self,
        machine: MadeMachine,
        path: tuple[str, ...],
        blas_threads: int | None,
        interpreter: Interpreter,
    ) -> None:
        self.machine = machine
        self.interpreter = interpreter
        self.path = path
        self.blas_threads = blas_threads
        self.case: Case | None = None
        self.requests: list[Json] = []
        self.contender_seconds: list[float] = []
        self.is_closed = False
        self.arm_pairs = 0

    def ask(self, request: Json, limit_seconds: float) -> Json:
        if request["do"] == "close":  # a kept one is asked, so that one that has ended is found
            return {}
        self.requests.append(request)
        if request["do"] == "open":
            self._begin(request)
        if self.behaviour.crashes and request["do"] == "rounds":
            raise MeasurementError("the runner ended by signal SIGSEGV while it measured")
        if self.behaviour.error is not None and request["do"] == self.behaviour.fails_at:
            return {"error": self.behaviour.error}
        return getattr(self, request["do"])(request)

    def close(self) -> None:
        self.is_closed = True

    @property
    def is_probed(self) -> bool:
        return "arms" in self.asked

    @property
    def asked(self) -> list[str]:
        return [request["do"] for request in self.requests]

    def _begin(self, request: Json) -> None:
        work = request["batches"][0]
        name = work["function"].rpartition(":")[2]
        if name == "call":  # an operation, which is found by what prepares it
            name = work["prepare"].rpartition(":")[2].partition(".")[0]
        self.case = Case(name, work["size"], request["strategy"], request["workers"])
        self.behaviour = self.machine.behaviour(self.case)

    def open(self, request: Json) -> Json:
        described = self.machine.describe(self.blas_threads, interpreter=self.interpreter)
        return {
            "environment": described,
            "blas": described["blas"],
            "start_method": "spawn" if request["strategy"] == "processes" else None,
            "start_seconds": 0.1,
        }  # fmt: skip

    def check(self, request: Json) -> Json:
        return {"tasks": request["tasks"]}

    def calibrate(self, request: Json) -> Json:
        tasks, loops = request["tasks"] or 8, request["loops"] or 3
        return {"call_seconds": 0.001, "tasks": tasks, "loops": loops, "seconds": 0.0}

    def rounds(self, request: Json) -> Json:
        count = min(PAIRS, request["pairs"])
        pairs = [self._pair(self.behaviour, number) for number in range(count)]
        self.contender_seconds += [pair["contender"]["seconds"] for pair in pairs]
        control = replace(SIDE_BY_SIDE, speedup=self.machine.control)
        has_control = len(self.requests[0]["batches"]) > 1
        return {
            "pairs": pairs,
            "controls": [self._pair(control, n) for n in range(count if has_control else 0)],
            "timed_seconds": 0.02 * count,
            "seconds": 0.02 * count,
            "steal": 0.0,
            "throttled": None,
            "gil_enabled": self.machine.gil_enabled,
            "switch_interval": None,
            "traced": self.machine.traced,
        }

    def arms(self, request: Json) -> Json:
        """A probe: every arm but the yardsticks runs as the case does, or as ``probed`` says."""
        yardsticks = dict.fromkeys(("control", "bandwidth"), SIDE_BY_SIDE)
        behaviours = yardsticks | self.machine.probed
        arms = [
            {
                "key": key,
                "pairs": [
                    self._pair(behaviours.get(key, self.behaviour), number)
                    for number in range(self.arm_pairs, self.arm_pairs + request["pairs"])
                ],
            }
            for key in request["keys"]
        ]
        self.arm_pairs += request["pairs"]
        return {"seconds": 0.1, "arms": arms, "gil_enabled": self.machine.gil_enabled}

    def _pair(self, behaviour: Behaviour, number: int) -> Json:
        """One pair; the rounds of a case differ from each other and from those of other cases."""
        assert self.case is not None
        turn = (number * 7 % PAIRS) / (PAIRS - 1) - 0.5  # -0.5 to 0.5, in no order of size
        workers = self.case.workers
        work = BASELINE_SECONDS * (1 + zlib.crc32(self.case.id.encode()) % 97 / 100)
        contender = work * (1 + number / 1000) / behaviour.speedup
        baseline = contender * behaviour.speedup * (1 + behaviour.spread * turn)
        on_cpu = min(behaviour.concurrency, workers) * contender
        waiting = None if behaviour.waiting is None else behaviour.waiting * workers * contender
        return {
            "baseline": {
                "seconds": baseline,
                "on_cpu": baseline,
                "cpu": baseline,
                "in_task": baseline,
                "minor_faults": behaviour.minor_faults[0],
            },
            "contender": {
                "seconds": contender,
                "on_cpu": on_cpu,
                "cpu": behaviour.inflation * baseline,
                "in_task": 0.99 * workers * contender,
                "waiting": waiting,
                "tail": 0.0,
                "minor_faults": behaviour.minor_faults[1],
                "voluntary_switches": 4,
            },
        }

    def held(self, request: Json) -> Json:
        seen = {"held": self.behaviour.held, "why": self.behaviour.unsampled}
        return seen | {"calls": 1000, "waiting": 0.0, "seconds": 0.0}
