"""Reading the files of a store, by several readers at once where that is faster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import msgspec

from speedgate.history.document import decode_run
from speedgate.history.figures import RunFigures, run_figures
from speedgate.history.format import (
    HistoryError,
    PlainRun,
)
from speedgate.history.intake import IntakeError, as_text, decoded
from speedgate.history.store import FolderStore, Store
from speedgate.runner.machine import usable_cores

ACCEPTED = ".accepted"
# Reading in more files than these takes long enough to say so, and to start processes for it.
MANY_FILES = 500
# The number of files that are fetched at once over a network.
FETCHERS = 8


# --- reading


class AcceptanceEntry(msgspec.Struct):
    """Why a run is the level from now on, failed or not; lies beside it."""

    why: str
    time: str


_decode_acceptance = msgspec.json.Decoder(AcceptanceEntry).decode


class Unreadable(NamedTuple):
    """A file that could not be read this time, be it gone or out of reach."""

    reason: str


# What the index keeps of a file, or in words why it is no run; empty where nothing is wrong.
FileContent = RunFigures | AcceptanceEntry | Unreadable | str


def read_one(store: Store, name: str) -> FileContent:
    """Return what the index keeps of a file; a text says why it is no run.

    It is empty for a run of plain pytest-benchmark, which may well lie here and is left alone.
    """
    path = as_text(store.path(name))
    try:
        data = store.read(name)
    except OSError as error:
        return Unreadable(f"{path} cannot be read ({error.strerror or error})")
    try:
        if name.endswith(ACCEPTED):
            return decoded(data, _decode_acceptance)
        return run_figures(decode_run(path, data))
    except IntakeError as error:
        return f"{path} is not the acceptance of a run ({error})"
    except PlainRun:
        return ""
    except HistoryError as error:
        return str(error)


def read_many(store: Store, names: Sequence[str]) -> Iterator[FileContent]:
    """Yield what ``read_one`` returns, in order, by several readers at once where that is faster.

    Of a folder reading is work for the CPU: processes; of an address it is waiting: threads.
    """
    count, read = 0, partial(read_one, store)
    readers = _readers(store, len(names))
    if readers is not None:
        # Where no process can be started (no rights, a script without a main guard), one reads.
        with readers, contextlib.suppress(BrokenProcessPool, PermissionError):
            for content in _ahead(readers, read, names):
                count += 1
                yield content
    yield from map(read, names[count:])


def _readers(store: Store, files: int) -> Executor | None:
    if not isinstance(store, FolderStore):
        return ThreadPoolExecutor(FETCHERS) if files > 1 else None
    if files < MANY_FILES or usable_cores() < 2:
        return None
    # One core is left to this process, which writes what they read; but two read faster than one.
    return ProcessPoolExecutor(max(2, usable_cores() - 1), mp_context=get_context("spawn"))


def _ahead(
    readers: Executor, read: Callable[[str], FileContent], names: Sequence[str]
) -> Iterator[FileContent]:
    """Yield results in order; interrupted, what has not begun is dropped."""
    chunk = 1 if isinstance(readers, ThreadPoolExecutor) else 16
    try:
        yield from readers.map(read, names, chunksize=chunk)
    except BaseException:
        readers.shutdown(cancel_futures=True)
        raise
