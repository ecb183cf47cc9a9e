"""Packing: the long columns of a history as short texts, which the page's script unpacks again: two
letters for each value of three digits, two numbers for runs that follow one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]

# Two letters of base64 say one of 4,096 codes: none, zero, and 900 values for each power of ten.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NONE, ZERO, FIRST = 0, 1, 2
LEAST, STEPS = 100, 900  # three digits, 100 to 999


def packed_places(places: Sequence[int]) -> list[int]:
    """Return the first place and how many follow one another, where they do; else all places."""
    is_row = places[-1] - places[0] == len(places) - 1
    return [-places[0] - 1, len(places)] if is_row else list(places)


def unpacked_places(places: Sequence[int]) -> list[int]:
    """Return all places of what was packed; a row begins with a negative number."""
    if places[0] >= 0:
        return list(places)
    return list(range(-places[0] - 1, -places[0] - 1 + places[1]))


def packed_values(values: Iterable[float | None]) -> Json | list[float | None]:
    """Return values with three digits as text; as they are where one is below zero, or where they
    lie more than four powers of ten apart."""
    known = [None if value is None else float(f"{value:.3g}") for value in values]
    powers = [_three_digits(value)[1] for value in known if value]
    least = min(powers, default=0)
    highest = FIRST + STEPS * (max(powers, default=0) - least + 1)
    if highest > len(LETTERS) ** 2 or any(value is not None and value < 0 for value in known):
        return known
    codes = (_code(value, least) for value in known)
    text = "".join(LETTERS[code // len(LETTERS)] + LETTERS[code % len(LETTERS)] for code in codes)
    return {"power": least, "text": text}


def unpacked_values(packed: Json | list[float | None]) -> list[float | None]:
    """Return the values of what was packed; the page's script does the same."""
    if isinstance(packed, list):
        return packed
    text, power = packed["text"], packed["power"]
    codes = (
        LETTERS.index(text[place]) * len(LETTERS) + LETTERS.index(text[place + 1])
        for place in range(0, len(text), 2)
    )
    return [_value(code, power) for code in codes]


def _three_digits(value: float) -> tuple[int, int]:
    """The value as 100 to 999, and the power of ten that this is multiplied by."""
    digits, _, power = f"{value:.2e}".partition("e")
    return int(digits.replace(".", "")), int(power) - 2


def _code(value: float | None, least: int) -> int:
    if value is None:
        return NONE
    if value == 0:
        return ZERO
    digits, power = _three_digits(value)
    return FIRST + STEPS * (power - least) + digits - LEAST


def _value(code: int, power: int) -> float | None:
    if code == NONE:
        return None
    if code == ZERO:
        return 0.0
    steps, digits = divmod(code - FIRST, STEPS)
    return float(f"{LEAST + digits}e{power + steps}")
