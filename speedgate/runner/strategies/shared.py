"""shared: processes whose arrays lie in ``multiprocessing.shared_memory``, never copied again.

An object is pickled by protocol 5, which leaves its arrays out (PEP 574). Their bytes are copied
into one block of shared memory, once, and each worker's arrays are views of that block.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from speedgate.runner.strategies.contract import CannotMeasure, Strategy
from speedgate.runner.strategies.processes import open_processes

ALIGNMENT = 64  # a cache line, and what the widest vector instructions like


class _Attached(SharedMemory):
    """A worker's view of a block, kept until the worker ends: its arrays may be in use."""

    def __del__(self) -> None:
        pass


class SharedObject:
    """An object whose arrays lie in a block of shared memory; the process that made it owns it.

    All processes that load it see the same bytes, and each other's writes. ``close()`` frees the
    block; if the owner is killed first, Python's resource tracker does.
    """

    def __init__(self, value: Any) -> None:
        buffers: list[pickle.PickleBuffer] = []
        self._pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        self._spans: list[tuple[int, int]] = []
        end = 0
        for buffer in buffers:
            start = -(-end // ALIGNMENT) * ALIGNMENT
            end = start + buffer.raw().nbytes
            self._spans.append((start, end))
        self._block: SharedMemory | None = SharedMemory(create=True, size=max(end, 1))
        self.name = self._block.name
        try:
            self._reserve(max(end, 1))
            self._fill(buffers)
        except BaseException:
            self.close()
            raise

    def _reserve(self, size: int) -> None:
        """Take the memory now: a write to a page that is not there kills the process (SIGBUS).

        Raises ``CannotMeasure`` where it does not fit.
        """
        descriptor = getattr(self._block, "_fd", -1)
        if descriptor < 0 or not hasattr(os, "posix_fallocate"):
            return  # Windows and macOS refuse by themselves
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            room = os.fstatvfs(descriptor)
            raise CannotMeasure(
                f"the arrays need {size:,} bytes of shared memory, and /dev/shm has "
                f"{room.f_blocks * room.f_frsize:,} in all: choose smaller --sizes, or make it "
                "larger (docker run --shm-size=1g)"
            ) from None

    def _fill(self, buffers: list[pickle.PickleBuffer]) -> None:
        assert self._block is not None
        room: Any = self._block.buf
        for buffer, (start, end) in zip(buffers, self._spans, strict=True):
            room[start:end] = buffer.raw()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_block": None}

    def load(self) -> Any:
        """Return the object, its arrays as views of the shared block."""
        block = _Attached(self.name) if self._block is None else self._block
        room: Any = block.buf
        return pickle.loads(self._pickled, buffers=[room[start:end] for start, end in self._spans])

    def close(self) -> None:
        """Free the block; those who have it mapped keep their view of it."""
        if self._block is not None:
            with contextlib.suppress(BufferError):  # views of it are still in use here
                self._block.close()
            self._block.unlink()
            self._block = None


def open_shared(workers: int, initializer: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a pool of spawned processes: what is shared is found by name."""
    return open_processes("spawn", workers, initializer, arguments)


SHARED = Strategy(
    name="shared",
    open=open_shared,
    workers_are="processes",
    arrays="shared memory",
    share=SharedObject,
    start_method="spawn",
)
