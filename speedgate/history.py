"""The files in ``results/``: pytest-benchmark's JSON with a section of ours; reading them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from speedgate.accounting import median_shares, page_faults
from speedgate.case import Case
from speedgate.classification import Classification, GilClass, classify
from speedgate.environment import build_of, same_machine
from speedgate.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.gate import Judgement
from speedgate.measure import Measurement
from speedgate.sample import FIELDS, PairedSample, Round
from speedgate.speedup import BASELINE
from speedgate.strategies import STRATEGIES

# 1 (2026-11): case, pairs, speedup, accounting, controls in extra_info; environment and
#              judgements in the document's "speedgate".
FORMAT_VERSION = 1
# So many earlier runs are looked through for the class that a case had.
EARLIER_RUNS = 20

Json = dict[str, Any]


class HistoryError(Exception):
    """A file of the history cannot be used; the text names it and says why."""


@dataclass(frozen=True)
class Side:
    """The medians of one side of the pairs, the baseline or the contender; seconds a round."""

    seconds: float
    cpu: float | None = None
    voluntary_switches: float | None = None
    involuntary_switches: float | None = None

    @property
    def switches(self) -> float | None:
        """Context switches a round: to wait, and because others or too many threads ran."""
        if self.voluntary_switches is None or self.involuntary_switches is None:
            return None
        return self.voluntary_switches + self.involuntary_switches

    @property
    def cpu_per_wall(self) -> float | None:
        return None if self.cpu is None else self.cpu / self.seconds


def _sides(sample: PairedSample) -> dict[str, Json]:
    def side(rounds: Sequence[Round]) -> Json:
        def middle(name: str) -> float | None:
            values = [getattr(each, name) for each in rounds]
            return None if None in values else median(values)

        return {each.name: middle(each.name) for each in fields(Side)}

    pairs = sample.pairs
    if not pairs:
        return {}
    return {
        "baseline": side([pair.baseline for pair in pairs]),
        "contender": side([pair.contender for pair in pairs]),
    }


def gil_class(measurement: Measurement) -> Json | None:
    """Return the class of a case whose workers are threads, ``None`` of any other; plain JSON."""
    strategy = STRATEGIES.get(measurement.case.strategy)
    if strategy is None or strategy.workers_are != "threads" or measurement.case.workers < 2:
        return None
    if measurement.broken is not None:
        return Classification(GilClass.UNKNOWN, False, measurement.broken).as_json()
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    return classify(
        evidence.workers,
        evidence.speedup,
        evidence.held,
        evidence.concurrency,
        evidence.control,
        evidence.gil_enabled,
    ).as_json()


def extra_info(measurement: Measurement) -> Json:
    """Return what is kept of a measurement beside pytest-benchmark's own figures; plain JSON."""
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    shares = median_shares(measurement.sample, measurement.case.workers)
    opened = measurement.replies[0] if measurement.replies else {}
    return {
        "case": measurement.case.as_json(),
        "speedup": _speedup_json(evidence.speedup),
        "control": evidence.control.as_json() if evidence.control else None,
        "concurrency": evidence.concurrency.as_json() if evidence.concurrency else None,
        "shares": shares.as_json() if shares else None,
        "inflation": evidence.inflation,
        "held": evidence.held.as_json() if evidence.held else None,
        "sides": _sides(measurement.sample),
        "page_faults": page_faults(measurement.sample),
        "process_speedups": list(evidence.process_speedups),
        "blas_threads": _blas_threads(opened.get("environment", {}).get("blas")),
        "start_method": opened.get("start_method"),
        "start_seconds": opened.get("start_seconds"),
        "tasks": measurement.first("tasks"),
        "loops": measurement.first("loops"),
        "steal_seconds": measurement.steal_seconds,
        "throttled_seconds": measurement.throttled_seconds,
        "rounds_seconds": measurement.rounds_seconds,
        "timed_seconds": measurement.timed_seconds,
        "wall_seconds": measurement.wall_seconds,
        "broken": measurement.broken,
        "pairs": [list(pair) for pair in measurement.sample.as_seconds()],
        "control_pairs": [list(pair) for pair in measurement.control_sample.as_seconds()],
        "rounds_of_processes": [len(pairs) for pairs in measurement.processes],
        "counters": _counters(measurement),
    }


def _speedup_json(estimate: Estimate | None) -> Json | None:
    return None if estimate is None else {**estimate.as_json(), "baseline": BASELINE}


def _blas_threads(libraries: list[Json] | None) -> int | None:
    """The threads of the process's BLAS as read back, the most of several; ``None`` if unknown."""
    counts = [each["num_threads"] for each in libraries or () if each.get("user_api") == "blas"]
    return max(counts, default=None)


def _counters(measurement: Measurement) -> Json:
    """The raw counters of every contender round, a column each."""
    rounds = [pair.contender for pair in measurement.sample.pairs]
    columns: Json = {
        name: [getattr(each, name) for each in rounds] for name in FIELDS if name != "seconds"
    }
    columns["baseline_cpu"] = [pair.baseline.cpu for pair in measurement.sample.pairs]
    return columns


def section(environment: Json, judgements: Iterable[Judgement]) -> Json:
    """Return the document's ``speedgate`` section."""
    return {
        "format_version": FORMAT_VERSION,
        "environment": environment,
        "judgements": [judgement.as_json() for judgement in judgements],
    }


@dataclass(frozen=True)
class Row:
    """What a report shows of one case."""

    case: Case
    speedup: Estimate | None
    bench: str = ""
    seconds: float | None = None
    control: float | None = None
    inflation: float | None = None
    held: Estimate | None = None
    page_faults: tuple[float, float] | None = None
    concurrency: tuple[float, float | None] | None = None
    tasks: int | None = None
    loops: int | None = None
    gil_class: Classification | None = None
    promise: str | None = None
    promise_source: str = ""
    sides: Mapping[str, Side] = field(default_factory=dict)
    is_blas_default: bool = False
    build: str = ""
    idle: float | None = None
    start_seconds: float | None = None

    @property
    def calls(self) -> int:
        """Calls in a round; 0 where it is not known."""
        return (self.tasks or 0) * (self.loops or 0)


@dataclass(frozen=True)
class Run:
    """One file of the history."""

    path: Path
    document: Json

    @property
    def environment(self) -> Json:
        environment: Json = self.document["speedgate"]["environment"]
        return environment

    @property
    def judgements(self) -> list[Json]:
        judgements: list[Json] = self.document["speedgate"]["judgements"]
        return judgements

    def rows(self) -> list[Row]:
        """Return the cases of the run, without those of other plugins' benchmarks."""
        return [
            row_of(bench["extra_info"], bench["stats"]["median"])
            for bench in self.document["benchmarks"]
            if "case" in bench.get("extra_info", {})
        ]


def row_of(info: Json, seconds: float | None) -> Row:
    """Return the row of a benchmark's ``extra_info`` and its median seconds a round."""
    faults = info.get("page_faults")
    return Row(
        case=Case(**info["case"]),
        speedup=estimate_from_json(info["speedup"]),
        bench=info.get("bench", ""),
        seconds=seconds,
        control=info["control"]["value"] if info.get("control") else None,
        inflation=info.get("inflation"),
        held=estimate_from_json(info.get("held")),
        page_faults=tuple(faults) if faults else None,
        concurrency=_bounds(info.get("concurrency")),
        tasks=info.get("tasks"),
        loops=info.get("loops"),
        gil_class=Classification.from_json(info["gil_class"]) if info.get("gil_class") else None,
        promise=(info.get("promise") or {}).get("class"),
        promise_source=(info.get("promise") or {}).get("source", ""),
        sides={name: Side(**side) for name, side in (info.get("sides") or {}).items()},
        is_blas_default=info.get("blas_threads_asked") == "default",
        idle=(info.get("shares") or {}).get("idle"),
        start_seconds=info.get("start_seconds"),
    )


def _bounds(concurrency: Json | None) -> tuple[float, float | None] | None:
    if not concurrency:
        return None
    high = concurrency.get("high")
    return concurrency["low"]["value"], high["value"] if high else None


def estimate_from_json(data: Json | None) -> Estimate | None:
    """Return the estimate that ``as_json`` wrote; null bounds are infinite."""
    if data is None:
        return None
    return Estimate(
        value=data["value"],
        low=float("-inf") if data["low"] is None else data["low"],
        high=float("inf") if data["high"] is None else data["high"],
        confidence=data["confidence"],
        count=data["count"],
    )


def read_run(path: Path) -> Run:
    """Return the run in ``path``; ``HistoryError`` if it is none of ours, broken or newer."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise HistoryError(f"{path} is not a run: it is no JSON ({error})") from None
    ours = document.get("speedgate") if isinstance(document, dict) else None
    if not isinstance(ours, dict):
        raise HistoryError(f"{path} is not a run of speedgate: it has no 'speedgate' section")
    version = ours.get("format_version")
    if version != FORMAT_VERSION:
        raise HistoryError(
            f"{path} has format version {version}; this speedgate reads {FORMAT_VERSION}: "
            "upgrade speedgate"
        )
    for name, kind in (("environment", dict), ("judgements", list)):
        if not isinstance(ours.get(name), kind):
            raise HistoryError(f"{path} is not a whole run: its 'speedgate' section lacks '{name}'")
    if not isinstance(document.get("benchmarks"), list):
        raise HistoryError(f"{path} is not a whole run: it lacks 'benchmarks'")
    return Run(path, document)


def latest_run(folder: Path) -> Run:
    """Return the newest run below ``folder`` by the time of writing; ``HistoryError`` if none."""
    for run in runs_newest_first(folder):
        return run
    raise HistoryError(f"no run in {folder}; 'pytest bench/' makes one")


def runs_newest_first(folder: Path) -> Iterator[Run]:
    """Yield the runs below ``folder`` by the time of writing; what is no run is left out."""
    files = sorted(folder.rglob("*.json"), key=lambda path: (path.stat().st_mtime, path.name))
    for path in reversed(files):
        try:
            yield read_run(path)
        except HistoryError:
            continue


def earlier_rows(
    folder: Path, environment: Json, cases: Collection[Case], but: Path | None = None
) -> dict[Case, Row]:
    """Return the newest row of each of ``cases`` among the last runs on the same machine.

    The build may be another: that is what a class is watched for, and the row then names it.
    ``but`` is the file of the run that asks.
    """
    found: dict[Case, Row] = {}
    for run in islice((run for run in runs_newest_first(folder) if run.path != but), EARLIER_RUNS):
        if not same_machine(run.environment, environment):
            continue
        build = build_of(run.environment)
        for row in run.rows():
            if row.case in cases and row.gil_class is not None:
                named = replace(row, build="" if build == build_of(environment) else build)
                found.setdefault(row.case, named)
        if len(found) == len(cases):
            break
    return found
