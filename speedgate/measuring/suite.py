"""Where the workloads are: beside a checkout, or brought along by the installed package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from speedgate import files
from speedgate.measuring.machine_limit import told_at_the_limit
from speedgate.measuring.selection import OptionError
from speedgate.runner.task import find

# The wheel holds this repository's workloads here; a checkout has them beside the package.
BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "_suite"
# What every machine can run side by side; it is measured beside a project's benchmarks.
CONTROL = "workloads:CONTROL"


def find_workload(
    reference: str, option: str = "--workload", remedy: str = "give module:name"
) -> Any:
    """Import the workload that ``module:name`` names; ``OptionError`` if there is none.

    A module may raise whatever it likes while it is imported; the machine may have no file or
    memory left for it, which the cause of the error tells.

    The current folder is looked at as Python would, then what the package brought along.
    """
    for folder in (str(Path.cwd()), str(BUNDLED_FOLDER)):
        if folder not in sys.path and files.is_folder(Path(folder)):
            sys.path.append(folder)
    try:
        with told_at_the_limit():
            return find(reference)
    except (OSError, MemoryError) as error:  # another name would not help
        raise OptionError(
            f"{option} '{reference}' cannot be imported ({str(error) or repr(error)})"
        ) from error
    except Exception as error:
        what = error if isinstance(error, ImportError | AttributeError) else repr(error)
        raise OptionError(
            f"{option} '{reference}' cannot be imported ({what}); {remedy}"
        ) from error


def find_control() -> Any:
    """Import the control, which nobody names; ``OptionError`` where that cannot be done."""
    remedy = "rename what you have under that name, or install Speedgate anew"
    return find_workload(CONTROL, "the control", remedy)
