"""The runs that a duel leaves in ``results/``: one of each build, in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from speedgate.builds.build import Build
from speedgate.builds.label import BuildLabel
from speedgate.duel.case_state import CaseState
from speedgate.duel.duel import Duel
from speedgate.duel.findings import DuelFindings
from speedgate.duel.matchup import DuelEntry
from speedgate.history.extra_info import extra_info, section
from speedgate.history.history import run_name
from speedgate.history.kept_run import KeptRun
from speedgate.history.plain import benchmark_entry, head_of
from speedgate.history.recording import whole_environment
from speedgate.history.redaction import shown_variables
from speedgate.measuring.measurement import Measurement

Json = dict[str, Any]


class DuelRecording:
    """The runs of a duel below ``results``, one of each build; journals hold them meanwhile.

    The whole duel, as it is shown again, is kept with each of them.
    """

    def __init__(self, builds: Sequence[Build], results: Path, began: datetime) -> None:
        self._heads: dict[BuildLabel, Json] = {}
        self._runs: dict[BuildLabel, KeptRun] = {}
        for build in builds:
            environment = _environment(build)
            ours = section(environment, (), complete=False)
            head = self._heads[build.label] = head_of(began, environment) | {"speedgate": ours}
            name = run_name(environment, began, f"duel-{build.label}")
            self._runs[build.label] = KeptRun(results / f"{name}.json", head)
        try:
            for run in self._runs.values():
                run.begin()
        except BaseException:
            for run in self._runs.values():
                run.remove()
            raise

    def keep_block(self, state: CaseState) -> None:
        """Write down what was measured of a case by now, so that it survives if this process is
        killed."""
        for label, run in self._runs.items():
            measurement = state.matchup.measurements[label]
            if measurement.sample.pairs:
                run.add_benchmark(_benchmark(state.matchup.entry, measurement))

    def keep_findings(self, findings: DuelFindings) -> None:
        """Write down what is certain by now, in place of what was before."""
        for label, run in self._runs.items():
            run.add_section({"duel": _side(findings, label)})

    def finish(self, duel: Duel, findings: DuelFindings) -> tuple[list[Path], list[str]]:
        """Save a run for every build that measured anything; return the files, and in words what
        could not be saved."""
        files, troubles = [], []
        for label, run in self._runs.items():
            benchmarks = _benchmarks(duel, label)
            if not benchmarks:
                run.remove()
                continue
            file, trouble = run.save(self._document(label, benchmarks, findings))
            files += [file] if file is not None else []
            troubles += [trouble] if trouble else []
        return files, troubles

    def _document(self, label: BuildLabel, benchmarks: list[Json], findings: DuelFindings) -> Json:
        head = self._heads[label]
        more = {"complete": findings.complete, "duel": _side(findings, label)}
        return head | {"benchmarks": benchmarks, "speedgate": head["speedgate"] | more}


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
