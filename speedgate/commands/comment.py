"""The command `comment`: runs as Markdown, for a job's summary, a pull request or an issue."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.commands.arguments import add_where, notify
from speedgate.github.context import Context
from speedgate.github.errors import GitHubError
from speedgate.github.message import Message, add_naming, keep, publish
from speedgate.history.document import Run
from speedgate.history.figures import in_utc, minute_of
from speedgate.history.format import HistoryError
from speedgate.history.history import EnvironmentEntry, History, RunEntry, latest_time
from speedgate.history.identity import difference_lines, same_kind
from speedgate.history.lookup import named, opened
from speedgate.judging.gate import Verdict
from speedgate.judging.gil_map import broken_promises
from speedgate.report.comment import (
    MOST_OF_COMMENT,
    MOST_OF_SUMMARY,
    Absent,
    CommentedRun,
    comment_markdown,
    commented,
    title_of,
    worst,
)
from speedgate.report.exit_code import ExitCode, code_of
from speedgate.report.facts import RunFacts, facts_of, standing_of

SUMMARY = "GITHUB_STEP_SUMMARY"
# Digits that are hours: a year and more. More digits are a date.
MOST_HOURS_DIGITS = 4
NO_RUN = "; 'pytest bench/' or 'speedgate duel' makes one"


def add_comment_command(commands: Any) -> None:
    command = commands.add_parser(
        "comment",
        help="write runs as Markdown: a job's summary, a comment, an issue",
    )
    command.add_argument(
        "sources",
        nargs="*",
        metavar="RUN",
        help="a run's file or name, an environment, or a folder or address of runs, of which the "
        "newest that was judged is taken (default: that of --history)",
    )
    add_where(command)
    command.add_argument(
        "--each",
        action="store_true",
        help="show the newest run of each environment of a folder",
    )
    command.add_argument(
        "--since",
        type=_time,
        metavar="HOURS|TIME",
        help="with --each: only runs of the last HOURS, or since a TIME in ISO form; a folder that "
        "you name and that has no verdict since then is reported, and is never green",
    )
    command.add_argument(
        "--failed",
        action="append",
        default=[],
        metavar="JOB",
        help="the name of a job that ended badly, as no run may show: it is red; may be repeated",
    )
    to_where = command.add_mutually_exclusive_group()
    to_where.add_argument(
        "--github",
        action="store_true",
        help="write the summary of the job, and comment on its pull request, if it has one",
    )
    to_where.add_argument(
        "--post",
        type=Path,
        metavar="FILE",
        help="write the summary of the job, and into FILE what 'python -m speedgate.github FILE' "
        "posts in another job, which may write and installs nothing",
    )
    command.add_argument(
        "--issue",
        action="store_true",
        help="with --github: instead of a comment, open an issue when something failed or has no "
        "verdict (--since, --failed); keep it up to date, and close it when everything passed",
    )
    add_naming(command)
    command.set_defaults(run=run_comment)


def run_comment(options: argparse.Namespace) -> int:
    if options.issue and not options.github:
        raise HistoryError(
            "--issue needs --github: without it the Markdown is only printed, and what --post "
            "keeps is posted by 'python -m speedgate.github FILE --issue'"
        )
    if options.since and not options.each:
        raise HistoryError("--since needs --each: it bounds the newest run of each environment")
    parts = list(_parts(options))
    entries = [part for part in parts if isinstance(part, CommentedRun)]
    absent = [part for part in parts if isinstance(part, Absent)]
    summary = comment_markdown(entries, MOST_OF_SUMMARY, absent, options.failed)
    if not options.github and options.post is None:
        print(summary, end="")
        return ExitCode.WELL
    message = _message(entries, absent, options.failed)
    # What reaches people comes first: a full disk here must not keep it back.
    try:
        published = _tell_github(message, options) if options.github else _keep(message, options)
    finally:
        try:
            written = _write_summary(summary)
        finally:
            print(summary, end="")
    return max(published, written)


def _message(entries: list[CommentedRun], absent: list[Absent], failed: list[str]) -> Message:
    """What a comment or an issue says. Red is what failed, a source without a verdict, and a job
    that ended badly; green is only what passed, and was measured to its end."""
    verdict = worst(entries)
    is_red = verdict is Verdict.FAILED or bool(failed) or any(one.expected for one in absent)
    is_cut_short = any(entry.is_judged and entry.facts.notes for entry in entries)
    return Message(
        title_of(entries, absent, failed),
        comment_markdown(entries, MOST_OF_COMMENT, absent, failed),
        is_red=is_red,
        is_green=verdict is Verdict.PASSED and not is_red and not is_cut_short,
    )


def _tell_github(message: Message, options: argparse.Namespace) -> ExitCode:
    """Have GitHub say it, and say what was done or why it was not."""
    try:
        done = publish(message, Context.of(os.environ), options.key, options.author, options.issue)
    except GitHubError as error:
        notify(f"speedgate comment: {error}")
        return ExitCode.NOT_DONE
    notify(f"speedgate comment: {done}")
    return ExitCode.WELL


def _keep(message: Message, options: argparse.Namespace) -> ExitCode:
    """Keep for another job what it is to post; say why that cannot be."""
    try:
        keep(message, options.post)
    except OSError as error:
        notify(
            f"speedgate comment: --post: {options.post} cannot be written "
            f"({error.strerror or error}): make room there, or name a file that can be written"
        )
        return code_of(error)
    return ExitCode.WELL


def _write_summary(text: str) -> ExitCode:
    """Add to the summary of the job, where it has one; say why that cannot be."""
    path = os.environ.get(SUMMARY)
    if not path:
        return ExitCode.WELL
    try:
        file = files.reopen(Path(path), "ab")
        try:
            files.write_all(file, text.encode())
        finally:
            files.close(file)
    except OSError as error:
        notify(
            f"speedgate comment: {SUMMARY}: {path} cannot be written ({error.strerror or error}): "
            "make room there, or name a file that can be written"
        )
        return code_of(error)
    return ExitCode.WELL


def _time(text: str) -> str:
    """Return a time, or that of some hours ago, as the index has it: in UTC."""
    try:
        if text.isascii() and text.isdigit() and len(text) <= MOST_HOURS_DIGITS:
            return (datetime.now(UTC) - timedelta(hours=int(text))).isoformat()
        datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}': hours, such as 12, or a time, such as 2026-11-27T02:23Z"
        ) from None
    return in_utc(text)


# --- which runs


def _parts(options: argparse.Namespace) -> Iterator[CommentedRun | Absent]:
    for source in options.sources or [None]:
        yield from _of_source(source, options)


def _of_source(text: str | None, options: argparse.Namespace) -> Iterator[CommentedRun | Absent]:
    with named(text, options.history, notify) as source:
        if source.file is not None:
            yield commented(facts_of(source.file), source.file)
            return
        history = source.history
        assert history is not None
        if source.entry is not None:
            yield _of_history(history, source.entry, history.read(source.entry))
            return
        one = source.environment
        environments = history.environments() if one is None else [one]
        if options.since:
            yield from _since(history, environments, source.text, options.since)
            return
        groups: list[list[str] | None] = [None]
        if options.each or one is not None:
            groups = [[environment.digest] for environment in environments]
        runs = [pair for digests in groups for pair in _newest(history, digests)]
        if not runs:
            raise HistoryError(f"no run in {source.text}{NO_RUN}")
        for entry, run in _without_other_sides(runs):
            yield _of_history(history, entry, run)


def _since(
    history: History, environments: list[EnvironmentEntry], place: str, since: str
) -> Iterator[CommentedRun | Absent]:
    """Yield the newest run of each environment since a time, and the environments without one; the
    place itself where no whole run since then has a verdict: it was named, and so expected."""
    newest = [_newest(history, [environment.digest], since) for environment in environments]
    runs = list(_without_other_sides([pair for some in newest for pair in some]))
    shown = [_of_history(history, entry, run) for entry, run in runs]
    pairs = zip(shown, runs, strict=True)
    if not any(one.has_verdict and run.is_complete for one, (_, run) in pairs):
        yield Absent(
            place,
            _known(
                history,
                [environment.digest for environment in environments],
                f"no whole run with a verdict since {minute_of(since)}",
            ),
        )
    yield from shown
    for environment, some in zip(environments, newest, strict=True):
        if not some and runs:
            known = _known(history, [environment.digest], f"no run since {minute_of(since)}")
            yield Absent(environment.name, known, expected=False)


def _known(history: History, digests: list[str] | None, lacks: str) -> str:
    """What a place lacks, and its newest run: how long it has been silent."""
    newest = history.runs(digests, complete=False, most=1)
    return f"{lacks}; " + (f"its newest run is of {newest[0].label}" if newest else "it has no run")


def _newest(
    history: History, digests: list[str] | None, since: str = ""
) -> list[tuple[RunEntry, Run]]:
    """The newest run that was judged, else the newest one, and beside it a map that broke promises:
    that is no verdict, and a map shows more of them than the judged run.

    None is from before ``since``, and then none that a wrong clock dated in the future: it would be
    the newest until that day. Without ``since`` only a map counts that came after the judged run.
    """
    entries = history.runs(digests, complete=False)
    if since:
        entries = [entry for entry in entries if since <= entry.time <= latest_time()]
    first = judged = newest_map = None
    for pair in opened(history, entries, notify):
        first = first or pair
        if _is_judged(pair[1]):
            judged = judged or pair
        elif newest_map is None and any(row.promise for row in pair[1].rows()):
            newest_map = pair
        if judged is not None and (newest_map is not None or not since):
            break
    shown = [pair for pair in (judged or first,) if pair is not None]
    if newest_map is not None and newest_map is not shown[0]:
        shown += [newest_map] if broken_promises(newest_map[1].rows()) else []
    return shown


def _is_judged(run: Run) -> bool:
    """Whether gates were asked about the run, though they may have had nothing to judge."""
    return bool(run.judgements) or run.duel is not None


def _without_other_sides(runs: list[tuple[RunEntry, Run]]) -> Iterator[tuple[RunEntry, Run]]:
    """Each of several runs, and a duel once, though each of its builds has a run with all of it."""
    duels = []
    for entry, run in runs:
        findings = None if run.duel is None else {**run.duel, "this": None}
        if findings is None or findings not in duels:
            duels.append(findings)
            yield entry, run


def _of_history(history: History, entry: RunEntry, run: Run) -> CommentedRun:
    facts = facts_of(run, standing_of(history, entry, run))
    return commented(_beside_others(facts, history, entry, run), run)


def _beside_others(facts: RunFacts, history: History, entry: RunEntry, run: Run) -> RunFacts:
    """Say of a run that is the first of its environment why nothing before it is comparable: no
    other environment of its kind is like its own."""
    if facts.movement.judged or run.duel is not None or history.runs([entry.digest], most=2)[1:]:
        return facts
    for environment in history.environments():
        is_another = environment.digest != entry.digest
        if is_another and same_kind(environment.description, run.environment):
            lines = tuple(difference_lines(environment.description, run.environment))
            movement = replace(
                facts.movement,
                against=f"the runs of {environment.name}",
                differences=lines or ("their environments differ",),
            )
            return replace(facts, movement=movement)
    return facts
