"""The same results from libraries that use several threads by themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


def g_numexpr(size: int) -> NDArray[np.float64]:
    """``np.exp(np.ones(size))``, the exponential by numexpr in its own threads."""
    import numexpr

    ones = np.ones(size)
    found: NDArray[np.float64] = numexpr.evaluate("exp(ones)", local_dict={"ones": ones})
    return found


def g_numba(size: int) -> NDArray[np.float64]:
    """``np.exp(np.ones(size))`` as one loop that numba compiles for several threads."""
    found: NDArray[np.float64] = _compiled()(size)
    return found


@cache
def _compiled() -> Any:
    import numba

    @numba.njit(parallel=True)
    def exp_of_ones(size: int) -> Any:
        found = np.empty(size)
        for i in numba.prange(size):
            found[i] = np.exp(1.0)
        return found

    return exp_of_ones
