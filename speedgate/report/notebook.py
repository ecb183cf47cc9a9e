"""The HTML by which a notebook shows a run: the sentence, what failed, what moved, the tables.

It is loaded with the public names by which a run is opened, and gives ``Run`` its HTML from above:
the history imports no report.
"""

from __future__ import annotations

from html import escape

from speedgate.history.document import Run
from speedgate.judging.gate import Verdict
from speedgate.report.facts import RunFacts, facts_of
from speedgate.report.summary import run_tables
from speedgate.report.table import MARKS, Table
from speedgate.report.text import one_line
from speedgate.report.verdicts import Judged


def html_of(run: Run) -> str:
    """Return a run as a piece of HTML: no style, no script, every text from the file escaped."""
    facts = facts_of(run)
    verdict = facts.headline.verdict or Verdict.NOT_EVALUATED
    lines = [*facts.notes, *facts.problems]
    parts = [f"<p><strong>{MARKS[verdict]} {text(facts.headline.text)}</strong></p>"]
    parts += [f"<p>{text(line)}</p>" for line in lines]
    parts += _graver(facts)
    parts.append(f"<p>{text(facts.movement.line)}</p>")
    for title, table in run_tables(run):
        parts.append(f"<details><summary>{text(title)}</summary>{html_table(table)}</details>")
    return f"<div>{''.join(parts)}</div>"


def _graver(facts: RunFacts) -> list[str]:
    """A list for each verdict but "passed", with what to do about it."""
    return [
        f"<p>{group.verdict.value}:</p><ul>{''.join(map(_item, group.members))}</ul>"
        for group in facts.groups
        if group.verdict is not Verdict.PASSED
    ]


def _item(judged: Judged) -> str:
    remedy = f"; {judged.remedy}" if judged.remedy else ""
    return f"<li><code>{text(judged.name)}</code> {text(judged.reason + remedy)}</li>"


def html_table(table: Table) -> str:
    """Return a table with its heads marked as such."""
    head = "".join(f'<th scope="col">{text(column)}</th>' for column in table.columns)
    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>'
        f"{''.join(f'<td>{text(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(words: str) -> str:
    """Return a text as HTML shows it, in one line, without credentials and control characters."""
    return escape(one_line(words))


Run.html_of = staticmethod(html_of)
