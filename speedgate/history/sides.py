"""Sides: the runs that a text names, as one side of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speedgate.history.document import Run
from speedgate.history.figures import Figures, figures_of
from speedgate.history.format import Json
from speedgate.history.history import EnvironmentEntry, History
from speedgate.history.lookup import Notify, below, named, no_complete_run, only_environment
from speedgate.judging.comparison import SideLevel, Source
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import COMPARED
from speedgate.stats.moments import Moments


def open_side(text: str, where: str, last: int, notify: Notify) -> tuple[Source, Json]:
    """Return one side of a comparison and its environment: what ``text`` names.

    Of an environment the newest ``last`` runs count, all of them if 0.
    """
    with named(text, where, notify) as source:
        if source.file is not None:
            return run_side(text, source.file)
        history = source.history
        assert history is not None
        if source.entry is not None:
            label = f"{source.entry.environment}/{source.entry.id}"
            return run_side(label, history.read(source.entry))
        if source.environment is not None:
            return environment_side(history, source.environment, last)
        environment = only_environment(history, text)
        side, description = environment_side(history, environment, last)
        # The folders may be of one environment, before and after a change.
        label = of_build(below(text, environment.name), description)
        return replace(side, label=label), description


def run_side(label: str, run: Run) -> tuple[Source, Json]:
    """Return one run as a side, and its environment."""
    environment = run.environment
    label = of_build(label, environment)
    return side_of(label, [list(figures_of(run))], run.is_complete), environment


def environment_side(
    history: History, environment: EnvironmentEntry, last: int
) -> tuple[Source, Json]:
    """Return the newest ``last`` runs of an environment as a side, or all of them if 0."""
    if not last and environment.runs > 1:
        return whole_side(history, environment), environment.description
    runs = history.runs((environment.digest,), most=last or -1)
    if not runs:
        raise no_complete_run(history, environment)
    by_run = [[figures for figures in history.figures(run) if not figures.broken] for run in runs]
    label = of_build(environment.name, environment.description)
    return side_of(label, by_run), environment.description


def of_build(label: str, environment: Json) -> str:
    """Return the label of a side of a duel with its build: both environments may read the same."""
    settings = environment.get("settings") or {}
    build = settings.get("build") if settings.get("duel") else None
    return f"{label}, build {build}" if build else label


def whole_side(history: History, environment: EnvironmentEntry) -> Source:
    """Return all runs of an environment as a side, from the sums that the index keeps."""
    sides: dict[str, dict[str, SideLevel]] = {figure.key: {} for figure in COMPARED}
    for (name, signal), moments in history.levels(environment.digest).items():
        level = SideLevel(moments)
        if moments.count == 1:
            lone = [[figures] for _, figures in history.series(environment.digest, name)]
            level = getattr(side_of("", lone), signal)[name]
        sides[signal][name] = level
    if not sides["seconds"]:
        raise no_complete_run(history, environment)
    runs = len(history.runs((environment.digest,)))
    label = of_build(environment.name, environment.description)
    return Source(label, runs, sides["speedup"], sides["seconds"])


def side_of(label: str, runs: Sequence[Sequence[Figures]], complete: bool = True) -> Source:
    """Return the side that some runs make: each benchmark's figures in each of them."""
    estimates: dict[str, dict[str, list[Estimate]]] = {figure.key: {} for figure in COMPARED}
    processes: dict[str, Moments] = {}
    for figures in (benchmark for run in runs for benchmark in run):
        processes[figures.name] = figures.process_moments
        for figure in COMPARED:
            estimate = figures.estimate(figure)
            if estimate is not None and estimate.value > 0:
                estimates[figure.key].setdefault(figures.name, []).append(estimate)
    levels = {
        key: {name: SideLevel.of(known, processes[name]) for name, known in by_name.items()}
        for key, by_name in estimates.items()
    }
    return Source(label, len(runs), levels["speedup"], levels["seconds"], complete)
