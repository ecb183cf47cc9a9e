"""The runs that a duel leaves in ``results/``: one of each build, in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from speedgate.duel.build import Build
from speedgate.duel.duel import Duel
from speedgate.history.extra_info import extra_info, section
from speedgate.history.format import encode_run
from speedgate.history.history import run_name
from speedgate.history.journal import SUFFIX, Journal
from speedgate.history.plain import head_of, stats_of
from speedgate.history.recording import not_saved, whole_environment
from speedgate.history.redaction import shown_variables
from speedgate.history.store import FolderStore
from speedgate.runner.interpreter import blas_libraries

Json = dict[str, Any]


def build_json(build: Build) -> Json:
    """Return what is told of a build; plain JSON."""
    blas = [
        " ".join(str(each[name]) for name in ("internal_api", "version") if each.get(name))
        for each in blas_libraries(build.environment.get("blas"))
    ]
    return {
        "label": build.label,
        "python": build.environment.get("python"),
        "numpy": (build.environment.get("numpy") or {}).get("version"),
        "blas": blas,
        "variables": shown_variables(build.variables),
        "fingerprint": build.fingerprint,
    }


class DuelRecording:
    """The runs of a duel below ``results``, one of each build; journals hold them meanwhile.

    ``found``, the duel as it is shown again, is kept with each of them.
    """

    def __init__(self, builds: Sequence[Build], results: Path, began: datetime) -> None:
        self._results = results
        self._journal_error: OSError | None = None
        environments = [_environment(build) for build in builds]
        self._heads = [
            head_of(began) | {"speedgate": section(environment, (), complete=False)}
            for environment in environments
        ]
        names = [
            run_name(environment, began, f"duel-{build.label}")
            for build, environment in zip(builds, environments, strict=True)
        ]
        self._journals = [
            Journal(results / f"{name}{SUFFIX}", head)
            for name, head in zip(names, self._heads, strict=True)
        ]

    def keep(self, duel: Duel, found: Json) -> None:
        """Write down what is known so far, for whoever finds it if this process is killed."""
        for number in range(len(self._journals)):
            self._keep_one(number, duel, found)

    def _keep_one(self, number: int, duel: Duel, found: Json) -> None:
        journal = self._journals[number]
        try:
            for benchmark in _benchmarks(duel, number):
                journal.add_benchmark(benchmark)
            journal.add_section({"duel": found | {"this": number}})
        except OSError as error:
            self._journal_error = error  # there may be room again when the duel is over

    def finish(self, duel: Duel, found: Json) -> tuple[list[Path], list[str]]:
        """Save a run for every build that measured anything; return the files, and in words what
        could not be saved."""
        files, troubles = [], []
        for number, journal in enumerate(self._journals):
            benchmarks = _benchmarks(duel, number)
            try:
                files += [self._save(number, benchmarks, found)] if benchmarks else []
            except OSError as error:
                self._keep_one(number, duel, found)
                file = journal.path.with_suffix(".json")
                troubles.append(not_saved(file, error, journal, self._journal_error))
                journal.close()
            else:
                journal.remove()
        return files, troubles

    def _save(self, number: int, benchmarks: list[Json], found: Json) -> Path:
        head, file = self._heads[number], self._journals[number].path.with_suffix(".json")
        more = {"complete": found["complete"], "duel": found | {"this": number}}
        document = head | {"benchmarks": benchmarks, "speedgate": head["speedgate"] | more}
        name = file.relative_to(self._results).as_posix()
        FolderStore(self._results).write(name, encode_run(document))
        return file


def _environment(build: Build) -> Json:
    settings = {"duel": True, "build": build.label, "variables": shown_variables(build.variables)}
    return whole_environment(build.environment, settings)


def _benchmarks(duel: Duel, build: int) -> list[Json]:
    measured = [(state.matchup.entry, state.matchup.measurements[build]) for state in duel.states]
    return [
        {
            "group": entry.case.work,
            "name": f"duel[{entry.label}]",
            "fullname": f"duel[{entry.label}]",
            "params": {"case": entry.case.id},
            "param": entry.label,
            "extra_info": extra_info(measurement)
            | {
                "bench": "duel" if entry.blas_threads == 1 else f"duel, {entry.blas_label}",
                "blas_threads_asked": entry.blas_threads or "default",
            },
            "options": {},
            "stats": stats_of(measurement),
        }
        for entry, measurement in measured
        if measurement.sample.pairs
    ]
