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
    result: NDArray[np.float64] = numexpr.evaluate("exp(ones)", local_dict={"ones": ones})
    return result


def g_numba(size: int) -> NDArray[np.float64]:
    """``np.exp(np.ones(size))``, the exponential as a loop that numba compiles for its threads."""
    result: NDArray[np.float64] = compiled_exp()(np.ones(size))
    return result


@cache
def compiled_exp() -> Any:
    """Return ``np.exp`` of an array of shape ``(n,)``, compiled.

    The numbers come from the array: of a constant the compiler would take the exponential once,
    and what is left is to fill memory.
    """
    import numba

    @numba.njit(parallel=True)
    def exp(numbers: Any) -> Any:
        results = np.empty(numbers.size)
        for i in numba.prange(numbers.size):
            results[i] = np.exp(numbers[i])
        return results

    return exp
