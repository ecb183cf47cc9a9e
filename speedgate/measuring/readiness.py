"""Readiness: what importing a package does to the GIL of a free-threaded Python."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from speedgate.measuring import children
from speedgate.measuring.errors import MeasurementError
from speedgate.measuring.runner_process import Interpreter, runner_variables
from speedgate.runner.framing import last_record
from speedgate.runner.ready import PARTS_BEGIN

PROBE = "from speedgate.runner.ready import tell; tell()"
IMPORT_SECONDS = 300.0
# What Python 3.13 and later write with -v of an extension that has not declared itself safe.
_REQUIRES = re.compile(r"^# loading module '?([\w.]+)'?, which requires the GIL$", re.MULTILINE)

Json = dict[str, Any]


class ReadyState(Enum):
    """What a package is on a free-threaded Python."""

    READY = "ready"
    SWITCHES_ON = "switches the GIL on"
    FAILS = "cannot be imported"


@dataclass(frozen=True)
class Readiness:
    """What importing one package did.

    ``modules`` switched the GIL on, or would have, when the package was imported; ``parts`` only
    when they were imported by themselves. ``left_out`` cannot be imported by themselves: nothing is
    known of them. ``version`` is ``None`` for what is a module and no distribution.
    """

    package: str
    version: str | None = None
    extensions: int = 0
    modules: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    error: str | None = None

    @property
    def state(self) -> ReadyState:
        if self.modules or self.parts:
            return ReadyState.SWITCHES_ON
        return ReadyState.READY if self.error is None else ReadyState.FAILS

    def as_json(self) -> Json:
        return {
            "package": self.package,
            "version": self.version,
            "state": self.state.value,
            "extensions": self.extensions,
            "modules": list(self.modules),
            "parts": list(self.parts),
            "left_out": list(self.left_out),
            "error": self.error,
        }


def describe_packages(interpreter: Interpreter) -> Json:
    """Return the version of a Python, whether it can run without the GIL, and which distributions
    there have extension modules."""
    done = _run(interpreter)
    answer = last_record(done.stdout)
    if answer is None:
        raise MeasurementError(f"{interpreter.python} does not answer: {done.stderr[-500:]}")
    return answer


def readiness_of(package: str, interpreter: Interpreter) -> Readiness:
    """Import a package in a fresh interpreter and return what that did."""
    try:
        done = _run(interpreter, package)
    except subprocess.TimeoutExpired:
        return Readiness(package, error=f"its import took longer than {IMPORT_SECONDS:g} s")
    by_import, _, by_parts = done.stderr.partition(PARTS_BEGIN)
    answer = last_record(done.stdout)
    if answer is None:
        return Readiness(
            package, modules=tuple(_requiring(by_import)), error=_how_it_ended(done.returncode)
        )
    modules = list(dict.fromkeys([*answer["enablers"], *_requiring(by_import)]))
    parts = dict.fromkeys([*answer["by_parts"], *_requiring(by_parts)])
    return Readiness(
        package,
        answer["version"],
        answer["extensions"],
        tuple(modules),
        tuple(part for part in parts if part not in modules),
        tuple(answer["left_out"]),
        answer["error"],
    )


def _requiring(text: str) -> Iterable[str]:
    return _REQUIRES.findall(text)


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"the interpreter crashed ({signal.Signals(-code).name})"
    return f"the interpreter ended with exit code {code}"


def _run(interpreter: Interpreter, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the probe, by the GIL as Python itself decides on it."""
    variables = runner_variables(
        os.environ, (), 1, interpreter.variables, interpreter.package_folder
    )
    for name in ("PYTHON_GIL", "PYTHONWARNINGS"):
        variables.pop(name, None)
    verbose = ["-v"] if arguments else []
    command = [interpreter.python, "-P", *verbose, "-c", PROBE, *arguments]
    return children.run(command, variables, timeout=IMPORT_SECONDS)
