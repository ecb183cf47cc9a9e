"""A case over the nights: its values, where its level changed, and what was accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from speedgate.history.history import History, RunEntry
from speedgate.history.lines import CaseLine, benchmarks_of, line_of
from speedgate.judging.gate import Verdict
from speedgate.measuring.name_list import listed
from speedgate.page.chart_parts import BLUE, GREY, ORANGE, PURPLE, VERMILLION, quantity, tooltip
from speedgate.page.content import (
    Cell,
    Chart,
    Column,
    Grid,
    GridRow,
    Section,
    as_script,
    finite,
)
from speedgate.page.folder import SiteError
from speedgate.page.packing import packed_places, packed_values, unpacked_places, unpacked_values
from speedgate.page.sources import Sources
from speedgate.report.table import csv_rows
from speedgate.report.text import one_line
from speedgate.stats.changepoints import Change, DriftUnavailable, change_points

Json = dict[str, Any]

QUESTION = "Since when is a case as it is, and which commits lie where it changed?"
REMEDY = "pytest bench/"
# Finding changes takes long on long lines, and dots and bands weigh: of the newest runs only.
CHANGES_IN = 400
DETAIL_IN = 200
LEAST_RUNS = 2  # one run makes no line
CSV_FILE, OLDER_CSV_FILE = "data/history.csv", "data/history-older-{}.csv"
# A file over it is slow to load: older runs stand in files of their own, which stay as they are.
MOST_CSV_BYTES = 4_000_000
WORDS = (
    "The values of one case over the nights, as a line with its interval; horizontal lines are its "
    "levels, vertical ones where it changed its level and where a run was accepted; crosses are "
    "nights in which a gate failed it."
)
KEY = (
    "Band: intervals. Orange: levels. Dashed: a change of level. Triangle: an accepted run. Cross: "
    "a gate failed the case."
)
INSTEAD = "The table has the newest value and the last change of level; the CSV has every value."
LEGEND = (
    f"A change of level is looked for in the newest {CHANGES_IN} runs of each case; that is "
    "advisory. "
    f"The chart has every run as a line, and the newest {DETAIL_IN} with dots and intervals. "
    "Values have three digits; 'speedgate history CASE' has them all, and looks at all runs."
)


@dataclass(frozen=True)
class Told:
    """A line with what is remarkable about it; ``changes`` count from its first point. ``last`` is
    the day on which a case was measured last that is measured no longer, and empty of any other."""

    line: CaseLine
    changes: tuple[Change, ...]
    last: str = ""

    @property
    def is_failing(self) -> bool:
        return self.has_failed and not self.last

    @property
    def has_failed(self) -> bool:
        """Whether a gate failed it when it was measured last."""
        return self.line.points[-1].failed


def section_of(sources: Sources) -> tuple[Section, dict[str, bytes]]:
    """Return the section, and the files with its data: too much for one page."""
    section = Section("history", "Over the nights", QUESTION, remedy=REMEDY)
    if sources.history is None or sources.environment is None:
        return section, {}
    digest = sources.environment.digest
    runs = sources.history.runs((digest,))[::-1]
    if len(runs) < LEAST_RUNS:
        return section, {}
    told = told_lines(sources.history, digest)
    numbers = {run.number: index for index, run in enumerate(runs)}
    tables = csv_files(told, runs, numbers)
    spec = history_spec({})
    chart = Chart("chart-history", "A case over the nights", WORDS, spec, instead=INSTEAD)
    return (
        replace(
            section,
            answer=answer(told, runs),
            grids=(history_grid(told, runs, numbers),),
            charts=(chart,),
            notes=_notes(),
            origin=f"{len(runs)} complete runs of {sources.environment.name}",
            csv_files=tuple(tables),
            key=KEY,
        ),
        tables | dict(scripts(told, runs, numbers)),
    )


def case_section(sources: Sources, case: str | None = None) -> Section:
    """Return the chart of one case, by its name; without one of what failed or changed first."""
    section = Section("history", "Over the nights", QUESTION, remedy=REMEDY)
    if sources.history is None or sources.environment is None:
        return section
    digest = sources.environment.digest
    runs, told = sources.history.runs((digest,))[::-1], told_lines(sources.history, digest, case)
    if case is not None and not told:
        raise SiteError(f"--case {case}: no run of {sources.environment.name} has it")
    if len(runs) < LEAST_RUNS or not told:
        return section
    numbers = {run.number: index for index, run in enumerate(runs)}
    sets = datasets(line_data(told[0], numbers), runs_data(runs))
    name = told[0].line.name
    return replace(
        section,
        answer=f"{name}: {told[0].line.figure.label} over {len(runs)} runs",
        charts=(Chart("chart-history", name, WORDS, history_spec(sets)),),
        key=KEY,
    )


def told_lines(history: History, digest: str, case: str | None = None) -> list[Told]:
    """Return the lines of an environment, or of one case, what fails first, then what changed."""
    lines = [line_of(history, digest, *benchmark) for benchmark in benchmarks_of(history)]
    named = named_by_case([line for line in lines if line is not None])
    last = last_days(named, history.runs((digest,))[::-1])
    # Looking for changes takes long: not in what is not asked for.
    told = [
        replace(_told(line), last=day)
        for line, day in zip(named, last, strict=True)
        if case in (None, line.name, line.case_id)
    ]
    return sorted(
        told, key=lambda item: (not item.is_failing, not item.has_failed, not item.changes)
    )


def last_days(lines: Sequence[CaseLine], runs: Sequence[RunEntry]) -> list[str]:
    """Return of each line the day of its last run, where it is measured no longer: where a case
    that was in this run is in a later one without it. Others are empty.

    Runs of other benchmarks alone, such as a map after the gates, say nothing of it.
    """
    places = {run.number: place for place, run in enumerate(runs)}
    latest = {line.points[-1].run: -1 for line in lines}
    for line in lines:
        last = places[line.points[-1].run]
        for point in line.points:
            if point.run in latest:
                latest[point.run] = max(latest[point.run], last)
    own = [line.points[-1].run for line in lines]
    return ["" if latest[run] == places[run] else runs[places[run]].time[:10] for run in own]


def named_by_case(lines: Sequence[CaseLine]) -> list[CaseLine]:
    """Return the lines by the names of their cases, where no other benchmark measured one."""
    counts = Counter(line.case_id for line in lines)
    return [
        replace(line, name=line.case_id) if line.case_id and counts[line.case_id] == 1 else line
        for line in lines
    ]


def _told(line: CaseLine) -> Told:
    newest = line.points[-CHANGES_IN:]
    first = len(line.points) - len(newest)
    try:
        changes = change_points([point.value for point in newest], not line.figure.is_share)
    except DriftUnavailable:
        changes = []
    return Told(line, tuple(replace(change, index=change.index + first) for change in changes))


def _notes() -> tuple[str, ...]:
    try:
        change_points([1.0, 1.1] * 10)
    except DriftUnavailable as missing:
        return (f"{str(missing)[0].upper()}{str(missing)[1:]}.",)
    return ()


def answer(told: Sequence[Told], runs: Sequence[RunEntry]) -> str:
    """Return how many cases fail and changed, in one sentence."""
    changed = [item.line.name for item in told if item.changes]
    failing = [item.line.name for item in told if item.is_failing]
    gone = [
        f"{item.line.name}, last measured {item.last}"
        for item in told
        if item.has_failed and item.last
    ]
    first, last = runs[0].time[:10], runs[-1].time[:10]
    text = f"{len(runs)} runs from {first} to {last}: "
    text += f"{len(failing)} failing now ({listed(failing, 2)}), " if failing else ""
    text += f"{len(gone)} failed and measured no longer ({listed(gone, 1)}), " if gone else ""
    told_of = f"{len(changed)} of {len(told)} cases changed their level"
    return f"{text}{told_of}{f' ({listed(changed, 2)})' if changed else ''}."


def history_grid(
    told: Sequence[Told], runs: Sequence[RunEntry], numbers: Mapping[int, int]
) -> Grid:
    """Return a row for each case: its newest value, and its last change of level."""
    columns = (
        Column("case"),
        Column("runs", is_number=True),
        Column("newest", is_number=True),
        Column("figure"),
        Column("last change of level"),
        Column("first run at it"),
    )
    rows = tuple(GridRow(_cells(item, runs, numbers), item.line.name) for item in told)
    return Grid("table-history", "Every case", columns, rows, LEGEND, is_filtered=True)


def _cells(item: Told, runs: Sequence[RunEntry], numbers: Mapping[int, int]) -> tuple[Cell, ...]:
    line, text = item.line, item.line.figure.text
    change = item.changes[-1] if item.changes else None
    where = "" if change is None else runs[numbers[line.points[change.index].run]].label
    moved = "" if change is None else change.after / change.before - 1
    return (
        Cell(
            line.name,
            f"last measured {item.last}" if item.last else "",
            verdict=Verdict.FAILED if item.is_failing else None,
            link=f"history.html?case={quote(one_line(line.name), safe='')}",
        ),
        Cell(str(len(line.points))),
        Cell(text(line.points[-1].value)),
        Cell(line.figure.label),
        Cell("none")
        if change is None
        else Cell(f"{text(change.before)} to {text(change.after)}", f"{moved:+.0%}"),
        Cell(where),
    )


# --- the data of the charts


def _short(value: float | None) -> float | None:
    """Three digits, as everywhere: more would be most of the weight of a long history."""
    number = finite(value)
    return None if number is None else float(f"{number:.3g}")


def line_data(item: Told, numbers: Mapping[int, int]) -> Json:
    """Return what the chart of a case is made from; runs are places in the list of all runs."""
    points = item.line.points
    places = [numbers[point.run] for point in points]
    detailed = points[-DETAIL_IN:]
    starts = [0, *(change.index for change in item.changes)]
    ends = [*(change.index - 1 for change in item.changes), len(points) - 1]
    levels = [change.before for change in item.changes[:1]]
    levels += [change.after for change in item.changes]
    return {
        "name": item.line.name,
        "label": item.line.figure.label,
        "unit": item.line.figure.unit,
        "runs": packed_places(places),
        "values": packed_values(finite(point.value) for point in points),
        "low": packed_values(finite(point.low) for point in detailed),
        "high": packed_values(finite(point.high) for point in detailed),
        "failed": [place for place, point in zip(places, points, strict=True) if point.failed],
        "levels": [
            [places[start], places[end], _short(level)]
            for start, end, level in zip(starts, ends, levels, strict=False)
        ],
        "changes": [
            [places[change.index], f"{change.after / change.before - 1:+.0%}"]
            for change in item.changes
        ],
    }


def runs_data(runs: Sequence[RunEntry]) -> list[Json]:
    """Return the runs as the charts name them: the time, the label, why it was accepted."""
    return [
        {"time": run.time, "label": run.label, **({"why": run.accepted} if run.accepted else {})}
        for run in runs
    ]


def scripts(
    told: Sequence[Told], runs: Sequence[RunEntry], numbers: Mapping[int, int]
) -> Iterator[tuple[str, bytes]]:
    """Yield the scripts with the data: a page from disk may load a script, and no other file."""
    yield "data/history-runs.js", as_script("runs", runs_data(runs))
    for number, item in enumerate(told):
        yield f"data/history-{number}.js", as_script(number, line_data(item, numbers))


def datasets(data: Json, runs: Sequence[Json]) -> Json:
    """Return the data sets of the chart of one case; the page's script does the same."""
    places = unpacked_places(data["runs"])
    values, low, high = (unpacked_values(data[name]) for name in ("values", "low", "high"))
    detail = len(places) - len(low)
    failed = set(data["failed"])
    points = [
        {
            "time": runs[place]["time"],
            "value": values[n],
            "low": low[n - detail] if n >= detail else None,
            "high": high[n - detail] if n >= detail else None,
            "run": runs[place]["label"],
            "failed": place in failed,
            "detail": n >= detail or place in failed,
        }
        for n, place in enumerate(places)
    ]
    return {
        "points": points,
        "levels": [
            {"time": runs[start]["time"], "end": runs[end]["time"], "level": level}
            for start, end, level in data["levels"]
        ],
        "changes": [
            {"time": runs[place]["time"], "text": text, "run": runs[place]["label"]}
            for place, text in data["changes"]
        ],
        "accepted": [
            {"time": run["time"], "text": f"accepted: {run['why']}", "run": run["label"]}
            for run in runs
            if run.get("why")
        ],
    }


def history_spec(sets: Json) -> Json:
    """Return the specification of a case over the nights, for data sets that may come later."""
    x = {"field": "time", "type": "temporal", "title": None, "scale": {"type": "utc"},
         "axis": {"grid": False, "tickCount": 6}}  # fmt: skip
    y = quantity("value", None, scale={"zero": False, "padding": 8})
    told = tooltip(("run", "run"), ("value", "value"))
    marked = {"x": x, "tooltip": tooltip(("text", "what"), ("run", "run"))}
    empty: Json = {"points": [], "levels": [], "changes": [], "accepted": []}
    text = {"type": "text", "align": "left", "dx": 4, "fontSize": 12, "fontWeight": "bold"}
    return {
        "datasets": empty | sets,
        "data": {"name": "points"},
        "height": 320,
        "layer": [
            {"transform": [{"filter": "datum.low !== null && datum.high !== null"}],
             "mark": {"type": "area", "color": BLUE, "opacity": 0.18},
             "encoding": {"x": x, "y": quantity("low", None), "y2": {"field": "high"}}},
            {"mark": {"type": "line", "color": BLUE, "strokeWidth": 1.25, "opacity": 0.8},
             "encoding": {"x": x, "y": y}},
            {"transform": [{"filter": "datum.detail && !datum.failed"}],
             "mark": {"type": "point", "filled": True, "size": 26, "color": BLUE, "opacity": 1},
             "encoding": {"x": x, "y": y, "tooltip": told}},
            {"transform": [{"filter": "datum.failed"}],
             "mark": {"type": "point", "shape": "cross", "filled": True, "size": 70,
                      "color": VERMILLION, "angle": 45, "opacity": 1},
             "encoding": {"x": x, "y": y, "tooltip": told}},
            {"data": {"name": "levels"},
             "mark": {"type": "rule", "color": ORANGE, "strokeWidth": 3},
             "encoding": {"x": x, "x2": {"field": "end"}, "y": quantity("level", None)}},
            {"data": {"name": "changes"},
             "mark": {"type": "rule", "color": GREY, "strokeDash": [4, 3]}, "encoding": marked},
            {"data": {"name": "changes"}, "mark": text | {"y": 8},
             "encoding": {"x": x, "text": {"field": "text", "type": "nominal"}}},
            {"data": {"name": "accepted"},
             "mark": {"type": "rule", "color": PURPLE, "strokeWidth": 2, "strokeDash": [1, 2]},
             "encoding": marked},
            {"data": {"name": "accepted"},
             "mark": {"type": "point", "shape": "triangle-down", "filled": True, "size": 90,
                      "color": PURPLE, "y": 4, "opacity": 1},
             "encoding": marked},
        ],
    }  # fmt: skip


def csv_files(
    told: Sequence[Told], runs: Sequence[RunEntry], numbers: Mapping[int, int]
) -> dict[str, bytes]:
    """Return a row for each run and a column for each case, empty where it was not measured: the
    newest runs in the first file, older ones in files of their own, which stay as they are."""
    head, *rows = (csv_rows([cells]).encode() for cells in history_rows(told, runs, numbers))
    parts, weight = [[head]], len(head)
    for row in rows:
        if weight + len(row) > MOST_CSV_BYTES and len(parts[-1]) > 1:
            parts.append([head])
            weight = len(head)
        parts[-1].append(row)
        weight += len(row)
    names = [CSV_FILE, *(OLDER_CSV_FILE.format(number) for number in range(1, len(parts)))]
    return dict(zip(names, map(b"".join, (parts[-1], *parts[:-1])), strict=True))


def history_rows(
    told: Sequence[Told], runs: Sequence[RunEntry], numbers: Mapping[int, int]
) -> Iterator[list[Any]]:
    """Yield the names of the columns, then the cells of each run."""
    values: list[list[Any]] = [[""] * len(told) for _ in runs]
    failed: list[list[str]] = [[] for _ in runs]
    for column, item in enumerate(told):
        for point in item.line.points:
            place = numbers[point.run]
            values[place][column] = _short(point.value)
            failed[place] += [item.line.name] * point.failed
    yield ["run", "time", "commit", "accepted", "failed", *(_column(item) for item in told)]
    for run, names, cells in zip(runs, failed, values, strict=True):
        yield [run.id, run.time, run.commit, run.accepted or "", "; ".join(names), *cells]


def _column(item: Told) -> str:
    unit = " s" if item.line.figure.unit == "s" else ""
    return f"{item.line.name}{unit}"
