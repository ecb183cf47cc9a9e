"""Sources: which runs the page shows: the newest that was judged, and of every other kind of
benchmark, duel and project the newest there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from speedgate.history.benches import newest_with, numbers_by_bench
from speedgate.history.document import Run
from speedgate.history.format import Json
from speedgate.history.history import EnvironmentEntry, History, RunEntry
from speedgate.history.lookup import (
    Named,
    Notify,
    is_in_process,
    is_of_duels,
    named,
    opened,
)
from speedgate.history.sides import environment_side, open_side
from speedgate.history.standing import Standing
from speedgate.judging.comparison import Source
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import WINDOW_RUNS
from speedgate.judging.row import Row
from speedgate.measuring.name_list import listed
from speedgate.report.facts import standing_of
from speedgate.report.first_screen import marks
from speedgate.stats.case import Case
from speedgate.stats.words import number_of

# How many runs are opened in search of one that a gate has judged, and how many environments are
# shown side by side.
LOOK_BACK = 20
MOST_SIDES = 6
TAKEN_IN = "'speedgate import FILE' takes one in"


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
    side, the first one's own in front, each with its description. ``is_whole`` where no single run
    or environment was named.
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
    is_whole: bool = False
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
    if plain := history.index.plain():
        runs = number_of(len(plain), "run")
        note(f"not shown: {runs} of plain pytest-benchmark ({listed(plain, 2)}): {TAKEN_IN}")
    environments = history.environments()
    duel = _newest_duel(history, environments, note)
    first = _first(source, history, environments, note) or duel
    if first is None:
        return Sources(source.text, history=history, notes=tuple(notes))
    assert first.entry is not None
    entry = first.entry
    own = next(environment for environment in environments if environment.digest == entry.digest)
    others = [
        environment
        for environment in environments
        if environment is not own and not stands_apart(environment)
    ]
    sides, more = _sides(history, own, others, texts, where, note)
    return Sources(
        source.text,
        first,
        standing_of(history, entry, first.run),
        _newest_of_benches(history, first, others, note),
        first if first.run.duel is not None else duel,
        history,
        own,
        sides,
        more,
        source.entry is None and source.environment is None,
        tuple(notes),
    )


def _first(
    source: Named, history: History, environments: Sequence[EnvironmentEntry], note: Notify
) -> Shown | None:
    """The named run; or the newest that was judged.

    Of a duel's side the duel is shown, where there is nothing else.
    """
    if source.entry is not None:
        return Shown(history.read(source.entry), source.entry)
    return newest_judged(history, _digests(source, environments), note)


def newest_judged(history: History, digests: Sequence[str], note: Notify) -> Shown | None:
    """Return the newest complete run of some environments, and of the newest few rather one that
    was judged; what was cut short only where there is nothing else."""
    newest = None
    runs = history.runs(digests) or history.runs(digests, complete=False)
    for shown in islice(_opened(history, runs, note), LOOK_BACK):
        if shown.run.judgements:
            return shown
        newest = newest or shown
    return newest


def cut_short_text(history: History, entry: RunEntry) -> str:
    """Return how many later runs of a run's environment were cut short; empty if none was."""
    runs = history.runs([entry.digest], complete=False)
    newer = [run for run in runs if run.time > entry.time and not run.complete]
    if not newer:
        return ""
    if len(newer) == 1:
        return f"A newer run was cut short: {newer[0].label}."
    return f"{len(newer)} newer runs were cut short, the newest of them {newer[0].label}."


def _digests(source: Named, environments: Sequence[EnvironmentEntry]) -> list[str]:
    if source.environment is not None:
        return [source.environment.digest]
    return [environment.digest for environment in environments if not stands_apart(environment)]


def stands_apart(environment: EnvironmentEntry) -> bool:
    """Return whether its runs are compared with no other environment's: sides of duels, and what
    was measured in pytest's own process."""
    return is_of_duels(environment) or is_in_process(environment)


def _opened(history: History, entries: Iterable[RunEntry], note: Notify) -> Iterator[Shown]:
    for entry, run in opened(history, entries, note):
        yield Shown(run, entry)


def _newest_duel(
    history: History, environments: Sequence[EnvironmentEntry], note: Notify
) -> Shown | None:
    digests = [environment.digest for environment in environments if is_of_duels(environment)]
    if not digests:
        return None
    return next(_opened(history, history.runs(digests, complete=False, most=LOOK_BACK), note), None)


def _newest_of_benches(
    history: History, first: Shown, others: Sequence[EnvironmentEntry], note: Notify
) -> dict[str, Shown]:
    """The newest run of each benchmark that the first run does not have, in its environment; one of
    the others where this one has none."""
    assert first.entry is not None
    here, elsewhere = [first.entry.digest], [environment.digest for environment in others]
    own = {row.bench for row in first.run.rows()}
    benches: dict[str, Shown] = {}
    by_number: dict[int, Shown] = {}
    for bench, numbers in numbers_by_bench(history).items():
        if bench in own:
            continue
        entry = newest_with(history, here, numbers) or newest_with(history, elsewhere, numbers)
        if entry is None:
            continue
        shown = by_number.get(entry.number) or next(_opened(history, [entry], note), None)
        if shown is not None:
            by_number[entry.number] = benches[bench] = shown
    return benches


def _sides(
    history: History,
    own: EnvironmentEntry,
    others: Sequence[EnvironmentEntry],
    texts: Sequence[str],
    where: str,
    note: Notify,
) -> tuple[tuple[tuple[Source, Json], ...], int]:
    """The named sides; without any, the environments of the history, the run's own first."""
    if len(texts) > 1:
        return _named_sides(texts, where, note), 0
    if not _has_runs(history, own):
        return (), 0
    complete = [environment for environment in others if _has_runs(history, environment)]
    kept = [own, *complete[: MOST_SIDES - 1]]
    sides = [environment_side(history, environment, WINDOW_RUNS) for environment in kept]
    return tuple(sides), len(complete) - len(kept) + 1


def _has_runs(history: History, environment: EnvironmentEntry) -> bool:
    """Whether any of its runs came to its end."""
    return bool(history.runs((environment.digest,), most=1))


def _named_sides(texts: Sequence[str], where: str, note: Notify) -> tuple[tuple[Source, Json], ...]:
    if len(texts) < 2:
        return ()
    return tuple(open_side(text, where, WINDOW_RUNS, note) for text in texts)
