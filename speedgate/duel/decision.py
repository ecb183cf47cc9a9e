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
    """The verdict of a case, in words of its own, and the confirmed candidates that made it.

    ``word`` says what those who pay see: where the seconds and the threads disagree, both. It is
    empty where nothing is certain.
    """

    verdict: DuelVerdict
    word: str = ""
    because: tuple[Candidate, ...] = ()


def decide(effects: Effects, confirmed: Sequence[Candidate]) -> Decision:
    """Return the verdict of a case from its effects, and from what fresh blocks confirmed.

    Parallel seconds that surely moved decide, whatever else did. Where they did not, a speedup or a
    share with the GIL held that surely moved does, unless the seconds speak against it.
    """
    seconds = [candidate for candidate in confirmed if candidate.figure.name == "seconds"]
    telling = [*seconds, *(candidate for candidate in confirmed if tells(candidate, effects))]
    directions = {candidate.is_worse for candidate in (seconds or telling)}
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
        return Decision(DuelVerdict.SAME)
    return Decision(DuelVerdict.INCONCLUSIVE)


def is_too_early(decision: Decision, blocks: int) -> bool:
    """Whether it takes more blocks than these to say so: a few that are the same say little."""
    return decision.verdict is DuelVerdict.SAME and blocks < LEAST_SAME


def tells(confirmed: Candidate, effects: Effects) -> bool:
    """Whether a figure that surely moved tells of those who use threads, their seconds unconfirmed.

    A speedup does not where the seconds are the same, or the serial side explains it; a share of
    the GIL does not where the seconds seem to have moved the other way.
    """
    seconds = effects.get("seconds")
    if confirmed.figure.name == "speedup":
        is_same = seconds is not None and seconds.is_within_margin
        return not is_same and not is_of_serial_side(confirmed, effects)
    if confirmed.figure.name == "gil_held_share":
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


def _word(effects: Effects, confirmed: Sequence[Candidate]) -> str:
    """What those who pay see, of what surely moved."""
    worse = {candidate.figure.name: candidate.is_worse for candidate in confirmed}
    gains = {True: "gain less", False: "gain more", None: ""}[worse.get("speedup")]
    if "seconds" not in worse:
        if "gil_held_share" not in worse:
            return f"the threads {gains}"
        return "threads lost" if worse["gil_held_share"] else "the GIL is held less"
    is_slower = worse["seconds"]
    word = "slower" if is_slower else "faster"
    # Where the threads surely gain more, more of the GIL held has not cost them.
    if worse.get("gil_held_share") and worse.get("speedup") is not False:
        return f"{word}, {'and' if is_slower else 'but'} threads lost"
    if is_slower and worse.get("gil_held_share") is False and not gains:
        return f"{word}, but the GIL is held less"
    if gains:
        agrees = worse["speedup"] is is_slower
        return f"{word}, {'and' if agrees else 'but'} the threads {gains}"
    speedup = effects.get("speedup")
    is_alike = (
        speedup is not None and speedup.is_within_margin and serial_follows(effects, is_slower)
    )
    return f"{word}, in serial as well" if is_alike else word


def serial_follows(effects: Effects, is_slower: bool) -> bool:
    """Whether the serial side, too, became slower or faster, as its own interval says."""
    serial = effects.get("serial_seconds")
    if serial is None or serial.is_within_margin:
        return False
    return serial.change.low > 1 if is_slower else serial.change.high < 1
