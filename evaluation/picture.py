"""A picture of what a command shows in a terminal of 80 columns.

COLUMNS=80 speedgate report FILE | python -m evaluation.picture PICTURE.svg
    --title TEXT    what stands in the bar of its window
    --lines COUNT   only the first lines

Colours that the text holds (``--color=yes``) are kept; a verdict at the beginning of a line has one
in any case. The picture names no address: a browser needs nothing but the file.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

COLUMNS = 80
COLOURS = {
    "✓": "green",
    "✗": "bold red",
    r"^(✓ .*|passed\b)": "green",
    r"^(✗ .*|failed\b)": "bold red",
    r"^(\? .*|inconclusive\b|not evaluated\b)": "yellow",
}
# rich's own asks the web for a font; this takes what the reader has.
FORMAT = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: monospace; font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(lines: Sequence[str], title: str) -> str:
    """Return an SVG of the lines, as a terminal shows them."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=COLUMNS, record=True, file=io.StringIO())
    for line in lines:
        text = Text.from_ansi(line)
        for pattern, colour in COLOURS.items():
            text.highlight_regex(pattern, colour)
        console.print(text, soft_wrap=True)
    return console.export_svg(title=title, code_format=FORMAT, unique_id="speedgate")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evaluation.picture", description=__doc__)
    parser.add_argument("target", type=Path, metavar="PICTURE.svg")
    parser.add_argument("--title", default="pytest bench/")
    parser.add_argument("--lines", type=int)
    options = parser.parse_args(arguments)
    lines = sys.stdin.read().rstrip().splitlines()[: options.lines]
    options.target.parent.mkdir(parents=True, exist_ok=True)
    options.target.write_text(picture(lines, options.title), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
