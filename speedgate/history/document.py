"""Run: a file of the history, which is pytest-benchmark's JSON with a section of ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from speedgate.history.intake import (
    MOST,
    AtLeastOne,
    Count,
    IntakeError,
    NotNegative,
    any_json,
    as_text,
    decoded,
    duel_of,
    environment_of,
    rebuilt,
)
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_class import Classification, GilClass, classify
from speedgate.judging.row import Row, Side
from speedgate.measuring.measure import LEAST_PAIRS
from speedgate.measuring.measurement import Measurement
from speedgate.runner.strategies import STRATEGIES
from speedgate.stats.accounting import median_shares, page_faults
from speedgate.stats.case import Case
from speedgate.stats.estimate import (
    DEFAULT_CONFIDENCE,
    Estimate,
    estimate_median,
    sign_autocorrelation,
)
from speedgate.stats.moments import Moments, across_processes
from speedgate.stats.sample import FIELDS, Pair, PairedSample, Round
from speedgate.stats.speedup import BASELINE

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
        over_processes(evidence.speedup, evidence.process_speedups),
        evidence.held,
        evidence.concurrency,
        evidence.control,
        evidence.gil_enabled,
    ).as_json()


def over_processes(rounds: Estimate | None, speedups: Sequence[float]) -> Estimate | None:
    """Return a speedup with the interval that holds what fresh processes differ by.

    ``speedups`` are the medians of the processes whose ``rounds`` these are; none are known of a
    run that kept none, which then counts as of one process.
    """
    if rounds is None or rounds.value <= 0:
        return rounds
    return across_processes(rounds, process_moments(speedups))


def process_moments(speedups: Sequence[float]) -> Moments:
    """Return the moments of the logarithms of the processes' speedups, of one if none is known."""
    logs = [math.log(each) for each in speedups if each > 0]
    return Moments.of(logs) if logs else Moments(1, 0.0, 0.0)


def extra_info(measurement: Measurement) -> Json:
    """Return what is kept of a measurement beside pytest-benchmark's own figures; plain JSON."""
    evidence = measurement.evidence(DEFAULT_CONFIDENCE)
    shares = median_shares(measurement.sample, measurement.case.workers)
    opened = measurement.replies[0] if measurement.replies else {}
    return {
        "case": measurement.case.as_json(),
        "seconds": _seconds_json(measurement),
        "cpu_per_wall": _cpu_per_wall_json(measurement),
        "speedup": _speedup_json(evidence.speedup),
        "control": evidence.control.as_json() if evidence.control else None,
        "concurrency": evidence.concurrency.as_json() if evidence.concurrency else None,
        "shares": shares.as_json() if shares else None,
        "inflation": evidence.inflation,
        "held": evidence.held.as_json() if evidence.held else None,
        "sides": _sides(measurement.sample),
        "page_faults": page_faults(measurement.sample),
        "process_speedups": list(evidence.process_speedups),
        "blas_threads": _blas_threads(opened.get("blas")),
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


def seconds_a_call(measurement: Measurement) -> list[float]:
    """Return the contender's seconds a call, round by round: rounds of two runs differ in calls."""
    calls = measurement.first("tasks") * measurement.first("loops")
    return [pair.contender.seconds / calls for pair in measurement.sample.pairs]


def _seconds_json(measurement: Measurement) -> Json | None:
    if not measurement.sample.pairs:
        return None
    calls = measurement.first("tasks") * measurement.first("loops")
    found = _estimate_over(measurement, lambda pair: pair.contender.seconds / calls)
    return found.as_json() if found else None


def _cpu_per_wall_json(measurement: Measurement) -> Json | None:
    """CPU seconds of the contender's median round over its wall seconds, with an interval."""
    found = _estimate_over(measurement, lambda pair: pair.contender.cpu_per_wall)
    contender = _sides(measurement.sample).get("contender")
    if found is None or contender is None or not found.value:
        return None
    # The earlier runs know the medians of both, not that of their ratio.
    factor = contender["cpu"] / contender["seconds"] / found.value
    value, low, high = (factor * each for each in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.confidence, found.count).as_json()


def _estimate_over(measurement: Measurement, of: Callable[[Pair], float | None]) -> Estimate | None:
    """Return the median of a figure over the pairs, whose neighbours may resemble each other.

    How much is told within each process: that processes have levels of their own is what runs
    differ by, and the history knows it. Rounds enough, but too much alike to count as such, leave
    all that they cover.
    """
    runs = [[of(pair) for pair in pairs] for pairs in measurement.processes]
    known = [[value for value in run if value is not None] for run in runs]
    if [len(run) for run in known] != [len(run) for run in runs]:
        return None
    values = [value for run in known for value in run]
    around = [[value - median(run) for value in run] for run in known]
    found = estimate_median(values, autocorrelation=sign_autocorrelation(around))
    if found is None or found.is_bounded or len(values) < LEAST_PAIRS:
        return found
    return replace(found, low=min(values), high=max(values))


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


def section(
    environment: Json, judgements: Iterable[Judgement], complete: bool = True, **more: Any
) -> Json:
    """Return the document's ``speedgate`` section; a run that was cut short is not complete."""
    return {
        "format_version": FORMAT_VERSION,
        "complete": complete,
        "environment": environment,
        "judgements": [judgement.as_json() for judgement in judgements],
        **more,
    }


class EstimateEntry(msgspec.Struct):
    """What ``Estimate.as_json`` wrote; null bounds are infinite."""

    value: float
    low: float | None = None
    high: float | None = None
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
        if "-" in self.workload or "-" in self.strategy:  # no id can hold it
            raise ValueError("a workload's or strategy's name must not hold '-'")

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

    def classification(self) -> Classification:
        return Classification(self.kind, self.certain, self.reason)


class PromiseEntry(msgspec.Struct, rename={"promised": "class"}):
    promised: str
    source: str = ""


class SideEntry(msgspec.Struct):
    """What ``_sides`` wrote of one side."""

    seconds: NotNegative
    cpu: float | None = None
    voluntary_switches: float | None = None
    involuntary_switches: float | None = None

    def side(self) -> Side:
        return Side(self.seconds, self.cpu, self.voluntary_switches, self.involuntary_switches)


class SidesEntry(msgspec.Struct):
    baseline: SideEntry | None = None
    contender: SideEntry | None = None


class SharesEntry(msgspec.Struct):
    waiting: float | None = None
    idle: float | None = None


class CaseInfo(msgspec.Struct):
    """The fields of a benchmark's ``extra_info`` that are read again."""

    case: CaseEntry
    speedup: EstimateEntry | None = None
    bench: str = ""
    seconds: EstimateEntry | None = None
    process_speedups: list[float] = []
    cpu_per_wall: EstimateEntry | None = None
    control: EstimateEntry | None = None
    inflation: float | None = None
    held: EstimateEntry | None = None
    page_faults: tuple[float, float] | None = None
    concurrency: ConcurrencyEntry | None = None
    tasks: Count | None = None
    loops: Count | None = None
    gil_class: ClassEntry | None = None
    promise: PromiseEntry | None = None
    sides: SidesEntry | None = None
    shares: SharesEntry | None = None
    blas_threads_asked: int | str | None = None
    start_seconds: float | None = None
    broken: str | None = None

    def __post_init__(self) -> None:
        found = self.speedup
        if found is not None and not (found.value > 0 and (found.low is None or found.low > 0)):
            raise ValueError("a speedup and its bounds are above 0")

    @property
    def calls(self) -> int:
        """Calls in a round; 1 where it is not known."""
        return (self.tasks or 1) * (self.loops or 1)


class StatsEntry(msgspec.Struct):
    median: float


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
        found = any_json(info)
    except IntakeError:
        return False
    if not isinstance(found, dict):
        return False
    case = found.get("case")
    is_case = isinstance(case, dict) and case.keys() >= {"workload", "strategy"}
    return is_case or found.keys() >= TELLING_INFO


class CommitEntry(msgspec.Struct):
    id: str = "unknown"
    dirty: bool = False
    branch: str = ""


class JudgementEntry(msgspec.Struct):
    """The fields of a judgement that are read again."""

    gate: str
    case: CaseEntry
    verdict: Verdict
    reason: str = ""
    at_most: float | None = None
    benchmark: str = ""


class SectionEntry(msgspec.Struct):
    format_version: int
    environment: Json
    judgements: list[JudgementEntry]
    complete: bool = True
    duel: Json | None = None


class RunDocument(msgspec.Struct):
    """A file, as far as it is read again. The section is decoded once its version is known."""

    benchmarks: list[BenchmarkEntry]
    speedgate: msgspec.Raw
    commit_info: CommitEntry = msgspec.field(default_factory=CommitEntry)
    datetime: str = ""


class AnyRunDocument(msgspec.Struct):
    """A file some of whose benchmarks are not of ours: twice as slow to read."""

    benchmarks: list[AnyBenchmarkEntry]
    speedgate: msgspec.Raw
    commit_info: CommitEntry = msgspec.field(default_factory=CommitEntry)
    datetime: str = ""

    def document(self) -> RunDocument:
        benchmarks = [each.benchmark() for each in self.benchmarks]
        return RunDocument(benchmarks, self.speedgate, self.commit_info, self.datetime)


_decode_info: Callable[[Any], CaseInfo | None] = msgspec.json.Decoder(CaseInfo | None).decode
_decode_class = msgspec.json.Decoder(ClassEntry).decode
_decode_ours = msgspec.json.Decoder(RunDocument).decode
_decode_any = msgspec.json.Decoder(AnyRunDocument).decode
_decode_section = msgspec.json.Decoder(SectionEntry).decode


@dataclass(frozen=True)
class Run:
    """One file of the history. ``name`` is how the reader knows it: a path or an address."""

    name: str
    document: RunDocument
    section: SectionEntry

    @property
    def environment(self) -> Json:
        return self.section.environment

    @property
    def judgements(self) -> list[JudgementEntry]:
        return self.section.judgements

    @property
    def duel(self) -> Json | None:
        """The duel that this run is one side of, as it is shown again; ``None`` of any other."""
        return self.section.duel

    @property
    def is_complete(self) -> bool:
        return self.section.complete

    @property
    def failed_cases(self) -> set[tuple[str, str]]:
        """The id of each case that a gate failed, and the full name of its benchmark.

        Older runs say no benchmark: there the name is empty, and all that measured the case are
        meant.
        """
        failed = (each for each in self.judgements if each.verdict is Verdict.FAILED)
        return {(each.case.case().id, each.benchmark) for each in failed}

    @property
    def is_trusted(self) -> bool:
        """Whether the negative control, which is asked for at most so much, let the run stand."""
        return not any(
            each.at_most is not None and each.verdict is Verdict.FAILED for each in self.judgements
        )

    def entries(self) -> list[tuple[BenchmarkEntry, CaseInfo | None]]:
        """Return the benchmarks, each with what is ours of it."""
        version = self.section.format_version
        return [(entry, entry.info(version)) for entry in self.document.benchmarks]

    def rows(self) -> list[Row]:
        """Return the cases of the run, without those of other plugins' benchmarks."""
        return [_row(info) for _, info in self.entries() if info is not None]

    def others(self) -> list[tuple[str, float]]:
        """Return the benchmarks that are not ours: the name, and the median of seconds a call."""
        return [
            (entry.fullname or entry.name, entry.stats.median)
            for entry, info in self.entries()
            if info is None
        ]


def row_of(info: Json) -> Row:
    """Return the row of a benchmark's ``extra_info``."""
    return _row(rebuilt(info, CaseInfo))


def _row(info: CaseInfo) -> Row:
    return Row(
        case=info.case.case(),
        speedup=over_processes(_estimate(info.speedup), info.process_speedups),
        rounds=_estimate(info.speedup),
        cpu_per_wall=_estimate(info.cpu_per_wall),
        bench=info.bench,
        seconds=_estimate(info.seconds),
        control=info.control.value if info.control else None,
        inflation=info.inflation,
        held=_estimate(info.held),
        page_faults=info.page_faults,
        concurrency=_bounds(info.concurrency),
        tasks=info.tasks,
        loops=info.loops,
        gil_class=info.gil_class.classification() if info.gil_class else None,
        promise=info.promise.promised if info.promise else None,
        promise_source=info.promise.source if info.promise else "",
        sides=_both_sides(info.sides),
        is_blas_default=info.blas_threads_asked == "default",
        idle=info.shares.idle if info.shares else None,
        start_seconds=info.start_seconds,
    )


def _both_sides(sides: SidesEntry | None) -> dict[str, Side]:
    both = {} if sides is None else {"baseline": sides.baseline, "contender": sides.contender}
    return {name: entry.side() for name, entry in both.items() if entry is not None}


def _estimate(entry: EstimateEntry | None) -> Estimate | None:
    return None if entry is None else entry.estimate()


def _bounds(concurrency: ConcurrencyEntry | None) -> tuple[float, float | None] | None:
    if concurrency is None:
        return None
    return concurrency.low.value, concurrency.high.value if concurrency.high else None


def decode_class(text: str) -> Classification:
    """Return the class that the index keeps as JSON; ``IntakeError`` if it is none."""
    return decoded(text.encode(), _decode_class).classification()


def decode_run(name: str, data: bytes) -> Run:
    """Return the run in ``data``; ``HistoryError`` if it is none of ours, broken or newer."""
    name = as_text(name)
    try:
        document = _decode_document(data)
        section = decoded(document.speedgate, _decode_section)
        section.environment = environment_of(section.environment)
        section.duel = duel_of(section.duel)
    except IntakeError as error:
        raise _why_no_run(name, data, error) from None
    if not 1 <= section.format_version <= FORMAT_VERSION:
        raise HistoryError(_other_version(name, section.format_version))
    return Run(name, document, section)


def _decode_document(data: bytes) -> RunDocument:
    try:
        return decoded(data, _decode_ours)
    except IntakeError:
        return decoded(data, _decode_any).document()


def _other_version(name: str, version: int) -> str:
    known = f"{name} has format version {version}; this speedgate reads 1 to {FORMAT_VERSION}"
    return f"{known}: upgrade speedgate" if version > FORMAT_VERSION else known


def _why_no_run(name: str, data: bytes, error: Exception) -> HistoryError:
    """Tell a file that is cut off from one of a newer version, or that was never a run of ours."""
    try:
        found = any_json(data)
    except IntakeError as no_json:
        return HistoryError(f"{name} is not a run: {no_json}")
    if not isinstance(found, dict) or "speedgate" not in found:
        why = f"{name} is not a run of speedgate: it has no 'speedgate' section"
        if isinstance(found, dict) and {"benchmarks", "machine_info"} <= found.keys():
            return PlainRun(f"{why}; 'python -m speedgate import {name}' takes it in")
        return HistoryError(why)
    ours = found["speedgate"]
    version = ours.get("format_version") if isinstance(ours, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        return HistoryError(_other_version(name, version))
    return HistoryError(f"{name} is not a whole run ({error})")


def read_run(path: Path) -> Run:
    """Return the run in ``path``; ``HistoryError`` if it is none of ours, broken or newer."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from None
    return decode_run(str(path), data)


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
            parts = [None if each is None else each / calls for each in parts]
            stats[name] = parts if isinstance(value, list) else parts[0]
        stats["ops"] = 1 / stats["mean"] if stats.get("mean") else 0
    return document


def _calls(info: Json) -> int:
    """The calls of a round, where it is known, else 1; others' remarks may have the same names."""
    known = [info.get(name) for name in ("tasks", "loops")]
    return math.prod(each for each in known if isinstance(each, int) and 0 < each <= MOST)


def encode_run(document: Json) -> bytes:
    """Return a run's document as JSON; what is no JSON is written as pytest-benchmark does."""
    return msgspec.json.encode(document, enc_hook=lambda value: f"UNSERIALIZABLE[{value!r}]")
