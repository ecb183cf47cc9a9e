"""Bundle: the script that draws the charts, Vega and Vega-Lite with all that they need, one file
for the whole site."""

from __future__ import annotations

import contextlib
from importlib.metadata import version

from speedgate import files
from speedgate.history.cache import cache_folder
from speedgate.page.folder import SiteError, write_file

# Its names are its own: a page has other scripts. Nothing in it is compiled from text on the page,
# which the charts' ``ast`` option asks for.
HEAD, FOOT = "(function () {\n", "\n})();\n"
SNIPPET = "window.vegaEmbed = vegaEmbed;"
MISSING = (
    "{} needs vl-convert-python; install it with pip install 'speedgate[page]' (it has no build "
    "for a free-threaded Python)"
)


def vega_bundle() -> bytes | None:
    """Return the script, ``None`` where vl-convert is not installed; made once, and kept in the
    user's cache."""
    try:
        import vl_convert  # noqa: PLC0415  # an extra, and slow to load
    except ImportError:
        return None
    path = cache_folder() / "page" / f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError):
        return files.read(path)
    data = f"{HEAD}{vl_convert.javascript_bundle(SNIPPET)}{FOOT}".encode()
    with contextlib.suppress(SiteError):  # the cache is kept where it can be written
        write_file(path, data)
    return data


def require_vega(purpose: str) -> None:
    """Raise ``SiteError`` where vl-convert is not installed."""
    try:
        import vl_convert  # noqa: F401, PLC0415  # an extra, and slow to load
    except ImportError:
        raise SiteError(MISSING.format(purpose)) from None
