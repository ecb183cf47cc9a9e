"""Words: a number with its noun, as every text writes it."""

from __future__ import annotations


def number_of(count: int, noun: str) -> str:
    """Return ``1 run``, ``3 runs``: for nouns that take an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
