"""Storage: the environment of a run, its document, and the files and folders it goes to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speedgate import files
from speedgate.history.recording import (
    describe_runner,
    environment_settings,
    whole_environment,
)
from speedgate.history.redaction import shown_variables
from speedgate.history.store import FolderStore, Store, StoreError, open_store
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.runner_process import Json
from speedgate.measuring.selection import OptionError
from speedgate.plugin.entry import label_of, storage_folder
from speedgate.plugin.session import State, measures
from speedgate.report.exit_code import ExitCode, fault_of, with_remedy
from speedgate.stats.case import Case


def refuse_folder_that_cannot_be_written(config: pytest.Config) -> None:
    """Raise ``OptionError`` if the run could not be saved once it has been measured."""
    folder = results_folder(config)
    if folder is not None and measures(config):
        refuse_unwritable("--benchmark-storage", folder)


def refuse_history_that_cannot_be_used(config: pytest.Config, history: Store) -> None:
    """Raise ``OptionError`` if a run, once it has been measured, could not be compared with what is
    there or be taken there. What an address takes is seen only when it is written."""
    if not isinstance(history, FolderStore):
        return
    option, folder = label_of(config)("history"), history.folder
    if files.is_file(folder):
        raise OptionError(f"{option}: {folder} is a file; name the folder that the runs are in")
    if results_folder(config) is not None:
        refuse_unwritable(option, folder)


def refuse_unwritable(option: str, folder: Path) -> None:
    """Raise ``OptionError`` that names the ``option`` if results cannot be written to a folder."""
    try:
        files.try_to_write(folder)
    except OSError as error:
        remedy = "" if fault_of(error) else "; name a folder that can be written"
        raise OptionError(
            f"{option}: results cannot be written to {folder} ({error.strerror}){remedy}"
        ) from error


def refusal(error: Exception) -> Exception:
    """Return what ends the session before it begins: with pytest's code for usage, or where the
    machine is at fault with ours."""
    if fault_of(error) is None:
        return pytest.UsageError(str(error))
    return pytest.exit.Exception(with_remedy(error), ExitCode.MACHINE)


def results_folder(config: pytest.Config) -> Path | None:
    """Return the folder that this run is saved below, if it is saved in files."""
    saves = config.getoption("benchmark_autosave") or config.getoption("benchmark_save")
    return storage_folder(config) if saves else None


def telling_of_failure(session: Any, state: State) -> Callable[[Json], None]:
    """Return what writes the file of --benchmark-json; a full disk costs no more than that."""
    save_json = session.save_json

    def save(document: Json) -> None:
        try:
            save_json(document)
        except OSError as error:
            why = error.strerror or error
            state.saving.troubles.append(f"--benchmark-json: not saved: {session.json} ({why})")

    return save


def head_of(config: pytest.Config) -> Json:
    """Return the head of a run's document: commit and machine, as pytest-benchmark writes them.

    It has no benchmarks yet.
    """
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


def history_location(config: pytest.Config, state: State) -> str:
    """Return the folder or address of the runs that this run is compared with."""
    return state.settings.history or str(storage_folder(config))


def settings_of(state: State) -> Json:
    settings, build = state.settings, state.under_test.build
    return environment_settings(
        settings.blas_threads,
        settings.runner_setup,
        settings.dask_scheduler,
        settings.in_process,
        {} if build is None else shown_variables(build.variables),
    )


def environment_of(state: State, measurement: Measurement) -> Json:
    """Return the environment of this run, as its first runner told it.

    In pytest's own process many more packages are imported, so a fresh interpreter is asked there.
    """
    if state.settings.in_process:
        return described_environment(state)
    return whole_of(state, measurement.environment)


def described_environment(state: State) -> Json:
    """Return the environment of this run before anything has been measured."""
    settings, interpreter = state.settings, state.under_test.interpreter
    described = describe_runner(
        settings.blas_threads, settings.runner_setup, interpreter, settings.time_limit
    )
    return whole_of(state, described)


def whole_of(state: State, interpreter: Json) -> Json:
    described = state.under_test.described
    return whole_environment({**described, **interpreter}, settings_of(state))


def without_objects(benchmark: Json) -> Json:
    """Return a benchmark with its cases by their ids: as objects they would not be JSON."""
    params = benchmark["params"] or {}
    plain = {name: value.id if isinstance(value, Case) else value for name, value in params.items()}
    return benchmark | {"params": plain or None}


def keep_in_history(state: State) -> None:
    """Take the saved run to the history, if that lies elsewhere."""
    recording, where = state.saving.recording, state.settings.history
    if where is None or recording is None or recording.saved is None:
        return
    saved = recording.saved
    try:
        store = open_store(where)
        if store.location == FolderStore(recording.results).location:
            return
        name = saved.relative_to(recording.results).as_posix()
        store.write(name, files.read(saved))
        state.saving.kept_in = store.path(name)
    except (OSError, StoreError) as error:
        state.saving.troubles.append(
            f"--history: the run could not be written to {where} ({error}); copy {saved} there"
        )
