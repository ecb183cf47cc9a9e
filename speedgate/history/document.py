"""Run: a file of the history, which is pytest-benchmark's JSON with a section of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from speedgate import files
from speedgate.history.duel_shape import duel_of
from speedgate.history.format import (
    FORMAT_VERSION,
    BenchmarkEntry,
    CaseInfo,
    ConcurrencyEntry,
    EstimateEntry,
    HistoryError,
    Json,
    JudgementEntry,
    PlainRun,
    RunDocument,
    SectionEntry,
    SidesEntry,
    _decode_any,
    _decode_ours,
    _decode_section,
)
from speedgate.history.intake import (
    IntakeError,
    any_json,
    as_text,
    decoded,
    environment_of,
)
from speedgate.history.seal import FIELD, is_intact
from speedgate.judging.gate import Verdict
from speedgate.judging.row import Row, Side
from speedgate.measuring.measured_row import over_processes
from speedgate.stats.estimate import (
    Estimate,
)


@dataclass(frozen=True)
class Run:
    """One file of the history. ``name`` is how the reader knows it: a path or an address."""

    name: str
    document: RunDocument
    section: SectionEntry
    # Set by ``report.notebook``, which lies above this package.
    html_of: ClassVar[Callable[[Run], str] | None] = None

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows; ``None``, which it takes for nothing, without reports."""
        return None if Run.html_of is None else Run.html_of(self)

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
        failed = (judgement for judgement in self.judgements if judgement.verdict is Verdict.FAILED)
        return {(judgement.case.case().id, judgement.benchmark) for judgement in failed}

    @property
    def is_trusted(self) -> bool:
        """Whether the negative control, which is asked for at most so much, let the run stand."""
        return not any(
            judgement.at_most is not None and judgement.verdict is Verdict.FAILED
            for judgement in self.judgements
        )

    def entries(self) -> list[tuple[BenchmarkEntry, CaseInfo | None]]:
        """Return the benchmarks, each with what is ours of it."""
        version = self.section.format_version
        return [(entry, entry.info(version)) for entry in self.document.benchmarks]

    def rows(self) -> list[Row]:
        """Return the cases of the run, without those of other plugins' benchmarks."""
        return [row_of(info) for _, info in self.entries() if info is not None]

    def others(self) -> list[tuple[str, float]]:
        """Return the benchmarks that are not ours: the name, and the median of seconds a call."""
        return [
            (entry.fullname or entry.name, entry.stats.median)
            for entry, info in self.entries()
            if info is None
        ]


def row_of(info: CaseInfo) -> Row:
    """Return what a report shows of a case that a file keeps."""
    return Row(
        case=info.case.case(),
        speedup=over_processes(_estimate(info.speedup), info.process_speedups),
        rounds=_estimate(info.speedup),
        cpu_per_wall=_estimate(info.cpu_per_wall),
        bench=info.bench,
        seconds=_estimate(info.seconds),
        control=_estimate(info.control),
        inflation=info.inflation,
        gil_held_share=_estimate(info.gil_held_share),
        page_faults=info.page_faults,
        concurrency=_bounds(info.concurrency),
        tasks=info.tasks,
        loops=info.loops,
        gil_class=info.gil_class.classification() if info.gil_class else None,
        promise=info.promise.promised if info.promise else None,
        promise_source=info.promise.source if info.promise else "",
        sides=_both_sides(info.sides),
        is_blas_default=info.blas_threads_asked == "default",
        shares=info.shares.shares() if info.shares else None,
        start_seconds=info.start_seconds,
        figures={key: entry.estimate() for key, entry in info.figures.items()},
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
    if document.speedgate_digest and not is_intact(data):
        raise HistoryError(
            f"{name} has changed since it was written: its digest does not fit; restore it, or "
            f"remove its '{FIELD}' if the change is meant"
        )
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
        content = any_json(data)
    except IntakeError as no_json:
        return HistoryError(f"{name} is not a run: {no_json}")
    if not isinstance(content, dict) or "speedgate" not in content:
        why = f"{name} is not a run of speedgate: it has no 'speedgate' section"
        if isinstance(content, dict) and {"benchmarks", "machine_info"} <= content.keys():
            return PlainRun(f"{why}; 'speedgate import {name}' takes it in")
        return HistoryError(why)
    ours = content["speedgate"]
    version = ours.get("format_version") if isinstance(ours, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        return HistoryError(_other_version(name, version))
    return HistoryError(f"{name} is not a whole run ({error})")


def read_run(path: Path) -> Run:
    """Return the run in ``path``; ``HistoryError`` if it is none of ours, broken or newer."""
    try:
        data = files.read(path)
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
    return decode_run(str(path), data)
