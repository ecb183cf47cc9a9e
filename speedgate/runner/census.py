"""The runner of the census: many cells one after the other, on workers that are kept.

A module that a request names derives the cells from the NumPy of this interpreter: its
``list_functions``, ``list_cells``, ``list_candidates``, ``prepare``, ``call`` and ``call_of`` are
called. Standard library only.

``functions``  which functions there are
``cells``      which cells a function has: each is tried with a few elements
``candidates`` which cells a function may have: nothing is called
``open``       start the workers
``cell``       make a cell their work, and time a call
``rounds``     as every runner's
``drop``       drop the cell
``look``       the three in one, for a screen: a few rounds and no more
``sample``     sample the GIL over several cells with one start of the sampler
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import repeat
from types import FunctionType, ModuleType
from typing import Any

from speedgate.runner import census_messages, messages, task
from speedgate.runner.baseline import Baseline
from speedgate.runner.counters import difference
from speedgate.runner.gil import gil_enabled
from speedgate.runner.gil_sampler import RATE, HeldStacks, sample_stacks
from speedgate.runner.interpreter import describe_interpreter, read_blas
from speedgate.runner.load import Load
from speedgate.runner.machine import available_bytes
from speedgate.runner.messages import HeldSeen
from speedgate.runner.server import Handlers, Runner, traced, why_not_sampled
from speedgate.runner.server import serve as serve_runner
from speedgate.runner.strategies import STRATEGIES
from speedgate.runner.worker_pool import WorkerPool

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # the platform has no such module

STRATEGY = "threads"
# A worker's share of a round: dispatch takes 0.1 ms of it.
ROUND_SECONDS = 0.0012
# How long the calls take together over which one is timed.
CALL_SECONDS = 0.003
# A loop that runs a cell for a while looks at the clock this often.
LOOK_SECONDS = 0.002
# What a cell may take beside what there is when the census begins.
MOST_BYTES = 4 << 30
# How the sampler tells cells apart: by the name of the function that runs them.
FRAME = "census_cell_"


class CensusRunner(Runner):
    """Workers that are kept, and one cell at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._module: ModuleType | None = None

    def handlers(self) -> Handlers:
        return {
            census_messages.ListFunctions: self.functions,
            census_messages.ListCells: self.cells,
            census_messages.ListCandidates: self.candidates,
            census_messages.OpenCensus: self.open_census,
            census_messages.OpenCell: self.cell,
            census_messages.CloseCell: self.drop,
            census_messages.LookAtCell: self.look,
            census_messages.SampleCells: self.sample,
            messages.RunRounds: self.rounds,
            messages.Close: self.close,
        }

    @property
    def module(self) -> Any:
        if self._module is None:
            raise RuntimeError("no module derives the cells: 'functions' or 'open' comes first")
        return self._module

    def _load(self, module: str, folders: list[str]) -> None:
        sys.path.extend(folder for folder in folders if folder not in sys.path)
        self._module = importlib.import_module(module)

    def functions(self, request: census_messages.ListFunctions) -> census_messages.FunctionsListed:
        """List the functions; what lists or tries a cell gets no more memory than one measured."""
        environment = describe_interpreter()
        self._load(request.module, request.folders)
        limit_memory()
        functions = [
            census_messages.FunctionEntry(**function) for function in self.module.list_functions()
        ]
        return census_messages.FunctionsListed(functions, environment)

    def cells(self, request: census_messages.ListCells) -> census_messages.CellsListed:
        listed = self.module.list_cells(request.path, request.names, request.without)
        return census_messages.CellsListed(**listed)

    def candidates(
        self, request: census_messages.ListCandidates
    ) -> census_messages.CandidatesListed:
        return census_messages.CandidatesListed(self.module.list_candidates(request.path))

    # --- measuring

    def open_census(self, request: census_messages.OpenCensus) -> messages.Opened:
        """Start the workers; ``cell`` gives them work."""
        environment = describe_interpreter()
        self._load(request.module, request.folders)
        batches = () if request.control is None else (request.control,)
        self.keys = [batch.key for batch in batches]
        task.install(batches)
        limit_memory()
        self.worker_pool = WorkerPool(STRATEGIES[STRATEGY], request.workers, batches)
        self.baseline = Baseline()
        if "control" in self.keys:
            self.control = self._load_of(self._call_seconds(self.baseline, "control"))
        return messages.Opened(
            environment=environment,
            blas=read_blas(),
            start_seconds=self.worker_pool.start_seconds,
            placed=self.worker_pool.place(),
            pid=os.getpid(),
        )

    def cell(self, request: census_messages.OpenCell) -> census_messages.CellOpened:
        pool, baseline = self._opened()
        calls = [
            self.module.prepare(request.name, request.size, request.seed + number)
            for number in range(pool.workers)
        ]
        task.keep("work", task.Batch(self.module.call, calls, repeatable=False))
        _, elapsed = baseline.call(run_for, calls[0], 0.0)  # the first call warms up
        if elapsed < CALL_SECONDS:
            times, elapsed = baseline.call(run_for, calls[0], CALL_SECONDS)
            elapsed /= times
        seconds = max(elapsed, 1e-9)
        load = self._load_of(seconds)
        self.work = Load(load.tasks, request.loops or load.loops)
        call = self.module.call_of(request.name, request.size)
        return census_messages.CellOpened(seconds, self.work.tasks, self.work.loops, call)

    def _load_of(self, call_seconds: float) -> Load:
        pool, _ = self._opened()
        return Load(pool.workers, max(1, math.ceil(ROUND_SECONDS / call_seconds - 1e-6)))

    def drop(self, request: census_messages.CloseCell) -> messages.Done:
        task.forget("work")
        return messages.Done()

    def look(self, request: census_messages.LookAtCell) -> census_messages.CellSeen:
        """Measure a cell in a few rounds, and nothing beside it: a look takes no longer than that.

        What every answer to ``rounds`` tells of BLAS and the host takes as long as two rounds.
        """
        opening = census_messages.OpenCell(request.name, request.size, loops=request.loops)
        opened = self.cell(opening)
        spent = {"work": 0.0}
        pairs: list[messages.PairCounts] = []
        while len(pairs) < request.pairs and (not pairs or spent["work"] < request.seconds):
            pairs.append(self._pair(self.work, spent, "work"))
        task.forget("work")
        timed = spent["work"]
        counted = messages.Counted(
            timed, timed, pairs=pairs, gil_enabled=gil_enabled(), traced=traced()
        )
        return census_messages.CellSeen(opened, counted)

    # --- the GIL

    def sample(self, request: census_messages.SampleCells) -> census_messages.CellsSampled:
        """Run the cells one after the other in one worker, sampled from outside."""
        why = why_not_sampled(request.py_spy)
        if why is not None or request.py_spy is None:
            none = HeldSeen(None, 0, None, 0.0, why or "there is no py-spy: install speedgate[gil]")
            return census_messages.CellsSampled([none] * len(request.cells))
        stretches: list[HeldSeen] = []

        def work() -> None:
            for number, (name, size) in enumerate(request.cells):
                stretches.append(self._stretch(number, name, size, request.seconds))

        stacks = sample_stacks(request.py_spy, work)
        return census_messages.CellsSampled(
            [with_hits(stretch, number, stacks) for number, stretch in enumerate(stretches)]
        )

    def _stretch(self, number: int, name: str, size: int, seconds: float) -> HeldSeen:
        """Run one cell for a while; its hits come later."""
        _, baseline = self._opened()
        call = self.module.prepare(name, size, 0)
        run = named_like(run_for, f"{FRAME}{number}_")
        baseline.call(call)  # what only the first call does is not of the cell
        delay = baseline.delay.seconds()
        calls, elapsed = baseline.call(run, call, seconds)
        waited = difference(baseline.delay.seconds(), delay)
        waiting = None if waited is None else waited / elapsed
        return HeldSeen(None, calls, waiting, elapsed)


def run_for(call: Callable[[], Any], seconds: float) -> tuple[int, float]:
    """Call once, and on for ``seconds``; return how often that was, and how long it took."""
    calls, loops = 0, 1
    began = now = time.perf_counter()
    while not calls or now - began < seconds:
        before = now
        for _ in repeat(None, loops):
            call()
        now, calls = time.perf_counter(), calls + loops
        if now - before < LOOK_SECONDS:
            loops *= 2
    return calls, now - began


def named_like(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the same function under another name in a sampler's stacks."""
    assert isinstance(function, FunctionType)
    code = function.__code__.replace(co_name=name, co_qualname=name)
    return FunctionType(code, function.__globals__, name, function.__defaults__)


def with_hits(stretch: HeldSeen, number: int, stacks: HeldStacks | None) -> HeldSeen:
    """Return a stretch with the samples that were taken in it."""
    if stacks is None:
        why = "no sampler could read this Python"
        return HeldSeen(None, stretch.calls, stretch.waiting, stretch.seconds, why)
    hits = sum(count for stack, count in stacks.hits.items() if f"{FRAME}{number}_" in stack)
    read = 1 - stacks.errors / max(1.0, RATE * stacks.seconds)
    samples = round(RATE * stretch.seconds * read)
    held = (min(hits, samples), samples) if samples > 0 else None
    return HeldSeen(held, stretch.calls, stretch.waiting, stretch.seconds)


def limit_memory() -> None:
    """Have what asks for more memory than there is raise, where the platform can say so."""
    available = available_bytes()
    if resource is None or available is None or sys.platform != "linux":
        return
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/statm") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + min(available, MOST_BYTES), hard))


def serve() -> None:
    """Answer the requests of ``CensusRunner``, as every runner does.

    A function that writes a file by a plain name does so in a temporary folder: that of who runs
    the census is none of its business.
    """
    os.chdir(tempfile.mkdtemp())
    serve_runner(CensusRunner())
