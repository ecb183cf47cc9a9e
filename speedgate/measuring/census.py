"""The census: cells listed by a fresh interpreter, then measured many to a runner.

A runner that crashes or hangs costs the cell at which it did: the next one goes on behind it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from speedgate.judging.census_sides import are_other_calls
from speedgate.measuring.errors import MeasurementError, NoAnswer, RunnerEnded
from speedgate.measuring.measure import blas_limit_broken, find_py_spy, take_held
from speedgate.measuring.measured_row import gil_class_of
from speedgate.measuring.measurement import Measurement, pair_of
from speedgate.measuring.plan import import_folders, reference
from speedgate.measuring.runner_process import Interpreter, RunnerClient, RunnerProcess, answer_of
from speedgate.measuring.suite import CONTROL, find_workload
from speedgate.measuring.targets import compile_expression
from speedgate.runner.census_messages import (
    CellsListed,
    CloseCell,
    ListCandidates,
    ListCells,
    ListFunctions,
    OpenCell,
    OpenCensus,
    SampleCells,
)
from speedgate.runner.messages import Answer, Calibrated, Failure, Opened, Request, RunRounds
from speedgate.runner.task import BatchRequest
from speedgate.stats.case import Case, format_size
from speedgate.stats.sample import Pair

SERVE = "from speedgate.runner.census import serve; serve()"
# The module that derives the cells, which runners find in the folders of the suite.
MODULE = "workloads.census.cells"
STRATEGY = "threads"
BLAS_THREADS = 1
DEFAULT_BUDGET_SECONDS = 600.0
START_SECONDS = 20.0
# For the cells of a function, each of which is tried in a fraction of a millisecond.
LIST_SECONDS = 5.0
# For one of these, where they are tried one by one.
TRIAL_SECONDS = 2.0
# What hangs time and again is given up: a function of which this many cells do not return, and
# every further function that does not once it is this many cells in all.
MOST_HANGS, MOST_HANGS_IN_ALL = 5, 30
# Of a cell that takes longer nothing is measured.
CELL_SECONDS = 5.0
# With fewer pairs, neighbours that resemble each other by chance leave no interval.
PAIRS, MORE_PAIRS = 10, 16
ROUNDS_SECONDS, MORE_ROUNDS_SECONDS = 0.15, 0.5
HELD_SECONDS, MORE_HELD_SECONDS = 0.03, 0.12
# This number of cells shares one start of the sampler, which takes a tenth of a second.
SAMPLED_AT_ONCE = 40
# Pairs of the host control, of this cell and of those before it.
RECENT_CONTROLS = 12

Json = dict[str, Any]
Open = Callable[[], RunnerClient]


@dataclass(frozen=True)
class CensusCell:
    """A function on a dtype or loop, in a layout; ``size`` in elements.

    ``call`` tells what a build calls it with, "" if that is not known.
    """

    name: str
    size: int
    call: str = field(default="", compare=False)

    @property
    def path(self) -> str:
        """The function: ``numpy.add.reduce`` of ``numpy.add.reduce[dd->d]-contiguous``."""
        return self.name.partition("[")[0]

    @property
    def work(self) -> str:
        """``numpy.add.reduce[dd->d]-contiguous-1e5``, as of its case."""
        return f"{self.name}-{format_size(self.size)}"

    def case(self, workers: int) -> Case:
        return Case(self.name, self.size, STRATEGY, workers)


@dataclass
class CellListing:
    """What a NumPy has: its functions with their cells, and why the others have none.

    ``lost`` are the candidates whose trial ended the interpreter or did not return, and those that
    were not tried for that, each with the reason. ``seconds`` is how long it took to find all that.
    """

    environment: Json = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    cells: list[CensusCell] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def covered(self) -> set[str]:
        """The functions that have a cell; of a ufunc its methods count for it."""
        return {name for name in self.functions if name not in self.reasons}

    def as_json(self) -> Json:
        """Return it as a saved census keeps it; plain JSON."""
        return {
            "functions": len(self.functions),
            "covered": len(self.covered),
            "cells": len(self.cells),
            "reasons": self.reasons,
            "lost": self.lost,
            "function_names": self.functions,
            "cell_names": [cell.work for cell in self.cells],
            "cell_calls": [cell.call for cell in self.cells],
        }


def census_folders(option: str) -> tuple[str, ...]:
    """Return the folders that a runner of the census imports from; ``OptionError`` names
    ``option`` where the suite cannot be imported."""
    return import_folders(find_workload(CONTROL, option))


def open_process(folders: Sequence[str], interpreter: Interpreter) -> RunnerClient:
    """Open a runner of the census."""
    return RunnerProcess(folders, BLAS_THREADS, interpreter, serve=SERVE)


def control_batch(folders: Sequence[str], option: str) -> BatchRequest:
    """Return the host control, which is measured beside the cells."""
    control = find_workload(CONTROL, option)
    return BatchRequest(
        "control",
        reference(control.function),
        reference(control.prepare),
        size=1,
        seed=0,
        buffers=2,
        path=tuple(folders),
    )


class FailedCell(MeasurementError):
    """A cell that cannot be measured; the text is the reason."""


class CensusClient:
    """A runner that is started when it is needed, and again after it has ended."""

    def __init__(self, open_runner: Open, begin: Request[Any]) -> None:
        self._open_runner, self._begin = open_runner, begin
        self._client: RunnerClient | None = None
        self.begun: Any = None

    def ask(self, request: Request[Answer], limit_seconds: float) -> Answer:
        """Return the answer; ``MeasurementError`` where there is none, and the runner is gone
        unless it says so itself (``FailedCell``)."""
        self.start()
        return self._asked(request, limit_seconds)

    def _asked(self, request: Request[Answer], limit_seconds: float) -> Answer:
        assert self._client is not None
        try:
            answer = answer_of(self._client, request, limit_seconds)
        except MeasurementError:
            self.close()
            raise
        if isinstance(answer, Failure):
            first = (answer.message.strip().splitlines() or [""])[0]
            raise FailedCell(f"{answer.type}: {first}")
        return answer

    def start(self) -> Any:
        """Return what the runner answers to the first request; one that refuses it is of no use
        to any other, and is ended (``MeasurementError``)."""
        if self._client is None:
            self._client = self._open_runner()
            try:
                self.begun = self._asked(self._begin, START_SECONDS)
            except FailedCell as error:
                self.close()
                raise MeasurementError(f"its runner could not begin: {error}") from None
        return self.begun

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None


def list_census(open_runner: Open, folders: Sequence[str]) -> CellListing:
    """Return what the NumPy of a fresh interpreter has."""
    runner = CensusClient(open_runner, ListFunctions(MODULE, list(folders)))
    lister, began = _Lister(runner), time.monotonic()
    listing = lister.listing
    try:
        listed = runner.start()
        listing.environment = listed.environment
        for function in listed.functions:
            lister.add(function.path, function.reason)
    finally:
        runner.close()
    listing.seconds = time.monotonic() - began
    return listing


@dataclass
class _Lister:
    """Finds the cells of one function after the other; ``hangs`` counts those that do not
    return."""

    runner: CensusClient
    listing: CellListing = field(default_factory=CellListing)
    hangs: int = 0

    def add(self, path: str, reason: str | None) -> None:
        """Take a function in; one with a ``reason`` is not called."""
        self.listing.functions.append(path)
        if reason is None:
            cells, reason = self._cells_of(path)
            self.listing.cells += cells
            if cells:
                return
        self.listing.reasons[path] = reason

    def _cells_of(self, path: str) -> tuple[list[CensusCell], str]:
        """Return the cells of a function, or why it has none."""
        try:
            return _plain(self.runner.ask(ListCells(path), LIST_SECONDS))
        except FailedCell as error:
            return [], str(error)
        except MeasurementError:
            try:
                candidates = self.runner.ask(ListCandidates(path), LIST_SECONDS).names
            except MeasurementError as error:
                return [], how_it_failed(error)
        return self._one_by_one(path, candidates)

    def _one_by_one(self, path: str, candidates: Sequence[str]) -> tuple[list[CensusCell], str]:
        """Return the cells of a function of which one ends the interpreter, or does not return.

        In halves one that hangs would be waited for several times.
        """
        lost: dict[str, str] = {}
        cells: list[CensusCell] = []
        reason, before = "", self.hangs
        for name in candidates:
            if given_up := self._given_up(self.hangs - before):
                lost[name] = given_up
                reason = reason or given_up
                continue
            try:
                asked = ListCells(path, [name], list(lost))
                more, why = _plain(self.runner.ask(asked, TRIAL_SECONDS))
            except MeasurementError as error:
                lost[name] = reason = how_it_failed(error)
                self.hangs += isinstance(error, NoAnswer)
                continue
            cells, reason = cells + more, why or reason
        self.listing.lost |= lost
        return cells, reason

    def _given_up(self, hangs: int) -> str:
        """Return why no more of a function is tried, of which that many cells hang; "" if it is."""
        if hangs >= MOST_HANGS:
            return f"not tried: {hangs} cells of this function do not return"
        if self.hangs >= MOST_HANGS_IN_ALL:
            return f"not tried: {self.hangs} cells before it do not return"
        return ""


def _plain(listed: CellsListed) -> tuple[list[CensusCell], str]:
    calls = listed.calls or [""] * len(listed.cells)
    cells = zip(listed.cells, calls, strict=True)
    return [CensusCell(name, size, call) for (name, size), call in cells], listed.reason


def called_differently(one: CellListing, other: CellListing) -> list[CensusCell]:
    """Return the cells that two builds have, but call with other kinds of arguments."""
    calls = {cell: cell.call for cell in other.cells}
    return [cell for cell in one.cells if are_other_calls(cell.call, calls.get(cell, ""))]


def how_it_failed(error: MeasurementError) -> str:
    """Return in one line why a cell was not measured."""
    if isinstance(error, RunnerEnded):
        return f"the interpreter ended {error.how}"
    if isinstance(error, NoAnswer):  # whose remedy is an option that a census does not have
        return f"no answer to '{error.request}' within {error.seconds:g} s"
    return str(error).splitlines()[0]


def chosen_cells(cells: Sequence[CensusCell], expression: str | None) -> list[CensusCell]:
    """Return the cells that ``-k`` selects: one of each function first, then another of each."""
    matches = compile_expression(expression) if expression else None
    by_path: dict[str, list[CensusCell]] = {}
    for cell in cells:
        if matches is None or matches(cell.name):
            by_path.setdefault(cell.path, []).append(cell)
    turns = max((len(group) for group in by_path.values()), default=0)
    return [group[turn] for turn in range(turns) for group in by_path.values() if turn < len(group)]


@dataclass(frozen=True)
class CensusStep:
    """The cell that starts now, for the progress line."""

    phase: str
    number: int
    total: int
    name: str
    most_seconds_left: float


@dataclass
class Census:
    """Cells measured one after the other within ``budget`` seconds, the doubtful ones again.

    ``again`` are doubtful ones of an earlier census: for them as well, a short look is over.
    ``measured`` and ``failed`` have every cell that was reached, by its name. ``on_cells`` is given
    measurements once they are whole, one of them again where it was doubtful. Whatever ends the
    census early, it is given those of the cells that had their rounds by then.
    """

    cells: Sequence[CensusCell]
    open_runner: Open
    folders: Sequence[str]
    workers: int = 2
    control: BatchRequest | None = None
    budget: float = DEFAULT_BUDGET_SECONDS
    blas_threads: int | None = BLAS_THREADS
    on_step: Callable[[CensusStep], None] = lambda step: None
    on_cells: Callable[[list[Measurement]], None] = lambda measurements: None
    now: Callable[[], float] = time.monotonic
    again: Sequence[CensusCell] = ()
    measured: dict[str, Measurement] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Measure until all is done, or the time is up."""
        self._until = self.now() + self.budget
        with self.runner():
            self._pass("census", self.cells, PAIRS, ROUNDS_SECONDS, HELD_SECONDS)
            more = (MORE_PAIRS, MORE_ROUNDS_SECONDS, MORE_HELD_SECONDS)
            self._pass("again", [*self.again, *self.doubtful()], *more)

    @contextmanager
    def runner(self) -> Iterator[None]:
        """Have a runner for ``measure`` and ``sample``; it is ended behind this."""
        self._controls: deque[Pair] = deque(maxlen=RECENT_CONTROLS)
        begin = OpenCensus(self.workers, MODULE, list(self.folders), self.control)
        self._runner = CensusClient(self.open_runner, begin)
        try:
            yield
        finally:
            self._runner.close()

    def doubtful(self) -> list[CensusCell]:
        """Return the cells whose class is not certain."""
        return [cell for cell in self.cells if self._is_doubtful(cell)]

    def _is_doubtful(self, cell: CensusCell) -> bool:
        measurement = self.measured.get(cell.name)
        kind = None if measurement is None else gil_class_of(measurement)
        return kind is not None and not kind.certain

    def _pass(
        self, phase: str, cells: Sequence[CensusCell], pairs: int, seconds: float, held: float
    ) -> None:
        """Measure cells in groups until the time is up."""
        reached = 0
        for first in range(0, len(cells), SAMPLED_AT_ONCE):
            group: list[CensusCell] = []
            try:
                for cell in cells[first : first + SAMPLED_AT_ONCE]:
                    left = self._until - self.now()
                    if left <= held * len(group):  # these are sampled, too
                        break
                    reached += 1
                    self.on_step(CensusStep(phase, reached, len(cells), cell.name, left))
                    if self.measure(cell, pairs, seconds):
                        group.append(cell)
                self.sample(group, held)
            finally:
                self.on_cells([self.measured[cell.name] for cell in group])
            if self._until <= self.now():
                break

    def measure(self, cell: CensusCell, pairs: int, seconds: float) -> bool:
        """Measure one cell in rounds; whether there is something to sample."""
        try:
            known = self.measured.get(cell.name) or Measurement(cell.case(self.workers))
            # As many calls a round as at the first look: a measurement knows one number.
            opening = OpenCell(cell.name, cell.size, loops=known.loops)
            ready = self._runner.ask(opening, CELL_SECONDS)
            counted = self._runner.ask(RunRounds(pairs, seconds), 2 * CELL_SECONDS)
            self._runner.ask(CloseCell(), CELL_SECONDS)
        except MeasurementError as error:
            if cell.name not in self.measured:
                self.failed[cell.name] = how_it_failed(error)
            return False
        if not known.processes:
            opened: Opened = self._runner.begun
            known.replies += [opened, Calibrated(ready.tasks, ready.loops, ready.call_seconds)]
            known.broken = blas_limit_broken(opened, self.blas_threads)
            known.processes.append([])
        self._controls.extend(map(pair_of, counted.controls))
        known.add_rounds(counted, known.processes[0], [])
        known.controls = [list(self._controls)]
        self.measured[cell.name] = known
        return True

    def sample(self, group: Sequence[CensusCell], seconds: float) -> None:
        """Sample the GIL in a group; in halves where one of them ends the runner."""
        if not group:
            return
        names = [(cell.name, cell.size) for cell in group]
        limit = CELL_SECONDS + len(group) * (seconds + 0.5)
        try:
            seen = self._runner.ask(SampleCells(names, seconds, find_py_spy()), limit).seen
        except MeasurementError as error:
            if len(group) == 1:
                self.measured[group[0].name].unsampled = how_it_failed(error)
                return
            middle = len(group) // 2
            self.sample(group[:middle], seconds)
            self.sample(group[middle:], seconds)
            return
        for cell, stretch in zip(group, seen, strict=True):
            take_held(self.measured[cell.name], stretch)
