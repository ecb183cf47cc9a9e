"""The command ``scale``: benchmarks that exist already, in threads, with nothing edited."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.builds.build import open_build
from speedgate.builds.runners import project_runners
from speedgate.commands.arguments import (
    add_beside_others,
    add_results,
    notify,
    saving_in,
    take_turn,
    telling_afterwards,
)
from speedgate.commands.early_end import (
    KEPT,
    NOTHING_YET,
    code_of_early_end,
    tell_of_early_end,
)
from speedgate.commands.progress_line import ProgressLine
from speedgate.history.journal import recover
from speedgate.history.scale_recording import ScaleRecording, entry_of
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.scale_gate import GATE, Rule
from speedgate.measuring.budget import DEFAULT_TIME_LIMIT_SECONDS
from speedgate.measuring.ending import ended_early
from speedgate.measuring.scale_rules import read_rules
from speedgate.measuring.scale_run import (
    EACH_SECONDS,
    Caches,
    ScaleRequest,
    ScaleStep,
    Scaling,
    chosen,
    list_benchmarks,
)
from speedgate.measuring.scaling import ScaleOutcome
from speedgate.measuring.selection import (
    OptionError,
    parse_count,
    parse_floor,
    parse_seconds,
    parse_share,
)
from speedgate.measuring.suite import find_control
from speedgate.measuring.targets import BenchmarkListing, Suite, parse_targets, parse_threads
from speedgate.report.exit_code import ExitCode, fault_of
from speedgate.report.progress import duration
from speedgate.report.scale import key_of, scale_markdown, scale_text
from speedgate.runner.machine import usable_cores
from speedgate.stats.words import number_of

BUDGET_HELP = (
    "take at most this long, the collection included: what could not end in time is not begun. "
    "What has begun is measured to its end; not counted are the environment of --python, the wait "
    "for another run and the probe of what failed a rule (default: "
    f"{EACH_SECONDS:g} for each benchmark)"
)

Json = dict[str, Any]


def add_scale_command(commands: Any) -> None:
    """Give the parser of commands ``scale``."""
    command = commands.add_parser(
        "scale",
        help="measure a project's own benchmarks (asv, pytest) in threads",
        description="A TARGET is an asv suite (its asv.conf.json, or the folder of its benchmarks) "
        "or what pytest collects: folders, files, node ids of tests that use the fixture.",
    )
    command.add_argument("targets", nargs="+", metavar="TARGET")
    add_scale_options(command)
    command.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    add_results(command)
    command.set_defaults(run=run_scale)


def add_scale_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--threads", metavar="COUNTS", help="how many threads, such as 2 or 1,2,4 (default 2)"
    )
    command.add_argument("-k", dest="expression", metavar="EXPR", help="only names that match")
    command.add_argument(
        "--sample", metavar="COUNT", help="at most COUNT benchmarks, some of every function"
    )
    command.add_argument("--budget", metavar="SECONDS", help=BUDGET_HELP)
    command.add_argument(
        "--time-limit",
        metavar="SECONDS",
        help=f"end a runner that takes longer (default {DEFAULT_TIME_LIMIT_SECONDS:g})",
    )
    command.add_argument(
        "--share",
        action="store_true",
        help="only with one state for all threads (default: one for each, too)",
    )
    command.add_argument(
        "--min-speedup", metavar="X", help="fail if the speedup is surely below this"
    )
    command.add_argument(
        "--max-gil-held",
        metavar="SHARE",
        help="fail if the GIL is surely held for more of the work",
    )
    command.add_argument(
        "--max-inflation",
        metavar="X",
        help="without a GIL, fail if CPU time per call surely grows more than X-fold with the "
        "threads (default: as much as leaves --min-speedup)",
    )
    command.add_argument(
        "--gates",
        type=Path,
        metavar="FILE",
        help="a TOML file of [[scale]] rules (default: [[tool.speedgate.scale]] in pyproject.toml)",
    )
    command.add_argument(
        "--python",
        metavar="BUILD",
        help="the project's Python, written as for a duel (default: this one)",
    )
    command.add_argument(
        "--oversubscribe", action="store_true", help="allow more threads than usable cores"
    )
    add_beside_others(command)
    command.add_argument(
        "--pytest-option",
        dest="pytest_options",
        action="append",
        default=[],
        metavar="OPTION",
        help="passed on to pytest, such as --pytest-option=-pno:cov; may be repeated",
    )


def parse_request(options: argparse.Namespace, folder: Path) -> ScaleRequest:
    """Return what is asked for, or raise ``OptionError`` for the first thing that cannot be."""
    return ScaleRequest(
        threads=parse_threads(options.threads, usable_cores(), options.oversubscribe),
        expression=options.expression,
        sample=parse_count("--sample", options.sample),
        budget=parse_seconds("--budget", options.budget),
        time_limit=parse_seconds("--time-limit", options.time_limit) or DEFAULT_TIME_LIMIT_SECONDS,
        share=options.share,
        rules=tuple(_rules(options, folder)),
        pytest_options=tuple(options.pytest_options),
    )


def _rules(options: argparse.Namespace, folder: Path) -> Iterator[Rule]:
    """Yield the floors of the command line, or else those of a file."""
    speedup = parse_floor("--min-speedup", options.min_speedup)
    held = parse_share("--max-gil-held", options.max_gil_held)
    inflation = parse_floor("--max-inflation", options.max_inflation)
    rule = Rule(min_speedup=speedup, max_gil_held_share=held, max_inflation=inflation)
    if rule.asks:
        yield rule
        return
    if options.gates is not None:
        yield from read_rules(options.gates, "--gates")
    elif files.is_file(folder / "pyproject.toml"):
        yield from read_rules(folder / "pyproject.toml")


# --- the command


def run_scale(options: argparse.Namespace) -> int:
    """Measure the benchmarks of the targets, show and save what was found."""
    folder = Path.cwd()
    try:
        request = parse_request(options, folder)
        suites = parse_targets(options.targets, folder)
        recover(options.results, notify)
        with saving_in(options.results):
            files.try_to_write(options.results)
        take_turn(options)
        build = None
        if options.python is not None:
            build = open_build(options.python, needs_numpy=False, notify=notify)
        began = time.monotonic()
        with project_runners(build) as open_runner:
            listing = list_benchmarks(suites, open_runner, request.pytest_options)
            for name, reason in listing.broken:
                notify(f"left out: {name} cannot be imported: {reason}")
            if not listing.benchmarks:
                raise OptionError(nothing_found(options.targets, listing))
            line = ProgressLine()
            scaling = Scaling(
                chosen(listing, request),
                request,
                open_runner,
                Caches(open_runner, request.time_limit),
                find_control(),
                lambda step: line.show(step_text(step)),
                began=began,
            )
            environment = {} if build is None else build.environment
            settings = settings_of(suites, request)
            recording = ScaleRecording(options.results, settings, environment)
            early = ended_early(lambda: scaling.run(recording.add))
            line.close()
            tell_of_early_end(early, KEPT if scaling.scaled else NOTHING_YET)
    except OptionError as error:
        if fault_of(error) is not None:
            raise  # the command line says what helps, and has the code of the machine
        print(f"speedgate scale: {error}", file=sys.stderr)
        return ExitCode.UNUSABLE
    # Saved first: an output that is full must cost no run.
    saved, trouble = recording.finish(scaling.judgements, scaling.is_finished)
    told = [f"saved in {saved}"] if saved is not None else []
    with telling_afterwards([*told, trouble] if trouble else told):
        show(scaling, listing, options)
    if trouble:
        return ExitCode.MACHINE
    if early is not None:
        return code_of_early_end(early)
    return verdict_code(scaling, listing)


def verdict_code(scaling: Scaling, listing: BenchmarkListing) -> ExitCode:
    """Return whether something failed, a verdict that a rule asks for is missing, or all is well;
    say what is missing."""
    judged = scaling.judgements
    if any(judgement.verdict is Verdict.FAILED for judgement in judged):
        return ExitCode.BAD
    if any(rule.asks for rule in scaling.request.rules):
        missing = without_verdict(judged, listing)
        if missing:
            notify(f"{missing}; exit code {ExitCode.UNDECIDED:d}")
        return ExitCode.UNDECIDED if missing else ExitCode.WELL
    if not any(scaled.outcome is ScaleOutcome.MEASURED for scaled in scaling.scaled):
        notify("nothing was measured: each benchmark has its reason above")
        return ExitCode.BAD
    return ExitCode.WELL


def without_verdict(judged: Sequence[Judgement], listing: BenchmarkListing) -> str:
    """Say what of that which rules ask for was not judged, and what helps; "" where all was."""
    missing = sum(judgement.is_missing for judgement in judged)
    if missing:
        return (
            f"no verdict on {missing} of {number_of(len(judged), 'benchmark')} that a rule covers: "
            "above is why; mend it, raise --budget, or leave them out with -k or a rule's 'skip'"
        )
    if listing.broken:
        return (
            f"no verdict on what is in {number_of(len(listing.broken), 'file')} that cannot be "
            "imported; mend or leave out what is named above"
        )
    if not judged:
        return (
            "nothing was judged: no rule covers a benchmark that can be measured, in two threads "
            "or more; mend the patterns of the rules, -k or --threads"
        )
    return ""


def nothing_found(targets: Iterable[str], listing: BenchmarkListing) -> str:
    if listing.broken:
        return f"no benchmark in {' '.join(targets)}: nothing in it can be imported"
    return (
        f"no benchmark in {' '.join(targets)}: no time_* of asv's, and no test that uses the "
        "fixture benchmark; files whose names pytest does not look for must be named"
    )


def settings_of(suites: Sequence[Suite], request: ScaleRequest) -> Json:
    labels = "-".join(dict.fromkeys(suite.label for suite in suites))
    return {"scale": labels, "blas_threads": 1} | ({"share": True} if request.share else {})


def step_text(step: ScaleStep) -> str:
    """Return the benchmark that starts now, as the progress line shows it."""
    if step.most_seconds_left is None:
        return step.place
    return f"{step.place}, at most {duration(step.most_seconds_left)} left"


def judged_json(judgements: Iterable[Judgement]) -> dict[str, Json]:
    return {
        f"{judgement.case.workload}-{judgement.case.workers}": judgement.as_json()
        | {"line": judgement.line}
        for judgement in judgements
        if judgement.gate == GATE
    }


def show(scaling: Scaling, listing: BenchmarkListing, options: argparse.Namespace) -> None:
    entries = [entry_of(scaled) for scaled in scaling.scaled]
    judged = judged_json(scaling.judgements)
    if options.format == "json":
        for entry in entries:
            entry["judgement"] = judged.get(key_of(entry))
        broken = [{"name": name, "reason": reason} for name, reason in listing.broken]
        print(json.dumps({"benchmarks": entries, "broken": broken}, indent=1))
    elif options.format == "markdown":
        print(scale_markdown(entries, judged))
    else:
        print("\n".join(scale_text(entries, judged, shutil.get_terminal_size().columns)))
