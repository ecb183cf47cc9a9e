"""The JSON Schema of a saved run, for readers and writers that are not Speedgate.

python -m evaluation.run_schema             writes docs/run.schema.json

The types name everything that Speedgate writes. They require what Speedgate needs to read a run
again, and allow other fields: pytest-benchmark and other plugins keep theirs in the same document.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from speedgate.history.duel_shape import DuelShape, FindingShape, SignalShape
from speedgate.history.format import (
    FORMAT_VERSION,
    CaseEntry,
    CensusEntry,
    ClassEntry,
    ConcurrencyEntry,
    EstimateEntry,
    JudgementEntry,
    PromiseEntry,
    ShiftEntry,
    SideEntry,
)
from speedgate.history.format import ScaleEntry as ReadScaleEntry
from speedgate.history.intake import MachineShape, NotNegative, PlainBenchmark, Plausible
from speedgate.measuring.shapes import Count, EnvironmentShape

README = Path("results/README.md")
TARGET = Path("docs/run.schema.json")
# The parts whose fields results/README.md describes in tables.
DESCRIBED = ("Section", "ExtraInfo")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = f"A run of Speedgate, format {FORMAT_VERSION}"
MANY = "See results/README.md for what each field means. All times are seconds; null is unknown."

DIGEST = "the last field of the file: BLAKE2b, of 16 bytes, of all that is before its comma"

Json = dict[str, Any]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", description=DIGEST)]
Columns = dict[str, list[Plausible | None]]
Pairs = list[tuple[NotNegative, NotNegative]]


class Speedup(EstimateEntry):
    """Seconds of the baseline / seconds of the contender: above 1 is faster."""

    value: Annotated[float, msgspec.Meta(gt=0, le=1e18)]
    low: Annotated[float, msgspec.Meta(gt=0, le=1e18)] | None = None
    baseline: str = ""


class Sides(msgspec.Struct):
    """The medians of a round of the baseline and of the contender."""

    baseline: SideEntry | None = None
    contender: SideEntry | None = None


class Shares(msgspec.Struct):
    """The shares of the workers' time; their sum is 1."""

    on_cpu: NotNegative | None = None
    waiting: NotNegative | None = None
    blocked: NotNegative | None = None
    idle: NotNegative | None = None


class ExtraInfo(msgspec.Struct):
    """What Speedgate keeps of a benchmark beside pytest-benchmark's stats."""

    case: CaseEntry
    speedup: Speedup | None = None
    bench: str = ""
    seconds: EstimateEntry | None = None
    cpu_per_wall: EstimateEntry | None = None
    control: EstimateEntry | None = None
    concurrency: ConcurrencyEntry | None = None
    shares: Shares | None = None
    inflation: Plausible | None = None
    held: EstimateEntry | None = None
    figures: dict[str, EstimateEntry] = {}
    sides: Sides | None = None
    page_faults: tuple[Plausible, Plausible] | None = None
    process_speedups: list[float] = []
    blas_threads: Count | None = None
    blas_threads_asked: int | Literal["default"] | None = None
    start_method: str | None = None
    start_seconds: Plausible | None = None
    tasks: Count | None = None
    loops: Count | None = None
    steal_seconds: Plausible | None = None
    throttled_seconds: Plausible | None = None
    rounds_seconds: NotNegative | None = None
    timed_seconds: NotNegative | None = None
    wall_seconds: NotNegative | None = None
    broken: str | None = None
    pairs: Pairs = []
    control_pairs: Pairs = []
    rounds_of_processes: list[Count] = []
    counters: Columns = {}
    gil_class: ClassEntry | None = None
    promise: PromiseEntry | None = None
    shared: EstimateEntry | None = None
    shared_reason: str | None = None


class Stats(msgspec.Struct):
    """pytest-benchmark's stats, in seconds a call."""

    median: Plausible


class Benchmark(PlainBenchmark):
    """A benchmark of Speedgate's, or of anybody who uses pytest-benchmark."""

    stats: Stats
    extra_info: ExtraInfo | None = None
    fullname: str = ""


class Shift(ShiftEntry):
    """A figure now and before; ``worse`` is by how much it is so, and may be a log ratio."""

    is_log_ratio: bool = True


class Judgement(JudgementEntry):
    """What a gate said of a case."""

    speedup: Speedup | None = None
    shifts: list[Shift] = msgspec.field(default_factory=list)
    measured_anew: list[Shift] = msgspec.field(default_factory=list)


class Signal(SignalShape):
    """A figure in both builds; ``decides`` says whether it may decide the verdict."""

    decides: bool = False
    within_margin: bool = False


class Finding(FindingShape):
    """What is certain of one case in one build against the first."""

    signals: dict[str, Signal]


class Duel(DuelShape):
    """The duel of whose builds this run is one: ``this`` is its place among them."""

    findings: list[Finding]
    this: Count | None = None
    margin: NotNegative | None = None
    share_margin: NotNegative | None = None
    family_error: NotNegative | None = None


class ProbedCause(msgspec.Struct):
    """Why threads contend, as a probe named it, and the figures that speak for it."""

    cause: str
    reason: str


class ScaleEntry(ReadScaleEntry):
    """What became of a benchmark that ``speedgate scale`` took."""

    control: EstimateEntry | None = None
    concurrency: ConcurrencyEntry | None = None
    probed: ProbedCause | None = None
    call_seconds: Plausible | None = None


class Section(msgspec.Struct):
    """The section of Speedgate in the document."""

    format_version: Annotated[int, msgspec.Meta(ge=1, le=FORMAT_VERSION)]
    environment: EnvironmentShape
    judgements: list[Judgement]
    complete: bool = True
    duel: Duel | None = None
    scale: list[ScaleEntry] = []
    census: CensusEntry | None = None
    imported_from: str = ""


class Commit(msgspec.Struct):
    """The commit that was measured; its id is ``unknown`` where nobody asked for one."""

    id: str = "unknown"
    dirty: bool = False
    branch: str = ""


class Run(msgspec.Struct):
    """pytest-benchmark's document with a section of Speedgate's."""

    benchmarks: list[Benchmark]
    speedgate: Section
    machine_info: MachineShape = msgspec.field(default_factory=MachineShape)
    commit_info: Commit = msgspec.field(default_factory=Commit)
    datetime: str = ""
    version: str = ""
    speedgate_digest: Digest = ""


def schema() -> Json:
    """Return the JSON Schema of a saved run."""
    (top,), parts = msgspec.json.schema_components([Run], ref_template="#/$defs/{name}")
    # Others may keep in extra_info what they like: it is ours where it has a case.
    parts["Benchmark"]["properties"]["extra_info"] = {
        "anyOf": [
            {"$ref": "#/$defs/ExtraInfo"},
            {"type": "null"},
            {"type": "object", "not": {"required": ["case"]}},
        ]
    }
    # The id of a case joins them by "-"; the names of other projects' benchmarks are theirs.
    case = parts["CaseEntry"]["properties"]
    case["workload"]["pattern"], case["strategy"]["pattern"] = "^[^-]*$|[.:(]", "^[^-]*$"
    meanings = meanings_in(README.read_text(encoding="utf-8"))
    for name in DESCRIBED:
        describe(parts[name]["properties"], meanings)
    parts = {name: without_defaults(part) for name, part in sorted(parts.items())}
    return {"$schema": DIALECT, "title": TITLE, "description": MANY, **top, "$defs": parts}


def meanings_in(page: str) -> dict[str, str]:
    """Return the meaning of each field that a row of the page's tables names."""
    return {
        name: meaning.replace("`", "").strip()
        for names, meaning in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|$", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }


def describe(properties: Json, meanings: dict[str, str]) -> None:
    """Give each property its meaning; a reference keeps its own beside it."""
    for name, property_ in properties.items():
        properties[name] = {"description": meanings[name], **property_}


def without_defaults(part: Any) -> Any:
    """Return a part without what a field is where it is missing: that is the reader's business."""
    if isinstance(part, list):
        return [without_defaults(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {key: without_defaults(value) for key, value in part.items() if key != "default"}


def text() -> str:
    """Return the text of the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    TARGET.write_text(text(), encoding="utf-8")
    print(f"written: {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
