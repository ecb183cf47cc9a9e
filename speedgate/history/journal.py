"""Journal: a run in the making, a line for each thing measured, so that nothing is lost with it.

Beside the runs as ``NAME.part``: the first line is the document without its benchmarks, each line
after it a benchmark, a judgement or more of the ``speedgate`` section. What is written again takes
the place of what was there. The next session that sees the journal of an ended one makes a run of
it, marked incomplete.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from speedgate.history.document import decode_run
from speedgate.history.format import HistoryError, encode_run
from speedgate.history.intake import IntakeError, any_json, as_text, rebuilt
from speedgate.history.seal import sealed
from speedgate.history.store import FolderStore, write_whole

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".part"

Json = dict[str, Any]


class Journal:
    """The journal of this session's run. Holds a lock for as long as the session lives.

    ``FileExistsError`` if there is one of this name, ``OSError`` if it cannot be written.
    """

    def __init__(self, path: Path, head: Json) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # Locked and begun before it has the name under which others look for journals.
        beginning = path.with_name(f".{path.name}-{os.getpid()}")
        # Unbuffered: what a full disk did not take must not be tried again when it is closed.
        self._file: IO[bytes] = beginning.open("xb", buffering=0)
        self._whole_bytes = 0
        try:
            # Where a file system knows no locks nobody else gets one, and the journal stays.
            _lock(self._file)
            self._write(head)
            if path.exists():
                raise FileExistsError(f"{path} is there already")
            self._take_name(beginning)
        except BaseException:
            self._file.close()
            beginning.unlink(missing_ok=True)
            raise

    def _take_name(self, beginning: Path) -> None:
        if fcntl is not None:
            beginning.rename(self.path)
            return
        # Windows renames nothing that is open, and lets nobody else rename it then.
        self._file.close()
        beginning.rename(self.path)
        self._file = self.path.open("ab", buffering=0)

    def add_benchmark(self, benchmark: Json) -> None:
        self._write({"benchmark": benchmark})

    def add_judgement(self, judgement: Json) -> None:
        self._write({"judgement": judgement})

    def add_section(self, section: Json) -> None:
        self._write({"section": section})

    def _write(self, line: Json) -> None:
        # To the kernel at once: a killed process loses nothing then, and a disk is not waited for.
        data = encode_run(line) + b"\n"
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._cut_off_the_rest()
            raise
        self._whole_bytes += len(data)

    def _cut_off_the_rest(self) -> None:
        """Leave whole lines: the next one, if the disk takes it, must not follow half a line."""
        with contextlib.suppress(OSError):
            self._file.truncate(self._whole_bytes)
            self._file.seek(0, os.SEEK_END)

    @property
    def target(self) -> Path:
        """The file of the run that this journal becomes."""
        return self.path.with_suffix(".json")

    def save(self, document: Json) -> Path:
        """Write the whole run and return its file; the journal is still to be removed."""
        FolderStore(self.target.parent).write(self.target.name, sealed(document))
        return self.target

    def close(self) -> None:
        """Leave the journal to the next session: its run could not be saved."""
        self._file.close()

    def remove(self) -> None:
        """Remove the journal, once the run is saved or there is nothing to save."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def recover(folder: Path, notify: Callable[[str], None]) -> None:
    """Make runs of the journals below ``folder`` whose sessions have ended.

    A journal goes once its run is on the disk, or if nothing was measured. One that cannot be read
    or whose run cannot be written stays. ``notify`` is given a line for each run that was made and
    each journal that stays.
    """
    for journal in sorted(folder.glob(f"*/*{SUFFIX}")):
        try:
            if journal.is_file():
                _recover_one(journal, notify)
        except HistoryError as error:
            notify(f"left alone: {as_text(str(journal))}: {error}")
        except OSError as error:
            why = error.strerror or error
            notify(f"left alone: {as_text(str(journal))}: its run cannot be written ({why})")


def unreadable_journals(folder: Path) -> Iterator[tuple[Path, HistoryError | OSError]]:
    """Yield each journal below ``folder`` that nobody writes and nobody can read, and why."""
    for path in sorted(folder.glob(f"*/*{SUFFIX}")):
        try:
            file = _take(path) if path.is_file() else None
            if file is not None:
                with file:
                    read_journal(file.read())
        except (HistoryError, OSError) as error:
            yield path, error


def _recover_one(journal: Path, notify: Callable[[str], None]) -> None:
    file = _take(journal)
    if file is None:
        return
    with file:
        document = read_journal(file.read())
        target = journal.with_suffix(".json")
        if document is not None:
            data = sealed(document)
            decode_run("what it tells", data)  # what nobody could read again is not written
            # A process that was killed after it saved the run could not remove its journal.
            with contextlib.suppress(FileExistsError):
                write_whole(target, data)
                notify(f"recovered {target}: its session was cut short, it is marked incomplete")
    journal.unlink(missing_ok=True)


class LineEntry(msgspec.Struct):
    """A line of a journal after the first: one of these."""

    benchmark: Json | None = None
    judgement: Json | None = None
    section: Json | None = None


class HeadEntry(msgspec.Struct):
    """What makes the first line that of a journal."""

    speedgate: Json


def read_journal(data: bytes) -> Json | None:
    """Return the document that a journal tells; ``None`` if nothing was measured yet.

    The last line may be cut off: what was measured before it counts. ``HistoryError`` if this is
    no journal of ours.
    """
    if not data:  # the power went before the disk had it
        return None
    head, *lines = _whole_lines(data) or [None]
    try:
        rebuilt(head, HeadEntry)
        rest = [rebuilt(line, LineEntry) for line in lines]
    except IntakeError:
        raise HistoryError(
            "it is not a journal of speedgate; remove it if you do not need it"
        ) from None
    # What is written again takes the place of what was there.
    benchmarks = {
        str(line.benchmark.get("fullname", number)): line.benchmark
        for number, line in enumerate(rest)
        if line.benchmark is not None
    }
    if not benchmarks:
        return None
    section = head["speedgate"] | {
        "complete": False,
        "judgements": [line.judgement for line in rest if line.judgement is not None],
    }
    for line in rest:
        section |= line.section or {}
    whole: Json = head | {"benchmarks": list(benchmarks.values()), "speedgate": section}
    return whole


def _whole_lines(data: bytes) -> list[Any]:
    lines = []
    for line in data.splitlines():
        try:
            lines.append(any_json(line))
        except IntakeError:
            break
    return lines


def _take(journal: Path) -> IO[bytes] | None:
    """Open the journal of a session that has ended; ``None`` if it lives, or is being read.

    For writing, though nothing is written: a lock on a share asks for it.
    """
    try:
        if fcntl is None:
            # There are no such locks on Windows; but what is open elsewhere cannot be renamed.
            probe = journal.with_name(f".{journal.name}-{os.getpid()}")
            journal.rename(probe).rename(journal)
        file = journal.open("r+b")
    except FileNotFoundError:
        return None  # its session has just saved it
    except PermissionError:
        if fcntl is None:
            return None
        raise
    if not _lock(file):
        file.close()
        return None
    if not journal.exists():  # another reader was first
        file.close()
        return None
    return file


def _lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed, if nobody else has; a process that is killed unlocks it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
