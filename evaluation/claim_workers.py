"""The claims' scenes of 2, 8, 32 and 128 workers: every rule in which their number stands.

Rounds of a made-up machine, whose workers take tasks from one queue, go through the accounting, the
gate, the classes and the causes. Each scene returns how often a word was wrong, and how often it
could have been.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from evaluation.blocks import HEALTHY, draw
from evaluation.claim import Trial
from evaluation.claim_scenes import GATE, held_hits, verdict_after_looks
from speedgate.judging.contention import Cause, ContentionProbe, name_cause
from speedgate.judging.floors import Floors, floors
from speedgate.judging.gate import MAX_PROCESSES, Evidence, Verdict, judge
from speedgate.judging.gil_class import GilClass, classify
from speedgate.judging.inflation import GROWN
from speedgate.measuring.measured_row import gil_class_of
from speedgate.measuring.measurement import HeldStretch, Measurement
from speedgate.measuring.probe import arm_of
from speedgate.runner.messages import Calibrated
from speedgate.runner.task import Stamp
from speedgate.runner.worker_pool import tail_of, turns_of
from speedgate.stats.accounting import Concurrency
from speedgate.stats.case import Case
from speedgate.stats.estimate import Estimate
from speedgate.stats.sample import Pair, Round

# What decides what these scenes say.
CODE = (
    *(f"speedgate/stats/{name}.py" for name in ("accounting", "estimate", "moments")),
    *(f"speedgate/stats/{name}.py" for name in ("sample", "speedup")),
    *(f"speedgate/judging/{name}.py" for name in ("contention", "floors", "free_class", "gate")),
    *(f"speedgate/judging/{name}.py" for name in ("gil_class", "inflation")),
    *(f"speedgate/measuring/{name}.py" for name in ("measured_row", "measurement", "probe")),
    *(f"evaluation/{name}.py" for name in ("blocks", "claim_scenes", "claim_workers")),
    "speedgate/runner/worker_pool.py",
)
WORKERS = (2, 8, 32, 128)
TASKS = 4  # of a worker in a round, as in a run
TASK_SECONDS = 0.005
PAIRS = 12  # of a process
PROBE_PAIRS = 40
DISPATCH = 0.02  # the share of a round outside of tasks
SAMPLES = 400  # of the GIL, in a process


@dataclass(frozen=True)
class Machine:
    """What workers meet that share no more than this: each is a share of a worker's time.

    ``neighbour``: others have the core of one worker; ``stolen``: a hypervisor has each core;
    ``locked``: of a task, behind one lock. ``grown`` is how much more CPU time a task takes when
    all cores are busy, as on hyperthreads; that of the control, too. ``held`` is the GIL's share.
    ``others``: on so many cores more others compute, from which a hypervisor takes as much.
    """

    workers: int
    neighbour: float = 0.0
    stolen: float = 0.0
    locked: float = 0.0
    grown: float = 1.0
    held: float = 0.02
    gil_enabled: bool = True
    others: int = 0

    @property
    def case(self) -> Case:
        return Case("g", 1_000_000, "threads", self.workers)


MACHINES: dict[str, Callable[[int], Machine]] = {
    "others have half of one worker's core": lambda workers: Machine(workers, neighbour=0.5),
    "a hypervisor has 10% of each core": lambda workers: Machine(workers, stolen=0.1),
    "two hyperthreads of each core, CPU time 1.4-fold": lambda workers: Machine(workers, grown=1.4),
    "the same, without a GIL": lambda workers: Machine(workers, grown=1.4, gil_enabled=False),
}


def a_pair(machine: Machine, chance: random.Random) -> Pair:
    seconds = machine.workers * TASKS * TASK_SECONDS / (1 - machine.stolen)
    alone = seconds * math.exp(0.02 * chance.gauss(0, 1))
    cpu = alone * (1 - machine.stolen)
    return Pair(Round(alone, cpu, cpu=cpu), a_round(machine, chance))


def a_round(machine: Machine, chance: random.Random) -> Round:
    """Play a round: a worker that is free takes the next task, and queues for the lock in it."""
    free = [(0.0, worker) for worker in range(machine.workers)]
    stamps: list[Stamp] = []
    waited = dict.fromkeys(range(machine.workers), 0.0)
    unlocked = 0.0
    for _ in range(machine.workers * TASKS):
        began, worker = heapq.heappop(free)
        cpu = machine.grown * TASK_SECONDS * math.exp(0.05 * chance.gauss(0, 1))
        wall = cpu / (1 - machine.stolen)
        if machine.neighbour and worker == 0:
            waited[0] += wall * machine.neighbour / (1 - machine.neighbour)
            wall /= 1 - machine.neighbour
        ended = began + wall
        if machine.locked:
            ended = max(unlocked, began + wall * (1 - machine.locked)) + wall * machine.locked
            unlocked = ended
        stamps.append(Stamp(began, ended, cpu, cpu, worker))
        heapq.heappush(free, (ended, worker))
    over = max(stamp.ended for stamp in stamps) * (1 + DISPATCH)
    tail = tail_of(turns_of(stamps, waited), over)
    on_cpu = sum(stamp.thread_cpu for stamp in stamps)
    return Round(
        over,
        on_cpu,
        cpu=on_cpu,
        in_task=sum(stamp.ended - stamp.began for stamp in stamps),
        waiting=sum(waited.values()),
        tail=tail.imbalance,
        blocked_tail=tail.blocked,
    )


def growing(machine: Machine, chance: random.Random) -> Iterator[Measurement]:
    """Yield the measurement of a case on a machine after each of its processes."""
    measurement = Measurement(machine.case, gil_enabled=machine.gil_enabled)
    measurement.replies = [Calibrated(tasks=TASKS * machine.workers, loops=1)]
    control = replace(machine, locked=0.0)
    for _ in range(MAX_PROCESSES):
        pairs = [a_pair(machine, chance) for _ in range(PAIRS)]
        measurement.processes.append(pairs)
        measurement.controls.append([a_pair(control, chance) for _ in range(PAIRS)])
        if machine.gil_enabled:
            hits = held_hits(chance, machine.held, SAMPLES)
            measurement.held_stretches.append(HeldStretch(hits, SAMPLES, SAMPLES))
        count_stolen(measurement, machine, pairs)
        yield measurement


def count_stolen(measurement: Measurement, machine: Machine, pairs: list[Pair]) -> None:
    """Count what a hypervisor took, and what the machine computed, in a process's pairs."""
    rounds = [timed for pair in pairs for timed in (pair.baseline, pair.contender)]
    theirs = machine.others * (1 - machine.stolen)
    busy = sum(timed.on_cpu + theirs * timed.seconds for timed in rounds)
    measurement.busy_seconds = (measurement.busy_seconds or 0.0) + busy
    stolen = busy * machine.stolen / (1 - machine.stolen)
    measurement.steal_seconds = (measurement.steal_seconds or 0.0) + stolen


# --- the gate


def healthy_fails(scene: str, workers: int) -> Trial:
    machine = MACHINES[scene](workers)

    def trial(chance: random.Random) -> tuple[int, int]:
        return int(verdict_after_looks(growing(machine, chance), 1) is Verdict.FAILED), 1

    return trial


def at_floors_fails(workers: int, gil_enabled: bool) -> Trial:
    """A case whose speedup, concurrency and hold, or inflation, are each what is just allowed.

    The rounds of the speedup are those of quiet trials drawn again; the others scatter by 2%.
    """
    required = floors(workers)
    machine = Machine(workers, held=required.gil_held_share, gil_enabled=gil_enabled)

    def growing_at_floors(chance: random.Random) -> Iterator[Measurement]:
        subject = chance.choice(HEALTHY)
        measurement = Measurement(machine.case, gil_enabled=gil_enabled)
        for _ in range(MAX_PROCESSES):
            (ratios,) = draw(chance, subject, 1, None, required.speedup)
            grown = 1.0 if gil_enabled else required.inflation
            measurement.processes.append(
                [pair_with(chance, workers, ratio, required.concurrency, grown) for ratio in ratios]
            )
            measurement.controls.append(
                [pair_with(chance, workers, workers, workers, 1.0) for _ in ratios]
            )
            if gil_enabled:
                hits = held_hits(chance, machine.held, SAMPLES)
                measurement.held_stretches.append(HeldStretch(hits, SAMPLES, SAMPLES))
            yield measurement

    def trial(chance: random.Random) -> tuple[int, int]:
        return int(verdict_after_looks(growing_at_floors(chance), 1) is Verdict.FAILED), 1

    return trial


def pair_with(
    chance: random.Random, workers: int, ratio: float, at_once: float, grown: float
) -> Pair:
    """Return a pair with this speedup; the others scatter by 2% around what is given."""

    def near(value: float) -> float:
        return value * math.exp(0.02 * chance.gauss(0, 1))

    seconds = TASK_SECONDS
    on_cpu = near(at_once) * seconds
    contender = Round(seconds, on_cpu, cpu=on_cpu, in_task=0.99 * workers * seconds, waiting=0.0)
    return Pair(Round(ratio * seconds, seconds, cpu=on_cpu / near(grown)), contender)


# --- the GIL in a queue


def queue_concurrency(chance: random.Random, workers: int, held: float, calls: int = 60) -> float:
    """Return how many workers ran at once that each hold one lock for a share of every call.

    Calls and holds take exponential times; a worker that waits for the lock does not run.
    """
    ready = [chance.expovariate(1 / (1 - held)) for _ in range(workers)]
    free, busy, end = 0.0, sum(ready), 0.0
    for _ in range(workers * calls):
        worker = min(range(workers), key=ready.__getitem__)
        hold = chance.expovariate(1 / held)
        free = max(free, ready[worker]) + hold
        work = chance.expovariate(1 / (1 - held))
        busy += hold + work
        ready[worker] = free + work
        end = free
    late = sum(max(0.0, moment - end) for moment in ready)
    return (busy - late) / end


def allowed_hold_fails(workers: int, held: float, floors_of_gate: Floors | None = None) -> Trial:
    required = floors_of_gate or floors(workers)

    def trial(chance: random.Random) -> tuple[int, int]:
        concurrency = min(workers, queue_concurrency(chance, workers, held, 20))
        evidence = _evidence(workers, concurrency, 0.75 * concurrency, held)
        judgement = judge(GATE, Machine(workers).case, evidence, required, True)
        return int(judgement.verdict is Verdict.FAILED), 1

    return trial


def hold_called_a_lock(workers: int) -> Trial:
    def trial(chance: random.Random) -> tuple[int, int]:
        concurrency = min(workers, queue_concurrency(chance, workers, 0.1, 20))
        evidence = _evidence(workers, concurrency, 1.05, held=0.1)
        classification = classify(
            workers,
            evidence.speedup,
            evidence.gil_held_share,
            evidence.concurrency,
            evidence.control,
        )
        return int(classification.kind is GilClass.HOLDS), 1

    return trial


def _evidence(workers: int, concurrency: float, speedup: float, held: float) -> Evidence:
    def near(value: float) -> Estimate:
        return Estimate(value, 0.99 * value, 1.01 * value, 0.99, 40)

    return Evidence(
        workers=workers,
        speedup=near(speedup),
        process_speedups=(speedup, speedup),
        concurrency=Concurrency(near(0.98 * concurrency), near(concurrency)),
        control=near(0.95 * workers),
        gil_held_share=near(held),
    )


# --- classes and causes


def contends_at_bounds(workers: int) -> Trial:
    """Whether workers are certainly said to contend that just do not: C is 0.85 W, the CPU time
    grows by 1.15 over the control's 1.2."""

    def trial(chance: random.Random) -> tuple[int, int]:
        measurement = Measurement(Machine(workers).case, gil_enabled=False)
        at_once, grown = 0.85 * workers, 1.2 * GROWN
        measurement.processes = [
            [pair_with(chance, workers, 0.6 * workers, at_once, grown) for _ in range(PAIRS)]
        ]
        measurement.controls = [
            [pair_with(chance, workers, 0.8 * workers, workers, 1.2) for _ in range(PAIRS)]
        ]
        classification = gil_class_of(measurement)
        assert classification is not None
        return int(classification.kind is not GilClass.SCALES and classification.certain), 1

    return trial


# What a machine's own doing may be called: nothing, or CPUs that are slowed or shared.
OF_THE_MACHINE = (Cause.NONE, Cause.CPUS, Cause.UNKNOWN)


def wrong_cause(scene: str, workers: int) -> Trial:
    """Whether what the machine took is called the work's own."""
    machine = MACHINES[scene](workers)

    def trial(chance: random.Random) -> tuple[int, int]:
        pairs, controls = ([a_pair(machine, chance) for _ in range(PROBE_PAIRS)] for _ in range(2))
        steal = machine.stolen / (1 - machine.stolen)
        held = None if not machine.gil_enabled else Estimate(0.02, 0.01, 0.03, 0.99, 400)
        probe = ContentionProbe(
            workers,
            arm_of(pairs, workers),
            arm_of(controls, workers),
            gil_held_share=held,
            gil_enabled=machine.gil_enabled,
            steal=steal,
        )
        return int(name_cause(probe).cause not in OF_THE_MACHINE), 1

    return trial


def cause_at_bounds(workers: int) -> Trial:
    """Whether a loss is called sure where each is just what none has: 0.1 of the time blocked, 0.1
    waiting, CPU time that grows by 1.1."""

    def trial(chance: random.Random) -> tuple[int, int]:
        pairs = [_at_bounds(chance, workers) for _ in range(PROBE_PAIRS)]
        controls = [
            pair_with(chance, workers, 0.98 * workers, workers, 1.0) for _ in range(PROBE_PAIRS)
        ]
        probe = ContentionProbe(
            workers, arm_of(pairs, workers), arm_of(controls, workers), gil_enabled=False
        )
        return int(name_cause(probe).cause not in (Cause.NONE, Cause.UNKNOWN)), 1

    return trial


def _at_bounds(chance: random.Random, workers: int) -> Pair:
    total = workers * TASK_SECONDS
    waiting, blocked = (total * (0.1 + 0.01 * chance.gauss(0, 1)) for _ in range(2))
    in_task = 0.95 * total
    on_cpu = in_task - waiting - blocked
    contender = Round(TASK_SECONDS, on_cpu, cpu=on_cpu, in_task=in_task, waiting=waiting)
    alone = on_cpu / 1.1 * math.exp(0.02 * chance.gauss(0, 1))
    return Pair(Round(0.6 * total, alone, cpu=alone), contender)
