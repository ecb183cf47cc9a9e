"""What runs in the interpreters that measure. Standard library only.

Whatever of it an interpreter loads first puts the path for imports in order. Nothing but ``os`` and
``sys`` may be imported for that: they are there before any path is looked at.
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
