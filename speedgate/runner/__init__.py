"""What runs in the interpreters that measure.

Imports the standard library only, and nothing else of Speedgate. The code below runs before any
other import, so it uses only ``os`` and ``sys``: an interpreter has both before it reads a path.
"""

import os
import sys
from collections.abc import Iterable

# The folders in which a workload is found; not PYTHONPATH, whose folders come before the standard
# library: a ``random.py`` beside a workload would be taken for that of Python.
FOLDERS = "SPEEDGATE_FOLDERS"
LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120  # pathlib is found by the path
ZIP = f"python{sys.version_info.major}{sys.version_info.minor}.zip"


def is_standard(folder: str) -> bool:
    """Whether a folder of the path for imports is one of the standard library."""
    base = os.path.dirname(LIBRARY)  # noqa: PTH120
    known = {LIBRARY, os.path.join(LIBRARY, "lib-dynload")}  # noqa: PTH118
    if os.name == "nt":
        known |= {base, os.path.join(base, "DLLs")}  # noqa: PTH118
    return folder in known or os.path.basename(folder) == ZIP  # noqa: PTH119


def ordered(path: Iterable[str], folders: Iterable[str]) -> list[str]:
    """Return a path for imports: the standard library, the ``folders``, then all else."""
    known = list(path)
    standard = [folder for folder in known if is_standard(folder)]
    return list(dict.fromkeys((*standard, *folders, *known)))


if FOLDERS in os.environ:
    sys.path[:] = ordered(sys.path, filter(None, os.environ[FOLDERS].split(os.pathsep)))
