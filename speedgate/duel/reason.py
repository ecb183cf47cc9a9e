"""Reason: the sentence beside a verdict of a duel: what moved, what explains it, or why nothing is
certain. Pure.

The words are kept with the finding in a saved duel. Here alone builds are called by letters: A is
the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from speedgate.builds.label import BuildLabel
from speedgate.duel.decision import DuelVerdict, serial_follows, tells
from speedgate.duel.effect import Effect
from speedgate.duel.finding import Finding
from speedgate.duel.margin import RATIO_MARGIN, SHARE_MARGIN
from speedgate.judging.comparison import letter
from speedgate.stats.figure import FIGURES, digits

FIRST = letter(0)


def explained(finding: Finding, builds: Sequence[BuildLabel]) -> Finding:
    """Return the finding with its reason in words, among ``builds`` of which the first is A."""
    letters = {build: letter(number) for number, build in enumerate(builds)}
    named = replace(finding, letter=letters[finding.build])
    return replace(named, reason=_reason(named, letters))


def _reason(finding: Finding, letters: Mapping[BuildLabel, str]) -> str:
    """Return which figure moved, or why nothing is certain, and who else had the cores."""
    if finding.verdict in (DuelVerdict.FAILED, DuelVerdict.NOT_AVAILABLE):
        builds = " and ".join(letters[build] for build in finding.out)
        why = f"in {builds}: {_without_traceback(finding.note)}"
    else:
        why = _why(finding)
    if not finding.is_beside_neighbours:
        return why
    shares = zip(finding.waiting, (FIRST, finding.letter), strict=True)
    told = ", ".join(f"{share:.0%} in {name}" for share, name in shares if share is not None)
    return f"{why}; beside neighbours, who had the workers' cores for {told}"


def _why(finding: Finding) -> str:
    """Why a case that ran in both builds has its verdict."""
    if finding.confirmed:
        word = finding.decision.word.value
        told = [_told(finding, candidate.figure.name) for candidate in finding.confirmed]
        told += _told_of_explaining(finding)
        why = explanation(finding)
        return "; ".join(([word] if word else []) + told) + (f": {why}" if why else "")
    if finding.verdict is DuelVerdict.SAME:
        return "; ".join(
            [_what_is_same(finding), *_told_of_explaining(finding), *_unknown(finding)]
        )
    if finding.note:
        return finding.note
    if not finding.effects or finding.blocks < 2:
        return "too few runs for an interval"
    return _what_is_uncertain(finding)


def _unknown(finding: Finding) -> list[str]:
    """The deciding figures that are unknown, if any."""
    deciding = [figure for figure in FIGURES if figure.decides]
    unknown = [figure.label for figure in deciding if figure.name not in finding.effects]
    return [f"not known: {', '.join(unknown)}"] if unknown else []


def _what_is_uncertain(finding: Finding) -> str:
    """The deciding figures whose intervals reach beyond the margin, and what was not confirmed."""
    deciding = [effect for effect in finding.effects.values() if effect.figure.decides]
    moved = "; ".join(
        f"{effect.figure.label} {_change(effect, finding.letter)}"
        for effect in deciding
        if not effect.is_within_margin
    )
    dismissed = [candidate.figure.label for candidate in finding.dismissed]
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
        return f"{name}-{FIRST} {effect.figure.change(change)}"
    return f"{name}/{FIRST} {effect.figure.change(change)}"


def _what_is_same(finding: Finding) -> str:
    held = (
        f", the GIL held within {digits(SHARE_MARGIN)}"
        if "gil_held_share" in finding.effects
        else ""
    )
    # What is in a share q of processes escapes n of them with (1 - q)^n, here 5%.
    missed = 1 - 0.05 ** (1 / finding.blocks)
    return (
        f"seconds and speedup within {RATIO_MARGIN:.0%}{held}, in {finding.blocks} runs: "
        f"what shows in less than {missed:.0%} of processes may be missed"
    )


def _told(finding: Finding, name: str) -> str:
    effect = finding.effects[name]
    one, other = (effect.figure.text(side.value) for side in (effect.first, effect.other))
    change = _change(effect, finding.letter)
    words = {
        "speedup": f"speedup {other}, was {one} ({change})",
        "seconds": f"seconds a call {change}",
        "gil_held_share": f"the GIL is held for {other} of the work, was {one} ({change})",
        "concurrency": f"{other} workers ran at once, was {one} ({change})",
        "inflation": f"inflation {other}, was {one} ({change})",
    }
    return words.get(name) or f"{effect.figure.label} {other}, was {one} ({change})"


def _told_of_explaining(finding: Finding) -> list[str]:
    """What explains, as far as its own interval is sure of it."""
    confirmed = {candidate.figure.name for candidate in finding.confirmed}
    telling = (
        "concurrency",
        "inflation",
        *(figure.name for figure in FIGURES if figure.margin > RATIO_MARGIN),
    )
    names = [name for name in telling if name in finding.effects and name not in confirmed]
    return [_told(finding, name) for name in names if finding.effects[name].is_beyond_margin]


def explanation(finding: Finding) -> str:
    """Return what the moved figures mean together; empty where the figures say it all."""
    worse = {candidate.figure.name: candidate.is_worse for candidate in finding.confirmed}
    seconds, speedup = worse.get("seconds"), worse.get("speedup")
    if seconds is not None and speedup is not None and seconds is not speedup:
        return f"both sides became {'slower' if seconds else 'faster'}, the serial one more"
    if worse.get("gil_held_share"):
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
    known = [finding.effects[name] for name in reasons if name in finding.effects]
    surely = [effect for effect in known if effect.is_beyond_margin and effect.is_worse]
    # Workers that are on no CPU, as where a child process does the work, do not wait for others.
    surely = [one for one in surely if one.figure.name != "concurrency" or one.first.value >= 1]
    return reasons[surely[0].figure.name] if surely else ""


def _of_serial_side(finding: Finding) -> str:
    """That a speedup tells of the serial side only, or may, as far as the seconds say."""
    seconds = finding.effects.get("seconds")
    dismissed = [
        candidate
        for candidate in finding.confirmed
        if candidate.figure.name == "speedup" and not tells(candidate, finding.effects)
    ]
    if not dismissed or seconds is None:
        return ""
    word = "faster" if dismissed[0].is_worse else "slower"
    if seconds.is_within_margin:
        return f"the serial side became {word}, the parallel one did not"
    change = _change(seconds, finding.letter)
    return f"the serial side became {word}, what the parallel one did is not certain ({change})"


def _alike(finding: Finding, is_slower: bool) -> str:
    """Say what it means that the seconds moved and the speedup did not, as far as that is known."""
    if not serial_follows(finding.effects, is_slower):
        return ""
    alike = f"serial and parallel are both {'slower' if is_slower else 'faster'}"
    if finding.blas_threads != 1:
        return f"{alike}, with several BLAS threads"
    speedup = finding.effects.get("speedup")
    is_same = speedup is not None and speedup.is_within_margin
    return f"{alike}: the threading did not change" if is_same else alike
