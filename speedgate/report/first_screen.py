"""The first screen: what a reader must know of a run, on 24 lines of 80 columns.

The verdict in one sentence; what failed or is inconclusive, with its reason and the remedy; the
table; where the run is. Whatever is longer follows elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speedgate.judging.gate import Verdict
from speedgate.judging.history_gate import GATE_NAME as HISTORY_GATE
from speedgate.judging.row import Row
from speedgate.report.table import FEW, MARKS, plain, speedup_table, wrapped
from speedgate.stats.case import Case
from speedgate.stats.words import number_of

LINES = 24
# The rows that the table keeps below its head, whatever else there is to say.
LEAST_ROWS = 3
MOST_NOTES = 4
CUT = "(a reason that ends in '...' is whole with -v, and in 'speedgate report')"
LEGEND = "speedup over a plain loop in one thread, 95% interval over processes"
# Where two gates judged one case, its mark is that of the graver verdict.
GRAVITY = (Verdict.PASSED, Verdict.NOT_EVALUATED, Verdict.INCONCLUSIVE, Verdict.FAILED)

# How a terminal shows the lines that tell a verdict.
STYLES: dict[Verdict | None, tuple[str, ...]] = {
    Verdict.PASSED: ("green",),
    Verdict.FAILED: ("red", "bold"),
    Verdict.INCONCLUSIVE: ("yellow",),
    Verdict.NOT_EVALUATED: ("yellow",),
}

# A line, and the verdict that it tells, if any: a terminal colours it by that.
Line = tuple[str, Verdict | None]


@dataclass(frozen=True)
class Notice:
    """What a reader must hear of: a verdict, its line, and what to do about it, if anything."""

    verdict: Verdict
    line: str
    remedy: str = ""


@dataclass(frozen=True)
class FirstScreen:
    """What is on the screen, before it is laid out.

    ``judged`` are the verdicts on cases, ``findings`` those that are no pass. ``problems`` fail the
    run without a gate: a broken promise, an error, a file that was not written. ``notes`` say what
    else the reader must know, ``saved`` where the run is, and ``more`` what is left out here.
    """

    rows: Sequence[Row] = ()
    judged: Sequence[tuple[Case, Verdict]] = ()
    findings: Sequence[Notice] = ()
    problems: Sequence[Notice] = ()
    notes: Sequence[str] = ()
    saved: Sequence[str] = ()
    more: str = ""
    cases: int = 0


def marks(judged: Iterable[tuple[Case, Verdict]]) -> dict[Case, Verdict]:
    """Return the verdict that a case's mark tells."""
    return dict(sorted(judged, key=lambda pair: GRAVITY.index(pair[1])))


def remedy(gate: str, verdict: Verdict, is_control: bool = False) -> str:
    """Return what to do about a verdict that is no pass; empty where the reason says it all."""
    if verdict is Verdict.FAILED and gate == HISTORY_GATE:
        return (
            "gate history: it stays red until you fix it or accept it; to accept this level: "
            "speedgate accept RUN --why '...'"
        )
    if verdict is Verdict.FAILED and is_control:
        return f"gate {gate}: 'speedgate selftest' shows what this machine and build can tell"
    if verdict is Verdict.FAILED:
        return (
            f"gate {gate}: if this is intended for the build, lower --min-speedup or "
            "--min-concurrency; 'speedgate report' has the figures"
        )
    if verdict is Verdict.INCONCLUSIVE:
        return f"gate {gate}: run again on a quiet machine or with a longer --budget"
    return ""


def sentence(screen: FirstScreen) -> Line:
    """Return the verdict on the run in one sentence, with its mark."""
    text, verdict = verdict_words(screen)
    return f"{MARKS[verdict or Verdict.NOT_EVALUATED]} {text}", verdict


def verdict_words(screen: FirstScreen) -> Line:
    """Return the verdict on the run in one sentence, without its mark."""
    counts = Counter(verdict for _, verdict in screen.judged)
    total = sum(counts.values())
    graver = [verdict for verdict in reversed(GRAVITY) if counts[verdict]]
    rest = [f"{counts[verdict]} {verdict.value}" for verdict in graver]
    problems = f"{number_of(len(screen.problems), 'problem')} beside the gates"
    if screen.problems and not counts[Verdict.FAILED]:
        return _line(Verdict.FAILED, f"Failed: {problems}", *rest)
    if not graver and not screen.cases:
        return "Nothing was measured.", None
    if not graver:
        return f"Nothing was judged: no gate covers {number_of(screen.cases, 'case')}.", None
    worst = graver[0]
    if graver == [Verdict.PASSED]:
        which = "the one verdict" if total == 1 else f"all {total} verdicts"
        return _line(worst, f"Passed: {which}. What must run side by side does")
    rest = [*rest[1:], *([problems] if screen.problems else [])]
    count = f"{counts[worst]} of {number_of(total, 'verdict')}"
    return _line(worst, f"{worst.value.capitalize()}: {count}", *rest)


def _line(verdict: Verdict, *parts: str) -> Line:
    return f"{'; '.join(parts)}.", verdict


def screen_lines(screen: FirstScreen, width: int, room: int = LINES) -> list[Line]:
    """Return the screen as lines of at most ``width`` columns, ``room`` of them where that can be.

    What is said comes before the table, which gives up rows for it; a path is never cut.
    """
    foot = _foot(screen, width)
    head = [*_wrapped(*sentence(screen), width)]
    table_least = min(LEAST_ROWS, len(screen.rows)) + 1 if screen.rows else 0
    spare = room - _height(head, width) - _height(foot, width) - table_least - 2
    head += _findings((*screen.problems, *screen.findings), width, spare)
    table = _table(screen, width, room - _height(head, width) - _height(foot, width) - 1)
    gap: list[Line] = [("", None)] if table else []
    return [*head, *gap, *table, *foot]


def is_whole(screen: FirstScreen, width: int, room: int = LINES) -> bool:
    """Whether the screen shows every row of its table."""
    shown = {line for line, _ in screen_lines(screen, width, room)}
    return set(plain(speedup_table(screen.rows, marks(screen.judged)), width)) <= shown


def _wrapped(text: str, verdict: Verdict | None, width: int) -> list[Line]:
    return [(line, verdict) for line in wrapped(text, width)]


def _height(lines: Iterable[Line], width: int) -> int:
    """How many lines of the terminal these take: it breaks what is longer than its width."""
    return sum(max(1, -(-len(line) // width)) for line, _ in lines)


def _findings(findings: Sequence[Notice], width: int, spare: int) -> list[Line]:
    """The gravest first, each remedy once, in ``spare`` lines: where the reasons are too long those
    that do not fit are cut to a line, and where there are too many the rest is counted. The
    remedies stay, unless there is no room for a finding beside them."""
    ordered = sorted(findings, key=lambda finding: -GRAVITY.index(finding.verdict))
    remedies = dict.fromkeys(finding.remedy for finding in ordered if finding.remedy)
    whole = [line for finding in ordered for line in _wrapped(finding.line, finding.verdict, width)]
    advice = [line for text in remedies for line in _wrapped(f"> {text}", None, width)]
    if len(whole) + len(advice) <= spare:
        return [*whole, *advice]
    cut: list[Line] = [(shorten(finding.line, width), finding.verdict) for finding in ordered]
    if len(cut) + len(advice) <= spare:
        return [*_as_whole_as_fits(ordered, width, spare - len(advice)), *advice]
    kept = advice if len(advice) + 2 <= spare else []
    count = max(1, spare - 1 - len(kept))
    rest = len(cut) - count
    more: list[Line] = [(f"and {rest} more: add -v", None)] if rest > 0 else []
    return [*cut[:count], *more, *kept]


def _as_whole_as_fits(findings: Sequence[Notice], width: int, room: int) -> list[Line]:
    """The findings in ``room`` lines: the first ones whole as far as there is room, the others cut
    to a line each; and where any is cut, how to see it whole."""
    left, lines = room - len(findings) - 1, []
    for finding in findings:
        whole = _wrapped(finding.line, finding.verdict, width)
        if len(whole) - 1 <= left:
            lines += whole
            left -= len(whole) - 1
        else:
            lines.append((shorten(finding.line, width), finding.verdict))
    is_cut = len(lines) < sum(len(_wrapped(one.line, one.verdict, width)) for one in findings)
    return [*lines, (CUT, None)] if is_cut and len(lines) < room else lines


def shorten(text: str, width: int) -> str:
    """Return what of a text fits in a line, with its end marked."""
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def has_few(rows: Iterable[Row]) -> bool:
    """Whether a speedup stands in the table without an interval."""
    return any(row.speedup is not None and not row.speedup.is_bounded for row in rows)


def _foot(screen: FirstScreen, width: int) -> list[Line]:
    """What stands below the table: its legend, notes, what is left out, where the run is."""
    lines: list[Line] = []
    if any(row.speedup is not None for row in screen.rows):
        used = {verdict for _, verdict in screen.judged}
        legend = [f"{MARKS[verdict]} {verdict.value}" for verdict in Verdict if verdict in used]
        few = [FEW] if has_few(screen.rows) else []
        lines += _wrapped(", ".join([LEGEND, *few, *legend]), None, width)
    for note in screen.notes[:MOST_NOTES]:
        lines += _wrapped(note, Verdict.NOT_EVALUATED, width)
    if len(screen.notes) > MOST_NOTES:
        rest = number_of(len(screen.notes) - MOST_NOTES, "more note")
        lines.append((f"and {rest}: add -v", Verdict.NOT_EVALUATED))
    if screen.more:
        lines += _wrapped(screen.more, None, width)
    lines += [(text, None) for text in screen.saved]  # there to be copied: never broken
    return lines


def _table(screen: FirstScreen, width: int, room: int) -> list[Line]:
    """The table, with as many of its rows as there is room for, those first that matter most."""
    if not screen.rows:
        return []
    verdicts = marks(screen.judged)
    works = list(dict.fromkeys(row.case.work for row in screen.rows))
    by_weight = sorted(works, key=lambda work: _weight(work, screen.rows, verdicts), reverse=True)
    for count in range(len(works), 0, -1):
        kept = set(by_weight[:count])
        rows = [row for row in screen.rows if row.case.work in kept]
        lines = plain(speedup_table(rows, verdicts), width)
        if count < len(works):
            rest = number_of(len(works) - count, "more row")
            lines.append(f"({rest})")
        if len(lines) <= room or count <= LEAST_ROWS:
            break
    return [(line, None) for line in lines]


def _weight(work: str, rows: Sequence[Row], verdicts: dict[Case, Verdict]) -> tuple[int, int]:
    """Failures weigh most, then what was judged at all, then the large sizes."""
    mine = [row.case for row in rows if row.case.work == work]
    gravest = max(GRAVITY.index(verdicts[case]) if case in verdicts else -1 for case in mine)
    return gravest, mine[0].size
