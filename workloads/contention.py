"""What threads contend for without a GIL: objects that they share, each beside a private twin.

The operations are small on purpose: 10 to 1,000 elements show most of it. They are no part of the
GIL map, which has one operation of a kind; ``bench/bench_contention.py`` measures them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.inputs import objects, uniform
from workloads.workload import Call, Workload, declared, operation

Rng = np.random.Generator
SIZES = (10, 1_000)
# Python code makes this number of steps for each element.
CALLS = 100


class Instance:
    """A Python object with an attribute and a method."""

    def __init__(self) -> None:
        self.value = 1

    def method(self) -> int:
        return 1


class Subclass(np.ndarray[Any, Any]):
    """An array whose every result runs Python code."""

    def __array_finalize__(self, array: Any) -> None:
        self.note = getattr(array, "note", None)


def read_attributes(instance: Instance, size: int) -> int:
    return sum(instance.value for _ in range(size))


def call_method(instance: Instance, size: int) -> int:
    return sum(instance.method() for _ in range(size))


def read_dict(table: dict[int, int], size: int) -> int:
    return sum(table[number % 8] for number in range(size))


def write_dict(table: dict[int, int], size: int) -> int:
    for number in range(size):
        table[number % 8] = number
    return size


def read_list(items: list[int], size: int) -> int:
    return sum(items[number % 8] for number in range(size))


def allocate(size: int) -> int:
    """Return how many small objects were made: all at once, then freed."""
    return len([[number] for number in range(size)])


def many_small(arrays: list[NDArray[np.float64]]) -> float:
    """Return the sum over many arrays, each small, added and summed one by one."""
    total = 0.0
    for array in arrays:
        total += float(np.add(array, 1.0).sum())
    return total


def many_small_in_room(arrays: list[NDArray[np.float64]], room: NDArray[np.float64]) -> float:
    """The same with a result that is there already."""
    total = 0.0
    for array in arrays:
        total += float(np.add(array, 1.0, out=room).sum())
    return total


SMALL_ARRAYS = 20
GENERATOR = np.random.default_rng(20)
INSTANCE = Instance()
TABLE = dict.fromkeys(range(8), 1)
ITEMS = list(range(8))
INPUT = np.linspace(1, 100, 1_000)


def twins(
    name: str, purpose: str, function: Callable[..., Any], shared: Any, make: Callable[[], Any]
) -> tuple[Workload, Workload]:
    """Return ``name_shared`` and ``name_own``: a function of an object that all have, or one each.

    The function takes the object and the size.
    """
    own = operation(*SIZES)(_maker(f"{name}_own", purpose + ", own", function, make))
    kept = operation(*SIZES, private=own)(
        _maker(f"{name}_shared", purpose + ", one for all", function, lambda: shared)
    )
    return kept, own


def _maker(
    name: str, purpose: str, function: Callable[..., Any], find: Callable[[], Any]
) -> Callable[[int, Rng], Call]:
    def make(size: int, rng: Rng) -> Call:
        return partial(function, find(), size)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = purpose
    return make


def exp_of(array: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    return np.exp(array[:size])


def draw(generator: Rng, size: int) -> NDArray[np.float64]:
    return generator.standard_normal(size)


attributes_shared, attributes_own = twins(
    "attributes", "an attribute of an object, read", read_attributes, INSTANCE, Instance
)
calls_shared, calls_own = twins(
    "calls", "a method of an object, called", call_method, INSTANCE, Instance
)
dict_shared, dict_own = twins(
    "dict", "a dict, read", read_dict, TABLE, lambda: dict.fromkeys(range(8), 1)
)
dict_written_shared, dict_written_own = twins(
    "dict_written", "a dict, written", write_dict, {}, dict
)
list_shared, list_own = twins("list", "a list, read", read_list, ITEMS, lambda: list(range(8)))
exp_shared, exp_own = twins(
    "exp", "np.exp of a small array", exp_of, INPUT, lambda: np.linspace(1, 100, 1_000)
)


def _generator_workload(name: str, find: Callable[[Rng], Rng], **twin: Any) -> Workload:
    def make(size: int, rng: Rng) -> Call:
        return partial(draw, find(rng), size)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"normal values, {'own generator' if 'own' in name else 'one for all'}"
    return operation(*SIZES, repeatable=False, **twin)(make)


draws_own = _generator_workload("draws_own", lambda rng: rng)
draws_shared = _generator_workload("draws_shared", lambda rng: GENERATOR, private=draws_own)


@operation(*SIZES)
def small_arrays_room(size: int, rng: Rng) -> Call:
    """twenty small arrays, each added and summed, preallocated"""
    arrays = [uniform(size, rng) for _ in range(SMALL_ARRAYS)]
    return partial(many_small_in_room, arrays, np.empty(size))


@operation(*SIZES, preallocated=small_arrays_room)
def small_arrays(size: int, rng: Rng) -> Call:
    """twenty small arrays, each added and summed"""
    return partial(many_small, [uniform(size, rng) for _ in range(SMALL_ARRAYS)])


@operation(*SIZES)
def small_objects(size: int, rng: Rng) -> Call:
    """many small Python objects, made and freed"""
    return partial(allocate, size)


@operation(*SIZES)
def subclass(size: int, rng: Rng) -> Call:
    """adding to an array of a subclass with __array_finalize__"""
    return partial(np.add, uniform(size, rng).view(Subclass), 1.0)


@operation(*SIZES)
def structured(size: int, rng: Rng) -> Call:
    """a field of a structured array, copied"""
    table = np.zeros(size, dtype=[("x", "f8"), ("y", "i4")])
    return partial(_field, table)


def _field(table: NDArray[Any]) -> NDArray[Any]:
    return table["x"].copy()


@operation(*SIZES)
def object_array(size: int, rng: Rng) -> Call:
    """adding Python floats, dtype object"""
    return partial(np.add, objects(size, rng), 1.0)


@operation(*SIZES)
def first_calls(size: int, rng: Rng) -> Call:
    """a new ufunc a call, so that its caches are filled each time"""
    return partial(_fresh_ufunc, uniform(size, rng).tolist())


@operation(*SIZES)
def warm_calls(size: int, rng: Rng) -> Call:
    """the same ufunc on every call, its caches warm"""
    return partial(_apply, np.frompyfunc(abs, 1, 1), uniform(size, rng).tolist())


def _fresh_ufunc(values: list[float]) -> NDArray[Any]:
    return _apply(np.frompyfunc(abs, 1, 1), values)


def _apply(function: Any, values: list[float]) -> NDArray[Any]:
    result: NDArray[Any] = function(values).astype(float)
    return result


WORKLOADS = declared(globals())
