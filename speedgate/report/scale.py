"""What ``scale`` shows: the sentence that matters, then what failed, then every benchmark."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from speedgate.history.document import Run
from speedgate.judging.gate import Verdict
from speedgate.judging.scale_gate import GATE
from speedgate.judging.scale_gate import NO_GIL as WHY_NO_GIL
from speedgate.measuring.name_list import listed
from speedgate.measuring.scaling import ScaleOutcome
from speedgate.report.table import MARKS, Table, markdown, wrapped
from speedgate.report.text import markdown_code, markdown_text
from speedgate.stats.figure import GIL_HELD_SHARE, INFLATION, SPEEDUP
from speedgate.stats.words import number_of

LEGEND = (
    "speedup of N threads over one, median and 95% interval; shared: with one state for all "
    "threads; "
)
WITH_GIL = "GIL: share of one thread's time for which it is held"
WITHOUT_GIL = "growth: CPU time of the same calls, in all threads over in one (the inflation)"
NOT_MEASURED = (ScaleOutcome.NOT_THREAD_SAFE, ScaleOutcome.CANNOT)
# What is kept of a benchmark, whatever became of it.
OF_EVERY = ("name", "threads", "outcome", "reason")
FEW = 12
CUT = "..."
PARTING = ("/", "::", ".")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Of a text that is cut in a word or number, the part that is left of that.
REST_OF_WORD = re.compile(r"^[^\W_]+")

Json = dict[str, Any]


def scale_text(entries: Sequence[Json], judged: Mapping[str, Json], width: int) -> list[str]:
    """Return the report of a run as lines; ``judged`` holds judgements by name and threads."""
    lines = wrapped(headline(entries, judged), width)
    for judgement in judged.values():
        if judgement["verdict"] == Verdict.FAILED.value:
            lines += wrapped(f"{MARKS[Verdict.FAILED]} {judgement['line']}", width)
    measured = _measured(entries)
    if measured:
        lines += ["", *_table(measured, judged, width), "", *wrapped(_legend(measured), width)]
        for sentence in _without_share(measured):
            lines += wrapped(sentence, width)
    lines += _notes(measured, width)
    lines += _undecided(judged, width)
    for outcome in NOT_MEASURED:
        lines += _refused(entries, outcome, width)
    return lines + _counted(entries, width)


def headline(entries: Sequence[Json], judged: Mapping[str, Json]) -> str:
    """``152 benchmarks: 120 measured (90 scale, 30 do not), 32 cannot be measured``."""
    counts = Counter(entry["outcome"] for entry in entries)
    parts = []
    for outcome in ScaleOutcome:
        if not counts[outcome.value]:
            continue
        text = f"{counts[outcome.value]} {outcome.value}"
        if outcome is ScaleOutcome.MEASURED:
            text += f" ({_how_many_scale(entries)})"
        parts.append(text)
    line = f"{number_of(len(entries), 'benchmark')}: {', '.join(parts) or 'none'}"
    verdicts = Counter(judgement["verdict"] for judgement in judged.values())
    gates = ", ".join(
        f"{verdicts[verdict.value]} {verdict.value}"
        for verdict in Verdict
        if verdicts[verdict.value]
    )
    return f"{line}; gate: {gates}" if gates else line


def _how_many_scale(entries: Sequence[Json]) -> str:
    """``90 scale, 25 do not, 5 not certain: the machine was busy``; one thread does neither."""
    counts = Counter(
        entry["scales"] for entry in entries if "scales" in entry and entry["threads"] > 1
    )
    if not counts:
        return "in one thread"
    parts = [f"{counts[True]} scale", f"{counts[False]} do not" if counts[False] else ""]
    parts += [f"{counts[None]} not certain: the machine was busy" if counts[None] else ""]
    return ", ".join(part for part in parts if part)


def _table(measured: Sequence[Json], judged: Mapping[str, Json], width: int) -> list[str]:
    signal = "growth" if has_no_gil(measured) else "GIL"
    head = ("", "threads", "speedup", "shared", signal, "class", "benchmark")
    rows = [_row(entry, judged, signal) for entry in measured]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head) - 1)]
    room = max(width, 100) - sum(widths) - 2 * len(widths)
    names = shortened([row[-1] for row in rows], room)
    lines = []
    for row, name in zip((head, *rows), (head[-1], *names), strict=True):
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, name]).rstrip())
    return lines


def shortened(names: Sequence[str], room: int) -> list[str]:
    """Return names that can still be told apart, in so little room where that is possible: first
    what all begin with goes, then the middle; of those that are then alike, what they share. What
    no cut tells apart is longer.

    >>> shortened(["tests/test_a.py::test_sum[1]", "tests/test_a.py::test_sum[2]"], 15)
    ['...test_sum[1]', '...test_sum[2]']
    >>> shortened(["linalg.Norm.time_norm('float64', 1000)", "fft.time_fft(1)"], 25)
    ["linalg.Norm...t64', 1000)", 'fft.time_fft(1)']
    >>> shortened(["test_sum[float32-1000-C-axis0]", "test_sum[float64-1000-C-axis0]"], 20)
    ['test_sum[float32-...', 'test_sum[float64-...']
    """
    if all(len(name) <= room for name in names):
        return list(names)
    # Dots and slashes of the parameters part nothing.
    shared = re.split(r"[\[(]", _shared_start(names))[0]
    start = max(shared.rfind(mark) + len(mark) if mark in shared else 0 for mark in PARTING)
    left = {name: f"{CUT}{name[start:]}" if start > len(CUT) else name for name in names}
    shown = {name: _without_middle(text, room) for name, text in left.items()}
    for _ in range(2):  # Names may differ in two places.
        for alike in _alike(shown):
            shown |= _around_difference({name: left[name] for name in alike}, room)
    while still_alike := _alike(shown):
        shown |= {name: left[name] for alike in still_alike for name in alike}
    return [shown[name] for name in names]


def _shared_start(texts: Collection[str]) -> str:
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _alike(shown: Mapping[str, str]) -> list[list[str]]:
    """Return the names that are shown as the same text, in groups."""
    groups: dict[str, list[str]] = {}
    for name, text in shown.items():
        groups.setdefault(text, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _around_difference(texts: Mapping[str, str], room: int) -> dict[str, str]:
    """Return texts with all that differs between them, and what there is room for before and then
    behind that; nothing where it does not fit."""
    before = _shared_start(texts.values())
    ends = [text[len(before) :][::-1] for text in texts.values()]
    # Half a word or number would mislead.
    behind = REST_OF_WORD.sub("", _shared_start(ends)[::-1])
    first = len(REST_OF_WORD.sub("", before[::-1]))
    last = max(map(len, texts.values())) - len(behind)
    start = 0 if last + len(CUT) <= room else last - (room - 2 * len(CUT))
    if start > first:
        return {}
    cut = {name: f"{CUT if start else ''}{text[start:]}" for name, text in texts.items()}
    return {
        name: text if len(text) <= room else f"{text[: room - len(CUT)]}{CUT}"
        for name, text in cut.items()
    }


def _without_middle(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    kept = max(room - len(CUT), 2)
    return f"{text[: kept // 2]}{CUT}{text[-(kept - kept // 2) :]}"


def has_no_gil(measured: Iterable[Json]) -> bool:
    """Whether benchmarks ran without a GIL, as their missing shares say."""
    return any(entry["unsampled"] == WHY_NO_GIL for entry in measured)


def _legend(measured: Sequence[Json]) -> str:
    return f"{LEGEND}{WITHOUT_GIL if has_no_gil(measured) else WITH_GIL}"


def _signal(entry: Json, signal: str) -> str:
    """Return the figure that tells what threads take from each other."""
    held, grown = entry[GIL_HELD_SHARE.key], entry.get("inflation")
    if signal == "GIL":
        return GIL_HELD_SHARE.number(held["value"]) if held else "-"
    return INFLATION.number(grown) if grown is not None else "-"


def _row(entry: Json, judged: Mapping[str, Json], signal: str) -> tuple[str, ...]:
    judgement = judged.get(key_of(entry))
    mark = MARKS[Verdict(judgement["verdict"])] if judgement else ""
    kind = entry["class"] or {}
    name = kind.get("class", "-") + ("" if kind.get("certain", True) else "?")
    return (
        mark,
        str(entry["threads"]),
        _short(entry["speedup"]),
        SPEEDUP.number(entry["shared"]["value"]) if entry["shared"] else "-",
        _signal(entry, signal),
        name,
        entry["name"],
    )


def _without_share(measured: Sequence[Json]) -> list[str]:
    """Return why benchmarks have no GIL held share: each reason once, with how many have it."""
    reasons = Counter(entry["unsampled"] for entry in measured if entry["unsampled"])
    return [
        f"{count} without a GIL held share: {reason}" for reason, count in reasons.most_common()
    ]


def key_of(entry: Json) -> str:
    return f"{entry['name']}-{entry['threads']}"


def _short(estimate: Json | None) -> str:
    if estimate is None:
        return "-"
    if estimate["low"] is None or estimate["high"] is None:
        return f"{SPEEDUP.number(estimate['value'])} (few)"
    low, high = SPEEDUP.number(estimate["low"]), SPEEDUP.number(estimate["high"])
    return f"{SPEEDUP.number(estimate['value'])} {low}-{high}"


def _notes(measured: Sequence[Json], width: int) -> list[str]:
    """Why what was measured does not scale, and what sharing does to it; the same words once."""
    lines: list[str] = []
    causes = _by_kind((entry["cause"], entry) for entry in measured if entry["cause"])
    if causes:
        lines += ["", "why they do not scale:"]
        lines += _grouped(causes, width)
    contended = [entry for entry in measured if entry["contention"]]
    unsafe = [entry for entry in measured if entry["shared_reason"]]
    if contended:
        lines += ["", "faster with a state of its own for each thread:"]
        for entry in contended:
            lines += wrapped(f"  {entry['name']}: {entry['contention']}", width)
    if unsafe:
        lines += ["", "not measured with one state for all threads:"]
        lines += _grouped(_by_text((entry["shared_reason"], entry) for entry in unsafe), width)
    return lines


def _by_kind(pairs: Iterable[tuple[str, Json]]) -> dict[str, list[Json]]:
    """Return entries by their text, one for texts that differ in their figures alone.

    ``held 0.9 of the time`` and ``held 1.0 of the time`` are both ``held 0.9 to 1.0 of the time``.
    """
    groups: dict[str, list[tuple[str, Json]]] = {}
    for text, entry in pairs:
        groups.setdefault(NUMBER.sub("#", text), []).append((text, entry))
    return {
        _with_ranges([text for text, _ in members]): [entry for _, entry in members]
        for members in groups.values()
    }


def _with_ranges(texts: Sequence[str]) -> str:
    """Return the first of texts that differ in figures alone, with the range of each figure."""
    figures = zip(*(NUMBER.findall(text) for text in texts), strict=True)
    ranges = [(min(column, key=float), max(column, key=float)) for column in figures]
    shown = iter(low if low == high else f"{low} to {high}" for low, high in ranges)
    return NUMBER.sub(lambda _: next(shown), texts[0])


def _by_text(pairs: Any) -> dict[str, list[Json]]:
    groups: dict[str, list[Json]] = {}
    for text, entry in pairs:
        groups.setdefault(text, []).append(entry)
    return groups


def _grouped(groups: Mapping[str, Sequence[Json]], width: int) -> list[str]:
    lines = []
    for text, members in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        names = listed([member["name"] for member in members], FEW)
        lines += wrapped(f"  {text}: {names}", width)
    return lines


def _undecided(judged: Mapping[str, Json], width: int) -> list[str]:
    """Return why verdicts are missing, one line for reasons that differ in figures alone."""
    lines: list[str] = []
    for verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_EVALUATED):
        of_kind = [part for part in judged.values() if part["verdict"] == verdict.value]
        if of_kind:
            # What a probe named stands among the causes.
            groups = _by_kind(
                (part["reason"].partition("; probed: ")[0], _named_as(part)) for part in of_kind
            )
            lines += ["", f"gate {verdict.value} ({len(of_kind)}):", *_grouped(groups, width)]
    return lines


def _named_as(judgement: Json) -> Json:
    return {"name": judgement["case"]["workload"]}


def _refused(entries: Sequence[Json], outcome: ScaleOutcome, width: int) -> list[str]:
    chosen = [entry for entry in entries if entry["outcome"] == outcome.value]
    if not chosen:
        return []
    groups = _by_text((entry["reason"], entry) for entry in chosen)
    return ["", f"{outcome.value} ({len(chosen)}):", *_grouped(groups, width)]


def _counted(entries: Sequence[Json], width: int) -> list[str]:
    """Reasons that need no repair, each with the number of benchmarks that it holds for."""
    lines: list[str] = []
    for outcome in (ScaleOutcome.NOT_APPLICABLE, ScaleOutcome.NOT_REACHED):
        counts = Counter(entry["reason"] for entry in entries if entry["outcome"] == outcome.value)
        if counts:
            lines += ["", f"{outcome.value} ({counts.total()}):"]
            for reason, count in counts.most_common():
                lines += wrapped(f"  {count}: {reason}", width)
    return lines


def scale_markdown(entries: Sequence[Json], judged: Mapping[str, Json]) -> str:
    """Return the report in Markdown, as for the summary of a CI job."""
    measured = _measured(entries)
    parts = [f"**{headline(entries, judged)}**", ""]
    if measured:
        told = (_legend(measured), *_without_share(measured))
        parts += [markdown(scale_table(measured, judged), code=0), "", *told, ""]
    parts += [
        f"- {entry['outcome']}: {markdown_code(entry['name'])}: {markdown_text(entry['reason'])}"
        for entry in entries
        if entry["outcome"] in [outcome.value for outcome in NOT_MEASURED]
    ]
    return "\n".join(parts)


def scale_table(measured: Sequence[Json], judged: Mapping[str, Json]) -> Table:
    """Return a row for each benchmark that was measured."""
    signal = "growth" if has_no_gil(measured) else "GIL"
    columns = ("benchmark", "threads", "speedup", "shared", signal, "class", "why not more", "gate")
    rows = []
    for entry in measured:
        mark, *figures, name = _row(entry, judged, signal)
        rows.append((name, *figures, entry["cause"] or entry["contention"], mark))
    return Table(columns, tuple(rows))


# --- a saved run


def is_scale(run: Run) -> bool:
    """Whether a run is of ``scale``: its benchmarks are a project's own, and have no size."""
    return bool(run.section.scale)


def saved_entries(run: Run) -> tuple[list[Json], dict[str, Json]]:
    """Return the entries and the judgements of a saved run, as those of one that has just ended."""
    entries = []
    for saved in run.section.scale:
        entry = msgspec.to_builtins(saved)
        is_measured = saved.outcome == ScaleOutcome.MEASURED.value
        entries.append(entry if is_measured else {name: entry[name] for name in OF_EVERY})
    judged = {}
    for judgement in run.judgements:
        if judgement.gate == GATE:
            case = judgement.case.case()
            judged[f"{case.workload}-{case.workers}"] = {
                "verdict": judgement.verdict.value,
                "reason": judgement.reason,
                "case": {"workload": case.workload},
                "line": f"{judgement.verdict.value}: {case.id} {judgement.reason}",
            }
    return entries, judged


def scale_tables(run: Run) -> list[tuple[str, Table]]:
    """Return the tables of a saved run, each under its title: what was measured, and the rest."""
    entries, judged = saved_entries(run)
    measured = _measured(entries)
    rest = tuple(
        (entry["name"], entry["outcome"], entry["reason"])
        for entry in entries
        if entry not in measured
    )
    return [
        ("benchmarks in threads", scale_table(measured, judged)),
        ("not measured", Table(("benchmark", "outcome", "why"), rest)),
    ]


def _measured(entries: Sequence[Json]) -> list[Json]:
    return [entry for entry in entries if entry["outcome"] == ScaleOutcome.MEASURED.value]
