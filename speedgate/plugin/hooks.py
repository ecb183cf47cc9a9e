"""Hooks: what pytest calls, in the order of a run. Each says in a few lines what happens then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from speedgate.history.extra_info import section
from speedgate.history.plain import with_measured_python
from speedgate.measuring.selection import OptionError, refuse_unknown
from speedgate.measuring.suite import find_workload
from speedgate.plugin import entry
from speedgate.plugin.another import measure_another, refuse_threads
from speedgate.plugin.collection import LastWord, deselect_empty, find_items, give_cases, set_clocks
from speedgate.plugin.entry import (
    SHORT_INI,
    is_worker,
    label_of,
    taken_by_others,
)
from speedgate.plugin.fixture import measurer
from speedgate.plugin.last_failed import remember_failures
from speedgate.plugin.options import BY_SHORT
from speedgate.plugin.scaling import ThreadsAfterwards, asked_for
from speedgate.plugin.session import STATE, State, measures, prepare_for_the_end
from speedgate.plugin.settings import read_settings, with_floors
from speedgate.plugin.storage import (
    keep_in_history,
    refusal,
    refuse_folder_that_cannot_be_written,
    without_objects,
)
from speedgate.plugin.terminal import RunReport, hide_tables, write_summary
from speedgate.report.exit_code import ExitCode
from speedgate.report.text import visible, visible_text
from speedgate.runner.strategies.dask import SCHEDULER as DASK_SCHEDULER

# What the entry point asks for once it has loaded this.
__all__ = ["give_cases", "measurer"]


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Bring along the entry point, where this was loaded by its own name."""
    if not pluginmanager.is_registered(entry):
        pluginmanager.register(entry, "speedgate-entry")


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[STATE] = state_of(config)
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None
    scheduler = config.stash[STATE].settings.dask_scheduler
    if scheduler is not None:
        os.environ[DASK_SCHEDULER] = scheduler  # where Dask's own clients, and our runners, look
    config.pluginmanager.register(LastWord(), "speedgate-last-word")
    threads = asked_for(config)
    if threads is not None:
        refuse_threads(config, config.stash[STATE])
        afterwards = ThreadsAfterwards(config, threads, config.stash[STATE].collected)
        config.pluginmanager.register(afterwards, "speedgate-threads")


def state_of(config: pytest.Config) -> State:
    """Return the state with the options; ``OptionError`` names the first that cannot be used.

    Where only the ini file is to blame, it is refused once the cases are collected: an error while
    pytest collects would be that of one module.
    """
    label = label_of(config)
    try:
        return State(read_settings(config, label))
    except OptionError as error:
        state = State(read_settings(config, label, settings=()))
        state.words.refusal = str(error)
        return state


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse what cannot be measured, before anything is."""
    state = config.stash[STATE]
    if not state.collected.workloads:
        measure_another(config, state, items)
        return
    find_items(state, items)
    deselect_empty(config, items)
    if state.words.refusal:
        raise pytest.UsageError(state.words.refusal)
    try:
        state.settings = with_floors(state.settings, config, config.stash[SHORT_INI])
        refuse_unknown(
            state.settings.selection, state.collected.workloads, config.getoption("collectonly")
        )
        state.control = find_workload(
            config.getini("speedgate_control"), "speedgate_control", ours_first=False
        )
        set_clocks(state, items)
        measure_another(config, state, items)
        refuse_folder_that_cannot_be_written(config)
    except OptionError as error:
        raise refusal(error) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Note what has run to its end: an interrupt comes through here as an exception. A test of
    somebody else finds no process and no thread of the check before it."""
    result = yield
    state = item.config.stash[STATE]
    state.measured.ran.add(item.nodeid)
    if item.nodeid in state.collected.items:
        state.give_back_share(item.nodeid)
    if nextitem is None or nextitem.nodeid not in state.collected.items:
        state.measured.check_runner.end()
    report_late_ends(state, item)
    return result


def report_late_ends(state: State, item: pytest.Item) -> None:
    """Report the runners that ended after checks had passed in them, each as an error of the last
    of these. Under xdist a process may report of the item only that it is running."""
    late, state.measured.check_runner.late = state.measured.check_runner.late, []
    for one in late:
        named = [other for other in item.session.items if other.nodeid == one.passed[-1]]
        blamed = item if is_worker(item.config) or not named else named[0]
        told = visible_text(str(one))  # a runner may write anything
        call = pytest.CallInfo.from_call(partial(pytest.fail, told, pytrace=False), "teardown")
        report = pytest.TestReport.from_item_and_call(blamed, call)
        item.ihook.pytest_runtest_logreport(report=report)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what is compared with, and what is wrong with the history, before measuring."""
    state = config.stash[STATE]
    if not state.collected.workloads:
        return []
    taken = [
        f"{name} is another plugin's: ours is {BY_SHORT[name].long}"
        for name in taken_by_others(config)
    ]
    return [*taken, *map(visible, state.words.remarks)]


def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the budget, and the progress on the terminal, when collection is over."""
    config = session.config
    state = config.stash[STATE]
    selected = [item for item in session.items if item.nodeid in state.collected.items]
    state.start_budget([item.nodeid for item in selected])
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if selected and measures(config) and reporter is not None and config.get_verbosity() >= 0:
        config.pluginmanager.register(RunReport(state, reporter, len(selected)), "speedgate-report")
    if selected and measures(config):
        prepare_for_the_end(config, state)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Put the environment and the judgements into the run's document."""
    state = config.stash[STATE]
    output_json["benchmarks"] = [
        without_objects(benchmark) for benchmark in output_json["benchmarks"]
    ]
    if state.measured.rows:
        output_json["speedgate"] = section(
            state.measured.environment, state.judged.judgements, complete=state.is_complete
        )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    """Have the document tell the Python that was measured."""
    described = config.stash[STATE].under_test.described
    if described:
        measured = with_measured_python(machine_info, described)
        machine_info.clear()
        machine_info.update(measured)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that was not saved as asked is never green; nor, under --require-gate, one without a
    single judgement."""
    state = session.config.stash[STATE]
    state.measured.check_runner.end()
    remember_failures(session.config, state)
    keep_in_history(state)
    has_verdicts = state.judged.judgements or state.judged.promises
    if state.settings.require and exitstatus == pytest.ExitCode.OK and not has_verdicts:
        state.words.complaint = "--require-gate: no gate was judged in this run"
    session.exitstatus = told_apart(session, state, exitstatus)


def told_apart(session: pytest.Session, state: State, code: int) -> int:
    """Return the session's exit code, with the machine's fault and a missing verdict apart."""
    hurt, undecided = len(state.measured.machine_faults), len(state.judged.undecided)
    if code == pytest.ExitCode.TESTS_FAILED and session.testsfailed == hurt + undecided > 0:
        return ExitCode.MACHINE if hurt else ExitCode.UNDECIDED
    if code != pytest.ExitCode.OK:
        return code
    if state.saving.troubles:
        return ExitCode.MACHINE
    return ExitCode.UNDECIDED if state.words.complaint else code


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Iterator[None]:
    """Print what is ours after the tables of others, whatever they raise there.

    pytest-benchmark raises where --benchmark-compare-fail finds a regression.
    """
    hide_tables(config)
    try:
        return (yield)
    finally:
        write_summary(terminalreporter, config)
