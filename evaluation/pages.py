"""Pages that a command writes: it makes each paragraph one line, and they are wrapped here."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from speedgate.runner.machine import describe_machine

COLUMNS = 100
# What cannot be wrapped: a row of a table, a heading.
WHOLE = ("|", "#")


def page(text: str) -> str:
    """Return a text in which each paragraph is a line, with lines of at most 100 columns."""
    lines = [wrapped for line in text.split("\n") for wrapped in _wrapped(line)]
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(line: str) -> list[str]:
    if line.startswith(WHOLE) or not line:
        return [line]
    return textwrap.wrap(
        line,
        COLUMNS,
        subsequent_indent="  " if line.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def machine_words() -> str:
    """Return the CPU, how many cores of it are usable, and the system."""
    machine = describe_machine()
    return (
        f"{machine['cpu']}, {machine['usable_cores']} usable cores, {machine['system']} "
        f"{machine['kernel']}"
    )


def without_python(machine: str) -> str:
    """Return a machine without the Python that started the measuring: where another is measured."""
    return machine.partition(", Python ")[0]


def share_text(share: float) -> str:
    """Return ``4.4%``, and of less than a hundredth ``0.24%``."""
    return f"{share:.2%}" if share < 0.0095 else f"{share:.1%}"


def out_of(count: int, total: int) -> str:
    """Return ``3 of 200``; beside none the rate that may hide behind it, at 95%: ``0 of 200 (under
    1.5%)``."""
    text = f"{count:,} of {total:,}"
    return text if count or not total else f"{text} (under {share_text(1 - 0.05 ** (1 / total))})"


def spread_text(values: Sequence[float]) -> str:
    """Return the least, the median and the greatest: ``1.00 / 2.00 / 3.00``."""
    if not values:
        return "unknown"
    return f"{min(values):.2f} / {median(values):.2f} / {max(values):.2f}"


def write_page(path: Path, text: str) -> None:
    """Write a page, and say so."""
    path.write_text(page(text), encoding="utf-8")
    print(f"wrote {path}")


def write_block(path: Path, name: str, text: str) -> None:
    """Write a part of a page that is otherwise written by hand: what stands between its comments.

    ``ValueError`` where the page lacks ``<!-- NAME: ... -->`` and ``<!-- The end of NAME. -->``.
    """
    begins, ends = f"<!-- {name}:", f"<!-- The end of {name}. -->"
    whole = path.read_text(encoding="utf-8")
    if begins not in whole or ends not in whole:
        raise ValueError(f"{path} has no '{begins} ... -->' and '{ends}'; write both")
    before, _, rest = whole.partition(begins)
    first, _, after = rest.partition(ends)
    comment = first.partition("\n")[0]
    block = f"{begins}{comment}\n\n{page(text)}\n{ends}"
    path.write_text(f"{before}{block}{after}", encoding="utf-8")
    print(f"wrote {name} of {path}")
