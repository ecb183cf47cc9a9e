"""Matchup: one case in every build, block by block. The builds are each other's control."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from speedgate.builds.label import BuildLabel
from speedgate.duel.block import Block
from speedgate.judging.census_sides import are_other_calls
from speedgate.measuring.aftermath import look_after
from speedgate.measuring.errors import MeasurementError, NotAvailable, WorkloadError
from speedgate.measuring.measure import Session, blas_limit_broken, sample_held
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.measuring.runner_process import THIS, Interpreter, RunnerClient
from speedgate.runner.interpreter import BLAS_THREAD_VARIABLES
from speedgate.runner.machine import usable_cores
from speedgate.runner.messages import Calibrate, RunRounds
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case, Workload
from speedgate.stats.sample import Pair

# The seconds of a block in each build; three replicates may take longer. Where workers keep to
# cores of their own, fresh processes differ by more than rounds do: many short blocks tell most.
# Where threads of BLAS oversubscribe the cores, rounds differ more: a single one may take seconds.
BLOCK_SECONDS = 0.12
CROWDED_BLOCK_SECONDS = 0.3
LONGEST_BLOCK_SECONDS = 0.5
LEAST_REPLICATES = 3
MOST_REPLICATES = 40
# One sampling costs 0.03 s more than this.
HELD_SECONDS = 0.06
# A look takes a seventh of a second of each build: the first ones choose what is looked at again.
LOOKED_AT_BLOCKS = 2
# Idle threads of a BLAS spin for about this long before they sleep: the next build waits for that.
SETTLE_SECONDS = 0.04
BLAS_DEFAULT = "blas-default"

T = TypeVar("T")


@dataclass(frozen=True)
class DuelEntry:
    """A case of a duel, with the threads that BLAS has in each runner: ``None`` leaves it alone."""

    workload: Workload
    case: Case
    blas_threads: int | None = 1

    @property
    def label(self) -> str:
        """``eigh-2500-threads-2/blas-default``."""
        return self.case.id if self.blas_threads == 1 else f"{self.case.id}/{self.blas_label}"

    @property
    def blas_label(self) -> str:
        return BLAS_DEFAULT if self.blas_threads is None else f"blas-{self.blas_threads}"


@dataclass(frozen=True)
class BuildUnderTest:
    """What a matchup needs of a build: its variables, and what opens a runner for an entry."""

    label: BuildLabel
    open_runner: Callable[[DuelEntry], RunnerClient]
    variables: Mapping[str, str] = field(default_factory=dict)
    interpreter: Interpreter = THIS

    @property
    def sets_blas_threads(self) -> bool:
        """Whether the build sets the threads of BLAS itself, in place of what every runner sets."""
        return any(name in self.variables for name in BLAS_THREAD_VARIABLES)


class Matchup:
    """One entry in every build: a ``Measurement`` for each, and the blocks between them.

    All that is known of a build is kept under its label. ``failures`` and ``lacking`` say why one
    takes no part any more, ``gave_up`` why none does; ``is_placed`` whether all
    workers that should keep to a core each could.
    """

    # Whether its blocks cost so little that many cases are confirmed at once.
    is_quick = False

    def __init__(
        self,
        entry: DuelEntry,
        builds: Sequence[BuildUnderTest],
        time_limit: float,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.entry = entry
        self.builds = {build.label: build for build in builds}
        self.measurements = {label: Measurement(entry.case) for label in self.builds}
        self.blocks: list[Block] = []
        self.failures: dict[BuildLabel, str] = {}
        self.lacking: dict[BuildLabel, str] = {}
        self._missing: dict[BuildLabel, WorkloadError] = {}
        self._call = ""
        self.gave_up = ""
        self.is_placed = True
        self._plan = plan_of(entry, builds, time_limit)
        self._now = now
        self._pause = pause

    @property
    def reference(self) -> BuildLabel:
        """The first build, against which all others are held."""
        return next(iter(self.builds))

    @property
    def others(self) -> list[BuildLabel]:
        """All builds but the reference."""
        return [label for label in self.builds if label != self.reference]

    @property
    def remaining(self) -> list[BuildLabel]:
        """The builds that still take part, in order."""
        out = self.failures.keys() | self.lacking.keys() | self._missing.keys()
        return [label for label in self.builds if label not in out]

    @property
    def contenders(self) -> list[BuildLabel]:
        """The builds that can still be held against the reference."""
        remaining = self.remaining
        return remaining[1:] if self.reference in remaining else []

    @property
    def calls(self) -> int:
        """The calls of a round, the same in every build; 1 where nothing was measured."""
        return self.measurements[self.reference].calls

    @property
    def has_cores_of_its_own(self) -> bool:
        """Whether each worker has a core: those that share one wait for each other, too."""
        have_cores = self.entry.case.workers <= usable_cores()
        return self._plan.placed and self.is_placed and have_cores

    def is_over(self) -> bool:
        """Whether there is nothing left to compare: the reference failed, or all others."""
        return not self.contenders

    def run_block(self, is_looked_at: bool = False) -> None:
        """Measure in one fresh runner of each build, side by side, and sample its GIL.

        The first blocks also look at what calls leave behind, and others if they are asked to.
        """
        looks = is_looked_at or len(self.blocks) < LOOKED_AT_BLOCKS
        began = self._now()
        with ExitStack() as stack:
            # All interpreters start at once, and are then opened one by one.
            sessions = {
                build: stack.enter_context(self._start(build))
                for build in self._rotated(len(self.blocks))
            }
            for build, session in sessions.items():
                self._guarded(build, self._open, build, session)
            self._tell_what_is_missing()
            if self.is_over():
                return
            replicates = self._run_replicates(sessions)
            shares = {
                build: self._gil_held_share(build, sessions[build]) for build in self.remaining
            }
            left = self._left_in(sessions) if looks else {}
            self._tell_what_is_missing()
        known = {build: share for build, share in shares.items() if share is not None}
        self.blocks.append(
            Block(
                self.reference,
                self.entry.case.workers,
                tuple(replicates),
                known,
                self.has_cores_of_its_own,
                left,
            )
        )
        for build in self.remaining:
            self.measurements[build].wall_seconds += self._now() - began

    def _left_in(
        self, sessions: Mapping[BuildLabel, Session]
    ) -> dict[BuildLabel, Mapping[str, float]]:
        """What calls leave behind in each build; runners of other projects' benchmarks cannot
        tell."""
        if hasattr(self.entry.workload, "open_request"):
            return {}
        return {
            build: self._guarded(build, look_after, sessions[build]) or {}
            for build in self.remaining
        }

    def _rotated(self, turn: int) -> list[BuildLabel]:
        """The builds in the order of a turn: each comes first as often as any other."""
        builds = self.remaining
        start = turn % max(1, len(builds))
        return builds[start:] + builds[:start]

    def _guarded(self, build: BuildLabel, step: Callable[..., T], *arguments: Any) -> T | None:
        """Do a step of one build; where it fails, that build is out and the others go on."""
        try:
            return step(*arguments)
        except NotAvailable as error:
            self.lacking[build] = str(error)
        except WorkloadError as error:
            if error.missing is None:
                self.failures[build] = str(error)
            else:
                self._missing[build] = error
        except MeasurementError as error:
            self.failures[build] = str(error)
        return None

    def _tell_what_is_missing(self) -> None:
        """Tell what a build lacks from what none has: that is a fault of the workload."""
        names = {error.missing for error in self._missing.values()}
        in_all = len(self._missing) == len(self.builds) and len(names) == 1
        for build, error in self._missing.items():
            if in_all:
                self.failures[build] = str(error)
            else:
                self.lacking[build] = f"{self.entry.label}: this build lacks {error.missing}"
        self._missing.clear()

    def _start(self, build: BuildLabel) -> Session:
        measurement = self.measurements[build]
        measurement.processes.append([])
        measurement.controls.append([])
        return Session(
            measurement,
            self.entry.workload,
            self._plan,
            lambda: self.builds[build].open_runner(self.entry),
            self._now,
        )

    def _open(self, build: BuildLabel, session: Session) -> None:
        """Open the case in a fresh runner; the first one's load is everybody's from then on."""
        measurement = self.measurements[build]
        opened = session.open(check=len(measurement.processes) == 1)
        self._take_call(build, opened.call)
        measurement.replies.append(opened)
        self.is_placed &= opened.placed or not self._plan.placed
        if not self.builds[build].sets_blas_threads:
            broken = blas_limit_broken(opened, self.entry.blas_threads)
            if broken is not None:
                raise MeasurementError(f"{self.entry.label}: {broken}")
        calibrated = session.ask(Calibrate(self._plan.tasks, self._plan.loops))
        measurement.replies.append(calibrated)
        self._plan = replace(self._plan, tasks=calibrated.tasks, loops=calibrated.loops)
        self._settle()

    def _take_call(self, build: BuildLabel, call: str) -> None:
        """Take in how a build calls a cell; ``NotAvailable`` where that is another call than the
        reference's, which the first block opens first."""
        if build == self.reference:
            self._call = call
        if are_other_calls(self._call, call):
            raise NotAvailable(
                f"{self.entry.label}: called differently in the two: {build} takes other "
                f"arguments, dtypes or shapes than {self.reference}, so that there is nothing to "
                "compare"
            )

    def _settle(self) -> None:
        if self.entry.blas_threads != 1:
            self._pause(SETTLE_SECONDS)

    def _run_replicates(
        self, sessions: Mapping[BuildLabel, Session]
    ) -> list[Mapping[BuildLabel, Pair]]:
        replicates: list[Mapping[BuildLabel, Pair]] = []
        began = self._now()
        while len(replicates) < MOST_REPLICATES and not self._is_long_enough(
            len(replicates), (self._now() - began) / len(sessions)
        ):
            pairs: dict[BuildLabel, Pair] = {}
            for build in self._rotated(len(self.blocks) + len(replicates)):
                pair = self._guarded(build, self._one_pair, build, sessions[build])
                if pair is not None:
                    pairs[build] = pair
            if self.is_over():
                break
            replicates.append(pairs)
        return replicates

    def _is_long_enough(self, replicates: int, seconds: float) -> bool:
        """Whether a block with these replicates, after these seconds in each build, may end."""
        enough = BLOCK_SECONDS if self._plan.placed else CROWDED_BLOCK_SECONDS
        limit = enough if replicates >= LEAST_REPLICATES else LONGEST_BLOCK_SECONDS
        return replicates > 0 and seconds >= limit

    def _one_pair(self, build: BuildLabel, session: Session) -> Pair:
        measurement = self.measurements[build]
        pairs = measurement.processes[-1]
        counted = session.ask(RunRounds(pairs=1, seconds=0.0))
        measurement.add_rounds(counted, pairs, measurement.controls[-1])
        if measurement.broken is not None:
            raise MeasurementError(f"{self.entry.label}: {measurement.broken}")
        self._settle()
        return pairs[-1]

    def _gil_held_share(self, build: BuildLabel, session: Session) -> float | None:
        """Sample the GIL where workers share one, and no BLAS threads spin beside them."""
        shares_gil = STRATEGIES[self.entry.case.strategy].workers_are == "threads"
        if not shares_gil or self.entry.blas_threads != 1:
            return None
        stretch = self._guarded(build, sample_held, self.measurements[build], session, HELD_SECONDS)
        return None if stretch is None else stretch.share


def plan_of(entry: DuelEntry, builds: Sequence[BuildUnderTest], time_limit: float) -> Plan:
    """Return how an entry is measured: no control, and two tasks a worker in a round.

    Short rounds make many replicates, and the median of many forgives a neighbour's bursts. Where
    workers oversubscribe a busy machine's cores a call takes a hundred times what it takes alone,
    so that fewer results are compared as well.

    Workers keep to a core each: where the scheduler starts two on one core decides a short round,
    and which build has that luck is chance. Not so beside threads of BLAS itself, which would
    inherit the core of the worker that starts them.
    """
    is_alone = entry.blas_threads == 1 and not any(build.sets_blas_threads for build in builds)
    return Plan(
        seconds=0.0,
        time_limit=time_limit,
        blas_threads=entry.blas_threads,
        tasks=2 * entry.case.workers,
        check_tasks=None if entry.blas_threads == 1 else entry.case.workers,
        placed=is_alone,
    )
