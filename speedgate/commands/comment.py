"""The command `comment`: runs as Markdown, for a job's summary, a pull request or an issue."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from speedgate.history.format import HistoryError
from speedgate.history.history import History, RunEntry
from speedgate.history.identity import difference_lines
from speedgate.history.lookup import is_of_duels, named, opened
from speedgate.judging.gate import Verdict
from speedgate.report.comment import (
    MOST_OF_COMMENT,
    MOST_OF_SUMMARY,
    CommentedRun,
    comment_markdown,
    title_of,
    worst,
)
from speedgate.report.exit_code import ExitCode
from speedgate.report.facts import RunFacts, facts_of, standing_of
from speedgate.report.summary import run_tables

SUMMARY = "GITHUB_STEP_SUMMARY"
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
        "--github",
        action="store_true",
        help="write the summary of the job, and comment on its pull request, if it has one",
    )
    command.add_argument(
        "--issue",
        action="store_true",
        help="with --github: instead of a comment, open an issue when something failed, keep it up "
        "to date, and close it when everything passed",
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
    entries = list(_entries(options))
    summary = comment_markdown(entries, MOST_OF_SUMMARY)
    print(summary, end="")
    if not options.github:
        return 0
    _write_summary(summary)
    try:
        notify(f"speedgate comment: {_publish(entries, options)}")
    except GitHubError as error:
        notify(f"speedgate comment: {error}")
        return ExitCode.NOT_DONE
    return ExitCode.WELL


def _write_summary(text: str) -> None:
    """Add to the summary of the job, where it has one."""
    path = os.environ.get(SUMMARY)
    if path:
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(text)


def _publish(entries: list[CommentedRun], options: argparse.Namespace) -> str:
    """Have the pull request or the issue say it; return what was done."""
    context = Context.of(os.environ)
    client = client_of(context)
    post = Post(_body(entries, context, options.key), options.key, options.author)
    if options.issue:
        verdict = worst(entries)
        is_red, is_green = verdict is Verdict.FAILED, verdict is Verdict.PASSED
        return put_issue(client, post, title_of(entries)[:200], is_red, is_green)
    number = context.pull_request
    if number is None and context.head is not None:
        number = pull_request_of(client, context.head)
    return NO_PULL_REQUEST if number is None else put_comment(client, number, post)


def _body(entries: list[CommentedRun], context: Context, key: str) -> str:
    of = f" of {context.commit[:7]}" if context.commit else ""
    foot = f"\n[The job]({context.job_url}){of}" if context.job_url else ""
    return comment_markdown(entries, MOST_OF_COMMENT, mark_of(key), foot)


# --- which runs


def _entries(options: argparse.Namespace) -> Iterator[CommentedRun]:
    for source in options.sources or [None]:
        yield from _of_source(source, options.history, options.each)


def _of_source(text: str | None, where: str, each_environment: bool) -> Iterator[CommentedRun]:
    with named(text, where, notify) as source:
        if source.file is not None:
            yield _entry(facts_of(source.file), source.file)
            return
        history = source.history
        assert history is not None
        if source.entry is not None:
            yield _of_history(history, source.entry, history.read(source.entry))
            return
        one = source.environment
        groups: list[list[str] | None] = [None] if one is None else [[one.digest]]
        if each_environment and one is None:
            groups = [[environment.digest] for environment in history.environments()]
        newest = (_newest(history, digests) for digests in groups)
        runs = [pair for pair in newest if pair is not None]
        if not runs:
            raise HistoryError(f"no run in {source.text}{NO_RUN}")
        for entry, run in _without_other_sides(runs):
            yield _of_history(history, entry, run)


def _newest(history: History, digests: list[str] | None) -> tuple[RunEntry, Run] | None:
    """The newest run of which there is a verdict, else the newest one."""
    first = None
    for entry, run in opened(history, history.runs(digests, complete=False), notify):
        if run.judgements or run.duel is not None:
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
