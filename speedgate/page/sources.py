"""Sources: which runs the page shows: the newest that was judged, and of every other kind of
benchmark, duel and project the newest there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from speedgate.history.document import Run
from speedgate.history.format import Json
from speedgate.history.history import (
    NEWEST_FIRST,
    RUNS,
    EnvironmentEntry,
    History,
    RunEntry,
)
from speedgate.history.lookup import Named, Notify, is_of_duels, named, opened
from speedgate.history.sides import environment_side, open_side
from speedgate.history.standing import Standing
from speedgate.judging.comparison import Source
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import WINDOW_RUNS
from speedgate.judging.row import Row
from speedgate.report.facts import standing_of
from speedgate.report.first_screen import marks
from speedgate.stats.case import Case

# How many runs are opened in search of one that a gate has judged, and how many environments are
# shown side by side.
LOOK_BACK = 20
MOST_SIDES = 6
# How many values SQLite takes in one question on every platform.
MOST_NUMBERS = 900


@dataclass(frozen=True)
class Shown:
    """A run that the page shows, and where the history has it; a file of its own is in none."""

    run: Run
    entry: RunEntry | None = None

    @property
    def label(self) -> str:
        """Its time, commit, name and environment; of a file its path."""
        if self.entry is None:
            return self.run.name
        return f"{self.entry.label} ({self.entry.id}) in {self.entry.environment}"


@dataclass(frozen=True)
class Sources:
    """What the page is made from.

    ``first`` is the run of the first screen, ``None`` of an empty history. ``benches`` are the runs
    that show each of the other benchmarks, by their names. ``sides`` are the environments side by
    side, the first one's own in front, each with its description.
    """

    place: str
    first: Shown | None = None
    standing: Standing | None = None
    benches: dict[str, Shown] = field(default_factory=dict)
    duel: Shown | None = None
    history: History | None = None
    environment: EnvironmentEntry | None = None
    sides: tuple[tuple[Source, Json], ...] = ()
    more_sides: int = 0
    notes: tuple[str, ...] = ()

    @property
    def judged(self) -> dict[Case, Verdict]:
        """The gravest verdict on each case of the first run."""
        entries = self.first.run.judgements if self.first else []
        return marks((entry.case.case(), entry.verdict) for entry in entries)

    def rows(self, is_wanted: Callable[[Row], bool]) -> list[tuple[Shown, Row]]:
        """Return the rows that are wanted, each with its run; those of the first run in front."""
        pairs = []
        shown = [*([self.first] if self.first else []), *self.benches.values()]
        for source in {id(source): source for source in shown}.values():
            for row in source.run.rows():
                owner = self.benches.get(row.bench, self.first)
                if owner is source and is_wanted(row):
                    pairs.append((source, row))
        return pairs


def origin(shown: Iterable[Shown]) -> str:
    """Return the runs that a section shows, each once."""
    return "; ".join(dict.fromkeys(source.label for source in shown))


@contextmanager
def open_sources(texts: Sequence[str], where: str, notify: Notify) -> Iterator[Sources]:
    """Yield what a page of the named runs, environments or folders is made from; without a name,
    of the history ``where``. The first is what the page is about, the others stand beside it.

    ``notify`` is given a line for each file that is left out, and the page a note.
    """
    notes: list[str] = []

    def note(line: str) -> None:
        notes.append(line)
        notify(line)

    with named(texts[0] if texts else None, where, note) as source:
        if source.file is not None:
            yield _of_file(source, texts, where, note, notes)
        else:
            yield _of_history(source, texts, where, note, notes)


def _of_file(
    source: Named, texts: Sequence[str], where: str, note: Notify, notes: list[str]
) -> Sources:
    assert source.file is not None
    shown = Shown(source.file)
    return Sources(
        source.text,
        shown,
        duel=shown if source.file.duel is not None else None,
        sides=_named_sides(texts, where, note),
        notes=tuple(notes),
    )


def _of_history(
    source: Named, texts: Sequence[str], where: str, note: Notify, notes: list[str]
) -> Sources:
    history = source.history
    assert history is not None
    duel = _newest_duel(history, note)
    first = _first(source, history, note) or duel
    if first is None:
        return Sources(source.text, history=history, notes=tuple(notes))
    assert first.entry is not None
    entry = first.entry
    environment = next(known for known in history.environments() if known.digest == entry.digest)
    sides, more = _sides(history, environment, texts, where, note)
    return Sources(
        source.text,
        first,
        None if first.run.duel is not None else standing_of(history, entry, first.run),
        _newest_of_benches(history, first, note),
        first if first.run.duel is not None else duel,
        history,
        environment,
        sides,
        more,
        tuple(notes),
    )


def _first(source: Named, history: History, note: Notify) -> Shown | None:
    """The named run; or the newest complete run, and of the newest few rather one that was judged.

    Of a duel's side the duel is shown, where there is nothing else.
    """
    if source.entry is not None:
        return Shown(history.read(source.entry), source.entry)
    digests = _digests(source, history)
    runs = history.runs(digests) or history.runs(digests, complete=False)
    if not runs:
        return None
    newest = list(islice(_opened(history, runs, note), LOOK_BACK))
    judged = [shown for shown in newest if shown.run.judgements]
    return next(iter((*judged, *newest)), None)


def _digests(source: Named, history: History) -> list[str]:
    if source.environment is not None:
        return [source.environment.digest]
    return [entry.digest for entry in history.environments() if not _stands_apart(entry)]


def _stands_apart(environment: EnvironmentEntry) -> bool:
    """Whether its runs are compared with no other environment's: sides of duels, and what was
    measured in pytest's own process."""
    settings = environment.description.get("settings") or {}
    return is_of_duels(environment) or bool(settings.get("in_process"))


def _opened(history: History, entries: Iterable[RunEntry], note: Notify) -> Iterator[Shown]:
    for entry, run in opened(history, entries, note):
        yield Shown(run, entry)


def _newest_duel(history: History, note: Notify) -> Shown | None:
    digests = [entry.digest for entry in history.environments() if is_of_duels(entry)]
    if not digests:
        return None
    return next(_opened(history, history.runs(digests, complete=False, most=LOOK_BACK), note), None)


def _newest_of_benches(history: History, first: Shown, note: Notify) -> dict[str, Shown]:
    """The newest run of each benchmark that the first run does not have, in its environment; one of
    another environment where this one has none."""
    assert first.entry is not None
    here = first.entry.digest
    elsewhere = [
        entry.digest
        for entry in history.environments()
        if entry.digest != here and not _stands_apart(entry)
    ]
    own = {row.bench for row in first.run.rows()}
    wanted: dict[str, list[int]] = {}
    for number, name in history.index.query(
        "SELECT id, name FROM benchmarks WHERE case_id IS NOT NULL", (), _number_and_name
    ):
        wanted.setdefault(name.partition("[")[0], []).append(number)
    benches: dict[str, Shown] = {}
    by_number: dict[int, Shown] = {}
    for bench, numbers in wanted.items():
        if bench in own:
            continue
        entries = _newest_with(history, [here], numbers)
        for entry in entries or _newest_with(history, elsewhere, numbers):
            shown = by_number.get(entry.number) or next(_opened(history, [entry], note), None)
            if shown is not None:
                by_number[entry.number] = benches[bench] = shown
    return benches


def _number_and_name(row: Sequence[object]) -> tuple[int, str]:
    number, name = row
    return int(str(number)), str(name)


def _newest_with(
    history: History, digests: Sequence[str], benchmarks: Sequence[int]
) -> list[RunEntry]:
    """The newest complete run of some environments that has any of some benchmarks."""
    numbers, digests = list(benchmarks)[:MOST_NUMBERS], digests[:MOST_NUMBERS]
    query = (
        f"{RUNS} WHERE runs.digest IN ({_marks_for(digests)}) AND complete AND EXISTS ("
        f"SELECT 1 FROM figures WHERE run = runs.id AND benchmark IN ({_marks_for(numbers)})) "
        f"{NEWEST_FIRST} LIMIT 1"
    )
    return history.index.query(query, (*digests, *numbers), RunEntry.of)


def _marks_for(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _sides(
    history: History,
    own: EnvironmentEntry,
    texts: Sequence[str],
    where: str,
    note: Notify,
) -> tuple[tuple[tuple[Source, Json], ...], int]:
    """The named sides; without any, the environments of the history, its own first."""
    if len(texts) > 1:
        return _named_sides(texts, where, note), 0
    others = [
        entry
        for entry in history.environments()
        if entry.digest != own.digest and not _stands_apart(entry)
        and history.runs((entry.digest,), most=1)
    ]  # fmt: skip
    if not history.runs((own.digest,), most=1):
        return (), 0
    kept = [own, *others[: MOST_SIDES - 1]]
    sides = [environment_side(history, entry, WINDOW_RUNS) for entry in kept]
    return tuple(sides), len(others) - len(kept) + 1


def _named_sides(texts: Sequence[str], where: str, note: Notify) -> tuple[tuple[Source, Json], ...]:
    if len(texts) < 2:
        return ()
    return tuple(open_side(text, where, WINDOW_RUNS, note) for text in texts)
