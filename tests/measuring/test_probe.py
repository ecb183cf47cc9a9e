"""The probe: which arms are measured, and what their rounds show."""

import gc

import pytest

from speedgate.judging.contention import Cause, name_cause
from speedgate.measuring import probe
from speedgate.measuring.errors import WorkloadError
from speedgate.measuring.plan import Plan, import_folders
from speedgate.measuring.probe import arm_of, can_be_probed, probe_case
from speedgate.measuring.runner_process import RunnerProcess
from speedgate.runner import messages
from speedgate.stats.case import Case
from speedgate.stats.sample import Pair, Round
from workloads import CATALOGUE, CONTROL, G_OUT, F, G, Workload

TWO = Case("g", 1_000, "threads", 2)


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch):
    """No figure of these is read, so that two pairs of each arm will do."""
    monkeypatch.setattr(probe, "LEAST_PAIRS", 2)
    monkeypatch.setattr(probe, "MOST_PAIRS", 2)


class Recording:
    """A real runner that notes which batches were opened under which strategy."""

    def __init__(self, opened):
        self._runner = RunnerProcess(import_folders(G), 1)
        self._opened = opened

    def ask(self, request, limit_seconds):
        if request["do"] == messages.OpenCase.do:
            batches = {batch["key"]: batch for batch in request["batches"]}
            self._opened[request["strategy"]] = batches
        return self._runner.ask(request, limit_seconds)

    def close(self):
        self._runner.close()


def test_every_arm_is_measured_in_one_stretch():
    opened = {}
    small = Workload("small", G_OUT.function, "stands for the large arrays", prepare=G_OUT.prepare)
    plan = Plan(0.0, control=CONTROL)
    found = probe_case(TWO, G, plan, lambda: Recording(opened), bandwidth=small)
    assert list(opened["threads"]) == ["work", "preallocated", "shared", "bandwidth", "control"]
    assert opened["threads"]["shared"]["buffers"] == 1
    assert list(opened["processes"]) == ["processes"]
    for arm in (found.work, found.shared, found.preallocated, found.processes, found.control):
        assert arm.growth.count == arm.speedup.count == 2
    assert found.private is None
    assert name_cause(found).cause is Cause.UNKNOWN  # two pairs have no interval


def test_a_twin_takes_the_place_of_the_shared_argument_and_goes_to_the_processes():
    opened = {}
    shared = CATALOGUE["calls_shared"]
    case = Case(shared.name, 100, "threads", 2)
    probe_case(case, shared, Plan(0.0), lambda: Recording(opened))
    assert list(opened["threads"]) == ["work", "private"]
    own = opened["threads"]["private"]["prepare"]
    assert (
        opened["processes"]["processes"]["prepare"] == own != opened["threads"]["work"]["prepare"]
    )


def test_what_cannot_be_opened_in_processes_leaves_that_arm_out():
    class Refusing(Recording):
        def ask(self, request, limit_seconds):
            if request.get("strategy") == "processes":
                failure = messages.Failure("OSError", "no more processes")
                return messages.encode(failure)
            return super().ask(request, limit_seconds)

    found = probe_case(TWO, G, Plan(0.0), lambda: Refusing({}))
    assert found.processes is None
    assert found.work.growth is not None


def test_what_the_work_itself_raises_is_raised():
    broken = Workload("broken", F.function, "its input is no size", prepare=import_folders)
    with pytest.raises(WorkloadError, match="broken-1e3-threads-2 raised"):
        probe_case(Case("broken", 1_000, "threads", 2), broken, Plan(0.0), lambda: Recording({}))


@pytest.mark.parametrize(
    ("strategy", "can"), [("threads", True), ("foreach", False), ("processes", False)]
)
def test_threads_that_stay_can_be_probed(strategy, can):
    assert can_be_probed(Case("g", 1_000, strategy, 2), G) is can


def collect(size):
    gc.collect()


def test_a_runner_counts_the_time_of_the_collector_in_a_probe_only():
    from speedgate.runner.server import Runner  # noqa: PLC0415
    from speedgate.runner.task import BatchRequest  # noqa: PLC0415

    runner = Runner()
    work = BatchRequest("work", f"{__name__}:collect", "workloads.workload:size_only", 1, 0, 2)
    before = list(gc.callbacks)
    try:
        runner.open(messages.OpenCase("threads", 2, [work]))
        runner.calibrate(messages.Calibrate(tasks=2, loops=1))
        plain = runner.rounds(messages.RunRounds(1, 0.0)).pairs[0].contender
        (arm,) = runner.arms(messages.RunArms(["work"], 1)).arms
        assert plain.collecting is None
        assert 0 < arm.pairs[0].contender.collecting <= arm.pairs[0].contender.seconds
    finally:
        runner.close(messages.Close())
    assert gc.callbacks == before


def test_shares_of_an_arm_are_those_of_its_rounds():
    def pair(number):
        contender = Round(
            1.0, 1.2, cpu=1.5, in_task=1.9, waiting=0.1, minor_faults=300_000, collecting=0.5
        )
        return Pair(Round(1.0 + number / 100, 1.0, cpu=1.0), contender)

    arm = arm_of([pair(number) for number in range(12)], workers=2)
    assert arm.growth.value == 1.5
    assert arm.blocked.value == pytest.approx(0.3)
    assert arm.waiting.value == pytest.approx(0.05)
    assert arm.idle.value == pytest.approx(0.05)
    assert arm.stopped.value == pytest.approx(0.35)
    assert arm.collecting.value == pytest.approx(0.25)
    assert arm.fault_share.value == pytest.approx(0.1)
    assert arm.speedup.low < arm.speedup.value < arm.speedup.high
