"""Journal: a run in the making, a line for each thing measured, so that nothing is lost with it.

Beside the runs as ``NAME.part``: the first line is the document without its benchmarks, each line
after it a benchmark, a judgement, an outcome of ``scale``, how far a census came, or more of the
``speedgate`` section.
What is written again takes the place of what was there. Each line ends in a digest of its own. The
next session that sees the journal of an ended one makes a run of it, marked incomplete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import msgspec

from speedgate import files
from speedgate.history.document import Run, decode_run
from speedgate.history.format import HistoryError
from speedgate.history.intake import IntakeError, any_json, as_text, rebuilt
from speedgate.history.seal import FIELD, is_intact, sealed
from speedgate.history.store import set_aside
from speedgate.stats.words import number_of

SUFFIX = ".part"

Json = dict[str, Any]
T = TypeVar("T")


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

    def add_census(self, census: Json) -> None:
        """Write how far a census came, and not again all the cells that its section lists."""
        self._write({"census": census})

    def add_section(self, section: Json) -> None:
        self._write({"section": section})

    def _write(self, line: Json) -> None:
        # To the kernel at once: a killed process loses nothing then, and a disk is not waited for.
        # After half a line that could not be taken back a new one begins.
        data = b"\n" * self._ends_in_half_a_line + sealed(line) + b"\n"
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
    """Make runs of the journals in ``folder`` and below whose sessions have ended.

    A journal goes once its run is on the disk, or if it tells of nothing. One with lines that
    cannot be read is moved aside, once the others are a run. One of which no run can be made, or
    whose run cannot be written, stays. ``notify`` is given a line for each run that was made and
    each journal that stays.
    """
    for place, _ in files.folders_below(folder):
        files.sweep(place)
    for journal in _journals(folder):
        _recover_or_tell(journal, notify)


def _journals(folder: Path) -> list[Path]:
    """Return the journals in a folder and below it, wherever a history has runs; of a part that
    cannot be listed none: the reader of its runs says so."""
    return [path for place, names in files.folders_below(folder) for path in _among(place, names)]


def _among(place: Path, names: Sequence[str]) -> list[Path]:
    return [place / name for name in names if name.endswith(SUFFIX) and not name.startswith(".")]


class Recovered(NamedTuple):
    """What became of a journal: the run that was made of it, if any, and where it is kept, if
    lines of it are lost."""

    run: Path | None = None
    kept: Path | None = None
    lost: int = 0


def _recover_or_tell(journal: Path, notify: Callable[[str], None]) -> None:
    name = as_text(str(journal))
    try:
        if files.is_file(journal):
            words = _words(name, _recovered(journal))
            if words:
                notify(words)
    except HistoryError as error:
        notify(f"left alone: {name}: {error}; 'speedgate check --repair' moves it aside")
    except OSError as error:
        why = error.strerror or error
        notify(f"left alone: {name}: its run cannot be written ({why}); the next start tries again")


def _words(name: str, done: Recovered) -> str:
    """Say what became of a journal; nothing where its run was there already."""
    words = []
    if done.run is not None:
        run = as_text(str(done.run))
        words.append(f"recovered {run}: its session was cut short, it is marked incomplete")
    if done.kept is not None:
        lines = number_of(done.lost, "line")
        words.append(f"{lines} of {name} cannot be read, so it is kept: {as_text(str(done.kept))}")
    return "; ".join(words)


def look_at_journals(folder: Path) -> Iterator[tuple[Path, HistoryError | OSError | None]]:
    """Yield each journal in ``folder`` and below that nobody writes, and what is damaged in it, if
    anything is; and each folder that cannot be looked into. Those that tell of nothing yet are left
    out, and nothing is changed."""
    closed: list[tuple[Path, OSError]] = []
    walk = files.folders_below(folder, lambda place, error: closed.append((place, error)))
    journals = [path for place, names in walk for path in _among(place, names)]
    yield from closed
    for path in journals:
        try:
            file = _take(path) if files.is_file(path) else None
            if file is None:
                continue
            with file:
                told = _told(files.read(path))
                if told.document is None:
                    continue
                _sealed_run(told.document)
            damage = HistoryError(f"{number_of(told.lost, 'line')} of it cannot be read")
            yield path, damage if told.lost else None
        except (HistoryError, OSError) as error:
            yield path, error


def set_journal_aside(journal: Path) -> str:
    """Move a damaged journal out of the way, once what is whole in it is a run if it can be one.

    Return where they are then; ``OSError`` if it cannot be moved.
    """
    with contextlib.suppress(HistoryError):
        done = _recovered(journal)
        if done.kept is not None:
            return f"{done.kept}" + (f", recovered {done.run}" if done.run else "")
    return str(set_aside(journal))


def _recovered(journal: Path) -> Recovered:
    """Make a run of the journal of a session that has ended, and put the journal away.

    It goes if all of it is in a run, and is moved aside if lines of it are lost. ``HistoryError``
    if no run can be made of it, ``OSError`` if none can be written: then it stays.
    """
    file = _take(journal)
    if file is None:
        return Recovered()
    try:
        told, run = _told(files.read(journal)), None
        if told.document is not None:
            run = _save_unless_there(journal.with_suffix(".json"), *_sealed_run(told.document))
        if not files.HAS_LOCKS:
            files.close(file)  # Windows renames nothing that is open
        if told.lost:
            return Recovered(run, set_aside(journal), told.lost)
        files.remove(journal)
        return Recovered(run)
    finally:
        files.close(file)


def _sealed_run(document: Json) -> tuple[bytes, Run]:
    """Return a run's file and what it tells; ``HistoryError`` if nobody could read it again."""
    data = sealed(document)
    return data, decode_run("what it tells", data)


def _save_unless_there(target: Path, data: bytes, run: Run) -> Path | None:
    """Save a run and return its file; ``None`` if a file there has all of it.

    A process that was killed after it saved the run could not remove its journal. If anything else
    has the name, the run has another, which is the same each time that this is tried.
    """
    other = target.with_stem(f"{target.stem}-{blake2b(data, digest_size=4).hexdigest()}")
    for path in (target, other):
        try:
            files.write_whole(path, data)
        except FileExistsError:
            if _holds(path, run):
                return None
        else:
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(other))


def _holds(path: Path, run: Run) -> bool:
    """Whether a file is a whole run that has all that another one has, by the names of it."""
    if not files.is_file(path):
        return False
    try:
        there = decode_run(str(path), files.read(path))
    except HistoryError:
        return False
    return all(
        there_is >= wanted for there_is, wanted in zip(_held(there), _held(run), strict=True)
    )


def _held(run: Run) -> tuple[set[str], set[str], set[str]]:
    """What a run has: its benchmarks, the cases that were judged, and what ``scale`` found."""
    return (
        {entry.fullname or entry.name for entry in run.document.benchmarks},
        {f"{entry.benchmark} {entry.case.case().id}" for entry in run.judgements},
        {entry.name for entry in run.section.scale},
    )


class LineEntry(msgspec.Struct):
    """A line of a journal after the first: one of these."""

    benchmark: Json | None = None
    judgement: Json | None = None
    outcome: Json | None = None
    census: Json | None = None
    section: Json | None = None


class HeadEntry(msgspec.Struct):
    """What makes the first line that of a journal."""

    speedgate: Json


class JournalContent(NamedTuple):
    """What a journal tells: the document, ``None`` if it has no figure and no outcome yet, and how
    many of its lines cannot be read."""

    document: Json | None
    lost: int = 0


def read_journal(data: bytes) -> Json | None:
    """Return the document that a journal tells, ``None`` if it has no figure and no outcome yet.

    ``HistoryError`` if no run can be made of it.
    """
    return _told(data).document


def _told(data: bytes) -> JournalContent:
    """A last line that was not ended is no line: its writer was killed in the middle of it."""
    if not data:  # the power went before the disk had it
        return JournalContent(None)
    # Those of older versions have no digests.
    is_sealed = b'"%s":"' % FIELD.encode() in data
    first, *others = data.split(b"\n")
    head = _read_line(first, HeadEntry, is_sealed)
    lines = [_read_line(line, LineEntry, is_sealed) for line in others if line]
    rest = [line for line in lines if line is not None]
    if head is None:
        raise HistoryError(_why_no_run(rest))
    is_cut_off = lines[-1:] == [None] and not data.endswith(b"\n")
    lost = len(lines) - len(rest) - is_cut_off
    document = _document(any_json(first), rest)
    if document is None and lost:
        raise HistoryError(
            f"{number_of(lost, 'line')} of it cannot be read, and no other tells of a measurement"
        )
    return JournalContent(document, lost)


def _why_no_run(rest: Sequence[LineEntry]) -> str:
    if any(line.benchmark or line.outcome for line in rest):
        return "its first line, which says where it was measured, cannot be read"
    return "it is not a journal of speedgate"


def _read_line(line: bytes, kind: type[T], is_sealed: bool) -> T | None:
    """Return what a line says; ``None`` if it is damaged."""
    if is_sealed and not is_intact(line):
        return None
    try:
        return rebuilt(any_json(line), kind)
    except IntakeError:
        return None


def _document(head: Json, rest: Sequence[LineEntry]) -> Json | None:
    # What is written again takes the place of what was there.
    benchmarks = {
        str(line.benchmark.get("fullname", number)): line.benchmark
        for number, line in enumerate(rest)
        if line.benchmark is not None
    }
    outcomes = [line.outcome for line in rest if line.outcome is not None]
    if not benchmarks and not outcomes:
        return None
    section = head["speedgate"] | {
        "complete": False,
        "judgements": [line.judgement for line in rest if line.judgement is not None],
    }
    if outcomes:
        section["scale"] = outcomes
    for line in rest:
        section |= line.section or {}
        if line.census is not None and isinstance(section.get("census"), dict):
            section["census"] = section["census"] | line.census
    whole: Json = head | {"benchmarks": list(benchmarks.values()), "speedgate": section}
    whole.pop(FIELD, None)  # that of the line
    return whole


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
