"""Two censuses side by side as text, Markdown and records: what changed, what either lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speedgate.judging.census_change import CensusChange
from speedgate.judging.census_sides import CensusComparison, Lacking
from speedgate.report.census import FEW, named_lines, named_markdown
from speedgate.report.table import Table, markdown, wrapped
from speedgate.report.text import markdown_text

SHOWN_CHANGES = 15
# Of functions that are gone or new more are named on a screen: they are what a release brings.
SHOWN_FUNCTIONS = 12
# What surely changed between censuses of one build, of the cells that were compared: docs/census.md
# has what it was of, and ``evaluation.census_chance`` measures it.
CHANGED_BY_CHANCE, COMPARED_BY_CHANCE = 23, 1_025

Json = dict[str, Any]


def difference_text(comparison: CensusComparison, width: int, all_of_it: bool) -> list[str]:
    """Return the changes, certain ones first, and what either census lacks."""
    lines = wrapped(_summary(comparison), width)
    for note in _notes(comparison):
        lines += wrapped(note, width)
    changes = comparison.difference.changes
    shown = changes[: None if all_of_it else SHOWN_CHANGES]
    for change in shown:
        lines += wrapped(_change_line(change), width)
    rest = len(changes) - len(shown)
    lines += [f"and {rest} more: --details"] if rest else []
    for title, group in _lacking(comparison):
        most = SHOWN_FUNCTIONS if title.startswith("functions") else FEW
        lines += named_lines(title, group, width, None if all_of_it else most)
    return lines


def _summary(comparison: CensusComparison) -> str:
    difference = comparison.difference
    before, now = comparison.lacking_before, comparison.lacking_now
    certain = [change for change in difference.changes if change.is_certain]
    doubtful = len(difference.changes) - len(certain)
    worse = sum(change.is_worse for change in certain)
    changed = f"{len(certain)} surely changed ({worse} for the worse), {doubtful} perhaps"
    parts = [
        f"{difference.compared} cells in both: {changed}",
        f"{len(now.cells)} are gone, {len(before.cells)} are new",
    ]
    for count, words in (
        (len(comparison.called_differently), "are called differently in the two"),
        (len(now.failed) + len(before.failed), "failed in one of the two"),
        (len(now.unmeasured) + len(before.unmeasured), "were not measured in one"),
        (len(now.unknown) + len(before.unknown), "may be gone or new, or were not measured in one"),
    ):
        parts += [f"{count} {words}"] if count else []
    return "; ".join(parts)


def _notes(comparison: CensusComparison) -> list[str]:
    """Return what limits the comparison, in sentences."""
    notes = []
    if comparison.notes:
        notes.append(
            f"note: the two differ in more than NumPy ({', '.join(comparison.notes)}), and a "
            "change may come from that"
        )
    if any(change.is_certain for change in comparison.difference.changes):
        notes.append(
            "note: 'surely' is of each cell by itself, whatever their number: of "
            f"{COMPARED_BY_CHANCE:,} cells of one build, measured twice beside other work, "
            f"{CHANGED_BY_CHANCE} surely changed, which makes "
            f"{_rounded(by_chance(comparison))} of these by chance, and fewer on a quiet machine; "
            "confirm with 'speedgate duel'"
        )
    sides = (("A", comparison.lacking_before), ("B", comparison.lacking_now))
    for letter, lacking in sides:
        if lacking.unknown:
            notes.append(
                f"note: {letter} keeps no list of its cells: measure it again with 'speedgate "
                "census' to learn what is gone or new"
            )
    return notes


def _rounded(count: float) -> str:
    """``about 12``, ``less than 1``."""
    return f"about {round(count):,}" if count >= 1 else "less than 1"


def by_chance(comparison: CensusComparison) -> float:
    """Return how many cells would surely change if the two were of one build."""
    return comparison.difference.compared * CHANGED_BY_CHANCE / COMPARED_BY_CHANCE


def _lacking(comparison: CensusComparison) -> list[tuple[str, Mapping[str, str]]]:
    """Return in groups what either lacks, by name and with the reason; what is not measured is
    last, and where a function is gone or new its cells are not named."""
    before, now = comparison.lacking_before, comparison.lacking_now

    def named(names: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(names, "")

    return [
        ("functions gone", named(now.functions)),
        ("functions new", named(before.functions)),
        ("cells gone of functions that stay", named(now.cells_of_others)),
        ("cells new of functions that were there", named(before.cells_of_others)),
        ("called differently in the two", named(comparison.called_differently)),
        ("failed in A", before.failed),
        ("failed in B", now.failed),
        ("not measured in A", named(before.unmeasured)),
        ("not measured in B", named(now.unmeasured)),
        ("not known of A", named(before.unknown)),
        ("not known of B", named(now.unknown)),
    ]


def _change_line(change: CensusChange) -> str:
    return (
        f"{_mark(change)}{'' if change.is_certain else '?'} {change.now.case.work}: {change.text}"
    )


def _mark(change: CensusChange) -> str:
    return "worse" if change.is_worse else "better"


def difference_table(comparison: CensusComparison) -> Table:
    """Return a row for each cell that changed."""
    rows = [
        (change.now.case.work, _mark(change), change.kind, "yes" if change.is_certain else "no",
         change.text)
        for change in comparison.difference.changes
    ]  # fmt: skip
    return Table(("cell", "change", "of", "certain", "how"), tuple(rows))


def difference_file(comparison: CensusComparison) -> Table:
    """Return the same, and a row for each cell of one census that the other lacks."""
    table = difference_table(comparison)
    before, now = comparison.lacking_before, comparison.lacking_now
    differently = ("called differently", comparison.called_differently)
    words = (("gone", now.cells), ("new", before.cells), differently)
    lacking = [(cell, word, "", "yes", "") for word, cells in words for cell in cells]
    for letter, side in (("A", before), ("B", now)):
        lacking += [(cell, f"failed in {letter}", "", "", why) for cell, why in side.failed.items()]
        lacking += [(cell, f"not measured in {letter}", "", "", "") for cell in side.unmeasured]
        lacking += [(cell, f"not known of {letter}", "", "", "") for cell in side.unknown]
    return Table(table.columns, (*table.rows, *lacking))


def difference_markdown(comparison: CensusComparison) -> str:
    """Return the summary, the changes and what either lacks in Markdown."""
    return "\n\n".join(
        (
            _summary(comparison),
            *map(markdown_text, _notes(comparison)),
            markdown(difference_table(comparison), code=0),
            *(named_markdown(title, group) for title, group in _lacking(comparison) if group),
        )
    )


def difference_record(comparison: CensusComparison) -> Json:
    """Return the changes and what either lacks as plain values."""
    before, now = comparison.lacking_before, comparison.lacking_now
    return {
        "compared": comparison.difference.compared,
        "differ_besides": list(comparison.notes),
        "expected_by_chance": by_chance(comparison),
        "changes": [
            {
                "cell": change.now.case.work,
                "kind": change.kind,
                "certain": change.is_certain,
                "worse": change.is_worse,
                "word": change.word.value,
                "text": change.text,
                "factor": change.factor,
            }
            for change in comparison.difference.changes
        ],
        "gone": list(now.cells),
        "new": list(before.cells),
        "functions_gone": list(now.functions),
        "functions_new": list(before.functions),
        "called_differently": list(comparison.called_differently),
        "before": _record(before),
        "now": _record(now),
    }


def _record(side: Lacking) -> Json:
    """What of the other's cells was not measured here."""
    return {
        "failed": dict(side.failed),
        "not_measured": list(side.unmeasured),
        "not_known": list(side.unknown),
    }
