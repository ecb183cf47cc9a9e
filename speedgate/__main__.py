"""The commands: ``python -m speedgate report|compare|history|duel|bisect|map|advise|...``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from speedgate.commands.bisect import add_bisect_command
from speedgate.commands.duel import add_duel_command
from speedgate.commands.scale import add_scale_command
from speedgate.duel.build import BuildError
from speedgate.history.document import EstimateEntry, HistoryError, Json, Run, read_run
from speedgate.history.exchange import export_run, import_run
from speedgate.history.history import EnvironmentEntry, History, RunEntry
from speedgate.history.identity import difference_lines, same_machine
from speedgate.history.index import Figures, figures_of
from speedgate.history.store import StoreError
from speedgate.judging.advice import advise
from speedgate.judging.comparison import Level, Source, compare
from speedgate.judging.gate import floors
from speedgate.judging.gil_map import operations
from speedgate.judging.history_gate import WINDOW_RUNS
from speedgate.measuring.measure import MeasurementError, RunnerProcess, import_folders
from speedgate.measuring.selection import OptionError
from speedgate.measuring.selftest import conclusions, run_selftest
from speedgate.measuring.suite import find_workload
from speedgate.report.comparison import (
    comparison_csv,
    comparison_json,
    comparison_markdown,
    comparison_text,
)
from speedgate.report.line import change_line, plot_lines
from speedgate.report.map import map_lines, markdown_map
from speedgate.report.summary import environment_line, markdown_run, origin_lines, text_run
from speedgate.report.table import wrapped
from speedgate.report.text import visible, visible_lines, write_plain_marks
from speedgate.runner.interpreter import describe_machine, usable_cores
from speedgate.stats.case import parse_size
from speedgate.stats.changepoints import DriftUnavailable, change_points
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import WATCHED, Figure
from speedgate.stats.moments import Moments

# What is told without a traceback.
REFUSALS = (BuildError, HistoryError, MeasurementError, OptionError, StoreError, OSError)
SELFTEST_TRIALS = 32
QUICK_TRIALS = 5
MOST_DIGITS = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 well, 1 the answer is bad, 2 it could not be done."""
    write_plain_marks(sys.stdout, sys.stderr)
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as head has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except REFUSALS as error:
        warn(f"speedgate {options.command}: {error}")
        drop_what_cannot_be_written()
        return 2
    except KeyboardInterrupt:
        print(f"speedgate {options.command}: interrupted", file=sys.stderr)
        return 130
    return code


def drop_what_cannot_be_written() -> None:
    """Keep a full disk below the output from being told of a second time, in a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m speedgate", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="show a run of results/ again")
    add_source(report)
    report.set_defaults(run=run_report)
    gil_map = commands.add_parser(
        "map", help="show which operations release the GIL, and from where"
    )
    add_source(gil_map)
    gil_map.add_argument("--details", action="store_true", help="every signal of every case")
    gil_map.set_defaults(run=run_map)
    advice = commands.add_parser(
        "advise", help="which strategy is the fastest for a workload and a size here"
    )
    add_runs(advice)
    advice.add_argument("--workload", metavar="NAME", help="only this workload, such as g")
    advice.add_argument("--size", metavar="ELEMENTS", help="only this size, such as 1e6")
    advice.set_defaults(run=run_advise)
    add_history_commands(commands)
    add_duel_command(commands)
    add_bisect_command(commands)
    add_scale_command(commands)
    selftest = commands.add_parser(
        "selftest", help="A/A on this machine: false alarms, smallest drop, a threshold"
    )
    selftest.add_argument("--quick", action="store_true", help="under a minute")
    selftest.add_argument(
        "--workload",
        metavar="MODULE:NAME",
        default="workloads:G_OUT",
        help="a workload that is known to scale (default: workloads:G_OUT)",
    )
    selftest.set_defaults(run=run_the_selftest)
    return top


def add_history_commands(commands: Any) -> None:
    compare = commands.add_parser(
        "compare", help="runs, environments or folders side by side, and what is certain"
    )
    compare.add_argument(
        "sources",
        nargs="+",
        metavar="A",
        help="two or more of: a run's file or name, an environment's name or the beginning of it, "
        "a folder or an address of other runs",
    )
    add_where(compare)
    compare.add_argument(
        "--last",
        type=count,
        default=WINDOW_RUNS,
        metavar="RUNS",
        help=f"of an environment, the newest so many runs (default {WINDOW_RUNS}; 0: all)",
    )
    compare.add_argument("--format", choices=("text", "markdown", "json", "csv"), default="text")
    compare.set_defaults(run=run_compare)
    history = commands.add_parser(
        "history", help="the line of one case over its runs; without a case, what there is"
    )
    history.add_argument("case", nargs="?", help="a case such as g-1e6-threads-2, or a benchmark")
    history.add_argument(
        "--environment", metavar="NAME", help="default: that of the newest run that has the case"
    )
    history.add_argument(
        "--signal", choices=[figure.key for figure in WATCHED], help="only this one"
    )
    add_where(history)
    history.set_defaults(run=run_history)
    accept = commands.add_parser(
        "accept", help="make a run the level that later ones are compared with"
    )
    accept.add_argument("run_name", metavar="RUN", help="a run's file or name")
    accept.add_argument("--why", required=True, type=reason, help="for whoever asks later")
    add_where(accept)
    accept.set_defaults(run=run_accept)
    taken_in = commands.add_parser("import", help="take in runs of plain pytest-benchmark")
    taken_in.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add_where(taken_in)
    taken_in.set_defaults(run=run_import)
    given_out = commands.add_parser(
        "export", help="give out a run as one of plain pytest-benchmark"
    )
    given_out.add_argument("file", type=Path, metavar="FILE")
    given_out.add_argument("target", type=Path, metavar="TARGET")
    given_out.set_defaults(run=run_export)


def add_where(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--history",
        default="results",
        metavar="WHERE",
        help="the folder or address of the runs (default: results)",
    )


def reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; say why this is the level from now on")
    return text


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise argparse.ArgumentTypeError(f"'{text}': a whole number from 0 up to 999999999")
    return int(text)


def add_source(command: argparse.ArgumentParser) -> None:
    add_runs(command)
    command.add_argument("--format", choices=("text", "markdown"), default="text")


def add_runs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "source",
        nargs="?",
        default="results",
        metavar="WHERE",
        help="a run's file, or a folder or address whose newest run is shown (default: results)",
    )


def run_map(options: argparse.Namespace) -> int:
    """Show the map of a run; of a folder, the newest run that has one."""
    run = newest_with(
        options.source,
        lambda run: bool(operations(run.rows())),
        " has a map; 'pytest bench/bench_gil_map.py' makes one",
    )
    if options.format == "markdown":
        print(markdown_map(run, environment_line(run.environment)))
        return 0
    width = shutil.get_terminal_size().columns
    head = [*wrapped(environment_line(run.environment), width), *origin_lines(run, width), ""]
    print(visible_lines([*head, *map_lines(run.rows(), width, options.details)]))
    return 0


def run_advise(options: argparse.Namespace) -> int:
    """Say which strategy is the fastest, from the newest run that compares what is asked for."""
    try:
        size = None if options.size is None else parse_size(options.size)
    except ValueError as error:
        raise OptionError(f"--size: {error}") from None
    what = " ".join(filter(None, (options.workload, options.size)))
    run = run_to_advise_from(
        options.source,
        lambda run: bool(advise(run.rows(), options.workload, size)),
        f" has two strategies of {what or 'any workload'}; 'pytest bench/bench_strategies.py"
        f"{f' --workloads {options.workload}' if options.workload else ''}"
        f"{f' --sizes {options.size}' if options.size else ''}' measures them",
    )
    found = advise(run.rows(), options.workload, size)
    if not found:
        raise HistoryError(f"{run.name} has no two strategies of {what or 'any workload'}")
    line = environment_line(run.environment)
    if not same_machine(run.environment, describe_machine()):
        line = f"measured on another machine: {line}"
    width = shutil.get_terminal_size().columns
    what = "x: over a plain loop in one worker thread; serial is a loop in the main thread"
    head = [*wrapped(line, width), *origin_lines(run, width), *wrapped(what, width), ""]
    lines = [each for advice in found for each in wrapped(advice.line, width)]
    print(visible_lines([*head, *lines]))
    return 0


def run_to_advise_from(source: str, has: Callable[[Run], bool], wanted: str) -> Run:
    """Return the run in a file, or the newest that ``has`` what is wanted: of this machine if there
    is one. What was measured in pytest's own process compares nothing, and is left out."""
    if is_file(source):
        return read_run(Path(source))
    here = describe_machine()
    with History(source, warn) as history:
        known = [
            each
            for each in history.environments()
            if not (each.description.get("settings") or {}).get("in_process")
        ]
        ours = [each.digest for each in known if same_machine(each.description, here)]
        others = [each.digest for each in known if each.digest not in ours]
        for digests in (ours, others):
            run = next(filter(has, readable(history, digests)), None)
            if run is not None:
                return run
        only_duels = word_of_duels(history, source)
    raise HistoryError(f"no run in {source}{wanted}{only_duels}")


def newest_with(source: str, has: Callable[[Run], bool], wanted: str) -> Run:
    """Return the run in a file, or the newest of a history that ``has`` what is wanted."""
    if is_file(source):
        return read_run(Path(source))
    with History(source, warn) as history:
        run = next(filter(has, readable(history)), None)
        if run is not None:
            return run
        only_duels = word_of_duels(history, source)
    raise HistoryError(f"no run in {source}{wanted}{only_duels}")


def word_of_duels(history: History, source: str) -> str:
    """Return what else there is where a history holds nothing but sides of duels."""
    environments = history.environments()
    if not environments or not all(map(is_of_duels, environments)):
        return ""
    return f"; it has only sides of duels, of which `report {source}` shows the newest"


def readable(history: History, digests: Sequence[str] | None = None) -> Iterator[Run]:
    """Yield the runs of some environments or of all, the newest first; tell of one that was changed
    since the index read it, and cannot be read now."""
    for entry in history.runs(digests, complete=False):
        try:
            yield history.read(entry)
        except (HistoryError, OSError) as error:
            warn(f"left out: {error}")


def is_file(source: str) -> bool:
    return "://" not in source and Path(source).is_file()


def warn(text: str) -> None:
    """Tell something, in lines of its own, beside the output."""
    print(visible_lines(text.splitlines()), file=sys.stderr)


def run_compare(options: argparse.Namespace) -> int:
    """Compare runs, environments and folders; the first is what the others are compared with."""
    if len(options.sources) < 2:
        raise OptionError("compare: name two or more runs, environments or folders")
    found = [open_side(text, options.history, options.last) for text in options.sources]
    sides = [named_for_its_build(*each) for each in found]
    if all((environment.get("settings") or {}).get("duel") for _, environment in found):
        warn(
            "these are sides of duels: `report` of one has the verdicts, blocks side by side; "
            "here each run stands for itself"
        )
    differences = [difference_lines(found[0][1], other) for _, other in found[1:]]
    lines = compare(sides)
    if not lines:
        raise HistoryError("nothing to compare: no benchmark of the first side is in another")
    if options.format == "text":
        width = shutil.get_terminal_size().columns
        print(visible_lines(comparison_text(sides, differences, lines, width)))
    elif options.format == "markdown":
        print(comparison_markdown(sides, differences, lines))
    elif options.format == "json":
        print(comparison_json(sides, differences, lines))
    else:
        print(comparison_csv(sides, differences, lines))
    return 0


def named_for_its_build(side: Source, environment: Json) -> Source:
    """Return a side of a duel with its build in the label: the environments read alike."""
    settings = environment.get("settings") or {}
    build = settings.get("build") if settings.get("duel") else None
    return replace(side, label=f"{side.label}, build {build}") if build else side


def open_side(text: str, where: str, last: int) -> tuple[Source, dict[str, Any]]:
    """Return one side of a comparison and its environment: what ``text`` names."""
    if is_file(text):
        run = read_run(Path(text))
        return side_of(text, [list(figures_of(run))], run.is_complete), run.environment
    if "://" in text or Path(text).is_dir():
        with History(text, warn) as other:
            environment = only_environment(other, text)
            side, description = environment_side(other, environment, last)
            # The folders may be of one environment, before and after a change.
            return replace(side, label=below(text, environment.name)), description
    with History(where, warn) as history:
        entry = history.find_run(text)
        if entry is not None:
            label = f"{entry.environment}/{entry.id}"
            side = side_of(label, [history.figures(entry)], entry.complete)
            return side, history.read(entry).environment
        named = history.find_environment(text)
        if named is None:
            names = "\n  ".join(each.name for each in history.environments()) or "none"
            raise HistoryError(
                f"'{text}' is no file, folder, run or environment of {where}; its environments:"
                f"\n  {names}"
            )
        return environment_side(history, named, last)


def only_environment(history: History, text: str) -> EnvironmentEntry:
    """Return the environment of a folder that has one; ``HistoryError`` with the names of more."""
    environments = history.environments()
    if not environments:
        raise HistoryError(f"no run in {text}; 'pytest bench/' makes one")
    if len(environments) == 1:
        return environments[0]
    names = "\n  ".join(below(text, each.name) for each in environments)
    if all(map(is_of_duels, environments)):
        raise HistoryError(
            f"{text} has only sides of duels: `report {text}` shows the newest duel; to have runs "
            f"stand for themselves, name one side:\n  {names}"
        )
    raise HistoryError(f"{text} has several environments; name one:\n  {names}")


def below(folder: str, name: str) -> str:
    """Return how an environment in a folder is named; it may be the folder."""
    folder = folder.rstrip("/")
    return folder if folder.rpartition("/")[2] == name else f"{folder}/{name}"


def is_of_duels(environment: EnvironmentEntry) -> bool:
    return bool((environment.description.get("settings") or {}).get("duel"))


def no_complete_run(history: History, environment: EnvironmentEntry) -> HistoryError:
    """Return that all runs of an environment were cut short, and how to compare one anyway."""
    newest = history.runs((environment.digest,), complete=False)[0]
    return HistoryError(
        f"{environment.name} has no complete run, only what was cut short "
        f"({runs_text(environment.runs)}); to compare one all the same name its file, such as "
        f"{history.store.path(newest.file)}"
    )


def environment_side(
    history: History, environment: EnvironmentEntry, last: int
) -> tuple[Source, dict[str, Any]]:
    if not last and environment.runs > 1:
        return whole_side(history, environment), environment.description
    runs = history.runs((environment.digest,), most=last or -1)
    if not runs:
        raise no_complete_run(history, environment)
    figures = [[each for each in history.figures(run) if not each.broken] for run in runs]
    return side_of(environment.name, figures), environment.description


def whole_side(history: History, environment: EnvironmentEntry) -> Source:
    """Return all runs of an environment as a side, from the sums that the index keeps."""
    sides: dict[str, dict[str, Level]] = {"speedup": {}, "seconds": {}}
    for (name, signal), moments in history.levels(environment.digest).items():
        level = Level(moments)
        if moments.count == 1:
            lone = [[each] for _, each in history.series(environment.digest, name)]
            level = getattr(side_of("", lone), signal)[name]
        sides[signal][name] = level
    if not sides["seconds"]:
        raise no_complete_run(history, environment)
    runs = len(history.runs((environment.digest,)))
    return Source(environment.name, runs, sides["speedup"], sides["seconds"])


def side_of(label: str, runs: Sequence[Sequence[Figures]], complete: bool = True) -> Source:
    """Return the side that some runs make: each benchmark's figures in each of them."""
    speedup: dict[str, list[Estimate]] = {}
    seconds: dict[str, list[Estimate]] = {}
    processes: dict[str, Moments] = {}
    for figures in (each for run in runs for each in run):
        processes[figures.name] = figures.process_moments
        for found, names in (
            (speedup, ("speedup", "speedup_low", "speedup_high")),
            (seconds, ("seconds", "seconds_low", "seconds_high")),
        ):
            value, low, high = (getattr(figures, name) for name in names)
            if value is not None and value > 0:
                found.setdefault(figures.name, []).append(
                    EstimateEntry(value, low, high).estimate()
                )
    speedups, times = (
        {name: Level.of(each, processes[name]) for name, each in found.items()}
        for found in (speedup, seconds)
    )
    return Source(label, len(runs), speedups, times, complete)


def run_history(options: argparse.Namespace) -> int:
    """Plot one case over its runs, or list what there is."""
    with History(options.history, warn) as history:
        if options.case is None:
            return list_history(history)
        environment, names = benchmarks_with(history, options.case, options.environment)
        wanted = [figure for figure in WATCHED if options.signal in (None, figure.key)]
        width = shutil.get_terminal_size().columns
        for number, name in enumerate(names):
            series = history.series(environment.digest, name)
            title = f"{name} in {environment.name}, {runs_text(len(series))}"
            print(*[""] * bool(number), *wrapped(title, width), sep="\n")
            for figure in wanted:
                for line in figure_lines(figure, series, width):
                    print(visible(line))
    return 0


def figure_lines(
    figure: Figure, series: Sequence[tuple[RunEntry, Figures]], width: int
) -> list[str]:
    """Return the plot of one figure and where its level changed."""
    measured = [
        (run.label, value)
        for run, figures in series
        if (value := getattr(figures, figure.key)) is not None
    ]
    known = [(label, value) for label, value in measured if figure.is_possible(value)]
    if not measured:
        return []
    lines = [""]
    for label, value in measured:
        if not figure.is_possible(value):
            lines += wrapped(f"left out: {figure.label} {value:.4g} of {label} cannot be", width)
    names, values = [label for label, _ in known], [value for _, value in known]
    lines += plot_lines(figure.label, values, names, width)
    try:
        found = change_points(values, not figure.is_share)
    except DriftUnavailable as missing:
        return [*lines, *wrapped(str(missing), width)]
    for change in found:
        lines += wrapped(change_line(figure.label, change, names), width)
    return lines


def list_history(history: History) -> int:
    """List the environments, the newest first, and the cases of the first."""
    environments = history.environments()
    if not environments:
        raise HistoryError(f"no run in {history.store.location}; 'pytest bench/' makes one")
    for each in environments:
        last = each.last[:16].replace("T", " ")
        print(visible(f"{each.name}: {runs_text(each.runs)}, the last {last}"))
    print(f"\ncases of {environments[0].name}:")
    for name, _, runs in history.benchmarks(environments[0].digest):
        print(visible(f"  {name}: {runs_text(runs)}"))
    return 0


def runs_text(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def benchmarks_with(
    history: History, case: str, text: str | None
) -> tuple[EnvironmentEntry, list[str]]:
    """Return the environment that is named, or that of the newest run that has the case, and the
    benchmark of this name or those that measured the case."""
    if text is not None:
        named = history.find_environment(text)
        if named is None:
            raise HistoryError(f"--environment '{text}': {history.store.location} has none of it")
        candidates = [named]
    else:
        candidates = history.environments()
    for each in candidates:
        found = [
            name for name, case_id, _ in history.benchmarks(each.digest) if case in (name, case_id)
        ]
        if found:
            return each, [case] if case in found else found
    for entry in history.runs([each.digest for each in candidates], complete=False):
        if any(case in (each.name, each.case_id) for each in history.figures(entry)):
            raise HistoryError(
                f"no complete run in {history.store.location} has '{case}'; {entry.id}, which was "
                "cut short, has it: `report` shows that"
            )
    raise HistoryError(
        f"no run in {history.store.location} has '{case}'; 'python -m speedgate history' lists "
        "what there is"
    )


def run_accept(options: argparse.Namespace) -> int:
    with History(options.history, warn) as history:
        run = history.find_run(options.run_name)
        if run is None:
            raise HistoryError(
                f"no run '{options.run_name}' in {options.history}; name one of it, or another "
                "--history"
            )
        if not run.complete:
            raise HistoryError(f"{run.id} was cut short: an incomplete run is never a baseline")
        beside = history.accept(run, options.why)
        print(visible(f"accepted {run.environment}/{run.id}: {beside}"))
    return 0


def run_import(options: argparse.Namespace) -> int:
    with History(options.history, warn) as history:
        for path in options.files:
            print(visible(f"{path}: {import_run(path, history)}"))
    return 0


def run_export(options: argparse.Namespace) -> int:
    names = export_run(options.file, options.target)
    print(visible(f"{options.target}: {len(names)} benchmarks"))
    return 0


def run_report(options: argparse.Namespace) -> int:
    run = open_run(options.source)
    if options.format == "markdown":
        print(markdown_run(run))
    else:
        print(visible_lines(text_run(run, shutil.get_terminal_size().columns)))
    return 0


def open_run(source: str) -> Run:
    return newest_with(source, lambda run: True, "; 'pytest bench/' makes one")


def run_the_selftest(options: argparse.Namespace) -> int:
    workers = usable_cores()
    if workers < 2:
        raise OptionError("selftest needs two usable cores; this process may use one")
    workload: Any = find_workload(options.workload)
    findings = run_selftest(
        workload,
        find_workload("workloads:CONTROL"),
        workers,
        floors(workers),
        QUICK_TRIALS if options.quick else SELFTEST_TRIALS,
        lambda: RunnerProcess(import_folders(workload), blas_threads=1),
        lambda line: print(line, flush=True),
    )
    print("", *conclusions(findings), sep="\n")
    return 0 if findings.same_is_one() else 1


if __name__ == "__main__":
    sys.exit(main())
