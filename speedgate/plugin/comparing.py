"""What a run is compared with: --benchmark-compare, ours and pytest-benchmark's own."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from speedgate.history.format import HistoryError
from speedgate.history.history import History, RunEntry
from speedgate.history.identity import difference_lines, environment_digest, environment_name
from speedgate.history.journal import recover
from speedgate.history.recording import (
    Recording,
    SessionStorage,
    benchmarks_of,
    compared_run,
    nearest,
)
from speedgate.history.store import StoreError, open_store
from speedgate.judging.history_gate import (
    WINDOW_RUNS,
)
from speedgate.measuring.runner_process import Json
from speedgate.measuring.selection import OptionError
from speedgate.plugin.entry import (
    COMPARE,
    IS_HELD_BACK,
    compare_as_ever,
    is_worker,
    storage_folder,
)
from speedgate.plugin.session import State, measures
from speedgate.plugin.storage import (
    described_environment,
    head_of,
    history_location,
    refusal,
    refuse_history_that_cannot_be_used,
    results_folder,
    telling_of_failure,
)
from speedgate.stats.words import number_of


def open_history(config: pytest.Config, state: State, items: list[pytest.Item]) -> None:
    """Prepare what this session records, is compared with and is judged by.

    A session without benchmarks of ours is pytest-benchmark's own, as if we were not there.
    """
    session = getattr(config, "_benchmarksession", None)
    if session is None or is_worker(config):
        return
    folder = storage_folder(config)
    has_ours = any(item.nodeid in state.collected.items for item in items)
    if folder is None or not measures(config) or not has_ours:
        compare_as_ever(config)
        return
    results = results_folder(config)
    if results is not None:
        session.get_machine_info = functools.cache(session.get_machine_info)
        name = str(config.getoption("benchmark_save") or "")
        state.saving.recording = Recording(results, name, lambda: head_of(config))
        recover(results, state.words.remarks.append)
    session.save_json = telling_of_failure(session, state)
    try:
        if state.settings.history is not None:
            # A bad address, or a folder that is none, is reported before it is needed.
            refuse_history_that_cannot_be_used(config, open_store(state.settings.history))
        if config.stash[COMPARE]:
            open_what_is_compared(config, state, session, items)
    except (HistoryError, StoreError, OptionError, OSError) as error:
        raise refusal(error) from None
    session.storage = SessionStorage(
        state.saving.recording,
        session.storage,
        state.collected.items.keys(),
        state.saving.troubles.append,
    )


def open_what_is_compared(
    config: pytest.Config, state: State, session: Any, items: list[pytest.Item]
) -> None:
    """Load the run to compare with and, with none named, the baseline.

    pytest-benchmark's own benchmarks are compared with its own runs, and ours with ours.
    """
    settings, location = state.settings, history_location(config, state)
    state.past.history = History(location, state.words.remarks.append)
    config.add_cleanup(state.past.history.close)
    environment = described_environment(state)
    asked = config.stash[COMPARE]
    others = state.collected.others(items)
    theirs = compared_by_others(config, state, session, bool(others))
    try:
        earlier = compared_run(state.past.history, asked, environment)
    except HistoryError:
        if not theirs:  # neither history has what is named
            raise
        earlier = None
    session.compared_mapping = theirs
    if earlier is not None:
        # pytest-benchmark's table shows the key in each row.
        key = Path(earlier.time[5:16].replace("T", " ") or earlier.name)
        session.compared_mapping[key] = {
            name: benchmark
            for name, benchmark in benchmarks_of(earlier, state.words.remarks.append).items()
            if name in state.collected.items
        }
    state.past.compared = earlier
    state.words.remarks += compared_words(state, environment, location)
    if asked is True and not settings.no_history_gate:
        digest = environment_digest(environment)
        state.words.remarks += ahead_words(state.past.history.ahead(digest))
        folder = environment_name(environment)
        state.past.left_out = state.past.history.left_out(folder)
        state.past.aside = state.past.history.aside(folder)
        state.past.windows = {
            nodeid: state.past.history.reference_window(digest, nodeid, WINDOW_RUNS)
            for nodeid, gates in state.collected.judged.items()
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
        path: {
            name: benchmark
            for name, benchmark in benchmarks.items()
            if name not in state.collected.items
        }
        for path, benchmarks in session.compared_mapping.items()
    }
    return {path: benchmarks for path, benchmarks in runs.items() if benchmarks}


def compared_words(state: State, environment: Json, location: str) -> list[str]:
    """Say which run is compared with and how it differs, or why there is none."""
    if state.past.compared is None:
        assert state.past.history is not None
        return [
            f"nothing to compare with: no complete run of this environment in {location}",
            *nearest(state.past.history, environment),
        ]
    told = difference_lines(state.past.compared.environment, environment)
    words = [f"comparing with {state.past.compared.label}"]
    return [*words, "it was another environment:", *told] if told else words


def ahead_words(runs: list[RunEntry]) -> list[str]:
    """Say that runs which are dated in the future judge nothing."""
    if not runs:
        return []
    newest = f"{runs[0].environment}/{runs[0].id} of {runs[0].label}"
    remedy = "set the clock that is wrong, here or there, and remove what it dated"
    return [f"not judged by {number_of(len(runs), 'run')} dated in the future ({newest}): {remedy}"]
