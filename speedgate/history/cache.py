"""Cache: where the user's cache folder is, which holds the index and the environments of duels."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "SPEEDGATE_CACHE"


def cache_folder() -> Path:
    """Return the folder of the caches: ``SPEEDGATE_CACHE``, or the user's own."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("speedgate"))
