"""Index file: whether the file of an index can be used: whole, no link, and no other program's."""

from __future__ import annotations

import sqlite3
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from speedgate import files

# In the head of every index (SQLite's `application_id`): "spgd".
APPLICATION = 0x73706764
# By these an index is known that was made before it said whose it is.
OLDER_TABLES = {"files", "environments", "runs", "acceptances", "benchmarks", "figures", "levels"}
# The size of a page, the number of pages and the application in the head of a database (SQLite's
# file format, 1.3).
HEAD = struct.Struct(">16s H10x I 36x I")
MAGIC = b"SQLite format 3\x00"
LARGEST_PAGE = 65_536  # does not fit: written as 1
SUFFIXES = ("", "-wal", "-shm")


class NotOursError(Exception):
    """Something else has the name of an index: it is neither read nor written over."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"the index {path} is {what}")


def parts(path: Path) -> Iterator[Path]:
    """Yield the file of a database, and those that SQLite keeps beside it."""
    return (path.with_name(f"{path.name}{suffix}") for suffix in SUFFIXES)


def refuse_what_is_no_file(path: Path) -> None:
    """Raise ``NotOursError`` for a link, a folder, a pipe or a device: SQLite would follow or open
    it."""
    for part in parts(path):
        mode = files.mode_of_name(part)
        if mode is not None and not stat.S_ISREG(mode):
            raise NotOursError(part, "a link" if stat.S_ISLNK(mode) else "no file")


def refuse_what_others_made(path: Path, connection: sqlite3.Connection) -> None:
    """Raise ``NotOursError`` for the database of another program, before anything is written."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION:
        return
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if names and not names >= OLDER_TABLES:
        raise NotOursError(path, "a database of another program")


def is_cut_off(path: Path) -> bool:
    """Whether a database's file is shorter than its head says; SQLite reads what is left of it.

    A log beside it may hold what is missing, and then SQLite puts it back. ``NotOursError`` if
    its head does not say that it is ours.
    """
    if not files.is_file(path) or files.exists(path.with_name(f"{path.name}-wal")):
        return False
    head = files.read_head(path, HEAD.size)
    if len(head) < HEAD.size:
        return len(head) > 0
    magic, page, pages, application = HEAD.unpack(head)
    size: int = pages * (LARGEST_PAGE if page == 1 else page)
    if files.status(path).st_size >= size:
        return False
    if magic == MAGIC and application != APPLICATION:
        raise NotOursError(path, "a database of another program, and cut off")
    return True
