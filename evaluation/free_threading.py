"""What docs/free-threading.md says of a Python with a GIL, one without, and NumPy's releases.

    python -m evaluation.free_threading gate --with-gil PATH --without-gil PATH    two minutes
    python -m evaluation.free_threading duel --with-gil PATH --without-gil PATH    nine minutes
    python -m evaluation.free_threading releases --without-gil PATH                ten minutes
    python -m evaluation.free_threading map --without-gil PATH                     eight minutes
    python -m evaluation.free_threading table      the blocks of the page, from the last of each

Both Pythons need NumPy, of the same release. Each result is appended to a file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluation.accuracy_trials import commit, this_machine
from evaluation.pages import without_python, write_block
from evaluation.printed import printed_duel
from evaluation.trial_file import append_trial, trials_in
from speedgate.builds.build import open_build
from speedgate.duel.decision import DuelVerdict
from speedgate.duel.findings import DuelFindings
from speedgate.duel.without_gil import threading_gains
from speedgate.history.document import Run, read_run
from speedgate.judging.gil_class import GilClass
from speedgate.judging.gil_map import operations
from speedgate.plugin.another import described
from speedgate.report.duel import counts, duel_table, head_lines
from speedgate.report.records import map_record
from speedgate.report.table import Table, markdown
from speedgate.report.without_gil import without_gil_markdown
from speedgate.stats.case import format_size
from speedgate.stats.words import number_of
from workloads.contention import WORKLOADS

RESULTS_FILE = Path("evaluation/trials/free-threading.jsonl")
PAGE = Path("docs/free-threading.md")
BENCHMARKS = "evaluation/bench_free_threading.py"
MAP_BENCHMARKS = "bench/bench_gil_map.py"
GATE, DUEL, RELEASES, MAP = "gate", "duel", "releases", "map"
BLOCKS = {
    GATE: "The gate in both builds",
    DUEL: "The duel of both builds",
    RELEASES: "The duel of two releases",
    MAP: "The map without a GIL",
}

# Python code, ufuncs of few elements and of many, objects, strings.
DUEL_WORKLOADS = (
    "f", "g", "add", "add_object", "sort", "unique", "strings_equal",
    "small_arrays", "calls_own", "calls_shared", "dict_own", "small_objects", "first_calls",
)  # fmt: skip
DUEL_SIZES = "1e1,1e3,1e5"
BUDGETS = {DUEL: "520", RELEASES: "260"}


@dataclass(frozen=True)
class KnownFault:
    """What NumPy's maintainers found, and the releases with it and without it."""

    issue: str
    words: str
    faulty: str
    mended: str


KNOWN_FAULTS = (
    KnownFault(
        "27786",
        "small arrays scale badly, because every ufunc looked its loop up behind a lock; mended by "
        "#27896",
        "2.1.3",
        "2.2.6",
    ),
    KnownFault(
        "30494",
        "whatever becomes an array, a number as well, was locked meanwhile (#29394), and all "
        "threads share the numbers of their code; mended by #30514",
        "2.4.0",
        "2.4.1",
    ),
)

Json = dict[str, Any]


def run_gate(with_gil: str, without_gil: str) -> Json:
    """Run the benchmarks of ``BENCHMARKS`` in both builds, and return what their gates say."""
    return {"runs": [_gate_run(python) for python in (with_gil, without_gil)]}


def _gate_run(python: str) -> Json:
    name, run = _run_of(python, BENCHMARKS)
    judgements = [
        {"case": entry.case.case().id, "verdict": entry.verdict.value, "reason": entry.reason}
        for entry in run.judgements
    ]
    return {"python": name, "judgements": judgements}


def run_map(python: str) -> Json:
    """Measure every operation of the GIL map in a build without one, and return the map."""
    name, run = _run_of(python, MAP_BENCHMARKS)
    return {"python": name, "map": map_record(run, operations(run.rows()))}


def _run_of(python: str, benchmarks: str) -> tuple[str, Run]:
    """Run benchmarks in a build; return what the build is called, and the saved run."""
    build = open_build(python)
    with tempfile.TemporaryDirectory(prefix="speedgate-") as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", benchmarks, "--python", python),
                *(f"--benchmark-storage=file://{folder}", "-p", "no:cacheprovider"),
            ],
            check=False,  # what fails is what is shown
        )
        [file] = Path(folder).rglob("*.json")
        return described(build).partition(" (")[0], read_run(file)


def run_duel(builds: Sequence[str], workloads: Sequence[str], sizes: str, budget: str) -> Json:
    """Return the findings of a duel."""
    selection = ("--workloads", ",".join(workloads), "--sizes", sizes, "--budget", budget)
    return {"duel": printed_duel(*builds, *selection)}


def run_releases(python: str, fault: KnownFault, budget: str) -> Json:
    """Duel two releases over every workload of ``workloads.contention``: nobody says where."""
    builds = [f"{python} numpy=={release}" for release in (fault.faulty, fault.mended)]
    names = [workload.name for workload in WORKLOADS]
    return {"issue": fault.issue} | run_duel(builds, names, "1e1", budget)


def keep(kind: str, result: Json) -> None:
    record = {"kind": kind, "version": commit(), "machine": this_machine()} | result
    append_trial(RESULTS_FILE, record)


def last_of(kind: str) -> list[Json]:
    """Return the last result of a kind, of the releases the last of each fault."""
    records = trials_in(RESULTS_FILE)
    mine = {record.get("issue"): record for record in records if record["kind"] == kind}
    return list(mine.values())


# --- the blocks of the page


def write_page_blocks() -> None:
    makers: dict[str, Callable[[Json], Iterator[str]]] = {
        GATE: gate_block,
        DUEL: duel_block,
        RELEASES: releases_block,
        MAP: map_block,
    }
    for kind, lines_of in makers.items():
        lines = [line for record in last_of(kind) for line in (*lines_of(record), "")]
        if lines:
            write_block(PAGE, BLOCKS[kind], "\n".join(lines))


def gate_block(record: Json) -> Iterator[str]:
    """Yield a row for each case in each build."""
    rows = tuple(
        (run["python"], judgement["case"], judgement["verdict"], judgement["reason"])
        for run in record["runs"]
        for judgement in run["judgements"]
    )
    yield _origin(record)
    yield ""
    yield markdown(Table(("Python", "case", "verdict", "reason"), rows), code=1)


def duel_block(record: Json) -> Iterator[str]:
    """Yield the table of both builds, and from where each workload pays."""
    duel = DuelFindings.from_json(record["duel"])
    yield _origin(record)
    yield ""
    yield from (f"- {line}" for line in head_lines(duel))
    yield ""
    gains = threading_gains(duel)
    paying = sum(gain.pays is True for gain in gains)
    losing = sum(gain.pays is False for gain in gains)
    yield (f"Of {number_of(len(gains), 'case')} {paying} surely pay and {losing} surely do not.")
    yield ""
    yield from without_gil_markdown(duel)


def releases_block(record: Json) -> Iterator[str]:
    """Yield what two releases differ in: a row for each case that is better or worse."""
    duel = DuelFindings.from_json(record["duel"])
    fault = next(fault for fault in KNOWN_FAULTS if fault.issue == record["issue"])
    yield f"### #{fault.issue}"
    yield ""
    yield f"The finding: {fault.words}. {_origin(record)}"
    yield ""
    yield from (f"- {line}" for line in head_lines(duel))
    yield ""
    yield f"The duel: {counts(duel)}."
    yield ""
    moved = (DuelVerdict.WORSE, DuelVerdict.BETTER)
    certain = replace(duel, findings=tuple(one for one in duel.findings if one.verdict in moved))
    if certain.findings:
        yield markdown(duel_table(certain), code=1)


def map_block(record: Json) -> Iterator[str]:
    """Yield how many operations are of each class, and every case that does not scale."""
    told = record["map"]["operations"]
    largest = Counter(_class_of(operation["cases"][-1]) for operation in told)
    counted = ", ".join(f"{count} {kind}" for kind, count in largest.most_common())
    yield _origin(record)
    yield ""
    yield f"{record['python']}. Of {number_of(len(told), 'operation')}, at the largest size:"
    yield f"{counted}."
    yield ""
    groups: dict[tuple[str, str], list[str]] = {}
    for operation in told:
        for case in operation["cases"]:
            kind = _class_of(case)
            if kind != GilClass.SCALES.value:
                cause = (case["class"] or {}).get("cause", "not certain")
                size = format_size(case["case"]["size"])
                groups.setdefault((kind, cause), []).append(f"{operation['name']} {size}")
    rows = [(*key, str(len(names)), ", ".join(names)) for key, names in sorted(groups.items())]
    yield markdown(Table(("class", "cause", "cases", "which"), tuple(rows)))
    yield ""
    unsure = [operation["name"] for operation in told if operation["break_even"] is None]
    yield f"Threads did not surely win at any size: {', '.join(unsure) or 'none'}."


def _class_of(case: Json) -> str:
    return str((case["class"] or {}).get("class", GilClass.UNKNOWN.value))


def _origin(record: Json) -> str:
    """Say what made it and where; the measured Pythons are in the rows."""
    machine = without_python(record["machine"])
    command = f"python -m evaluation.free_threading {record['kind']}"
    return f"Measured by `{command}` at {record['version']} on {machine}."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.free_threading")
    commands = parser.add_subparsers(dest="command", required=True)
    for kind, title in BLOCKS.items():
        running = commands.add_parser(kind, help=f"measure: {title.lower()}")
        running.add_argument("--without-gil", required=True, help="a free-threaded Python")
        if kind in (GATE, DUEL):
            running.add_argument("--with-gil", required=True, help="a Python with a GIL")
        if kind in BUDGETS:
            running.add_argument("--budget", default=BUDGETS[kind], help="seconds of a duel")
    commands.add_parser("table", help=f"write the blocks of {PAGE}")
    options = parser.parse_args()
    if options.command == "table":
        write_page_blocks()
    elif options.command == GATE:
        keep(GATE, run_gate(options.with_gil, options.without_gil))
    elif options.command == MAP:
        keep(MAP, run_map(options.without_gil))
    elif options.command == DUEL:
        builds = (options.with_gil, options.without_gil)
        keep(DUEL, run_duel(builds, DUEL_WORKLOADS, DUEL_SIZES, options.budget))
    else:
        for fault in KNOWN_FAULTS:
            keep(RELEASES, run_releases(options.without_gil, fault, options.budget))


if __name__ == "__main__":
    main()
