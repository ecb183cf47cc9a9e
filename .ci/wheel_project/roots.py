"""A workload of another project: nothing of Speedgate's in it."""

from typing import Any, NamedTuple

import numpy as np


def roots(size: int) -> Any:
    return np.sqrt(np.arange(size, dtype=float))


def size_only(size: int, seed: int) -> int:
    return size


class Workload(NamedTuple):
    name: str
    function: Any
    prepare: Any
    argument_bytes: float
    call_bytes: float


ROOTS = Workload("roots", roots, size_only, argument_bytes=0, call_bytes=16)
