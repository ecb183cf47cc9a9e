"""The folder with copies of this package that another build's interpreter measures with.

Where Speedgate is installed, its folder is site-packages: on the path of another build it would
bring our NumPy along. A folder of copies brings none, and what is measured with stays the same
while somebody edits the checkout.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from speedgate.builds.fault import fault_told_in
from speedgate.measuring.children import scratch_folder
from speedgate.measuring.suite import BUNDLED_FOLDER

OWN_FOLDER = Path(__file__).resolve().parent.parent
# Packages that another interpreter may have itself: found there only where it has not.
FALLBACK_FOLDER = "speedgate-fallback"
NOT_LENT = shutil.ignore_patterns("__pycache__", BUNDLED_FOLDER.name)


@contextmanager
def lent_folder(bundled: Path = BUNDLED_FOLDER) -> Iterator[Path]:
    """Yield a folder for the PYTHONPATH of another Python (3.11 or newer); gone afterwards.

    It holds the packages ``speedgate`` and ``workloads``, the latter from the folder ``bundled``
    that a wheel brings along or from a checkout, and threadpoolctl, which reads what BLAS does. A
    user's workloads, which may use ours, are found through ``plan.import_folders``.
    """
    with scratch_folder("speedgate-lent-") as folder:
        copy_tree(OWN_FOLDER, folder / OWN_FOLDER.name)
        if bundled.is_dir():
            copy_tree(bundled, folder, is_there=True)
        elif (workloads := OWN_FOLDER.parent / "workloads").is_dir():
            copy_tree(workloads, folder / workloads.name)
        module = find_spec("threadpoolctl")  # one file that needs the standard library only
        if module is not None and module.origin is not None:
            shutil.copy(module.origin, folder)
        lend_to_those_without(folder, "asv_runner")
        yield folder


def lend_to_those_without(folder: Path, package: str) -> None:
    """Copy a package of pure Python where an interpreter that has none will look for it."""
    module = find_spec(package)
    if module is not None and module.submodule_search_locations:
        source = Path(module.submodule_search_locations[0])
        copy_tree(source, folder / FALLBACK_FOLDER / package)


def copy_tree(source: Path, target: Path, is_there: bool = False) -> None:
    """Copy a folder; ``OSError`` with its number where the machine has no room, files or memory."""
    try:
        shutil.copytree(source, target, ignore=NOT_LENT, dirs_exist_ok=is_there)
    except shutil.Error as error:  # it tells of each file in words, and has no number
        _, _, why = error.args[0][0]
        raise fault_told_in(why) or OSError(why) from error
