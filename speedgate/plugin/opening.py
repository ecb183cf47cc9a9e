"""What opens a runner for a case: its folders, its interpreter, and what a benchmark chose."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speedgate.measuring.plan import Plan, import_folders
from speedgate.measuring.runner_process import (
    InProcess,
    RunnerClient,
    RunnerProcess,
    runner_variables,
)
from speedgate.plugin.session import State
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.case import Case, Workload

# Where the workers of a strategy are threads of the runner, or it has none.
SHARE_A_RUNNER = ("caller", "threads", "passing threads")


def chosen_by(state: State, fixed: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a plan that a benchmark may choose itself."""
    return {"blas_threads": state.settings.blas_threads, "control": state.control, **fixed}


def opener(state: State, workload: Workload, plan: Plan) -> Callable[[], RunnerClient]:
    """Return what opens a runner for a workload."""
    if state.settings.in_process:
        return InProcess
    folders = folders_of(state, workload)
    return lambda: RunnerProcess(folders, plan.blas_threads, state.under_test.interpreter)


def folders_of(state: State, workload: Workload) -> tuple[str, ...]:
    """Return the folders in which a runner finds a workload, and the function that it calls
    first."""
    folders = import_folders(workload)
    return (*folders, str(Path.cwd())) if state.settings.runner_setup else folders


def check_opener(
    state: State, nodeid: str, case: Case, workload: Workload, plan: Plan
) -> Callable[[], RunnerClient]:
    """Return what opens a runner for a check: the one of the case before, if a fresh one would
    start with the same variables in the same folder. A fixture may have changed both for its case.

    Processes are started from a fresh runner, which has had no threads before; a setup is called
    once in a process.
    """
    fresh = opener(state, workload, plan)
    shares = STRATEGIES[case.strategy].workers_are in SHARE_A_RUNNER
    if not shares or plan.before or state.settings.in_process:
        return fresh
    of_build = state.under_test.interpreter
    variables = runner_variables(
        os.environ,
        folders_of(state, workload),
        plan.blas_threads,
        of_build.variables,
        of_build.package_folder,
    )
    return lambda: state.measured.check_runner.opened((variables, Path.cwd()), fresh, nodeid)
