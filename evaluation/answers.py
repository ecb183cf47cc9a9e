"""A request of each kind that a runner is sent, with a good answer to it: what others make bad."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import speedgate.runner
from speedgate.runner.aftermath_messages import LookAfter
from speedgate.runner.census_messages import (
    CloseCell,
    ListCandidates,
    ListCells,
    ListFunctions,
    LookAtCell,
    OpenCell,
    OpenCensus,
    SampleCells,
)
from speedgate.runner.messages import (
    ASV,
    Calibrate,
    Check,
    Close,
    Conclude,
    ListBenchmarks,
    MakeCache,
    OpenCase,
    OpenTarget,
    Probe,
    Request,
    RunArms,
    RunCalls,
    RunRounds,
    SampleHeld,
    Target,
)

Json = dict[str, Any]

ROUND = {"seconds": 0.01, "on_cpu": 0.01, "cpu": 0.01, "waiting": 0.0, "minor_faults": 3}
PAIR = {"baseline": ROUND, "contender": ROUND}
COUNTED = {
    "timed_seconds": 0.1, "seconds": 0.1, "pairs": [PAIR, PAIR], "controls": [PAIR], "steal": 0.0,
}  # fmt: skip
BLAS = {"user_api": "blas", "internal_api": "openblas", "version": "0.3.31", "num_threads": 1}
ENVIRONMENT = {"python": "3.11.7", "numpy": {"version": "2.4.6"}, "variables": {}, "blas": [BLAS]}
DESCRIBED = {"group": "sorting", "extra_info": {"size": 5}}
OPENED = {"environment": ENVIRONMENT, "blas": [BLAS], "start_seconds": 0.1, "pid": 12}
HELD = {"held": [3, 100], "calls": 9, "waiting": 0.0, "seconds": 0.1}
READY = {"call_seconds": 0.001, "tasks": 2, "loops": 3}
BENCHMARK = {
    "name": "benches.Sort.time_sort", "type": "time", "raw": False, "params": [["1", "2"]],
    "timeout": 60.0, "cache": None, "cache_timeout": None,
}  # fmt: skip
LISTED = {
    "asv": [BENCHMARK],
    "tests": [{"name": "test_sort.py::test_sort", "argument": "test_sort.py::test_sort"}],
    "broken": [{"name": "test_other.py", "reason": "ImportError"}],
}
FUNCTIONS = {
    "functions": [{"path": "numpy.sort", "reason": None}],
    "environment": ENVIRONMENT,
}
CELLS = {"cells": [["numpy.sort[d]", 1000]], "calls": ["1f"], "reason": ""}
LEFT = {"calls": 9, "cpu_after": 0.1, "bytes_kept": 100, "threads_started": 1, "warm_seconds": 0.1}
TARGET = Target(ASV, "suite", "benches.Sort.time_sort")

ANSWERS: tuple[tuple[Request[Any], Json], ...] = (
    (ListBenchmarks(ASV, "suite", [], []), LISTED),
    (MakeCache(TARGET), {}),
    (OpenCase("threads", 2), OPENED),
    (OpenTarget(2, TARGET), OPENED | {"is_shared": False, "described": DESCRIBED}),
    (Probe(), {"call_seconds": 0.001, "compared": 2, "renews": False}),
    (Check(4), {"tasks": 4}),
    (Calibrate(), {"tasks": 8, "loops": 3, "call_seconds": 0.001, "seconds": 0.1}),
    (RunRounds(2, 0.1), COUNTED),
    (RunArms(["work"]), {"seconds": 0.1, "arms": [{"key": "work", "pairs": [PAIR]}]}),
    (RunCalls(9), {"round": ROUND}),
    (SampleHeld(0.1), HELD),
    (Conclude(), {"described": DESCRIBED}),
    (Close(), {}),
    (ListFunctions("cells", []), FUNCTIONS),
    (ListCells("numpy.sort"), CELLS),
    (ListCandidates("numpy.sort"), {"names": ["numpy.sort[d]-contiguous"]}),
    (OpenCensus(2, "cells", []), OPENED),
    (OpenCell("numpy.sort[d]", 1000), READY),
    (CloseCell(), {}),
    (LookAtCell("numpy.sort[d]", 1000, 2, 0.1), {"opened": READY, "counted": COUNTED}),
    (SampleCells([("numpy.sort[d]", 1000)], 0.1), {"seen": [HELD]}),
    (LookAfter(), LEFT),
)
# What any of them may answer instead.
FAILURE = (Check(4), {"error": {"type": "ValueError", "message": "no", "traceback": "in f"}})


def request_kinds() -> list[type[Request[Any]]]:
    """Return every kind of request that there is, wherever in ``speedgate.runner`` it is."""
    for module in pkgutil.iter_modules(speedgate.runner.__path__):
        if module.name.endswith("messages"):
            importlib.import_module(f"speedgate.runner.{module.name}")
    return Request.__subclasses__()
