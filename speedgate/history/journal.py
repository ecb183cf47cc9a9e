"""Journal: a run in the making, a line for each thing measured, so that nothing is lost with it.

Beside the runs as ``NAME.part``: the first line is the document without its benchmarks, each line
after it a benchmark, a judgement, an outcome of ``scale`` or more of the ``speedgate`` section.
What is written again takes the place of what was there. The next session that sees the journal of
an ended one makes a run of it, marked incomplete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from speedgate import files
from speedgate.history.document import decode_run
from speedgate.history.format import HistoryError, encode_run
from speedgate.history.intake import IntakeError, any_json, as_text, rebuilt
from speedgate.history.seal import sealed

SUFFIX = ".part"

Json = dict[str, Any]


class Journal:
    """The journal of this session's run. Holds a lock for as long as the session lives.

    ``FileExistsError`` if there is one of this name, ``OSError`` if it cannot be written.
    """

    def __init__(self, path: Path, head: Json) -> None:
        files.make_folder(path.parent)
        self.path = path
        # Locked and begun before it has the name under which others look for journals. Where a file
        # system knows no locks nobody else gets one, and the journal stays.
        beginning, self._file = files.begin(path.parent)
        self._whole_bytes = 0
        self._ends_in_half_a_line = False
        try:
            self._write(head)
            if files.exists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            self._take_name(beginning)
        except BaseException:
            files.abandon(beginning, self._file)
            raise

    def _take_name(self, beginning: Path) -> None:
        if files.HAS_LOCKS:
            files.rename(beginning, self.path)
            return
        # Windows renames nothing that is open, and lets nobody else rename it then.
        files.close(self._file)
        files.rename(beginning, self.path)
        self._file = files.reopen(self.path, "ab")

    def add_benchmark(self, benchmark: Json) -> None:
        self._write({"benchmark": benchmark})

    def add_judgement(self, judgement: Json) -> None:
        self._write({"judgement": judgement})

    def add_outcome(self, outcome: Json) -> None:
        """Write what became of one benchmark of ``scale``: the section grows by a line for each."""
        self._write({"outcome": outcome})

    def add_section(self, section: Json) -> None:
        self._write({"section": section})

    def _write(self, line: Json) -> None:
        # To the kernel at once: a killed process loses nothing then, and a disk is not waited for.
        # After half a line that could not be taken back a new one begins.
        data = b"\n" * self._ends_in_half_a_line + encode_run(line) + b"\n"
        try:
            files.write_all(self._file, data)
        except OSError:
            self._cut_off_the_rest()
            raise
        self._whole_bytes += len(data)
        self._ends_in_half_a_line = False

    def _cut_off_the_rest(self) -> None:
        """Leave whole lines: the next one, if the disk takes it, must not follow half a line."""
        try:
            files.cut(self._file, self._whole_bytes)
        except OSError:
            self._ends_in_half_a_line = True

    @property
    def target(self) -> Path:
        """The file of the run that this journal becomes."""
        return self.path.with_suffix(".json")

    def save(self, document: Json) -> Path:
        """Write the whole run and return its file; the journal is still to be removed."""
        return save_whole(self.target, document)

    def close(self) -> None:
        """Leave the journal to the next session: its run could not be saved."""
        with contextlib.suppress(OSError):
            files.close(self._file)

    def remove(self) -> None:
        """Remove the journal, once the run is saved or there is nothing to save.

        One that cannot be removed stays: the next session finds that its run is there.
        """
        files.abandon(self.path, self._file)


def save_whole(target: Path, document: Json) -> Path:
    """Write a whole run and return its file, which has another name where that one is taken.

    Where locks do not reach from one machine to another, somebody else may have made a run of what
    was in the journal so far.
    """
    data = sealed(document)
    try:
        files.write_whole(target, data)
    except FileExistsError:
        target = target.with_stem(f"{target.stem}-{secrets.token_hex(4)}")
        files.write_whole(target, data)
    return target


def recover(folder: Path, notify: Callable[[str], None]) -> None:
    """Make runs of the journals below ``folder`` whose sessions have ended.

    A journal goes once its run is on the disk, or if nothing was measured. One that cannot be read
    or whose run cannot be written stays. ``notify`` is given a line for each run that was made and
    each journal that stays.
    """
    files.sweep(folder)
    for environment in _listed_or_nothing(folder):
        files.sweep(environment)
    for journal in _journals(folder):
        _recover_or_tell(journal, notify)


def _journals(folder: Path) -> list[Path]:
    """Return the journals below a folder; of a part that cannot be listed none: the reader of its
    runs says so."""
    return [
        journal
        for environment in _listed_or_nothing(folder)
        for journal in _listed_or_nothing(environment, SUFFIX)
    ]


def _listed_or_nothing(folder: Path, suffix: str = "") -> list[Path]:
    try:
        return files.named(folder, suffix=suffix)
    except OSError:
        return []


def _recover_or_tell(journal: Path, notify: Callable[[str], None]) -> None:
    try:
        if files.is_file(journal):
            _recover_one(journal, notify)
    except HistoryError as error:
        notify(f"left alone: {as_text(str(journal))}: {error}")
    except OSError as error:
        why = error.strerror or error
        notify(f"left alone: {as_text(str(journal))}: its run cannot be written ({why})")


def unreadable_journals(folder: Path) -> Iterator[tuple[Path, HistoryError | OSError]]:
    """Yield each journal below ``folder`` that nobody writes and nobody can read, and why."""
    for path in _journals(folder):
        try:
            file = _take(path) if files.is_file(path) else None
            if file is not None:
                with file:
                    _run_file(path)
        except (HistoryError, OSError) as error:
            yield path, error


def _recover_one(journal: Path, notify: Callable[[str], None]) -> None:
    file = _take(journal)
    if file is None:
        return
    try:
        data = _run_file(journal)
        target = journal.with_suffix(".json")
        if data is not None:
            # A process that was killed after it saved the run could not remove its journal.
            with contextlib.suppress(FileExistsError):
                files.write_whole(target, data)
                notify(f"recovered {target}: its session was cut short, it is marked incomplete")
        files.remove(journal)
    finally:
        files.close(file)


def _run_file(journal: Path) -> bytes | None:
    """Return the run's file that a journal tells, ``None`` if nothing was measured yet.

    ``HistoryError`` if nobody could read it again.
    """
    document = read_journal(files.read(journal))
    if document is None:
        return None
    data = sealed(document)
    decode_run("what it tells", data)
    return data


class LineEntry(msgspec.Struct):
    """A line of a journal after the first: one of these."""

    benchmark: Json | None = None
    judgement: Json | None = None
    outcome: Json | None = None
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
    outcomes = [line.outcome for line in rest if line.outcome is not None]
    if outcomes:
        section["scale"] = outcomes
    for line in rest:
        section |= line.section or {}
    whole: Json = head | {"benchmarks": list(benchmarks.values()), "speedgate": section}
    return whole


def _whole_lines(data: bytes) -> list[Any]:
    lines = []
    for line in data.splitlines():
        # What was cut off, as the last line may be, is no line: those after it count.
        with contextlib.suppress(IntakeError):
            lines.append(any_json(line))
    return lines


def _take(journal: Path) -> IO[bytes] | None:
    """Open the journal of a session that has ended; ``None`` if it lives, or is being read.

    For writing, though nothing is written: a lock on a share asks for it.
    """
    try:
        if not files.HAS_LOCKS:
            # There are no such locks on Windows; but what is open elsewhere cannot be renamed.
            probe = journal.with_name(f".{journal.name}-{os.getpid()}")
            files.rename(journal, probe)
            files.rename(probe, journal)
        file = files.reopen(journal, "r+b")
    except FileNotFoundError:
        return None  # its session has just saved it
    except PermissionError:
        if not files.HAS_LOCKS:
            return None
        raise
    try:
        is_ours = files.lock(file) or not files.HAS_LOCKS
        if is_ours and files.exists(journal):  # another reader may have been first
            return file
    except BaseException:
        files.close(file)
        raise
    files.close(file)
    return None
