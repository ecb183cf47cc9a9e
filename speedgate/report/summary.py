"""The summary at the end of a run: the table, what is remarkable in it, and the gate's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from speedgate.duel.findings import DuelFindings
from speedgate.history.document import Run
from speedgate.history.format import JudgementEntry
from speedgate.judging.advice import advise
from speedgate.judging.gate import Judgement, Verdict
from speedgate.judging.gil_map import broken_promises, operations
from speedgate.judging.row import Row
from speedgate.report.blas import blas_lines, blas_table
from speedgate.report.comparison import INCOMPLETE
from speedgate.report.duel import duel_markdown, duel_table, duel_text
from speedgate.report.first_screen import (
    FirstScreen,
    Line,
    Notice,
    has_few,
    is_whole,
    marks,
    remedy,
    screen_lines,
)
from speedgate.report.map import map_lines, map_table
from speedgate.report.scale import (
    is_scale,
    saved_entries,
    scale_markdown,
    scale_tables,
    scale_text,
)
from speedgate.report.table import FEW, MARKS, Table, markdown, plain, speedup_table, wrapped
from speedgate.report.text import markdown_text, visible
from speedgate.runner.interpreter import blas_libraries
from speedgate.stats.case import Case
from speedgate.stats.figure import SECONDS
from speedgate.stats.speedup import superlinear_reason

Json = dict[str, Any]

LEGEND = (
    "speedup over a plain loop in one worker thread, median and 95% interval over fresh processes; "
    "above 1 is faster"
)
OTHERS = "seconds a call of benchmarks that are not ours: the median of their rounds"


def remarks(rows: Iterable[Row]) -> list[str]:
    """Return a line for every threaded speedup above its number of workers, with the reason."""
    lines = []
    for row in rows:
        if (
            row.speedup is not None
            and row.case.workers > 1
            and row.speedup.value > row.case.workers
        ):
            reason = superlinear_reason(row.speedup, row.case.workers, row.page_faults)
            lines.append(f"{row.case.id}: {reason}")
    return lines


def summary_lines(
    rows: Sequence[Row], judgements: Sequence[Judgement], width: int, with_table: bool = True
) -> list[Line]:
    """Return the lines of the summary, each with the verdict that it tells, if any.

    Without the table, what is remarkable in it and the words of every verdict.
    """
    paragraphs: list[Line] = []
    lines: list[Line] = []
    if rows and with_table:
        mark_of = marks((judgement.case, judgement.verdict) for judgement in judgements)
        lines += [(line, None) for line in plain(speedup_table(rows, mark_of), width)]
        paragraphs += [("", None), *((line, None) for line in meanings(rows))]
    paragraphs += [(remark, None) for remark in remarks(rows)]
    fastest = [advice.short for advice in advise(rows)]
    if fastest:
        paragraphs.append((f"fastest here: {'; '.join(fastest)}", None))
    if judgements:
        used = [
            verdict
            for verdict in Verdict
            if verdict in {judgement.verdict for judgement in judgements}
        ]
        legend = ", ".join(f"{MARKS[verdict]} {verdict.value}" for verdict in used)
        paragraphs += [(f"gate: {legend}", None), ("", None)]
        paragraphs += [(judgement.line, judgement.verdict) for judgement in judgements]
    for text, verdict in paragraphs:
        lines += [(line, verdict) for line in wrapped(text, width)]
    return lines


def meanings(rows: Iterable[Row]) -> list[str]:
    """Return what the figures of a table of speedups are; nothing without any."""
    measured = [row for row in rows if row.speedup is not None]
    few = [FEW] if has_few(measured) else []
    return [LEGEND, *few] if measured else []


def origin_lines(run: Run, width: int) -> list[str]:
    """Return where a run is, and that it was cut short if it was."""
    lines = [visible(f"from {run.name}")]
    return lines if run.is_complete else [*lines, *wrapped(INCOMPLETE, width)]


def _others_table(run: Run) -> Table:
    rows = tuple((name, SECONDS.number(seconds)) for name, seconds in run.others())
    return Table(("benchmark", "seconds"), rows)


def text_run(run: Run, width: int) -> list[Line]:
    """Return a stored run as the terminal showed it: a table for each bench, then the gate."""
    head = [*wrapped(environment_line(run.environment), width), *origin_lines(run, width), ""]
    if run.duel is not None:
        return _plain([*head, *duel_text(DuelFindings.from_json(run.duel), width)])
    if is_scale(run):
        return _plain([*head, *scale_text(*saved_entries(run), width)])
    screen = run_screen(run)
    above = screen_lines(screen, width) if run.rows() else []
    lines = [*_plain(head), *above, *_plain(_tables(run, screen, width))]
    for judgement in run.judgements:
        words = [(line, judgement.verdict) for line in wrapped(_sentence(judgement), width)]
        lines += [] if set(words) <= set(above) else words
    return lines


def _plain(lines: Iterable[str]) -> list[Line]:
    """Lines that tell no verdict."""
    return [(line, None) for line in lines]


def _tables(run: Run, screen: FirstScreen, width: int) -> Iterator[str]:
    """The benches that the screen does not show whole, what is remarkable in them, and the
    benchmarks that are not ours."""
    shown = {row.bench for row in screen.rows} if is_whole(screen, width) else set()
    for rows in _by_bench(run):
        if rows[0].bench not in shown:
            yield from ("", *_bench_lines(rows, run, width))
        yield from (line for remark in remarks(rows) for line in wrapped(remark, width))
    if not meanings(screen.rows):
        yield from (line for text in meanings(run.rows()) for line in wrapped(text, width))
    elif has_few(run.rows()) and not has_few(screen.rows):
        yield FEW
    if run.others():
        yield from [""] if run.rows() else []
        yield from (*plain(_others_table(run), width), "", *wrapped(OTHERS, width))


def run_screen(run: Run) -> FirstScreen:
    """Return what the first screen holds of a stored run: that of the session, as far as a file
    keeps it. The table is that of the benches with a gate, or of the first one."""
    benches = [rows for rows in _by_bench(run) if not _has_table_of_its_own(rows)]
    judged = [(judgement.case.case(), judgement.verdict) for judgement in run.judgements]
    cases = {case for case, _ in judged}
    gated = [rows for rows in benches if cases & {row.case for row in rows}]
    return FirstScreen(
        rows=[row for rows in gated or benches[:1] for row in rows],
        judged=judged,
        findings=[
            Notice(
                entry.verdict,
                _sentence(entry),
                remedy(entry.gate, entry.verdict, entry.at_most is not None),
            )
            for entry in run.judgements
            if entry.verdict is not Verdict.PASSED
        ],
        problems=[Notice(Verdict.FAILED, line) for line in broken_promises(run.rows())],
        cases=len(run.rows()),
    )


def _has_table_of_its_own(rows: Sequence[Row]) -> bool:
    return any(row.gil_class or row.is_blas_default for row in rows)


def _bench_lines(rows: list[Row], run: Run, width: int) -> list[str]:
    """The table of one bench: of its own kind, or the common one."""
    if any(row.gil_class for row in rows):
        return map_lines(rows, width)
    if any(row.is_blas_default for row in rows):
        return blas_lines(rows, width)
    return plain(speedup_table(rows, _marks(rows, run.judgements)), width)


def _bench_table(rows: list[Row], run: Run) -> Table:
    if any(row.gil_class for row in rows):
        return map_table(operations(rows))
    if any(row.is_blas_default for row in rows):
        return blas_table(rows)
    return speedup_table(rows, _marks(rows, run.judgements))


def markdown_run(run: Run) -> str:
    """Return a stored run in Markdown, as for the summary of a CI job."""
    parts = [f"### {markdown_text(environment_line(run.environment))}", ""]
    if not run.is_complete:
        parts += [f"{INCOMPLETE}.", ""]
    if run.duel is not None:
        return "\n".join([*parts, duel_markdown(DuelFindings.from_json(run.duel))])
    if is_scale(run):
        return "\n".join([*parts, scale_markdown(*saved_entries(run))])
    for rows in _by_bench(run):
        parts += [markdown(_bench_table(rows, run)), ""]
        parts += [f"- {markdown_text(remark)}" for remark in remarks(rows)]
    parts += [*meanings(run.rows()), ""]
    if run.others():
        parts += [markdown(_others_table(run)), "", OTHERS, ""]
    return "\n".join(
        parts + [f"- {markdown_text(_sentence(judgement))}" for judgement in run.judgements]
    )


def run_tables(run: Run) -> list[tuple[str, Table]]:
    """Return the tables of a stored run, each under its bench; of a duel's side, the duel's; of a
    project's own benchmarks, which have no size, those of ``scale``."""
    if run.duel is not None:
        return [("duel", duel_table(DuelFindings.from_json(run.duel)))]
    if is_scale(run):
        return [(title, table) for title, table in scale_tables(run) if table.rows]
    tables = [(rows[0].bench, _bench_table(rows, run)) for rows in _by_bench(run)]
    return [*tables, (OTHERS, _others_table(run))] if run.others() else tables


def _by_bench(run: Run) -> list[list[Row]]:
    benches: dict[str, list[Row]] = {}
    for row in run.rows():
        benches.setdefault(row.bench, []).append(row)
    return list(benches.values())


def _marks(rows: Iterable[Row], judgements: Iterable[JudgementEntry]) -> dict[Case, Verdict]:
    verdicts = marks((judgement.case.case(), judgement.verdict) for judgement in judgements)
    return {row.case: verdicts[row.case] for row in rows if row.case in verdicts}


def _sentence(judgement: JudgementEntry) -> str:
    return f"{judgement.verdict.value}: {judgement.case.case().id} {judgement.reason}"


def environment_line(environment: Json) -> str:
    """Return ``AMD EPYC, 2 cores; Python 3.11.7; NumPy 2.4.6; openblas 0.3.30``."""
    numpy = (environment.get("numpy") or {}).get("version")
    blas = [
        f"{library.get('internal_api')} {library.get('version')}"
        for library in blas_libraries(environment.get("blas"))
    ]
    cores = environment.get("usable_cores") or "unknown"
    parts = [
        f"{environment.get('cpu') or 'unknown CPU'}, {cores} usable cores",
        python_words(environment),
        f"NumPy {numpy}" if numpy else "NumPy unknown",
        *blas,
    ]
    return "; ".join(parts)


def python_words(environment: Json) -> str:
    """Return ``Python 3.13.5``, with what a free-threaded build does with its GIL."""
    words = f"Python {environment.get('python') or 'unknown'}"
    if not environment.get("gil_enabled", True):
        return f"{words} without GIL"
    return f"{words}t with its GIL on" if environment.get("free_threaded_build") else words
