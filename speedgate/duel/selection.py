"""What a duel measures: the suite's default selection, or what the options choose."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from speedgate.duel.census_selection import case_of_cell, cells_named, names_cells
from speedgate.duel.matchup import DuelEntry
from speedgate.measuring.plan import refuse_what_exceeds_memory
from speedgate.measuring.selection import (
    Declaration,
    OptionError,
    Selection,
    cases,
    no_strategy,
    parse_blas_threads,
    parse_selection,
    proposal,
)
from speedgate.measuring.suite import find_workload
from speedgate.runner.machine import usable_cores
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case, Workload, sizes_of

# With more, every case is one of waiting.
MOST_WORKERS_A_CORE = 2
LISTING = "'speedgate duel --list'"


class Part(Protocol):
    """One workload's part of the default selection, as ``workloads.duel`` declares it."""

    @property
    def workload(self) -> Workload: ...
    @property
    def sizes(self) -> Sequence[int]: ...
    @property
    def strategies(self) -> Sequence[str]: ...
    @property
    def blas_threads(self) -> Sequence[int | None]: ...
    @property
    def workers_a_core(self) -> int: ...


class ChosenPart:
    """A workload that the user named and the default selection lacks: its largest size."""

    strategies = ("threads",)
    blas_threads: tuple[int | None, ...] = (1,)
    workers_a_core = 1

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.sizes = sizes_of(workload)[-1:] or (1_000_000,)


def add_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--list", action="store_true", help="list the workloads, measure nothing")
    command.add_argument("--workloads", metavar="NAMES", help="g,eigh, module:NAME, cells: 'fft.*'")
    command.add_argument("--sizes", metavar="SIZES", help="in elements, such as 1e4,1e6")
    command.add_argument("--strategies", metavar="NAMES", help=f"of {', '.join(STRATEGIES)}")
    command.add_argument("--workers", metavar="COUNTS", help="numbers of workers, such as 2,4")
    command.add_argument(
        "--oversubscribe", action="store_true", help="allow more workers than usable cores"
    )
    command.add_argument(
        "--blas-threads",
        metavar="COUNTS",
        help="threads of the BLAS in each runner, such as 1,default (default: as declared)",
    )


def select_entries(options: argparse.Namespace) -> list[DuelEntry]:
    """Return the entries of a duel in the order of declaration; ``OptionError`` for none."""
    cores = usable_cores()
    selection = parse_selection(
        None, options.sizes, options.strategies, options.workers, cores, options.oversubscribe
    )
    parts: Sequence[Part] = find_workload("workloads:DUEL")
    if options.workloads is not None:
        parts = list(chosen_parts(options.workloads, parts))
    threads = parse_thread_counts(options.blas_threads)
    entries = [entry for part in parts for entry in entries_of(part, selection, threads, cores)]
    if not entries:
        raise OptionError("nothing is selected; leave out --workloads, --sizes or --strategies")
    return unique_entries(entries)


def unique_entries(entries: Iterable[DuelEntry]) -> list[DuelEntry]:
    """Return every entry once, in their order."""
    return list({entry.label: entry for entry in entries}.values())


def entries_of(
    part: Part, selection: Selection, threads: Sequence[int | None] | None, cores: int
) -> Iterator[DuelEntry]:
    declared = Declaration(
        [part.workload], part.sizes, part.strategies, (part.workers_a_core * max(2, cores),)
    )
    for workload, case in cases(selection, declared):
        for count in part.blas_threads if threads is None else threads:
            yield DuelEntry(workload, case, count)


def workload_lines() -> Iterator[str]:
    """Yield a line for each workload that ``--workloads`` and ``--case`` take by its name."""
    catalogue: dict[str, Workload] = find_workload("workloads:CATALOGUE")
    width = max(map(len, catalogue))
    for name, workload in catalogue.items():
        yield f"{name:{width}}  {getattr(workload, 'purpose', '')}".rstrip()


def chosen_parts(text: str, declared: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts that ``--workloads`` names: declared ones, any of the catalogue, cells of
    the census, or ``module:NAME``."""
    catalogue = find_workload("workloads:CATALOGUE")
    names = {part.workload.name for part in declared}
    for name in map(str.strip, text.split(",")):
        if name in names:
            yield from (part for part in declared if part.workload.name == name)
        elif name in catalogue:
            yield ChosenPart(catalogue[name])
        elif names_cells(name):
            yield from map(ChosenPart, cells_named(name, "--workloads"))
        elif ":" in name:
            yield ChosenPart(find_workload(name, "--workloads"))
        else:
            told = proposal(name, [*catalogue, *names], LISTING)
            raise OptionError(
                f"--workloads: '{name}' is not a workload; {told}; or give module:NAME, or cells "
                "of the census such as 'linalg.*'"
            )


def parse_thread_counts(text: str | None) -> list[int | None] | None:
    """Return the numbers of BLAS threads that an option lists, ``None`` if it was not given."""
    if text is None:
        return None
    return [parse_blas_threads("--blas-threads", part) for part in text.split(",")]


def refuse_what_does_not_fit(entries: Sequence[DuelEntry], builds: int) -> None:
    """Raise ``OptionError`` for the first case that needs more memory than there is."""
    refuse_what_exceeds_memory(
        ((entry.label, entry.workload, entry.case) for entry in entries), builds
    )


def parse_entry(text: str) -> DuelEntry:
    """Return the entry that a duel calls ``text``; ``module:NAME`` may stand for the workload."""
    name, slash, blas = text.partition("/")
    measured, case = _measured_case(name)
    if case.strategy not in STRATEGIES:
        raise OptionError(f"--case: {no_strategy(case.strategy)}")
    if case.workers > MOST_WORKERS_A_CORE * max(2, usable_cores()):
        raise OptionError(
            f"--case: {case.workers} workers are more than twice the {usable_cores()} usable cores"
        )
    if slash and not blas.removeprefix("blas-"):
        raise OptionError(f"--case: '{text}' ends without the threads of BLAS, as in /blas-default")
    if blas and not blas.startswith("blas-"):
        raise OptionError(f"--case: '{blas}' is neither blas-default nor blas-2 or the like")
    threads = parse_blas_threads("--case", blas.removeprefix("blas-") or "1")
    return DuelEntry(measured, case, threads)


def module_of_case(text: str) -> str | None:
    """Return the module that a case names as ``module:NAME``, ``None`` for one of the suite."""
    module, colon, _ = text.partition(":")
    return module if colon and not names_cells(text) else None


def _measured_case(name: str) -> tuple[Workload, Case]:
    if names_cells(name):
        return case_of_cell(name, "--case")
    workload, dash, rest = name.partition("-")
    measured = _workload_of_case(workload)
    try:
        return measured, Case.parse(f"{measured.name}{dash}{rest}")
    except ValueError as error:
        raise OptionError(f"--case: {error}") from None


def _workload_of_case(name: str) -> Workload:
    catalogue: dict[str, Workload] = find_workload("workloads:CATALOGUE")
    if name in catalogue:
        return catalogue[name]
    if ":" in name:
        own: Workload = find_workload(name, "--case")
        return own
    raise OptionError(
        f"--case: '{name}' is not a workload; {proposal(name, catalogue, LISTING)}; or give "
        "module:NAME, as in module:NAME-1e6-threads-2"
    )
