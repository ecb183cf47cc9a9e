"""How a case is to be measured, and the request that opens it in a runner."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from speedgate.judging.gate import MAX_PROCESSES
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.selection import OptionError
from speedgate.measuring.suite import BUNDLED_FOLDER
from speedgate.runner import machine
from speedgate.runner.messages import OpenCase, OpenTarget
from speedgate.runner.strategies import STRATEGIES
from speedgate.runner.task import BatchRequest
from speedgate.stats.case import Case, Workload, bytes_needed, is_repeatable, peers_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How a case is to be measured. ``seconds`` of wall time are spread over the processes.

    ``tasks`` and ``loops`` are chosen by calibration unless they are given; ``pairs`` fixes the
    number of pairs of a process; ``check_tasks`` the results that are compared. ``held_seconds`` of
    each process are spent on sampling the GIL, none if 0. ``before`` names a function that the
    runner calls first. ``placed`` keeps each worker to a core of its own.
    """

    seconds: float
    processes: int = 1
    time_limit: float = 120.0
    blas_threads: int | None = 1
    tasks: int | None = None
    loops: int | None = None
    pairs: int | None = None
    check_tasks: int | None = None
    held_seconds: float = 0.0
    seed: int = 0
    before: str | None = None
    placed: bool = False
    control: Workload | None = None


def buffers(case: Case) -> int:
    """Return how many arguments are prepared: more than workers, so that they can rotate."""
    return max(2, 2 * case.workers)


def refuse_what_exceeds_memory(
    cases: Iterable[tuple[str, Workload, Case]], builds: int = 1
) -> None:
    """Raise ``OptionError`` for the first labelled case that needs more memory than there is, in
    that many builds at once."""
    available = machine.available_bytes()
    if available is None:
        return
    for label, workload, case in cases:
        strategy = STRATEGIES[case.strategy]
        copies = strategy.workers_are in ("processes", "elsewhere") and strategy.share is None
        needed = builds * bytes_needed(workload, case, buffers(case), copies)
        if needed > available:
            at_once = f" in {builds} builds at once" if builds > 1 else ""
            raise OptionError(
                f"{label} needs {needed:,} bytes{at_once} and {available:,} are available "
                "(control group limit included); choose smaller --sizes or fewer --workers"
            )


def open_request(case: Case, workload: Workload, plan: Plan, number: int) -> OpenCase | OpenTarget:
    """Return the request that opens ``case`` in the ``number``-th process.

    A benchmark of another project says itself what to open; it is no function of an argument.
    """
    if hasattr(workload, "open_request"):
        control = None
        if plan.control is not None and case.workers > 1:
            control = batch("control", plan.control, 1, plan, case, number)
        request: OpenTarget = workload.open_request(case, plan, number, control)
        return request
    batches = [batch("work", workload, case.size, plan, case, number)]
    peer = STRATEGIES[case.strategy].is_peer
    if peer:
        batches.append(
            replace(
                batch("peer", workload, case.size, plan, case, number),
                function=reference(peers_of(workload)[case.strategy]),
            )
        )
    # The control would run in one thread there: it says nothing of the cores.
    if plan.control is not None and case.workers > 1 and not peer:
        batches.append(batch("control", plan.control, 1, plan, case, number))
    return OpenCase(
        strategy=case.strategy,
        workers=case.workers,
        batches=batches,
        before=plan.before,
        placed=plan.placed,
    )


def batch(
    key: str, workload: Workload, size: int, plan: Plan, case: Case, number: int
) -> BatchRequest:
    return BatchRequest(
        key=key,
        function=reference(workload.function),
        prepare=reference(workload.prepare),
        size=size,
        seed=plan.seed + number * buffers(case),
        buffers=buffers(case),
        path=import_folders(workload),
        repeatable=is_repeatable(workload),
    )


def reference(function: Callable[..., Any]) -> str:
    """Return ``module:name`` of a module-level function."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if module is None or name is None or "<" in name:
        raise MeasurementError(
            f"{name or function!r} is not at the top level of a module: a worker cannot import it"
        )
    return f"{module}:{name}"


def import_folders(workload: Workload) -> tuple[str, ...]:
    """Return the folders that hold the top-level packages of a workload's functions."""
    return folders_of((workload.function.__module__, workload.prepare.__module__))


def folders_of(modules: Iterable[str]) -> tuple[str, ...]:
    """Return the folders that hold the top-level packages of modules that are loaded.

    What is installed is left out: every interpreter finds its own, and another build must not be
    given this one's packages. The suite that the wheel brings along lies among those, in a folder
    where no interpreter looks, so that the request names it.
    """
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = [Path(place).resolve() for place in (*places, site.getusersitepackages())]
    folders = []
    for module in modules:
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            continue
        depth = module.count(".") + Path(file).name.startswith("__init__.")
        folder = Path(file).resolve().parents[depth]
        if folder == BUNDLED_FOLDER or not any(folder.is_relative_to(place) for place in installed):
            folders.append(str(folder))
    return tuple(dict.fromkeys(folders))


def most_processes(judged: bool) -> int:
    """Return in how many fresh processes a case is measured."""
    return MAX_PROCESSES if judged else 1
