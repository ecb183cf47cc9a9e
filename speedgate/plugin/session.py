"""State: what the plugin knows during a run of pytest, in parts with one purpose each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from speedgate.builds.build import Build
from speedgate.history.history import History, ReferenceWindow
from speedgate.history.recording import Compared, Recording
from speedgate.judging.gate import Gate, Judgement, decision_confidence, judge
from speedgate.judging.row import Row
from speedgate.measuring.budget import JUDGED_WEIGHT, SPARE_SHARE, Budget, default_seconds
from speedgate.measuring.children import begin, termination_as_interrupt
from speedgate.measuring.machine_limit import told_at_the_limit
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.runner_process import THIS, Interpreter
from speedgate.measuring.turn import TURN, MachineTaken
from speedgate.plugin.bench import Bench, Item
from speedgate.plugin.check_runner import CheckRunner
from speedgate.plugin.clock import RunnerClock
from speedgate.plugin.settings import Settings
from speedgate.report.exit_code import ExitCode, code_of, with_remedy
from speedgate.stats.case import Case, Workload

STATE = pytest.StashKey["State"]()


@dataclass(frozen=True)
class UnderTest:
    """What is measured: another ``build``, or this Python where that is ``None``; and the
    interpreter that its runners run in."""

    build: Build | None = None
    interpreter: Interpreter = THIS

    @property
    def described(self) -> dict[str, Any]:
        """What another Python said of itself before anything was measured."""
        return {} if self.build is None else self.build.environment


@dataclass
class Collected:
    """What was found, and then selected; items, gates and clocks by node id.

    ``workloads`` are all that the benches of this run declare, ``declared`` their cases by the
    function's node id. ``plain`` are the benchmarks without cases that ask to be shown only where
    their file is named, with the name of the file. ``is_whole`` once pytest has collected without
    an error.
    """

    workloads: set[str] = field(default_factory=set)
    gates: list[Gate] = field(default_factory=list)
    declared: dict[tuple[str, Case], Item] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    clocks: dict[str, RunnerClock] = field(default_factory=dict)
    judged: dict[str, tuple[Gate, ...]] = field(default_factory=dict)
    selected: list[str] = field(default_factory=list)
    is_whole: bool = False

    def weight(self, nodeid: str) -> float:
        """Return an item's part of the budget: a verdict needs more rounds than a figure."""
        return JUDGED_WEIGHT if self.is_judged(nodeid) else 1.0

    def is_judged(self, nodeid: str) -> bool:
        """Whether a gate judges an item."""
        return bool(self.judged.get(nodeid))

    def others(self, items: Iterable[pytest.Item]) -> list[pytest.Item]:
        """Return the tests that use pytest-benchmark's fixture, and are none of ours."""
        return [
            item
            for item in items
            if "benchmark" in getattr(item, "fixturenames", ()) and item.nodeid not in self.items
        ]

    @property
    def judged_count(self) -> int:
        return sum(len(gates) for gates in self.judged.values())


@dataclass
class Measured:
    """What has run so far, by node id, and what was left out with the reason.

    ``unavailable`` are the items that this machine or build cannot have at all, ``machine_faults``
    those that failed for want of files, processes or memory.

    ``fixed`` are the arguments that a benchmark gave the fixture; ``ran`` holds the verdict items,
    too. ``budget`` is there once collection is over, ``shared`` are those that have had their part
    of it; times are seconds. ``check_runner`` is what checks, one after the other, share where
    nothing is timed.
    """

    environment: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, dict[str, Any]] = field(default_factory=dict)
    measurements: dict[str, Measurement] = field(default_factory=dict)
    rows: dict[Bench, dict[str, Row]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    unavailable: set[str] = field(default_factory=set)
    machine_faults: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    budget: Budget | None = None
    shared: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    timed_seconds: float = 0.0
    check_runner: CheckRunner = field(default_factory=CheckRunner)


@dataclass
class SessionVerdicts:
    """The verdicts of this run, by the node id of the item that gave them.

    ``unsettled`` are the verdict items that failed, here or before, and have not passed since, each
    with the benchmarks that it judges. ``undecided`` are those that failed here for want of a
    verdict only. ``promises`` are the promises that were kept here, or mean nothing here.
    """

    verdicts: dict[str, Judgement] = field(default_factory=dict)
    unsettled: dict[str, list[str]] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    promises: set[str] = field(default_factory=set)

    @property
    def judgements(self) -> list[Judgement]:
        """In order; an item that is run again has its last word only."""
        return list(self.verdicts.values())


@dataclass
class Past:
    """The history, the run that this one is shown beside, and the ``windows`` of earlier runs that
    the history gate judges by; ``None`` where nothing is compared with.

    ``left_out`` are files of this environment that cannot be read, ``aside`` runs of it that were
    moved aside."""

    history: History | None = None
    compared: Compared | None = None
    windows: dict[str, ReferenceWindow] | None = None
    left_out: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)


@dataclass
class Saving:
    """Where this run goes. ``troubles`` say what could not be saved: they make the run red."""

    recording: Recording | None = None
    kept_in: str = ""
    troubles: list[str] = field(default_factory=list)


@dataclass
class Words:
    """What the reader is to know besides figures and verdicts.

    ``remarks`` come before anything is measured, ``notes`` at the end. The ``complaint`` makes the
    run red; the ``refusal`` says what in the ini file cannot be used.
    """

    remarks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complaint: str | None = None
    refusal: str | None = None


@dataclass
class State:
    """What the plugin knows during a run; each part is filled by the hooks that its name tells."""

    settings: Settings
    control: Workload | None = None
    under_test: UnderTest = field(default_factory=UnderTest)
    collected: Collected = field(default_factory=Collected)
    measured: Measured = field(default_factory=Measured)
    judged: SessionVerdicts = field(default_factory=SessionVerdicts)
    past: Past = field(default_factory=Past)
    saving: Saving = field(default_factory=Saving)
    words: Words = field(default_factory=Words)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was selected has run to its end."""
        return self.measured.ran.issuperset(self.collected.selected)

    def start_budget(self, nodeids: Sequence[str]) -> None:
        """Spread the time of the run over the items that are left to measure."""
        weights = {nodeid: self.collected.weight(nodeid) for nodeid in nodeids}
        weight = sum(weights.values())
        seconds = self.settings.budget or default_seconds(weight)
        self.measured.budget = Budget(
            (1 - SPARE_SHARE) * seconds,
            weight,
            explicit=self.settings.budget is not None,
            spare=SPARE_SHARE * seconds,
            judged=sum(weights[nodeid] for nodeid in weights if self.collected.is_judged(nodeid)),
        )

    def take_share(self, nodeid: str) -> float:
        """Return the seconds that an item may take."""
        weight, judged = self.collected.weight(nodeid), self.collected.is_judged(nodeid)
        self.measured.shared.add(nodeid)
        return self.measured.budget.take(weight, judged) if self.measured.budget else 0.0

    def give_back_share(self, nodeid: str) -> None:
        """Leave to the others the part of an item that is over, if it has not taken it: it skipped
        itself, or cannot be measured here."""
        weight, judged = self.collected.weight(nodeid), self.collected.is_judged(nodeid)
        if self.measured.budget and nodeid not in self.measured.shared:
            self.measured.budget.give_back(weight, judged)

    def judge(self, gate: Gate, measurement: Measurement, final: bool) -> Judgement:
        """Return what a gate says of a case by what was measured so far."""
        case = measurement.case
        evidence = measurement.evidence(decision_confidence(self.collected.judged_count))
        return judge(gate, case, evidence, self.settings.floors(case.workers), final)


def measures(config: pytest.Config) -> bool:
    """Whether benchmarks are timed in this session at all."""
    disabled = config.getoption("benchmark_disable") and not config.getoption("benchmark_enable")
    return not (disabled or config.getoption("benchmark_skip") or config.getoption("collectonly"))


def prepare_for_the_end(config: pytest.Config, state: State) -> None:
    """Prepare to measure; where the machine is at fault, end the session with its code."""
    try:
        state.words.notes += prepare_to_measure(config)
    except (MachineTaken, OSError) as error:
        if code_of(error) is not ExitCode.MACHINE:
            raise
        pytest.exit(with_remedy(error), returncode=ExitCode.MACHINE)


def prepare_to_measure(config: pytest.Config) -> list[str]:
    """Wait for this run's turn, end what a killed run has left, and let SIGTERM end this one as
    Ctrl-C does, saved. Return what there is to tell of the killed one.

    ``MachineTaken`` where another run keeps the turn, ``OSError`` where no process can be started.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    config.add_cleanup(TURN.release)
    with told_at_the_limit():
        TURN.take(
            lambda line: reporter and reporter.write_line(line),
            bool(config.getoption("speedgate_beside_others")),
        )
        told = begin()
    undoing = contextlib.ExitStack()
    undoing.enter_context(termination_as_interrupt())
    config.add_cleanup(undoing.close)
    return told
