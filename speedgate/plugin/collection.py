"""Collection: the cases of each benchmark, what is refused, and which items judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from speedgate.measuring.plan import refuse_what_exceeds_memory
from speedgate.measuring.selection import Declaration, OptionError, cases
from speedgate.plugin.bench import Bench, Item
from speedgate.plugin.clock import RunnerClock
from speedgate.plugin.comparing import open_history
from speedgate.plugin.entry import (
    MARKER,
    NEEDS_ONE_PROCESS,
    PLAIN_MARKER,
    is_worker,
)
from speedgate.plugin.items import VerdictItem, gate_items, history_items, promise_items
from speedgate.plugin.last_failed import forget_what_is_gone, remembered_failures
from speedgate.plugin.session import STATE, State, measures
from speedgate.plugin.xdist import OneProcessItem
from speedgate.runner import machine as env
from speedgate.stats.case import Case, Workload


def give_cases(metafunc: pytest.Metafunc, marker: pytest.Mark) -> None:
    """Give a benchmark that takes ``case`` its cases, by its ``speedgate`` mark and the options."""
    if "case" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} has a speedgate mark but does not take its cases: "
            "give it the arguments 'case' and 'speedgate'"
        )
    state = metafunc.config.stash[STATE]
    named = is_named(metafunc.config, metafunc.definition.path)
    whole = state.settings.selection.workloads is not None or named
    bench = read_mark(metafunc.definition.name, metafunc.config, whole, **marker.kwargs)
    bench = replace(bench, is_named=named)
    state.collected.workloads.update(workload.name for workload in marker.kwargs["workloads"])
    state.collected.gates += [gate for gate in bench.gates if gate not in state.collected.gates]
    chosen = cases(state.settings.selection, bench.declared)
    metafunc.parametrize("case", [case for _, case in chosen], ids=[case.id for _, case in chosen])
    for workload, case in chosen:
        state.collected.declared[metafunc.definition.nodeid, case] = Item(case, workload, bench)


def is_named(config: pytest.Config, file: Path) -> bool:
    """Whether the file of a benchmark was named on the command line, and not only its folder."""
    named = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    return any(path.resolve() == file.resolve() for path in named)


def read_mark(
    name: str,
    config: pytest.Config,
    whole: bool,
    workloads: Sequence[Workload],
    strategies: Sequence[str],
    sizes: Sequence[int] | Callable[[pytest.Config], Sequence[int]] = (),
    workers: Sequence[int] | None = None,
    fixed: bool = False,
    sample: Sequence[Workload] | None = None,
    **rest: Any,
) -> Bench:
    """Return what the arguments of a ``speedgate`` mark declare.

    Without ``sizes`` each workload has its own. ``sample`` are the workloads of a run that is not
    of the ``whole`` bench, each at the largest of its sizes.
    """
    is_sample = sample is not None and not whole
    declared = Declaration(
        workloads=tuple((sample if is_sample else workloads) or ()),
        sizes=tuple(sizes(config) if callable(sizes) else sizes),
        strategies=tuple(strategies),
        workers=tuple(workers or (env.usable_cores(),)),
        fixed=fixed or is_sample,
        largest_only=is_sample,
    )
    return Bench(name, declared, gates=tuple(rest.pop("gates", ())), **rest)


def find_items(state: State, items: list[pytest.Item]) -> None:
    """Tell which items are benchmarks of ours, however else they are parametrized."""
    for item in items:
        if item.get_closest_marker(PLAIN_MARKER) and not is_named(item.config, item.path):
            state.collected.plain[item.nodeid] = item.path.stem
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")  # type: ignore[attr-defined]  # only of functions
        if isinstance(case, Case):
            declared = state.collected.declared.get((item.nodeid.partition("[")[0], case))
            if declared is not None:
                state.collected.items[item.nodeid] = declared


def deselect_empty(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the placeholders of benches that have no case under this selection."""
    ours = config.stash[STATE].collected.items
    marked = [item for item in items if item.get_closest_marker(MARKER)]
    empty = [item for item in marked if item.nodeid not in ours]
    if empty:
        items[:] = [item for item in items if item not in empty]
        config.hook.pytest_deselected(items=empty)


def set_clocks(state: State, items: list[pytest.Item]) -> None:
    """Give every benchmark a clock of its own, and its group in pytest-benchmark's table."""
    for item in items:
        if item.nodeid in state.collected.items:
            case = state.collected.items[item.nodeid].case
            clock = state.collected.clocks[item.nodeid] = RunnerClock()
            item.add_marker(pytest.mark.benchmark(timer=clock.timer, group=case.work))


def refuse_what_does_not_fit(selected: Iterable[Item]) -> None:
    """Raise a usage error for the first case that needs more memory than there is."""
    try:
        refuse_what_exceeds_memory((item.case.id, item.workload, item.case) for item in selected)
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None


class LastWord:
    """The one owner of the order of items: whatever judges comes after all that is measured.

    Verdict items come into being once collection is over. By then everybody has selected, ordered,
    split or repeated the benchmarks, --last-failed and --new-first in wrappers around all hooks
    that modify the items. No other plugin ever sees a verdict item without its benchmark.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config) -> None:
        config.stash[STATE].collected.is_whole = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Append an item for every gate and case that is left after deselection."""
        if session.config.stash[STATE].collected.is_whole:  # it is called after an error, too
            add_verdict_items(session, session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Put the verdicts last once more. A worker's order is known to its controller by now."""
        if not is_worker(session.config):
            session.items.sort(key=lambda item: isinstance(item, VerdictItem))


def add_verdict_items(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Append the items that judge, and open the history that some of them judge by."""
    config, state = session.config, session.config.stash[STATE]
    ours = state.collected.items
    selected = list({item.nodeid: item for item in items if item.nodeid in ours}.values())
    if selected and measures(config) and is_worker(config):
        items.append(OneProcessItem.from_parent(session, name=NEEDS_ONE_PROCESS))
        return
    refuse_what_does_not_fit(ours[item.nodeid] for item in selected)
    state.collected.judged = {item.nodeid: ours[item.nodeid].gates for item in selected}
    state.judged.unsettled = remembered_failures(config)
    if state.collected.workloads:
        items.extend(gate_items(session, state, selected))
        items.extend(promise_items(state, selected))
    open_history(config, state, items)
    items.extend(history_items(config, state, selected))
    state.collected.selected = [item.nodeid for item in items]
    forget_what_is_gone(state, set(state.collected.selected))
