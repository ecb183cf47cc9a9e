"""Ways of an array to a worker process: what the worker does at its end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def there_and_back(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array that was sent, with its first element counted up."""
    array = array if array.flags.writeable else array.copy()
    array[0] += 1
    return array


def count_up_shared(shared: Any) -> float:
    """Count up the first element of a shared array where it lies; return what it is now."""
    array = shared.load()
    array[0] += 1
    return float(array[0])


def count_up_and_read_shared(shared: Any) -> float:
    """The same, and read every element."""
    count_up_shared(shared)
    return float(shared.load().sum())


def count_up_mapped(path: str, size: int) -> float:
    """Count up the first element of an array in a file that is mapped into memory."""
    array = np.memmap(path, dtype=np.float64, mode="r+", shape=(size,))
    array[0] += 1
    return float(array[0])
