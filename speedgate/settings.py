"""Settings: the options of the command line and the ini file, declared and checked in one place.

Knows pytest's parser and config only by what is asked of them, so that it imports no pytest.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from speedgate import environment as env
from speedgate.budget import DEFAULT_BUDGET_SECONDS, LEAST_SECONDS
from speedgate.gate import (
    DEFAULT_MIN_CONCURRENCY,
    DEFAULT_MIN_SPEEDUP,
    MAX_HELD,
    Floors,
    floors,
)
from speedgate.selection import (
    OptionError,
    Selection,
    parse_floor,
    parse_reference,
    parse_seconds,
    parse_selection,
    parse_share,
)
from speedgate.strategies import STRATEGIES
from speedgate.strategies.dask import SCHEDULER as DASK_SCHEDULER

DEFAULT_TIME_LIMIT_SECONDS = 120.0


def add_options(parser: Any) -> None:
    """Give pytest's parser the options and the settings of the ini file."""
    group = parser.getgroup("speedgate", "does NumPy's threading run side by side?")
    add_selection_options(group)
    add_gate_options(group)
    add_history_options(group)
    add_measuring_options(group)
    parser.addini("min_speedup", "least speedup for 2 workers", default=str(DEFAULT_MIN_SPEEDUP))
    parser.addini(
        "min_concurrency", "least concurrency for 2 workers", default=str(DEFAULT_MIN_CONCURRENCY)
    )
    parser.addini(
        "speedgate_control",
        "the host control, module:name of a workload",
        default="workloads:CONTROL",
    )


def add_selection_options(group: Any) -> None:
    group.addoption("--workloads", metavar="NAMES", help="workloads to run, such as g,g_out")
    group.addoption("--sizes", metavar="SIZES", help="array sizes in elements, such as 1e4,1e6")
    group.addoption("--strategies", metavar="NAMES", help=f"of {', '.join(STRATEGIES)}")
    group.addoption("--workers", metavar="COUNTS", help="numbers of workers, such as 1,2,4")
    group.addoption(
        "--oversubscribe", action="store_true", help="allow more workers than usable cores"
    )


def add_gate_options(group: Any) -> None:
    group.addoption(
        "--min-speedup", metavar="X", help="fail judged cases below this, whatever the workers"
    )
    group.addoption(
        "--min-concurrency", metavar="X", help="fail judged cases whose workers ran less at once"
    )
    group.addoption(
        "--max-held",
        metavar="X",
        help=f"fail judged cases that hold the GIL for more of their work (default {MAX_HELD})",
    )
    group.addoption(
        "--strict-gate", action="store_true", help="an inconclusive verdict fails the run, too"
    )
    group.addoption(
        "--require-gate",
        action="store_true",
        help="fail unless every gate of the run was judged: nothing deselected, crashed or empty",
    )


def add_history_options(group: Any) -> None:
    group.addoption(
        "--history",
        metavar="WHERE",
        help="the runs to compare with, and another place for this one: a folder, or an address "
        "such as s3://bucket/results (default: the folder of --benchmark-storage)",
    )
    group.addoption(
        "--no-history-gate",
        action="store_true",
        help="with --benchmark-compare: show the last run of this environment, judge nothing by "
        "the runs before",
    )


def add_measuring_options(group: Any) -> None:
    group.addoption(
        "--budget",
        metavar="SECONDS",
        help="time of the whole run, spread over the cases (default "
        f"{DEFAULT_BUDGET_SECONDS:g}, or {LEAST_SECONDS:g} a case if that is more)",
    )
    group.addoption(
        "--time-limit",
        metavar="SECONDS",
        help=f"end a process of a case that takes longer (default {DEFAULT_TIME_LIMIT_SECONDS:g})",
    )
    group.addoption(
        "--in-process",
        action="store_true",
        help="measure in pytest's own process, for debuggers and profilers; judges nothing",
    )
    group.addoption(
        "--blas-threads",
        metavar="N",
        help="threads of the BLAS in each runner (default 1; 'default' leaves them alone)",
    )
    group.addoption(
        "--dask-scheduler",
        metavar="ADDRESS",
        help="the scheduler of the strategy dask, such as tcp://host:8786 (default: a local one)",
    )
    group.addoption(
        "--runner-setup",
        metavar="MODULE:FUNCTION",
        help="call this in every runner before it measures",
    )


@dataclass(frozen=True)
class Settings:
    """The options, checked once."""

    selection: Selection
    budget: float | None
    time_limit: float
    min_speedup: float | None
    min_concurrency: float | None
    max_held: float | None
    ini_speedup: float
    ini_concurrency: float
    blas_threads: int | None
    runner_setup: str | None
    dask_scheduler: str | None
    oversubscribe: bool
    in_process: bool
    strict: bool
    require: bool
    history: str | None
    no_history_gate: bool

    def floors(self, workers: int) -> Floors:
        return floors(
            workers,
            self.min_speedup,
            self.min_concurrency,
            self.max_held,
            self.ini_speedup,
            self.ini_concurrency,
        )


def read_settings(config: Any) -> Settings:
    """Return the options; ``OptionError`` names the first that cannot be used."""
    option = config.getoption
    return Settings(
        selection=parse_selection(
            option("workloads"),
            option("sizes"),
            option("strategies"),
            option("workers"),
            env.usable_cores(),
            option("oversubscribe"),
        ),
        budget=parse_seconds("--budget", option("budget")),
        time_limit=parse_seconds("--time-limit", option("time_limit"))
        or DEFAULT_TIME_LIMIT_SECONDS,
        min_speedup=parse_floor("--min-speedup", option("min_speedup")),
        min_concurrency=parse_floor("--min-concurrency", option("min_concurrency")),
        max_held=parse_share("--max-held", option("max_held")),
        ini_speedup=parse_floor("min_speedup in the ini file", config.getini("min_speedup")) or 0,
        ini_concurrency=parse_floor(
            "min_concurrency in the ini file", config.getini("min_concurrency")
        )
        or 0,
        blas_threads=parse_blas_threads(option("blas_threads")),
        runner_setup=parse_reference("--runner-setup", option("runner_setup")),
        # Whoever names it there has it used: so it belongs to the run's environment.
        dask_scheduler=option("dask_scheduler") or os.environ.get(DASK_SCHEDULER) or None,
        oversubscribe=option("oversubscribe"),
        in_process=option("in_process"),
        strict=option("strict_gate"),
        require=option("require_gate"),
        history=option("history"),
        no_history_gate=option("no_history_gate"),
    )


def parse_blas_threads(text: str | None) -> int | None:
    if text is None:
        return 1
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise OptionError(f"--blas-threads '{text}': a whole number from 1 up, or 'default'")
    return int(text)
