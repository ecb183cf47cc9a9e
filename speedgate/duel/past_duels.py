"""Past duels: those that a folder of runs holds, and the cases that stand by them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from speedgate import files
from speedgate.builds.build import Build
from speedgate.duel.findings import BuildSummary, DuelFindings
from speedgate.duel.matchup import DuelEntry
from speedgate.duel.selection import parse_entry, refuse_what_does_not_fit
from speedgate.duel.since import Since, since_when
from speedgate.history.history import History
from speedgate.history.lookup import is_of_duels, opened
from speedgate.measuring.selection import OptionError

# As many nights as a history of cached runs has, with both sides of each duel.
MOST_SIDES = 120
# What stands is measured beside the selection, in seconds of its own: a case of that has ten.
MOST_STANDING = 20
STANDING_SECONDS = 10.0

Notify = Callable[[str], None]


def add_standing(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--standing",
        action="store_true",
        help="measure again, too, what the earlier duels of these builds in --results confirmed "
        f"(at most {MOST_STANDING} cases a time; each adds {STANDING_SECONDS:g} seconds, unless "
        "--budget says all)",
    )


def refuse_useless_standing(options: argparse.Namespace) -> None:
    """Raise ``OptionError`` where ``--standing`` has nothing to measure, or no case of ours."""
    if options.standing and options.scale:
        raise OptionError("--standing asks NumPy's own functions again; with --scale leave it out")
    if options.standing and options.wide_only:
        raise OptionError("--standing measures in the duel, which --wide-only ends before; use one")


def duels_of(history: History) -> list[tuple[str, DuelFindings]]:
    """Return the duels of a history once each, though every side of one keeps it; newest first."""
    environments = history.environments()
    digests = [environment.digest for environment in environments if is_of_duels(environment)]
    runs = history.runs(digests, complete=False, most=MOST_SIDES) if digests else []
    duels: dict[tuple[str, tuple[str, ...]], DuelFindings] = {}
    # Opening the history names what cannot be read.
    for entry, run in opened(history, runs, lambda line: None):
        if run.duel is not None:
            duel = DuelFindings.from_json(run.duel)
            labels = tuple(build.label for build in duel.builds)
            duels.setdefault((entry.time, labels), duel)
    return [(time, duel) for (time, _), duel in duels.items()]


def duels_below(results: Path, notify: Notify) -> list[tuple[str, DuelFindings]]:
    """Return the duels of a folder of runs, the newest first; none where there is no folder."""
    if not files.is_folder(results):
        return []
    with History(results, notify) as history:
        return duels_of(history)


def standing_entries(results: Path, builds: Sequence[Build], notify: Notify) -> list[DuelEntry]:
    """Return the entries of what stands between these builds by the duels in a folder: those that
    were not asked for the longest time first, and what could not be compared then last.

    A screen hands on what seems to have changed: it would never learn that a case was mended.
    """
    first, *others = map(BuildSummary.of, builds)
    here = {(first.numpy, str(build.label)) for build in others}
    stands = [one for one in since_when(duels_below(results, notify)) if one.last.key[:2] in here]
    entries = list(_entries(stands, len(builds), notify))
    if len(entries) > MOST_STANDING:
        left = len(entries) - MOST_STANDING
        notify(f"--standing: {left} of {len(entries)} cases that stand wait for another duel")
    return entries[:MOST_STANDING]


def _entries(stands: Iterable[Since], builds: int, notify: Notify) -> Iterable[DuelEntry]:
    for since in sorted(stands, key=lambda one: (one.incomparable is not None, one.asked)):
        try:
            entry = parse_entry(since.last.finding.name)
            refuse_what_does_not_fit([entry], builds)
        except OptionError as error:
            notify(f"--standing leaves out {since.last.finding.name}: {error}")
            continue
        yield entry
