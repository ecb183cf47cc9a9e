"""Which packages are ready for a Python without a GIL, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from speedgate.measuring.name_list import listed
from speedgate.measuring.readiness import Readiness, ReadyState
from speedgate.stats.words import number_of

SHOWN_MODULES = 6
SHOWN_ERROR = 200


def readiness_lines(packages: Sequence[Readiness], width: int) -> list[str]:
    """Return what is not ready first, a paragraph for each package, and the count at the end."""
    order = (ReadyState.SWITCHES_ON, ReadyState.FAILS, ReadyState.READY)
    lines = []
    for readiness in sorted(packages, key=lambda one: order.index(one.state)):
        text = f"{readiness.state.value}: {'; '.join(_parts(readiness))}"
        lines += textwrap.wrap(text, max(width, 40), subsequent_indent="  ")
    counts = [(sum(one.state is state for one in packages), state) for state in order]
    return [*lines, ", ".join(f"{state.value}: {count}" for count, state in counts if count)]


def _parts(readiness: Readiness) -> Iterator[str]:
    yield _head(readiness)
    if readiness.modules:
        yield f"when it is imported, by {_names(readiness.modules)}"
    if readiness.parts:
        yield f"when a part of it is imported: {_names(readiness.parts)}"
    if readiness.error is not None:
        yield readiness.error[:SHOWN_ERROR]
    if readiness.left_out:
        yield f"not known of {_names(readiness.left_out)}, not to be imported by itself"


def _head(readiness: Readiness) -> str:
    name = " ".join(filter(None, (readiness.package, readiness.version)))
    count = readiness.extensions
    return f"{name} ({number_of(count, 'extension module')})" if count else name


def _names(names: Iterable[str]) -> str:
    return listed(list(names), SHOWN_MODULES)
