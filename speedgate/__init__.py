"""Speedgate: does NumPy's threading really run side by side, on this machine, in this build?

What this module names is public; docs/api.md has an example of each. Everything else may change
between two releases. Nothing is imported until it is asked for: the runner and every worker
process load this module.

PYTEST_DONT_REWRITE: a runner has imported this package before it starts pytest. pytest warns of
that, and some projects make a warning an error.
"""

import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from speedgate.history.document import Run, read_run
    from speedgate.history.format import HistoryError
    from speedgate.history.history import History
    from speedgate.judging.gate import Gate, Judgement, Verdict
    from speedgate.stats.case import Case, Workload
    from speedgate.stats.estimate import Estimate

__all__ = [
    "Case",
    "Estimate",
    "Gate",
    "History",
    "HistoryError",
    "Judgement",
    "Run",
    "Verdict",
    "Workload",
    "read_run",
]

_HOMES = {
    "Case": "stats.case",
    "Estimate": "stats.estimate",
    "Gate": "judging.gate",
    "History": "history.history",
    "HistoryError": "history.format",
    "Judgement": "judging.gate",
    "Run": "history.document",
    "Verdict": "judging.gate",
    "Workload": "stats.case",
    "read_run": "history.document",
}
# By these a run is opened, which a notebook then shows.
_OPENS_RUNS = ("History", "Run", "read_run")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'speedgate' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"speedgate.{_HOMES[name]}"), name)
    if name in _OPENS_RUNS:
        import_module("speedgate.report.notebook")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _MovedModules:
    """Finds a module of the layout before the packages, such as ``speedgate.gate``."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> Any:
        package, _, module = name.partition(".")
        if package != "speedgate" or not module or "." in module:
            return None
        from speedgate._moved import spec_of

        return spec_of(module)


# Last: whatever is there is found before it.
sys.meta_path.append(_MovedModules)
