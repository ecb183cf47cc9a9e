"""Decision: the verdict on a case of a duel (worse, better, same, inconclusive) and its word, from
its effects and what fresh blocks confirmed. Pure.

What people pay decides: the parallel seconds of a call. What the rules come to is a table in
docs/duel.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from speedgate.duel.candidate import Candidate
from speedgate.duel.effect import Effects
from speedgate.judging.change_word import ChangeWord, change_word

# What shows in fewer processes than these exclude may be missed: with eight that agree, what is in
# less than a third of them (0.69^8 = 5%).
LEAST_SAME = 8


class DuelVerdict(Enum):
    """What is certain of a case in one build against the first."""

    WORSE = "worse"
    BETTER = "better"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    SAME = "same"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True)
class Decision:
    """The verdict of a case, its word, and the confirmed candidates that made it."""

    verdict: DuelVerdict
    word: ChangeWord = ChangeWord.NONE
    because: tuple[Candidate, ...] = ()


def decide(effects: Effects, confirmed: Sequence[Candidate]) -> Decision:
    """Return the verdict of a case from its effects, and from what fresh blocks confirmed.

    Parallel seconds that surely moved decide, whatever else did. Where they did not, a speedup or a
    share with the GIL held that surely moved does, unless the seconds speak against it; and where
    neither did, what others on the machine pay for: context switches, page faults, what calls leave
    behind.
    """
    seconds = [candidate for candidate in confirmed if candidate.figure.name == "seconds"]
    telling = [*seconds, *(candidate for candidate in confirmed if tells(candidate, effects))]
    paid = [candidate for candidate in telling if candidate.figure.decides]
    decisive = seconds or paid or telling
    directions = {candidate.is_worse for candidate in decisive}
    if len(directions) == 1:
        (is_worse,) = directions
        return Decision(
            DuelVerdict.WORSE if is_worse else DuelVerdict.BETTER,
            _word(effects, confirmed if seconds else telling),
            tuple(candidate for candidate in telling if candidate.is_worse is is_worse),
        )
    is_explained = any(candidate.figure.is_relative for candidate in confirmed)
    deciding = [
        effect
        for effect in effects.values()
        if effect.figure.decides and not (is_explained and effect.figure.is_relative)
    ]
    if "speedup" in effects and all(effect.is_within_margin for effect in deciding):
        return Decision(DuelVerdict.SAME, _serial_word(effects, confirmed))
    return Decision(DuelVerdict.INCONCLUSIVE)


def is_too_early(decision: Decision, blocks: int) -> bool:
    """Whether it takes more blocks than these to say so: a few that are the same say little."""
    return decision.verdict is DuelVerdict.SAME and blocks < LEAST_SAME


def tells(confirmed: Candidate, effects: Effects) -> bool:
    """Whether a figure that surely moved tells of those who use threads, their seconds unconfirmed.

    A speedup does not where the seconds are the same, or the serial side explains it; a share of
    the GIL, or what others pay for, does not where the seconds seem to have moved the other way.
    """
    seconds = effects.get("seconds")
    if confirmed.figure.name == "speedup":
        is_same = seconds is not None and seconds.is_within_margin
        return not is_same and not is_of_serial_side(confirmed, effects)
    figure = confirmed.figure
    if figure.name == "gil_held_share" or figure.may_decide or figure.decides_in:
        speaks_against = (
            seconds is not None and seconds.size > 1 and seconds.is_worse is not confirmed.is_worse
        )
        return not speaks_against
    return False


def is_of_serial_side(confirmed: Candidate, effects: Effects) -> bool:
    """Whether the serial side's seconds make at least half of what a relative figure moved by."""
    serial, moved = effects.get("serial_seconds"), effects.get(confirmed.figure.name)
    if serial is None or moved is None or not confirmed.figure.is_relative:
        return False
    share = confirmed.sign * serial.signed_size
    return share > 0 and share >= confirmed.sign * moved.signed_size / 2


def _word(effects: Effects, confirmed: Sequence[Candidate]) -> ChangeWord:
    """The word of what surely moved; the speedup says what became of the threads before the GIL:
    where they surely gain more, more of it held has not cost them."""
    worse = {candidate.figure.name: candidate.is_worse for candidate in confirmed}
    is_slower = worse.get("seconds")
    has_lost = worse.get("speedup", worse.get("gil_held_share"))
    speedup = effects.get("speedup")
    is_same_speedup = (
        is_slower is not None
        and speedup is not None
        and speedup.is_within_margin
        and serial_follows(effects, is_slower)
    )
    if is_slower is None and has_lost is None:
        costs_more = any(worse.values())
        return ChangeWord.COSTS_MORE if costs_more else ChangeWord.COSTS_LESS
    return change_word(is_slower, has_lost, is_same_speedup)


def _serial_word(effects: Effects, confirmed: Sequence[Candidate]) -> ChangeWord:
    """The word of a speedup that surely moved, in a case of which the seconds are the same."""
    moved = [candidate for candidate in confirmed if candidate.figure.name == "speedup"]
    if not moved or not serial_follows(effects, not moved[0].is_worse):
        return ChangeWord.NONE
    return ChangeWord.SERIAL_FASTER if moved[0].is_worse else ChangeWord.SERIAL_SLOWER


def serial_follows(effects: Effects, is_slower: bool) -> bool:
    """Whether the serial side, too, became slower or faster, as its own interval says."""
    serial = effects.get("serial_seconds")
    if serial is None or serial.is_within_margin:
        return False
    return serial.change.low > 1 if is_slower else serial.change.high < 1
