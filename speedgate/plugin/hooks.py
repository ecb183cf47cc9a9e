"""The pytest plugin: parametrization, the fixture, gate items, reports. No arithmetic.

With ``entry``, which has pytest load it, the only module of the package that imports pytest.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from speedgate.history.document import row_of
from speedgate.history.extra_info import extra_info, gil_class, seconds_a_call, section
from speedgate.history.format import HistoryError, Json
from speedgate.history.history import Baseline, History, RunEntry
from speedgate.history.identity import difference_lines, environment_digest
from speedgate.history.journal import recover
from speedgate.history.recording import (
    Compared,
    Recording,
    SessionStorage,
    benchmarks_of,
    compared_run,
    describe_runner,
    environment_settings,
    nearest,
    whole_environment,
)
from speedgate.history.store import FolderStore, StoreError, open_store
from speedgate.judging.gate import (
    Gate,
    Judgement,
    Verdict,
    decision_confidence,
    judge,
)
from speedgate.judging.gil_map import broken_promises, can_break_promise, changes, kept_better
from speedgate.judging.history_gate import (
    WINDOW_RUNS,
    HistoryJudgement,
    confirmed,
    judge_history,
    levels_of,
    machine_loss,
)
from speedgate.judging.row import Row
from speedgate.measuring.budget import JUDGED_WEIGHT, SPARE_SHARE, Budget, default_seconds
from speedgate.measuring.children import begin, termination_as_interrupt
from speedgate.measuring.errors import MeasurementError, NotAvailable
from speedgate.measuring.measure import HELD_SECONDS, measure
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan, buffers, import_folders, most_processes
from speedgate.measuring.runner_process import InProcess, RunnerClient, RunnerProcess
from speedgate.measuring.selection import Declaration, OptionError, cases, refuse_unknown
from speedgate.measuring.suite import find_workload
from speedgate.plugin import entry
from speedgate.plugin.entry import (
    COMPARE,
    IS_HELD_BACK,
    MARKER,
    NEEDS_ONE_PROCESS,
    ONE_PROCESS_MESSAGE,
    SHORT_INI,
    compare_as_ever,
    label_of,
    storage_folder,
    taken_by_others,
)
from speedgate.plugin.options import BY_SHORT
from speedgate.plugin.scaling import ThreadsAfterwards, asked_for
from speedgate.plugin.settings import Settings, read_settings, with_floors
from speedgate.report.progress import Progress, duration
from speedgate.report.summary import summary_lines
from speedgate.report.text import encodable, visible, visible_lines
from speedgate.runner import machine as env
from speedgate.runner.strategies import STRATEGIES
from speedgate.runner.strategies.dask import SCHEDULER as DASK_SCHEDULER
from speedgate.stats.case import Case, Workload, bytes_needed, promise_of
from speedgate.stats.estimate import DEFAULT_CONFIDENCE

NOT_JUDGED_AGAIN = (
    "it failed before, and what failed is asked for: it is not green until it was judged again"
)
SHOWN_HELD_SECONDS = 0.2
# What the run of one case takes at least.
PROBE_BYTES = 8192
STATE = pytest.StashKey["State"]()
# Keys of pytest's cache: our own, and the one that its --last-failed reads.
UNSETTLED = "speedgate/unsettled"
LAST_FAILED = "cache/lastfailed"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Bring along the entry point, where this was loaded by its own name."""
    if not pluginmanager.is_registered(entry):
        pluginmanager.register(entry, "speedgate-entry")


class RunnerClock:
    """The runner's clock as pytest-benchmark's timer: it reads out what the runner timed.

    Before each round the clock stands at 0, and the "benchmarked function" moves it by the
    round's seconds a call. So the table, the statistics and the JSON hold exactly the durations
    that were measured in the runner, and nothing of the pipe; a call, because two runs give the
    rounds of one case different numbers of calls.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._durations: Iterator[float] = iter(())

    def timer(self) -> float:
        return self._now

    def replay(self, benchmark: Any, seconds: list[float]) -> None:
        self._durations = iter(seconds)
        benchmark.pedantic(self._advance, setup=self._reset, rounds=len(seconds))

    def _reset(self) -> None:
        self._now = 0.0

    def _advance(self) -> None:
        self._now = next(self._durations)


@dataclass(frozen=True)
class Bench:
    """One benchmark function as its mark declares it.

    ``report`` turns the rows of this bench and the width into lines, in place of the common table.
    ``held`` asks for the GIL's held fraction of every case, judged or not; ``keeps_promises`` for
    a failure when a workload that is expected to release the GIL surely holds it.
    """

    name: str
    declared: Declaration
    gates: tuple[Gate, ...] = ()
    report: Callable[[list[Row], int], list[str]] | None = None
    held: bool = False
    keeps_promises: bool = False


@dataclass(frozen=True)
class Item:
    """What a benchmark item measures."""

    case: Case
    workload: Workload
    bench: Bench

    @property
    def gates(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.bench.gates if gate.covers(self.case))


@dataclass
class State:
    """What the plugin knows during a run; items, measurements, rows and verdicts by node id.

    ``unsettled`` are the verdict items that failed, here or before, and have not passed since, each
    with the benchmarks that it judges.
    """

    settings: Settings
    control: Workload | None = None
    declared: set[str] = field(default_factory=set)
    gates: list[Gate] = field(default_factory=list)
    declared_items: dict[tuple[str, Case], Item] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    judged: dict[str, tuple[Gate, ...]] = field(default_factory=dict)
    clocks: dict[str, RunnerClock] = field(default_factory=dict)
    fixed: dict[str, dict[str, Any]] = field(default_factory=dict)
    measurements: dict[str, Measurement] = field(default_factory=dict)
    rows: dict[Bench, dict[str, Row]] = field(default_factory=dict)
    verdicts: dict[str, Judgement] = field(default_factory=dict)
    unsettled: dict[str, list[str]] = field(default_factory=dict)
    is_collected: bool = False
    environment: dict[str, Any] = field(default_factory=dict)
    budget: Budget | None = None
    began: float = field(default_factory=time.monotonic)
    began_clock: float = field(default_factory=time.time)
    timed_seconds: float = 0.0
    history: History | None = None
    compared: Compared | None = None
    baselines: dict[str, Baseline] | None = None
    recording: Recording | None = None
    kept_in: str = ""
    troubles: list[str] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    ran: set[str] = field(default_factory=set)
    complaint: str | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def weight(self, nodeid: str) -> float:
        return JUDGED_WEIGHT if self.judged.get(nodeid) else 1.0

    @property
    def judgements(self) -> list[Judgement]:
        """In order; an item that is run again has its last word only."""
        return list(self.verdicts.values())

    @property
    def judged_count(self) -> int:
        return sum(len(gates) for gates in self.judged.values())

    @property
    def is_complete(self) -> bool:
        """Whether everything that was selected has run to its end."""
        return self.ran.issuperset(self.selected)


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[STATE] = State(read_settings(config, label_of(config)))
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None
    scheduler = config.stash[STATE].settings.dask_scheduler
    if scheduler is not None:
        os.environ[DASK_SCHEDULER] = scheduler  # where Dask's own clients, and our runners, look
    config.pluginmanager.register(LastWord(), "speedgate-last-word")
    threads = asked_for(config)
    if threads is not None:
        afterwards = ThreadsAfterwards(config, threads, config.stash[STATE].items)
        config.pluginmanager.register(afterwards, "speedgate-threads")


# --- collection


def give_cases(metafunc: pytest.Metafunc, marker: pytest.Mark) -> None:
    """Give a benchmark that takes ``case`` its cases, by its ``speedgate`` mark and the options."""
    if "case" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} has a speedgate mark but does not take its cases: "
            "give it the arguments 'case' and 'speedgate'"
        )
    state = metafunc.config.stash[STATE]
    whole = state.settings.selection.workloads is not None or is_named(metafunc)
    bench = read_mark(metafunc.definition.name, metafunc.config, whole, **marker.kwargs)
    state.declared.update(workload.name for workload in marker.kwargs["workloads"])
    state.gates += [gate for gate in bench.gates if gate not in state.gates]
    chosen = cases(state.settings.selection, bench.declared)
    metafunc.parametrize("case", [case for _, case in chosen], ids=[case.id for _, case in chosen])
    for workload, case in chosen:
        state.declared_items[metafunc.definition.nodeid, case] = Item(case, workload, bench)


def is_named(metafunc: pytest.Metafunc) -> bool:
    """Whether the file of a benchmark was named on the command line, and not only its folder."""
    config = metafunc.config
    named = [config.invocation_params.dir / each.partition("::")[0] for each in config.args]
    return any(each.resolve() == metafunc.definition.path.resolve() for each in named)


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse what cannot be measured, before anything is."""
    state = config.stash[STATE]
    if not state.declared:
        return
    find_items(state, items)
    deselect_empty(config, items)
    try:
        state.settings = with_floors(state.settings, config, config.stash[SHORT_INI])
        refuse_unknown(state.settings.selection, state.declared)
        state.control = find_workload(config.getini("speedgate_control"), "speedgate_control")
        set_clocks(state, items)
        refuse_folder_that_cannot_be_written(config)
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None


def find_items(state: State, items: list[pytest.Item]) -> None:
    """Tell which items are benchmarks of ours, however else they are parametrized."""
    for item in items:
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")  # type: ignore[attr-defined]  # only of functions
        if isinstance(case, Case):
            declared = state.declared_items.get((item.nodeid.partition("[")[0], case))
            if declared is not None:
                state.items[item.nodeid] = declared


def deselect_empty(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the placeholders of benches that have no case under this selection."""
    state = config.stash[STATE]
    empty = [
        item for item in items if item.get_closest_marker(MARKER) and item.nodeid not in state.items
    ]
    if empty:
        items[:] = [item for item in items if item not in empty]
        config.hook.pytest_deselected(items=empty)


def set_clocks(state: State, items: list[pytest.Item]) -> None:
    """Give every benchmark a clock of its own, and its group in pytest-benchmark's table."""
    for item in items:
        if item.nodeid in state.items:
            case = state.items[item.nodeid].case
            clock = state.clocks[item.nodeid] = RunnerClock()
            item.add_marker(pytest.mark.benchmark(timer=clock.timer, group=case.work))


def refuse_what_does_not_fit(selected: Iterable[Item]) -> None:
    """Raise a usage error for the first case that needs more memory than there is."""
    available = env.available_bytes()
    if available is None:
        return
    for item in selected:
        strategy = STRATEGIES[item.case.strategy]
        copies = strategy.workers_are in ("processes", "elsewhere") and strategy.share is None
        needed = bytes_needed(item.workload, item.case, buffers(item.case), copies)
        if needed > available:
            raise pytest.UsageError(
                f"{item.case.id} needs {needed:,} bytes and {available:,} are available "
                "(control group limit included); choose smaller --sizes or fewer --workers"
            )


def refuse_folder_that_cannot_be_written(config: pytest.Config) -> None:
    """Raise ``OptionError`` if the run could not be saved once it has been measured."""
    folder = results_folder(config)
    if folder is None or not measures(config):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".speedgate-{os.getpid()}"
        try:
            probe.write_bytes(bytes(PROBE_BYTES))  # a full disk takes empty files
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise OptionError(
            f"--benchmark-storage: results cannot be written to {folder} ({error.strerror}); "
            "name a folder that can be written"
        ) from None


def results_folder(config: pytest.Config) -> Path | None:
    """Return the folder that this run is saved below, if it is saved in files."""
    saves = config.getoption("benchmark_autosave") or config.getoption("benchmark_save")
    return storage_folder(config) if saves else None


def measures(config: pytest.Config) -> bool:
    """Whether benchmarks are timed in this session at all."""
    disabled = config.getoption("benchmark_disable") and not config.getoption("benchmark_enable")
    return not (disabled or config.getoption("benchmark_skip") or config.getoption("collectonly"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note what has run to its end: an interrupt comes through here as an exception."""
    result = yield
    item.config.stash[STATE].ran.add(item.nodeid)
    return result


class LastWord:
    """The one owner of the order of items: whatever judges comes after all that is measured.

    Verdict items come into being once collection is over. By then everybody has selected, ordered,
    split or repeated the benchmarks, --last-failed and --new-first in wrappers around all hooks
    that modify the items. Nobody but us ever sees a verdict item without its benchmark.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config) -> None:
        config.stash[STATE].is_collected = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Append an item for every gate and case that is left after deselection."""
        if session.config.stash[STATE].is_collected:  # it is called after an error, too
            add_verdict_items(session, session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Put the verdicts last once more. A worker's order is known to its controller by now."""
        if not hasattr(session.config, "workerinput"):
            session.items.sort(key=lambda item: isinstance(item, VerdictItem))


def add_verdict_items(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Append the items that judge, and open the history that some of them judge by."""
    config = session.config
    state = config.stash[STATE]
    selected = list({item.nodeid: item for item in items if item.nodeid in state.items}.values())
    if selected and measures(config) and hasattr(config, "workerinput"):
        items.append(OneProcessItem.from_parent(session, name=NEEDS_ONE_PROCESS))
        return
    refuse_what_does_not_fit(state.items[item.nodeid] for item in selected)
    state.judged = {item.nodeid: state.items[item.nodeid].gates for item in selected}
    state.unsettled = remembered_failures(config)
    if state.declared:
        items.extend(gate_items(session, state, selected))
        items.extend(promise_items(state, selected))
    open_history(config, state, items)
    items.extend(history_items(config, state, selected))
    state.selected = [item.nodeid for item in items]
    forget_what_is_gone(state, set(state.selected))


def promise_items(state: State, selected: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield an item for each bench whose workloads are held to their promises."""
    benches: dict[Bench, list[pytest.Item]] = {}
    for item in selected:
        benches.setdefault(state.items[item.nodeid].bench, []).append(item)
    for bench, items in benches.items():
        if bench.keeps_promises:
            assert items[0].parent is not None  # a test has a module
            yield PromiseItem.from_parent(
                items[0].parent,
                name=f"promises[{bench.name}]",
                bench=bench,
                benchmarks=[item.nodeid for item in items],
            )


def gate_items(
    session: pytest.Session, state: State, selected: list[pytest.Item]
) -> Iterator[pytest.Item]:
    """Yield an item for each gate and covered case, and one for each gate that covers none."""
    for gate in state.gates:
        covered = [item for item in selected if gate in state.items[item.nodeid].gates]
        for item in covered:
            name = f"gate[{gate.name}-{id_of_judged(state, item)}]"
            assert item.parent is not None  # a test has a module
            yield GateItem.from_parent(item.parent, name=name, gate=gate, benchmark=item)
        if not covered:
            yield GateItem.from_parent(session, name=f"gate[{gate.name}]", gate=gate)


def history_items(
    config: pytest.Config, state: State, selected: list[pytest.Item]
) -> Iterator[pytest.Item]:
    """Yield an item for each case that a gate holds to scaling: it is held to its past, too.

    Where no history is compared with there is none, unless what failed is asked for again.
    """
    for item in selected:
        if any(gate.must_scale for gate in state.items[item.nodeid].gates):
            assert item.parent is not None  # a test has a module
            name = f"history[{id_of_judged(state, item)}]"
            made = HistoryItem.from_parent(item.parent, name=name, benchmark=item)
            is_asked_for = made.nodeid in state.unsettled and asks_for_failures(config)
            if state.baselines is not None or is_asked_for:
                yield made


def id_of_judged(state: State, item: pytest.Item) -> str:
    """Return the id of a benchmark's parameters, with its bench where another one of the module
    judges the same case: no two verdicts may share a name, or one would hide the other."""
    mine = state.items[item.nodeid]
    module = item.nodeid.partition("[")[0].rpartition("::")[0]
    benches = {
        each.bench.name
        for (function, case), each in state.declared_items.items()
        if case == mine.case and each.gates and function.rpartition("::")[0] == module
    }
    parameters: str = item.callspec.id  # type: ignore[attr-defined]  # a benchmark has its case
    return f"{mine.bench.name}-{parameters}" if len(benches) > 1 else parameters


# --- verdicts that failed, from one session to the next


def asks_for_failures(config: pytest.Config) -> bool:
    """Whether --last-failed or --failed-first is given."""
    return bool(config.getoption("lf", False) or config.getoption("failedfirst", False))


def remembered_failures(config: pytest.Config) -> dict[str, list[str]]:
    """Return the verdict items that failed in earlier sessions and have not passed since."""
    cache = getattr(config, "cache", None)
    found = cache.get(UNSETTLED, None) if cache is not None else None
    if not isinstance(found, dict):
        return {}
    return {
        nodeid: [str(each) for each in benchmarks]
        for nodeid, benchmarks in found.items()
        if isinstance(benchmarks, list)
    }


def forget_what_is_gone(state: State, here: set[str]) -> None:
    """Forget the failures of gates that their benchmarks have no more.

    A verdict of the history is only out of sight while nothing is compared with.
    """
    for nodeid, benchmarks in list(state.unsettled.items()):
        is_history = nodeid.rpartition("::")[2].startswith("history[")
        is_out_of_sight = is_history and state.baselines is None
        if nodeid not in here and not is_out_of_sight and here.intersection(benchmarks):
            del state.unsettled[nodeid]


def remember_failures(config: pytest.Config, state: State) -> None:
    """Have --last-failed run what failed its gate, together with the gate, until it has passed.

    pytest itself would remember the gate alone, which is nothing without its benchmark, and forget
    it where it was skipped.
    """
    cache = getattr(config, "cache", None)
    if cache is None or hasattr(config, "workerinput") or not state.is_collected:
        return
    if state.unsettled != cache.get(UNSETTLED, {}):
        cache.set(UNSETTLED, state.unsettled)
    failed = cache.get(LAST_FAILED, {})
    asked = {
        each: True
        for nodeid, benchmarks in state.unsettled.items()
        for each in (nodeid, *benchmarks)
    }
    if asked.keys() - failed.keys():
        cache.set(LAST_FAILED, failed | asked)


# --- the history


def open_history(config: pytest.Config, state: State, items: list[pytest.Item]) -> None:
    """Prepare what this session records, is compared with and is judged by.

    A session without benchmarks of ours is pytest-benchmark's own, as if we were not there.
    """
    session = getattr(config, "_benchmarksession", None)
    if session is None or hasattr(config, "workerinput"):
        return
    folder = storage_folder(config)
    if folder is None or not measures(config) or not any(is_ours(state, each) for each in items):
        compare_as_ever(config)
        return
    results = results_folder(config)
    if results is not None:
        session.get_machine_info = functools.cache(session.get_machine_info)
        name = str(config.getoption("benchmark_save") or "")
        state.recording = Recording(results, name, lambda: head_of(config))
        recover(results, state.remarks.append)
    session.save_json = telling_of_failure(session, state)
    try:
        if state.settings.history is not None:
            open_store(state.settings.history)  # a bad address is told of before it is needed
        if config.stash[COMPARE]:
            open_what_is_compared(config, state, session, items)
    except (HistoryError, StoreError, OSError) as error:
        raise pytest.UsageError(str(error)) from None
    session.storage = SessionStorage(
        state.recording, session.storage, state.items.keys(), state.troubles.append
    )


def is_ours(state: State, item: pytest.Item) -> bool:
    return item.nodeid in state.items


def telling_of_failure(session: Any, state: State) -> Callable[[Json], None]:
    """Return what writes the file of --benchmark-json; a full disk costs no more than that."""
    save_json = session.save_json

    def save(document: Json) -> None:
        try:
            save_json(document)
        except OSError as error:
            why = error.strerror or error
            state.troubles.append(f"--benchmark-json: not saved: {session.json} ({why})")

    return save


def head_of(config: pytest.Config) -> Json:
    """Return a run's document without what is measured, as pytest-benchmark makes it."""
    commit = config.hook.pytest_benchmark_generate_commit_info(config=config)
    config.hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit)
    document: Json = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=[],
        include_data=False,
        machine_info=config._benchmarksession.get_machine_info(),  # type: ignore[attr-defined]  # pytest-benchmark's
        commit_info=commit,
    )
    return document


def open_what_is_compared(
    config: pytest.Config, state: State, session: Any, items: list[pytest.Item]
) -> None:
    """Load the run to compare with and, with none named, the baseline.

    pytest-benchmark's own benchmarks are compared with its own runs, and ours with ours.
    """
    settings, location = state.settings, history_location(config, state)
    state.history = History(location, state.remarks.append)
    config.add_cleanup(state.history.close)
    environment = described_environment(settings)
    asked = config.stash[COMPARE]
    others = any("benchmark" in getattr(item, "fixturenames", ()) for item in items
                 if not is_ours(state, item))  # fmt: skip
    theirs = compared_by_others(config, state, session, others)
    try:
        found = compared_run(state.history, asked, environment)
    except HistoryError:
        if not theirs:  # nobody knows what is named
            raise
        found = None
    session.compared_mapping = theirs
    if found is not None:
        # pytest-benchmark's table shows the key in each row.
        key = Path(found.time[5:16].replace("T", " ") or found.name)
        session.compared_mapping[key] = {
            name: each
            for name, each in benchmarks_of(found, state.remarks.append).items()
            if name in state.items
        }
    state.compared = found
    state.remarks += compared_words(state, environment, location)
    if asked is True and not settings.no_history_gate:
        digest = environment_digest(environment)
        state.remarks += ahead_words(state.history.ahead(digest))
        state.baselines = {
            nodeid: state.history.baseline(digest, nodeid, WINDOW_RUNS)
            for nodeid, gates in state.judged.items()
            if any(gate.must_scale for gate in gates)
        }


def compared_by_others(
    config: pytest.Config, state: State, session: Any, others: bool
) -> dict[Path, Json]:
    """Return what pytest-benchmark compares the ``others`` with, benchmarks by name of each run."""
    if others:
        try:
            compare_as_ever(config)
        except ValueError:  # a name of one of our runs, which it cannot make sense of
            session.compared_mapping = {}
    elif config.stash[IS_HELD_BACK]:
        session.compared_mapping = {}
    runs = {
        path: {name: each for name, each in benchmarks.items() if name not in state.items}
        for path, benchmarks in session.compared_mapping.items()
    }
    return {path: benchmarks for path, benchmarks in runs.items() if benchmarks}


def compared_words(state: State, environment: Json, location: str) -> list[str]:
    """Say which run is compared with and how it differs, or why there is none."""
    if state.compared is None:
        assert state.history is not None
        return [
            f"nothing to compare with: no complete run of this environment in {location}",
            *nearest(state.history, environment),
        ]
    told = difference_lines(state.compared.environment, environment)
    words = [f"comparing with {state.compared.label}"]
    return [*words, "it was another environment:", *told] if told else words


def ahead_words(runs: list[RunEntry]) -> list[str]:
    """Say that runs which are dated in the future judge nothing."""
    if not runs:
        return []
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    newest = f"{runs[0].environment}/{runs[0].id} of {runs[0].label}"
    remedy = "set the clock that is wrong, here or there, and remove what it dated"
    return [f"not judged by {number} dated in the future ({newest}): {remedy}"]


def history_location(config: pytest.Config, state: State) -> str:
    """Return where the runs are that this one is compared with."""
    return state.settings.history or str(storage_folder(config))


def settings_of(settings: Settings) -> Json:
    return environment_settings(
        settings.blas_threads, settings.runner_setup, settings.dask_scheduler, settings.in_process
    )


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what is compared with, and what is wrong with the history, before measuring."""
    state = config.stash[STATE]
    if not state.declared:
        return []
    taken = [
        f"{name} is another plugin's: ours is {BY_SHORT[name].long}"
        for name in taken_by_others(config)
    ]
    return [*taken, *map(visible, state.remarks)]


class OneProcessItem(pytest.Item):
    """Stands in a worker's collection to tell the controller that benchmarks were selected."""

    def runtest(self) -> None:
        pytest.fail(ONE_PROCESS_MESSAGE, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


# --- the gate's items


class GateFailed(Exception):
    """Fails a verdict item with its message alone, no traceback."""


class NotEvaluated(Exception):
    """There was nothing to judge; the text says why."""


class VerdictItem(pytest.Item):
    """An item that judges what others measured: ``benchmarks``, by their node ids."""

    def __init__(
        self, *, name: str, parent: Any, benchmarks: Sequence[str] = (), **options: Any
    ) -> None:
        # As a text, it is read like the one in pytest's cache: else pytest 9.2 takes a name with
        # brackets for another, and never finds it there.
        super().__init__(name=name, parent=parent, nodeid=f"{parent.nodeid}::{name}", **options)
        self.benchmarks = tuple(benchmarks)

    def judge(self, state: State) -> None:
        """Return where it passed; raise ``GateFailed`` or ``NotEvaluated``, or skip."""
        raise NotImplementedError

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        try:
            self._refuse_to_be_early(state)
            self.judge(state)
        except GateFailed:
            if self.benchmarks:
                state.unsettled[self.nodeid] = self._to_run_again(state)
            raise
        except NotEvaluated as error:
            if self.nodeid in state.unsettled and asks_for_failures(self.config):
                raise GateFailed(f"{error}\n{NOT_JUDGED_AGAIN}") from None
            pytest.skip(visible(str(error)))
        state.unsettled.pop(self.nodeid, None)

    def _refuse_to_be_early(self, state: State) -> None:
        """Fail where somebody runs this before its benchmarks, in an order of their own."""
        waited_for = [each for each in self.benchmarks if each not in state.ran]
        if waited_for and measures(self.config):
            raise GateFailed(
                f"not judged: {waited_for[0]} has not run yet, another plugin runs the items in an "
                "order of its own; leave that plugin out of this run (-p no:NAME)"
            )

    def _to_run_again(self, state: State) -> list[str]:
        """Return the benchmarks that --last-failed is to measure once more."""
        return list(self.benchmarks)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, GateFailed):
            return visible_lines(str(excinfo.value).split("\n"))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class GateItem(VerdictItem):
    """Judges one case after it was measured; without a case, says that its gate had none."""

    def __init__(self, *, gate: Gate, benchmark: pytest.Item | None = None, **options: Any) -> None:
        super().__init__(benchmarks=[benchmark.nodeid] if benchmark else [], **options)
        self.gate = gate
        self.benchmark = benchmark

    def judge(self, state: State) -> None:
        judgement = self._judgement(state)
        if isinstance(judgement, str):
            self._nothing_to_judge(state, judgement)
        else:
            conclude(state, self, judgement)

    def _judgement(self, state: State) -> Judgement | str:
        """Return the judgement, or why there is nothing to judge."""
        if self.benchmark is None:
            return "no case of this gate was selected"
        if not measures(self.config):
            return "benchmarks are disabled, nothing was timed"
        measurement = state.measurements.get(self.benchmark.nodeid)
        case = state.items[self.benchmark.nodeid].case
        if measurement is None:
            why = state.left_out.get(self.benchmark.nodeid, "its benchmark failed or was skipped")
            reason = f"was not measured: {why}"
            return Judgement(self.gate.name, case, Verdict.NOT_EVALUATED, reason)
        if state.settings.in_process:
            reason = "was measured in process, where heap, tracers and BLAS threads are pytest's"
            return Judgement(self.gate.name, case, Verdict.NOT_EVALUATED, reason)
        return judge_measurement(state, self.gate, measurement, final=True)

    def _nothing_to_judge(self, state: State, reason: str) -> NoReturn:
        line = f"not evaluated: gate {self.gate.name}: {reason}"
        state.notes.append(line)
        if state.settings.require:
            raise GateFailed(f"{line}\n--require-gate asks for a verdict")
        raise NotEvaluated(line)


class HistoryItem(VerdictItem):
    """Judges one case against the runs before."""

    def __init__(self, *, benchmark: pytest.Item, **options: Any) -> None:
        super().__init__(benchmarks=[benchmark.nodeid], **options)
        self.benchmark = benchmark

    def judge(self, state: State) -> None:
        measurement = state.measurements.get(self.benchmark.nodeid)
        if state.baselines is None:
            raise NotEvaluated("not evaluated: nothing is compared with; add --benchmark-compare")
        if measurement is None:
            raise NotEvaluated("not evaluated: not measured")
        if state.settings.in_process:
            raise NotEvaluated("not evaluated: --in-process judges nothing")
        found = judge_against_history(state, self.benchmark, measurement)
        if found.verdict is Verdict.FAILED:
            anew = measure_anew(state, self.benchmark.nodeid, measurement)
            found = confirmed(found, judge_against_history(state, self.benchmark, anew))
        conclude(state, self, found)


def measure_anew(state: State, nodeid: str, first: Measurement) -> Measurement:
    """Measure a case once more as it was measured, in as many processes and as much time."""
    plan = make_plan(state, nodeid, state.fixed.get(nodeid, {}))
    plan = replace(plan, seconds=first.wall_seconds, processes=len(first.processes))
    measurement = measure_case(state, nodeid, plan)
    state.timed_seconds += measurement.timed_seconds
    return measurement


def judge_against_history(
    state: State, item: pytest.Item, measurement: Measurement
) -> HistoryJudgement:
    assert state.baselines is not None
    before = state.baselines.get(item.nodeid, Baseline())
    runs = [figures._asdict() for _, figures in before.runs]
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    waiting = None if evidence.shares is None else evidence.shares.waiting
    levels = levels_of(
        row_of(extra_info(measurement)).watched(),
        runs,
        machine_loss(evidence.workers, evidence.control, waiting, runs),
    )
    return judge_history(
        measurement.case,
        levels,
        [run.id for run, _ in before.runs],
        judged=len(state.baselines),
        since=before.accepted.id if before.accepted else "",
        broken=measurement.broken,
    )


def conclude(state: State, item: VerdictItem, judgement: Judgement) -> None:
    """Keep a judgement, and fail or skip the item that made it if it is no pass."""
    judgement = replace(judgement, benchmark=item.benchmarks[0])
    state.verdicts[item.nodeid] = judgement
    if state.recording is not None:
        state.recording.add_judgement(judgement.as_json())
    strict = state.settings.strict and judgement.verdict is Verdict.INCONCLUSIVE
    missing = state.settings.require and judgement.is_missing
    if judgement.verdict is Verdict.FAILED or strict or missing:
        raise GateFailed(f"{judgement.line}\n{advice(judgement)}")
    if judgement.verdict is Verdict.NOT_EVALUATED:
        raise NotEvaluated(judgement.line)
    if judgement.verdict is not Verdict.PASSED:
        pytest.skip(visible(judgement.line))


class PromiseItem(VerdictItem):
    """Fails when a workload of its bench holds the GIL that NumPy's source promises to release."""

    def __init__(self, *, bench: Bench, **options: Any) -> None:
        super().__init__(**options)
        self.bench = bench

    def judge(self, state: State) -> None:
        rows = list(state.rows.get(self.bench, {}).values())
        if state.settings.in_process:
            raise NotEvaluated("not evaluated: --in-process judges nothing")
        if not any(can_break_promise(row) for row in rows):
            raise NotEvaluated(
                "not evaluated: nothing that promises to release the GIL was classified"
            )
        broken = broken_promises(rows)
        if broken:
            raise GateFailed("\n".join(broken))

    def _to_run_again(self, state: State) -> list[str]:
        rows = state.rows.get(self.bench, {})
        broken = [nodeid for nodeid, row in rows.items() if broken_promises([row])]
        return broken or super()._to_run_again(state)


def advice(judgement: Judgement) -> str:
    """Return what to do about a judgement that fails the run."""
    if judgement.verdict is Verdict.FAILED and isinstance(judgement, HistoryJudgement):
        return (
            "gate history: it stays red until it is mended or accepted; where this is the level "
            "from now on: python -m speedgate accept RUN --why '...'"
        )
    if judgement.verdict is Verdict.FAILED:
        return (
            f"gate {judgement.gate}: if this build is meant to be so, lower --min-speedup or "
            "--min-concurrency; 'python -m speedgate report' has the figures"
        )
    return f"gate {judgement.gate}: run again on a quiet machine or with a longer --budget"


def judge_measurement(state: State, gate: Gate, measurement: Measurement, final: bool) -> Judgement:
    case = measurement.case
    evidence = measurement.evidence(decision_confidence(state.judged_count))
    return judge(gate, case, evidence, state.settings.floors(case.workers), final)


# --- measuring


def measurer(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., None]:
    """Return what the fixture ``speedgate`` is: measures a case, and gives pytest-benchmark the
    contender's rounds."""
    config, nodeid = request.config, request.node.nodeid
    state = config.stash[STATE]

    def run(case: Case, **fixed: Any) -> None:
        __tracebackhide__ = True
        if not measures(config):
            run_case(config, nodeid, fixed, check_only=True)
            benchmark.pedantic(lambda: None)
            return
        measurement = run_case(config, nodeid, fixed)
        leave_profile_out(state, benchmark)
        state.clocks[nodeid].replay(benchmark, seconds_a_call(measurement))
        bench = state.items[nodeid].bench
        benchmark.extra_info.update(
            extra_info(measurement),
            bench=bench.name,
            promise=promise_of(state.items[nodeid].workload, case.size),
            gil_class=gil_class(measurement) if bench.held else None,
            blas_threads_asked=chosen_by(state, fixed)["blas_threads"] or "default",
        )
        state.rows.setdefault(bench, {})[nodeid] = row_of(benchmark.extra_info)
        state.measurements[nodeid] = measurement
        if state.recording is not None:
            state.recording.begin(state.environment)
            kept = benchmark.stats.as_dict(include_data=config.getoption("benchmark_save_data"))
            state.recording.add_benchmark(without_objects(kept))

    return run


def leave_profile_out(state: State, benchmark: Any) -> None:
    """Have --benchmark-cprofile profile nothing here: the work was done in another process, and
    what runs in this one reads out a clock."""
    if benchmark.cprofile:
        benchmark.cprofile = False
        note = "--benchmark-cprofile: no profile of these benchmarks, which ran in other processes"
        if note not in state.notes:
            state.notes.append(note)


def run_case(
    config: pytest.Config, nodeid: str, fixed: dict[str, Any], check_only: bool = False
) -> Measurement:
    """Measure an item's case within its share of the budget; a failure is one for the reader."""
    __tracebackhide__ = True
    state = config.stash[STATE]
    case = state.items[nodeid].case
    if hasattr(config, "workerinput") and not check_only:
        pytest.fail(ONE_PROCESS_MESSAGE, pytrace=False)
    if not check_only and state.budget is not None and state.budget.is_used_up():
        state.left_out[nodeid] = "--budget is used up"
        pytest.skip("not measured: --budget is used up; raise it, or select fewer cases")
    reason = STRATEGIES[case.strategy].unavailable()
    if reason:
        leave_out(state, nodeid, reason)
    gates = state.judged.get(nodeid, ())

    def is_decided(measurement: Measurement) -> bool:
        verdicts = {judge_measurement(state, gate, measurement, final=False) for gate in gates}
        return all(judgement.verdict is not Verdict.INCONCLUSIVE for judgement in verdicts)

    state.fixed[nodeid] = fixed
    measurement = measure_case(
        state, nodeid, make_plan(state, nodeid, fixed), is_decided, check_only
    )
    state.timed_seconds += measurement.timed_seconds
    take_note(state, measurement)
    if not state.environment:
        state.environment = environment_of(state.settings, measurement)
    return measurement


def measure_case(
    state: State,
    nodeid: str,
    plan: Plan,
    is_decided: Callable[[Measurement], bool] = lambda measurement: False,
    check_only: bool = False,
) -> Measurement:
    """Measure an item's case as planned; a failure is one for the reader."""
    __tracebackhide__ = True
    case, workload = state.items[nodeid].case, state.items[nodeid].workload
    open_runner = opener(state, workload, plan)
    try:
        measurement = measure(case, workload, plan, open_runner, is_decided, check_only=check_only)
    except MeasurementError as error:
        failure: MeasurementError | None = error
    else:
        failure = None
    # Outside the handler, so that no second traceback is chained to it.
    if isinstance(failure, NotAvailable):
        leave_out(state, nodeid, str(failure))
    elif failure is not None:
        pytest.fail(str(failure), pytrace=False)
    return measurement


def environment_of(settings: Settings, measurement: Measurement) -> Json:
    """Return the environment of this run, as its first runner told it.

    pytest's own process has imported whatever it has, so that a fresh interpreter is asked there.
    """
    if settings.in_process:
        return described_environment(settings)
    return whole_environment(measurement.first("environment"), settings_of(settings))


def described_environment(settings: Settings) -> Json:
    """Return the environment of this run before anything has been measured."""
    described = describe_runner(settings.blas_threads, settings.runner_setup)
    return whole_environment(described, settings_of(settings))


def take_note(state: State, measurement: Measurement) -> None:
    """Keep what the reader should know of a measurement, once for each workload."""
    line = f"{measurement.case.workload}: {measurement.note}"
    if measurement.note is not None and line not in state.notes:
        state.notes.append(line)


def leave_out(state: State, nodeid: str, reason: str) -> NoReturn:
    """Skip a case that cannot be run here."""
    __tracebackhide__ = True
    state.left_out[nodeid] = reason
    pytest.skip(f"not available: {reason}")


def make_plan(state: State, nodeid: str, fixed: dict[str, Any]) -> Plan:
    settings, weight = state.settings, state.weight(nodeid)
    judged = bool(state.judged.get(nodeid))
    return Plan(
        seconds=state.budget.take(weight) if state.budget else 0.0,
        processes=1 if settings.in_process else most_processes(judged),
        time_limit=settings.time_limit,
        before=settings.runner_setup,
        held_seconds=held_seconds(judged, state.items[nodeid].bench.held),
        **chosen_by(state, fixed),
    )


def held_seconds(judged: bool, shown: bool) -> float:
    """Return how long a process samples the GIL: a class needs fewer samples than a verdict."""
    return HELD_SECONDS if judged else SHOWN_HELD_SECONDS if shown else 0.0


def chosen_by(state: State, fixed: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a plan that a benchmark may choose itself."""
    return {"blas_threads": state.settings.blas_threads, "control": state.control, **fixed}


def opener(state: State, workload: Workload, plan: Plan) -> Callable[[], RunnerClient]:
    """Return what opens a runner for a workload."""
    if state.settings.in_process:
        return InProcess
    folders = import_folders(workload)
    if state.settings.runner_setup:
        folders += (str(Path.cwd()),)
    return lambda: RunnerProcess(folders, plan.blas_threads)


# --- the run and its reports


def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the budget when collection is over."""
    config = session.config
    state = config.stash[STATE]
    selected = [item for item in session.items if item.nodeid in state.items]
    weight = sum(state.weight(item.nodeid) for item in selected)
    seconds = state.settings.budget or default_seconds(weight)
    state.budget = Budget(
        (1 - SPARE_SHARE) * seconds,
        weight,
        explicit=state.settings.budget is not None,
        spare=SPARE_SHARE * seconds,
    )
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if selected and measures(config) and reporter is not None and config.get_verbosity() >= 0:
        config.pluginmanager.register(RunReport(state, reporter, len(selected)), "speedgate-report")
    if selected and measures(config):
        prepare_for_the_end(config, state)


def prepare_for_the_end(config: pytest.Config, state: State) -> None:
    """End what a killed run has left, and let SIGTERM end this one as Ctrl-C does, saved."""
    state.notes += begin()
    undoing = contextlib.ExitStack()
    undoing.enter_context(termination_as_interrupt())
    config.add_cleanup(undoing.close)


class RunReport:
    """What the terminal shows while cases are measured."""

    def __init__(self, state: State, reporter: Any, cases_count: int) -> None:
        self.state = state
        self.reporter = reporter
        self.verbose = reporter.config.get_verbosity() > 0
        self.progress = Progress(cases_count, live=reporter.isatty and not self.verbose)

    def _left_seconds(self) -> float:
        assert self.state.budget is not None
        return self.state.budget.left_seconds()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if nodeid not in self.state.items or self.verbose:
            return
        case = self.state.items[nodeid].case
        line = self.progress.start(case.id, self._left_seconds(), self.reporter._tw.fullwidth)
        if self.progress.live:
            self.reporter.rewrite(line, erase=True)
        elif line:
            self.reporter.ensure_newline()
            self.reporter.write_line(line)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self.progress.live and nodeid in self.state.items:
            self.reporter.rewrite("", erase=True)
            self.reporter.write("\r")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Say the result and the time left in place of a bare PASSED; no dots in a live line."""
        if report.when != "call" or not report.passed or report.nodeid not in self.state.items:
            return None
        if self.progress.live:
            return "passed", "", ""
        measurement = self.state.measurements.get(report.nodeid)
        estimate = measurement.evidence(DEFAULT_CONFIDENCE).speedup if measurement else None
        figure = f"{estimate.value:.2f}x, " if estimate else ""
        return "passed", ".", f"PASSED ({figure}{duration(self._left_seconds())} left)"


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Put the environment and the judgements into the run's document."""
    state = config.stash[STATE]
    output_json["benchmarks"] = [without_objects(each) for each in output_json["benchmarks"]]
    if state.rows:
        output_json["speedgate"] = section(
            state.environment, state.judgements, complete=state.is_complete
        )


def without_objects(benchmark: Json) -> Json:
    """Return a benchmark with its cases by their ids: as objects they would not be JSON."""
    params = benchmark["params"] or {}
    plain = {name: value.id if isinstance(value, Case) else value for name, value in params.items()}
    return benchmark | {"params": plain or None}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under --require-gate a run without a single judgement is never green; nor is what was not
    saved where that was asked for."""
    state = session.config.stash[STATE]
    remember_failures(session.config, state)
    keep_in_history(state)
    if state.troubles and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if state.settings.require and exitstatus == pytest.ExitCode.OK and not state.judgements:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        state.complaint = "--require-gate: no gate was judged in this run"


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Iterator[None]:
    """Print what is ours after the tables of others, whatever they raise there.

    pytest-benchmark raises where --benchmark-compare-fail finds a regression.
    """
    try:
        return (yield)
    finally:
        write_summary(terminalreporter, config)


def write_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the one table, the gate's words, and where the run was saved."""
    state = config.stash[STATE]
    if state.complaint:
        write(terminalreporter, state.complaint, red=True)
    if not (state.rows or state.judgements or state.left_out or state.notes):
        return
    terminalreporter.section("speedgate")
    write_tables(terminalreporter, state)
    if config.get_verbosity() > 0:
        seconds = time.monotonic() - state.began
        write(
            terminalreporter,
            f"{state.timed_seconds / seconds:.0%} of {seconds:.0f} s were timed rounds, control "
            "and calibration",
        )
    write_saved(terminalreporter, config, state)
    write_changes(terminalreporter, config, state)


def write(reporter: Any, line: str, **markup: bool) -> None:
    """Write what acts on no terminal, and what its encoding holds."""
    for each in line.split("\n"):
        reporter.write_line(encodable(visible(each), reporter._tw._file), **markup)


def write_saved(reporter: Any, config: pytest.Config, state: State) -> None:
    """Say where the run is, and what could not be saved."""
    for trouble in state.troubles:
        write(reporter, trouble, red=True)
    if state.recording is None or state.recording.saved is None:
        return
    saved = state.recording.saved
    note = "" if state.is_complete else ", marked incomplete: it is no baseline"
    write(reporter, f"saved in {saved}{note}")
    if state.compared is not None:
        command = f"python -m speedgate compare {state.compared.name} {saved.stem}"
        where = history_location(config, state)
        write(
            reporter,
            f"side by side: {command}{'' if where == 'results' else f' --history {where}'}",
        )
    if state.kept_in:
        write(reporter, f"and in {state.kept_in}")


def keep_in_history(state: State) -> None:
    """Take the saved run to the history, if that lies elsewhere."""
    recording, where = state.recording, state.settings.history
    if where is None or recording is None or recording.saved is None:
        return
    saved = recording.saved
    try:
        store = open_store(where)
        if store.location == FolderStore(recording.results).location:
            return
        name = saved.relative_to(recording.results).as_posix()
        store.write(name, saved.read_bytes())
        state.kept_in = store.path(name)
    except (OSError, StoreError) as error:
        state.troubles.append(
            f"--history: the run could not be written to {where} ({error}); copy {saved} there"
        )


def write_tables(reporter: Any, state: State) -> None:
    """Write the common table with the gate's words, then the benches' own tables."""
    common = [
        row for bench, rows in state.rows.items() if bench.report is None for row in rows.values()
    ]
    for line, verdict in summary_lines(common, state.judgements, reporter._tw.fullwidth):
        write(reporter, line, **MARKUP.get(verdict, {}))
    for reason in dict.fromkeys(state.left_out.values()):
        count = sum(each == reason for each in state.left_out.values())
        write(reporter, f"{count} cases not measured: {reason}", yellow=True)
    for note in state.notes:
        write(reporter, note, yellow=True)
    for bench, rows in state.rows.items():
        if bench.report is not None:
            write(reporter, "")
            for line in bench.report(list(rows.values()), reporter._tw.fullwidth):
                write(reporter, line)


def write_changes(reporter: Any, config: pytest.Config, state: State) -> None:
    """Say what broke its promise, and what is in another class than when it was last measured."""
    rows = [
        row for mine in state.rows.values() for row in mine.values() if row.gil_class is not None
    ]
    if not state.settings.in_process:
        for line in broken_promises(rows):
            write(reporter, line, red=True)
    if state.environment.get("gil_enabled", True):
        for line in kept_better(rows):
            write(reporter, line, green=True)
    if not rows or state.recording is None or state.recording.saved is None:
        return
    saved = state.recording.saved.relative_to(state.recording.results).as_posix()
    try:
        with History(history_location(config, state)) as history:
            cases = {row.case for row in rows}
            before = history.earlier_classes(state.environment, cases, but=saved)
    except (HistoryError, StoreError, OSError) as error:
        write(reporter, f"not compared with earlier classes: {error}", red=True)
        return
    for change in changes(before, rows):
        write(reporter, change.line, yellow=True)


MARKUP: dict[Verdict | None, dict[str, bool]] = {
    Verdict.PASSED: {"green": True},
    Verdict.FAILED: {"red": True, "bold": True},
    Verdict.INCONCLUSIVE: {"yellow": True},
    Verdict.NOT_EVALUATED: {"yellow": True},
}
