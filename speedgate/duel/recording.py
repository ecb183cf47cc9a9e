"""The runs that a duel leaves in ``results/``: one of each build, in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from speedgate.builds.build import Build
from speedgate.builds.label import BuildLabel
from speedgate.duel.duel import Duel
from speedgate.duel.findings import DuelFindings
from speedgate.duel.matchup import DuelEntry
from speedgate.history.extra_info import extra_info, section
from speedgate.history.history import run_name
from speedgate.history.journal import SUFFIX, Journal
from speedgate.history.plain import benchmark_entry, head_of
from speedgate.history.recording import not_saved, whole_environment
from speedgate.history.redaction import shown_variables
from speedgate.measuring.measurement import Measurement

Json = dict[str, Any]


class DuelRecording:
    """The runs of a duel below ``results``, one of each build; journals hold them meanwhile.

    The whole duel, as it is shown again, is kept with each of them.
    """

    def __init__(self, builds: Sequence[Build], results: Path, began: datetime) -> None:
        self._journal_error: OSError | None = None
        environments = {build.label: _environment(build) for build in builds}
        self._heads = {
            label: head_of(began, environment)
            | {"speedgate": section(environment, (), complete=False)}
            for label, environment in environments.items()
        }
        names = {
            label: run_name(environment, began, f"duel-{label}")
            for label, environment in environments.items()
        }
        self._journals: dict[BuildLabel, Journal] = {}
        try:
            for label, name in names.items():
                self._journals[label] = Journal(results / f"{name}{SUFFIX}", self._heads[label])
        except BaseException:
            for journal in self._journals.values():
                journal.remove()
            raise

    def keep(self, duel: Duel, findings: DuelFindings) -> None:
        """Write down what is known so far, so that it survives if this process is killed."""
        for label in self._journals:
            self._keep_one(label, duel, findings)

    def _keep_one(self, label: BuildLabel, duel: Duel, findings: DuelFindings) -> None:
        journal = self._journals[label]
        try:
            for benchmark in _benchmarks(duel, label):
                journal.add_benchmark(benchmark)
            journal.add_section({"duel": _side(findings, label)})
        except OSError as error:
            self._journal_error = error  # there may be room again when the duel is over

    def finish(self, duel: Duel, findings: DuelFindings) -> tuple[list[Path], list[str]]:
        """Save a run for every build that measured anything; return the files, and in words what
        could not be saved."""
        files, troubles = [], []
        for label, journal in self._journals.items():
            benchmarks = _benchmarks(duel, label)
            try:
                files += [self._save(label, benchmarks, findings)] if benchmarks else []
            except OSError as error:
                self._keep_one(label, duel, findings)
                troubles.append(not_saved(journal.target, error, journal, self._journal_error))
                journal.close()
            else:
                journal.remove()
        return files, troubles

    def _save(self, label: BuildLabel, benchmarks: list[Json], findings: DuelFindings) -> Path:
        head = self._heads[label]
        more = {"complete": findings.complete, "duel": _side(findings, label)}
        document = head | {"benchmarks": benchmarks, "speedgate": head["speedgate"] | more}
        return self._journals[label].save(document)


def _side(findings: DuelFindings, label: BuildLabel) -> Json:
    """The duel as the run of one build keeps it: ``this`` is the build's place in it."""
    labels = [build.label for build in findings.builds]
    return findings.as_json() | {"this": labels.index(label)}


def _environment(build: Build) -> Json:
    settings = {"duel": True, "build": build.label, "variables": shown_variables(build.variables)}
    return whole_environment(build.environment, settings)


def _benchmarks(duel: Duel, build: BuildLabel) -> list[Json]:
    measured = [(state.matchup.entry, state.matchup.measurements[build]) for state in duel.states]
    return [
        _benchmark(entry, measurement)
        for entry, measurement in measured
        if measurement.sample.pairs
    ]


def _benchmark(entry: DuelEntry, measurement: Measurement) -> Json:
    info = extra_info(measurement) | {
        "bench": "duel" if entry.blas_threads == 1 else f"duel, {entry.blas_label}",
        "blas_threads_asked": entry.blas_threads or "default",
    }
    name = f"duel[{entry.label}]"
    return benchmark_entry(name, entry.case.work, entry.label, measurement, info)
