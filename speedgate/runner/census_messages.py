"""What a runner of the census is asked and what it answers. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from speedgate.runner.messages import Counted, Done, HeldSeen, Opened, Request
from speedgate.runner.task import BatchRequest

Json = dict[str, Any]


@dataclass(frozen=True)
class FunctionEntry:
    """A function of this NumPy, and the ``reason`` if it is not called."""

    path: str
    reason: str | None = None


@dataclass(frozen=True)
class FunctionsListed:
    """The functions of this NumPy."""

    functions: list[FunctionEntry]
    environment: Json = field(default_factory=dict)


@dataclass(frozen=True)
class CellsListed:
    """The cells of a function as pairs of name and size, and the reason where there are none.

    ``calls`` has of each how it is called: two that differ are not the same call.
    """

    cells: list[tuple[str, int]] = field(default_factory=list)
    reason: str = ""
    calls: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CandidatesListed:
    """The cells that a function may have, by their names."""

    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CellOpened:
    """The cell is ready: seconds of one call in one thread, the load of a round, and how this build
    calls it."""

    call_seconds: float
    tasks: int
    loops: int
    call: str = ""


@dataclass(frozen=True)
class CellSeen:
    """What a short look at a cell has shown: the load of a round, and the rounds."""

    opened: CellOpened
    counted: Counted


@dataclass(frozen=True)
class CellsSampled:
    """The samples of the GIL of each cell, in the order of the request."""

    seen: list[HeldSeen] = field(default_factory=list)


@dataclass(frozen=True)
class ListFunctions(Request[FunctionsListed]):
    """Which functions does this NumPy have? ``module`` derives them, found in ``folders``."""

    do, answer = "functions", FunctionsListed
    module: str
    folders: list[str]


@dataclass(frozen=True)
class ListCells(Request[CellsListed]):
    """Which cells does a function have; which of its candidates ``names`` are some, where they are
    given? No input is made as for the candidates that it is listed ``without``."""

    do, answer = "cells", CellsListed
    path: str
    names: list[str] | None = None
    without: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ListCandidates(Request[CandidatesListed]):
    """Which cells may a function have? Nothing is called."""

    do, answer = "candidates", CandidatesListed
    path: str


@dataclass(frozen=True)
class OpenCensus(Request[Opened]):
    """Start the workers, which cells come to one after the other."""

    do, answer = "open", Opened
    workers: int
    module: str
    folders: list[str]
    control: BatchRequest | None = None


@dataclass(frozen=True)
class OpenCell(Request[CellOpened]):
    """Make a cell the work of all workers, each with arguments of its own, and time a call.

    ``loops`` are the calls of a task, where they are known.
    """

    do, answer = "cell", CellOpened
    name: str
    size: int
    seed: int = 0
    loops: int | None = None


@dataclass(frozen=True)
class CloseCell(Request[Done]):
    """Drop the cell and its arguments."""

    do, answer = "drop", Done


@dataclass(frozen=True)
class LookAtCell(Request[CellSeen]):
    """Open a cell, run ``pairs`` of rounds for at most ``seconds``, one at least, and drop it."""

    do, answer = "look", CellSeen
    name: str
    size: int
    pairs: int
    seconds: float
    loops: int | None = None


@dataclass(frozen=True)
class SampleCells(Request[CellsSampled]):
    """Sample the GIL while one worker runs each of the cells (name, size) for ``seconds``."""

    do, answer = "sample", CellsSampled
    cells: list[tuple[str, int]]
    seconds: float
    py_spy: str | None = None
