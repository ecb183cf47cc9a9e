"""Label: what a build is called, unique in its duel: the key of all that is known of it."""

from __future__ import annotations

from typing import NewType

BuildLabel = NewType("BuildLabel", str)
