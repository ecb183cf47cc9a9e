"""Lookup: which run, environment or benchmark a text names. All commands ask here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from speedgate import files
from speedgate.history.document import Run, read_run
from speedgate.history.format import HistoryError
from speedgate.history.history import EnvironmentEntry, History, RunEntry
from speedgate.history.identity import same_machine
from speedgate.measuring.name_list import one_a_line
from speedgate.runner.machine import describe_machine
from speedgate.stats.words import number_of

Notify = Callable[[str], None]
# In which order a history's environments are looked through: groups of digests, ``None`` for all.
Order = Callable[[History], Iterable[Sequence[str] | None]]


@dataclass(frozen=True)
class Named:
    """What a text names: a file's run, or in a history one run, one environment, or all of it."""

    text: str
    file: Run | None = None
    history: History | None = None
    entry: RunEntry | None = None
    environment: EnvironmentEntry | None = None


@contextmanager
def named(text: str | None, where: str, notify: Notify) -> Iterator[Named]:
    """Yield what a text names: a run's file, a folder or an address of runs, or in the history
    ``where`` a run or an environment. Without a text, that history.

    Raises ``HistoryError`` with the names that there are. ``notify`` is given a line for each file
    that is left out.
    """
    if text is not None and is_file(text):
        yield Named(text, file=read_run(Path(text)))
        return
    place = where if text is None else text if _is_place(text) else None
    with History(where if place is None else place, notify) as history:
        if text is None or place is not None:
            yield Named(place or where, history=history)
            return
        entry = history.find_run(text)
        environment = None if entry is not None else history.find_environment(text)
        if entry is None and environment is None:
            history.refuse_what_may_be_out_of_reach(text)
            raise HistoryError(_nothing_named(history, text, where))
        yield Named(text, history=history, entry=entry, environment=environment)


def _is_place(text: str) -> bool:
    """Whether it is a folder, one that a link no longer leads to, or an address."""
    path = Path(text)
    return "://" in text or files.is_folder(path) or files.leads_nowhere(path)


def _nothing_named(history: History, text: str, where: str) -> str:
    return (
        f"'{text}' is not a file, folder, run or environment of {where}; its environments:\n  "
        f"{history.environment_names()}"
    )


def find_run(
    text: str | None,
    where: str,
    has: Callable[[Run], bool],
    wanted: str,
    notify: Notify,
    order: Order = lambda history: [None],
) -> Run:
    """Return the run that a text names; of several, the newest that ``has`` what is wanted.

    ``wanted`` ends the sentence that says that there is none.
    """
    with named(text, where, notify) as source:
        if source.file is not None:
            return source.file
        assert source.history is not None
        if source.entry is not None:
            return source.history.read(source.entry)
        of_one = source.environment
        groups = order(source.history) if of_one is None else [(of_one.digest,)]
        for digests in groups:
            run = next(filter(has, readable(source.history, digests, notify)), None)
            if run is not None:
                return run
        only_duels = word_of_duels(source.history, source.text)
    raise HistoryError(f"no run in {source.text}{wanted}{only_duels}")


def this_machine_first(history: History) -> Iterator[Sequence[str]]:
    """Yield the environments of this machine, then the others, by their digests. What was measured
    in pytest's own process compares nothing, and is left out."""
    here = describe_machine()
    known = [
        environment for environment in history.environments() if not is_in_process(environment)
    ]
    ours = [
        environment.digest for environment in known if same_machine(environment.description, here)
    ]
    yield ours
    yield [environment.digest for environment in known if environment.digest not in ours]


def word_of_duels(history: History, source: str) -> str:
    """Return what else there is where a history holds nothing but sides of duels."""
    environments = history.environments()
    if not environments or not all(map(is_of_duels, environments)):
        return ""
    return f"; it has only sides of duels, of which `report {source}` shows the newest"


def readable(history: History, digests: Sequence[str] | None, notify: Notify) -> Iterator[Run]:
    """Yield the runs of some environments or of all, the newest first; name one that was changed
    since the index read it, and cannot be read now."""
    for _, run in opened(history, history.runs(digests, complete=False), notify):
        yield run


def opened(
    history: History, entries: Iterable[RunEntry], notify: Notify
) -> Iterator[tuple[RunEntry, Run]]:
    """Yield some runs of a history, each with its entry; name one that cannot be read."""
    for entry in entries:
        try:
            yield entry, history.read(entry)
        except (HistoryError, OSError) as error:
            notify(f"left out: {error}")


def is_file(source: str) -> bool:
    return "://" not in source and files.is_file(Path(source))


def is_of_duels(environment: EnvironmentEntry) -> bool:
    return bool((environment.description.get("settings") or {}).get("duel"))


def is_in_process(environment: EnvironmentEntry) -> bool:
    """Whether it was measured in pytest's own process."""
    return bool((environment.description.get("settings") or {}).get("in_process"))


def only_environment(history: History, text: str) -> EnvironmentEntry:
    """Return the environment of a folder that has one; ``HistoryError`` with the names of more."""
    environments = history.environments()
    if not environments:
        raise HistoryError(f"no run in {text}; 'pytest bench/' makes one")
    if len(environments) == 1:
        return environments[0]
    paths = [below(text, environment.name) for environment in environments]
    names = one_a_line(paths, history.listing)
    if all(map(is_of_duels, environments)):
        raise HistoryError(
            f"{text} has only sides of duels: `report {text}` shows the newest duel; to have runs "
            f"stand for themselves, name one side:\n  {names}"
        )
    raise HistoryError(f"{text} has several environments; name one:\n  {names}")


def below(folder: str, name: str) -> str:
    """Return how an environment in a folder is named; it may be the folder."""
    folder = folder.rstrip("/")
    return folder if folder.rpartition("/")[2] == name else f"{folder}/{name}"


def no_complete_run(history: History, environment: EnvironmentEntry) -> HistoryError:
    """Return that all runs of an environment were cut short, and how to compare one anyway."""
    newest = history.runs((environment.digest,), complete=False)[0]
    return HistoryError(
        f"{environment.name} has no complete run, only what was cut short "
        f"({number_of(environment.runs, 'run')}); to compare one all the same name its file, such "
        f"as {history.store.path(newest.file)}"
    )


def benchmarks_with(
    history: History, case: str, text: str | None
) -> tuple[EnvironmentEntry, list[str]]:
    """Return the environment that is named, or that of the newest run that has the case, and the
    benchmark of this name or those that measured the case."""
    if text is not None:
        environment = history.find_environment(text)
        if environment is None:
            raise HistoryError(
                f"--environment '{text}': {history.store.location} has no such environment"
            )
        candidates = [environment]
    else:
        candidates = history.environments()
    for candidate in candidates:
        names = [
            name
            for name, case_id, _ in history.benchmarks(candidate.digest)
            if case in (name, case_id)
        ]
        if names:
            return candidate, [case] if case in names else names
    for entry in history.runs([environment.digest for environment in candidates], complete=False):
        if any(case in (figures.name, figures.case_id) for figures in history.figures(entry)):
            raise HistoryError(
                f"no complete run in {history.store.location} has '{case}'; {entry.id}, which was "
                "cut short, has it: `report` shows that"
            )
    raise HistoryError(
        f"no run in {history.store.location} has '{case}'; 'speedgate history' lists what there is"
    )
