"""The comment on a pull request, or the summary of a CI job: facts of runs as Markdown.

The sentence comes first; what moved and what did not pass stand open; the tables are folded. Texts
from a file are shown as they are: they mark up nothing, call nobody and link nowhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from speedgate.history.document import Run
from speedgate.history.format import JudgementEntry
from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import GATE_NAME as HISTORY_GATE
from speedgate.judging.history_gate import LEAST_RUNS
from speedgate.measuring.name_list import listed
from speedgate.report.facts import RunFacts
from speedgate.report.movement import Mover
from speedgate.report.summary import run_tables
from speedgate.report.table import MARKS, Table, markdown, short
from speedgate.report.text import markdown_code, markdown_text, one_line
from speedgate.report.verdicts import Judged, VerdictGroup
from speedgate.stats.figure import digits
from speedgate.stats.words import number_of

# What GitHub takes: a comment of 65,536 characters, with its mark and the line on its job, and the
# summary of a step of one MiB. Both are counted in bytes, which are never fewer.
MOST_OF_COMMENT = 64_000
MOST_OF_SUMMARY = 1_000_000
MOST_OF_TEXT = 400
MOST_OF_TITLE = 120
CUT = (
    "_Cut: {} of {} lines are missing here, because there is room for {:,} characters. "
    "The saved run has them all._"
)
# From how many on cases with one reason share a line, and how many of them it names.
LEAST_ALIKE, MOST_ALIKE = 3, 40
# The gravest first.
NAMES = {
    Verdict.FAILED: "Failed",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.NOT_EVALUATED: "Not evaluated",
    Verdict.PASSED: "Passed",
}
# A backslash's mark and a span of code stay as they are. What else GitHub would act on: a name that
# it calls, an issue that it links, an address.
_ACTS = r"[@#](?=\w)|GH(?=-\d)|:(?=//)|www(?=\.)"
_IN_MARKDOWN = re.compile(rf"\\.|`[^`\n]*`|{_ACTS}", re.IGNORECASE)
_IN_HTML = re.compile(_ACTS, re.IGNORECASE)
NOTHING_WIDE = "\N{ZERO WIDTH SPACE}"


@dataclass(frozen=True)
class CommentedRun:
    """A run in a comment: its facts, and its tables by their titles."""

    facts: RunFacts
    tables: Sequence[tuple[str, Table]] = ()

    @property
    def verdict(self) -> Verdict:
        return self.facts.headline.verdict or Verdict.NOT_EVALUATED

    @property
    def is_judged(self) -> bool:
        """Whether anything speaks for or against the run: a gate, or a broken promise."""
        return self.facts.headline.verdict is not None

    @property
    def has_verdict(self) -> bool:
        """Whether a gate said of any case more than that there was nothing to judge."""
        return any(group.verdict is not Verdict.NOT_EVALUATED for group in self.facts.groups)


@dataclass(frozen=True)
class Absent:
    """A source or an environment without a verdict in the time that was asked for, and what is
    known of it. A source was ``expected`` to bring one; a machine may never come back."""

    name: str
    known: str
    expected: bool = True


@dataclass(frozen=True)
class Passage:
    """Lines that belong together; what is opened is closed, however few of them there is room for.

    A ``fixed`` block is never cut.
    """

    lines: tuple[str, ...]
    close: tuple[str, ...] = ()
    fixed: bool = False


def commented(facts: RunFacts, run: Run) -> CommentedRun:
    """Return a run as a comment shows it. One that passed wherever a verdict could be asked for
    has passed: a history that is too young is missed by nobody, as with ``--require-gate``, nor is
    what one build of a duel lacks."""
    counts = {group.verdict: len(group.members) for group in facts.groups}
    headline = facts.headline
    is_excused = (
        headline.verdict is Verdict.NOT_EVALUATED
        and Verdict.PASSED in counts
        and (run.duel is not None or not any(map(_is_missed, run.judgements)))
    )
    if is_excused:
        headline = replace(headline, verdict=Verdict.PASSED)
        if run.duel is None:
            count = f"{counts[Verdict.PASSED]} of {number_of(sum(counts.values()), 'verdict')}"
            whether = f"Passed: {count}; for the others there are too few earlier runs."
            headline = replace(headline, whether=whether)
    return CommentedRun(replace(facts, headline=headline), run_tables(run))


def _is_missed(judgement: JudgementEntry) -> bool:
    """Whether a gate that applies had nothing to judge."""
    is_young = judgement.gate == HISTORY_GATE and len(judgement.baseline_runs) < LEAST_RUNS
    return judgement.verdict is Verdict.NOT_EVALUATED and not is_young


def worst(entries: Iterable[CommentedRun]) -> Verdict:
    """Return the gravest verdict of some runs. One case without a verdict keeps all from being
    passed; a run that no gate was asked about, such as a map, says nothing."""
    verdicts = {entry.verdict for entry in entries if entry.is_judged}
    return next((verdict for verdict in NAMES if verdict in verdicts), Verdict.NOT_EVALUATED)


def title_of(
    entries: Sequence[CommentedRun], absent: Sequence[Absent] = (), failed: Sequence[str] = ()
) -> str:
    """Return the sentence over all runs, of one run its own, as plain text. Where an expected
    verdict is missing, or a job ``failed``, nothing is called passed before that is said."""
    missing = [source.name for source in absent if source.expected]
    if len(entries) == 1 and not missing and not failed:
        return f"{MARKS[entries[0].verdict]} {entries[0].facts.headline.whether}"
    verdict = worst(entries)
    counts = [_counts(entries)] if entries else []
    jobs = "job" if len(failed) == 1 else "jobs"
    lacks = [f"{jobs} {listed(failed, 2)} failed"] if failed else []
    lacks += [f"no verdict from {listed(missing, 2)}"] if missing else []
    text = "; ".join([*counts, *lacks] if verdict is Verdict.FAILED else [*lacks, *counts])
    if failed:
        verdict = Verdict.FAILED
    elif missing and verdict is not Verdict.FAILED:
        verdict = Verdict.INCONCLUSIVE
    return f"{MARKS[verdict]} {text[:1].upper()}{text[1:]}."


def _counts(entries: Sequence[CommentedRun]) -> str:
    """``1 failed, 2 passed of 3 runs``."""
    counts = Counter(entry.verdict for entry in entries if entry.is_judged)
    words = [
        f"{counts[verdict]} {name.lower()}" for verdict, name in NAMES.items() if counts[verdict]
    ]
    silent = len(entries) - counts.total()
    words += [f"{silent} not judged"] if silent else []
    return f"{', '.join(words)} of {number_of(len(entries), 'run')}"


def comment_markdown(
    entries: Sequence[CommentedRun],
    most: int = MOST_OF_COMMENT,
    absent: Sequence[Absent] = (),
    failed: Sequence[str] = (),
) -> str:
    """Return the Markdown of some runs, the gravest first, in at most ``most`` bytes, with what
    brought no verdict, and the names of jobs that ended badly."""
    gravity = [*NAMES]
    ordered = sorted(entries, key=lambda entry: gravity.index(entry.verdict))
    several = len(entries) > 1 or bool(failed) or any(source.expected for source in absent)
    title = f"### {_text(title_of(entries, absent, failed))}"
    blocks = [Passage((title, ""), fixed=True), *_failed_blocks(failed), *_absent_blocks(absent)]
    for entry in ordered:
        blocks += open_blocks(entry, several)
    for entry in ordered:
        blocks += folded_blocks(entry)
    return f"{fitted(blocks, most - 1)}\n"


def _failed_blocks(failed: Sequence[str]) -> Iterator[Passage]:
    """The jobs that ended badly: what they found, or why they found nothing, is in their logs."""
    if failed:
        head = f"{MARKS[Verdict.FAILED]} **Jobs that failed: {len(failed)}**"
        yield Passage(
            (head, "", *(f"- {_code(name)} (its log says why)" for name in failed)), ("",)
        )


def _absent_blocks(absent: Sequence[Absent]) -> Iterator[Passage]:
    """What brought no verdict: what was expected to stands open, the others folded."""
    missing = [source for source in absent if source.expected]
    if missing:
        head = f"{MARKS[Verdict.INCONCLUSIVE]} **No verdict: {len(missing)}**"
        yield Passage((head, "", *map(_absent_line, missing)), ("",))
    gone = [source for source in absent if not source.expected]
    if gone:
        summary = f"<details><summary>environments without a run this time: {len(gone)}</summary>"
        yield Passage((summary, "", *map(_absent_line, gone)), ("", "</details>", ""))


def _absent_line(source: Absent) -> str:
    return f"- {_code(source.name)} {_text(source.known)}"


def open_blocks(entry: CommentedRun, has_title: bool) -> list[Passage]:
    """Return what stands open of a run: when, where, what moved, each verdict but "passed"."""
    facts = entry.facts
    headline = facts.headline
    title = f"#### {MARKS[entry.verdict]} {_text(headline.whether)}"
    run = f"Run of {headline.run}." if headline.run else ""
    where = " ".join(part for part in (run, headline.since, f"On {headline.where}.") if part)
    lines = [*([title, ""] if has_title else []), _text(where), ""]
    lines += [f"- {_text(line)}" for line in (*facts.problems, *facts.notes)]
    lines += ["", f"**{_text(facts.movement.line)}**", ""]
    lines += _movers(facts.movement.movers)
    blocks = [Passage(tuple(lines))]
    return blocks + [_group(group) for group in facts.groups if group.verdict is not Verdict.PASSED]


def _movers(movers: Sequence[Mover]) -> list[str]:
    if not movers:
        return []
    rows = [
        f"| {_direction(mover)} | {_code(mover.name)} | {_text(mover.told)} |" for mover in movers
    ]
    return ["| | case | before -> after, change [interval] |", "| --- | --- | --- |", *rows, ""]


def _direction(mover: Mover) -> str:
    word = "worse" if mover.is_worse else "better"
    return f"**{word}**" if mover.is_certain else f"perhaps {word}"


def _group(group: VerdictGroup) -> Passage:
    """A verdict's cases, each with its reason, and what to do about them."""
    items = list(_items(group))
    remedies = [line for remedy in group.remedies for line in ("", f"What to do: {_text(remedy)}")]
    head = f"{MARKS[group.verdict]} **{NAMES[group.verdict]}: {len(group.members)}**"
    if group.verdict is Verdict.NOT_EVALUATED:  # often long, and never news
        opened = (f"<details><summary>{NAMES[group.verdict]}: {len(group.members)}</summary>", "")
        return Passage((*opened, *items, *remedies), ("", "</details>", ""))
    return Passage((head, "", *items, *remedies), ("",))


def _items(group: VerdictGroup) -> Iterator[str]:
    """A line for each case; of many that have no verdict for one reason, such as want of time, a
    line for all."""
    names: dict[str, list[str]] = {}
    for judged in group.members:
        names.setdefault(judged.reason, []).append(judged.name)
    for reason, same in names.items():
        if group.verdict is Verdict.FAILED or len(same) < LEAST_ALIKE:
            yield from (f"- {_code(name)} {_text(reason)}" for name in same)
            continue
        yield f"- {listed([_code(name) for name in same], MOST_ALIKE)}: {_text(reason)}"


def folded_blocks(entry: CommentedRun) -> list[Passage]:
    """Return the tables of a run, each folded."""
    return [
        Passage(
            (
                f"<details><summary>{_html(title)}: {number_of(len(table.rows), 'row')}</summary>",
                "",
                *quiet(markdown(_short(table))).splitlines(),
            ),
            ("", "</details>", ""),
        )
        for title, table in (("all verdicts", _verdict_table(entry.facts)), *entry.tables)
        if table.rows
    ]


def _verdict_table(facts: RunFacts) -> Table:
    """Every verdict with its interval and what the gate asked for."""
    rows = tuple(
        (
            f"{MARKS[judged.verdict]} {judged.verdict.value}",
            judged.name,
            judged.gate,
            "" if judged.estimate is None else f"{judged.measure} {short(judged.estimate)}",
            _asked(judged),
        )
        for judged in facts.judged
    )
    return Table(("verdict", "case", "gate", "interval", "asked for"), rows)


def _asked(judged: Judged) -> str:
    parts = [f"at least {digits(judged.at_least)}"] if judged.at_least is not None else []
    parts += [f"at most {digits(judged.at_most)}"] if judged.at_most is not None else []
    return ", ".join(parts)


def _short(table: Table) -> Table:
    rows = tuple(tuple(map(_clipped, row)) for row in table.rows)
    return Table(tuple(map(_clipped, table.columns)), rows)


def fitted(blocks: Sequence[Passage], most: int) -> str:
    """Return the blocks as text of at most ``most`` bytes; if lines are left out, it says so."""
    whole = "\n".join(line for block in blocks for line in (*block.lines, *block.close))
    if len(whole.encode()) <= most:
        return whole
    kept: list[str] = []
    total = sum(bool(line.strip()) for block in blocks for line in block.lines)
    left = most - len(CUT.format(total, total, most).encode()) - 1
    dropped = 0
    for block in blocks:
        closing = sum(len(line.encode()) + 1 for line in block.close)
        taken: list[str] = []
        for number, line in enumerate(block.lines):
            cost = len(line.encode()) + 1
            # What the first line opens is not closed, nor listed, without it.
            is_open = not block.close or bool(taken) or number == 0
            if block.fixed or (is_open and cost + closing <= left):
                left -= cost
                taken.append(line)
            else:
                dropped += bool(line.strip())
        if len(taken) > 2:  # more than what opens the block
            left -= closing
            kept += [*taken, *block.close]
        elif taken:
            left += sum(len(line.encode()) + 1 for line in taken) if not block.fixed else 0
            dropped += 0 if block.fixed else sum(bool(line.strip()) for line in taken)
            kept += taken if block.fixed else []
    return "\n".join([*kept, CUT.format(dropped, total, most)])


def quiet(text: str) -> str:
    """Return Markdown in which GitHub finds nobody to call, and no issue and no address to link."""
    return _IN_MARKDOWN.sub(_broken_up, text)


def _broken_up(match: re.Match[str]) -> str:
    mark = match[0]
    return mark if mark[0] in "\\`" else f"{mark}{NOTHING_WIDE}"


def _text(text: str) -> str:
    return quiet(markdown_text(_clipped(text)))


def _html(text: str) -> str:
    """A text in a line of HTML, which knows no marks of Markdown."""
    # Escaped last: the number of an escape, as in ``&#x27;``, is none of an issue.
    return escape(_IN_HTML.sub(_broken_up, one_line(_clipped(text))))


def _code(text: str) -> str:
    return markdown_code(_clipped(text, MOST_OF_TITLE))


def _clipped(text: str, most: int = MOST_OF_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
