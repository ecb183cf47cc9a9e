"""The files in ``results/``: pytest-benchmark's JSON with a section of ours; reading them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speedgate.accounting import median_shares, page_faults
from speedgate.case import Case
from speedgate.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.gate import Judgement
from speedgate.measure import Measurement
from speedgate.speedup import BASELINE

# 1 (2026-11): case, pairs, speedup, accounting, controls in extra_info; environment and
#              judgements in the document's "speedgate".
FORMAT_VERSION = 1

Json = dict[str, Any]


class HistoryError(Exception):
    """A file of the history cannot be used; the text names it and says why."""


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
    names = ("on_cpu", "in_task", "waiting", "tail", "cpu", "minor_faults", "voluntary_switches")
    columns: Json = {name: [getattr(each, name) for each in rounds] for name in names}
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
    held: float | None = None
    page_faults: tuple[float, float] | None = None


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
        held=info["held"]["value"] if info.get("held") else None,
        page_faults=tuple(faults) if faults else None,
    )


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
    files = sorted(folder.rglob("*.json"), key=lambda path: (path.stat().st_mtime, path.name))
    for path in reversed(files):
        try:
            return read_run(path)
        except HistoryError:
            continue
    raise HistoryError(f"no run in {folder}; 'pytest bench/' makes one")
