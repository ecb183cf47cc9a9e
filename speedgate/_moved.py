"""Where the modules went that lay flat in ``speedgate/``: their imports still work, with a warning.

Loaded only when somebody imports one of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import speedgate

# The old module, and the new ones in which its names are looked up.
MOVED = {
    "accounting": ("stats.accounting",),
    "advice": ("judging.advice",),
    "baseline": ("judging.history_gate",),
    "bisect_commands": ("commands.bisect",),
    "bisection": ("duel.bisection",),
    "budget": ("measuring.budget",),
    "build": ("builds.build",),
    "case": ("stats.case",),
    "classification": ("judging.gil_class",),
    "comparison": ("judging.comparison",),
    "contest": ("duel.matchup",),
    "contrast": ("duel.decision",),
    "counters": ("runner.counters",),
    "drift": ("stats.changepoints",),
    "duel_commands": ("commands.duel",),
    "duel_runs": ("duel.recording",),
    "duel_selection": ("duel.selection",),
    "environment": ("runner.interpreter", "runner.machine", "history.identity"),
    "estimate": ("stats.estimate",),
    "exchange": ("history.exchange",),
    "fingerprint": ("runner.fingerprint",),
    "gate": ("judging.gate",),
    "gil_map": ("judging.gil_map",),
    "held": ("runner.gil_sampler",),
    "identity": ("history.identity",),
    "index": ("history.index", "history.figures", "history.reading", "history.cache"),
    "installation": ("builds.installation",),
    "journal": ("history.journal",),
    "lending": ("builds.package_copy",),
    "measure": (
        "measuring.measure",
        "measuring.measurement",
        "measuring.plan",
        "measuring.runner_process",
        "measuring.errors",
    ),
    "placement": ("runner.affinity",),
    "process_group": ("measuring.process_group",),
    "recording": ("history.recording",),
    "run": ("history.document", "history.format", "judging.row"),
    "sample": ("stats.sample",),
    "selection": ("measuring.selection",),
    "selftest": ("measuring.selftest",),
    "settings": ("plugin.settings",),
    "speedup": ("stats.speedup",),
    "spread": ("stats.moments",),
    "store": ("history.store",),
    "strategies": ("runner.strategies",),
    "suite": ("measuring.suite",),
    "task": ("runner.task",),
}


class MovedLoader(Loader):
    """Makes a module that has no names of its own, and looks each up where it is now."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name, f"Moved: see {__name__}.")
        module.__dict__["__getattr__"] = forward(spec.name.partition(".")[2])
        return module

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def spec_of(module: str) -> ModuleSpec | None:
    """Return how to load an old module by its name below ``speedgate``, ``None`` if there was no
    such module."""
    return ModuleSpec(f"speedgate.{module}", MovedLoader()) if module in MOVED else None


def forward(old: str, *homes: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of an old module: it warns, and says where the name is now."""

    def lookup(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for home in homes or MOVED[old]:
            try:
                value = getattr(import_module(f"speedgate.{home}"), name)
            except (ModuleNotFoundError, AttributeError):
                continue
            public = name in speedgate.__all__
            place = "speedgate" if public else f"speedgate.{home}, which is not public"
            warnings.warn(
                f"speedgate.{old} has moved: import {name} from {place}",
                DeprecationWarning,
                stacklevel=2,
            )
            return value
        raise AttributeError(f"module 'speedgate.{old}' has no attribute '{name}'")

    return lookup
