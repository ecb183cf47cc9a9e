"""Text that is safe to print: escapes made visible, Markdown quoted, plain marks for terminals
without ticks.

One function for the terminal, one for Markdown, and what to do where an encoding lacks a mark.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from speedgate.history.redaction import without_credentials

# What takes the place of a mark where it cannot be encoded: as wide, so that columns stay. The
# dots are those of a plot.
PLAIN_MARKS = {"✓": "+", "✗": "x", chr(0x2800): " "}
DOTS = range(0x2801, 0x2900)
ERRORS = "speedgate-plain-marks"


def visible(text: str) -> str:
    """Return a text of one line in which nothing acts on the terminal: ``\\x1b``, ``\\n``. No
    credentials are in it.

    What ``str.isprintable`` does not call so is escaped: control characters, which move the cursor
    or colour what follows, those that turn the direction of writing, and bytes that are no text.
    """
    text = without_credentials(text)
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


_BREAKS = str.maketrans("\t\n\v\f\r", " " * 5)


def one_line(text: str) -> str:
    """Return the same of a text of several lines, as one."""
    return visible(text.translate(_BREAKS))


def visible_lines(lines: Iterable[str]) -> str:
    """Return lines as one text for the terminal."""
    return "\n".join(map(visible, lines))


def visible_text(text: str) -> str:
    """Return a text of any lines, such as an error's, for the terminal."""
    return visible_lines(text.splitlines())


# The escape codes of a terminal; bold, too, is seen where colours are hard to tell apart.
CODES = {"bold": 1, "red": 31, "green": 32, "yellow": 33}


def coloured(line: str, styles: Sequence[str]) -> str:
    """Return a line for a terminal in some ``styles``, the keys of ``CODES``."""
    if not styles or not line:
        return line
    codes = "".join(f"\x1b[{CODES[style]}m" for style in styles)
    return f"{codes}{line}\x1b[0m"


def has_colour(stream: Any, variables: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that shows colours, and nobody asked for none (NO_COLOR).

    The old console of Windows prints the codes themselves; Windows Terminal sets WT_SESSION.
    """
    if variables.get("NO_COLOR") or variables.get("TERM") == "dumb" or not stream.isatty():
        return False
    return os.name != "nt" or "WT_SESSION" in variables


# An underscore inside a word is only that, as is a bracket that no address follows.
_MARKUP = re.compile(r"[\\`*~|]|(?<![^\W_])_|_(?![^\W_])|(?<=\])(?=[(\[:])")


def markdown_text(text: str) -> str:
    """Return a text that Markdown shows as it is and in one line, in a cell of a table as well."""
    marked = _MARKUP.sub(lambda match: f"\\{match[0]}", one_line(text))
    marked = re.sub(r"&(?=#?\w+;)", "&amp;", marked)
    return marked.replace("<", "&lt;")


def markdown_code(text: str) -> str:
    """Return a text as code, which knows no escapes but that of a table's bar."""
    return f"`{one_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def encodable(text: str, stream: Any) -> str:
    """Return a text that a stream can write, with plain marks where its encoding has no others."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, ERRORS).decode(encoding)


def write_plain_marks(*streams: Any) -> None:
    """Have streams replace what their encoding lacks, as ``encodable`` does."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain_mark, error.object[error.start : error.end])), error.end


def _plain_mark(mark: str) -> str:
    if ord(mark) in DOTS:
        return "."
    return PLAIN_MARKS.get(mark) or mark.encode("ascii", "backslashreplace").decode()


codecs.register_error(ERRORS, _replace)
