"""Valid files, one of each kind that the package writes: what ``evaluation.fuzz`` makes hostile.

Each is a run of the references with a few of its cases, and what a run of its kind has besides.
Together they have every field that is read again: a test holds them against the readers' types.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from speedgate.duel.first_release import NAME as SINCE
from speedgate.history.census_recording import NOT_KEPT, compact
from speedgate.history.journal import SUFFIX
from speedgate.history.reading import ACCEPTED
from speedgate.history.seal import sealed

REFERENCE = Path("results/reference/linux-epyc-2-cores-python3.11-numpy2.4.json")
OF_TODAY = Path("results/reference/census/linux-epyc-2-cores-python3.11-numpy2.4-map-1e4.json")
# The cases that stay of a reference run: enough for every kind of field, and quick to read.
CASES_KEPT = 3
# Of raw rounds as many, for they are all alike.
ROUNDS_KEPT = 3
BUILDS = ("numpy 2.3.5", "numpy 2.4.6")
CELL = "numpy.add[dd->d]-contiguous"
PROJECTS = "tests/test_io.py::test_read"

Json = dict[str, Any]


class ValidFile(NamedTuple):
    """A file of a history: its name, and its content. Whatever has no other name is ``hostile``."""

    name: str
    data: bytes


def estimate(value: float, **changed: Any) -> Json:
    return {
        "value": value, "low": 0.95 * value, "high": 1.05 * value, "confidence": 0.95, "count": 12,
    } | changed  # fmt: skip


# --- runs


def old_run() -> Json:
    """The reference run, of the first format, with a few of its cases; one verdict is failed."""
    document: Json = json.loads(REFERENCE.read_bytes())
    document["benchmarks"] = document["benchmarks"][:CASES_KEPT]
    judgements = document["speedgate"]["judgements"][:CASES_KEPT]
    judgements[0]["verdict"] = "failed"
    document["speedgate"]["judgements"] = judgements
    return document


def run_of_today() -> Json:
    """A map, one of whose cases has moved against the runs before; another could not be judged."""
    document = _of_today(2)
    first, second = (benchmark["extra_info"] for benchmark in document["benchmarks"])
    first["promise"] = {"class": "releases", "source": "numpy/_core/src/multiarray/methods.c:12"}
    first["gil_class"] |= {"cause": "a lock that is not the GIL"}
    first |= {"figures": {"switches": estimate(3.0)}, "start_method": "forkserver"}
    second["broken"] = "a tracer was active"
    shift = {
        "signal": "seconds", "now": 2e-3, "typical": 1e-3, "worse": estimate(0.7),
        "hint": estimate(0.7), "is_log_ratio": True,
    }  # fmt: skip
    judgement = {
        "gate": "history", "case": first["case"], "verdict": "failed", "reason": "it is slower",
        "speedup": None, "at_least": None, "at_most": None,
        "benchmark": document["benchmarks"][0]["fullname"], "shifts": [shift],
        "baseline_runs": ["night_001", "night_002"], "measured_anew": [shift],
    }  # fmt: skip
    document["speedgate"]["judgements"] = [judgement, *old_run()["speedgate"]["judgements"]]
    return document


def _of_today(cases: int) -> Json:
    document: Json = json.loads(OF_TODAY.read_bytes())
    document.pop("speedgate_digest")
    document["benchmarks"] = [_shortened(one) for one in document["benchmarks"][:cases]]
    return document


def _shortened(value: Any) -> Any:
    """Return plain values with few of the rounds in them."""
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value[:ROUNDS_KEPT]]
    return value


def _run_of(bench: str, workload: str | None, settings: Json, **section: Any) -> Json:
    """Return a run of one case as a command of this name saves it, with its own of a section."""
    document = _of_today(1)
    benchmark = document["benchmarks"][0]
    info = {name: value for name, value in benchmark["extra_info"].items() if name not in NOT_KEPT}
    info["bench"] = bench
    if workload is not None:
        info["case"] = info["case"] | {"workload": workload}
    case = "{workload}-1e4-{strategy}-{workers}".format(**info["case"])
    name = f"{bench}[{case}]"
    named = {"name": name, "fullname": name, "param": case, "params": {"case": case}}
    document["benchmarks"] = [compact(benchmark | named | {"extra_info": info})]
    document["speedgate"]["environment"]["settings"] = settings
    document["speedgate"] |= {"judgements": [], **section}
    return document


def duel_run() -> Json:
    """The first build's side of a duel: a case is worse, another fails in both."""
    settings = {"duel": True, "build": BUILDS[0], "variables": {"OMP_NUM_THREADS": "1"}}
    signals = {
        "speedup": _signal(1.9, 1.2, "ratio"),
        "seconds": _signal(1e-3, 1.6, "ratio", confirmed="worse"),
        "held": _signal(0.1, 0.4, "difference"),
    }
    case = {"workload": "sum_object", "size": 10_000, "strategy": "threads", "workers": 2}
    worse = {
        "name": "sum_object-1e4-threads-2", "case": case, "blas_threads": 1, "build": BUILDS[1],
        "letter": "B", "verdict": "worse", "word": "slower", "reason": "it takes 1.6 times as long",
        "note": "", "out": [], "bouts": 8, "waiting": [0.01, None], "beside_neighbours": False,
        "signals": signals,
    }  # fmt: skip
    failed = worse | {
        "name": "sort-1e4-threads-2", "verdict": "failed", "word": "", "out": list(BUILDS),
        "note": "ended by signal SIGSEGV", "blas_threads": "default", "signals": {},
        "beside_neighbours": True,
    }  # fmt: skip
    builds = [
        {"label": label, "python": "3.11.7", "numpy": label.partition(" ")[2],
         "blas": ["openblas 0.3.30"], "variables": {"OMP_NUM_THREADS": "1"},
         "fingerprint": "0123abcd", "gil_enabled": True}
        for label in BUILDS
    ]  # fmt: skip
    screen = {"cases": 4880, "reached": 4000, "suspected": 2, "failed_in_one": 1}
    duel = {
        "builds": builds, "margin": 0.1, "share_margin": 0.1, "family_error": 0.05,
        "bouts_to_confirm": [8, 12], "seconds": 600.0, "complete": True, "placed": True,
        "screen": screen, "findings": [worse, failed], "this": 0,
    }  # fmt: skip
    return _run_of("duel", None, settings, duel=duel)


def _signal(first: float, other: float, change: str, confirmed: str | None = None) -> Json:
    changed = other / first if change == "ratio" else other - first
    return {
        "first": estimate(first), "other": estimate(other), change: estimate(changed),
        "decides": True, "within_margin": False, "confirmed": confirmed,
    }  # fmt: skip


def census_run(screen: Json | None = None, more: Json | None = None) -> Json:
    """A census of two cells, of which one ended its interpreter; or a screen's side."""
    census = {
        "functions": 3, "covered": 2, "cells": 2,
        "reasons": {"numpy.base_repr": "it takes no array"},
        "lost": {"numpy.ndarray.byteswap[T]": "the interpreter ended by signal SIGSEGV"},
        "failed": {"numpy.where[d]-contiguous": "the interpreter ended by signal SIGSEGV"},
        "seconds": 599.0, "screen": screen,
        "function_names": ["numpy.add", "numpy.where", "numpy.base_repr"],
        "cell_names": [f"{CELL}-1e4", "numpy.where[d]-contiguous-1e4"],
        "cell_calls": ["39b7ee67", ""], "expressions": ["add or where", ""],
    }  # fmt: skip
    settings = {"census": True, "blas_threads": 1, "workers": 2, **(more or {})}
    return _run_of("census", CELL, settings, census=census)


def screen_run() -> Json:
    """A side of the screen before a duel."""
    screen = {
        "builds": list(BUILDS), "cases": 3, "again": 1, "not_reached": ["numpy.sort[d]-1e4"],
        "suspected": [{"case": f"{CELL}-1e4-threads-2", "factors": [1.5, 1.4]}],
    }  # fmt: skip
    return census_run(screen, {"screen": True, "build": BUILDS[0], "variables": {}})


def scale_run() -> Json:
    """A project's benchmarks: one was measured and judged, one without a sampler, which threads
    cannot share, and one could not be measured."""
    measured = {
        "name": PROJECTS, "threads": 2, "outcome": "measured", "reason": "",
        "speedup": estimate(1.2), "control": estimate(1.9), "held": estimate(0.5),
        "concurrency": {"low": estimate(1.3), "high": estimate(1.4)}, "inflation": 1.1,
        "unsampled": None, "class": {"class": "partly", "certain": True, "reason": "GIL held 0.5"},
        "scales": False, "cause": "the GIL is held 0.50 of the time", "shared": estimate(1.0),
        "shared_reason": None, "contention": "1.00x with one state for all threads",
        "probed": {"cause": "a lock", "reason": "blocked 41%"}, "call_seconds": 1e-3,
    }  # fmt: skip
    refused = {
        "name": "bench.time_it", "threads": 2, "outcome": "not thread-safe",
        "reason": "it raises in threads and not alone: RuntimeError",
    }  # fmt: skip
    contends = {"class": "contends", "certain": True, "reason": "1.1 at once", "cause": "a lock"}
    unsampled = measured | {
        "name": "bench.time_other", "class": contends, "unsampled": "py-spy is not installed",
        "shared": None, "shared_reason": "it raises in threads: RuntimeError",
    }  # fmt: skip
    settings = {"scale": "project", "blas_threads": 1}
    run = _run_of("scale", PROJECTS, settings, scale=[measured, unsampled, refused])
    judgement = {
        "gate": "scale", "case": run["benchmarks"][0]["extra_info"]["case"], "verdict": "failed",
        "reason": "1.20x, needs 1.50x", "speedup": estimate(1.2), "at_least": 1.5, "at_most": None,
        "benchmark": PROJECTS,
    }  # fmt: skip
    run["speedgate"]["judgements"] = [judgement]
    return run


def plain_run() -> Json:
    """A run as plain pytest-benchmark writes it."""
    return {name: value for name, value in old_run().items() if name != "speedgate"}


def imported_run() -> Json:
    """The same, taken in."""
    ours = {"format_version": 2, "complete": True, "judgements": [], "imported_from": "0001.json"}
    settings = {"imported_from": "pytest-benchmark"}
    environment = {"system": "Linux", "cpu": "A CPU", "python": "3.11.7", "settings": settings}
    return plain_run() | {"speedgate": ours | {"environment": environment}}


# By the kind of run.
RUNS: dict[str, Callable[[], Json]] = {
    "old": old_run,
    "today": run_of_today,
    "duel": duel_run,
    "census": census_run,
    "screen": screen_run,
    "scale": scale_run,
    "imported": imported_run,
}
# What lies beside a hostile file, by its path in the history.
GOOD = {"good/good.json": "old", "duels/good.json": "duel"}
IN_JOURNALS = ("old", "today", "duel", "census", "scale")


# --- files


def journal_lines(run: Json) -> list[Json]:
    """Return what the journal of a run has, line by line."""
    section = run["speedgate"]
    late = {name: section[name] for name in ("duel",) if name in section}
    kept = {name: value for name, value in section.items() if name not in ("duel", "scale")}
    head = {name: value for name, value in run.items() if name != "benchmarks"}
    lines = [head | {"speedgate": kept | {"judgements": [], "complete": False}}]
    lines += [{"benchmark": benchmark} for benchmark in run["benchmarks"]]
    lines += [{"judgement": judgement} for judgement in section["judgements"]]
    lines += [{"outcome": outcome} for outcome in section.get("scale", ())]
    if (census := section.get("census")) is not None:
        lines += [{"census": {"failed": census["failed"], "seconds": census["seconds"]}}]
    return lines + ([{"section": late}] if late else [])


def acceptance() -> Json:
    return {"why": "it is meant", "time": "2026-11-01T02:00:00+00:00"}


def answers_since() -> list[Json]:
    """Return what two bisections found of what the duel found."""
    first = {
        "time": "2026-11-01T02:00:00+00:00", "package": "numpy", "good": "2.3.5", "bad": "2.4.6",
        "case": "sum_object-1e4-threads-2", "verdict": "worse", "last_good": "2.3.5",
        "first_bad": "2.4.3", "between": {},
    }  # fmt: skip
    return [first, first | {"last_good": "2.4.1", "between": {"2.4.2": "it does not install"}}]


def as_lines(values: Iterable[Json], encode: Callable[[Json], bytes]) -> bytes:
    return b"".join(encode(value) + b"\n" for value in values)


def plain_json(value: Json) -> bytes:
    return json.dumps(value).encode()


def good_files() -> dict[str, bytes]:
    """Return the good runs of a history, by their paths in it."""
    return {path: sealed(RUNS[kind]()) for path, kind in GOOD.items()}


def valid_files() -> list[ValidFile]:
    """Return a run of each kind, with its digest and without; journals of either, an acceptance,
    what bisections found, and a run of others. The first is a sealed run."""
    runs = {kind: make() for kind, make in RUNS.items()}
    journals = {kind: journal_lines(copy.deepcopy(runs[kind])) for kind in IN_JOURNALS}
    return [
        *(ValidFile("hostile.json", sealed(runs[kind])) for kind in ("old", "duel", "census")),
        *(ValidFile("hostile.json", plain_json(run)) for run in runs.values()),
        ValidFile("hostile.json", plain_json(plain_run())),
        *(ValidFile(f"hostile{SUFFIX}", as_lines(one, plain_json)) for one in journals.values()),
        *(
            ValidFile(f"hostile{SUFFIX}", as_lines(journals[kind], sealed))
            for kind in ("today", "duel")
        ),
        ValidFile(f"hostile.1f2e{ACCEPTED}", plain_json(acceptance())),
        *(ValidFile(SINCE, as_lines(answers_since(), encode)) for encode in (plain_json, sealed)),
    ]
