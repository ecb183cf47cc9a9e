"""What ``duel --scale`` measures: the benchmarks of a project, in every build."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from speedgate.builds.build import Build
from speedgate.builds.runners import project_runners
from speedgate.duel.matchup import BuildUnderTest, DuelEntry
from speedgate.measuring.scale_run import Caches, ScaleRequest, chosen, list_benchmarks
from speedgate.measuring.selection import OptionError, parse_count
from speedgate.measuring.targets import Benchmark, parse_targets, parse_threads
from speedgate.runner.machine import usable_cores
from speedgate.runner.messages import INSTALLED_FIRST

# Options that choose workloads of ours, and mean nothing to those of another project.
OURS = ("workloads", "sizes", "strategies", "workers", "blas_threads")


def add_scale_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scale",
        action="append",
        metavar="TARGET",
        help="measure a project's benchmarks, not ours: what 'scale' takes; may be repeated",
    )
    command.add_argument("--threads", metavar="COUNTS", help="with --scale: such as 2 or 2,4")
    command.add_argument(
        "-k", dest="expression", metavar="EXPR", help="with --scale: only names that match"
    )
    command.add_argument(
        "--sample", metavar="COUNT", help="with --scale: at most COUNT, some of every function"
    )


def refuse_mixture(options: argparse.Namespace) -> None:
    """Raise ``OptionError`` where options of both kinds of selection are given."""
    given = [name for name in OURS if getattr(options, name) is not None]
    if options.scale and given:
        name = given[0].replace("_", "-")
        raise OptionError(f"--{name} chooses our own workloads; with --scale leave it out")
    if not options.scale:
        for name in ("threads", "expression", "sample"):
            if getattr(options, name) is not None:
                flag = "-k" if name == "expression" else f"--{name}"
                raise OptionError(f"{flag} chooses benchmarks of --scale TARGET; name one")


def scale_entries(
    options: argparse.Namespace, build: Build, folder: Path, notify: Callable[[str], None]
) -> list[DuelEntry]:
    """Return an entry for every benchmark that the first build finds and that measures time."""
    request = ScaleRequest(
        threads=parse_threads(options.threads, usable_cores(), options.oversubscribe),
        expression=options.expression,
        sample=parse_count("--sample", options.sample),
    )
    suites = parse_targets(options.scale, folder)
    with project_runners(build) as open_runner:
        listing = list_benchmarks(suites, open_runner, (INSTALLED_FIRST,))
    for name, reason in listing.broken:
        notify(f"left out: {name} cannot be imported: {reason}")
    applicable = [benchmark for benchmark in listing.benchmarks if benchmark.refusal is None]
    if not applicable:
        raise OptionError(f"--scale: no benchmark that measures time in {' '.join(options.scale)}")
    listing.benchmarks = applicable
    return [
        DuelEntry(entry_workload(benchmark), benchmark.case(count))
        for benchmark in chosen(listing, request)
        for count in request.threads
    ]


def entry_workload(benchmark: Benchmark) -> Any:
    """A benchmark stands in for a workload: it opens itself."""
    return benchmark


def with_caches(
    entries: Sequence[DuelEntry],
    builds: Sequence[BuildUnderTest],
    time_limit: float,
    notify: Callable[[str], None],
) -> list[DuelEntry]:
    """Run what the suites set up once, in every build; return the entries that can be measured."""
    measurable = list(entries)
    of_project = [entry for entry in entries if hasattr(entry.workload, "target")]
    for build in builds if of_project else ():
        caches = Caches(partial(build.open_runner, of_project[0]), time_limit)
        for entry in [entry for entry in of_project if entry in measurable]:
            benchmark: Any = entry.workload
            reason = caches.make(benchmark)
            if reason is not None:
                notify(f"left out: {entry.label}: {reason}")
                measurable.remove(entry)
    return measurable
