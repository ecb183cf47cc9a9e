"""Whether the GIL is on, and who switched it back on in a build that runs without. Standard library
only."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import warnings
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType
from typing import Any

# Set for the runners of a build that names PYTHON_GIL=1 itself: it is meant to have its GIL.
MEANT = "SPEEDGATE_GIL_IS_MEANT"
TO_MEASURE_WITH_IT = "to measure with the GIL, name the build with it: 'PATH PYTHON_GIL=1'"

_GIL_ENABLED = re.compile(r"\(GIL\) has been enabled to load module '([^']+)'")
_enablers: list[str] = []


def gil_enabled() -> bool:
    """Return whether this interpreter runs with the GIL at this moment."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def is_free_threaded() -> bool:
    """Return whether this build can run without the GIL."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def watch_gil() -> None:
    """Note from now on which modules switch the GIL on.

    Python names the module in a warning, which a filter may hide. So the loading of each extension
    is watched, too. The warning is the better witness where one extension loads another.
    """
    if is_free_threaded():
        _watch_warnings()
        _watch_loading()


def _watch_warnings() -> None:
    show = warnings.showwarning

    def note(message: Warning | str, *arguments: Any, **options: Any) -> None:
        match = _GIL_ENABLED.search(str(message))
        if match:
            _enablers.append(match[1])
        show(message, *arguments, **options)

    warnings.showwarning = note


def _watch_loading() -> None:
    create = ExtensionFileLoader.create_module

    def create_and_look(self: ExtensionFileLoader, spec: ModuleSpec) -> ModuleType:
        was_enabled, named = gil_enabled(), len(_enablers)
        try:
            return create(self, spec)
        finally:  # a warning that is an error leaves the GIL on, too
            if gil_enabled() and not was_enabled and len(_enablers) == named:
                _enablers.append(spec.name)

    ExtensionFileLoader.create_module = create_and_look  # type: ignore[method-assign]


def enablers() -> list[str]:
    """Return the modules that switched the GIL back on since watching began, in that order."""
    return list(dict.fromkeys(_enablers))


def gil_came_back() -> str | None:
    """Say that a free-threaded build runs with its GIL, and what switched it on; else ``None``.

    A build that names PYTHON_GIL=1 itself is meant to run with it.
    """
    if not is_free_threaded() or not gil_enabled() or os.environ.get(MEANT):
        return None
    return f"this free-threaded Python has its GIL back on: {_who_did_it()}; {TO_MEASURE_WITH_IT}"


def _who_did_it() -> str:
    if sys._xoptions.get("gil") == "1":
        return "-X gil=1 keeps it on; start it without"
    if os.environ.get("PYTHON_GIL") == "1":
        return "PYTHON_GIL=1 in the environment keeps it on; unset it"
    modules = " and ".join(enablers()) or "a module that Python did not name"
    return f"{modules} switched it on when it was imported; upgrade what that belongs to"
