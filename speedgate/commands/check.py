"""The command `check`: whether the runs, their index and the caches are as they were written."""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from speedgate.builds.installation import UNUSED_SECONDS
from speedgate.builds.soundness import environments_aside, kept_environments, unsound
from speedgate.commands.arguments import add_format, add_where, notify, show_json, show_lines
from speedgate.duel.first_release import look_at_answers, set_answers_aside
from speedgate.history.check import CheckedHistory, Damage, check_history
from speedgate.history.format import HistoryError
from speedgate.history.history import History
from speedgate.history.intake import as_text
from speedgate.history.store import FolderStore, set_aside
from speedgate.report.exit_code import ExitCode
from speedgate.stats.words import number_of

REPAIR = "`speedgate check --repair` moves aside what is damaged, and deletes nothing"

ASIDE = "nothing reads it: restore what it was, or delete it"
BUILD_ASIDE = (
    f"nothing reads it, and it goes {UNUSED_SECONDS / (24 * 3600):.0f} days after its last use, as "
    "every environment of the cache: move it out of there to keep it"
)

RECOVERY = "'speedgate report' makes runs of them"


def add_check_command(commands: Any) -> None:
    command = commands.add_parser(
        "check", help="check that runs, index and caches are as they were written"
    )
    add_where(command)
    command.add_argument(
        "--read-data",
        type=share,
        default=1.0,
        metavar="SHARE",
        help="read only this share of the files, others each time, such as 10%% (default: 100%%)",
    )
    command.add_argument(
        "--repair", action="store_true", help="move aside what is damaged; nothing is deleted"
    )
    add_format(command, "text", "json")
    command.set_defaults(run=run_check)


def share(text: str) -> float:
    """Return ``10%`` as 0.1."""
    try:
        number = float(text.removesuffix("%")) / 100
    except ValueError:
        number = math.nan
    if not (text.endswith("%") and 0 < number <= 1):
        raise argparse.ArgumentTypeError(f"'{text}': a share above 0% and up to 100%, such as 10%")
    return number


def run_check(options: argparse.Namespace) -> int:
    """Check everything; return 1 where anything is damaged, also if this call moves it aside.

    What an earlier call has moved aside is named, and damages nothing: somebody chose to go on.
    """
    builds, builds_aside = kept_environments(), list(map(str, environments_aside()))
    with History(options.history, recovers=False) as history:
        checked = check_history(history, partial(chosen, of=options.read_data))
        checked = replace(checked, aside=[*checked.aside, *builds_aside])
        answers, damaged = kept_answers(history)
        every = (*checked.damages, *damaged, *damaged_builds(chosen(builds, options.read_data)))
        # A folder that cannot be looked into is met by each who looks.
        damages = list({damage.reason: damage for damage in every}.values())
        if not checked.files and not checked.journals and not damages:
            raise HistoryError(f"no run in {options.history}; 'pytest bench/' makes one")
        outcomes = [outcome(damage, options.repair) for damage in damages]
    if options.format == "json":
        show_json(record(checked, len(builds), answers, damages, outcomes))
    else:
        show_lines(report(checked, len(builds), answers, damages, outcomes, builds_aside))
    if damages and not options.repair:
        notify(REPAIR)
    return ExitCode.BAD if damages else ExitCode.WELL


def chosen(names: Sequence[Any], of: float) -> Sequence[Any]:
    """Return a share of some names, drawn at random; at least one where there is any."""
    return random.sample(names, math.ceil(len(names) * of))


def kept_answers(history: History) -> tuple[int, list[Damage]]:
    """Return how many answers of ``speedgate since`` are kept, and which files of them have lines
    that cannot be read."""
    count = 0
    damages: list[Damage] = []
    if not isinstance(history.store, FolderStore):
        return count, damages
    for path, told in look_at_answers(history.store.folder):
        name = as_text(str(path))
        if isinstance(told, OSError):
            damages.append(Damage(f"{name}: {told.strerror or told}", None))
            continue
        count += len(told.answers)
        if told.lost:
            why = f"{name}: {number_of(told.lost, 'line')} of it cannot be read"
            damages.append(Damage(why, partial(set_answers_aside, path)))
    return count, damages


def damaged_builds(environments: Sequence[Path]) -> Iterator[Damage]:
    for environment in environments:
        why = unsound(environment)
        if why is not None:
            yield Damage(why, partial(set_aside, environment))


def outcome(damage: Damage, repair: bool) -> str:
    """Move what is damaged aside, if that is asked for; return in words what became of it."""
    if damage.set_aside is None:
        return "it stays: what cannot be read may be whole"
    if not repair:
        return ""
    try:
        return f"moved to {damage.set_aside()}"
    except OSError as error:
        return f"it stays: it cannot be moved ({error.strerror or error})"


def report(
    checked: CheckedHistory,
    builds: int,
    answers: int,
    damages: Sequence[Damage],
    outcomes: Sequence[str],
    builds_aside: Collection[str],
) -> Iterator[str]:
    """Yield what was checked, then a line for each thing that is damaged."""
    runs = number_of(checked.runs, "run")
    yield f"read {checked.read} of {checked.files} files of the history: {runs}"
    if checked.without_digest:
        yield (
            f"{number_of(checked.without_digest, 'run')} without a digest, from before there was "
            "one: only its form was checked"
        )
    if checked.journals:
        yield f"{number_of(checked.journals, 'journal')} of what was cut short: {RECOVERY}"
    if answers:
        yield f"answers of 'speedgate since': {answers}"
    yield f"environments of builds in the cache: {builds}"
    yield from (f"left alone: {reason}" for reason in checked.left_alone)
    for name in checked.aside:
        remedy = BUILD_ASIDE if name in builds_aside else ASIDE
        yield f"moved aside before: {as_text(name)}; {remedy}"
    for damage, what in zip(damages, outcomes, strict=True):
        yield f"damaged: {damage.reason}" + (f"; {what}" if what else "")
    if not damages:
        yield "nothing is damaged"


def record(
    checked: CheckedHistory,
    builds: int,
    answers: int,
    damages: Sequence[Damage],
    outcomes: Sequence[str],
) -> dict[str, Any]:
    return {
        "files": checked.files,
        "read": checked.read,
        "runs": checked.runs,
        "without_digest": checked.without_digest,
        "journals": checked.journals,
        "left_alone": checked.left_alone,
        "aside": [as_text(name) for name in checked.aside],
        "builds": builds,
        "answers": answers,
        "damaged": [
            {"reason": damage.reason, "outcome": what}
            for damage, what in zip(damages, outcomes, strict=True)
        ],
    }
