"""The run that a census leaves in ``results/``: pytest-benchmark's JSON, as every run of ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedgate.history.document import Run
from speedgate.history.extra_info import extra_info, gil_class, section
from speedgate.history.history import run_name
from speedgate.history.kept_run import KeptRun
from speedgate.history.plain import benchmark_entry, head_of
from speedgate.history.recording import whole_environment
from speedgate.measuring.measurement import Measurement

BENCH = "census"
# Of thousands of cells the figures are kept, not the rounds behind them.
NOT_KEPT = ("pairs", "control_pairs", "counters", "rounds_of_processes", "shares")
ROUNDS = "data"
# No figure of a tenth of a second has more, and a run of all cells is half as large.
DIGITS = 5

Json = dict[str, Any]


def is_census(run: Run) -> bool:
    """Whether a run was saved by ``speedgate census``."""
    return run.section.census is not None


def cell_benchmark(measurement: Measurement) -> Json:
    """Return the benchmark of a run's document."""
    case = measurement.case
    kept = {key: value for key, value in extra_info(measurement).items() if key not in NOT_KEPT}
    info = {**kept, "bench": BENCH, "gil_class": gil_class(measurement)}
    group = case.workload.partition("[")[0]
    return benchmark_entry(f"{BENCH}[{case.id}]", group, case.id, measurement, info)


def compact(data: Any) -> Any:
    """Return plain data without the rounds in it, and no figure with more digits than it has."""
    if isinstance(data, dict):
        return {key: compact(value) for key, value in data.items() if key != ROUNDS}
    if isinstance(data, list):
        return [compact(value) for value in data]
    return float(f"{data:.{DIGITS}g}") if isinstance(data, float) else data


class CensusRecording:
    """The run below ``results``; its journal holds it meanwhile, so that nothing is lost.

    ``census`` says what there is to measure; ``earlier`` benchmarks are of a census that was cut
    short and goes on. ``name`` tells runs apart that begin at the same time.
    """

    def __init__(
        self,
        results: Path,
        environment: Json,
        settings: Json,
        census: Json,
        earlier: Iterable[Json] = (),
        name: str = BENCH,
    ) -> None:
        began = datetime.now(UTC)
        whole = whole_environment(environment, settings)
        # In the head of the journal, too: a census that is killed is one all the same.
        ours = section(whole, (), complete=False, census=census)
        self._document = head_of(began, whole) | {"speedgate": ours}
        self._run = KeptRun(results / f"{run_name(whole, began, name)}.json", self._document)
        self._run.begin()
        self._benchmarks: dict[str, Json] = {}
        for benchmark in earlier:
            self._keep(benchmark)

    def add(self, measurements: Iterable[Measurement]) -> None:
        """Write cells down; one that is measured again takes its own place."""
        for measurement in measurements:
            self._keep(cell_benchmark(measurement))

    def tell(self, more: Json) -> None:
        """Write down what is known of the census by now, should this session be killed."""
        self._run.add_census(more)

    def _keep(self, benchmark: Json) -> None:
        benchmark = compact(benchmark)
        self._benchmarks[str(benchmark["fullname"])] = benchmark
        self._run.add_benchmark(benchmark)

    def finish(self, more: Json, complete: bool) -> tuple[Path | None, str]:
        """Save the run, with ``more`` of the census than was known before; return its file, and in
        words why there is none though there should be."""
        if not self._benchmarks:
            self.abandon()
            return None, ""
        ours = self._document["speedgate"]
        whole = ours | {"complete": complete, "census": ours["census"] | more}
        benchmarks = list(self._benchmarks.values())
        return self._run.save(self._document | {"benchmarks": benchmarks, "speedgate": whole})

    def abandon(self) -> None:
        """Leave nothing behind: there is nothing to save."""
        self._run.remove()
