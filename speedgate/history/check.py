"""Check: whether a history is as it was written: its runs, its journals and the index over them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from speedgate.history.figures import COLUMNS, RunFigures
from speedgate.history.history import History
from speedgate.history.index import make_tables, take_in
from speedgate.history.intake import as_text
from speedgate.history.journal import look_at_journals, set_journal_aside
from speedgate.history.reading import FileContent, NotOurs, Unreadable, read_many
from speedgate.history.store import FolderStore, is_aside

FIGURES_OF_FILES = f"""
SELECT file, fullname, case_id, {", ".join(COLUMNS)} FROM runs
JOIN figures ON run = runs.id JOIN benchmarks ON benchmarks.id = benchmark
"""
# What the index keeps of each file, by the file's name, without the numbers that it gives.
OF_FILES = (
    # The reason for leaving a file out has its path, as it was written when the index was made.
    "SELECT name, error IS NULL, error = '' FROM files",
    "SELECT file, digest, time, commit_id, branch, complete, trusted FROM runs",
    FIGURES_OF_FILES,
    "SELECT file, run, why, time FROM acceptances",
)
# What it keeps of all runs together: sums to which runs have come, and from which others have gone.
OF_ALL = """
SELECT digest, fullname, case_id, signal, count, total, squares FROM levels
JOIN benchmarks ON benchmarks.id = benchmark WHERE count > 0
"""
# Sums in another order differ in their last digits.
TOLERANCE = 1e-6

Rows = list[tuple[Any, ...]]
Query = Callable[[str], Rows]


@dataclass(frozen=True)
class Damage:
    """What is not as it was written. ``set_aside`` moves it out of the way, and returns where it is
    then; ``None`` where a file is only out of reach."""

    reason: str
    set_aside: Callable[[], object] | None


@dataclass(frozen=True)
class CheckedHistory:
    """What a check saw: how many files there are, how many of them were read, how many runs among
    those have no digest, of how many journals a run can be made, what never was a run and is left
    alone, what was moved aside before (files, and what was the index), and what is damaged."""

    files: int
    read: int
    runs: int
    without_digest: int
    journals: int
    left_alone: Sequence[str]
    aside: Sequence[str]
    damages: Sequence[Damage]


def check_history(
    history: History, choose: Callable[[Sequence[str]], Collection[str]]
) -> CheckedHistory:
    """Read the files of a history that ``choose`` takes of them, and hold the index against them.

    The index is as fresh as its files when the history was opened. What it could not read then, and
    what came since, is read all the same. Journals are looked at as they are: open a history for
    this that does not recover.
    """
    store, index = history.store, history.index
    known, entries = index.files(), list(index.entries())
    unread = sorted({entry.name for entry in entries if not entry.error} - set(known))
    chosen = sorted(choose(known))
    contents = dict(zip(chosen, read_many(store, chosen), strict=True))
    late = dict(zip(unread, read_many(store, unread), strict=True))
    every = contents | late
    journals, damaged_journals = _journals(history)
    damages = [
        *_damaged_files(history, every),
        *(Damage(index.why_out_of_reach(entry), None) for entry in entries if entry.error),
        *damaged_journals,
        *_damaged_index(history, contents, is_whole=len(chosen) == len(known)),
    ]
    runs = [content for content in every.values() if isinstance(content, RunFigures)]
    without = sum(not run.has_digest for run in runs)
    seen = len(known) + len(unread)
    others = [content.reason for content in every.values() if isinstance(content, NotOurs)]
    files_aside = sorted(
        store.path(entry.name) for entry in store.entries() if is_aside(entry.name)
    )
    aside = [*files_aside, *map(str, index.aside())]
    return CheckedHistory(seen, len(every), len(runs), without, journals, others, aside, damages)


def _damaged_files(history: History, contents: Mapping[str, FileContent]) -> Iterator[Damage]:
    for name, content in contents.items():
        if isinstance(content, Unreadable):
            yield Damage(content.reason, None)
        elif isinstance(content, str) and content:
            yield Damage(content, partial(history.store.set_aside, name))


def _journals(history: History) -> tuple[int, list[Damage]]:
    """Return of how many journals a run can be made, and what is damaged in others."""
    whole, damages = 0, []
    if isinstance(history.store, FolderStore):
        for path, error in look_at_journals(history.store.folder):
            if error is None:
                whole += 1
                continue
            name = as_text(str(path))
            if isinstance(error, OSError):
                damages.append(Damage(f"{name}: {error.strerror or error}", None))
            else:
                damages.append(Damage(f"{name}: {error}", partial(set_journal_aside, path)))
    return whole, damages


def _damaged_index(
    history: History, contents: Mapping[str, FileContent], is_whole: bool
) -> Iterator[Damage]:
    """The index, where it tells of the files that were read anything else than they do, and what
    has its name and is none."""
    if history.index.in_the_way is not None:
        yield Damage(str(history.index.in_the_way), history.index.set_aside)
    with closing(sqlite3.connect(":memory:")) as rebuild:
        make_tables(rebuild)
        take_in(rebuild, contents.items(), dict.fromkeys(contents, ""))
        what = _told_otherwise(history, rebuild, contents.keys(), is_whole)
    if what:
        yield Damage(
            f"the index {history.index.path} does not tell what is in {what}",
            history.index.set_aside,
        )


def _told_otherwise(
    history: History, rebuild: sqlite3.Connection, read: Collection[str], is_whole: bool
) -> str:
    """Return in words what the index tells otherwise than its rebuild; empty if nothing."""

    def kept(text: str) -> Rows:
        return history.index.query(text, (), tuple)

    def made_anew(text: str) -> Rows:
        return [tuple(row) for row in rebuild.execute(text)]

    names = _differing_files(kept, made_anew)
    if not is_whole:
        names &= set(read)
    if names:
        more = f" and {len(names) - 1} more files" if len(names) > 1 else ""
        return f"{history.store.path(min(names))}{more}"
    if is_whole and not _same_sums(kept(OF_ALL), made_anew(OF_ALL)):
        return "what all runs come to"
    return ""


def _differing_files(kept: Query, made_anew: Query) -> set[str]:
    """Return the names of the files of which the index tells anything else than its rebuild."""
    differing: set[str] = set()
    for text in OF_FILES:
        differing |= {row[0] for row in set(kept(text)) ^ set(made_anew(text))}
    return differing


def _same_sums(kept: Rows, made_anew: Rows) -> bool:
    sums, others = ({row[:4]: row[4:] for row in rows} for rows in (kept, made_anew))
    return sums.keys() == others.keys() and all(
        math.isclose(value, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        for key in sums
        for value, other in zip(sums[key], others[key], strict=True)
    )
