"""The command ``duel``: builds measured against each other, shown and saved."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from speedgate.builds.build import Build, open_builds
from speedgate.builds.package_copy import lent_folder
from speedgate.builds.runners import project_opener
from speedgate.commands.arguments import (
    add_beside_others,
    add_results,
    columns,
    notify,
    saving_in,
    show_json,
    show_lines,
    take_turn,
    telling_afterwards,
)
from speedgate.commands.census import show_changes
from speedgate.commands.early_end import (
    KEPT,
    NOTHING_YET,
    code_of_early_end,
    tell_of_early_end,
)
from speedgate.commands.progress_line import ProgressLine, step_text
from speedgate.duel.case_state import CaseState
from speedgate.duel.duel import Duel
from speedgate.duel.findings import DuelFindings, ScreenSummary
from speedgate.duel.matchup import BuildUnderTest, DuelEntry, Matchup
from speedgate.duel.past_duels import (
    STANDING_SECONDS,
    add_standing,
    refuse_useless_standing,
    standing_entries,
)
from speedgate.duel.past_screens import waiting_cells
from speedgate.duel.quick_matchup import QuickMatchup, SharedRunners
from speedgate.duel.recording import DuelRecording
from speedgate.duel.scale_selection import (
    add_scale_selection,
    refuse_mixture,
    scale_entries,
    with_caches,
)
from speedgate.duel.screen_recording import ScreenRecording
from speedgate.duel.selection import (
    add_selection,
    refuse_what_does_not_fit,
    select_entries,
    unique_entries,
    workload_lines,
)
from speedgate.duel.wide_screen import CANDIDATES
from speedgate.duel.wide_selection import (
    Screened,
    add_wide_selection,
    added_seconds,
    refuse_useless_wide,
    screen_difference,
    screen_line,
    screen_seconds,
    screen_summary,
    screened,
    screened_entries,
)
from speedgate.history.journal import recover
from speedgate.measuring.aftermath import SERVE
from speedgate.measuring.budget import DEFAULT_TIME_LIMIT_SECONDS
from speedgate.measuring.census import CellListing, CensusStep, census_folders, open_process
from speedgate.measuring.children import scratch_folder
from speedgate.measuring.ending import Early, ended_early
from speedgate.measuring.plan import import_folders
from speedgate.measuring.runner_process import Interpreter, RunnerClient, RunnerProcess
from speedgate.measuring.screen_side import ScreenSide
from speedgate.measuring.selection import OptionError, parse_count, parse_seconds
from speedgate.report.duel import duel_markdown, duel_text
from speedgate.report.exit_code import ExitCode
from speedgate.stats.words import number_of

# Two cores take that long for eight blocks of each of the seventy cases, and for what they suspect.
DEFAULT_BUDGET_SECONDS = 780.0
# Rounds are kept with every block. What is certain by then takes a second to work out where there
# are seventy cases: it is kept with the next block after this many times as long.
KEEP_AFTER = 100.0


def add_duel_command(commands: Any) -> None:
    """Give the parser of commands ``duel``."""
    duel = commands.add_parser(
        "duel",
        help="measure builds in turn: which is faster in threads, and why",
        description="A BUILD is a path to a Python, requirements such as numpy==2.3.5, variables "
        "such as OPENBLAS_NUM_THREADS=1, or several of them in quotes; name=BUILD names it.",
    )
    duel.add_argument("builds", nargs="*", metavar="BUILD", help="two or more; the first is A")
    add_selection(duel)
    add_scale_selection(duel)
    add_wide_selection(duel)
    add_standing(duel)
    add_measuring(duel, DEFAULT_BUDGET_SECONDS, "take")
    duel.add_argument(
        "--allow-same", action="store_true", help="measure a build against itself (A/A)"
    )
    duel.add_argument(
        "--fail-on-worse",
        action="store_true",
        help="exit with 1 if anything is worse or fails, with 10 if a verdict on it is missing",
    )
    duel.add_argument("--details", action="store_true", help="every figure of every case")
    duel.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    add_results(duel)
    duel.set_defaults(run=list_or_duel)


def add_measuring(command: argparse.ArgumentParser, budget: float, whole: str) -> None:
    """Declare what bounds the measuring; ``whole`` says of what the budget is."""
    command.add_argument(
        "--budget", metavar="SECONDS", help=f"{whole} at most this long (default {budget:g})"
    )
    command.add_argument(
        "--time-limit",
        metavar="SECONDS",
        help=f"end a runner that takes longer (default {DEFAULT_TIME_LIMIT_SECONDS:g})",
    )
    command.add_argument(
        "--from-source", action="store_true", help="let pip build what has no wheel"
    )
    add_beside_others(command)


@contextmanager
def under_test(builds: Sequence[Build]) -> Iterator[list[BuildUnderTest]]:
    """Yield what a matchup needs of builds; what is lent to them is gone afterwards."""
    with lent_folder() as lent, scratch_folder("speedgate-caches-") as caches:
        interpreters = [build.interpreter(str(lent)) for build in builds]
        yield [
            BuildUnderTest(
                build.label,
                opener(interpreter, f"{caches}/{number}"),
                build.variables,
                interpreter,
            )
            for number, (build, interpreter) in enumerate(zip(builds, interpreters, strict=True))
        ]


@contextmanager
def shared_runners(builds: Sequence[BuildUnderTest]) -> Iterator[SharedRunners | None]:
    """Yield what runs the candidates of a screen; ``None`` without builds, or where one chooses its
    own threads of BLAS, beside which no worker keeps to a core."""
    if not builds or any(build.sets_blas_threads for build in builds):
        yield None
        return
    folders = census_folders("--wide")
    sides = {
        build.label: ScreenSide(partial(open_process, folders, build.interpreter), folders)
        for build in builds
    }
    with SharedRunners(sides) as runners:
        yield runners


def matchup_of(
    entry: DuelEntry,
    builds: Sequence[BuildUnderTest],
    limit: float,
    runners: SharedRunners | None = None,
) -> Matchup:
    """Return the matchup of an entry, on shared runners where there are some."""
    if runners is None:
        return Matchup(entry, builds, limit)
    return QuickMatchup(entry, builds, limit, runners)


def opener(interpreter: Interpreter, caches: str) -> Callable[[DuelEntry], RunnerClient]:
    of_project = project_opener(interpreter, caches)

    def open_runner(entry: DuelEntry) -> RunnerClient:
        if hasattr(entry.workload, "target"):
            return of_project()
        folders = import_folders(entry.workload)
        return RunnerProcess(folders, entry.blas_threads, interpreter, SERVE)

    return open_runner


def parse_measuring(options: argparse.Namespace) -> tuple[float, float]:
    """Return the budget and the time limit of a runner, in seconds."""
    return (
        parse_seconds("--budget", options.budget) or DEFAULT_BUDGET_SECONDS,
        parse_seconds("--time-limit", options.time_limit) or DEFAULT_TIME_LIMIT_SECONDS,
    )


# --- the command


def list_or_duel(options: argparse.Namespace) -> int:
    """List the workloads, or measure the builds."""
    if options.list:
        show_lines(workload_lines())
        return ExitCode.WELL
    return run_duel(options)


def run_duel(options: argparse.Namespace) -> int:
    """Measure the builds side by side, show and save what is certain."""
    if len(options.builds) < 2:
        raise OptionError("name two builds or more, such as numpy==2.3.5 numpy==2.4.6")
    refuse_mixture(options)
    refuse_useless_standing(options)
    refuse_useless_wide(options)
    entries = [] if options.scale else select_entries(options)
    budget, limit = parse_measuring(options)
    screening = screen_seconds(options, budget)
    most = 0 if options.wide_only else parse_count("--candidates", options.candidates) or CANDIDATES
    budget += added_seconds(screening, most) if screening and options.budget is None else 0.0
    suspects: set[str] = set()
    summary: ScreenSummary | None = None
    lost: list[str] = []
    refuse_what_does_not_fit(entries, len(options.builds))
    take_turn(options)
    builds = open_builds(
        options.builds,
        from_source=options.from_source,
        # What differs of a project's builds may be the project, which nobody has imported yet.
        allow_same=options.allow_same or bool(options.scale),
        needs_numpy=not options.scale,
        notify=notify,
    )
    if options.scale:
        entries = scale_entries(options, builds[0], Path.cwd(), notify)
    elif not options.allow_same:
        warn_of_what_looks_alike(builds)
    chosen, entries = entries, with_standing(entries, builds, options)
    budget += STANDING_SECONDS * (len(entries) - len(chosen)) if options.budget is None else 0.0
    if screening is not None:
        began = time.monotonic()
        seen = screened_builds(builds, screening, options.results, most)
        screen, lost = seen.screen, seen.troubles
        if options.wide_only or seen.early is not None:
            show_changes(screen_difference(screen), options.format, options.details)
            # None of it is confirmed.
            return ExitCode.MACHINE if lost else code_of_early_end(seen.early)
        chosen, entries = entries, unique_entries([*entries, *screened_entries(screen, most)])
        summary = screen_summary(screen)
        suspects = {entry.label for entry in entries[len(chosen) :]}
        budget -= time.monotonic() - began
    recording = open_recording(builds, options.results, screening is not None)
    done = measured(entries, builds, budget, limit, recording, suspects, summary)
    findings = done.findings
    # Saved first: an output that is full must cost no run.
    saved, troubles = recording.finish(done.duel, findings)
    with telling_afterwards([*(f"saved {path}" for path in saved), *troubles]):
        show(findings, options)
    if troubles or lost:
        return ExitCode.MACHINE
    if done.early is not None:
        return code_of_early_end(done.early)
    if not saved:
        notify("nothing was measured: no case ran in build A and in another")
        return ExitCode.BAD
    return verdict_code(findings, suspects) if options.fail_on_worse else ExitCode.WELL


def verdict_code(findings: DuelFindings, suspects: Collection[str]) -> ExitCode:
    """Return whether anything is worse, a verdict is missing, or all is well; say what is missing.

    Of what a screen suspects no verdict is missed: nobody has named it, and there is always more of
    it than there is time for.
    """
    if findings.is_anything_worse():
        return ExitCode.BAD
    missing = without_verdict(findings, suspects)
    if missing:
        notify(f"{missing}; exit code {ExitCode.UNDECIDED:d}")
    return ExitCode.UNDECIDED if missing else ExitCode.WELL


def without_verdict(findings: DuelFindings, suspects: Collection[str]) -> str:
    """Say of how many cases a duel tells nothing, why, and what helps; "" where it tells of all."""
    failed, not_reached, all_of_it = (
        {finding.name for finding in some if finding.name not in suspects}
        for some in (findings.failed_in_both(), findings.not_reached(), findings.findings)
    )
    why = [
        f"{len(names)} {what}"
        for names, what in (
            (failed, "failed in the first build too: mend it, or leave it out (--workloads, -k)"),
            (not_reached, "not reached: raise --budget"),
        )
        if names
    ]
    if not why:
        return ""
    cases = f"{len(failed | not_reached)} of {number_of(len(all_of_it), 'case')}"
    return f"no verdict on {cases} ({'; '.join(why)})"


def with_standing(
    entries: list[DuelEntry], builds: Sequence[Build], options: argparse.Namespace
) -> list[DuelEntry]:
    """Return the entries, and those of what stands between the builds, where that is asked for."""
    if not options.standing:
        return entries
    return unique_entries([*entries, *standing_entries(options.results, builds, notify)])


def open_recording(builds: Sequence[Build], results: Path, has_screened: bool) -> DuelRecording:
    """Return where the duel is kept; ``OptionError`` where nothing can be."""
    recover(results, notify)
    with saving_in(results, has_measured=has_screened):
        return DuelRecording(builds, results, datetime.now(UTC))


def screened_builds(builds: Sequence[Build], seconds: float, results: Path, most: int) -> Screened:
    """Return the screen of two builds, of which ``most`` join a duel; it is saved, and said."""
    recover(results, notify)
    line = ProgressLine()

    def open_it(listings: Sequence[CellListing], sides: Sequence[ScreenSide]) -> ScreenRecording:
        with saving_in(results):
            return ScreenRecording(builds, listings, sides, results)

    waiting = waiting_cells(results, [build.label for build in builds], notify)
    if waiting:
        notify(f"screened early: {len(waiting)} cells that the screen before did not reach")

    def show_step(step: CensusStep) -> None:
        line.show(step_text(step))

    seen = screened(builds, seconds, open_it, waiting, show_step, notify)
    line.close()
    notify(screen_line(seen.screen, most if seen.early is None else 0))
    tell_of_early_end(seen.early)
    return seen


@dataclass(frozen=True)
class EndedDuel:
    """A duel that is over, what it found, and what ended it ``early``."""

    duel: Duel
    findings: DuelFindings
    early: Early


def measured(
    entries: Sequence[DuelEntry],
    builds: Sequence[Build],
    budget: float,
    limit: float,
    recording: DuelRecording,
    suspects: Collection[str] = (),
    screen: ScreenSummary | None = None,
) -> EndedDuel:
    """Return the duel once it is over, or ended early; ``suspects`` are those of the screen.

    Whatever ends it, what was measured and what is certain by then is in its journals.
    """
    line = ProgressLine()
    with (
        under_test(builds) as builds_under_test,
        shared_runners(builds_under_test if suspects else ()) as runners,
    ):
        entries = with_caches(entries, builds_under_test, limit, notify)
        matchups = [
            matchup_of(
                entry, builds_under_test, limit, runners if entry.label in suspects else None
            )
            for entry in entries
        ]
        keeper = Keeper(recording, lambda: DuelFindings.of(duel, builds, screen))
        duel = Duel(
            matchups,
            budget,
            lambda step: line.show(step_text(step)),
            screened=suspects,
            on_block=keeper.keep_block,
        )
        try:
            early = ended_early(duel.run)
        finally:
            findings = keeper.keep_findings()
        line.close()
        is_something = screen is not None or any(one.blocks for one in findings.findings)
        tell_of_early_end(early, KEPT if is_something else NOTHING_YET)
    return EndedDuel(duel, findings, early)


class Keeper:
    """Keeps a duel in its journals: each block at once, what is certain now and then."""

    def __init__(self, recording: DuelRecording, findings: Callable[[], DuelFindings]) -> None:
        self._recording, self._findings = recording, findings
        self._next = time.monotonic()

    def keep_block(self, state: CaseState) -> None:
        self._recording.keep_block(state)
        if time.monotonic() >= self._next:
            self.keep_findings()

    def keep_findings(self) -> DuelFindings:
        """Return what is certain by now, once it is in the journals."""
        began = time.monotonic()
        findings = self._findings()
        self._recording.keep_findings(findings)
        now = time.monotonic()
        self._next = now + KEEP_AFTER * (now - began)
        return findings


def warn_of_what_looks_alike(builds: Sequence[Build]) -> None:
    """Tell where all that is known to matter agrees: a variable may be misspelled."""
    first = builds[0]
    known = ("python", "numpy", "blas", "gil_enabled")
    for other in builds[1:]:
        if all(first.environment.get(name) == other.environment.get(name) for name in known):
            notify(
                f"note: {first.label} and {other.label} report the same Python, NumPy and BLAS; "
                "check the spelling of what is to differ"
            )


def show(findings: DuelFindings, options: argparse.Namespace) -> None:
    if options.format == "json":
        show_json(findings.as_json())
    elif options.format == "markdown":
        print(duel_markdown(findings))
    else:
        show_lines(duel_text(findings, columns(), options.details))
