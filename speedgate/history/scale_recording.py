"""The run that ``scale`` leaves in ``results/``: pytest-benchmark's JSON, as every run of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedgate.history.extra_info import extra_info, gil_class, section
from speedgate.history.format import HistoryError
from speedgate.history.history import run_name
from speedgate.history.kept_run import KeptRun
from speedgate.history.plain import benchmark_entry, head_of
from speedgate.history.recording import describe_runner, whole_environment
from speedgate.judging.gate import Judgement
from speedgate.judging.scale_gate import machine_taken, scales, why_no_share
from speedgate.measuring.scale_cause import cause_of, class_of, sharing_of
from speedgate.measuring.scaling import Scaled
from speedgate.stats.estimate import DEFAULT_CONFIDENCE
from speedgate.stats.figure import GIL_HELD_SHARE

BENCH = "scale"
# As the runners of a project have it.
BLAS_THREADS = 1

Json = dict[str, Any]
NO_DESCRIPTION: Json = {}


def entry_of(scaled: Scaled) -> Json:
    """Return what is shown and kept of a benchmark, measured or not; plain JSON."""
    entry: Json = {
        "name": scaled.benchmark.name,
        "threads": scaled.case.workers,
        "outcome": scaled.outcome.value,
        "reason": scaled.reason,
    }
    if scaled.measurement is None:
        return entry
    measurement = scaled.measurement
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    kind = class_of(scaled)
    shared, held = scaled.shared(), evidence.gil_held_share
    return entry | {
        "speedup": evidence.speedup.as_json() if evidence.speedup else None,
        "control": evidence.control.as_json() if evidence.control else None,
        "concurrency": evidence.concurrency.as_json() if evidence.concurrency else None,
        GIL_HELD_SHARE.key: held.as_json() if held else None,
        "unsampled": None if held else why_no_share(evidence),
        "inflation": evidence.inflation.value if evidence.inflation else None,
        "class": kind.as_json() if kind else None,
        "scales": None if machine_taken(evidence) else scales(evidence),
        "cause": cause_of(scaled, evidence, kind),
        "shared": shared.as_json() if shared else None,
        "shared_reason": scaled.shared_reason,
        "contention": sharing_of(scaled),
        "probed": scaled.named.as_json() if scaled.named else None,
        "call_seconds": measurement.calibrated.call_seconds if measurement.calibrated else None,
    }


def benchmark_of(scaled: Scaled) -> Json | None:
    """Return the benchmark of a run's document, ``None`` where nothing was measured."""
    measurement = scaled.measurement
    if measurement is None or not measurement.sample.pairs:
        return None
    shared = scaled.shared()
    info = {
        **scaled.described.get("extra_info", {}),
        **extra_info(measurement),
        "bench": BENCH,
        "gil_class": gil_class(measurement),
        "shared": shared.as_json() if shared else None,
        "shared_reason": scaled.shared_reason,
    }
    group = scaled.described.get("group") or scaled.benchmark.function
    return benchmark_entry(f"{BENCH}[{scaled.case.id}]", group, scaled.case.id, measurement, info)


class ScaleRecording:
    """The run below ``results``; its journal holds it meanwhile, so that nothing is lost.

    ``described`` is what another Python said of itself before anything was measured in it.
    """

    def __init__(
        self,
        results: Path,
        settings: Json,
        described: Json = NO_DESCRIPTION,
        began: datetime | None = None,
    ) -> None:
        self._results, self._settings, self._described = results, settings, described
        self._began = began or datetime.now(UTC)
        self._run: KeptRun | None = None
        self._before: KeptRun | None = None
        self._is_described = False
        self._head: Json = {}
        self._entries: list[Json] = []
        self._written = 0
        self._benchmarks: list[Json] = []

    def add(self, scaled: Scaled) -> None:
        """Write down what became of a benchmark; a full disk is reported at the end.

        The journal begins with the first one, measured or not.
        """
        self._entries.append(entry_of(scaled))
        benchmark = benchmark_of(scaled)
        if benchmark is None:
            self._begin_unmeasured()
        else:
            assert scaled.measurement is not None
            self._benchmarks.append(benchmark)
            if len(self._benchmarks) == 1:
                self._begin(scaled.measurement.environment)
            assert self._run is not None
            self._run.add_benchmark(benchmark)
        self._write_outcomes()

    def _begin_unmeasured(self) -> None:
        """Begin the journal before anything was measured. If that fails the outcomes wait; the end
        tries again, and tells of it."""
        if self._run is None and not self._is_described:
            self._is_described = True
            with contextlib.suppress(OSError, HistoryError):
                self._begin(self._described or describe_runner(BLAS_THREADS))

    def _begin(self, interpreter: Json) -> KeptRun:
        """Return the run, in the environment that an interpreter tells of.

        The first one that measures has the last word: it may have loaded another BLAS than a
        described one. In another environment the journal is begun anew.
        """
        environment = whole_environment({**self._described, **interpreter}, self._settings)
        self._head = head_of(self._began, environment) | {
            "speedgate": section(environment, (), complete=False)
        }
        name = run_name(environment, self._began, f"scale-{self._settings['scale']}")
        run = KeptRun(self._results / f"{name}.json", self._head)
        if self._run is None or self._run.target.parent != run.target.parent:
            self._before, self._run, self._written = self._run, run, 0
        return self._run

    def _write_outcomes(self) -> None:
        """Write down those that are in no journal yet; an earlier one goes once all are in this."""
        if self._run is None:
            return
        for entry in self._entries[self._written :]:
            self._run.add_outcome(entry)
        self._written = len(self._entries)
        if self._before is not None and self._run.error is None:
            self._before.remove()
            self._before = None

    def finish(self, judgements: Sequence[Judgement], complete: bool) -> tuple[Path | None, str]:
        """Save the run; return its file, and in words why there is none though there should be.

        Where nothing could be measured the run has the outcomes alone, each with its reason.
        """
        if not self._entries:
            return None, ""
        try:
            run = self._run or self._begin(self._described or describe_runner(BLAS_THREADS))
        except (OSError, HistoryError) as error:
            return None, f"not saved: {self._results} ({error}); what was found is above alone"
        whole = self._head["speedgate"] | {
            "complete": complete,
            "judgements": [judgement.as_json() for judgement in judgements],
            "scale": self._entries,
        }
        file, trouble = run.save(self._head | {"benchmarks": self._benchmarks, "speedgate": whole})
        if self._before is not None and file is not None:
            self._before.remove()
        return file, trouble
