"""The duel: a line for each case, what matters most first, with the reason. Terminal, Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from speedgate.duel.decision import DuelVerdict
from speedgate.duel.effect import Effect
from speedgate.duel.finding import MOST_WAITING, Finding
from speedgate.duel.findings import DuelFindings, ScreenSummary
from speedgate.duel.margin import RATIO_MARGIN
from speedgate.judging.comparison import letter
from speedgate.report.progress import duration
from speedgate.report.table import Table, markdown, wrapped
from speedgate.report.text import markdown_text, visible
from speedgate.report.without_gil import without_gil_lines, without_gil_markdown
from speedgate.stats.estimate import Estimate
from speedgate.stats.figure import SPEEDUP, Figure, digits

# Fewer leave an interval that more blocks would narrow much.
FEW_BLOCKS = 4
NOTHING = "-"
COLUMNS = ("A", "B", "B/A", "seconds")
LEGEND = (
    "speedup in each build (means over blocks), B/A of it side by side with its 95% interval, and "
    f"of the seconds a call; better and worse: by more than {RATIO_MARGIN:.0%}, or 0.10 of the GIL "
    "held, or a cost to the machine by its own margin, and confirmed by fresh runs; in at most 1 "
    "of 20 duels is any of them wrong; same: every interval of seconds, speedup and GIL held "
    "within that, case by case; --details has every figure and reason"
)
UNPLACED = (
    "workers could not be kept to a core each here, so that the scheduler decides much of what a "
    "block reads, and less is certain"
)
WAITING_UNKNOWN = (
    "how long workers waited for a core is not known here: neighbours show in the intervals only"
)
DUEL_REMEDY = "a larger --budget, or fewer --workloads, would tell more"
# Of these the table says enough: a reason is shown with --details only.
SELF_EXPLANATORY = (DuelVerdict.SAME, DuelVerdict.INCONCLUSIVE)


def duel_text(duel: DuelFindings, width: int, details: bool = False) -> list[str]:
    """Return a duel as lines of the terminal, one that has just run or one that was saved."""
    shown = [part for line in head_lines(duel) for part in wrapped(line, width)]
    reached = [finding for finding in duel.findings if not finding.is_unreached]
    names = [visible(duel.name_of(finding)) for finding in reached]
    broad = max(map(len, names), default=0)
    columns = ("A", "other", "other/A", "seconds") if len(duel.builds) > 2 else COLUMNS
    shown += ["", _line("", columns, broad)]
    verdict = None
    for name, finding in zip(names, reached, strict=True):
        if finding.verdict is not verdict:
            verdict = finding.verdict
            shown += [f"{verdict.value}:"]
        shown.append(_line(name, _cells(finding), broad) + _mark(finding))
        shown += [f"    {line}" for line in _below(finding, width - 4, details)]
    shown += [*_unreached(duel, width), "", *without_gil_lines(duel, width)]
    for line in (LEGEND, *remarks(duel), counts_and_remedy(duel)):
        shown += wrapped(line, width)
    return shown


def _unreached(duel: DuelFindings, width: int) -> list[str]:
    """The cases for which there was no time, together: each would say the same."""
    names = [duel.name_of(finding) for finding in duel.findings if finding.is_unreached]
    if not names:
        return []
    were = "case was" if len(names) == 1 else "cases were"
    return wrapped(visible(f"{len(names)} {were} not reached: {', '.join(names)}"), width)


def duel_markdown(duel: DuelFindings) -> str:
    """Return a duel in Markdown, as for the summary of a CI job."""
    head = [f"- {markdown_text(line)}" for line in head_lines(duel)]
    body = markdown(duel_table(duel), code=1)
    tail = [f"{line}.\n" for line in (LEGEND, *remarks(duel))]
    gains = without_gil_markdown(duel)
    return "\n".join([*head, "", body, "", *tail, *gains, counts_and_remedy(duel)])


def duel_table(duel: DuelFindings) -> Table:
    """Return a row for each finding, with its reason."""
    rows = tuple(
        (
            finding.verdict.value,
            duel.name_of(finding),
            *_cells(finding),
            finding.decision.word.value or NOTHING,
            finding.reason,
        )
        for finding in duel.findings
    )
    columns = ("verdict", "case", "A", "B", "B/A", "seconds B/A", "in a word", "reason")
    return Table(columns, rows)


def head_lines(duel: DuelFindings) -> list[str]:
    """Return what each letter stands for, and whether others had the cores meanwhile."""
    lines = []
    for number, build in enumerate(duel.builds):
        blas = ", ".join(build.blas) or "no BLAS known"
        versions = f"Python {build.python}, NumPy {build.numpy}, {blas}"
        lines.append(f"{letter(number)}: {build.label} ({versions})")
    return [*lines, *_neighbours(duel)]


def _neighbours(duel: DuelFindings) -> list[str]:
    """A line where neighbours made less certain; none in older duels, which did not ask."""
    beside = [finding for finding in duel.findings if finding.is_beside_neighbours]
    if not beside:
        return []
    most = max(finding.most_waiting for finding in beside)
    line = (
        f"beside neighbours: in {len(beside)} of {len(duel.findings)} cases others had the "
        f"workers' cores for {MOST_WAITING:.0%} of the time or more, up to {most:.0%}; less is "
        "certain, and a quiet machine tells more"
    )
    return [line]


def remarks(duel: DuelFindings) -> list[str]:
    """Return what makes less of this duel certain than of others."""
    measured = [finding for finding in duel.findings if finding.blocks]
    is_unknown = bool(measured) and all(
        finding.waiting and not finding.is_waiting_known for finding in measured
    )
    shown = [UNPLACED] * (not duel.placed) + [WAITING_UNKNOWN] * is_unknown
    return shown if duel.screen is None else [_screen_remark(duel.screen), *shown]


def _screen_remark(screen: ScreenSummary) -> str:
    """Say how much was looked at before, and what seemed to have changed."""
    return (
        f"a screen looked at {screen.reached:,} of {screen.cases:,} cases before: "
        f"{screen.suspected:,} seemed to have changed, {screen.failed_in_one:,} failed in one "
        "build alone, and the surest joined"
    )


def counts(duel: DuelFindings) -> str:
    """Return ``1 worse, 2 better, 9 inconclusive, 60 same in 6 min 40 s``."""
    verdicts = [finding.verdict for finding in duel.findings]
    told = [
        f"{verdicts.count(verdict)} {verdict.value}{_words(duel, verdict)}"
        for verdict in DuelVerdict
        if verdict in verdicts
    ]
    tail = "" if duel.complete else "; cut short"
    return f"{', '.join(told) or 'nothing measured'} in {duration(duel.seconds)}{tail}"


def counts_and_remedy(duel: DuelFindings) -> str:
    """Return the counts, and what would tell more where the duel was short."""
    is_short = any(
        (finding.note or finding.blocks < FEW_BLOCKS)
        and finding.verdict is DuelVerdict.INCONCLUSIVE
        for finding in duel.findings
    )
    remedy = f"; {DUEL_REMEDY}" if duel.complete and is_short else ""
    return f"{counts(duel)}{remedy}"


def _words(duel: DuelFindings, verdict: DuelVerdict) -> str:
    """How many findings of a verdict have each word; none in older duels."""
    words = [finding.decision.word.value for finding in duel.findings if finding.verdict is verdict]
    told = [f"{words.count(word)} {word}" for word in dict.fromkeys(words) if word]
    return f" ({'; '.join(told)})" if told else ""


# --- one finding


def _line(name: str, cells: Sequence[str], broad: int) -> str:
    first, second, ratio, seconds = cells
    return f"  {name:<{broad}} {first:>5} {second:>5}  {ratio:<14}  {seconds:<7}".rstrip()


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    speedup, seconds = finding.effects.get("speedup"), finding.effects.get("seconds")
    if speedup is None or seconds is None:
        return NOTHING, NOTHING, NOTHING, NOTHING
    ratio = speedup.change
    return (
        SPEEDUP.number(speedup.first.value),
        SPEEDUP.number(speedup.other.value),
        f"{_short(ratio.value)} {_short(ratio.low)}-{_short(ratio.high)}",
        _short(seconds.change.value),
    )


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "?"
    if value >= 1000:
        return ">999"
    return digits(value)


def _mark(finding: Finding) -> str:
    return f"  waited {finding.most_waiting:.0%}" if finding.is_beside_neighbours else ""


def _below(finding: Finding, width: int, details: bool) -> list[str]:
    """The lines below that of a case: its reason where it says more, and every figure."""
    lines = []
    if details or finding.verdict not in SELF_EXPLANATORY or finding.note:
        lines += wrapped(finding.reason, width)
    if details:
        for effect in finding.effects.values():
            lines += wrapped(_effect_line(effect, finding.letter), width)
    return lines


def _effect_line(effect: Effect, name: str) -> str:
    """A figure in A, in the other build, and the change."""
    sign = "-" if effect.figure.is_share else "/"
    first, other = (_interval(effect.figure, side) for side in (effect.first, effect.other))
    change = effect.figure.change(effect.change)
    return f"{effect.figure.label}: A {first}, {name} {other}, {name}{sign}A {change}"


def _interval(figure: Figure, estimate: Estimate) -> str:
    return figure.interval(estimate) if estimate.is_bounded else figure.text(estimate.value)
