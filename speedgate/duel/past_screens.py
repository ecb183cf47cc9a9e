"""Past screens: what the newest screen of two builds did not reach, so that the next one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from speedgate import files
from speedgate.history.format import ScreenEntry
from speedgate.history.history import EnvironmentEntry, History
from speedgate.history.lookup import readable

Notify = Callable[[str], None]


def waiting_cells(results: Path, labels: Sequence[str], notify: Notify) -> list[str]:
    """Return the sized names of the cells that the newest screen of builds with these labels in a
    folder did not reach, those that wait for the longest time first.

    There are none without a screen of them. ``notify`` is given a line for a file that is left out.
    """
    if not files.is_folder(results):
        return []
    with History(results, notify) as history:
        of_these = (one for one in _screens(history, labels[0]) if one.builds == list(labels))
        newest = next(of_these, None)
        return list(newest.not_reached) if newest is not None else []


def _screens(history: History, label: str) -> Iterator[ScreenEntry]:
    """Yield the screens of which the build of this label is a side, the newest first."""
    digests = [one.digest for one in history.environments() if is_side_of_a_screen(one, label)]
    # Opening the history names what cannot be read.
    for run in readable(history, digests, lambda line: None) if digests else ():
        census = run.section.census
        if census is not None and census.screen is not None:
            yield census.screen


def is_side_of_a_screen(environment: EnvironmentEntry, label: str) -> bool:
    settings = environment.description.get("settings") or {}
    return bool(settings.get("screen")) and settings.get("build") == label
