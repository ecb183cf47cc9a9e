"""Format: what is in a file of the history; each part is checked as it is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from speedgate.history.intake import (
    LEAST_SECONDS,
    AtLeastOne,
    IntakeError,
    NotNegative,
    Plausible,
    any_json,
    decoded,
)
from speedgate.judging.gate import Verdict
from speedgate.judging.gil_class import Classification, GilClass
from speedgate.judging.history_gate import Shift
from speedgate.judging.row import Side
from speedgate.measuring.shapes import MOST, Count
from speedgate.stats.accounting import Shares
from speedgate.stats.case import Case
from speedgate.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from speedgate.stats.figure import FIGURE, GIL_HELD_SHARE, Figure

# 1 (2026-11): case, pairs, speedup, accounting, controls in extra_info; environment and
#              judgements in the document's "speedgate".
# 2 (2026-11): "complete"; "seconds" a call with an interval; pytest-benchmark's stats are seconds
#              a call, in version 1 seconds a round, whose calls differ from run to run.
FORMAT_VERSION = 2

Json = dict[str, Any]


class HistoryError(Exception):
    """A file of the history cannot be used; the text names it and says why."""


class PlainRun(HistoryError):
    """The file is a run of plain pytest-benchmark: nothing is wrong with it, but it is not ours."""


class EstimateEntry(msgspec.Struct):
    """What ``Estimate.as_json`` wrote; null bounds are infinite."""

    value: Plausible
    low: Plausible | None = None
    high: Plausible | None = None
    confidence: float = DEFAULT_CONFIDENCE
    count: Count = 0

    def __post_init__(self) -> None:
        # As an Estimate would; a history has many of these, and makes few of them Estimates.
        low, high = self.low, self.high
        if (low is not None and low > self.value) or (high is not None and high < self.value):
            raise ValueError(f"{self.value} does not lie between its bounds, {low} and {high}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, not {self.confidence}")

    def estimate(self) -> Estimate:
        return Estimate(
            self.value,
            float("-inf") if self.low is None else self.low,
            float("inf") if self.high is None else self.high,
            self.confidence,
            self.count,
        )


class CaseEntry(msgspec.Struct, frozen=True):
    workload: str
    size: AtLeastOne
    strategy: str
    workers: AtLeastOne

    def __post_init__(self) -> None:
        if "-" in self.workload or "-" in self.strategy:
            self.case()  # raises where no id can hold it; other projects' names may

    def case(self) -> Case:
        return Case(self.workload, self.size, self.strategy, self.workers)


class ConcurrencyEntry(msgspec.Struct):
    low: EstimateEntry
    high: EstimateEntry | None = None


class ClassEntry(msgspec.Struct, rename={"kind": "class"}):
    """What ``Classification.as_json`` wrote."""

    kind: GilClass
    certain: bool
    reason: str
    cause: str = ""

    def classification(self) -> Classification:
        return Classification(self.kind, self.certain, self.reason, self.cause)


class PromiseEntry(msgspec.Struct, rename={"promised": "class"}):
    promised: str
    source: str = ""


class SideEntry(msgspec.Struct):
    """What ``_sides`` wrote of one side."""

    seconds: NotNegative
    cpu: Plausible | None = None
    voluntary_switches: Plausible | None = None
    involuntary_switches: Plausible | None = None

    def __post_init__(self) -> None:
        if 0 < self.seconds < LEAST_SECONDS:  # what is divided by it must stay a number
            raise ValueError(f"no clock tells {self.seconds} seconds")

    def side(self) -> Side:
        return Side(self.seconds, self.cpu, self.voluntary_switches, self.involuntary_switches)


class SidesEntry(msgspec.Struct):
    baseline: SideEntry | None = None
    contender: SideEntry | None = None

    @property
    def cpu_per_wall(self) -> EstimateEntry | None:
        """The ratio of the medians: what runs kept before they kept the figure itself."""
        side = self.contender
        if side is None or side.cpu is None or not side.seconds:
            return None
        return EstimateEntry(side.cpu / side.seconds)


class SharesEntry(msgspec.Struct):
    on_cpu: Plausible | None = None
    waiting: Plausible | None = None
    blocked: Plausible | None = None
    idle: Plausible | None = None

    def shares(self) -> Shares | None:
        """Return the shares; ``None`` where not even the time on a CPU is known."""
        if self.on_cpu is None:
            return None
        return Shares(self.on_cpu, self.waiting, self.blocked, self.idle)


class CaseInfo(msgspec.Struct, rename={GIL_HELD_SHARE.name: GIL_HELD_SHARE.key}):
    """The fields of a benchmark's ``extra_info`` that are read again."""

    case: CaseEntry
    speedup: EstimateEntry | None = None
    bench: str = ""
    seconds: EstimateEntry | None = None
    process_speedups: list[float] = []
    cpu_per_wall: EstimateEntry | None = None
    # Of figures that have no field of their own above, by their keys.
    figures: dict[str, EstimateEntry] = {}
    control: EstimateEntry | None = None
    inflation: Plausible | None = None
    gil_held_share: EstimateEntry | None = None
    page_faults: tuple[Plausible, Plausible] | None = None
    concurrency: ConcurrencyEntry | None = None
    tasks: Count | None = None
    loops: Count | None = None
    gil_class: ClassEntry | None = None
    promise: PromiseEntry | None = None
    sides: SidesEntry | None = None
    shares: SharesEntry | None = None
    blas_threads_asked: int | str | None = None
    start_seconds: Plausible | None = None
    broken: str | None = None

    def __post_init__(self) -> None:
        speedup = self.speedup
        if speedup is not None and not (
            speedup.value > 0 and (speedup.low is None or speedup.low > 0)
        ):
            raise ValueError("a speedup and its bounds are above 0")

    def entry(self, figure: Figure) -> EstimateEntry | None:
        """Return what is kept of a watched figure; runs before format 2 had fewer."""
        known = self.figures.get(figure.key) or getattr(self, figure.name, None)
        if known is None and figure.key == "cpu_per_wall" and self.sides is not None:
            return self.sides.cpu_per_wall
        return known if isinstance(known, EstimateEntry) else None

    @property
    def calls(self) -> int:
        """Calls in a round; 1 where it is not known."""
        return (self.tasks or 1) * (self.loops or 1)


class StatsEntry(msgspec.Struct):
    median: Plausible


class BenchmarkEntry(msgspec.Struct):
    """A benchmark of the run: of ours, or of anybody who uses pytest-benchmark."""

    name: str
    stats: StatsEntry
    fullname: str = ""
    extra_info: CaseInfo | None = None

    def info(self, format_version: int) -> CaseInfo | None:
        """Return what is ours of it; ``None`` where nothing is."""
        info = self.extra_info
        if info is not None and format_version < 2:  # there the stats are those of a round
            info.seconds = EstimateEntry(self.stats.median / info.calls)
        return info


class AnyBenchmarkEntry(msgspec.Struct):
    """A benchmark among which some are not of ours."""

    name: str
    stats: StatsEntry
    fullname: str = ""
    extra_info: msgspec.Raw = msgspec.Raw(b"null")

    def benchmark(self) -> BenchmarkEntry:
        """Return it without what is not ours; ``IntakeError`` if it is ours and damaged."""
        info = None
        try:
            info = decoded(self.extra_info, _decode_info)
        except IntakeError as error:
            if _is_ours(self.extra_info):
                raise IntakeError(f"benchmark {self.name}: {error}") from None
        return BenchmarkEntry(self.name, self.stats, self.fullname, info)


# Whatever else is missing or wrong, nobody else writes all of these.
TELLING_INFO = frozenset({"pairs", "control_pairs", "counters"})


def _is_ours(info: msgspec.Raw) -> bool:
    """Whether an ``extra_info`` was written by us, be it damaged since."""
    try:
        content = any_json(info)
    except IntakeError:
        return False
    if not isinstance(content, dict):
        return False
    case = content.get("case")
    is_case = isinstance(case, dict) and case.keys() >= {"workload", "strategy"}
    return is_case or content.keys() >= TELLING_INFO


class CommitEntry(msgspec.Struct):
    id: str = "unknown"
    dirty: bool = False
    branch: str = ""


class ShiftEntry(msgspec.Struct):
    """What ``Shift.as_json`` wrote; without ``hint`` before that was kept."""

    signal: str
    now: Plausible
    typical: Plausible
    worse: EstimateEntry
    hint: EstimateEntry | None = None

    def shift(self) -> Shift | None:
        """Return the shift; ``None`` of a figure that this version does not know."""
        figure = FIGURE.get(self.signal)
        if figure is None:
            return None
        hint = self.hint or self.worse
        return Shift(figure, self.now, self.typical, self.worse.estimate(), hint.estimate())


class JudgementEntry(msgspec.Struct):
    """The fields of a judgement that are read again."""

    gate: str
    case: CaseEntry
    verdict: Verdict
    reason: str = ""
    speedup: EstimateEntry | None = None
    at_least: Plausible | None = None
    at_most: Plausible | None = None
    benchmark: str = ""
    # Of the gate "history" alone: the figures against those of these runs.
    shifts: list[ShiftEntry] = []
    baseline_runs: list[str] = []

    def known_shifts(self) -> list[Shift]:
        """Return the shifts of the figures that this version knows."""
        shifts = [entry.shift() for entry in self.shifts]
        return [shift for shift in shifts if shift is not None]


class ScaleEntry(msgspec.Struct):
    """What a run of ``scale`` wrote of one benchmark, as far as it is read again."""

    name: str
    threads: AtLeastOne
    outcome: str
    reason: str = ""
    speedup: EstimateEntry | None = None
    held: EstimateEntry | None = None
    shared: EstimateEntry | None = None
    scales: bool | None = None
    cause: str = ""
    contention: str = ""
    inflation: Plausible | None = None
    kind: ClassEntry | None = msgspec.field(name="class", default=None)
    unsampled: str | None = None
    shared_reason: str | None = None


class SuspicionEntry(msgspec.Struct):
    """A case that a screen suspects to have changed: by which factors, one of each look."""

    case: str
    factors: list[NotNegative]


class ScreenEntry(msgspec.Struct):
    """A screen of two ``builds``, of which a run has one: how far it came, and what it suspects.

    Of the ``cases`` all but those ``not_reached`` had a first look, and ``again`` of them a second.
    """

    builds: list[str]
    cases: Count
    again: Count = 0
    not_reached: list[str] = []
    suspected: list[SuspicionEntry] = []


class CensusEntry(msgspec.Struct):
    """What a census found beside the cells that it measured.

    ``functions`` are public, of them ``covered`` have one of the ``cells``. ``reasons`` says why
    the others have none, ``lost`` what was lost when it was listed, ``failed`` which cells could
    not be measured. ``seconds`` is how long all its sessions measured. ``screen`` is not null where
    the looks of a duel's screen were all that was measured. ``function_names`` and ``cell_names``
    are all that there were, and ``cell_calls`` how each of these was called. ``expressions`` are
    those of ``-k`` that chose its cells; an empty one chose all. A run that is older than one of
    these lists has null for it.
    """

    functions: Count
    covered: Count
    cells: Count
    reasons: dict[str, str] = {}
    lost: dict[str, str] = {}
    failed: dict[str, str] = {}
    seconds: NotNegative = 0.0
    screen: ScreenEntry | None = None
    function_names: list[str] | None = None
    cell_names: list[str] | None = None
    cell_calls: list[str] | None = None
    expressions: list[str] | None = None


class SectionEntry(msgspec.Struct):
    format_version: int
    environment: Json
    judgements: list[JudgementEntry]
    complete: bool = True
    duel: Json | None = None
    scale: list[ScaleEntry] = []
    census: CensusEntry | None = None


class RunDocument(msgspec.Struct):
    """A file, as far as it is read again. The section is decoded once its version is known."""

    benchmarks: list[BenchmarkEntry]
    speedgate: msgspec.Raw
    commit_info: CommitEntry = msgspec.field(default_factory=CommitEntry)
    datetime: str = ""
    # Empty in runs that were written before there was one, or by others.
    speedgate_digest: str = ""


class AnyRunDocument(msgspec.Struct):
    """A file some of whose benchmarks are not of ours: twice as slow to read."""

    benchmarks: list[AnyBenchmarkEntry]
    speedgate: msgspec.Raw
    commit_info: CommitEntry = msgspec.field(default_factory=CommitEntry)
    datetime: str = ""
    speedgate_digest: str = ""

    def document(self) -> RunDocument:
        benchmarks = [entry.benchmark() for entry in self.benchmarks]
        return RunDocument(
            benchmarks, self.speedgate, self.commit_info, self.datetime, self.speedgate_digest
        )


_decode_info: Callable[[Any], CaseInfo | None] = msgspec.json.Decoder(CaseInfo | None).decode
_decode_class = msgspec.json.Decoder(ClassEntry).decode
_decode_ours = msgspec.json.Decoder(RunDocument).decode
_decode_any = msgspec.json.Decoder(AnyRunDocument).decode
_decode_section = msgspec.json.Decoder(SectionEntry).decode


def decode_class(text: str) -> Classification:
    """Return the class that the index keeps as JSON; ``IntakeError`` if it is none."""
    return decoded(text.encode(), _decode_class).classification()


# Of pytest-benchmark's stats, those that are no seconds; "ops" is calls a second.
NOT_SECONDS = ("rounds", "iterations", "iqr_outliers", "stddev_outliers", "outliers", "ops")


def upgraded(document: Json) -> Json:
    """Return a stored document, changed in place, with its stats in seconds a call."""
    if document.get("speedgate", {}).get("format_version", FORMAT_VERSION) >= 2:
        return document
    for benchmark in document["benchmarks"]:
        stats, calls = benchmark["stats"], _calls(benchmark.get("extra_info") or {})
        for name in stats.keys() - set(NOT_SECONDS):
            value = stats[name]
            parts = value if isinstance(value, list) else [value]
            parts = [None if part is None else part / calls for part in parts]
            stats[name] = parts if isinstance(value, list) else parts[0]
        stats["ops"] = 1 / stats["mean"] if stats.get("mean") else 0
    return document


def _calls(info: Json) -> int:
    """The calls of a round, where it is known, else 1; others' remarks may have the same names."""
    known = [info.get(name) for name in ("tasks", "loops")]
    return math.prod(count for count in known if isinstance(count, int) and 0 < count <= MOST)


def encode_run(document: Json) -> bytes:
    """Return a run's document as JSON; what is no JSON is written as pytest-benchmark does."""
    return msgspec.json.encode(document, enc_hook=lambda value: f"UNSERIALIZABLE[{value!r}]")
