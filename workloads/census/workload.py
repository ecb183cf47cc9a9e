"""Any cell of the census as a workload, for a duel or a bisection.

A worker finds a workload's functions by module and name. Those of a cell have a name in this module
that spells the cell in hexadecimal digits, and are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workloads.census.cells import Cell, call_of, prepare
from workloads.census.cells import call as call_cell
from workloads.workload import Workload

PREFIX = "prepare_"
# A complex number of 16 bytes, in up to three arguments and a result.
ARGUMENT_BYTES, CALL_BYTES = 48.0, 16.0


def workload_of(name: str, size: int) -> Workload:
    """Return the workload of a cell such as ``numpy.add[dd->d]-contiguous``."""
    Cell.parse(name, size)  # a name that is none must not wait for a worker
    return Workload(
        name=name,
        function=call_cell,
        purpose=f"the cell {name} of the census",
        prepare=_prepare_of(name),
        argument_bytes=ARGUMENT_BYTES,
        call_bytes=CALL_BYTES,
        sizes=(size,),
        # A generator goes on, and what allocates only returns what was there.
        repeatable=False,
    )


def _prepare_of(name: str) -> Callable[[int, int], Any]:
    def prepare_cell(size: int, seed: int) -> Any:
        return prepare(name, size, seed)

    prepare_cell.__qualname__ = prepare_cell.__name__ = f"{PREFIX}{name.encode().hex()}"
    # A runner asks how its build calls it: another one may make another call of the same name.
    prepare_cell.census_call = partial(call_of, name)  # type: ignore[attr-defined]  # read by name
    return prepare_cell


def __getattr__(name: str) -> Any:
    if not name.startswith(PREFIX):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return _prepare_of(bytes.fromhex(name.removeprefix(PREFIX)).decode())
