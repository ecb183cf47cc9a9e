"""Lending: what another interpreter needs of ours to measure, and nothing else.

Where Speedgate is installed, its folder is site-packages: on the path of another build it would
bring our NumPy along. A folder of copies brings none, and what is measured with stays the same
while somebody edits the checkout.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from speedgate.suite import BUNDLED_FOLDER

OWN_FOLDER = Path(__file__).resolve().parent
NOT_LENT = shutil.ignore_patterns("__pycache__", BUNDLED_FOLDER.name)


@contextmanager
def lent_folder(bundled: Path = BUNDLED_FOLDER) -> Iterator[Path]:
    """Yield a folder for the PYTHONPATH of another Python (3.11 or newer); gone afterwards.

    It holds the packages ``speedgate`` and, from the folder ``bundled``, the workloads that the
    wheel brings along, and threadpoolctl, which reads what BLAS does. A checkout's workloads, or
    a user's, are found as ever: through ``measure.import_folders``.
    """
    with tempfile.TemporaryDirectory(prefix="speedgate-lent-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        shutil.copytree(OWN_FOLDER, folder / OWN_FOLDER.name, ignore=NOT_LENT)
        if bundled.is_dir():
            shutil.copytree(bundled, folder, ignore=NOT_LENT, dirs_exist_ok=True)
        found = find_spec("threadpoolctl")  # one module, of the standard library only
        if found is not None and found.origin is not None:
            shutil.copy(found.origin, folder)
        yield folder
