"""Index: the figures of all runs of a store in one SQLite file: no question reads all the runs.

A cache: it lies in the user's cache folder, follows the files of the store, and is made anew when
it is gone, broken or of another version. SQLite, because it ships with Python and lets several
processes write (docs/decisions.md has the measurements).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import platformdirs

from speedgate.case import Case
from speedgate.identity import environment_digest, environment_name
from speedgate.run import (
    BenchmarkEntry,
    CaseEntry,
    CaseInfo,
    EstimateEntry,
    HistoryError,
    Run,
    decode_run,
)
from speedgate.store import Entry, Store

VERSION = 1  # of the tables: another one is made anew
CACHE_VARIABLE = "SPEEDGATE_CACHE"
ACCEPTED = ".accepted"
# Another process may be reading in a long history for the first time.
PATIENCE_SECONDS = 600.0
# Reading in more files than these takes long enough to say so.
MANY_FILES = 500

TABLES = """
CREATE TABLE files (name TEXT PRIMARY KEY, stamp TEXT, error TEXT);
CREATE TABLE environments (digest TEXT PRIMARY KEY, name TEXT, description TEXT);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, file TEXT UNIQUE, digest TEXT, time TEXT, commit_id TEXT,
    branch TEXT, complete INTEGER, trusted INTEGER
);
CREATE INDEX runs_of_environment ON runs (digest, time);
CREATE TABLE acceptances (file TEXT PRIMARY KEY, run TEXT, why TEXT, time TEXT);
CREATE TABLE benchmarks (id INTEGER PRIMARY KEY, name TEXT, case_id TEXT, UNIQUE (name, case_id));
CREATE TABLE figures (
    run INTEGER, benchmark INTEGER, failed INTEGER, seconds REAL, seconds_low REAL,
    seconds_high REAL, speedup REAL, speedup_low REAL, speedup_high REAL, held REAL, held_low REAL,
    held_high REAL, cpu_per_wall REAL, baseline_seconds REAL, gil_class TEXT,
    PRIMARY KEY (run, benchmark)
) WITHOUT ROWID;
"""


class Figures(NamedTuple):
    """What the index keeps of one benchmark in one run; seconds a call, of the contender."""

    name: str
    case_id: str | None
    failed: bool
    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    speedup: float | None
    speedup_low: float | None
    speedup_high: float | None
    held: float | None
    held_low: float | None
    held_high: float | None
    cpu_per_wall: float | None
    baseline_seconds: float | None
    gil_class: str | None


def figures_of(run: Run) -> Iterator[Figures]:
    """Yield what the index keeps of a run, benchmark by benchmark."""
    failed = run.failed_cases
    ids: dict[CaseEntry, str] = {}
    for entry, info in run.entries():
        if info is None:
            yield _of_others(entry)
            continue
        case_id = ids.get(info.case)
        if case_id is None:
            case = info.case
            case_id = Case(case.workload, case.size, case.strategy, case.workers).id
            ids[case] = case_id
        yield _of_ours(entry, info, case_id, case_id in failed)


def _of_others(entry: BenchmarkEntry) -> Figures:
    return Figures(entry.fullname or entry.name, None, False, entry.stats.median, *[None] * 11)


def _of_ours(entry: BenchmarkEntry, info: CaseInfo, case_id: str, failed: bool) -> Figures:
    contender = (info.sides or {}).get("contender", {})
    cpu, seconds = contender.get("cpu"), contender.get("seconds")
    baseline = (info.sides or {}).get("baseline", {}).get("seconds")
    return Figures(
        entry.name,
        case_id,
        failed,
        *_bounds(info.seconds),
        *_bounds(info.speedup),
        *_bounds(info.held),
        cpu / seconds if cpu is not None and seconds else None,
        baseline / info.calls if baseline is not None else None,
        msgspec.json.encode(info.gil_class).decode() if info.gil_class else None,
    )


def _bounds(entry: EstimateEntry | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if entry is None else (entry.value, entry.low, entry.high)


def cache_folder() -> Path:
    """Return the folder of the caches: ``SPEEDGATE_CACHE``, or the user's own."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("speedgate"))


class Index:
    """The index of a store, as fresh as its files when it was opened."""

    def __init__(self, store: Store, tell: Callable[[str], None] = lambda line: None) -> None:
        self.store = store
        self._tell = tell
        self.connection = self._open()

    def close(self) -> None:
        self.connection.close()

    def _open(self) -> sqlite3.Connection:
        """Open the file, anew if it is broken; in memory where none can be written."""
        name = hashlib.blake2b(self.store.location.encode(), digest_size=16).hexdigest()
        path = cache_folder() / "index" / f"{name}.sqlite"
        for _ in range(2):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                return self._prepared(sqlite3.connect(path, timeout=PATIENCE_SECONDS))
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    break  # it cannot be written, or is locked for good
                path.unlink(missing_ok=True)
            except OSError:
                break
        return self._prepared(sqlite3.connect(":memory:"))

    def _prepared(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.isolation_level = None  # transactions are begun here, not behind our back
        # A cache that is lost with the power is made anew.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                _make_tables(connection)
            self._follow(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            connection.close()
            raise
        connection.execute("COMMIT")
        return connection

    def _follow(self, connection: sqlite3.Connection) -> None:
        """Take in what has come to the store, and drop what has gone or changed."""
        known = dict(connection.execute("SELECT name, stamp FROM files"))
        here = {
            entry.name: entry
            for entry in self.store.entries()
            if entry.name.endswith((".json", ACCEPTED))
        }
        for name in [each for each in known if each not in here or here[each].stamp != known[each]]:
            _forget(connection, name)
            del known[name]
        new = [entry for name, entry in here.items() if name not in known]
        if len(new) >= MANY_FILES:
            self._tell(f"reading {len(new):,} runs of {self.store.location} into the index, once")
        for entry in sorted(new):
            self._take_in(connection, entry)

    def _take_in(self, connection: sqlite3.Connection, entry: Entry) -> None:
        error = None
        try:
            data = self.store.read(entry.name)
            if entry.name.endswith(ACCEPTED):
                _add_acceptance(connection, entry.name, data)
            else:
                _add_run(connection, entry.name, decode_run(self.store.path(entry.name), data))
        except (HistoryError, OSError) as reason:
            error = str(reason)
        connection.execute("INSERT INTO files VALUES (?, ?, ?)", (*entry, error))

    def broken(self) -> list[str]:
        """Return what is wrong with each file that is no run, and is left out for it."""
        rows = self.connection.execute(
            "SELECT error FROM files WHERE error IS NOT NULL ORDER BY name"
        )
        return [error for (error,) in rows]


def _make_tables(connection: sqlite3.Connection) -> None:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TABLE {name}")
    for statement in filter(str.strip, TABLES.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _forget(connection: sqlite3.Connection, name: str) -> None:
    connection.execute(
        "DELETE FROM figures WHERE run = (SELECT id FROM runs WHERE file = ?)", (name,)
    )
    connection.execute("DELETE FROM runs WHERE file = ?", (name,))
    connection.execute("DELETE FROM acceptances WHERE file = ?", (name,))
    connection.execute("DELETE FROM files WHERE name = ?", (name,))


def _add_run(connection: sqlite3.Connection, name: str, run: Run) -> None:
    try:
        figures = list(figures_of(run))
    except ValueError as error:
        raise HistoryError(f"{run.name} is not a whole run ({error})") from None
    digest = environment_digest(run.environment)
    commit = run.document.commit_info
    connection.execute(
        "INSERT OR IGNORE INTO environments VALUES (?, ?, ?)",
        (digest, environment_name(run.environment), msgspec.json.encode(run.environment).decode()),
    )
    number = connection.execute(
        "INSERT INTO runs (file, digest, time, commit_id, branch, complete, trusted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            digest,
            run.document.datetime,
            commit.id + ("+" if commit.dirty else ""),
            commit.branch,
            run.is_complete,
            run.is_trusted,
        ),
    ).lastrowid
    marks = ", ".join("?" * len(Figures._fields))
    connection.executemany(
        f"INSERT OR REPLACE INTO figures VALUES ({marks})",
        [
            (number, benchmark, *each[2:])
            for benchmark, each in zip(
                _number_benchmarks(connection, figures), figures, strict=True
            )
        ],
    )


def _number_benchmarks(connection: sqlite3.Connection, figures: list[Figures]) -> list[int]:
    """The numbers of benchmarks, which most runs have in common."""
    known = {
        (name, case_id): number
        for number, name, case_id in connection.execute("SELECT * FROM benchmarks")
    }
    for key in dict.fromkeys((each.name, each.case_id) for each in figures):
        if key not in known:
            known[key] = len(known) + 1
            connection.execute("INSERT INTO benchmarks VALUES (?, ?, ?)", (known[key], *key))
    return [known[each.name, each.case_id] for each in figures]


class AcceptanceEntry(msgspec.Struct):
    """Why a run is the level from now on, failed or not; lies beside it."""

    why: str
    time: str


def _add_acceptance(connection: sqlite3.Connection, name: str, data: bytes) -> None:
    try:
        entry = msgspec.json.decode(data, type=AcceptanceEntry)
    except msgspec.DecodeError as error:
        raise HistoryError(f"{name} is no acceptance of a run ({error})") from None
    # NAME.8f3a.accepted lies beside NAME.json: two people may accept one run.
    run = str(PurePosixPath(name).with_suffix("").with_suffix(".json"))
    connection.execute(
        "INSERT INTO acceptances VALUES (?, ?, ?, ?)", (name, run, entry.why, entry.time)
    )
