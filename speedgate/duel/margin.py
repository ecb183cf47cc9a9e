"""Margin: how far a figure must move in a duel to be a difference. Pure."""

from __future__ import annotations

import math

from speedgate.stats.figure import Figure

# The margins of what users pay. A smaller difference is not worth acting on: 10%, and 0.10 of a
# share, which is what samples of a tenth of a second can tell in a few blocks.
RATIO_MARGIN = 0.10
SHARE_MARGIN = 0.10


def margin_of(figure: Figure) -> float:
    """Return the margin on the scale of a figure's changes: of logarithms, or of shares."""
    return figure.margin if figure.is_share else math.log1p(figure.margin)
