"""Reading the files of a store, by several readers at once where that is faster."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec

from speedgate.history.document import decode_run
from speedgate.history.figures import RunFigures, run_figures
from speedgate.history.format import (
    HistoryError,
    PlainRun,
)
from speedgate.history.intake import IntakeError, any_json, as_text, decoded
from speedgate.history.seal import FIELD
from speedgate.history.store import FolderStore, Store
from speedgate.runner.machine import usable_cores
from speedgate.runner.strategies.processes import start_tracker

ACCEPTED = ".accepted"
# Reading in more files than these takes long enough to say so, and to start processes for it.
MANY_FILES = 500
# The number of files that are fetched at once over a network.
FETCHERS = 8
# By these a file is known for a run of ours, whatever has become of its content: its name, that of
# its environment's folder, or a key that only we write.
RUN_NAME = re.compile(r"\d{4}_\d{4}_\d{6}-\d{3}_.+_[0-9a-f]{8}\.json")
ENVIRONMENT_NAME = re.compile(r".+-[0-9a-f]{8}")
OUR_KEYS = re.compile(rb'"(speedgate"\s*:\s*\{|%s"\s*:\s*")' % FIELD.encode())
# At the limit of processes or threads, without rights or semaphores, or in a script without a main
# guard.
CANNOT_START = (OSError, RuntimeError)


# --- reading


class AcceptanceEntry(msgspec.Struct):
    """Why a run is the level from now on, failed or not; lies beside it."""

    why: str
    time: str


_decode_acceptance = msgspec.json.Decoder(AcceptanceEntry).decode


class Unreadable(NamedTuple):
    """A file that could not be read this time, be it gone or out of reach, with the number of the
    error."""

    reason: str
    number: int | None = None


class NotOurs(NamedTuple):
    """A file that never was a run, be it JSON or not."""

    reason: str


# What the index keeps of a file, or in words why it is no run; empty where nothing is wrong.
FileContent = RunFigures | AcceptanceEntry | Unreadable | NotOurs | str


def read_one(store: Store, name: str) -> FileContent:
    """Return what the index keeps of a file; a text says why it is no run.

    It is empty for a run of plain pytest-benchmark, which may well lie here and is left alone.
    """
    path = as_text(store.path(name))
    try:
        data = store.read(name)
    except OSError as error:
        return Unreadable(f"{path} cannot be read ({error.strerror or error})", error.errno)
    try:
        if name.endswith(ACCEPTED):
            return decoded(data, _decode_acceptance)
        return run_figures(decode_run(path, data))
    except IntakeError as error:
        return f"{path} is not the acceptance of a run ({error})"
    except PlainRun:
        return ""
    except HistoryError as error:
        return str(error) if was_ours(name, data) else NotOurs(str(error))


def was_ours(name: str, data: bytes) -> bool:
    """Whether a file that is no run was one, by what is left of it."""
    path = PurePosixPath(name)
    if RUN_NAME.fullmatch(path.name) or ENVIRONMENT_NAME.fullmatch(path.parent.name):
        return True
    try:
        content = any_json(data)
    except IntakeError:
        return OUR_KEYS.search(data) is not None
    return isinstance(content, dict) and not content.keys().isdisjoint(("speedgate", FIELD))


def read_many(store: Store, names: Sequence[str]) -> Iterator[FileContent]:
    """Yield what ``read_one`` returns, in order, by several readers at once where that is faster.

    Of a folder reading is work for the CPU: processes; of an address it is waiting: threads.
    """
    count, read, is_left = 0, partial(read_one, store), False
    # Where no others can be started, one reads.
    with contextlib.suppress(*CANNOT_START), contextlib.ExitStack() as ended:
        readers = _readers(store, len(names))
        if readers is not None:
            ended.callback(_end, readers)
            for content in ended.enter_context(contextlib.closing(_ahead(readers, read, names))):
                count += 1
                is_left = True  # by who reads this, until the next is asked for
                yield content
                is_left = False
    if not is_left:
        yield from map(read, names[count:])


def _readers(store: Store, files: int) -> Executor | None:
    if not isinstance(store, FolderStore):
        return ThreadPoolExecutor(FETCHERS) if files > 1 else None
    if files < MANY_FILES or usable_cores() < 2:
        return None
    start_tracker()
    # One core is left to this process, which writes what they read; but two read faster than one.
    return ProcessPoolExecutor(max(2, usable_cores() - 1), mp_context=get_context("spawn"))


def _end(readers: Executor) -> None:
    """Wait for the end of some readers. A pool that could not start its thread waits for none: what
    it has started would then be waited for at the end of this process."""
    try:
        readers.shutdown()
    except RuntimeError:
        for process in (getattr(readers, "_processes", None) or {}).values():
            process.terminate()
            process.join()
        raise


def _ahead(
    readers: Executor, read: Callable[[str], FileContent], names: Sequence[str]
) -> Generator[FileContent, None, None]:
    """Yield results in order; interrupted, what has not begun is dropped."""
    chunk = 1 if isinstance(readers, ThreadPoolExecutor) else 16
    try:
        yield from readers.map(read, names, chunksize=chunk)
    except BaseException:
        readers.shutdown(cancel_futures=True)
        raise
