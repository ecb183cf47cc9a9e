"""ChangeWord: what became of a case, seconds and threads in one word: "slower, in serial as
well", "threads gained but slower". Pure.

A speedup alone says neither: it rises where the serial side became slower, and falls where both
sides gained. A duel, ``compare`` and the history gate say these words, and no others.
"""

from __future__ import annotations

from enum import Enum


class ChangeWord(Enum):
    """What surely changed, as those see it who run the case in threads; ``NONE`` where nothing
    did."""

    NONE = ""
    SLOWER = "slower"
    SLOWER_IN_SERIAL_TOO = "slower, in serial as well"
    SLOWER_AND_LOST = "slower, threads lost"
    SLOWER_BUT_GAINED = "threads gained but slower"
    FASTER = "faster"
    FASTER_IN_SERIAL_TOO = "faster, in serial as well"
    FASTER_AND_GAINED = "faster, threads gained"
    FASTER_BUT_LOST = "threads lost but faster"
    LOST = "threads lost"
    GAINED = "threads gained"
    SERIAL_SLOWER = "only serial slower"
    SERIAL_FASTER = "only serial faster"
    COSTS_MORE = "costs the machine more"
    COSTS_LESS = "costs the machine less"


OF_SLOWER = {
    True: ChangeWord.SLOWER_AND_LOST,
    False: ChangeWord.SLOWER_BUT_GAINED,
    None: ChangeWord.SLOWER,
}
OF_FASTER = {
    True: ChangeWord.FASTER_BUT_LOST,
    False: ChangeWord.FASTER_AND_GAINED,
    None: ChangeWord.FASTER,
}
OF_THREADS = {True: ChangeWord.LOST, False: ChangeWord.GAINED, None: ChangeWord.NONE}
# What an older version said of a saved duel.
OLDER = {
    "slower alike": ChangeWord.SLOWER_IN_SERIAL_TOO,
    "faster alike": ChangeWord.FASTER_IN_SERIAL_TOO,
    "slower, and the threads gain less": ChangeWord.SLOWER_AND_LOST,
    "slower, and threads lost": ChangeWord.SLOWER_AND_LOST,
    "slower, but the threads gain more": ChangeWord.SLOWER_BUT_GAINED,
    "slower, but the GIL is held less": ChangeWord.SLOWER_BUT_GAINED,
    "faster, and the threads gain more": ChangeWord.FASTER_AND_GAINED,
    "faster, but the threads gain less": ChangeWord.FASTER_BUT_LOST,
    "faster, but threads lost": ChangeWord.FASTER_BUT_LOST,
    "the threads gain less": ChangeWord.LOST,
    "the threads gain more": ChangeWord.GAINED,
    "the GIL is held less": ChangeWord.GAINED,
}


def change_word(
    is_slower: bool | None, has_lost: bool | None, is_same_speedup: bool = False
) -> ChangeWord:
    """Return the word of seconds that surely rose or fell, and of threads that surely lost or
    gained; ``None`` for what is not sure.

    ``is_same_speedup``: the speedup is known to be the same, so that the serial side
    changed as well.

    >>> change_word(is_slower=True, has_lost=False).value
    'threads gained but slower'
    """
    if is_slower is None:
        return OF_THREADS[has_lost]
    if has_lost is None and is_same_speedup:
        return ChangeWord.SLOWER_IN_SERIAL_TOO if is_slower else ChangeWord.FASTER_IN_SERIAL_TOO
    return (OF_SLOWER if is_slower else OF_FASTER)[has_lost]


def change_word_of(text: str) -> ChangeWord:
    """Return the word that a saved duel has, an older version's, too; ``NONE`` for one that this
    version does not know: the reason beside it says the same."""
    known = {word.value: word for word in ChangeWord} | OLDER
    return known.get(text, ChangeWord.NONE)
