"""Menu: the sections that have charts, in the order of the site's menu and by the words that
`plot` takes."""

from __future__ import annotations

from collections.abc import Callable

from speedgate.page.content import Section
from speedgate.page.sections import (
    article,
    duel,
    gil_map,
    machines,
    scale,
    speedup,
    time,
    workers,
)
from speedgate.page.sources import Sources

# Each makes a section, which is empty where nothing of it was measured.
MENU: dict[str, Callable[[Sources], Section]] = {
    "speedup": speedup.section_of,
    "map": gil_map.section_of,
    "time": time.section_of,
    "machines": machines.section_of,
    "duel": duel.section_of,
    "workers": workers.section_of,
    "scale": scale.section_of,
    "article": article.section_of,
}
