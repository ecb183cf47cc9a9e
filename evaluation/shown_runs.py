"""Everything that shows a run, and what a history tells beside its runs: for the fuzz."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from speedgate.duel.findings import DuelFindings
from speedgate.history.census_side import census_side
from speedgate.history.document import Run
from speedgate.history.history import History
from speedgate.history.identity import differences_besides
from speedgate.judging.census_change import compare_censuses
from speedgate.judging.census_sides import called_differently, compared_sides
from speedgate.page.sections.duel import duel_section
from speedgate.page.sections.scale import scale_section
from speedgate.page.sections.since import since_grid
from speedgate.page.sources import Sources
from speedgate.report.census import cell_records, census_lines, census_markdown
from speedgate.report.census_difference import difference_markdown, difference_text
from speedgate.report.notebook import html_of
from speedgate.report.records import run_record
from speedgate.report.summary import markdown_run, text_run

WIDTH = 100
# No markup acts in it.
CODE = re.compile(r"`[^`\n]*`")


def read_all_of(run: Run) -> None:
    """Have all else read a run that reads one, whatever comes out."""
    run.rows()
    text_run(run, WIDTH)
    json.dumps(run_record(run))
    scale_section(run.section.scale)
    if run.duel is not None:
        duel_section(DuelFindings.from_json(run.duel))
    if run.section.census is not None:
        census_lines(run, WIDTH, details=True)
        json.dumps(cell_records(run.rows()))


def marked_up(run: Run) -> Iterator[str]:
    """Yield what shows a run where markup acts: HTML, and Markdown without its code."""
    yield html_of(run)
    yield CODE.sub("", markdown_run(run))
    if run.section.census is not None:
        yield CODE.sub("", census_markdown(run))
        side, rows = census_side(run), run.rows()
        changes = compare_censuses(rows, rows, called_differently(side, side))
        notes = differences_besides(run.environment, {})
        comparison = compared_sides(changes, side, side, notes)
        difference_text(comparison, WIDTH, all_of_it=True)
        yield CODE.sub("", difference_markdown(comparison))


def since_cells(history: History) -> list[str]:
    """Return what the duels of a history, and its bisections, tell of since when."""
    grid = since_grid(Sources("here", history=history))
    return [] if grid is None else [cell.text for row in grid.rows for cell in row.cells]
