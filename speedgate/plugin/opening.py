"""What opens a runner for a case: its folders, its interpreter, and what a benchmark chose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from speedgate.measuring.plan import Plan, import_folders
from speedgate.measuring.runner_process import InProcess, RunnerClient, RunnerProcess
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
    folders = import_folders(workload)
    if state.settings.runner_setup:
        folders += (str(Path.cwd()),)
    return lambda: RunnerProcess(folders, plan.blas_threads, state.under_test.interpreter)


def check_opener(
    state: State, case: Case, workload: Workload, plan: Plan
) -> Callable[[], RunnerClient]:
    """Return what opens a runner for a check: the one of the case before, where both are alike.

    Processes are started from a fresh runner, which has had no threads before; a setup is called
    once in a process.
    """
    fresh = opener(state, workload, plan)
    if STRATEGIES[case.strategy].workers_are not in SHARE_A_RUNNER or plan.before:
        return fresh
    kind = (import_folders(workload), plan.blas_threads, state.settings.in_process)
    return lambda: state.measured.check_runner.opened(kind, fresh)
