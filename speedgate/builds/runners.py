"""What opens runners in a build, or in this interpreter where no build is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from speedgate.builds.build import Build
from speedgate.builds.package_copy import lent_folder
from speedgate.measuring.children import scratch_folder
from speedgate.measuring.runner_process import THIS, Interpreter, RunnerProcess
from speedgate.measuring.scale_run import CACHES, SERVE


@contextmanager
def interpreter_of(build: Build | None) -> Iterator[Interpreter]:
    """Yield where the runners of a build run, with the copies lent to it; without one, here."""
    if build is None:
        yield THIS
        return
    with lent_folder() as lent:
        yield build.interpreter(str(lent))


@contextmanager
def project_runners(build: Build | None) -> Iterator[Callable[[], RunnerProcess]]:
    """Yield what opens a fresh interpreter for a benchmark of a project.

    Nothing of ours is needed there. Without a build it is this Python, with its own packages.
    """
    with lent_folder() as lent, scratch_folder("speedgate-caches-") as caches:
        here = replace(THIS, package_folder=str(lent))
        interpreter = here if build is None else build.interpreter(str(lent))
        yield project_opener(interpreter, str(caches))


def project_opener(
    interpreter: Interpreter, caches: str, blas_threads: int | None = 1
) -> Callable[[], RunnerProcess]:
    """Return what opens a runner of benchmarks; ``caches`` is a folder that outlives it."""
    with_caches = replace(interpreter, variables={**interpreter.variables, CACHES: caches})
    return lambda: RunnerProcess((), blas_threads, with_caches, serve=SERVE)
