"""The command `since`: since which release what a duel confirmed is so, case by case."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from platform import python_version
from typing import Any

from packaging.version import Version

from speedgate.builds.build import Build, BuildError
from speedgate.builds.installation import INSTALLER_PREFIXES
from speedgate.commands.arguments import (
    add_format,
    add_results,
    add_run,
    columns,
    notify,
    saving_in,
    show_json,
    show_lines,
    take_turn,
)
from speedgate.commands.bisect import (
    Question,
    question_of,
    release_build,
    versions_between,
    which_ends,
)
from speedgate.commands.duel import add_measuring, parse_measuring
from speedgate.commands.early_end import code_of_early_end, tell_of_early_end
from speedgate.duel.bisection import Answer, Bisection, ProbedVersion
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.finding import Finding
from speedgate.duel.findings import BuildSummary, DuelFindings
from speedgate.duel.first_release import (
    FirstRelease,
    first_release_of,
    first_releases,
    keep_first_release,
    prepare_to_keep,
)
from speedgate.duel.group_bisection import GroupBisection
from speedgate.duel.past_duels import duels_below
from speedgate.duel.selection import parse_entry
from speedgate.duel.since import TOLD, since_when
from speedgate.history.lookup import find_run
from speedgate.measuring.ending import Early, ended_early
from speedgate.measuring.selection import OptionError, parse_seconds
from speedgate.report.exit_code import ExitCode, code_of, with_remedy, words_of
from speedgate.report.table import Table, markdown, plain
from speedgate.report.text import one_line
from speedgate.stats.words import number_of

DEFAULT_SECONDS = 600.0
PACKAGE = "numpy"
NO_TIME = "not bisected: no time was left"
COLUMNS = ("case", "what", "between", "first release")


def add_since_command(commands: Any) -> None:
    """Give the parser of commands ``since``."""
    since = commands.add_parser(
        "since",
        help="since which release of NumPy what a duel confirmed is so",
        description="Bisects each case that the newest duel of two releases confirmed, the "
        "clearest first, and keeps the answers in --results: what is known is not asked again.",
    )
    add_run(since)
    add_measuring(since, DEFAULT_SECONDS, "no bisection begins after this; in all they take")
    since.add_argument(
        "--with",
        dest="beside",
        default="",
        metavar="BUILD",
        help="as of bisect: a Python, variables",
    )
    add_results(since)
    add_format(since, "text", "markdown", "json")
    since.set_defaults(run=run_since, versions=None)


def run_since(options: argparse.Namespace) -> int:
    """Bisect what a duel confirmed, as far as the time goes; show all that is known of it."""
    run = find_run(
        options.source, options.history, lambda run: run.duel is not None, " is a duel", notify
    )
    if run.duel is None:
        raise OptionError(f"'{options.source}' is not a duel; 'speedgate duel' makes one")
    duel = DuelFindings.from_json(run.duel)
    seconds = parse_seconds("--budget", options.budget) or DEFAULT_SECONDS
    _, limit = parse_measuring(options)
    asking = Asking(options, limit, time.monotonic() + seconds)
    # The command that shows the run has named what cannot be read.
    stands = {
        (*since.last.key, since.last.finding.verdict): since.first.time
        for since in since_when(duels_below(options.results, lambda line: None))
        if since.incomparable is None
    }
    answers: list[tuple[Finding, BuildSummary, str]] = []
    for build in duel.builds[1:]:
        confirmed = confirmed_in(duel, build)
        refuse_what_are_no_releases(duel.builds[0], build, options.beside)
        texts = first_releases_of(confirmed, duel.builds[0], build, asking, stands)
        answers += [(finding, build, texts[finding.name]) for finding in confirmed]
    tell_of_early_end(asking.early, "the answers so far are kept and shown")
    show_answers(duel.builds[0], answers, options.format)
    return asking.code


@dataclass
class Asking:
    """How releases are asked about: no step begins after ``until``, and ``limit`` is a runner's.

    ``early`` is what ended all of it before its time, ``refused`` why nothing more can be asked of
    one of the builds, or the answers not be kept.
    """

    options: argparse.Namespace
    limit: float
    until: float
    early: Early = None
    refused: BuildError | OptionError | None = None

    def may_begin(self) -> bool:
        """Whether another step may begin."""
        return self.early is None and time.monotonic() < self.until

    @property
    def code(self) -> ExitCode:
        if self.early is None and self.refused is not None:
            return code_of(self.refused)
        return code_of_early_end(self.early)


def confirmed_in(duel: DuelFindings, build: BuildSummary) -> list[Finding]:
    """Return what is confirmed of a build; what fails in the first one as well began nowhere."""
    first = duel.builds[0].label
    return [
        finding
        for finding in duel.findings
        if finding.build == build.label and finding.verdict in TOLD and first not in finding.out
    ]


def refuse_what_are_no_releases(first: BuildSummary, build: BuildSummary, beside: str) -> None:
    """Raise ``OptionError`` where two builds differ in more than the release of NumPy, or not in
    that."""
    names = f"{first.label} and {build.label}"
    try:
        older, newer = Version(first.numpy or ""), Version(build.numpy or "")
    except ValueError:  # no version, or one of more digits than Python turns into a number
        raise OptionError(f"{names}: not both tell a release of NumPy; duel two releases") from None
    if not older < newer:
        raise OptionError(
            f"{names}: NumPy {first.numpy} is not older than {build.numpy}, and a bisection looks "
            "between two releases; duel the older one first"
        )
    if _own_variables(first) != _own_variables(build) or first.python != build.python:
        raise OptionError(f"{names}: they differ in more than NumPy, in variables or in Python")
    if first.python != python_version() and not beside:
        raise OptionError(
            f"{names} were measured in Python {first.python}, and this is {python_version()}: name "
            "that interpreter, as in --with python3.12"
        )


def _own_variables(build: BuildSummary) -> dict[str, str]:
    """The variables of a build that are none of an installer's."""
    return {
        name: value
        for name, value in build.variables.items()
        if not name.startswith(INSTALLER_PREFIXES)
    }


def first_releases_of(
    confirmed: Sequence[Finding],
    first: BuildSummary,
    build: BuildSummary,
    asking: Asking,
    stands: Mapping[tuple[str | None, str, str, DuelVerdict], str],
) -> dict[str, str]:
    """Return since which release each case is so, from what is kept or by a bisection; or why that
    is not known."""
    options = asking.options
    kept = first_releases(options.results, notify)
    answers: dict[str, str] = {}
    left = []
    for finding in confirmed:
        name, verdict = finding.name, finding.verdict
        since = stands.get((first.numpy, build.label, name, verdict))
        known = first_release_of(kept, first.numpy, build.numpy, name, verdict.value, since)
        if known is None:
            left.append(finding)
        else:
            answers[finding.name] = known.text
    refused: BuildError | OptionError | None = None
    if left and asking.may_begin():
        variables = {**first.variables, **build.variables}
        texts = [options.beside, *(shlex.quote(f"{name}={variables[name]}") for name in variables)]
        beside = argparse.Namespace(**{**vars(options), "beside": " ".join(texts).strip()})
        ends = (str(first.numpy), str(build.numpy))
        try:
            with saving_in(options.results):
                prepare_to_keep(options.results)
            take_turn(options)
            asking.early = ended_early(lambda: bisect_and_keep(left, ends, beside, asking, answers))
        except (BuildError, OptionError) as error:
            notify(f"speedgate since: {with_remedy(error)}")
            refused = error
            # Of two builds one may be missing, and the machine at fault for the other.
            if asking.refused is None or code_of(asking.refused) is not ExitCode.MACHINE:
                asking.refused = error
    why_not = why_not_asked(asking.early or refused)
    return {finding.name: answers.get(finding.name, why_not) for finding in confirmed}


def why_not_asked(error: BaseException | None) -> str:
    """Say why a case has no answer, by what ended the asking before its time."""
    if error is None:
        return NO_TIME
    if isinstance(error, KeyboardInterrupt):
        return "not bisected: it was interrupted"
    return f"not bisected: {one_line(words_of(error))}"


def bisect_and_keep(
    findings: Sequence[Finding],
    between: tuple[str, str],
    options: argparse.Namespace,
    asking: Asking,
    answers: dict[str, str],
) -> None:
    """Bisect all cases at once; keep each answer as soon as it is known.

    Where no release between could be measured there is none: it may have been the network, or the
    two call the case differently by now. Each, or why there is none, is then in ``answers`` in
    words. ``BuildError`` or ``OptionError`` where nothing can be asked, also if no release between
    can be installed.
    """
    found = bisected(findings, between, options, asking.limit, asking.may_begin, answers)
    for bisection in found:
        probes = bisection.probes
        if probes and all(probe.answer is Answer.MISSING for probe in probes):
            answers[bisection.finding.name] = f"not bisected: {one_line(probes[0].reason)}"
            continue
        one = FirstRelease.of(bisection, datetime.now(UTC).isoformat(timespec="seconds"))
        answers[one.case] = one.text
        with saving_in(options.results, has_measured=True):
            keep_first_release(options.results, one)


def bisected(
    findings: Sequence[Finding],
    between: tuple[str, str],
    options: argparse.Namespace,
    limit: float,
    may_begin: Callable[[], bool],
    why_not: dict[str, str],
) -> Iterator[Bisection]:
    """Search the releases between two that a duel told apart, for all cases at once; yield each as
    soon as its boundary is known, as long as a step ``may_begin``.

    What cannot be asked is in ``why_not``, with the reason. ``BuildError`` or ``OptionError`` where
    nothing can; ``BuildError`` at the end where none of the releases that were asked about could be
    installed: that is no answer. The ends are not duelled again.
    """
    build_of: Callable[[str], Build] = partial(release_build, PACKAGE, options)
    ends = [build_of(version) for version in between]
    versions = versions_between(PACKAGE, *between, options, ends[0])
    questions, refused = questions_of(findings, ends)
    why_not.update(refused)
    bisections = [
        Bisection(PACKAGE, *between, finding) for finding in findings if finding.name in questions
    ]
    notify(
        f"{number_of(len(bisections), 'case')}, and {number_of(len(versions), 'release')} between "
        f"{' and '.join(between)}"
    )
    tried: dict[str, BuildError | None] = {}
    ask = partial(
        ask_about, questions=questions, ends=ends, build_of=build_of, limit=limit, tried=tried
    )
    yield from those_found(bisections, versions, ask, may_begin)
    errors = [error for error in tried.values() if error is not None]
    if errors and len(errors) == len(tried):
        raise BuildError(
            f"no release between {' and '.join(between)} could be installed "
            f"({one_line(first_line(errors[0])).rstrip(':')}); mend that, and start this again"
        ) from errors[0]


def questions_of(
    findings: Sequence[Finding], ends: Sequence[Build]
) -> tuple[dict[str, Question], dict[str, str]]:
    """Return what to ask in each case by its name, and why the others are not bisected."""
    questions: dict[str, Question] = {}
    why_not: dict[str, str] = {}
    for finding in findings:
        try:
            question = question_of(finding, parse_entry(finding.name), ends)
        except OptionError as error:
            why_not[finding.name] = f"not bisected: {one_line(str(error))}"
            continue
        if question is None:
            why_not[finding.name] = "not bisected: nothing tells the two apart"
        else:
            questions[finding.name] = question
    return questions, why_not


def those_found(
    bisections: Sequence[Bisection],
    versions: Sequence[str],
    ask: Callable[[str, Sequence[Bisection]], Sequence[tuple[Answer, str]]],
    may_begin: Callable[[], bool],
) -> Iterator[Bisection]:
    """Yield each bisection as soon as it has its boundary, as long as a step ``may_begin``."""
    group, left = GroupBisection(bisections, versions), list(bisections)
    while left:
        yield from (bisection for bisection in left if bisection.boundary is not None)
        left = [bisection for bisection in left if bisection.boundary is None]
        step = group.next_step()
        if step is None or not may_begin():
            return
        version, asking = step
        group.take(version, ask(version, asking))


def ask_about(
    version: str,
    bisections: Sequence[Bisection],
    questions: Mapping[str, Question],
    ends: Sequence[Build],
    build_of: Callable[[str], Build],
    limit: float,
    tried: dict[str, BuildError | None],
) -> list[tuple[Answer, str]]:
    """Return which end a release is like in each case, and say it; ``tried`` takes why it cannot be
    installed, ``None`` where it can."""
    notify(f"{PACKAGE} {version}: {number_of(len(bisections), 'case')}")
    try:
        middle = build_of(version)
        tried[version] = None
    except BuildError as error:
        tried[version], why = error, first_line(error)
        notify(f"{PACKAGE} {version}: {Answer.MISSING.value} ({why})")
        return [(Answer.MISSING, why)] * len(bisections)
    names = [bisection.finding.name for bisection in bisections]
    answers = which_ends([questions[name] for name in names], ends, middle, limit)
    for name, answer in zip(names, answers, strict=True):
        notify(f"{name}: {ProbedVersion(version, *answer).line}")
    return answers


def first_line(error: BuildError) -> str:
    """Return what an error says, without the words of what it ran."""
    return str(error).partition("\n")[0]


def show_answers(
    first: BuildSummary, answers: Sequence[tuple[Finding, BuildSummary, str]], form: str
) -> None:
    """Print a row for each case that is confirmed."""
    rows = [
        (
            finding.name,
            finding.decision.word.value or finding.verdict.value,
            f"{first.numpy} and {build.numpy}",
            answer,
        )
        for finding, build, answer in answers
    ]
    if form == "json":
        names = [name.replace(" ", "_") for name in COLUMNS]
        show_json([dict(zip(names, row, strict=True)) for row in rows])
    elif not rows:
        print("The duel confirmed no change.")
    elif form == "markdown":
        print(f"### Since which release\n\n{markdown(Table(COLUMNS, tuple(rows)), code=0)}")
    else:
        show_lines(plain(Table(COLUMNS, tuple(rows)), columns()))
