"""What a worker runs: one task of a batch, with its stamps of wall and CPU time; and the digest of
its result, by which strategies are compared.

Standard library only. Every worker, thread or process, finds its batches in this module's table,
so that a task travels as a key and an index and never as data.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # a worker that shares nothing loads no strategy
    from speedgate.runner.strategies.contract import Shared

# How long a thread keeps the GIL if others want it (``sys.setswitchinterval``), 0.005 s by
# default. What is above this was set by a library, and is more than a task takes.
LONGEST_SWITCH_SECONDS = 0.1
HAND_ON_SECONDS = 0.0002
# Of these the length says how much there is, and asking for it cannot fail.
WITH_LENGTH = (list, dict, set, frozenset, str, bytes, bytearray)


@dataclass(frozen=True)
class BatchRequest:
    """Where a worker finds a workload, and what input to make: picklable, plain values only.

    ``function`` and ``prepare`` read ``module:name``; ``path`` holds folders to import them from.
    What is not ``repeatable`` returns something else each time, of the same dtype and shape.
    """

    key: str
    function: str
    prepare: str
    size: int
    seed: int
    buffers: int
    path: tuple[str, ...] = ()
    repeatable: bool = True


@dataclass(frozen=True)
class Batch:
    """A function and its arguments; task ``i`` uses argument ``i`` modulo their number."""

    function: Callable[[Any], Any]
    arguments: list[Any]
    repeatable: bool
    request: BatchRequest | None = None


class CannotCompare(TypeError):
    """A result is neither an array nor can it be pickled; the text says it all."""


class Stamp(NamedTuple):
    """One task as its worker saw it: when (``perf_counter`` seconds) and how much CPU it used.

    ``thread_cpu`` is of the thread alone, ``process_cpu`` of its whole process; ``worker`` is the
    native id of the thread.
    """

    began: float
    ended: float
    thread_cpu: float
    process_cpu: float
    worker: int


_batches: dict[str, Batch] = {}
_installing = threading.Lock()


def find(reference: str) -> Any:
    """Import what ``module:name`` names."""
    module, _, name = reference.partition(":")
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def call_of(request: BatchRequest) -> str:
    """Return how this build calls what a request prepares, "" where its ``prepare`` cannot tell."""
    tell = getattr(find(request.prepare), "census_call", None)
    return "" if tell is None else str(tell(request.size))


def install(requests: tuple[BatchRequest, ...]) -> None:
    """Prepare the batches in this process, once; every worker's initializer.

    A worker that outlives a case, as those of a cluster do, prepares the next one anew.
    """
    with _installing:
        for request in requests:
            known = _batches.get(request.key)
            if known is not None and known.request == request:
                continue
            sys.path.extend(folder for folder in request.path if folder not in sys.path)
            function, prepare = find(request.function), find(request.prepare)
            arguments = [prepare(request.size, request.seed + n) for n in range(request.buffers)]
            _batches[request.key] = Batch(function, arguments, request.repeatable, request)


def batches(requests: tuple[BatchRequest, ...]) -> dict[str, Batch]:
    """Return the batches that these requests have installed in this process."""
    return {request.key: _batches[request.key] for request in requests}


def keep(key: str, batch: Batch) -> None:
    """Have the threads of this process find a batch that is no request's under a key."""
    _batches[key] = batch


def adopt(path: tuple[str, ...], shared: Shared) -> None:
    """Take over batches that another process made and shared; every worker's initializer."""
    with _installing:
        sys.path.extend(folder for folder in path if folder not in sys.path)
        _batches.update(shared.load())


def forget(key: str) -> None:
    """Drop a batch and its arguments from this process."""
    _batches.pop(key, None)


def run(key: str, index: int, loops: int) -> Stamp:
    """Run one task: ``loops`` calls of the function on the task's argument.

    The stamps are a few reads of clocks per task and release no GIL; counters that must be read
    from files are read from outside, once a round (docs/method.md says what that costs).
    """
    # Not by way of run_all: a list more is a tenth of what an empty task costs.
    batch = _batches[key]
    function, argument = batch.function, batch.arguments[index % len(batch.arguments)]
    process_cpu, thread_cpu, began = time.process_time(), time.thread_time(), time.perf_counter()
    for _ in repeat(None, loops):
        function(argument)
    ended = time.perf_counter()
    thread_cpu = time.thread_time() - thread_cpu
    process_cpu = time.process_time() - process_cpu
    return Stamp(began, ended, thread_cpu, process_cpu, threading.get_native_id())


def run_all(key: str, indices: list[int], loops: int) -> Stamp:
    """Run several tasks as one plain loop in the calling thread: the baseline, no dispatch."""
    batch = _batches[key]
    function = batch.function
    arguments = [batch.arguments[index % len(batch.arguments)] for index in indices]
    process_cpu, thread_cpu, began = time.process_time(), time.thread_time(), time.perf_counter()
    for argument in arguments:
        for _ in repeat(None, loops):
            function(argument)
    ended = time.perf_counter()
    thread_cpu = time.thread_time() - thread_cpu
    process_cpu = time.process_time() - process_cpu
    return Stamp(began, ended, thread_cpu, process_cpu, threading.get_native_id())


def run_until(key: str, loops: int, stop: threading.Event) -> int:
    """Run tasks one after the other until ``stop`` is set; return how many calls that were."""
    index = 0
    while not stop.is_set():
        run(key, index, loops)
        index += 1
        if sys.getswitchinterval() > LONGEST_SWITCH_SECONDS:
            time.sleep(HAND_ON_SECONDS)  # or nobody would ever get the GIL, to set ``stop``
    return index * loops


def digest(key: str, index: int) -> str:
    """Run one task once and return a digest of its result, the same in every process.

    A function that returns nothing has written into its argument: then that is its result.
    """
    batch = _batches[key]
    argument = batch.arguments[index % len(batch.arguments)]
    result = batch.function(argument)
    return digest_of(argument if result is None else result, batch.repeatable)


def alike(key: str, other: str, index: int) -> bool:
    """Run the task of two batches once; whether the results are numbers that are nearly equal."""
    numpy = importlib.import_module("numpy")
    one, two = (
        _batches[name].function(_batches[name].arguments[index % len(_batches[name].arguments)])
        for name in (key, other)
    )
    return numpy.shape(one) == numpy.shape(two) and bool(numpy.allclose(one, two, rtol=1e-9))


def digest_of(result: Any, with_values: bool = True) -> str:
    """Return a SHA-256 of a result.

    Arrays by dtype, shape and bytes, paths by what is in the file, what has parts by these, all
    else by its pickle. Without values the type, the dtype, and the shape or the length are all that
    counts. ``CannotCompare`` for what cannot be pickled either.
    """
    parts = parts_of(result)
    if parts is not None:
        text = " ".join(digest_of(part, with_values) for part in parts)
        return hashlib.sha256(text.encode()).hexdigest()
    head = kind_of(result).encode()
    return hashlib.sha256(head + (bytes_of(result) if with_values else b"")).hexdigest()


def parts_of(result: Any) -> tuple[Any, ...] | None:
    """Return what a result is made of: a tuple's parts, an array and its mask or its axes.

    ``None`` for what has no parts: NumPy's own arrays, and what no array of numbers can be made of.
    """
    if isinstance(result, tuple):
        return result
    masked = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(result, masked.MaskedArray):
        # What lies under the mask is left over from something else.
        return "masked", result.filled(), masked.getmaskarray(result)
    if is_array(result) or not hasattr(type(result), "__array__"):
        return None
    try:
        # Not only where it is loaded by now: every process has to come to the same digest.
        array = importlib.import_module("numpy").asarray(result)
    except (ImportError, TypeError, ValueError, RuntimeError, AttributeError):
        return None  # such as a tensor on another device
    if array.dtype.hasobject:
        return None
    return name_of(type(result)), array, *getattr(result, "axes", ())


def is_array(result: Any) -> bool:
    """Whether it is NumPy's own; others have a ``dtype`` that may be a text, ``None`` or a lie."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(result, (numpy.ndarray, numpy.generic))


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def kind_of(result: Any) -> str:
    """Return what has to be the same even where the values need not be."""
    if is_array(result):
        return f"{result.dtype.str} {result.shape}"
    length = len(result) if isinstance(result, WITH_LENGTH) else ""
    return f"{name_of(type(result))} {length}"


def bytes_of(result: Any) -> bytes:
    """Return the values of a result that has no parts."""
    if isinstance(result, Path):
        return result.read_bytes()
    if is_array(result) and not result.dtype.hasobject:
        data: bytes = result.tobytes()
        return data
    try:
        return pickle.dumps(result, protocol=5)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        refused = error
    try:
        return memoryview(result).tobytes()
    except TypeError:
        raise CannotCompare(
            f"a result of the type {name_of(type(result))} cannot be compared with another: it is "
            f"no array, and not to be pickled ({refused}); let the workload return an array, "
            "numbers, or nothing, which compares what it wrote into its argument"
        ) from None


def identify(seconds: float) -> tuple[int, int, int]:
    """Say who runs this (process id, thread ident, native thread id), after a short sleep.

    The sleep lets the other workers take the other calls, so that all of them show up.
    """
    time.sleep(seconds)
    return os.getpid(), threading.get_ident(), threading.get_native_id()
