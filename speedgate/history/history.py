"""History: the runs of a store in order, and what is asked of them."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from speedgate.history.document import Run, decode_run
from speedgate.history.figures import COLUMNS, Figures, figures_from, label_of
from speedgate.history.format import HistoryError, Json, decode_class
from speedgate.history.frame import data_frame
from speedgate.history.identity import build_of, environment_name, same_machine
from speedgate.history.index import Index
from speedgate.history.intake import any_json, environment_of, rebuilt
from speedgate.history.journal import recover
from speedgate.history.reading import ACCEPTED, AcceptanceEntry
from speedgate.history.redaction import without_credentials
from speedgate.history.seal import sealed
from speedgate.history.store import FolderStore, StoreError, is_aside, open_store
from speedgate.judging.row import Row
from speedgate.measuring.name_list import one_a_line
from speedgate.stats.case import Case
from speedgate.stats.figure import FIGURE
from speedgate.stats.moments import Moments, across_processes

# The number of earlier runs that are searched for a class: it is a remark, not a verdict.
LOOK_BACK = 200
RUN_COLUMNS = """
runs.id, runs.file, runs.digest, environments.name, runs.time, commit_id, branch, complete, trusted,
(SELECT why FROM acceptances AS a WHERE a.run = runs.file ORDER BY a.time DESC)
"""
RUNS = f"SELECT {RUN_COLUMNS} FROM runs JOIN environments USING (digest)"
# If two benchmarks of a run have one short name, each goes by its full name.
NAME = "CASE WHEN shares_name THEN benchmarks.fullname ELSE benchmarks.name END"
FIGURE_COLUMNS = f"{NAME}, case_id, {', '.join(COLUMNS)}, benchmarks.fullname"
FIGURES = f"SELECT {FIGURE_COLUMNS} FROM figures JOIN benchmarks ON benchmarks.id = benchmark"
# The runs of an environment that measured benchmarks of a name, short or full.
MEASURED = f"""
SELECT {RUN_COLUMNS}, {FIGURE_COLUMNS} FROM runs JOIN environments USING (digest)
JOIN figures ON figures.run = runs.id AND figures.benchmark IN (
    SELECT id FROM benchmarks WHERE {{of}} = ?
)
JOIN benchmarks ON benchmarks.id = figures.benchmark
WHERE runs.digest = ? AND complete
"""
MEASURED_ONE = MEASURED.format(of="fullname")
MEASURED_ALL = MEASURED.format(of=NAME)
EVERYTHING = f"""
SELECT {RUN_COLUMNS}, {FIGURE_COLUMNS} FROM runs JOIN environments USING (digest)
JOIN figures ON figures.run = runs.id JOIN benchmarks ON benchmarks.id = figures.benchmark
ORDER BY runs.time, runs.file, figures.benchmark
"""
IS_ACCEPTED = "runs.file IN (SELECT run FROM acceptances)"
NEWEST_FIRST = "ORDER BY runs.time DESC, runs.file DESC"
# Two clocks may differ by so much; what is further ahead was written by a wrong one.
CLOCKS_DIFFER = timedelta(days=1)


# What a row of the index must be before it is taken for a ``RunEntry``.
RUN_ROW: Any = tuple[int, str, str, str, str, str, str, int, int, str | None]


@dataclass(frozen=True)
class RunEntry:
    """A run as the index knows it; ``accepted`` says why, where somebody accepted it."""

    number: int
    file: str
    digest: str
    environment: str
    time: str
    commit: str
    branch: str
    complete: bool
    trusted: bool
    accepted: str | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> RunEntry:
        """Return the run in the columns of ``RUN_COLUMNS``; ``IntakeError`` if there is none."""
        number, file, digest, environment, time, commit, branch, complete, trusted, why = rebuilt(
            row, RUN_ROW
        )
        return cls(
            number, file, digest, environment, time, commit, branch, bool(complete), bool(trusted),
            why,
        )  # fmt: skip

    @property
    def id(self) -> str:
        """What to name it by: its file without folder and ending."""
        return PurePosixPath(self.file).stem

    @property
    def label(self) -> str:
        """``2026-11-24 09:30, 75b120a``; outside of a repository the time alone."""
        return label_of(self.time, self.commit)


ENVIRONMENT_ROW: Any = tuple[str, str, str, int, str]


@dataclass(frozen=True)
class EnvironmentEntry:
    """An environment of the history, with how many runs it has and when the last one was."""

    digest: str
    name: str
    description: Json
    runs: int
    last: str

    @classmethod
    def of(cls, row: Sequence[Any]) -> EnvironmentEntry:
        """Return the environment in a row of the index; ``IntakeError`` if there is none."""
        digest, name, description, count, last = rebuilt(row, ENVIRONMENT_ROW)
        fields = rebuilt(any_json(description.encode()), dict)
        return cls(digest, name, environment_of(fields), count, last)


class History:
    """The runs of a folder or an address, and their index.

    ``notify`` is given a line for each run that is recovered while this is opened, and for each
    file that is broken. Where nobody ``recovers``, the journals stay as they are.
    """

    def __init__(
        self,
        location: str | Path,
        notify: Callable[[str], None] = lambda line: None,
        recovers: bool = True,
    ) -> None:
        self.store = open_store(location)
        if recovers and isinstance(self.store, FolderStore):
            recover(self.store.folder, notify)
        self.index = Index(self.store, notify)
        try:
            for line in self.index.broken():
                notify(f"left out: {line}")
        except BaseException:  # nobody can close what was never opened
            self.close()
            raise

    def close(self) -> None:
        self.index.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- runs

    def runs(
        self, digests: Collection[str] | None = None, complete: bool = True, most: int = -1
    ) -> list[RunEntry]:
        """Return the newest ``most`` runs of some environments, or all of all, the newest first."""
        wanted = "1" if digests is None else f"runs.digest IN ({', '.join('?' * len(digests))})"
        whole = "AND complete" if complete else ""
        query = f"{RUNS} WHERE {wanted} {whole} {NEWEST_FIRST} LIMIT ?"
        return self.index.query(query, (*(digests or ()), most), RunEntry.of)

    def latest(self, digest: str | None = None) -> RunEntry | None:
        """Return the newest complete run, of an environment or of all; one that is dated in the
        future only where there is no other."""
        runs = self.runs(None if digest is None else (digest,))
        limit = latest_time()
        return next((run for run in runs if run.time <= limit), runs[0] if runs else None)

    def ahead(self, digest: str) -> list[RunEntry]:
        """Return the complete runs of an environment that are dated in the future."""
        limit = latest_time()
        return [run for run in self.runs((digest,)) if run.time > limit]

    def read(self, entry: RunEntry) -> Run:
        name = self.store.path(entry.file)
        return decode_run(name, self.store.read(entry.file))

    def left_out(self, environment: str) -> list[str]:
        """Return the names of the files of an environment's folder that cannot be read, or are
        damaged; of the folder itself if it cannot be looked into."""
        below = f"{environment}/"
        return [
            name
            for name in self.index.left_out()
            if name in ("", environment) or (name.startswith(below) and not name.endswith(ACCEPTED))
        ]

    def aside(self, environment: str) -> list[str]:
        """Return the names of the runs in an environment's folder that were moved aside;
        none of one that cannot be looked into, which ``left_out`` names."""
        try:
            names = [entry.name for entry in self.store.entries(environment)]
        except (OSError, StoreError):
            return []
        return [name for name in names if ".json" in name and is_aside(name)]

    def figures(self, entry: RunEntry) -> list[Figures]:
        """Return what the index keeps of a run's benchmarks."""
        return self.index.query(f"{FIGURES} WHERE run = ?", (entry.number,), figures_from)

    # --- environments

    def environments(self) -> list[EnvironmentEntry]:
        """Return the environments, the one with the newest run first."""
        return self.index.query(
            "SELECT digest, name, description, COUNT(*), MAX(time) FROM runs "
            "JOIN environments USING (digest) GROUP BY digest ORDER BY MAX(time) DESC",
            (),
            EnvironmentEntry.of,
        )

    def environment_names(self) -> str:
        """Return the names of the environments, a line each, for a message; "none" without any."""
        return one_a_line([entry.name for entry in self.environments()], self.listing)

    @property
    def listing(self) -> str:
        """What lists all environments, for a message that names only the first."""
        return f"'speedgate history --history {self.store.location}' lists all"

    def find_environment(self, text: str) -> EnvironmentEntry | None:
        """Return the environment whose name is, or alone begins or ends with, ``text``."""
        known = self.environments()
        exact = [entry for entry in known if text in (entry.name, entry.digest)]
        partly = [
            entry for entry in known if entry.name.startswith(text) or entry.name.endswith(text)
        ]
        if exact or len(partly) == 1:
            return (exact or partly)[0]
        if partly:
            names = one_a_line([entry.name for entry in partly], self.listing)
            raise HistoryError(f"'{text}' could be any of these environments:\n  {names}")
        return None

    def refuse_what_may_be_out_of_reach(self, text: str) -> None:
        """Raise ``HistoryError`` if the run that a text names may be there, and could not be read
        when this was opened: nobody can say then that it is not there."""
        wanted = PurePosixPath(text.replace("\\", "/")).name.removesuffix(".json")
        for name, unreadable in self.index.out_of_reach.items():
            may_be_folder = not name.endswith((".json", ACCEPTED))
            if may_be_folder or PurePosixPath(name).name.startswith(wanted):
                why = f"'{text}' may be in what cannot be read now: {unreadable.reason}"
                raise HistoryError(why) from OSError(unreadable.number, unreadable.reason)

    def find_run(self, text: str) -> RunEntry | None:
        """Return the run whose name is, or alone begins with, ``text``; of a path, that file's."""
        runs = self.runs(complete=False)
        if "/" in text or "\\" in text:
            return next((run for run in runs if self._lies_at(run, text)), None)
        wanted = text.removesuffix(".json")
        partly = [run for run in runs if run.id.startswith(wanted)]
        exact = [run for run in partly if run.id == wanted]
        if exact or len(partly) == 1:
            return (exact or partly)[0]
        if partly:
            names = one_a_line([run.id for run in partly], "give more of the name")
            raise HistoryError(f"'{text}' could be any of these runs:\n  {names}")
        return None

    def _lies_at(self, run: RunEntry, text: str) -> bool:
        """Whether ``text`` is the run's file: below the store, or as one would open it."""
        text = without_credentials(text)
        if text in (run.file, run.file.removesuffix(".json"), self.store.path(run.file)):
            return True
        return (
            isinstance(self.store, FolderStore)
            and PurePosixPath(run.file).name == Path(text).name
            and os.path.realpath(self.store.folder / run.file) == os.path.realpath(text)
        )

    # --- what earlier runs say

    def reference_window(self, digest: str, fullname: str, size: int) -> ReferenceWindow:
        """Return what a benchmark is held against: its newest ``size`` accepted runs.

        It is known by its full name: one in another file, or class, has a past of its own.
        A run counts unless it is incomplete, its negative control failed, a premise of the
        measurement did not hold, or a gate failed the case in it and nobody accepted the run. The
        newest accepted run that measured this benchmark is the level from then on: earlier ones
        count no more. What is dated in the future says nothing: accepted, it would be the level
        before which all others lie, until that day.
        """
        limit = latest_time()
        accepted = self.index.query(
            f"{MEASURED_ONE} AND {IS_ACCEPTED} AND runs.time <= ? {NEWEST_FIRST} LIMIT 1",
            (fullname, digest, limit),
            _measured,
        )
        since = accepted[0][0] if accepted else None
        runs = self.index.query(
            f"{MEASURED_ONE} AND NOT broken AND (trusted AND NOT failed OR {IS_ACCEPTED}) "
            f"AND runs.time BETWEEN ? AND ? {NEWEST_FIRST} LIMIT ?",
            (fullname, digest, since.time if since else "", limit, size),
            _measured,
        )
        return ReferenceWindow(tuple(runs), since)

    def series(self, digest: str, name: str) -> list[tuple[RunEntry, Figures]]:
        """Return a benchmark's figures in every complete run of an environment, the oldest first;
        without those whose premises did not hold."""
        query = f"{MEASURED_ALL} AND NOT broken {NEWEST_FIRST}"
        return self.index.query(query, (name, digest), _measured)[::-1]

    def to_dataframe(self, library: str | None = None) -> Any:
        """Return a data frame with a row for each benchmark of each run, the oldest run first.

        Times are in UTC, sizes in elements, all else in seconds; what is not known is null. The
        ``library`` is ``"pandas"`` or ``"polars"``, and without a name the one that is installed.
        """
        return data_frame(self.index.query(EVERYTHING, (), _measured), library)

    def levels(self, digest: str) -> dict[tuple[str, str], Moments]:
        """Return the moments of the logarithm of each benchmark's speedup and seconds over all
        whole runs of an environment, by the benchmark's name and the signal's."""
        return dict(
            self.index.query(
                f"SELECT {NAME} AS shown, signal, SUM(count), SUM(total), SUM(squares) FROM levels "
                "JOIN benchmarks ON benchmarks.id = benchmark WHERE digest = ? "
                "GROUP BY shown, signal HAVING SUM(count) > 0 ORDER BY MIN(benchmark)",
                (digest,),
                _level,
            )
        )

    def benchmarks(self, digest: str) -> list[tuple[str, str | None, int]]:
        """Return the name, the case's id and the number of runs of an environment's benchmarks."""
        query = (
            f"SELECT {NAME}, case_id, COUNT(*) FROM figures JOIN benchmarks "
            "ON benchmarks.id = benchmark JOIN runs ON runs.id = run "
            "WHERE digest = ? AND complete GROUP BY benchmark ORDER BY benchmark"
        )
        return self.index.query(query, (digest,), _benchmark)

    def earlier_classes(
        self, environment: Json, cases: Collection[Case], but: str | None = None
    ) -> dict[Case, Row]:
        """Return the newest row of each of ``cases`` that has a class, on the same machine.

        The build may be another: that is what a class is watched for, and the row then names it.
        ``but`` is the file of the run that asks.
        """
        same = {
            known.digest: build_of(known.description)
            for known in self.environments()
            if same_machine(known.description, environment)
        }
        here, wanted = build_of(environment), {case.id: case for case in cases}
        rows: dict[Case, Row] = {}
        for number, run in enumerate(self.runs(tuple(same), complete=False)):
            if number >= LOOK_BACK or len(rows) == len(wanted):
                break
            for figures in self.figures(run) if run.file != but else ():
                case = wanted.get(figures.case_id or "")
                if case is not None and figures.gil_class is not None:
                    build = same[run.digest]
                    row = class_row(case, figures, "" if build == here else build)
                    rows.setdefault(case, row)
        return rows

    # --- writing

    def save(self, document: Json, name: str) -> str:
        """Write a run whole or not at all; return where it is."""
        self.store.write(name, sealed(document))
        return self.store.path(name)

    def accept(self, run: RunEntry, why: str) -> str:
        """Make a run the level from now on, whatever a gate said of it; return the new file."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        name = str(PurePosixPath(run.file).with_suffix(f".{secrets.token_hex(4)}{ACCEPTED}"))
        self.store.write(name, msgspec.json.encode(AcceptanceEntry(why, now)) + b"\n")
        return self.store.path(name)


# What else is asked of the index, a row each; ``IntakeError`` if it holds something else.


def _measured(row: Sequence[Any]) -> tuple[RunEntry, Figures]:
    return RunEntry.of(row[:10]), figures_from(row[10:])


def _benchmark(row: Sequence[Any]) -> tuple[str, str | None, int]:
    return rebuilt(row, tuple[str, str | None, int])


def _level(row: Sequence[Any]) -> tuple[tuple[str, str], Moments]:
    name, signal, count, total, squares = rebuilt(row, tuple[str, str, int, float, float])
    return (name, signal), Moments.of_sums(count, total, squares)


@dataclass(frozen=True)
class ReferenceWindow:
    """What a benchmark is held against, the newest run first, since the run that was
    ``accepted``."""

    runs: tuple[tuple[RunEntry, Figures], ...] = ()
    accepted: RunEntry | None = None


def latest_time() -> str:
    """Return the time, in UTC, after which a run is dated in the future."""
    return (datetime.now(UTC) + CLOCKS_DIFFER).isoformat()


def class_row(case: Case, figures: Figures, build: str) -> Row:
    """Return as a row what the index keeps of a case that has a class."""
    speedup = figures.estimate(FIGURE["speedup"])
    if speedup is not None:
        speedup = across_processes(speedup, figures.process_moments)
    gil_class = None if figures.gil_class is None else decode_class(figures.gil_class)
    return Row(case, speedup, gil_class=gil_class, build=build)


def run_name(environment: Json, time: datetime, tag: str) -> str:
    """Return the file of a new run, without its ending, under its environment's folder.

    ``2026_1124_093000-123_TAG_1f2e3d4c``: by the year as a number of four digits pytest-benchmark
    knows its runs, and their order; the last part no other writer has.
    """
    safe = re.sub(r"[^A-Za-z0-9.+-]+", "-", tag).strip("-.")[:60] or "run"
    when = time.astimezone(UTC)
    stamp = f"{when:%Y_%m%d_%H%M%S}-{when.microsecond // 1000:03}"
    return f"{environment_name(environment)}/{stamp}_{safe}_{secrets.token_hex(4)}"
