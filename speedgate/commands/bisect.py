"""The command ``bisect``: the first release of a package that shows what a duel found."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from packaging.version import InvalidVersion, Version

from speedgate.builds.build import Build, BuildError, open_builds, parse_build
from speedgate.builds.installation import package_name, published_versions
from speedgate.commands.arguments import (
    add_format,
    add_results,
    notify,
    show_json,
    take_turn,
)
from speedgate.commands.duel import (
    DEFAULT_BUDGET_SECONDS,
    add_measuring,
    matchup_of,
    parse_measuring,
    shared_runners,
    under_test,
)
from speedgate.commands.early_end import code_of_early_end, tell_of_early_end
from speedgate.commands.progress_line import ProgressLine, step_text
from speedgate.duel.bisection import (
    Answer,
    Bisection,
    Boundary,
    ProbedVersion,
    Search,
    nearer_end,
    nearer_ends,
    search,
    whether_it_runs,
)
from speedgate.duel.candidate import Candidate
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.duel import Duel
from speedgate.duel.finding import Finding
from speedgate.duel.kept_bisection import EarlierSearch, KeptBisection
from speedgate.duel.matchup import DuelEntry, Matchup
from speedgate.duel.quick_matchup import may_share_runners
from speedgate.duel.selection import module_of_case, parse_entry, refuse_what_does_not_fit
from speedgate.history.identity import environment_digest
from speedgate.history.recording import whole_environment
from speedgate.measuring.ending import Early, ended_early
from speedgate.measuring.name_list import listed
from speedgate.measuring.selection import OptionError
from speedgate.measuring.workload_source import source_of
from speedgate.report.exit_code import ExitCode, fault_of
from speedgate.report.text import one_line, visible
from speedgate.stats.words import number_of

NOT_ASKED = "not measured: it was ended early"
# So few modules that have changed are named.
MOST_NAMED = 3

Json = dict[str, Any]


def add_bisect_command(commands: Any) -> None:
    """Give the parser of commands ``bisect``."""
    bisect = commands.add_parser(
        "bisect",
        help="find the first release that shows what a duel of two found",
        description="Works for any package: --good scipy==1.11.0 --bad scipy==1.14.0 --with "
        "numpy==1.26.4 --case CASE.",
    )
    bisect.add_argument("--good", required=True, metavar="NAME==VERSION", help="the older release")
    bisect.add_argument("--bad", required=True, metavar="NAME==VERSION", help="the newer release")
    bisect.add_argument(
        "--case",
        required=True,
        metavar="CASE",
        help="as a duel calls it: g-1e6-threads-2, module:NAME-1e6-threads-2 of your own, or a "
        "cell of the census: numpy.sin[d->d]-strided-1e5-threads-2",
    )
    bisect.add_argument(
        "--with",
        dest="beside",
        default="",
        metavar="BUILD",
        help="what every step needs as well: requirements, variables, a Python; in quotes",
    )
    bisect.add_argument(
        "--versions", metavar="VERSIONS", help="search these, instead of all published ones"
    )
    bisect.add_argument(
        "--resume",
        action="store_true",
        help="go on with a search for this case between these releases that was cut short",
    )
    add_results(bisect)
    add_measuring(bisect, DEFAULT_BUDGET_SECONDS, "the duel of the two releases takes")
    add_format(bisect, "text", "json")
    bisect.set_defaults(run=run_bisect)


def run_bisect(options: argparse.Namespace) -> int:
    """Find the first release that shows what the duel of the good and the bad one finds."""
    package, good = parse_release("--good", options.good)
    other, bad = parse_release("--bad", options.bad)
    if package != other:
        raise OptionError(f"--good is of {package} and --bad of {other}; name one package")
    entry = parse_entry(options.case)
    refuse_what_does_not_fit([entry], 3)
    budget, limit = parse_measuring(options)
    refuse_versions(options, good, bad)
    take_turn(options)

    build_of = partial(release_build, package, options)
    ends = [build_of(version) for version in (good, bad)]
    refuse_another_numpy(package, ends)
    versions = versions_between(package, good, bad, options, ends[0])
    # What is said on the way is no part of the JSON.
    show = notify if options.format == "json" else show_line
    source = source_of(entry.workload, module_of_case(options.case))
    kept = KeptBisection(options.results, asked_of(options, entry, ends), source, notify)
    earlier = earlier_search(kept, options.resume)
    if earlier is None:
        finding, early = duel_of_ends(ends, entry, budget, limit)
    else:
        finding, early = earlier.finding, None
    show(one_line(f"{finding.verdict.value}: {entry.label} {finding.reason}"))
    bisection = Bisection(package, good, bad, finding)
    question = None if early is not None else question_of(finding, entry, ends)
    if question is not None:
        show(f"{number_of(len(versions), 'release')} between {good} and {bad}")
        keep = partial(kept.keep, others=take_over(bisection, earlier, versions, show))
        keep(bisection)
        early = look_between(
            bisection,
            versions,
            lambda version: which_end(question, ends, build_of(version), limit),
            show,
            keep,
        )
    elif early is None:
        show(f"cannot tell: {entry.label} is not surely worse or better in {bad} than in {good}")
    tell_of_early_end(early, f"what was found so far is shown{kept.going_on}")
    if early is None:
        kept.remove()
    if options.format == "json":
        show_json(bisection.as_json() | {"complete": early is None})
    if early is not None:
        return code_of_early_end(early)
    return ExitCode.WELL if bisection.is_exact else ExitCode.BAD


def asked_of(options: argparse.Namespace, entry: DuelEntry, ends: Sequence[Build]) -> Json:
    """Return what tells a search from others, however it is written: the case of this workload, and
    the two ends on this machine."""
    environments = [whole_environment(build.environment, {}) for build in ends]
    releases = [parse_release("--good", text) for text in (options.good, options.bad)]
    good, bad = (f"{package_name(package)}=={version}" for package, version in releases)
    functions = (entry.workload.function, entry.workload.prepare)
    return {
        "good": good,
        "bad": bad,
        "case": entry.label,
        "workload": [
            f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
            for function in functions
        ],
        "with": " ".join(options.beside.split()),
        "from_source": options.from_source,
        "environments": [environment_digest(environment) for environment in environments],
    }


def earlier_search(kept: KeptBisection, resume: bool) -> EarlierSearch | None:
    """Return the search to go on with, ``None`` for a new one; ``OptionError`` where there is none
    though ``--resume`` asks for it."""
    earlier = kept.earlier()
    if resume and earlier is None:
        raise OptionError(
            f"--resume: {kept.path.parent} has no search for this case between these releases that "
            "was cut short, on this machine; leave out --resume to begin one"
        )
    if earlier is not None and earlier.changed:
        changed = listed(earlier.changed, MOST_NAMED)
        notify(
            f"a search for this case was cut short, and the workload has changed since ({changed}):"
            " what was measured then is not of this one, so this begins anew"
        )
        return None
    if earlier is not None and not resume:
        notify(
            "a search for this case was cut short: --resume would go on with it; this begins anew"
        )
    return earlier if resume else None


def take_over(
    bisection: Bisection,
    earlier: EarlierSearch | None,
    versions: Sequence[str],
    show: Callable[[str], None],
) -> list[ProbedVersion]:
    """Have a bisection know what an earlier one found of ``versions``, and show it; return what it
    found of others."""
    others = []
    for probe in () if earlier is None else earlier.probes:
        if probe.version in versions:
            bisection.probes.append(probe)
            show(f"{bisection.package} {probe.line}")
        else:
            others.append(probe)
    return others


def show_line(line: str) -> None:
    """Print a line at once: the next one may take minutes."""
    print(visible(line), flush=True)


def release_build(package: str, options: argparse.Namespace, version: str) -> Build:
    """Return the build with a release of the package, and what ``--with`` puts beside it.

    ``BuildError`` where there is none. Where the machine is at fault, which says nothing of the
    release, ``OSError``.
    """
    text = f"{package.lower()}-{version}={package}=={version} {options.beside}".strip()
    try:
        [build] = open_builds(
            [text], from_source=options.from_source, allow_same=True, notify=notify
        )
    except BuildError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise OSError(fault.errno, str(error)) from error
    return build


def look_between(
    bisection: Bisection,
    versions: Sequence[str],
    ask: Callable[[str], tuple[Answer, str]],
    show: Callable[[str], None],
    keep: Callable[[Bisection], None],
) -> Early:
    """Search the versions between the ends, show and keep each as soon as it is known, and ask of
    none that is known; return what ended that early."""
    known = {probe.version: (probe.answer, probe.reason) for probe in bisection.probes}

    def probe(version: str) -> tuple[Answer, str]:
        if version in known:
            return known[version]
        try:
            answer, reason = ask(version)
        except BuildError as error:
            answer, reason = Answer.MISSING, str(error).splitlines()[0]
        bisection.probes.append(ProbedVersion(version, answer, reason))
        show(f"{bisection.package} {bisection.probes[-1].line}")
        keep(bisection)
        return answer, reason

    def look() -> None:
        bisection.boundary = search([bisection.good, *versions, bisection.bad], probe)

    early = ended_early(look)
    boundary = bisection.boundary = bisection.boundary or known_so_far(bisection, versions)
    for line in boundary_lines(boundary, bisection.package):
        show(line)
    return early


def known_so_far(bisection: Bisection, versions: Sequence[str]) -> Boundary:
    """Return where it began by the probes of a search that was ended early; between the two are
    also the versions that it did not come to."""
    steps = Search([bisection.good, *versions, bisection.bad])
    for probe in bisection.probes:
        steps.take(probe.version, probe.answer, probe.reason)
    known = steps.boundary
    low, high = Version(known.last_good), Version(known.first_bad)
    between = [version for version in versions if low < Version(version) < high]
    return replace(
        known, between={version: known.between.get(version, NOT_ASKED) for version in between}
    )


def duel_of_ends(
    ends: Sequence[Build], entry: DuelEntry, budget: float, limit: float
) -> tuple[Finding, Early]:
    """Return what is certain of the case in the newer end, and what ended the duel early."""
    with under_test(ends) as builds_under_test:
        line = ProgressLine()
        matchup = Matchup(entry, builds_under_test, limit)
        duel = Duel([matchup], budget, lambda step: line.show(step_text(step)))
        early = ended_early(duel.run)
        line.close()
    return duel.findings()[0], early


@dataclass(frozen=True)
class Question:
    """What tells of a build which of two ends it is like in a case: the figure that ``moved``, or
    ``None`` where it tells whether the case runs at all."""

    entry: DuelEntry
    moved: Candidate | None


def question_of(finding: Finding, entry: DuelEntry, ends: Sequence[Build]) -> Question | None:
    """Return what to ask of builds between two ends, ``None`` if nothing tells the two apart."""
    if finding.verdict in (DuelVerdict.FAILED, DuelVerdict.NOT_AVAILABLE):
        # What fails in the good one as well did not begin anywhere between.
        return Question(entry, None) if finding.out == (ends[1].label,) else None
    moved = what_moved(finding)
    return None if moved is None else Question(entry, moved)


def what_moved(finding: Finding) -> Candidate | None:
    """Return the clearest figure of those that decided a finding, ``None`` if none did."""
    # A saved duel keeps what was confirmed, and not what of it decided.
    is_worse = finding.verdict is DuelVerdict.WORSE
    confirmed = [one for one in finding.confirmed if one.is_worse is is_worse]
    return max(
        finding.decision.because or confirmed,
        key=lambda candidate: finding.effects[candidate.figure.name].certainty,
        default=None,
    )


def which_end(
    question: Question, ends: Sequence[Build], middle: Build, limit: float
) -> tuple[Answer, str]:
    """Return which end a build is like in a case, in interpreters that are for this case alone."""
    if question.moved is None:
        with under_test([ends[0], middle]) as builds_under_test:
            return whether_it_runs(Matchup(question.entry, builds_under_test, limit))
    with under_test([ends[0], middle, ends[1]]) as builds_under_test:
        return nearer_end(Matchup(question.entry, builds_under_test, limit), question.moved)


def which_ends(
    questions: Sequence[Question], ends: Sequence[Build], middle: Build, limit: float
) -> list[tuple[Answer, str]]:
    """Return which end a build is like in each of several cases.

    Those that may share their interpreters do; the others are asked one after the other.
    """
    answers: dict[int, tuple[Answer, str]] = {}
    together: dict[int, tuple[DuelEntry, Candidate]] = {}
    for number, question in enumerate(questions):
        if question.moved is not None and may_share_runners(question.entry, question.moved):
            together[number] = question.entry, question.moved
        else:
            answers[number] = which_end(question, ends, middle, limit)
    if together:
        with (
            under_test([ends[0], middle, ends[1]]) as builds,
            shared_runners(builds) as runners,
        ):
            cases = [
                (matchup_of(entry, builds, limit, runners), moved)
                for entry, moved in together.values()
            ]
            answers |= zip(together, nearer_ends(cases), strict=True)
    return [answers[number] for number in range(len(questions))]


def refuse_another_numpy(package: str, ends: Sequence[Build]) -> None:
    """Raise ``OptionError`` if the two releases come with different NumPys.

    The difference could then be NumPy's instead of the package's.
    """
    numpys = [(build.environment.get("numpy") or {}).get("version") for build in ends]
    if package_name(package) != "numpy" and numpys[0] != numpys[1]:
        raise OptionError(
            f"the older release comes with NumPy {numpys[0]} and the newer one with {numpys[1]}: "
            f"what moved may be NumPy's; give both the same, as in --with numpy=={numpys[0]}"
        )


def boundary_lines(boundary: Boundary, package: str) -> list[str]:
    """Say which release shows it first, or between which two; and which releases stay unknown."""
    if boundary.is_exact:
        return [
            f"first shows in {package} {boundary.first_bad} ({boundary.last_good} is still good)"
        ]
    line = (
        f"cannot tell more than: it began after {package} {boundary.last_good}, and "
        f"{boundary.first_bad} shows it"
    )
    return [line, *(f"  {version}: {why}" for version, why in boundary.between.items())]


def parse_release(option: str, text: str) -> tuple[str, str]:
    """Return the package and the version of ``NAME==VERSION``."""
    package, _, version = text.partition("==")
    try:
        Version(version)
    except InvalidVersion:
        raise OptionError(f"{option} '{text}': give a release, such as numpy==2.3.5") from None
    return package.strip(), version.strip()


def versions_between(
    package: str, good: str, bad: str, options: argparse.Namespace, build: Build
) -> list[str]:
    """Return the versions after the good and before the bad one, oldest first: those that
    ``--versions`` lists, or what ``build``'s Python can install."""
    if options.versions is None:
        variables = parse_build(options.beside).variables if options.beside else {}
        versions = published_versions(package, build.python, options.from_source, variables)
    else:
        versions = [version.strip() for version in options.versions.split(",")]
    return [
        version
        for version in sorted(versions, key=Version)
        if Version(good) < Version(version) < Version(bad)
    ]


def refuse_versions(options: argparse.Namespace, good: str, bad: str) -> None:
    """Raise ``OptionError`` for versions in the wrong order, or that are none."""
    if Version(good) >= Version(bad):
        raise OptionError(f"--good {good} is not older than --bad {bad}: name the older one good")
    for version in (options.versions or good).split(","):
        try:
            Version(version)
        except InvalidVersion:
            raise OptionError(f"--versions: '{version.strip()}' is not a version") from None
