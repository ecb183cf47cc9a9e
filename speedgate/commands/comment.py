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
from speedgate.github.post import (
    AUTHOR,
    Post,
    client_of,
    mark_of,
    pull_request_of,
    put_comment,
    put_issue,
)
from speedgate.history.document import Run
from speedgate.history.figures import in_utc, minute_of
from speedgate.history.format import HistoryError
from speedgate.history.history import EnvironmentEntry, History, RunEntry, latest_time
from speedgate.history.identity import difference_lines
from speedgate.history.lookup import is_of_duels, named, opened
from speedgate.judging.gate import Verdict
from speedgate.report.comment import (
    MOST_OF_COMMENT,
    MOST_OF_SUMMARY,
    Absent,
    CommentedRun,
    comment_markdown,
    title_of,
    worst,
)
from speedgate.report.exit_code import ExitCode, code_of
from speedgate.report.facts import RunFacts, facts_of, standing_of
from speedgate.report.summary import run_tables

SUMMARY = "GITHUB_STEP_SUMMARY"
# Digits that are hours: a year and more. More digits are a date.
MOST_HOURS_DIGITS = 4
NO_RUN = "; 'pytest bench/' or 'speedgate duel' makes one"
NO_PULL_REQUEST = (
    "no comment: this job belongs to no open pull request, or its head has moved on; the summary "
    "of the job has it"
)


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
        "--github",
        action="store_true",
        help="write the summary of the job, and comment on its pull request, if it has one",
    )
    command.add_argument(
        "--issue",
        action="store_true",
        help="with --github: instead of a comment, open an issue when something failed or has no "
        "verdict (--since); keep it up to date, and close it when everything passed",
    )
    command.add_argument(
        "--key",
        default="speedgate",
        metavar="NAME",
        help="a name for the comment or issue, if you have several (default: speedgate)",
    )
    command.add_argument(
        "--author",
        default=AUTHOR,
        metavar="LOGIN",
        help=f"the login behind the token; only its comments are edited (default: {AUTHOR})",
    )
    command.set_defaults(run=run_comment)


def run_comment(options: argparse.Namespace) -> int:
    if options.issue and not options.github:
        raise HistoryError("--issue needs --github: without it the Markdown is only printed")
    if options.since and not options.each:
        raise HistoryError("--since needs --each: it bounds the newest run of each environment")
    parts = list(_parts(options))
    entries = [part for part in parts if isinstance(part, CommentedRun)]
    absent = [part for part in parts if isinstance(part, Absent)]
    summary = comment_markdown(entries, MOST_OF_SUMMARY, absent=absent)
    if not options.github:
        print(summary, end="")
        return ExitCode.WELL
    # What reaches people comes first: a full disk here must not keep it back.
    try:
        published = _tell_github(entries, absent, options)
    finally:
        try:
            written = _write_summary(summary)
        finally:
            print(summary, end="")
    return max(published, written)


def _tell_github(
    entries: list[CommentedRun], absent: list[Absent], options: argparse.Namespace
) -> ExitCode:
    """Have GitHub say it, and say what was done or why it was not."""
    try:
        notify(f"speedgate comment: {_publish(entries, absent, options)}")
    except GitHubError as error:
        notify(f"speedgate comment: {error}")
        return ExitCode.NOT_DONE
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


def _publish(entries: list[CommentedRun], absent: list[Absent], options: argparse.Namespace) -> str:
    """Have the pull request or the issue say it; return what was done."""
    context = Context.of(os.environ)
    client = client_of(context)
    body = _body(entries, absent, context, options.key)
    post = Post(body, options.key, options.author)
    if options.issue:
        verdict, is_missing = worst(entries), any(source.expected for source in absent)
        is_red = verdict is Verdict.FAILED or is_missing
        is_green = verdict is Verdict.PASSED and not is_missing
        return put_issue(client, post, title_of(entries, absent)[:200], is_red, is_green)
    number = context.pull_request
    if number is None and context.head is not None:
        number = pull_request_of(client, context.head)
    return NO_PULL_REQUEST if number is None else put_comment(client, number, post)


def _body(entries: list[CommentedRun], absent: list[Absent], context: Context, key: str) -> str:
    of = f" of {context.commit[:7]}" if context.commit else ""
    foot = f"\n[The job]({context.job_url}){of}" if context.job_url else ""
    return comment_markdown(entries, MOST_OF_COMMENT, mark_of(key), foot, absent)


# --- which runs


def _parts(options: argparse.Namespace) -> Iterator[CommentedRun | Absent]:
    for source in options.sources or [None]:
        yield from _of_source(source, options)


def _of_source(text: str | None, options: argparse.Namespace) -> Iterator[CommentedRun | Absent]:
    with named(text, options.history, notify) as source:
        if source.file is not None:
            yield _entry(facts_of(source.file), source.file)
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
        newest = (_newest(history, digests) for digests in groups)
        runs = [pair for pair in newest if pair is not None]
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
    runs = [pair for pair in newest if pair is not None]
    if not any(_has_verdict(run) and run.is_complete for _, run in runs):
        yield Absent(
            place,
            _known(
                history,
                [environment.digest for environment in environments],
                f"no whole run with a verdict since {minute_of(since)}",
            ),
        )
    for entry, run in _without_other_sides(runs):
        yield _of_history(history, entry, run)
    for environment, pair in zip(environments, newest, strict=True):
        if pair is None and runs:
            known = _known(history, [environment.digest], f"no run since {minute_of(since)}")
            yield Absent(environment.name, known, expected=False)


def _known(history: History, digests: list[str] | None, lacks: str) -> str:
    """What a place lacks, and its newest run: how long it has been silent."""
    newest = history.runs(digests, complete=False, most=1)
    return f"{lacks}; " + (f"its newest run is of {newest[0].label}" if newest else "it has no run")


def _has_verdict(run: Run) -> bool:
    return bool(run.judgements) or run.duel is not None


def _newest(
    history: History, digests: list[str] | None, since: str = ""
) -> tuple[RunEntry, Run] | None:
    """The newest run of which there is a verdict, else the newest one; none from before ``since``,
    and then none that a wrong clock dated in the future: it would be the newest until that day."""
    first = None
    entries = history.runs(digests, complete=False)
    if since:
        entries = [entry for entry in entries if since <= entry.time <= latest_time()]
    for entry, run in opened(history, entries, notify):
        if _has_verdict(run):
            return entry, run
        first = first or (entry, run)
    return first


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
    return _entry(_beside_others(facts, history, entry, run), run)


def _entry(facts: RunFacts, run: Run) -> CommentedRun:
    return CommentedRun(facts, run_tables(run))


def _beside_others(facts: RunFacts, history: History, entry: RunEntry, run: Run) -> RunFacts:
    """Say of a run that is the first of its environment why nothing before it is comparable."""
    if facts.movement.judged or run.duel is not None or history.runs([entry.digest], most=2)[1:]:
        return facts
    for environment in history.environments():
        if environment.digest != entry.digest and not is_of_duels(environment):
            lines = tuple(difference_lines(environment.description, run.environment))
            movement = replace(
                facts.movement,
                against=f"the runs of {environment.name}",
                differences=lines or ("their environments differ",),
            )
            return replace(facts, movement=movement)
    return facts
