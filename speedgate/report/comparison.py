"""The comparison of runs and environments: terminal, Markdown, JSON, CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from speedgate.judging.comparison import Line, Ratio, Source, counts, letter
from speedgate.report.records import bounds_record
from speedgate.report.table import Table, csv_records, markdown, plain, short, wrapped
from speedgate.report.text import markdown_text
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import SECONDS, SPEEDUP
from speedgate.stats.words import number_of

LEGEND = (
    "speedup over a plain loop, and seconds a call; x: another side's figure over A's. better, "
    "worse: certain over all cases together, by more than 5%; same: within 5%; ?: not certain"
)
INCOMPLETE = "incomplete: it was cut short, and what it had not measured by then is missing"
ONE_RUN = (
    "a side with a single run: its interval holds what fresh processes usually differ by, and not "
    "what runs do from hour to hour; against another single run nothing is certain: add runs"
)


NOTHING = "-"


def comparison_table(lines: Sequence[Line]) -> Table:
    """Return the lines: speedup of every side and its ratio to A's, then the seconds."""
    sides = len(lines[0].speedups) if lines else 0
    others = [letter(number) for number in range(1, sides)]
    columns = ["", *(f"speedup {letter(number)}" for number in range(sides))]
    columns += [f"{name}/A" for name in others]
    columns += [f"seconds {letter(number)}" for number in range(sides)]
    columns += [f"{name}/A " for name in others]
    columns += [f"{name} in a word" for name in others]
    rows = [
        (
            line.name,
            *map(_speedup, line.speedups),
            *map(_ratio, line.speedup_ratios),
            *map(_seconds, line.seconds),
            *map(_ratio, line.seconds_ratios),
            *(word.value or NOTHING for word in line.words),
        )
        for line in lines
    ]
    return _without_empty_columns(Table(tuple(columns), tuple(rows)))


def _without_empty_columns(table: Table) -> Table:
    """Leave out what no benchmark has, such as the speedups of plain runs."""
    kept = [
        n
        for n in range(len(table.columns))
        if not table.rows or any(row[n] != NOTHING for row in table.rows)
    ]
    rows = (table.columns, *table.rows)
    head, *rest = (tuple(row[n] for n in kept) for row in rows)
    return Table(head, tuple(rest))


def _speedup(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOTHING
    if not estimate.is_bounded:
        return SPEEDUP.number(estimate.value)
    return short(estimate)


def _seconds(estimate: Estimate | None) -> str:
    return NOTHING if estimate is None else SECONDS.number(estimate.value)


def _ratio(ratio: Ratio) -> str:
    if ratio.estimate is None:
        return NOTHING
    return f"{SPEEDUP.text(ratio.estimate.value)} {ratio.word}"


def head_lines(sources: Sequence[Source], differences: Sequence[Sequence[str]]) -> list[str]:
    """Return what each letter stands for, and in what the others' environments differ from A's."""
    lines = []
    for number, source in enumerate(sources):
        runs = number_of(source.runs, "run")
        lines.append(f"{letter(number)}: {source.label} ({runs})")
        if not source.complete:
            lines.append(f"  {INCOMPLETE}")
        if number and differences[number - 1]:
            lines += [
                f"  differs from A: {difference.strip()}" for difference in differences[number - 1]
            ]
    return lines


def comparison_text(
    sources: Sequence[Source],
    differences: Sequence[Sequence[str]],
    lines: Sequence[Line],
    width: int,
) -> list[str]:
    """Return the comparison as lines of the terminal."""
    shown = [part for line in head_lines(sources, differences) for part in wrapped(line, width)]
    shown += ["", *plain(comparison_table(lines), width), "", *wrapped(LEGEND, width)]
    if any(source.runs == 1 for source in sources):
        shown += wrapped(ONE_RUN, width)
    return [*shown, counts(lines)]


def comparison_markdown(
    sources: Sequence[Source], differences: Sequence[Sequence[str]], lines: Sequence[Line]
) -> str:
    head = [f"- {markdown_text(line.strip())}" for line in head_lines(sources, differences)]
    table = markdown(comparison_table(lines)).replace("| speedup |", "| |", 1)
    return "\n".join([*head, "", table, "", f"{LEGEND}.", "", counts(lines)])


def comparison_records(
    sources: Sequence[Source], differences: Sequence[Sequence[str]], lines: Sequence[Line]
) -> list[dict[str, Any]]:
    """Return a flat record for every benchmark and side; plain JSON values."""
    told = ["", *("; ".join(difference.strip() for difference in other) for other in differences)]
    records = []
    for line in lines:
        for number, source in enumerate(sources):
            record: dict[str, Any] = {"name": line.name, "side": source.label, "runs": source.runs}
            record["complete"] = source.complete
            for name, figures, ratios in (
                ("speedup", line.speedups, line.speedup_ratios),
                ("seconds", line.seconds, line.seconds_ratios),
            ):
                record |= bounds_record(name, figures[number])
                ratio = ratios[number - 1] if number else None
                record |= bounds_record(f"{name}_ratio", ratio.estimate if ratio else None)
                record[f"{name}_verdict"] = ratio.word if ratio else None
            record["word"] = line.words[number - 1].value if number else None
            record["environment_differs"] = told[number]
            records.append(record)
    return records


def comparison_json(
    sources: Sequence[Source], differences: Sequence[Sequence[str]], lines: Sequence[Line]
) -> str:
    return json.dumps(comparison_records(sources, differences, lines), indent=1)


def comparison_csv(
    sources: Sequence[Source], differences: Sequence[Sequence[str]], lines: Sequence[Line]
) -> str:
    records = comparison_records(sources, differences, lines)
    return csv_records(records, () if records else ["name"]).rstrip("\n")
