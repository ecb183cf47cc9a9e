"""Saved runs, made up: what a made-up machine measured, in the form in which runs are kept."""

import copy
import functools
import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from helpers.machine import MadeMachine
from speedgate.history.extra_info import extra_info, section
from speedgate.history.history import RunEntry
from speedgate.history.identity import environment_digest, environment_name
from speedgate.history.seal import FIELD
from speedgate.judging.floors import floors
from speedgate.judging.gate import Gate, Judgement, judge
from speedgate.measuring.measure import measure
from speedgate.measuring.measurement import Measurement
from speedgate.measuring.plan import Plan
from speedgate.stats.case import Case
from workloads import CATALOGUE, CONTROL

ENVIRONMENT = {
    "cpu": "A CPU",
    "usable_cores": 2,
    "kernel": "6.1",
    "python": "3.11.7",
    "gil_enabled": True,
    "numpy": {"version": "2.4.6"},
    "blas": [{"user_api": "blas", "internal_api": "openblas", "version": "0.3.30"}],
}
HERE = environment_digest(ENVIRONMENT)
CASE = "g-1e6-threads-2"
CASES = ("g-1e6-serial-1", CASE, "g-1e6-processes-2", "g-1e5-threads-2")
NAME = f"bench_scaling[{CASE}]"
FILE = "bench/bench_scaling.py"
# A run as pytest-benchmark itself saves it.
PLAIN = {
    "machine_info": {"system": "Linux", "cpu": {"brand_raw": "A CPU", "count": 2}},
    "commit_info": {"id": "a" * 40},
    "datetime": "2026-11-20T02:00:00+00:00",
    "benchmarks": [
        {"name": "test_it", "fullname": "t.py::test_it", "stats": {"median": 0.5, "iqr": 0.1}}
    ],
}
SORT = Case("sort", 500, "threads", 2)
FIRST = datetime(2026, 11, 1, 2, tzinfo=UTC)
GATE = Gate("threads-scale", workloads=("g", "g_out"))


def measured(machine: MadeMachine, case: Case, processes: int = 2) -> Measurement:
    """A case, measured on the made-up machine; its pairs are fixed, so no clock is looked at."""
    plan = Plan(seconds=0.0, processes=processes, pairs=24, held_seconds=0.25, control=CONTROL)
    return measure(case, CATALOGUE[case.workload], plan, machine.open)


def judged(measurement: Measurement) -> Judgement:
    case = measurement.case
    return judge(GATE, case, measurement.evidence(0.99), floors(case.workers), final=True)


def document(machine: MadeMachine, *case_ids: str, bench: str = "bench_scaling") -> dict[str, Any]:
    """A run over some cases, judged where the gate covers them."""
    measurements = [measured(machine, Case.parse(case_id)) for case_id in case_ids]
    judgements = [
        judged(measurement) for measurement in measurements if GATE.covers(measurement.case)
    ]
    return {
        "benchmarks": [
            {
                "name": f"{bench}[{measurement.case.id}]",
                "fullname": f"bench/{bench}.py::{bench}[{measurement.case.id}]",
                "extra_info": {**extra_info(measurement), "bench": bench},
                "stats": {"median": 0.01},
            }
            for measurement in measurements
        ],
        "speedgate": section(copy.deepcopy(ENVIRONMENT), judgements),
    }


def save(path: Path, content: Any) -> Path:
    """Write a document as it is, without the digest of what it was before somebody changed it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = {name: value for name, value in content.items() if name != FIELD}
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@functools.cache
def a_night() -> str:
    """The text of a run of one case."""
    return json.dumps(document(MadeMachine(), CASE))


def a_run(
    folder: Path,
    night: int = 0,
    environment: dict[str, Any] = ENVIRONMENT,
    complete: bool = True,
    failed: tuple[str, ...] = (),
    kind: str | None = None,
    factor: float = 1.0,
    name: str = NAME,
    broken: str | None = None,
    file: str = FILE,
) -> Path:
    """Save a run of one case; nights count from the first. ``factor`` is how much its speedup is
    above the usual one."""
    content = json.loads(a_night())
    content["datetime"] = (FIRST + timedelta(days=night)).isoformat()
    ours = content["speedgate"]
    ours.update(environment=environment, complete=complete)
    for gate in failed:
        asked = {"at_most": 1.2} if gate == "gil-holds" else {"at_least": 1.2}
        ours["judgements"].append(
            {
                "gate": gate,
                "case": Case.parse(CASE).as_json(),
                "verdict": "failed",
                "reason": "made",
            }
            | asked
        )
    content["benchmarks"][0] |= {"name": name, "fullname": f"{file}::{name}"}
    info = content["benchmarks"][0]["extra_info"]
    info["broken"] = broken
    for bound in ("value", "low", "high"):
        info["speedup"][bound] *= factor
    if kind is not None:
        gil_class = {"class": kind, "certain": True, "reason": "made"}
        info |= {"gil_class": gil_class, "case": SORT.as_json()}
    return save(folder / environment_name(environment) / f"night_{night:03}.json", content)


def some_nights(
    folder: Path, environment: dict[str, Any], count: int = 6, factor: float = 1.0
) -> None:
    """Runs that differ by a per cent from night to night."""
    numbers = random.Random(6)
    for night in range(count):
        a_run(folder, night, environment, factor=factor * (1 + numbers.uniform(-0.01, 0.01)))


def nights(entries: Iterable[RunEntry]) -> list[int]:
    """The nights of runs that ``a_run`` saved, in their order."""
    return [int(entry.id.removeprefix("night_")) for entry in entries]
