"""The duel: a line for each case, what matters most first, with the reason. Terminal, Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speedgate.duel.decision import (
    MOST_WAITING,
    PAIR_FIGURES,
    RATIO_MARGIN,
    SHARE_MARGIN,
    Candidate,
    DuelVerdict,
    Effect,
    serial_follows,
    tells,
)
from speedgate.duel.duel import Duel, Finding
from speedgate.report.comparison import letter
from speedgate.report.progress import duration
from speedgate.report.table import Table, markdown, wrapped
from speedgate.report.text import markdown_text, visible

Json = dict[str, Any]

# Context switches are worth a word where they at least double or halve.
TELLING_SWITCHES = 2.0
# So few leave an interval so wide that more would tell more.
FEW_BLOCKS = 4
COLUMNS = ("A", "B", "B/A", "seconds")
LEGEND = (
    "speedup in each build (means over blocks), B/A of it side by side with its 95% interval, and "
    f"of the seconds a call; better and worse: by more than {RATIO_MARGIN:.0%}, or 0.10 of the GIL "
    "held, and confirmed by fresh runs; in at most 1 of 20 duels is any of them wrong; same: every "
    "interval within that, case by case; --details has every figure and reason"
)


UNPLACED = (
    "workers could not be kept to a core each here, so that the scheduler decides much of what a "
    "block reads, and less is certain"
)


WAITING_UNKNOWN = (
    "how long workers waited for a core is not known here: neighbours show in the intervals only"
)


def findings_json(duel: Duel) -> list[Json]:
    """Return what is certain of every case, what matters most first; plain JSON."""
    return [_finding_json(each) for each in duel.findings()]


def _finding_json(finding: Finding) -> Json:
    matchup = finding.state.matchup
    calls = calls_of(finding)
    directions = {each.figure.name: _direction(each) for each in finding.confirmed}
    return {
        "name": matchup.entry.label,
        "case": matchup.entry.case.as_json(),
        "blas_threads": matchup.entry.blas_threads or "default",
        "build": matchup.builds_under_test[finding.build].label,
        "letter": letter(finding.build),
        "verdict": finding.verdict.value,
        "word": finding.decision.word,
        "reason": reason(finding),
        "note": finding.note,
        "out": [matchup.builds_under_test[build].label for build in finding.out],
        "bouts": finding.blocks,
        "waiting": list(finding.waiting),
        "beside_neighbours": finding.is_beside_neighbours,
        "signals": {
            name: _effect_json(effect, calls) | {"confirmed": directions.get(name)}
            for name, effect in finding.effects.items()
        },
    }


def calls_of(finding: Finding) -> int:
    """Return the calls of a round, the same in every build; 1 where nothing was measured."""
    first = finding.state.matchup.measurements[0].first
    return (first("tasks") or 1) * (first("loops") or 1)


def _effect_json(effect: Effect, calls: int) -> Json:
    """An effect in plain values; seconds are those of a call."""
    scale = 1 / calls if effect.figure.name.endswith("seconds") else 1.0
    sides = []
    for level in effect.levels:
        plain = level.as_json()
        for bound in ("value", "low", "high"):
            found = plain[bound]
            plain[bound] = None if found is None else found * scale
        sides.append(plain)
    return {
        "first": sides[0],
        "other": sides[1],
        "difference" if effect.figure.is_share else "ratio": effect.change.as_json(),
        "decides": effect.figure.decides,
        "within_margin": effect.is_within_margin,
    }


def _direction(candidate: Candidate) -> str:
    return "worse" if candidate.is_worse else "better"


def reason(finding: Finding) -> str:
    """Return in words which figure moved, or why nothing is certain, and who else had the cores."""
    if not finding.is_beside_neighbours:
        return _reason(finding)
    shares = zip(finding.waiting, (letter(0), letter(finding.build)), strict=True)
    told = ", ".join(f"{share:.0%} in {name}" for share, name in shares if share is not None)
    return f"{_reason(finding)}; beside neighbours, who had the workers' cores for {told}"


def _reason(finding: Finding) -> str:
    if finding.verdict in (DuelVerdict.FAILED, DuelVerdict.NOT_AVAILABLE):
        return f"in {' and '.join(map(letter, finding.out))}: {_without_traceback(finding.note)}"
    if finding.confirmed:
        word = finding.decision.word
        told = [_told(finding, each.figure.name) for each in finding.confirmed]
        told += _told_of_explaining(finding)
        why = explanation(finding)
        return "; ".join(([word] if word else []) + told) + (f": {why}" if why else "")
    if finding.verdict is DuelVerdict.SAME:
        unknown = [
            each.name for each in PAIR_FIGURES if each.decides and each.name not in finding.effects
        ]
        parts = [_what_is_same(finding), *_told_of_explaining(finding)]
        parts += [f"not known: {', '.join(unknown)}"] if unknown else []
        return "; ".join(parts)
    if finding.note:
        return finding.note
    if not finding.effects or finding.blocks < 2:
        return "too few runs for an interval"
    wide = [effect for effect in finding.effects.values() if effect.figure.decides]
    wide = [effect for effect in wide if not effect.is_within_margin]
    moved = "; ".join(
        f"{effect.figure.name} {_change(effect, letter(finding.build))}" for effect in wide
    )
    dismissed = [
        each.figure.name for each in finding.state.dismissed if each.build == finding.build
    ]
    tail = f" (not confirmed by fresh runs: {', '.join(dismissed)})" if dismissed else ""
    return f"not certain: {moved}{tail}"


def _without_traceback(note: str) -> str:
    """What failed, and the error at the end; the saved run has all of it."""
    first, traceback, rest = note.partition("Traceback (most recent call last)")
    return f"{first.strip()}: {rest.strip().splitlines()[-1]}" if traceback and rest else note


def _change(effect: Effect, name: str) -> str:
    """``B/A 0.43 [0.38, 0.49]``, or ``B-A +0.31 [+0.22, +0.40]`` of shares."""
    change = effect.change
    if effect.figure.is_share:
        return f"{name}-A {change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"
    return f"{name}/A {change.value:.2f} [{change.low:.2f}, {change.high:.2f}]"


def _what_is_same(finding: Finding) -> str:
    held = f", the GIL held within {SHARE_MARGIN:.2f}" if "held" in finding.effects else ""
    # What is in a share q of processes escapes n of them with (1 - q)^n, here 5%.
    missed = 1 - 0.05 ** (1 / finding.blocks)
    return (
        f"seconds and speedup within {RATIO_MARGIN:.0%}{held}, in {finding.blocks} runs: "
        f"what shows in less than {missed:.0%} of processes may be missed"
    )


def _told(finding: Finding, name: str) -> str:
    effect = finding.effects[name]
    one, other = (level.value for level in effect.levels)
    change = _change(effect, letter(finding.build))
    words = {
        "speedup": f"speedup {other:.2f}x, was {one:.2f}x ({change})",
        "seconds": f"seconds a call {change}",
        "held": f"the GIL is held for {other:.0%} of the work, was {one:.0%} ({change})",
        "concurrency": f"{other:.2f} workers ran at once, was {one:.2f} ({change})",
        "inflation": f"inflation {other:.2f}, was {one:.2f} ({change})",
    }
    return words[name]


def _told_of_explaining(finding: Finding) -> list[str]:
    """What explains, as far as its own interval is sure of it."""
    names = [each for each in ("concurrency", "inflation") if each in finding.effects]
    told = [_told(finding, each) for each in names if finding.effects[each].is_beyond_margin]
    return told + _told_switches(finding.effects)


def _told_switches(found: dict[str, Effect]) -> list[str]:
    effect = found.get("switches")
    if effect is None or 1 / TELLING_SWITCHES < effect.change.value < TELLING_SWITCHES:
        return []
    is_certain = effect.change.low > 1 or effect.change.high < 1
    return [f"context switches {effect.change.value:.2g}x"] if is_certain else []


def explanation(finding: Finding) -> str:
    """Return what the moved figures mean together; empty where the figures say it all."""
    worse = {each.figure.name: each.is_worse for each in finding.confirmed}
    seconds, speedup = worse.get("seconds"), worse.get("speedup")
    if seconds is not None and speedup is not None and seconds is not speedup:
        return f"both sides became {'slower' if seconds else 'faster'}, the serial one more"
    if worse.get("held"):
        return "more of the work holds the GIL"
    if finding.verdict is DuelVerdict.WORSE and (why := _why_worse(finding)):
        return why
    if seconds is not None:
        return _alike(finding, seconds) if speedup is None else ""
    return _of_serial_side(finding)


def _why_worse(finding: Finding) -> str:
    """Which explaining figure surely became worse as well."""
    reasons = {
        "inflation": "the workers slow each other down",
        "concurrency": "the workers wait for each other",
    }
    found = [finding.effects[name] for name in reasons if name in finding.effects]
    surely = [effect for effect in found if effect.is_beyond_margin and effect.is_worse]
    return reasons[surely[0].figure.name] if surely else ""


def _of_serial_side(finding: Finding) -> str:
    """That a speedup tells of the serial side only, or may, as far as the seconds say."""
    seconds = finding.effects.get("seconds")
    dismissed = [
        each
        for each in finding.confirmed
        if each.figure.name == "speedup" and not tells(each, finding.effects)
    ]
    if not dismissed or seconds is None:
        return ""
    word = "faster" if dismissed[0].is_worse else "slower"
    if seconds.is_within_margin:
        return f"the serial side became {word}, the parallel one did not"
    change = _change(seconds, letter(finding.build))
    return f"the serial side became {word}, what the parallel one did is not certain ({change})"


def _alike(finding: Finding, is_slower: bool) -> str:
    """Say what it means that the seconds moved and the speedup did not, as far as that is known."""
    if not serial_follows(finding.effects, is_slower):
        return ""
    alike = f"serial and parallel are both {'slower' if is_slower else 'faster'}"
    if finding.state.matchup.entry.blas_threads != 1:
        return f"{alike}, with several BLAS threads"
    speedup = finding.effects.get("speedup")
    is_same = speedup is not None and speedup.is_within_margin
    return f"{alike}: the threading did not change" if is_same else alike


# --- what is shown, of a duel that has just run or of one that was saved


def head_lines(section: Json) -> list[str]:
    """Return what each letter stands for, and whether others had the cores meanwhile."""
    lines = []
    for number, build in enumerate(section["builds"]):
        blas = ", ".join(build["blas"]) or "no BLAS known"
        lines.append(
            f"{letter(number)}: {build['label']} (Python {build['python']}, "
            f"NumPy {build['numpy']}, {blas})"
        )
    return [*lines, *_neighbours(section)]


def _neighbours(section: Json) -> list[str]:
    """A line where neighbours made less certain; none in older duels, which did not ask."""
    findings = section["findings"]
    beside = [each for each in findings if each.get("beside_neighbours")]
    if not beside:
        return []
    most = max(_most_waiting(each) for each in beside)
    line = (
        f"beside neighbours: in {len(beside)} of {len(findings)} cases others had the workers' "
        f"cores for {MOST_WAITING:.0%} of the time or more, up to {most:.0%}; less is certain, and "
        "a quiet machine tells more"
    )
    return [line]


def _most_waiting(finding: Json) -> float:
    return max(each or 0.0 for each in finding.get("waiting", [0.0]))


def duel_text(section: Json, width: int, details: bool = False) -> list[str]:
    """Return a duel as lines of the terminal, from its section of a run."""
    shown = [each for line in head_lines(section) for each in wrapped(line, width)]
    findings = section["findings"]
    names = [visible(_name(each, section)) for each in findings]
    broad = max(map(len, names), default=0)
    columns = ("A", "other", "other/A", "seconds") if len(section["builds"]) > 2 else COLUMNS
    shown += ["", _line("", columns, broad)]
    verdict = None
    for name, finding in zip(names, findings, strict=True):
        if finding["verdict"] != verdict:
            verdict = finding["verdict"]
            shown += [f"{verdict}:"]
        shown.append(_line(name, _cells(finding), broad) + _mark(finding))
        if details or verdict not in ("same", "inconclusive") or finding.get("note"):
            shown += [f"    {line}" for line in wrapped(finding["reason"], width - 4)]
        if details:
            figures = [part for line in _signal_lines(finding) for part in wrapped(line, width - 4)]
            shown += [f"    {line}" for line in figures]
    shown.append("")
    for line in (LEGEND, *remarks(section), counts(section)):
        shown += wrapped(line, width)
    return shown


def _name(finding: Json, section: Json) -> str:
    several = len(section["builds"]) > 2
    return f"{finding['name']} {finding['letter']}" if several else str(finding["name"])


def _line(name: str, cells: Sequence[str], broad: int) -> str:
    first, second, ratio, seconds = cells
    return f"  {name:<{broad}} {first:>5} {second:>5}  {ratio:<14}  {seconds:<7}".rstrip()


def _mark(finding: Json) -> str:
    beside = finding.get("beside_neighbours")
    return f"  waited {_most_waiting(finding):.0%}" if beside else ""


def _cells(finding: Json) -> tuple[str, str, str, str]:
    figures = finding["signals"]
    found = figures.get("speedup")
    if found is None:
        return "-", "-", "-", "-"
    ratio, seconds = found["ratio"], figures["seconds"]["ratio"]["value"]
    return (
        f"{found['first']['value']:.2f}",
        f"{found['other']['value']:.2f}",
        f"{_short(ratio['value'])} {_short(ratio['low'])}-{_short(ratio['high'])}",
        _short(seconds),
    )


def _short(value: float | None) -> str:
    if value is None:
        return "?"
    if value >= 1000:
        return ">999"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _signal_lines(finding: Json) -> list[str]:
    """Every figure: in A, in the other build, and the change."""
    lines = []
    for name, found in finding["signals"].items():
        change = found.get("ratio") or found["difference"]
        kind = f"{finding['letter']}/A" if "ratio" in found else f"{finding['letter']}-A"
        figures = [f"{side} {_interval(found[key])}" for side, key in
                   (("A", "first"), (finding["letter"], "other"))]  # fmt: skip
        lines.append(f"{name}: {', '.join(figures)}, {kind} {_interval(change)}")
    return lines


def _interval(estimate: Json) -> str:
    bounds = [estimate["low"], estimate["high"]]
    if None in bounds:
        return f"{estimate['value']:.3g}"
    return f"{estimate['value']:.3g} [{bounds[0]:.3g}, {bounds[1]:.3g}]"


def counts(section: Json) -> str:
    """Return ``1 worse, 2 better, 9 inconclusive, 60 same in 6 min 40 s``."""
    words = [each["verdict"] for each in section["findings"]]
    found = [
        f"{words.count(each.value)} {each.value}{_mixed(section, each)}"
        for each in DuelVerdict
        if each.value in words
    ]
    tail = ""
    if not section["complete"]:
        tail = "; cut short"
    elif any(
        (each.get("note") or each["bouts"] < FEW_BLOCKS) and each["verdict"] == "inconclusive"
        for each in section["findings"]
    ):
        tail = "; a larger --budget, or fewer --workloads, would tell more"
    return f"{', '.join(found) or 'nothing measured'} in {duration(section['seconds'])}{tail}"


def _mixed(section: Json, verdict: DuelVerdict) -> str:
    """Those of a verdict where the seconds and the threads disagree; none in older duels."""
    words = [
        each["word"]
        for each in section["findings"]
        if each["verdict"] == verdict.value and ", but " in each.get("word", "")
    ]
    told = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    return f" ({'; '.join(told)})" if told else ""


def remarks(section: Json) -> list[str]:
    """Return what makes this duel tell less than others."""
    known = [each.get("waiting", [0.0]) for each in section["findings"] if each["bouts"]]
    is_unknown = bool(known) and all(share is None for shares in known for share in shares)
    return ([] if section.get("placed", True) else [UNPLACED]) + (
        [WAITING_UNKNOWN] if is_unknown else []
    )


def duel_markdown(section: Json) -> str:
    """Return a duel in Markdown, as for the summary of a CI job."""
    rows = tuple(
        (f"{each['verdict']}", _name(each, section), *_cells(each), each["reason"])
        for each in section["findings"]
    )
    columns = ("verdict", "case", "A", "B", "B/A", "seconds B/A", "reason")
    head = [f"- {markdown_text(line)}" for line in head_lines(section)]
    body = markdown(Table(columns, rows), code=1)
    tail = [f"{line}.\n" for line in (LEGEND, *remarks(section))]
    return "\n".join([*head, "", body, "", *tail, counts(section)])
