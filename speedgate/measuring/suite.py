"""Where the workloads are: beside a checkout, or brought along by the installed package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.measuring.machine_limit import told_at_the_limit
from speedgate.measuring.selection import OptionError
from speedgate.runner.task import find

# The wheel holds this repository's workloads here; a checkout has them beside the package.
BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "_suite"
CHECKOUT_FOLDER = BUNDLED_FOLDER.parent.parent
# The package of those workloads. A project may have one of that name.
SUITE = "workloads"
# What every machine can run side by side; it is measured beside a project's benchmarks.
CONTROL = "workloads:CONTROL"


def find_workload(
    reference: str,
    option: str = "--workload",
    remedy: str = "give module:name",
    *,
    ours_first: bool = True,
) -> Any:
    """Import the workload that ``module:name`` names; ``OptionError`` if there is none.

    A module may raise whatever it likes while it is imported; the machine may have no file or
    memory left for it, which the cause of the error tells.

    The current folder is looked at as Python would, then what the package brought along. Its own
    ``workloads`` come before a package of that name in a project; not so (``ours_first``) where
    the project's own code runs in this interpreter, or beside the workload.
    """
    is_of_suite = ours_first and reference.partition(":")[0].partition(".")[0] == SUITE
    for folder in (str(Path.cwd()), str(BUNDLED_FOLDER)):
        if folder not in sys.path and files.is_folder(Path(folder)):
            sys.path.append(folder)
    try:
        with told_at_the_limit():
            if is_of_suite:
                _load_suite()
            return find(reference)
    except (OSError, MemoryError) as error:  # another name would not help
        raise OptionError(
            f"{option} '{reference}' cannot be imported ({str(error) or repr(error)})"
        ) from error
    except Exception as error:
        what = error if isinstance(error, ImportError | AttributeError) else repr(error)
        if is_of_suite and (hidden := _other_suite()):
            remedy = f"'{SUITE}' is Speedgate's own package: give {hidden} another name"
        raise OptionError(
            f"{option} '{reference}' cannot be imported ({what}); {remedy}"
        ) from error


def _load_suite() -> None:
    """Import the package of the suite, whatever of that name lies in the current folder."""
    if SUITE in sys.modules:
        return
    for folder in (BUNDLED_FOLDER, CHECKOUT_FOLDER):
        if files.is_folder(folder / SUITE):
            sys.path.insert(0, str(folder))
            try:
                importlib.import_module(SUITE)
            finally:
                sys.path.remove(str(folder))
            return


def _other_suite() -> Path | None:
    """Return what in the current folder has the name of the suite and is another one, if any."""
    here = Path.cwd()
    if here.resolve() in (BUNDLED_FOLDER, CHECKOUT_FOLDER):
        return None
    known = (here / SUITE, here / f"{SUITE}.py")
    return next((path for path in known if files.exists(path)), None)


def find_control() -> Any:
    """Import the control, which nobody names; ``OptionError`` where that cannot be done."""
    remedy = "rename what you have under that name, or install Speedgate anew"
    return find_workload(CONTROL, "the control", remedy, ours_first=False)
