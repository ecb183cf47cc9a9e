"""What a command printed: whether it fits a terminal, and its words without the breaks."""

import re


def fits(text: str) -> bool:
    """Whether every line is of 80 columns, or a single name."""
    return all(len(line) <= 80 or " " not in line.strip() for line in text.splitlines())


def pages(text: str) -> str:
    """The text without the breaks of a narrow terminal."""
    return re.sub(r"\s+", " ", text)
