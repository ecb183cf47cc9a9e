"""interpreters: threads with an interpreter and a GIL of their own each (Python 3.14, PEP 734).

NumPy cannot be imported there: its C code keeps state for the whole process. Pure Python can.
"""

from __future__ import annotations

import sys
from concurrent.futures import Executor
from typing import Any

from speedgate.runner.strategies.contract import Initializer, Strategy
from speedgate.runner.strategies.processes import MADE_BY_WORKER


def open_interpreters(
    workers: int, initializer: Initializer, arguments: tuple[Any, ...]
) -> Executor:
    """Return a pool of ``workers`` interpreters.

    Raises ``NotImplementedError`` where the workload needs a module that refuses to be imported
    by any but the main interpreter, as NumPy does.
    """
    from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined]

    with InterpreterPoolExecutor(1) as pool:
        error = pool.submit(initializer, *arguments).exception()
    if error is not None:
        if "subinterpreter" in str(error):
            raise NotImplementedError(f"not in an interpreter of its own: {error}")
        raise error
    executor: Executor = InterpreterPoolExecutor(
        workers, initializer=initializer, initargs=arguments
    )
    return executor


def too_old() -> str | None:
    """Return that this Python has no such pool, ``None`` if it has."""
    if sys.version_info >= (3, 14):
        return None
    version = ".".join(map(str, sys.version_info[:2]))
    return f"InterpreterPoolExecutor came with Python 3.14, this is {version}"


INTERPRETERS = Strategy(
    name="interpreters",
    open=open_interpreters,
    workers_are="threads",
    arrays=MADE_BY_WORKER,
    unavailable=too_old,
)
