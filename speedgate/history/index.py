"""Index: the figures of all runs of a store in one SQLite file: no question reads all the runs.

A cache: it lies in the user's cache folder, follows the files of the store, and is made anew when
it is gone, broken or of another version. SQLite, because it ships with Python and lets several
processes write (docs/decisions.md has the measurements).
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from speedgate import files
from speedgate.history import reading
from speedgate.history.cache import cache_folder
from speedgate.history.figures import COLUMNS, Figures, RunFigures
from speedgate.history.format import FORMAT_VERSION
from speedgate.history.index_file import (
    APPLICATION,
    NotOursError,
    is_cut_off,
    parts,
    refuse_what_is_no_file,
    refuse_what_others_made,
)
from speedgate.history.intake import IntakeError, as_text, is_text
from speedgate.history.reading import (
    ACCEPTED,
    AcceptanceEntry,
    FileContent,
    NotOurs,
    Unreadable,
    read_many,
)
from speedgate.history.store import Entry, Store, is_aside, set_aside
from speedgate.stats.figure import COMPARED

T = TypeVar("T")

# Raised where the same file is read in another way.
READING_VERSION = 10
REPAIR = "'speedgate check --repair' moves it aside"
# Another process may be reading in a long history for the first time.
PATIENCE_SECONDS = 600.0

TABLES = """
CREATE TABLE files (name TEXT PRIMARY KEY, stamp TEXT, error TEXT);
CREATE TABLE environments (digest TEXT PRIMARY KEY, name TEXT, description TEXT);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, file TEXT UNIQUE, digest TEXT, time TEXT, commit_id TEXT,
    branch TEXT, complete INTEGER, trusted INTEGER
);
CREATE INDEX runs_of_environment ON runs (digest, time, file);
CREATE TABLE acceptances (file TEXT PRIMARY KEY, run TEXT, why TEXT, time TEXT);
CREATE TABLE benchmarks (
    id INTEGER PRIMARY KEY, name TEXT, case_id TEXT, fullname TEXT, shares_name INTEGER,
    UNIQUE (fullname, case_id)
);
CREATE TABLE figures (
    run INTEGER, benchmark INTEGER, {columns}, PRIMARY KEY (run, benchmark)
) WITHOUT ROWID;
CREATE TABLE levels (
    digest TEXT, benchmark INTEGER, signal TEXT, count INTEGER, total REAL, squares REAL,
    PRIMARY KEY (digest, benchmark, signal)
) WITHOUT ROWID;
""".format(columns=", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()))
# Whether some run still has two benchmarks of one name.
STILL_SHARED = """
UPDATE benchmarks SET shares_name = 0 WHERE shares_name AND name NOT IN (
    SELECT name FROM figures JOIN benchmarks AS sharing ON sharing.id = benchmark
    WHERE shares_name GROUP BY run, name HAVING COUNT(DISTINCT fullname) > 1
)
"""
# An index of other tables, or of files that were read in another way, is made anew.
VERSION = (zlib.crc32(TABLES.encode()) + FORMAT_VERSION + READING_VERSION) & 0x7FFFFFFF


class Index:
    """The index of a store, as fresh as its files when it was opened.

    ``notify`` is given a line where reading takes long, for each file that cannot be read now, and
    if something else has the name of the index, which is ``in_the_way`` then.
    """

    def __init__(self, store: Store, notify: Callable[[str], None] = lambda line: None) -> None:
        self.store = store
        self._notify = notify
        # What could not be read when this was opened, by its name.
        self.out_of_reach: dict[str, Unreadable] = {}
        self.in_the_way: NotOursError | None = None
        name = hashlib.blake2b(os.fsencode(self.store.location), digest_size=16).hexdigest()
        self.path = cache_folder() / "index" / f"{name}.sqlite"
        self._connection = self._open()

    def close(self) -> None:
        self._connection.close()

    def files(self) -> list[str]:
        """Return the names of the files that the index knows, in order."""
        return self.query("SELECT name FROM files ORDER BY name", (), lambda row: str(row[0]))

    def query(
        self, text: str, values: Sequence[Any], build: Callable[[Sequence[Any]], T]
    ) -> list[T]:
        """Return what ``build`` makes of each row; an index that is damaged is made anew.

        ``build`` raises ``IntakeError`` for a row that nobody here has written.
        """
        for remedy in (self._renew, self._move_to_memory):
            try:
                return [build(row) for row in self._connection.execute(text, values)]
            except (sqlite3.DatabaseError, IntakeError):
                remedy()
        return [build(row) for row in self._connection.execute(text, values)]

    def _renew(self) -> None:
        self._connection.close()
        if self.in_the_way is None:
            self._remove()
        self._connection = self._open()

    def _move_to_memory(self) -> None:
        """Do without the file: a disk that fails does not take the history down."""
        self._connection.close()
        self._connection = self._in_memory()

    def _open(self) -> sqlite3.Connection:
        """Open the file, anew if it is broken; in memory where none can be written."""
        for _ in range(2):
            try:
                files.make_folder(self.path.parent)
                refuse_what_is_no_file(self.path)
                if is_cut_off(self.path):
                    self._remove()
                return self._prepared(files.connect(self.path, PATIENCE_SECONDS))
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
                    break  # it cannot be written, or is locked for good
                self._remove()  # its tables are not ours
            except sqlite3.DatabaseError:
                self._remove()
            except OSError:
                break
            except NotOursError as error:
                self.in_the_way = error
                self._notify(f"{error}: it is not used; {REPAIR}")
                break
        return self._in_memory()

    def _in_memory(self) -> sqlite3.Connection:
        return self._prepared(sqlite3.connect(":memory:"))

    def _remove(self) -> None:
        for path in parts(self.path):
            with contextlib.suppress(OSError):
                files.remove(path)

    def _prepared(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.isolation_level = None  # transactions are begun here, not behind our back
        try:
            refuse_what_others_made(self.path, connection)
            # A cache that is lost with the power is made anew.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                make_tables(connection)
            self._follow(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()  # which rolls back
            raise
        return connection

    def _follow(self, connection: sqlite3.Connection) -> None:
        """Take in what has come to the store, and drop what has gone or changed."""
        known = dict(connection.execute("SELECT name, stamp FROM files"))
        here = self._stamps()
        gone = [file for file in known if here.get(file) != known[file]]
        if gone:
            _forget_all(connection, gone)
        new = sorted(here.keys() - (known.keys() - set(gone)))
        if len(new) >= reading.MANY_FILES:
            self._notify(f"reading {len(new):,} runs of {self.store.location} into the index, once")
        contents = zip(new, read_many(self.store, new), strict=True)
        unreadable = take_in(connection, contents, here)
        self.out_of_reach |= unreadable
        for content in unreadable.values():
            self._notify(f"left out for now: {content.reason}")

    def _stamps(self) -> dict[str, str]:
        """Return the stamp of each file that may be a run or an acceptance, by its name."""
        stamps = {}
        self.out_of_reach = {}
        for entry in self.entries():
            if entry.error:
                why = self.why_out_of_reach(entry)
                self.out_of_reach[entry.name] = Unreadable(why, entry.number)
                self._notify(f"left out for now: {why}")
            else:
                stamps[entry.name] = entry.stamp
        return stamps

    def entries(self) -> Iterator[Entry]:
        """Yield the entries of the store that may be a run, an acceptance, or a folder of them."""
        for name, stamp, error, number in self.store.entries():
            # What cannot be looked at may be a folder of runs.
            if error or name.endswith((".json", ACCEPTED)):
                why = error if is_text(name) else "its name is not UTF-8: rename it"
                yield Entry(name, stamp, why, number)

    def why_out_of_reach(self, entry: Entry) -> str:
        """Say of an entry with an error which file or folder cannot be looked at, and why."""
        return f"{as_text(self.store.path(entry.name))}: {entry.error}"

    def broken(self) -> list[str]:
        """Return what is wrong with each file that is no run, and is left out for it."""
        return self.query(
            "SELECT error FROM files WHERE error > '' ORDER BY name", (), lambda row: str(row[0])
        )

    def left_out(self) -> list[str]:
        """Return the names of the files and folders that cannot be read, or are damaged."""
        damaged = "SELECT name FROM files WHERE error > ''"
        return sorted([*self.query(damaged, (), lambda row: str(row[0])), *self.out_of_reach])

    def plain(self) -> list[str]:
        """Return the names of the files that are runs of plain pytest-benchmark."""
        return self.query(
            "SELECT name FROM files WHERE error = '' ORDER BY name", (), lambda row: str(row[0])
        )

    def aside(self) -> list[Path]:
        """Return where earlier files of this index are that were moved aside; without a folder that
        can be looked into there is no file of an index either."""
        try:
            beside = files.named(self.path.parent, self.path.name)
        except OSError:
            return []
        return [path for path in beside if is_aside(path.name)]

    def set_aside(self) -> Path:
        """Move the index's file aside and make it anew; return where the old one is."""
        self._connection.close()  # what is in its log is put into the file then
        there = [path for path in parts(self.path) if files.mode_of_name(path) is not None]
        asides = [set_aside(path) for path in there]
        self.in_the_way = None
        self._renew()
        return asides[0] if asides else self.path


# --- writing


def take_in(
    connection: sqlite3.Connection,
    contents: Iterable[tuple[str, FileContent]],
    stamps: Mapping[str, str],
) -> dict[str, Unreadable]:
    """Add what was read of files that are not in an index yet; return by name those that were not
    readable.

    Next time that may be otherwise: they are not taken for known.
    """
    benchmarks, levels, unreadable = Benchmarks(connection), Levels(), {}
    for name, content in contents:
        error = None
        if isinstance(content, Unreadable):
            unreadable[name] = content
            continue
        if isinstance(content, RunFigures):
            _add_run(connection, name, content, benchmarks, levels)
        elif isinstance(content, AcceptanceEntry):
            _add_acceptance(connection, name, content)
        else:
            error = content.reason if isinstance(content, NotOurs) else content
        connection.execute("INSERT INTO files VALUES (?, ?, ?)", (name, stamps[name], error))
    levels.write(connection)
    return unreadable


class Benchmarks:
    """The numbers of benchmarks, which most runs have in common."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str | None], int] = {
            (fullname, case_id): number
            for number, fullname, case_id in connection.execute(
                "SELECT id, fullname, case_id FROM benchmarks"
            )
        }
        self._last = max(self._known.values(), default=0)
        # A question to the table for each new benchmark would look at all that are there.
        self._shared: set[str] = {
            name for (name,) in connection.execute("SELECT name FROM benchmarks WHERE shares_name")
        }

    def number(self, figures: Figures) -> int:
        key = (figures.fullname, figures.case_id)
        if key not in self._known:
            self._known[key] = self._last = self._last + 1
            self._connection.execute(
                "INSERT INTO benchmarks VALUES (?, ?, ?, ?, ?)",
                (
                    self._last,
                    figures.name,
                    figures.case_id,
                    figures.fullname,
                    figures.name in self._shared,
                ),
            )
        return self._known[key]

    def tell_apart(self, figures: Iterable[Figures]) -> None:
        """Note of the benchmarks of one run which have the name of another one."""
        fullnames: dict[str, set[str]] = {}
        for benchmark in figures:
            fullnames.setdefault(benchmark.name, set()).add(benchmark.fullname)
        shared = {name for name, sharing in fullnames.items() if len(sharing) > 1} - self._shared
        self._shared |= shared
        self._connection.executemany(
            "UPDATE benchmarks SET shares_name = 1 WHERE name = ?", [(name,) for name in shared]
        )


class Levels:
    """What the runs that come and go add to the sums of their environments."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, int, str], list[float]] = {}

    def add(self, digest: str, benchmark: int, signal: str, value: float, count: int) -> None:
        """Count a figure in, or with a ``count`` of -1 out."""
        sums = self._sums.setdefault((digest, benchmark, signal), [0, 0.0, 0.0])
        log = math.log(value)
        sums[0] += count
        sums[1] += count * log
        sums[2] += count * log * log

    def write(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO levels VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "count = count + excluded.count, total = total + excluded.total, "
            "squares = squares + excluded.squares",
            [(*key, *sums) for key, sums in self._sums.items()],
        )
        connection.execute("DELETE FROM levels WHERE count = 0")


def make_tables(connection: sqlite3.Connection) -> None:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TABLE {name}")
    for statement in filter(str.strip, TABLES.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _forget(connection: sqlite3.Connection, name: str, levels: Levels) -> None:
    rows = connection.execute(
        f"SELECT digest, benchmark, {', '.join(figure.key for figure in COMPARED)} FROM runs "
        "JOIN figures ON figures.run = runs.id WHERE file = ? AND complete AND NOT broken",
        (name,),
    )
    for digest, benchmark, *values in rows:
        _count(levels, digest, benchmark, values, -1)
    connection.execute(
        "DELETE FROM figures WHERE run = (SELECT id FROM runs WHERE file = ?)", (name,)
    )
    for table, column in (("runs", "file"), ("acceptances", "file"), ("files", "name")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))


def _forget_all(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Drop what is known of some files, and leave what a fresh index of the others would have."""
    levels = Levels()
    for name in names:
        _forget(connection, name, levels)
    levels.write(connection)
    connection.execute("DELETE FROM environments WHERE digest NOT IN (SELECT digest FROM runs)")
    connection.execute("DELETE FROM benchmarks WHERE id NOT IN (SELECT benchmark FROM figures)")
    connection.execute(STILL_SHARED)


def _count(
    levels: Levels, digest: str, benchmark: int, values: Sequence[float | None], count: int
) -> None:
    for figure, value in zip(COMPARED, values, strict=True):
        if value is not None and value > 0:
            levels.add(digest, benchmark, figure.key, value, count)


def _add_run(
    connection: sqlite3.Connection,
    name: str,
    run: RunFigures,
    benchmarks: Benchmarks,
    levels: Levels,
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO environments VALUES (?, ?, ?)",
        (run.digest, run.environment_name, run.environment),
    )
    number = connection.execute(
        "INSERT INTO runs (file, digest, time, commit_id, branch, complete, trusted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, run.digest, run.time, run.commit, run.branch, run.complete, run.trusted),
    ).lastrowid
    # A benchmark that is in a file twice counts once, by its last figures.
    rows = {benchmarks.number(figures): figures for figures in run.figures}
    benchmarks.tell_apart(run.figures)
    connection.executemany(
        f"INSERT INTO figures VALUES (?, ?, {', '.join('?' * len(COLUMNS))})",
        [(number, benchmark, *figures.row()) for benchmark, figures in rows.items()],
    )
    for benchmark, figures in rows.items():
        if run.complete and not figures.broken:
            values = [figures.value(figure) for figure in COMPARED]
            _count(levels, run.digest, benchmark, values, 1)


def _add_acceptance(connection: sqlite3.Connection, name: str, entry: AcceptanceEntry) -> None:
    # NAME.8f3a.accepted lies beside NAME.json: two people may accept one run.
    run = str(PurePosixPath(name).with_suffix("").with_suffix(".json"))
    connection.execute(
        "INSERT INTO acceptances VALUES (?, ?, ?, ?)", (name, run, entry.why, entry.time)
    )
